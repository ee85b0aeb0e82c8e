"""Rows of tracking logs as deeds, in the order in which they come. Pure.

Other than the account of logs that are all at hand, nothing here knows what will come: what a row
says by itself, and by what came before it, is all there is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from relaydrill.exchange_logs import TrackingRow
from relaydrill.exchange_logs.events import is_of_moderation, meaning
from relaydrill.exchange_logs.steps import Step, step_of
from relaydrill.mail_logs.deeds import Deed, Does

_MOST_RENAMED: Final = 100_000
"""Messages of which it is remembered who stands in for whom."""
_MOST_STRANGE: Final = 20


class Deeds:
    """What rows say, one after the other.

    Attributes:
        servers: Whose logs the rows stand in, as far as they say, lower case, without a domain.
        strange: Events that nobody knows, and where the first of each stands.
    """

    def __init__(self) -> None:
        self.servers: set[str] = set()
        self.strange: dict[str, str] = {}
        self._first_names: OrderedDict[str, dict[str, str]] = OrderedDict()

    def of(self, row: TrackingRow) -> Iterator[Deed]:
        """What one row does to its message, for each of its recipients."""
        host = own_name(row)
        if host:
            self.servers.add(_short(host))
        means = meaning(row.event, row.source)
        if means is None:
            if row.message and len(self.strange) < _MOST_STRANGE:
                self.strange.setdefault(row.event, row.where)
            return
        if means.does is Does.NOTHING or means.has_it or not row.message:
            return
        step = step_of(host, row, means)
        if step.does is Does.RENAMED:
            self._rename(row)
        recipients = row.related if row.event == "REDIRECT" and row.source == "AGENT" else ()
        for recipient in recipients or row.recipients or ("",):
            yield self._deed(row, step, recipient)
        if is_of_moderation(row.event) and (reference := row.values.get("reference", "").strip()):
            # Of the message that a moderator was asked about; the row names the request.
            yield replace(self._deed(row, step, ""), message=reference)

    def _deed(self, row: TrackingRow, step: Step, recipient: str) -> Deed:
        does, message, by = step.does, row.message, step.by or step.to
        if does is Does.MOVED and self._is_away(row):
            does = Does.HANDED_ON
        if does is Does.COPIED:
            # A report or a forwarded message has a Message-ID of its own: the copy is of another.
            message = row.values.get("reference", "").strip() or message
            by = step.says
        first = self._first_names.get(row.message, {}).get(recipient.lower(), "")
        return Deed(
            does,
            message,
            recipient,
            original="" if first == recipient.lower() else first,
            by=by or (row.server if does is Does.DELIVERED else ""),
            said="; ".join(part for part in (step.says, step.said) if part),
            wall=row.time,
            host=step.server,
            queue_id=row.internal,
            where=row.where,
        )

    def _is_away(self, row: TrackingRow) -> bool:
        to = _short(row.server or row.server_ip)
        return bool(to) and row.event != "SUBMIT" and to not in self.servers

    def _rename(self, row: TrackingRow) -> None:
        """Remember whom a message was sent to, behind the names that stand in for it."""
        if not row.related:
            return
        names = self._first_names.setdefault(row.message, {})
        self._first_names.move_to_end(row.message)
        old = row.related[0].lower()
        first = names.get(old, old)
        for recipient in row.recipients:
            if recipient.lower() != first:
                names.setdefault(recipient.lower(), first)
        if len(self._first_names) > _MOST_RENAMED:
            self._first_names.popitem(last=False)


def own_name(row: TrackingRow) -> str:
    """The server in whose log a row stands, if the row says so."""
    if row.event in ("RECEIVE", "HARECEIVE"):
        return row.server
    is_own = row.event in ("SEND", "SENDEXTERNAL", "DELIVER", "DEFER", "SUBMIT", "AGENTINFO")
    return row.client if is_own else ""


def _short(name: str) -> str:
    return name.lower().partition(".")[0] if not name[:1].isdigit() else name
