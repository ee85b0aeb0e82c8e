"""The rows of two runs: which they have in common, and how each came out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, cast

from relaydrill.documents.comparison import ShownStatus
from relaydrill.drills.audit import Audit
from relaydrill.drills.comparison.differences import differences
from relaydrill.drills.comparison.result import Outcome, Row
from relaydrill.drills.findings import row_title
from relaydrill.drills.measuring import degraded_of, gap_of
from relaydrill.drills.model import Drill
from relaydrill.drills.naming import drill_name
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.errors import UsageError
from relaydrill.topology import Topology
from relaydrill.verdict import Status

_SHOWN: Final = 6


class RowKey(NamedTuple):
    """What a row is known by, whatever the drill was called, and for however long it broke it."""

    fault: str
    flow: str


Judged = tuple[Judgement, FlowVerdict]
"""A row: the drill, and one flow of it."""

Rows = Mapping[RowKey, Judged]


def judged_in(found: Audit | Judgement) -> tuple[Judgement, ...]:
    """The drills of an audit, or the one that it is.

    Args:
        found: Either.
    """
    return found.rows if isinstance(found, Audit) else (found,)


def rows_of(found: Audit | Judgement) -> Rows:
    """The rows of an audit or a drill, in order.

    Args:
        found: Either.
    """
    rows: dict[RowKey, Judged] = {}
    for judgement in judged_in(found):
        fault = fault_of(judgement.topology, judgement.drill)
        for flow in judgement.flows:
            rows[_free(RowKey(fault, flow.flow), rows)] = (judgement, flow)
    return rows


def fault_of(topology: Topology, drill: Drill) -> str:
    """What a drill breaks, in the one way to say it.

    Args:
        topology: What it is a drill of.
        drill: The drill.
    """
    return drill_name(topology, drill.faults)


def planned_rows(topology: Topology, drills: Iterable[Drill]) -> list[RowKey]:
    """The rows that there will be.

    Args:
        topology: What the drills are of.
        drills: What is to be run.
    """
    return [RowKey(fault_of(topology, each), flow) for each in drills for flow in each.flows]


def must_share_rows(
    base: str, before: Iterable[RowKey], change: str, after: Iterable[RowKey]
) -> None:
    """Make sure that there is something to compare.

    Args:
        base: What the topology of BASE is called.
        before: The rows of BASE.
        change: What that of CHANGE is called.
        after: The rows of CHANGE.

    Raises:
        UsageError: They have no row in common.
    """
    old, new = [*before], [*after]
    if {*old}.isdisjoint(new):
        raise UsageError(
            f"BASE and CHANGE have no row in common: BASE ({base}) has {_some(old)}, and CHANGE"
            f" ({change}) has {_some(new)}; compare runs in which the same was broken under the"
            " same flows"
        )


def compare_rows(before: Rows, after: Rows) -> tuple[Row, ...]:
    """Every row of either side: in the order of BASE, then those that only CHANGE has.

    Args:
        before: Of BASE.
        after: Of CHANGE.
    """
    keys = dict.fromkeys([*before, *after])
    return tuple(_row(key, before.get(key), after.get(key)) for key in keys)


def _row(key: RowKey, before: Judged | None, after: Judged | None) -> Row:
    judged = after or before
    assert judged is not None
    old, new = _outcome(before), _outcome(after)
    found = (
        differences(before[1], after[1], old, new)
        if before and after and old is not None and new is not None
        else ()
    )
    return Row(key.fault, row_title(judged[0]), key.flow, old, new, tuple(found))


def _outcome(judged: Judged | None) -> Outcome | None:
    if judged is None:
        return None
    judgement, flow = judged
    holds = flow.status is Status.PASS and not flow.accepted
    return Outcome(
        status=cast("ShownStatus", flow.shown_status),
        said="" if holds else f"{flow.worst.check}: {flow.worst.summary}",
        gap=gap_of(judgement, flow),
        degraded=degraded_of(judgement, flow),
        directory=str(judgement.directory),
    )


def _free(key: RowKey, taken: Iterable[RowKey]) -> RowKey:
    """A key that no row has: drills that break the same at other times are rows of their own."""
    known, number, found = {*taken}, 1, key
    while found in known:
        number += 1
        found = RowKey(f"{key.fault} ({number})", key.flow)
    return found


def _some(keys: list[RowKey]) -> str:
    """The first of them, and how many more there are."""
    names = [f"{key.fault} of {key.flow}" for key in keys]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
