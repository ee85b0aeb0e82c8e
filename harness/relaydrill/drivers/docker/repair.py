"""Containers of somebody's compose project, put right after a drill that could not do so itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from relaydrill.drivers.docker.engine import connect, engine_errors, engine_host, engine_id
from relaydrill.drivers.undo import Repair
from relaydrill.errors import LabError

_ENDS_S: Final = 10
_HERE: Final = "this machine"


def repair(wanted: Repair) -> str:
    """Put a container right, whatever a drill did to it.

    Returns:
        What was done.

    Raises:
        LabError: It did not work, or another engine is asked than it is in.
    """
    with _engine_of(wanted) as engine, engine_errors(f"put {wanted.name} right"):
        container = _container(engine, wanted)
        if container is None:
            return f"the container {wanted.name} is there no more"
        done = [*_steps(engine, container, wanted)]
        container.reload()
        if left := _troubles(container, wanted):
            raise LabError(f"{wanted.name} was put right, but {left}")
    return f"{wanted.name} was {', '.join(done)}" if done else f"{wanted.name} needed nothing"


def what_is_wrong(wanted: Repair) -> str:
    """What keeps a container from being whole, as far as its engine can tell; empty: nothing.

    Raises:
        LabError: The engine cannot say, or it is another.
    """
    with _engine_of(wanted) as engine, engine_errors(f"look at {wanted.name}"):
        container = _container(engine, wanted)
        return _troubles(container, wanted) if container else ""


def _steps(engine: docker.DockerClient, container: Container, wanted: Repair) -> Iterator[str]:
    """Do what is needed, and say it."""
    if container.status == "paused":
        container.unpause()
        yield "resumed"
    if not _is_connected(container, wanted):
        engine.networks.get(wanted.network).connect(
            container, ipv4_address=wanted.address, ipv6_address=wanted.second or None
        )
        yield f"connected to {wanted.network}"
    if wanted.anew:
        container.restart(timeout=_ENDS_S)
        yield "started anew"
    elif container.status not in ("running", "paused"):
        container.start()
        yield "started"


def _troubles(container: Container, wanted: Repair) -> str:
    if container.status != "running":
        return f"it is {container.status}"
    if not _is_connected(container, wanted):
        return f"it is not on the network {wanted.network}"
    return ""


def _is_connected(container: Container, wanted: Repair) -> bool:
    return wanted.network in container.attrs["NetworkSettings"]["Networks"]


def _container(engine: docker.DockerClient, wanted: Repair) -> Container | None:
    """The container; None where somebody has removed it, and so what was broken."""
    try:
        return engine.containers.get(wanted.container)
    except NotFound:
        return None


@contextlib.contextmanager
def _engine_of(wanted: Repair) -> Iterator[docker.DockerClient]:
    """The engine that a container is in.

    Raises:
        LabError: It does not answer, or is another than the one that is asked now.
    """
    with contextlib.closing(connect()) as engine:
        if engine_id(engine) != wanted.engine:
            raise LabError(
                f"{wanted.name} is in the Docker engine on {wanted.engine_host or _HERE}, and the"
                f" one on {engine_host() or _HERE} is another: name that one with DOCKER_HOST"
            )
        yield engine
