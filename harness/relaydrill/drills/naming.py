"""What a drill is called that nobody gave a name: after what it breaks, however that was asked for.

An audit of a site and a drill of each of its nodes at once are one fault, and history must know it.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Final

from relaydrill.faults import FaultSpec
from relaydrill.topology import Topology
from relaydrill.topology.units import names_of, unit_called

STEADY: Final = "steady"
"""Name of the drill in which nothing is broken."""


def drill_name(topology: Topology, faults: tuple[FaultSpec, ...]) -> str:
    """``kill:ht1``, ``kill:ht1+forever``, ``kill:dublin`` for all of a site, ``hang:ht1+kill:ht2``.

    What is done several times is told once: ``20x kill:ht1``.

    The order in which the faults were written does not matter, and when they begin matters only
    to whether they are one: nodes that go one after another are not the loss of their site.
    """
    at_once: dict[tuple[float, str, float], set[str]] = {}
    for fault in faults:
        come_from = f"{fault.origin}{fault.way}" if fault.origin else ""
        moment = (fault.start_s, f"{fault.kind_text}:{come_from}", fault.duration_s)
        at_once.setdefault(moment, set()).add(fault.node)
    told = [
        f"{begun}{name}" + ("+forever" if math.isinf(duration_s) else "")
        for (_, begun, duration_s), nodes in sorted(at_once.items())
        for name in names_of(topology, (node for node in topology.nodes if node in nodes))
    ]
    times = Counter(told)
    return "+".join(each if n == 1 else f"{n}x {each}" for each, n in times.items()) or STEADY


def is_automatic(name: str, topology: Topology, faults: tuple[FaultSpec, ...]) -> bool:
    """Whether nobody chose this name of a drill: this version made it, or an earlier one.

    Earlier ones listed the faults as they were written, a site's node by node; their audits wrote
    ``kill-ht1``, and ``kill-ht1+dublin`` of two units.
    """
    if name in (drill_name(topology, faults), "+".join(fault.label for fault in faults)):
        return True
    kind = faults[0].kind_text if faults else ""
    if not name.startswith(f"{kind}-"):
        return False
    units = [unit_called(topology, each) for each in name.removeprefix(f"{kind}-").split("+")]
    nodes = {node for unit in units if unit for node in unit.nodes}
    broken = {(fault.kind_text, fault.node) for fault in faults}
    return None not in units and broken == {(kind, node) for node in nodes}
