"""A balancer that runs the user's own haproxy.cfg: how the file and the design fit together.

A topology says which machines there are; the file says what one of them does. `fitting` finds which
server of the file is which node and which bind is which VIP, and what addresses and ports they have
therefore; `agreeing` whether the files of several balancers say the same of a node; `needs` what a
file wants of the machine that it runs on, and what no lab has; `lines` which of its lines a finding
is about. Everything that does not fit is told by its line, before anything starts.
"""

from __future__ import annotations

from collections.abc import Collection

from relaydrill.errors import TopologyError
from relaydrill.topology import Topology
from relaydrill.verbatim.agreeing import differences
from relaydrill.verbatim.fitting import Fitted, fit
from relaydrill.verbatim.needs import Wanted, wanted_by


def fitted(topology: Topology, kept: Collection[int] = ()) -> dict[str, Fitted]:
    """How the own files of a topology's balancers fit, by balancer.

    Args:
        topology: The design.
        kept: The ports that the lab itself needs on every machine.

    Raises:
        TopologyError: One does not, or wants what no lab has; every mistake by its line.
    """
    found = {
        name: fit(topology, name) for name, each in topology.balancers.items() if each.runs_own_file
    }
    mistakes = {mistake for each in found.values() for mistake in each.mistakes}
    mistakes |= {*differences(tuple(found.values()))}
    for each in found.values():
        mistakes |= {*wanted_by(each.haproxy, each.ports, kept).lacks}
    if mistakes:
        raise TopologyError(tuple(sorted(mistakes)))
    return found


__all__ = ["Fitted", "Wanted", "fit", "fitted", "wanted_by"]
