"""The table of `relaydrill compare`, and what differs in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.text import Text

from relaydrill.drills.comparison.result import Comparison, FindingChange, Outcome, Row, Side
from relaydrill.drills.measured import Measured
from relaydrill.report import tables
from relaydrill.report.tables import NOTHING, Column, show_table
from relaydrill.report.terminal import status_text
from relaydrill.sentences import number_of

_STYLE: Final = {
    "worse": "bold red",
    "mixed": "bold red",
    "unclear": "yellow",
    "better": "green",
    "new": "bold red",
    "gone": "green",
}

SHOWN: Final = {"unclear": "cannot tell", "mixed": "worse, better"}
"""How a row's result is called in a table, where that is not its own name."""

_COLUMNS: Final = (
    *(Column(each, is_key=True) for each in ("result", "broken", "flow", "verdict")),
    Column("nothing accepted for"),
    Column("attempts failed for"),
)


def show_comparison(found: Comparison, on: Console, *, with_all: bool = False) -> None:
    """What became of the rows in a line, those that differ, the findings, and the remarks.

    Args:
        found: What to show.
        on: Where to.
        with_all: Whether rows that are the same stand in the table, too.
    """
    on.print(Text(found.summary, style="bold"), soft_wrap=True)
    for name, side in (("BASE", found.base), ("CHANGE", found.change)):
        on.print(f"{name}: {_told(side)}", soft_wrap=True, markup=False)
    on.print("Times are field seconds.")
    rows = [row for row in found.rows if with_all or row.what != "same"]
    if rows:
        show_table(_COLUMNS, [_row(row) for row in rows], on)
    if hidden := len(found.rows) - len(rows):
        what = number_of(hidden, "row that is", "rows that are")
        on.print(f"{hidden} {what} the same: --all shows {number_of(hidden, 'it', 'them')}")
    for row in found.rows:
        _show_differences(row, on)
    _show_findings(found, on)
    for remark in found.remarks:
        on.print(f"Note: {remark}", soft_wrap=True, markup=False)


def verdicts(row: Row) -> tuple[str, str]:
    """How a row came out on both sides; a dash where it was not run."""
    before, after = (each.status if each else NOTHING for each in (row.base, row.change))
    return before, after


def gaps(row: Row) -> str:
    """How long nothing was accepted, before and after."""
    return _times(*(each.gap if each else None for each in (row.base, row.change)))


def degradeds(row: Row) -> str:
    """For how long attempts failed, before and after."""
    return _times(*(each.degraded if each else None for each in (row.base, row.change)))


def findings_that(found: Comparison, state: str) -> list[FindingChange]:
    """The findings that are new, gone or kept."""
    return [each for each in found.findings if each.state == state]


def result(row: Row) -> str:
    """What became of a row, for people."""
    return SHOWN.get(row.what, row.what)


def _told(side: Side) -> str:
    return f"{side.directory} ({side.topology}, {side.driver} driver, seed {side.seed})"


def _row(row: Row) -> tables.Row:
    before, after = verdicts(row)
    verdict = status_text(before)
    if before != after:
        verdict = Text.assemble(verdict, " → ", status_text(after))
    what = Text(result(row), style=_STYLE.get(row.what, ""))
    return tables.row(what, row.title, row.flow, verdict, gaps(row), degradeds(row))


def _times(base: Measured | None, change: Measured | None) -> str:
    if base is None and change is None:
        return NOTHING
    before, after = (_time(each) for each in (base, change))
    return f"{before} → {after}"


def _time(measured: Measured | None) -> str:
    return NOTHING if measured is None else str(measured)


def _show_differences(row: Row, on: Console) -> None:
    for each in row.differences:
        head = Text(f"{SHOWN.get(each.what, each.what)}", style=_STYLE[each.what])
        line = Text.assemble(head, f"  {row.title}, {row.flow}: {each.told}")
        on.print(line, soft_wrap=True)
    if row.differences and row.what != "better":
        on.print("       " + "; ".join(_places(row)), soft_wrap=True, markup=False)


def _places(row: Row) -> Iterator[str]:
    sides: tuple[tuple[str, Outcome | None], ...] = (("BASE", row.base), ("CHANGE", row.change))
    yield from (f"{name} {side.directory}" for name, side in sides if side)


def _show_findings(found: Comparison, on: Console) -> None:
    for state in ("new", "gone"):
        for each in findings_that(found, state):
            head = Text(f"{state} finding", style=_STYLE[state] if each.status == "fail" else "")
            said = f"  {each.status}: {each.sentence}."
            on.print(Text.assemble(head, said), soft_wrap=True)
            if state == "new" and each.remedy:
                on.print(f"       remedy: {each.remedy}.", soft_wrap=True, markup=False)
    if kept := len(findings_that(found, "kept")):
        on.print(f"{kept} {number_of(kept, 'finding', 'findings')} on both sides.")
