"""HAProxy's log: one line to one fact, or to nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_SESSION = re.compile(
    r"session port=(?P<port>\d+) backend=(?P<backend>\S+) client=(?P<client>\S+)"
    r" accepted=(?P<accepted>\d+\.\d+) connect_ms=(?P<connect_ms>-?\d+) ended=(?P<ended>\S\S)"
)
_CHANGE = re.compile(
    r"Server farm-(?P<port>\d+)/(?P<backend>\S+) is (?P<state>UP|DOWN), reason: (?P<reason>.+?)"
    r"(?:, check duration: \d+ms)?\. \d+ active and \d+ backup servers .*"
)
_NO_SERVER: Final = "<NOSRV>"
_CLIENT_LEFT: Final = "C"
_WHY: Final = {"SC": "connection refused", "sC": "timed out"}


@dataclass(frozen=True, slots=True)
class Connected:
    """A client's connection has been given to a backend.

    Attributes:
        port: Logical port.
        client: Its address.
        backend: The server's name.
        accepted_at: When it was accepted, seconds since the epoch, to a millisecond.
    """

    port: int
    client: str
    backend: str
    accepted_at: float


@dataclass(frozen=True, slots=True)
class Unserved:
    """A client's connection was closed, because no backend took it; ``reason`` says why."""

    port: int
    client: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """The checks of a backend's port have marked it up or down; ``reason`` is HAProxy's own."""

    port: int
    backend: str
    up: bool
    reason: str


def parse(line: str) -> Connected | Unserved | Change | None:
    """What a line says; None if it is of no interest, or no line of ours."""
    line = line.rstrip("\r\n")
    session = _SESSION.fullmatch(line)
    if session:
        return _session(session)
    change = _CHANGE.fullmatch(line)
    if change:
        return Change(
            port=int(change["port"]),
            backend=change["backend"],
            up=change["state"] == "UP",
            reason=change["reason"],
        )
    return None


def _session(found: re.Match[str]) -> Connected | Unserved | None:
    port, client, backend, ended = int(found["port"]), *found.group("client", "backend", "ended")
    if int(found["connect_ms"]) >= 0:
        return Connected(port, client, backend, accepted_at=float(found["accepted"]))
    if ended.startswith(_CLIENT_LEFT):
        return None
    if backend == _NO_SERVER:
        return Unserved(port, client, "no backend is up")
    return Unserved(port, client, f"{backend}: {_WHY.get(ended, f'session state {ended}')}")
