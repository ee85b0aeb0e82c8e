"""Servers as HAProxy itself knows them: what ``show servers state`` and ``show stat`` print."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_MAINTENANCE: Final = 0x01 | 0x02 | 0x20
_DRAINING: Final = 0x08 | 0x10
_STOPPED: Final = "0"
"""Operational and administrative states (management guide, "show servers state")."""

FORCED: Final = {"maint": 0x01, "drain": 0x08}
"""What ``set server … state`` sets; the other flags are a configuration's or a name server's."""

STATES: Final = ("ready", "drain", "maint")
"""What an operator sets a server to."""

BOTH: Final = "show servers state; show stat"
"""Asks for both tables at once."""

_COUNTS: Final = "# pxname,"
"""How the second of the two begins."""

_NO_ADDRESS: Final = "-"

_OF_A_SERVER: Final = "2"
"""The type of a server's row (management guide, §9.1)."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server as HAProxy knows it.

    Attributes:
        name: ``backend/server``.
        address: Its address, as HAProxy writes it.
        port: Its port, as HAProxy writes it.
        operational: See the management guide.
        administrative: See the management guide.
    """

    name: str
    address: str
    port: str
    operational: str
    administrative: int

    @property
    def state(self) -> str:
        """In a word: up, down, drain or maint."""
        if self.administrative & _MAINTENANCE:
            return "maint"
        if self.administrative & _DRAINING:
            return "drain"
        return "up" if self.is_up else "down"

    @property
    def has_address(self) -> bool:
        """Whether a name server has told it where the server is, or the file has."""
        return self.address != _NO_ADDRESS

    @property
    def is_up(self) -> bool:
        """Whether its checks have not found it down."""
        return self.operational != _STOPPED

    def is_set_to(self, state: str) -> bool:
        """Whether it is as ``set server … state`` would leave it."""
        if state == "ready":
            return not self.administrative & sum(FORCED.values())
        return bool(self.administrative & FORCED[state])


def parted(printed: str) -> tuple[str, str]:
    """Either table of what `BOTH` has printed.

    Args:
        printed: Both, one after the other.
    """
    states, _, counts = printed.partition(_COUNTS)
    return states, _COUNTS + counts


def shown_as(state: str, *, is_sure: bool) -> str:
    """What is told of a server to whoever waits for a lab to be ready.

    HAProxy begins with all servers up before it has checked any, and one bad check is enough until
    there was a good one: a drill that began then would see it notice a death too soon.

    Args:
        state: What HAProxy believes.
        is_sure: As `Served.is_sure`.
    """
    return "starting" if state == "up" and not is_sure else state


def in_table(printed: str) -> Iterator[Server]:
    """The servers that ``show servers state`` has printed.

    Raises:
        KeyError, ValueError: It is no such table.
    """
    head: list[str] = []
    for line in printed.splitlines():
        if line.startswith("#"):
            head = line[1:].split()
        elif head and line.strip():
            row = dict(zip(head, line.split(), strict=False))
            yield Server(
                f"{row['be_name']}/{row['srv_name']}",
                row["srv_addr"],
                row["srv_port"],
                row["srv_op_state"],
                int(row["srv_admin_state"]),
            )


@dataclass(frozen=True, slots=True)
class Served:
    """What HAProxy has counted of a server.

    Attributes:
        sessions: How many clients were given to it.
        check: What its last check came to: ``L4TOUT``, ``L7STS``; empty where there was none.
        is_sure: Whether it would take as many bad checks as are configured to take it out. When
            HAProxy has just started, one is enough, until there was a good one.
    """

    sessions: int
    check: str
    is_sure: bool = True


def counted(printed: str) -> dict[str, Served]:
    """What ``show stat`` says of each server, by ``backend/server``.

    Raises:
        KeyError, ValueError: It is no such table.
    """
    rows = csv.DictReader(printed.removeprefix("# ").splitlines())
    return {
        f"{row['pxname']}/{row['svname']}": Served(
            int(row["stot"] or 0),
            row["check_status"].removeprefix("* "),
            _is_sure(row),
        )
        for row in rows
        if row["type"] == _OF_A_SERVER
    }


def _is_sure(row: dict[str, str]) -> bool:
    """One that is not checked by itself is believed in whatever happens.

    ``check_health`` counts up to the good and bad checks in a row together, less one (management
    guide, §9.1).
    """
    if not row.get("check_rise"):
        return True
    return int(row["check_health"]) >= int(row["check_rise"]) + int(row["check_fall"]) - 1
