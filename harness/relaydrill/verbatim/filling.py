"""What a balancer's own file says need not be said again: it is taken from there."""

from __future__ import annotations

from relaydrill.farms.parts import Balancing
from relaydrill.node_settings import HealthCheck
from relaydrill.topology import Balancer, Topology
from relaydrill.verbatim.declared import SETTINGS, said_in
from relaydrill.verbatim.fitting import fit


def filled(topology: Topology) -> Topology:
    """A topology whose balancers are what their own files say, where it says nothing itself.

    Args:
        topology: As it was read.
    """
    changed = {
        name: _filled(balancer, file)
        for name, balancer in topology.balancers.items()
        if balancer.config and (file := _said(topology, name))
    }
    if not changed:
        return topology
    return topology.model_copy(update={"nodes": {**topology.nodes, **changed}})


def _said(topology: Topology, name: str) -> Balancing | None:
    fitted = fit(topology, name)
    return said_in(fitted.haproxy, frozenset(fitted.farms))


def _filled(balancer: Balancer, file: Balancing) -> Balancer:
    check = file.check
    said: dict[str, object] = {setting: getattr(file, setting) for setting in SETTINGS}
    said["check"] = HealthCheck(
        kind=check.kind,
        interval=check.interval,
        timeout=check.timeout,
        fall=check.fall,
        rise=check.rise,
    )
    written = balancer.model_fields_set
    return balancer.model_copy(
        update={setting: value for setting, value in said.items() if setting not in written}
    )
