"""What a year costs, in words: the same on the terminal and on the page."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from relaydrill.yearly_cost.cost import FlowCost, WithStandby, YearlyCost

HEADING: Final = "What it costs a year"

_MOST_NAMED: Final = 3
"""Of the parts that a flow's time out of service is due to, in its sentence."""

_LEAST_SHARE: Final = 0.005
"""Of the whole; a part that would save less is not named."""


_NOTHING_S: Final = 0.05
"""Less is no time at all."""


@dataclass(frozen=True, slots=True)
class Told:
    """A flow's line.

    Attributes:
        flow: The flow.
        text: How long it is out, whose part of it is how large, and what a standby would leave.
        remarks: What is not counted, and what was not shown.
    """

    flow: str
    text: str
    remarks: tuple[str, ...]


def told(cost: YearlyCost) -> tuple[Told, ...]:
    """A line for each flow.

    Args:
        cost: What a year costs.
    """
    return tuple(Told(each.flow, _sentence(each), tuple(_remarks(each))) for each in cost.flows)


def show_yearly_cost(cost: YearlyCost | None, on: Console) -> None:
    """Print it, with what is taken for granted; nothing where there is none.

    Args:
        cost: What a year costs.
        on: Where to.
    """
    if cost is None:
        return
    on.print(HEADING)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for each in told(cost):
        table.add_row(Text(f"  {each.flow}"), Text(each.text))
        for remark in each.remarks:
            table.add_row("", Text(remark))
    on.print(table)
    for assumption in cost.assumptions:
        on.print(Text(f"Assumed: {assumption}"), soft_wrap=True)
    on.print()


def _sentence(cost: FlowCost) -> str:
    """``99.95 %, 4.4 h a year; 4.2 h of it lb1; with a standby for it 6 min``."""
    if cost.unknown:
        return f"unknown: {cost.unknown}"
    if not cost.parts:
        return "unknown: nothing that it passes says how often it fails"
    parts = [_whole(cost)]
    if of_it := "; ".join(_contributors(cost)):
        parts.append(of_it)
    parts += [_with_standby(cost, each) for each in cost.standbys]
    return "; ".join(parts)


def _whole(cost: FlowCost) -> str:
    """``99.95 %, 4.4 h a year``, or how much it is at least and at most."""
    low_s, most_s = cost.out_s.low, cost.most_s
    if low_s < _NOTHING_S:
        if most_s is None:
            return "nothing that is counted was shown to stop it; it may be out for longer"
        if most_s >= _NOTHING_S:
            available = percent(cost.availability.low)
            return f"{available} at least, at most {duration(most_s)} a year; none of it was shown"
    available, how_long = percent(cost.availability.high), _range(low_s, most_s)
    is_one = how_long == duration(low_s)
    return f"{available if is_one else f'at most {available}'}, {how_long} a year"


def _contributors(cost: FlowCost) -> Iterator[str]:
    least_s = cost.out_s.low * _LEAST_SHARE
    named = [each for each in cost.contributors if each.saved_s > max(least_s, _NOTHING_S)]
    shown = [
        f"{duration(each.saved_s)} of it {each.part}{' (by default)' if each.is_default else ''}"
        for each in named[:_MOST_NAMED]
    ]
    if more := len(named) - len(shown):
        shown.append(f"{more} more have a part in it")
    if shown:
        yield ", ".join(shown)


def _with_standby(cost: FlowCost, each: WithStandby) -> str:
    most_s = None if cost.not_counted else each.out_s.high
    return f"with a standby for {each.balancer} {_range(each.out_s.low, most_s)}"


def _remarks(cost: FlowCost) -> Iterator[str]:
    if cost.not_counted and not cost.unknown:
        yield f"not counted: {'; '.join(cost.not_counted)}"
    if cost.open:
        yield f"not shown: {'; '.join(cost.open)}"


def _range(low_s: float, high_s: float | None) -> str:
    """``4.4 h``, ``at least 4.4 h``, or both bounds; one where both are the same in words."""
    if high_s is None:
        return f"at least {duration(low_s)}"
    if duration(low_s) == duration(high_s):
        return duration(low_s)
    return f"at least {duration(low_s)} and at most {duration(high_s)}"


def duration(seconds: float) -> str:
    """Two digits or more: ``6 min``, ``4.4 h``, ``12 d``.

    Args:
        seconds: How long.
    """
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0)):
        # Hours up to four days: that is how outages of a year are told.
        if seconds >= size * (4 if unit == "d" else 1):
            return f"{_digits(seconds / size)} {unit}"
    return f"{_digits(seconds)} s"


def _digits(number: float) -> str:
    """Whole from 10 on, else with a decimal where it has one; never zero for what is none."""
    if 0 < number < 0.1:
        return "under 0.1"
    return f"{number:.0f}" if number >= 9.95 else f"{number:.1f}".removesuffix(".0")


def percent(share: float) -> str:
    """A share of 1, with two digits of what is missing to it: ``99.95 %``.

    Args:
        share: Of 1.
    """
    away = 100 * (1 - share)
    if away < 1e-9:
        return "100 %"
    decimals = max(1, 1 - math.floor(math.log10(away)))
    return f"{f'{100 - away:.{decimals}f}'.rstrip('0').rstrip('.')} %"


__all__ = ["HEADING", "Told", "duration", "percent", "show_yearly_cost", "told"]
