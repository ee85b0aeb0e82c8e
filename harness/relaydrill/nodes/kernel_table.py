"""The kernel's tables of sockets over IPv4: who listens, and who waits to be taken.

Read as it is: asking every process for its files would cost more than the mail (proc(5)).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_TABLE: Final = Path("/proc/net/tcp")
_DATAGRAMS: Final = Path("/proc/net/udp")

ESTABLISHED: Final = 1
LISTENING: Final = 10


class Connection(NamedTuple):
    """One line of the table.

    Attributes:
        local: Address and port of this end.
        remote: Address and port of the other end.
        state: As the kernel numbers it.
        inode: Of its socket; 0 while no program has taken the connection.
    """

    local: tuple[str, int]
    remote: tuple[str, int]
    state: int
    inode: int


def connections(table: Path = _TABLE) -> Iterator[Connection]:
    """All lines of the table."""
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        yield Connection(
            _endpoint(fields[1]), _endpoint(fields[2]), int(fields[3], 16), int(fields[9])
        )


def datagram_bytes_waiting(local: tuple[str, int], table: Path = _DATAGRAMS) -> int:
    """How many bytes of memory the datagrams take that came to an address and port unread."""
    waiting = 0
    for line in table.read_text().splitlines()[1:]:
        fields = line.split()
        if _endpoint(fields[1]) == local:
            waiting += int(fields[4].partition(":")[2], 16)
    return waiting


def _endpoint(text: str) -> tuple[str, int]:
    address, _, port = text.partition(":")
    return socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)
