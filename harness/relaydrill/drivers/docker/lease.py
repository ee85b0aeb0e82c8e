"""Whether the harness of a lab lives, as anybody can see who asks the same engine.

A process number means something in one process table only: not on another machine that uses the
same engine, and not in a container beside it. So a harness keeps an exec running in a container of
its lab: ``cat``, which reads what never comes, and ends when the connection to the engine does, in
whatever way its harness ended.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Sequence
from typing import Any, Final

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container

from relaydrill.drivers.docker.engine import engine_errors

_COMMAND: Final = ("cat", "--show-ends")
"""Ends with its input; the option does nothing there, and tells it from what others may run."""


@contextlib.contextmanager
def held(engine: docker.DockerClient, containers: Sequence[Container]) -> Iterator[None]:
    """A block in which a lab is seen to be in use.

    Args:
        engine: The Docker engine.
        containers: Where to hold it: one that no drill breaks is enough.

    Raises:
        LabError: The engine cannot.
    """
    with contextlib.ExitStack() as stack:
        with engine_errors("hold a lease on the lab"):
            for container in containers:
                made = engine.api.exec_create(container.id, [*_COMMAND], stdin=True)
                connection = engine.api.exec_start(made["Id"], socket=True)
                stack.callback(_end, connection)
        yield


def is_held(engine: docker.DockerClient, containers: Sequence[Container]) -> bool:
    """Whether a harness holds any of these containers.

    Raises:
        LabError: The engine cannot say.
    """
    with engine_errors("look for leases"):
        return any(_is_held(engine, container) for container in containers)


def _is_held(engine: docker.DockerClient, container: Container) -> bool:
    with contextlib.suppress(NotFound):  # a container, or an exec, that ended just now
        for each in engine.api.inspect_container(str(container.id)).get("ExecIDs") or ():
            with contextlib.suppress(NotFound, APIError):
                found: dict[str, Any] = engine.api.exec_inspect(each)
                process = found.get("ProcessConfig") or {}
                command = (process.get("entrypoint"), *(process.get("arguments") or ()))
                if found.get("Running") and command == _COMMAND:
                    return True
    return False


def _end(connection: Any) -> None:
    """End what `exec_start` gave: a stream, by the response that it is of, and the socket."""
    sock = getattr(connection, "_sock", connection)
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    response = getattr(connection, "_response", connection)  # whose stream the connection is
    for each in (response, sock):
        each.close()
