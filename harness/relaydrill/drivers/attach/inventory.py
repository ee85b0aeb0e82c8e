"""Where a topology stands that runs already."""

from __future__ import annotations

from relaydrill.errors import UsageError
from relaydrill.topology import Topology
from relaydrill.topology.attach import Attach


def inventory_of(topology: Topology) -> Attach:
    """Where a topology stands.

    Raises:
        UsageError: It does not say so.
    """
    if topology.attach is None:
        raise UsageError(
            f"topology {topology.name} does not say where its servers are: add attach: with the"
            " address of every node (docs/labs/real-labs.md)"
        )
    return topology.attach
