"""Rules of weaknesses that are accepted: they are of something that there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.marks import Mistake
from relaydrill.topology.rules.draft import Draft, Rule, of_each, one_of
from relaydrill.topology.traffic import Acceptance
from relaydrill.topology.units import unit_called, units_of


def one_loss(draft: Draft, at: int, entry: Acceptance) -> Iterator[Mistake]:
    """It says what is lost, in one of two ways, and of several things each once."""
    if (entry.node is None) == (not entry.nodes):
        text = "a weakness has either node, or nodes: those that are lost together"
        yield draft.mistake(("accept", at), text)
    elif entry.nodes and len({*entry.nodes}) < max(2, len(entry.nodes)):
        text = "what is lost together is two things at least, each named once"
        yield draft.mistake(("accept", at, "nodes"), text, "one alone is written as node")


def accepted_loss(draft: Draft, at: int, entry: Acceptance) -> Iterator[Mistake]:
    """What may be lost is a node, an MX host or a site."""
    topology = draft.topology
    for place, name in enumerate(entry.lost):
        if name in topology.nodes or name in draft.lost or unit_called(topology, name):
            continue
        text = f"no node, MX host or site is called {name!r}"
        allowed = one_of(unit.name for unit in units_of(topology))
        here = ("nodes", place) if entry.nodes else ("node",)
        yield draft.mistake(("accept", at, *here), text, allowed)


def accepted_flows(draft: Draft, at: int, entry: Acceptance) -> Iterator[Mistake]:
    """What may fail is a flow."""
    for flow_at, flow in enumerate(entry.flows):
        here = ("accept", at, "flows", flow_at)
        yield from draft.undeclared(here, "flow", flow, draft.topology.flows)


RULES: Final[tuple[Rule, ...]] = (
    of_each(
        lambda topology: dict(enumerate(topology.accept)),
        one_loss,
        accepted_loss,
        accepted_flows,
    ),
)
