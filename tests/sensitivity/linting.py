"""The linter's findings, in the one form that the catalogue compares."""

from __future__ import annotations

from relaydrill.lint import lint
from relaydrill.topology import Topology


def findings_of(topology: Topology) -> list[tuple[str, str]]:
    """Rule and summary of each finding that nobody has suppressed."""
    return [(each.rule, each.summary) for each in lint(topology) if not each.suppressed]
