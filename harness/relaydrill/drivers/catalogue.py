"""The drivers by name. Each is imported only when it is asked for."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final

from relaydrill.drivers.base import Lab
from relaydrill.errors import UsageError
from relaydrill.topology import Topology

LabMaker = Callable[[Topology, Path], AbstractContextManager[Lab]]
"""Makes a lab of a topology, with a directory for what it writes; it runs within ``with``."""

DRIVERS: Final = ("process", "docker")
"""The first is the default."""


def lab_maker(driver: str, *, project: str = "") -> LabMaker:
    """What makes the labs of a driver.

    Args:
        project: Use the lab that ``docker compose`` has brought up under this project name.

    Raises:
        UsageError: There is no such driver, its libraries are not installed, or it has no
            projects.
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
    raise UsageError(f"no driver is called {driver!r}; there are: {', '.join(DRIVERS)}")


def labs_at_once(driver: str) -> int:
    """How many labs this machine runs side by side without their disturbing each other.

    Processes mostly wait for timers. Containers that start or end keep the whole machine busy, so
    that checks in the lab beside them time out.
    """
    return (os.cpu_count() or 1) if driver == "process" else 1


@contextlib.contextmanager
def docker_installed() -> Iterator[None]:
    """A block that imports what talks to a Docker engine.

    Raises:
        UsageError: Its libraries are not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the docker driver needs the package {error.name}; run:"
            " pip install 'relaydrill[docker]'"
        ) from None
