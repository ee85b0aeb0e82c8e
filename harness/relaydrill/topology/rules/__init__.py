"""What must hold between the fields of a topology, a function each, by subject. Pure.

Models say which fields there are and what each may hold; here is whatever takes two of them: names
that are used and not declared, choices that exclude each other, and the fence of a real lab. A
topology that breaks none of these can be run. Whether it is a good one, `relaydrill.lint` says.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from relaydrill.marks import Mistake
from relaydrill.model import Unread
from relaydrill.topology.rules import (
    acceptances,
    attachment,
    balancers,
    clusters,
    connectors,
    dns,
    failures,
    fence,
    flows,
    organisation,
    servers,
    versions,
)
from relaydrill.topology.rules.draft import Draft, Rule

RULES: Final[tuple[Rule, ...]] = (
    *servers.RULES,
    *balancers.RULES,
    *clusters.RULES,
    *connectors.RULES,
    *dns.RULES,
    *versions.RULES,
    *flows.RULES,
    *acceptances.RULES,
    *failures.RULES,
    *organisation.RULES,
    *attachment.RULES,
)
"""Every rule of the design, by subject."""


def mistakes(draft: Draft) -> list[Mistake]:
    """What a topology breaks of the rules, as far as it could be read."""
    found = [mistake for rule in RULES for mistake in _judged(rule, draft)]
    if not found and not draft.incomplete:
        # What nothing is called cannot be inside or outside of a fence.
        found = [mistake for rule in fence.RULES for mistake in _judged(rule, draft)]
    return found


def _judged(rule: Rule, draft: Draft) -> Iterator[Mistake]:
    with suppress(Unread):
        yield from rule(draft)


__all__ = ["RULES", "Draft", "mistakes"]
