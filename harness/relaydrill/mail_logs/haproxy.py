"""What each line of HAProxy's log means: which server a session went to, and how it ended. Pure.

Lines are of ``option tcplog`` (HAProxy's configuration manual, §8.2.2), without their frame::

    10.0.0.7:47094 [30/Nov/2026:02:51:43.606] smtp smtp/ht1 1/0/23 12 -- 1/1/0/0/0 0/0

and what it says of servers that come and go. A balancer knows no messages: nothing here is a deed.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

PROGRAM: Final = "haproxy"
"""How its tag begins, where ``log-tag`` does not say otherwise."""

_SESSION: Final = re.compile(
    r"\S+?:\d+ \[[^\]]+\] \S+ "
    r"(?P<backend>[^/\s]+)/(?P<server>\S+) -?\d+/-?\d+/\+?\d+ "
    r"\+?\d+ (?P<ended>\S\S) \d+/\d+/\d+/\d+/\+?\d+ \d+/\d+"
)
_CHANGE: Final = re.compile(
    r"(?:Backup )?Server (?P<backend>[^/\s]+)/(?P<server>\S+) is (?P<state>UP|DOWN|going DOWN|in"
    r" the state|stopping)(?: for maintenance)?[^,]*(?:, reason: (?P<reason>[^,.]*(?:, info: "
    r"\"[^\"]*\")?))?"
)
_EMPTY: Final = re.compile(r"(?:backend|proxy|listener) (?P<backend>\S+) has no server available!")
_NO_SERVER: Final = "<NOSRV>"


class Session(NamedTuple):
    """One connection of a client's, when it is over.

    Attributes:
        backend: As configured.
        server: Whom it was given to; empty where there was nobody.
        ended: The state at its end (§8.5): ``--`` is in good order.
    """

    backend: str
    server: str
    ended: str


class Change(NamedTuple):
    """What the checks of a server have made of it.

    Attributes:
        server: Empty where it is the backend that has nobody left.
        is_up: Whether it gets sessions from here on.
        reason: HAProxy's own.
    """

    backend: str
    server: str
    is_up: bool
    reason: str


def read(text: str) -> Session | Change | None:
    """What a line says; None where it is of neither kind."""
    if found := _SESSION.match(text):
        server = found["server"]
        return Session(found["backend"], "" if server == _NO_SERVER else server, found["ended"])
    if found := _CHANGE.match(text):
        reason = (found["reason"] or "").strip()
        return Change(found["backend"], found["server"], found["state"] == "UP", reason)
    if found := _EMPTY.match(text):
        return Change(found["backend"], "", False, "no server is available")
    return None
