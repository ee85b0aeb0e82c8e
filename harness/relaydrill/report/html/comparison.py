"""What stands on the page of a comparison, out of the same values that the terminal shows."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from relaydrill.documents.comparison import State
from relaydrill.drills.comparison.result import Comparison, FindingChange, Row, Side
from relaydrill.report.comparison import SHOWN, degradeds, findings_that, gaps, result, verdicts

_COLOURS: Final = {
    "worse": "fail",
    "mixed": "fail",
    "better": "pass",
    "unclear": "unknown",
}
"""The status whose colour and mark a result has; all others have those of a note."""

_HEADS: Final = {
    0: ("pass", "NOTHING WORSE"),
    1: ("fail", "WORSE"),
    3: ("unknown", "CANNOT TELL"),
}
"""By what the command ends with."""

_STATES: Final[tuple[State, ...]] = ("new", "gone", "kept")


@dataclass(frozen=True, slots=True)
class RowView:
    """One row.

    Attributes:
        colour: The status whose colour it has.
        result: What became of it.
        verdicts: Before and after; a dash where it was not run.
        gap: How long nothing was accepted, before and after.
        degraded: For how long attempts failed, before and after.
        differences: Colour, result and words of each.
        places: ``BASE`` or ``CHANGE``, and where the evidence is.
    """

    colour: str
    result: str
    title: str
    flow: str
    verdicts: tuple[str, str]
    gap: str
    degraded: str
    differences: tuple[tuple[str, str, str], ...]
    places: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ComparisonPage:
    """A whole page.

    Attributes:
        colour: The status whose colour the result has.
        head: The result, in a word or two.
        sentence: The same, for somebody who reads nothing else.
        summary: How many rows are worse, better and so on.
        rows: Those that differ first; in each half as they were run.
        findings: ``new``, ``gone`` and ``kept``, as far as there are any.
        command: What compares the two again.
        document: What ``--json`` prints.
    """

    colour: str
    head: str
    sentence: str
    summary: str
    base: Side
    change: Side
    rows: tuple[RowView, ...]
    findings: tuple[tuple[State, list[FindingChange]], ...]
    remarks: tuple[str, ...]
    command: str
    document: Mapping[str, object]


def page_of_comparison(found: Comparison) -> ComparisonPage:
    """The page of a comparison."""
    colour, head = _HEADS[found.exit_status]
    rows = sorted(found.rows, key=lambda row: row.what == "same")
    changed = {state: findings_that(found, state) for state in _STATES}
    return ComparisonPage(
        colour=colour,
        head=head,
        sentence=f"{found.summary}.",
        summary=found.summary,
        base=found.base,
        change=found.change,
        rows=tuple(map(_view, rows)),
        findings=tuple((state, each) for state, each in changed.items() if each),
        remarks=found.remarks,
        command=shlex.join(["relaydrill", "compare", found.base.directory, found.change.directory]),
        document=found.document(),
    )


def _view(row: Row) -> RowView:
    sides = (("BASE", row.base), ("CHANGE", row.change))
    return RowView(
        colour=_colour(row.what),
        result=result(row),
        title=row.title,
        flow=row.flow,
        verdicts=verdicts(row),
        gap=gaps(row),
        degraded=degradeds(row),
        differences=tuple(
            (_colour(each.what), SHOWN.get(each.what, each.what), each.told)
            for each in row.differences
        ),
        places=tuple((name, side.directory) for name, side in sides if side),
    )


def _colour(what: str) -> str:
    return _COLOURS.get(what, "note")
