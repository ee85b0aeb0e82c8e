"""Every row of a set of files once, with the server and the service whose it is. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final

from relaydrill.exchange_logs import ExchangeLog, TrackingRow
from relaydrill.exchange_logs.coverage import SUBMISSION, kind_by_name
from relaydrill.exchange_logs.events import is_of_moderation
from relaydrill.exchange_logs.servers import Servers

SUBMITTING: Final = "submission"
"""The service that takes mail out of mailboxes (2013 and later): it has a queue of its own."""
_ZONES_S: Final = 900
"""Time zones differ by quarters of an hour."""

Placed = tuple[str, TrackingRow, str]
"""A server, a row of its log, and the service, empty for its transport service."""


def rows_once(logs: tuple[ExchangeLog, ...], servers: Servers) -> tuple[list[Placed], int]:
    """Every row once: what was fetched twice says nothing twice.

    An export tells of rows that a log has, too, with less of a time and in another spelling.

    Returns:
        The rows, and how many more there are of them.
    """
    found: list[Placed] = []
    seen: dict[int, ExchangeLog] = {}
    told: Counter[int] = Counter()
    again = 0
    for log in sorted(logs, key=lambda log: log.is_export):
        mine: Counter[int] = Counter()
        fresh: Counter[int] = Counter()
        for row in log.tracking:
            server = servers.of(log, row)
            same, mark = hash((server, *row.values.row)), _mark(server, row)
            if seen.setdefault(same, log) is not log or (log.blocks > 1 and mine[same]):
                again += 1
            elif log.is_export and told[mark] > 0:
                told[mark] -= 1
                again += 1
            else:
                mine[same] += 1
                fresh[mark] += 1
                found.append((server, row, _service(log, row)))
        told += fresh
    return found, again


def about_what_was_moderated(rows: list[Placed]) -> list[Placed]:
    """The same, with what moderation says of its own request said of the message in question."""
    # What only the approval itself has made is a request, and nobody's mail.
    received = {
        row.message for _, row, _ in rows if row.event == "RECEIVE" and row.source != "APPROVAL"
    }
    return [
        (server, replace(row, message=reference), service)
        if is_of_moderation(row.event)
        and row.message not in received
        and (reference := row.values.get("reference", "").strip()) in received
        else (server, row, service)
        for server, row, service in rows
    ]


def _mark(server: str, row: TrackingRow) -> int:
    """What a row is known by in an export, too, whose times may be another zone's."""
    recipients = frozenset(recipient.lower() for recipient in row.recipients)
    moment = int(row.time) % _ZONES_S
    return hash((server, row.event, row.source, row.message, recipients, moment))


def _service(log: ExchangeLog, row: TrackingRow) -> str:
    is_new = log.version >= 15 or (log.is_export and "network-message-id" in row.values)
    is_its_own = row.event == "SUBMIT" or (row.event == "RECEIVE" and row.source == "STOREDRIVER")
    is_named_so = kind_by_name(log.path.name) == SUBMISSION
    return SUBMITTING if (is_new and is_its_own) or is_named_so else ""
