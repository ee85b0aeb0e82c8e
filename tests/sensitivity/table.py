"""The results for a person: both rates, by subject and by design, and whatever is not as wanted."""

from __future__ import annotations

from itertools import groupby

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from relaydrill.verdict import Status

from .results import Results, alarms_of, caught_of
from .running import CAUGHT


def show(results: Results, on: Console) -> None:
    """All of it."""
    if results.outcomes:
        on.print("Defects: caught by the check that must find them; exact 95 % intervals")
        on.print(_defects(results))
    if results.quiets:
        on.print("Healthy drills: false alarms; exact 95 % intervals")
        on.print(_healthy(results))
    for line in remarkable(results):
        on.print(escape(line), soft_wrap=True)


def _defects(results: Results) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("subject", no_wrap=True)
    table.add_column("defects caught in every run", no_wrap=True)
    table.add_column("runs", no_wrap=True)
    table.add_column("undecided", justify="right")
    subjects = dict.fromkeys(each.subject for each in results.outcomes)
    for subject in (*subjects, ""):
        rows = [each for each in results.outcomes if subject in ("", each.subject)]
        found = caught_of(rows)
        table.add_row(
            subject or "all",
            str(found.defects),
            f"{found.runs.count}/{found.runs.of}",
            str(found.undecided or "-"),
        )
    return table


def _healthy(results: Results) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("design", no_wrap=True)
    table.add_column("false alarms", no_wrap=True)
    table.add_column("unknown", justify="right")
    for design in (*dict.fromkeys(each.design for each in results.quiets), ""):
        alarms, unknown = alarms_of(e for e in results.quiets if design in ("", e.design))
        table.add_row(design or "all", str(alarms), str(unknown or "-"))
    return table


def remarkable(results: Results) -> list[str]:
    """One line for each thing that is not as wanted, and for why a drill was unknown."""
    lines = []
    by_id = sorted(results.outcomes, key=lambda each: (each.id, each.result, each.seed))
    for (name, result), group in groupby(by_id, key=lambda each: (each.id, each.result)):
        runs = [*group]
        if result != CAUGHT:
            seeds = ", ".join(str(each.seed) for each in runs)
            lines.append(f"{result} {name} (seed {seeds}): {runs[0].said}")
    for quiet in results.quiets:
        if quiet.status is not Status.PASS:
            what = "FALSE ALARM" if quiet.status is Status.FAIL else "unknown"
            starved = f" [machine starved {quiet.starved_s:.1f} s]" if quiet.starved_s else ""
            lines.append(
                f"{what} {quiet.design}, {quiet.drill}, seed {quiet.seed}{starved}: {quiet.said}"
            )
    if results.cut_short:
        lines.append(f"not everything was run: {results.cut_short}")
    return lines
