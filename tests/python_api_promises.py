"""What the Python API promises of classes that have more members than are for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

PROMISED: Final[Mapping[str, set[str]]] = {
    "Entry": {"account", "arrived", "flow", "message", "queued_on", "recipient"},
    "Lab": {"directory", "driver", "placement", "reachable", "remarks", "topology"},
    "Ledger": {"accounts", "entries"},
    "LogAccount": {"counts", "document", "missing", "status", "undelivered"},
    "MailAccount": {"copies", "counts", "document", "remarks", "status", "undelivered", "unread"},
    "Topology": {"clock", "flows", "name", "nodes"},
}
"""By class, what docs/python/api.md promises. The rest is between our own modules."""
