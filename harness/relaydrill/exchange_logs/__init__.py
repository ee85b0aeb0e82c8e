"""Exchange's SmtpReceive and message tracking logs: how a row is written, and read back. Pure.

A log is lines of comma-separated values under a block of lines that begin with ``#``. Which value
is which field, its ``#Fields`` line alone says: Exchange 2007 has 21 fields in a tracking log, 2010
has 26, and later versions put new ones in between. A file may hold several such blocks, begin with
a byte order mark, and break off in the middle of a row where its server was killed. An export of a
shell holds the same rows under the names of their properties.
"""

from __future__ import annotations

from relaydrill.exchange_logs.reading import parse_log
from relaydrill.exchange_logs.rows import (
    NEVER,
    READ_TYPES,
    RECEIVE_FIELDS,
    RECEIVE_TYPE,
    SEND_TYPE,
    TRACKING_FIELDS,
    TRACKING_TYPE,
    ExchangeLog,
    ProtocolRow,
    TrackingRow,
)
from relaydrill.exchange_logs.writing import header, to_line

__all__ = [
    "NEVER",
    "READ_TYPES",
    "RECEIVE_FIELDS",
    "RECEIVE_TYPE",
    "SEND_TYPE",
    "TRACKING_FIELDS",
    "TRACKING_TYPE",
    "ExchangeLog",
    "ProtocolRow",
    "TrackingRow",
    "header",
    "parse_log",
    "to_line",
]
