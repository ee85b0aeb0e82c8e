"""A lab is ready when its balancers believe in their backends, not when its ports are open."""

from __future__ import annotations

import functools

from relaydrill.drivers.base import Lab
from relaydrill.wait import wait_for


def await_backends(lab: Lab, *, spare_s: float = 1.0) -> None:
    """Return when every balancer counts all of its backends as up.

    Nodes start side by side, and a balancer that was quicker than a hub has marked it down.

    Args:
        spare_s: Wall seconds to wait beyond the time that the checks need.

    Raises:
        WaitTimeout: A balancer does not, though its checks had their time.
    """
    for name, balancer in lab.topology.balancers.items():
        wait_for(
            functools.partial(_believes, lab, name),
            what=f"{name} to find its backends up",
            deadline_s=balancer.recovery_s / lab.topology.clock + spare_s,
        )


def _believes(lab: Lab, balancer: str) -> bool:
    return all(each["state"] == "up" for each in lab.control(balancer)("backends"))
