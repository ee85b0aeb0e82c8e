"""Rules of weaknesses that are accepted: they are of something that there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.marks import Mistake
from relaydrill.topology.rules.draft import Draft, Rule, of_each, one_of
from relaydrill.topology.traffic import Acceptance
from relaydrill.topology.units import unit_called, units_of


def accepted_loss(draft: Draft, at: int, entry: Acceptance) -> Iterator[Mistake]:
    """What may be lost is a node, an MX host or a site."""
    topology, name = draft.topology, entry.node
    if name not in topology.nodes and name not in draft.lost and not unit_called(topology, name):
        text = f"no node, MX host or site is called {name!r}"
        allowed = one_of(unit.name for unit in units_of(topology))
        yield draft.mistake(("accept", at, "node"), text, allowed)


def accepted_flows(draft: Draft, at: int, entry: Acceptance) -> Iterator[Mistake]:
    """What may fail is a flow."""
    for flow_at, flow in enumerate(entry.flows):
        here = ("accept", at, "flows", flow_at)
        yield from draft.undeclared(here, "flow", flow, draft.topology.flows)


RULES: Final[tuple[Rule, ...]] = (
    of_each(
        lambda topology: dict(enumerate(topology.accept)),
        accepted_loss,
        accepted_flows,
    ),
)
