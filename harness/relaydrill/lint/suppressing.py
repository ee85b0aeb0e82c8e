"""What a topology's author lets stand: by ``lint``, and what one node's loss does by ``accept``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from relaydrill.lint.rule import LintFinding, Severity
from relaydrill.topology import Suppression, Topology
from relaydrill.topology.paths import flows_through

UNUSED: Final = "unused-suppression"
"""The id of what is found where a suppression matches nothing."""

UNUSED_FACT: Final = (
    "A suppression that matches nothing hides the next finding of its rule (Relaydrill's own)."
)
UNUSED_REMEDY: Final = "Take it out, or mend its rule or its at."


def suppressed(
    topology: Topology, findings: list[LintFinding], single_points: frozenset[str]
) -> list[LintFinding]:
    """The findings, each with the reason why it stands if there is one.

    Args:
        topology: The design that they were found in.
        findings: What all rules found.
        single_points: Ids of the rules that an ``accept`` speaks of, too.
    """
    return [
        replace(each, reason=_reason(topology, each, single_points=each.rule in single_points))
        for each in findings
    ]


def unused(topology: Topology, findings: list[LintFinding]) -> Iterator[LintFinding]:
    """A finding for each suppression that matches none of these."""
    for at, entry in enumerate(topology.lint):
        if not any(_matches(entry, each) for each in findings):
            where = f" at {entry.at}" if entry.at else ""
            text = f"nothing of {entry.rule} is found{where}"
            yield LintFinding(UNUSED, Severity.INFO, ("lint", at), text, UNUSED_REMEDY)


def _reason(topology: Topology, finding: LintFinding, *, single_points: bool) -> str:
    for entry in topology.lint:
        if _matches(entry, finding):
            return entry.reason
    if single_points and finding.where[0] == "nodes":
        node = str(finding.where[1])
        for accepted in topology.accept:
            through = set(flows_through(topology, (node,)))
            if accepted.lost == (node,) and (not accepted.flows or through <= {*accepted.flows}):
                return accepted.reason
    return ""


def _matches(entry: Suppression, finding: LintFinding) -> bool:
    """Whether a suppression is of this rule, and of this place or one above it."""
    if entry.rule != finding.rule:
        return False
    at = finding.at
    return entry.at is None or at == entry.at or at.startswith((f"{entry.at}.", f"{entry.at}["))
