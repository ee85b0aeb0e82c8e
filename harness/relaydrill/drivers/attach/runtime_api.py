"""HAProxy's runtime API (its management guide, §9.3): asked, and told."""

from __future__ import annotations

import socket
from typing import Final

from relaydrill.drivers.attach.reaching import Bounds
from relaydrill.endpoint import address_of
from relaydrill.errors import LabError
from relaydrill.kinds.haproxy.servers import Server, in_table
from relaydrill.topology.attach import RuntimeApi

ASKED_FOR_S: Final = 5.0
"""How long an answer to a question may take."""


class NotReached(LabError):
    """HAProxy could not be connected to, so it was told nothing."""


def commands_of(api: RuntimeApi) -> list[str]:
    """What HAProxy is told, in this order."""
    commands = [f"set server {server} state {api.state}" for server in api.server]
    if api.sessions == "shutdown":
        commands += [f"shutdown sessions server {server}" for server in api.server]
    return commands


def ask(api_socket: str, command: str, timeout_s: float, bounds: Bounds) -> str:
    """What HAProxy answers to a command, on a connection of its own.

    Args:
        api_socket: ``unix:PATH`` or ``tcp:HOST:PORT``.
        command: One command, without its end of line.
        timeout_s: How long to wait for it, seconds.
        bounds: Where it may be.

    Raises:
        NotReached: It cannot be connected to.
        LabError: It did not answer.
    """
    connection = _connected(api_socket, command, timeout_s, bounds)
    try:
        with connection:
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(4096), b"")).decode("utf-8", "replace")
    except OSError as error:
        raise LabError(f"HAProxy at {api_socket} cannot be told {command!r}: {error}") from None


def level_of(api_socket: str, bounds: Bounds) -> str:
    """What a socket may do: user, operator or admin; empty where HAProxy does not tell.

    Raises:
        LabError: It cannot be asked.
    """
    said = ask(api_socket, "show cli level", ASKED_FOR_S, bounds).strip()
    return said if said in ("user", "operator", "admin") else ""


def servers_of(api_socket: str, timeout_s: float, bounds: Bounds) -> dict[str, Server]:
    """All servers that HAProxy knows, by name.

    Raises:
        LabError: It cannot be asked, or what it prints is no such table.
    """
    printed = ask(api_socket, "show servers state", timeout_s, bounds)
    try:
        found = {each.name: each for each in in_table(printed)}
    except (KeyError, ValueError):
        found = {}
    if not found:
        said = printed.strip().splitlines()[:1] or ["nothing"]
        raise LabError(f"HAProxy at {api_socket} does not list its servers: it said {said[0]!r}")
    return found


def _connected(api_socket: str, command: str, timeout_s: float, bounds: Bounds) -> socket.socket:
    kind, _, place = api_socket.partition(":")
    try:
        if kind == "tcp":
            where = bounds.endpoint(address_of(place), int(place.rpartition(":")[2]))
            return socket.create_connection((where.address, where.port), timeout=timeout_s)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(timeout_s)
        try:
            connection.connect(place)
        except OSError:
            connection.close()
            raise
        return connection
    except (OSError, LabError) as error:
        why = error.strerror or error if isinstance(error, OSError) else error
        raise NotReached(f"HAProxy at {api_socket} cannot be told {command!r}: {why}") from None
