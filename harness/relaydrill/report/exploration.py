"""What the terminal shows of a search: how far it is, and what it came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from relaydrill.drills.exploring import Exploration, Plan, Progress
from relaydrill.drills.exploring.search import Observer
from relaydrill.report.progress import minutes
from relaydrill.report.terminal import show_drill
from relaydrill.sentences import listed, number_of
from relaydrill.verdict import Status

_EVERY: Final = 25
"""In a pipe, a line follows so many plans."""

_MOST_SHOWN: Final = 12
"""Faults that are named one by one."""


@contextmanager
def exploring(on: Console) -> Iterator[Observer]:
    """Show how far a search is.

    Args:
        on: A terminal gets one line that changes; anything else a line on standard error for
            whatever is found, and for every few plans.
    """
    if not on.is_terminal:
        yield _in_a_pipe()
        return
    with Live(Text("starting"), console=on, refresh_per_second=4, transient=True) as live:
        yield lambda progress: live.update(Text(_so_far(progress), style="dim"))


def _in_a_pipe() -> Observer:
    aside = Console(stderr=True, highlight=False, soft_wrap=True)

    def observe(progress: Progress) -> None:
        if progress.is_new or sum(progress.tried.values()) % _EVERY == 0:
            aside.print(_so_far(progress), markup=False)

    return observe


def _so_far(progress: Progress) -> str:
    """``40 plans tried (39 pass, 1 fail), 1:20 so far, at most 3:40 left; found: …``."""
    left_s = max(0.0, progress.limits.budget_s - progress.elapsed_s)
    done, most = sum(progress.tried.values()), progress.limits.plans
    if progress.best is None and most and done:
        left_s = min(left_s, progress.elapsed_s * max(0, most - done) / done)
    text = (
        f"{_tried(progress.tried)}, {minutes(progress.elapsed_s)} so far, at most {minutes(left_s)}"
        " left"
    )
    if progress.best is None:
        return text
    return f"{text}; a promise is broken by {_plan(progress.best)}"


def _plan(plan: Plan) -> str:
    return listed(plan) if plan else "nothing at all: mail does not flow as it is"


def _tried(tried: Mapping[Status, int]) -> str:
    told = ", ".join(f"{number} {status}" for status, number in tried.items() if number)
    return f"{_plans(sum(tried.values()))} tried" + (f" ({told})" if told else "")


def _plans(count: int) -> str:
    return f"{count} {number_of(count, 'plan', 'plans')}"


def show_exploration(found: Exploration, on: Console) -> None:
    """What was found, with its checks and the command that repeats it; and what was tried."""
    if found.found:
        show_drill(found.found.judgement, on)
        _say(on, "")
    for line in _lines(found):
        _say(on, line)


def _say(on: Console, line: str) -> None:
    on.print(line, soft_wrap=True, markup=False)


def _lines(found: Exploration) -> Iterator[str]:
    yield (
        f"Search on {found.topology}: up to {found.most} {number_of(found.most, 'fault', 'faults')}"
        f" in a plan, seed"
        f" {found.seed}; {_tried(found.tried)} in {minutes(found.elapsed_s)}."
    )
    yield from _never(found)
    if found.found is None:
        yield _nothing(found)
        return
    plan, first = found.found.plan, found.found.first
    yield f"FAIL: a promise is broken by {_plan(plan)}"
    if first != plan:
        yield f"Found first, and made smaller: {_plan(first)}"
    if not found.found.is_smallest:
        yield "The time was over before it was as small as it goes: give a larger --budget."
    yield f"Again, the same: {found.command} --driver simulate"
    yield f"In processes: {found.command}"


def _nothing(found: Exploration) -> str:
    if found.status is Status.UNKNOWN:
        return "UNKNOWN: nothing was proven of any plan that breaks something"
    whole = "All plans that there are were tried" if found.is_exhausted else "That is no proof"
    return f"PASS: no plan that was tried breaks a promise. {whole}."


def _never(found: Exploration) -> Iterator[str]:
    """What the search says nothing about."""
    if found.untried:
        shown = found.untried[:_MOST_SHOWN]
        more = len(found.untried) - len(shown)
        yield f"Never tried: {listed((*shown, *([f'{more} more'] if more else [])))}."
    if found.most > 1 and found.pairs < found.all_pairs:
        yield f"Broken in one plan: {found.pairs} of {found.all_pairs} pairs of nodes and sites."
    if found.left_out:
        yield f"Never drawn: {listed(found.left_out)}."
    if unknown := found.tried[Status.UNKNOWN]:
        yield f"Of {_plans(unknown)} nothing was proven; they count as not found."
