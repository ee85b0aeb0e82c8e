"""How findings call what was broken, and those that it concerns."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from relaydrill.drills.result import Judgement
from relaydrill.faults import FaultSpec, FaultText, ServiceFault, WayFault, breaks_nothing
from relaydrill.faults.spec import EVERYWHERE
from relaydrill.impairment import Way
from relaydrill.ledger import FaultWindow
from relaydrill.sentences import listed, number_of
from relaydrill.topology import Topology
from relaydrill.topology.units import names_of


class Wording(NamedTuple):
    """What is wrong, as a sentence; and what would help, as a sentence."""

    sentence: str
    remedy: str


def _state(text: str) -> str:
    """What a node is to which a fault was done: ``killed``, ``unreachable (from app to ht1)``.

    Args:
        text: The fault, with its phase and its share, and of the network also the way.
    """
    said = FaultText.parse(text)
    fault = said.fault
    state = getattr(fault, "state", "")
    if not state:
        return f"under {said.kind_text}"
    extent = fault.extent if isinstance(fault, ServiceFault | WayFault) else ""
    told = f"{state} {extent}".rstrip()
    return f"{told} ({way_of(said)})" if said.origin else told


def way_of(said: FaultText | FaultSpec) -> str:
    """The way that a fault of the network is on: ``from app to ht1``, ``between app and ht1``."""
    origin, node = "everywhere" if said.origin == EVERYWHERE else said.origin, said.node
    match said.way:
        case Way.TO:
            return f"from {origin} to {node}"
        case Way.BACK:
            return f"from {node} to {origin}"
        case _:
            return f"between {origin} and {node}"


def row_title(judgement: Judgement) -> str:
    """What was broken: ``ht1 killed`` reads better than a drill's name."""
    by_state: dict[str, list[str]] = {}
    for fault in judgement.drill.faults:
        by_state.setdefault(_state(fault.label), []).append(fault.node)
    told = (
        f"{listed(names_of(judgement.topology, nodes))} {state}"
        for state, nodes in by_state.items()
    )
    return ", ".join(told) or "nothing broken"


def broken(judgement: Judgement) -> tuple[str, ...]:
    """The nodes that were broken, each once, as the plan has them."""
    return tuple(dict.fromkeys(fault.node for fault in _breaking(judgement)))


def _breaking(judgement: Judgement) -> list[FaultSpec]:
    """The faults of the plan that do something."""
    return [fault for fault in judgement.drill.faults if not breaks_nothing(fault.fault)]


def called(topology: Topology, nodes: tuple[str, ...]) -> str:
    """What was broken, to begin a sentence with: ``dublin (edge4, edge5)``, or ``ht1 and ht2``."""
    units = names_of(topology, nodes)
    if set(units) <= set(nodes):
        return listed(nodes)
    return f"{listed(units)} ({', '.join(nodes)})"


def is_one(topology: Topology, nodes: tuple[str, ...], one: str, several: str) -> str:
    """The word for what `called` calls: a site is one, however many servers it has."""
    return number_of(len(names_of(topology, nodes)), one, several)


def how(judgement: Judgement) -> str:
    """What was done to what was broken: ``killed``."""
    return listed(dict.fromkeys(_state(fault.label) for fault in _breaking(judgement)))


def states(windows: Iterable[FaultWindow]) -> str:
    """What was done to the nodes of some faults: ``killed and frozen``."""
    return listed(dict.fromkeys(_state(window.label) for window in windows))


def done_to(topology: Topology, windows: Iterable[FaultWindow]) -> str:
    """Who suffered what: ``ht1 and ht2 were killed``, ``lb1 was frozen and ht2 was killed``."""
    by_state: dict[str, dict[str, None]] = {}
    for window in windows:
        by_state.setdefault(_state(window.label), {})[window.node] = None
    return listed(
        f"{called(topology, (*nodes,))} {is_one(topology, (*nodes,), 'was', 'were')} {state}"
        for state, nodes in by_state.items()
    )
