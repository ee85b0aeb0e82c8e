"""Greylisting: mail of whom a server does not know yet is put off, and taken when it comes again.

What is looked up, and when it may pass, is as Postgrey has it (postgrey(8)): a new one is noted and
put off, and passes once its delay is over, which its retries in between do not prolong. Postgrey's
list is on the disk of the server, and so is this.
"""

from __future__ import annotations

import ipaddress
import sqlite3
from pathlib import Path
from typing import Final

from relaydrill import clock
from relaydrill.fibres.carrier import closed_at_the_end
from relaydrill.node_settings import Greylist

_IPV6_BITS: Final = 64
_SCHEMA: Final = "CREATE TABLE IF NOT EXISTS seen (key TEXT PRIMARY KEY, since REAL) WITHOUT ROWID"


class KnownSenders:
    """What one server has seen, and since when; it outlives a ``kill -9``.

    Args:
        path: Where its list is kept; the file is made when it is first needed.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since: dict[str, float] = {}
        self._opened: sqlite3.Connection | None = None

    def puts_off(self, greylist: Greylist, client: str, sender: str, recipient: str) -> bool:
        """Whether this is not known for long enough; what is new is known from now on.

        Asking again changes nothing.

        Args:
            greylist: The rules, by the lab's clock.
            client: The client's address.
            sender: The envelope sender.
            recipient: The envelope recipient.
        """
        key, now = key_of(greylist, client, sender, recipient), clock.wall()
        disk = self._disk()
        if key not in self._since:
            self._since[key] = now
            disk.execute("INSERT OR REPLACE INTO seen VALUES (?, ?)", (key, now))
        return now - self._since[key] < greylist.delay

    def close(self) -> None:
        """Close the list."""
        if self._opened:
            self._opened.close()
            self._opened = None

    def _disk(self) -> sqlite3.Connection:
        """The list on the disk; what an earlier life left there is known."""
        if self._opened is None:
            self._opened = sqlite3.connect(
                self._path, check_same_thread=False, isolation_level=None
            )
            closed_at_the_end(self._opened)
            self._opened.execute("PRAGMA journal_mode = WAL")
            self._opened.execute("PRAGMA synchronous = OFF")
            self._opened.execute(_SCHEMA)
            self._since.update(self._opened.execute("SELECT key, since FROM seen"))
        return self._opened


def key_of(greylist: Greylist, client: str, sender: str, recipient: str) -> str:
    """What is looked up: the client's network, and with it the envelope where that counts."""
    network = _network_of(greylist, client)
    if greylist.key == "source":
        return network
    return " ".join((network, sender.lower(), recipient.lower()))


def _network_of(greylist: Greylist, client: str) -> str:
    """The network that an address lies in; what is no address stands for itself."""
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return client
    bits = greylist.network if address.version == 4 else _IPV6_BITS
    return str(ipaddress.ip_network((address, bits), strict=False).network_address)
