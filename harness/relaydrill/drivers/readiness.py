"""A lab is ready when its balancers believe in their backends, not when its ports are open.

And where two are a pair, when the first of them holds the VIPs.
"""

from __future__ import annotations

import functools

from relaydrill.drivers.base import Lab
from relaydrill.wait import wait_for


def await_backends(lab: Lab, *, spare_s: float = 1.0) -> None:
    """Return when every balancer counts all of its backends as up, and holds its VIPs.

    Nodes start side by side, and a balancer that was quicker than a hub has marked it down; and a
    standby that was quicker than its balancer has taken over.

    Args:
        lab: The running lab.
        spare_s: Wall seconds to wait beyond the time that the checks need.

    Raises:
        WaitTimeout: A balancer does not, though its checks had their time.
    """
    clock = lab.topology.clock
    for name, balancer in lab.topology.balancers.items():
        for machine in lab.topology.machines_of(name):
            wait_for(
                functools.partial(_believes, lab, machine),
                what=f"{machine} to find its backends up",
                deadline_s=balancer.recovery_s / clock + spare_s,
            )
    for name, (_, standby) in lab.topology.pairs.items():
        wait_for(
            functools.partial(_is_held, lab, name, standby),
            what=f"{name} to hold its VIPs",
            deadline_s=2 * lab.topology.balancers[name].vrrp.takeover_s / clock + spare_s,
        )


def _is_held(lab: Lab, balancer: str, standby: str) -> bool:
    states = [lab.control(machine)("vrrp") for machine in (balancer, standby)]
    return states == ["master", "backup"]


def _believes(lab: Lab, balancer: str) -> bool:
    return all(each["state"] == "up" for each in lab.control(balancer)("backends"))
