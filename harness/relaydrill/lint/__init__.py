"""Rules of the design that can be read off a topology, without a lab. Pure.

A rule is one function of a module of its subject; `RULES` lists them all.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.lint import (
    balancing,
    capacity,
    certificates,
    clusters,
    connectors,
    directory,
    dns,
    replication,
    restraint,
)
from relaydrill.lint.rule import Found, LintFinding, Rule, Severity
from relaydrill.lint.suppressing import UNUSED, UNUSED_FACT, UNUSED_REMEDY, suppressed, unused
from relaydrill.topology import Topology


def _found_by_itself(_topology: Topology) -> Iterator[Found]:
    """Known only once all other rules have looked."""
    return iter(())


RULES: Final[tuple[Rule, ...]] = (
    *balancing.RULES,
    *clusters.RULES,
    *connectors.RULES,
    *dns.RULES,
    *certificates.RULES,
    *capacity.RULES,
    *restraint.RULES,
    *replication.RULES,
    *directory.RULES,
    Rule(UNUSED, Severity.INFO, UNUSED_FACT, UNUSED_REMEDY, _found_by_itself),
)
"""Every rule, by subject."""

_SINGLE_POINTS: Final = frozenset(each.id for each in RULES if each.single_point)


def lint(topology: Topology) -> tuple[LintFinding, ...]:
    """Everything in a topology that breaks a rule of the design, the worst first.

    What its author lets stand is among them, with the reason (`LintFinding.suppressed`).
    """
    found = [finding for rule in RULES for finding in rule.findings(topology)]
    told = [*suppressed(topology, found, _SINGLE_POINTS), *unused(topology, found)]
    return tuple(sorted(told, key=lambda each: each.severity.rank))


__all__ = ["RULES", "LintFinding", "Rule", "Severity", "lint"]
