"""Which findings are new, which are gone, and which were there before.

A finding is known by what it is about: its kind, what was broken, and the flow. Its sentence has
figures, which differ from run to run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final, NamedTuple, cast

from relaydrill.documents.comparison import State
from relaydrill.documents.verdict import FindingStatus
from relaydrill.drills.comparison.result import FindingChange
from relaydrill.drills.comparison.rows import RowKey, Rows
from relaydrill.drills.result import Finding

_ORDER: Final[tuple[State, ...]] = ("new", "gone", "kept")


class _About(NamedTuple):
    """What a finding is about, for one flow; ``turn`` tells two of one kind apart."""

    kind: str
    row: RowKey
    turn: int


class _Group(NamedTuple):
    state: State
    kind: str
    fault: str
    turn: int


def finding_changes(before: Rows, after: Rows) -> tuple[FindingChange, ...]:
    """Every finding of either side, the new ones first; flows that share one stand together.

    Args:
        before: The rows of BASE.
        after: The rows of CHANGE.
    """
    old, new = dict(_findings(before)), dict(_findings(after))
    groups: dict[_Group, list[_About]] = {}
    for about in dict.fromkeys([*new, *old]):
        state: State = "new" if about not in old else "kept" if about in new else "gone"
        group = _Group(state, about.kind, about.row.fault, about.turn)
        groups.setdefault(group, []).append(about)
    ordered = sorted(groups.items(), key=lambda each: _ORDER.index(each[0].state))
    return tuple(
        _change(group, abouts, new.get(abouts[0]) or old[abouts[0]]) for group, abouts in ordered
    )


def _findings(rows: Rows) -> Iterator[tuple[_About, Finding]]:
    seen: Counter[tuple[str, RowKey]] = Counter()
    for key, (judgement, _) in rows.items():
        for finding in judgement.findings:
            if key.flow in (flow for flow, _ in finding.evidence):
                seen[finding.kind, key] += 1
                yield _About(finding.kind, key, seen[finding.kind, key]), finding


def _change(group: _Group, abouts: list[_About], finding: Finding) -> FindingChange:
    return FindingChange(
        state=group.state,
        kind=group.kind,
        fault=group.fault,
        title=finding.title,
        flows=tuple(about.row.flow for about in abouts),
        status=cast("FindingStatus", finding.status),
        sentence=finding.sentence,
        remedy=finding.remedy,
    )
