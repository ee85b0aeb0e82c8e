"""What single rows say of one message for one recipient, and what follows for the ledger. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from relaydrill.exchange_logs import TrackingRow
from relaydrill.exchange_logs.events import SOURCES, Meaning
from relaydrill.journal import Event
from relaydrill.mail_logs.deeds import Does
from relaydrill.mail_logs.reading import sends_back, throws_away

Key = tuple[str, str]
"""Message-ID, and recipient in lower case."""

_QUARANTINE: Final = ("quarantine", "quarantäne", "spam", "junk", "malware", "virus")
PROMISE: Final = "250"
"""Stands for an event where only the SmtpReceive log has a message."""
SENT: Final = "250 (SmtpSend)"
"""Stands for an event where only the SmtpSend log tells that a next hop has taken a message."""
_THROWN_AWAY: Final = ("deleted by", "quarantined")
_MOST_SAID: Final = 200
_ENTERS: Final = (Does.PROMISED, Does.COPIED)
_LEAVES: Final = {
    Does.MOVED: ("relayed",),
    Does.HANDED_ON: ("relayed",),
    Does.DISCARDED: ("relayed",),
    Does.FAILED: ("bounced",),
    Does.DELIVERED: ("relayed", "arrived"),
}
_RANK: Final = {does: rank for rank, does in enumerate((*_ENTERS, Does.RENAMED))}


@dataclass(frozen=True, slots=True)
class Step:
    """What one row says of one message for one recipient.

    Attributes:
        time: Seconds since the epoch, by the server's own clock.
        server: Whose log.
        event: As in the log.
        source: As in the log.
        does: What that means.
        says: That in words.
        to: Where it went, as it stands there; `onward` is that server's name if its log is at hand.
        by: Who did it, where that is told.
        said: A reply, or a reason.
        service: The service of the server whose queue is meant, where that is not its transport.
        peer: The server that it came from, if its log is at hand.
        is_direct: Whether it went to the service that delivers to mailboxes.
        is_to_edge: Whether it went to an Edge server.
        everywhere: See `relaydrill.exchange_logs.events.Meaning`.
        has_it: See `relaydrill.exchange_logs.events.Meaning`.
    """

    time: float
    server: str
    event: str
    to: str = ""
    onward: str = ""
    said: str = ""
    does: Does = Does.NOTHING
    says: str = ""
    source: str = ""
    by: str = ""
    service: str = ""
    peer: str = ""
    is_direct: bool = False
    is_to_edge: bool = False
    everywhere: bool = False
    has_it: bool = False

    @property
    def node(self) -> str:
        """Whose queue it is about, as the ledger calls it."""
        return f"{self.server} ({self.service})" if self.service else self.server


def step_of(server: str, row: TrackingRow, means: Meaning, service: str = "") -> Step:
    """A row's step for any of its recipients; where it went is not said yet."""
    does, to = means.does, ""
    said = "; ".join(row.statuses)[:_MOST_SAID]
    if does in (Does.DEFERRED, Does.DISCARDED, Does.HELD) or (does is Does.FAILED and not said):
        said = said or row.context[:_MOST_SAID]
    if does is Does.FAILED and any(word in said.lower() for word in _THROWN_AWAY):
        does = Does.DISCARDED  # by a rule, or a person: nobody tried to deliver it
    if row.event == "REDIRECT" and does is Does.HANDED_ON:
        to = "; ".join(row.recipients)
        if any(word in to.lower() for word in _QUARANTINE):
            does = Does.HELD
            said = f"sent to {to} in place of the recipient"
    elif does in (Does.MOVED, Does.HANDED_ON) and not means.has_it:
        to = row.server or row.server_ip or row.values.get("connector-id", "")
    answer = _answered(row) if does is Does.MOVED else None
    if answer:
        does, said = answer, f"{said}; {row.context}"[:_MOST_SAID]
    connector = row.values.get("connector-id", "").lower()
    return Step(
        row.time,
        server,
        row.event,
        to=to,
        said=said,
        does=does,
        says=means.says,
        source=row.source,
        by=to if answer else _by(row, does),
        service=service,
        is_direct=is_direct(connector),
        is_to_edge=is_to_edge(connector),
        everywhere=means.everywhere,
        has_it=means.has_it,
    )


def is_direct(connector: str) -> bool:
    """Whether a send connector, in lower case, leads to the organization's own servers."""
    return connector.startswith("intra-organization")


def is_to_edge(connector: str) -> bool:
    """Whether a send connector, in lower case, leads to Edge servers."""
    return connector.startswith("edgesync") and "inbound" not in connector


def _answered(row: TrackingRow) -> Does | None:
    """What a server that took it says to have made of it, where that is no promise to deliver it.

    The reply stands in the status, or in the context behind the session's number.
    """
    if not row.event.startswith("SEND"):
        return None
    return answered(*row.statuses, *row.context.split(";")[1:])


def answered(*replies: str) -> Does | None:
    """What replies of 250 make of a message, where they are no promise to deliver it."""
    if any(throws_away(reply) for reply in replies):
        return Does.DISCARDED
    return Does.FAILED if any(sends_back(reply) for reply in replies) else None


def _by(row: TrackingRow, does: Does) -> str:
    """Who has done it, by the name that the row has for it, or else by its source."""
    if row.event.startswith("MODERAT"):
        return ""  # its words say so
    if does not in (Does.DISCARDED, Does.HELD, Does.HANDED_ON):
        return ""
    source = SOURCES.get(row.source, row.source)
    if row.source in ("AGENT", "") and row.context:
        return row.context.partition(";")[0][:80]
    return source


def as_events(key: Key, steps: list[tuple[float, Step]]) -> Iterator[Event]:
    """What the ledger is told of a message for one recipient.

    Args:
        key: Message and recipient.
        steps: Each with its time by the clock of the first server.
    """
    present: Counter[str] = Counter()
    ordered = sorted(steps, key=lambda each: (each[0], _RANK.get(each[1].does, len(_RANK))))
    if not any(step.does in _ENTERS or step.does is Does.RENAMED for _, step in ordered):
        # It was taken before these logs begin, by whoever speaks of it first.
        first = next((each for each in ordered if _shows_it_there(each[1])), None)
        if first is not None:
            present[first[1].node] += 1
            yield _event(first[0], first[1], "accepted", key)
    for time, step in ordered:
        yield from _changes(key, time, step, present)
    if not any(step.does is Does.DELIVERED for _, step in ordered):
        for time, step in [each for each in ordered if each[1].has_it][:1]:
            yield _event(time, step, "arrived", key)


def _shows_it_there(step: Step) -> bool:
    return step.does not in (Does.NOTHING, Does.DELIVERED) and not step.has_it


def _changes(key: Key, time: float, step: Step, present: Counter[str]) -> Iterator[Event]:
    if step.does in (*_ENTERS, Does.RENAMED):
        if step.event == "MODERATORAPPROVE":
            return
        if step.event == "RECEIVE" and step.source == "APPROVAL":
            yield from _gone(key, time, step, present)
        if step.event == "RECEIVE" or not present[step.node]:
            present[step.node] += 1
            yield _event(time, step, "accepted", key)
    elif step.does is Does.DEFERRED:
        yield _event(time, step, "deferred", key)
    elif kinds := _LEAVES.get(step.does):
        if step.everywhere:
            yield from _gone(key, time, step, present)
        for kind in kinds:
            yield _event(time, step, kind, key)
        present[step.node] = max(0, present[step.node] - 1)


def _gone(key: Key, time: float, step: Step, present: Counter[str]) -> Iterator[Event]:
    """It lies on no server any more, whichever had it."""
    for node, copies in present.items():
        for number in range(copies):
            # The ledger takes two lines of one node in one microsecond for one line twice.
            at = time + number * 1e-3
            yield Event(at, at, node, "relayed", *key, {})
    present.clear()


def _event(time: float, step: Step, kind: str, key: Key) -> Event:
    detail: dict[str, object] = {}
    if kind in ("bounced", "deferred"):
        detail = {"reason": step.said}
    elif kind == "relayed" and step.to:
        detail = {"to": step.to}
    elif step.event == PROMISE:
        detail = {"stored": False}  # that it lay in the queue no log says
    return Event(time, time, step.node, kind, *key, detail)
