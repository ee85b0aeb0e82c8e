"""The drivers by name. Each is imported only when it is asked for."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

from relaydrill import extensions
from relaydrill.drivers.base import Lab
from relaydrill.drivers.docker.installed import docker_installed
from relaydrill.errors import UsageError
from relaydrill.topology import Topology

LabMaker = Callable[[Topology, Path], AbstractContextManager[Lab]]
"""Makes a lab of a topology, with a directory for what it writes; it runs within ``with``."""

DRIVERS: Final = ("process", "docker")
"""Those that bring a lab up. The first is the default."""

SIMULATE: Final = "simulate"
"""The one whose labs have a clock and a network of their own, in one thread."""

ATTACH: Final = "attach"
"""The one for labs that run already."""

_OWN: Final = (*DRIVERS, SIMULATE, ATTACH)


def drivers() -> tuple[str, ...]:
    """All drivers by name: Relaydrill's, then those that other packages add.

    Raises:
        UsageError: Two packages have one of the same name.
    """
    return (*_OWN, *extensions.added(extensions.DRIVERS, _OWN))


def lab_maker(
    driver: str,
    *,
    project: str = "",
    allow_faults: bool = False,
    ask: Callable[[str], None] | None = None,
) -> LabMaker:
    """What makes the labs of a driver.

    Args:
        driver: The driver's name.
        project: Use the lab that ``docker compose`` has brought up under this project name.
        allow_faults: Whether a lab that runs already may be broken.
        ask: How a person is asked to do something to it; by default nobody is.

    Raises:
        UsageError: There is no such driver, its libraries are not installed, it has no projects,
            or what a package adds under this name cannot be loaded.
    """
    if project and driver != "docker":
        raise UsageError(f"--project is for --driver docker; the {driver} driver has none")
    if driver == "process":
        from relaydrill.drivers.process import ProcessLab

        return ProcessLab
    if driver == "docker":
        with docker_installed():
            from relaydrill.drivers.docker.lab import DockerLab

        return functools.partial(DockerLab, project=project)
    if driver == SIMULATE:
        from relaydrill.drivers.simulate.lab import SimulatedLab

        return SimulatedLab
    if driver == ATTACH:
        from relaydrill.drivers.attach.actions import nobody
        from relaydrill.drivers.attach.lab import AttachLab, Permission

        permission = Permission(faults=allow_faults, ask=ask or nobody)
        return functools.partial(AttachLab, permission=permission)
    added = extensions.added(extensions.DRIVERS, _OWN).get(driver)
    if added is None:
        raise UsageError(f"no driver is called {driver!r}; there are: {', '.join(drivers())}")
    return _added_maker(added)


def _added_maker(entry: EntryPoint) -> LabMaker:
    found = extensions.load(entry)
    if not callable(found):
        raise UsageError(f"{extensions.told(entry)}: {found!r} makes no lab: it cannot be called")
    maker: LabMaker = found
    return maker


def labs_at_once(driver: str, topology: Topology) -> int:
    """How many labs of a topology this machine runs side by side without disturbing each other.

    Processes mostly wait for timers, but a lab that starts or returns wants a core, and the mail
    another: two labs on two cores starved each other. Containers that start or end keep the whole
    machine busy, so that checks in the lab beside them time out. Locust workers have one master.
    A simulated lab computes all the time, and two of them share one interpreter.
    """
    if any(sender.load for sender in topology.senders.values()):
        return 1
    return max(1, (os.cpu_count() or 1) // 2) if driver == "process" else 1
