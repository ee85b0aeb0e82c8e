"""How findings call what was broken, and those that it concerns."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from relaydrill.drills.judgement import Judgement
from relaydrill.drills.model import FaultSpec
from relaydrill.sentences import listed
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


def past(fault: FaultSpec) -> str:
    """What a node is to which a fault was done: ``killed``, ``under tempfail.rcpt``."""
    return _PAST.get(fault.kind, f"under {fault.kind_text}")


def row_title(judgement: Judgement) -> str:
    """What was broken: ``ht1 killed`` reads better than a drill's name."""
    by_state: dict[str, list[str]] = {}
    for fault in judgement.drill.faults:
        by_state.setdefault(past(fault), []).append(fault.node)
    told = (
        f"{listed(names_of(judgement.topology, nodes))} {state}"
        for state, nodes in by_state.items()
    )
    return ", ".join(told) or "nothing broken"


def broken(judgement: Judgement) -> tuple[str, ...]:
    """The nodes that were broken, each once, as the plan has them."""
    return tuple(dict.fromkeys(fault.node for fault in judgement.drill.faults))


def called(judgement: Judgement) -> str:
    """What was broken, to begin a sentence with: ``dublin (edge4, edge5)``, or ``ht1 and ht2``."""
    nodes = broken(judgement)
    units = names_of(judgement.topology, nodes)
    if set(units) <= set(nodes):
        return listed(nodes)
    return f"{listed(units)} ({', '.join(nodes)})"


def how(judgement: Judgement) -> str:
    """What was done to it: ``killed``."""
    return listed(dict.fromkeys(past(fault) for fault in judgement.drill.faults))
