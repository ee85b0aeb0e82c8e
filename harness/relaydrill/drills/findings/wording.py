"""How findings call what was broken, and those that it concerns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from relaydrill import faults
from relaydrill.drills.judgement import Judgement
from relaydrill.drills.model import FaultSpec
from relaydrill.faults import Proof
from relaydrill.ledger import FaultWindow
from relaydrill.sentences import listed, number_of
from relaydrill.topology import Topology
from relaydrill.topology.units import names_of

_PAST: Final[Mapping[str, str]] = MappingProxyType(
    {
        "none": "left as it is",
        "kill": "killed",
        "stop": "stopped",
        "pause": "frozen",
        "blackhole": "unreachable",
        "refuse": "refusing",
        "hang": "hanging",
        "isolate": "cut off",
        "drain": "draining",
        "backpressure": "under back pressure",
        "reject": "rejecting",
        "slow": "slow",
        "busy": "busy",
        "stale": "answering with an old address",
        "nxdomain": "denying every name",
        "servfail": "failing to answer",
    }
)


def past(kind: str) -> str:
    """What a node is to which a fault was done: ``killed``, ``under tempfail.rcpt``.

    Args:
        kind: The fault, with its phase.
    """
    return _PAST.get(kind.partition(".")[0], f"under {kind}")


def row_title(judgement: Judgement) -> str:
    """What was broken: ``ht1 killed`` reads better than a drill's name."""
    by_state: dict[str, list[str]] = {}
    for fault in judgement.drill.faults:
        by_state.setdefault(past(fault.kind_text), []).append(fault.node)
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
    return [
        fault
        for fault in judgement.drill.faults
        if faults.make(fault.kind, fault.phase).proof is not Proof.NONE
    ]


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
    return listed(dict.fromkeys(past(fault.kind_text) for fault in _breaking(judgement)))


def states(windows: Iterable[FaultWindow]) -> str:
    """What was done to the nodes of some faults: ``killed and frozen``."""
    return listed(dict.fromkeys(past(_kind_of(window)) for window in windows))


def done_to(topology: Topology, windows: Iterable[FaultWindow]) -> str:
    """Who suffered what: ``ht1 and ht2 were killed``, ``lb1 was frozen and ht2 was killed``."""
    by_state: dict[str, dict[str, None]] = {}
    for window in windows:
        by_state.setdefault(past(_kind_of(window)), {})[window.node] = None
    return listed(
        f"{called(topology, (*nodes,))} {is_one(topology, (*nodes,), 'was', 'were')} {state}"
        for state, nodes in by_state.items()
    )


def _kind_of(window: FaultWindow) -> str:
    return window.label.partition(":")[0]
