"""What can be known of a lab whose servers keep no journal: from this machine's own journals.

The banner tells which server took a message, and the address which VIP; what the servers' logs and
mailboxes tell of it comes as `relaydrill.mail_logs.deeds`. All of it becomes the journal of the
node that did it, as if it had written it.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from relaydrill.drivers.attach.attribution import Attribution, Credit
from relaydrill.drivers.attach.deed_events import ENDS, KINDS, as_deed, detail_of, event_of
from relaydrill.drivers.attach.leftovers import Leftovers
from relaydrill.drivers.attach.neighbours import Neighbours
from relaydrill.drivers.attach.observers import LogReader, Observer
from relaydrill.drivers.attach.recognition import Recognition
from relaydrill.drivers.attach.server_names import ServerNames
from relaydrill.journal import Event
from relaydrill.mail_logs.deeds import Deed, Does
from relaydrill.placement import Placement
from relaydrill.smtp import Result
from relaydrill.topology import Topology

Key = tuple[str, str]
"""A message and one of its recipients, in lower case."""

JournalPath = Callable[[str], Path]

_KEPT_S: Final = 5.0
"""Seconds for which a deed waits for the attempt, or the reply, that tells whose it is; and until
the next look, however late that comes."""

_EVERY_S: Final = 1.0

_MOST_KEPT: Final = 20_000
"""So many deeds wait at most: a busy log is mostly about the mail of others."""


@dataclass(slots=True)
class Seen:
    """What has been seen of one lab so far.

    Attributes:
        accepted: When senders got a 250, by key.
        arrived: What has arrived.
        failed: When the last attempt of any other was over, and what it was told.
    """

    accepted: dict[Key, float] = field(default_factory=dict)
    arrived: set[Key] = field(default_factory=set)
    failed: dict[Key, tuple[float, str]] = field(default_factory=dict)


@dataclass(slots=True)
class _Message:
    """One message of ours.

    Attributes:
        sent_to: Its recipients, in lower case.
        renamed: By address, the one that it came from, as servers tell.
        copied: Who gets only a copy of it, as servers tell.
        deeds: Those that have a queue id, by who told them: a log may be given to two nodes.
    """

    sent_to: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    copied: set[str] = field(default_factory=set)
    deeds: dict[tuple[object, ...], _Source] = field(default_factory=dict)


class _Source(NamedTuple):
    """Who tells of deeds.

    Attributes:
        node: Whose mailbox or log it is.
        sees_arrivals: Whether arrivals at its mailbox server are seen by it; a log that is read
            besides tells only what its server did.
    """

    node: str
    sees_arrivals: bool


class _Told(NamedTuple):
    """A deed, by whom it was told, and until when it is kept while nobody knows whose it is."""

    until: float
    source: _Source
    deed: Deed
    mono: float | None


class Witness:
    """Reads the journals of what runs here, and writes those of what does not.

    Args:
        topology: The design.
        placement: Where its nodes are.
        ours: The nodes that run here and keep journals.
        observers: Who sees what arrives at the others, by mailbox server.
        journal: The file for a node's journal.
        logs: Who reads what else the others do with mail, by node.
    """

    def __init__(
        self,
        topology: Topology,
        placement: Placement,
        ours: Iterable[str],
        observers: Mapping[str, Observer],
        journal: JournalPath,
        logs: Mapping[str, Observer] = MappingProxyType({}),
    ) -> None:
        assert topology.attach
        self._ours = tuple(ours)
        boxes = {**topology.mailboxes, **topology.sinks}
        by_log = logs.keys() & boxes.keys() - observers.keys()
        self._sources = [  # hubs first, as mail goes: not every log tells the time
            *((_Source(node, node in by_log), each) for node, each in logs.items()),
            *((_Source(node, True), each) for node, each in observers.items()),
        ]
        self._journal = journal
        self._offsets = dict.fromkeys(self._ours, 0)
        self._ports: dict[Key, int] = {}
        self._messages: dict[str, _Message] = defaultdict(_Message)
        self._names = ServerNames()
        self._strange: deque[_Told] = deque(maxlen=_MOST_KEPT)
        self._kept_up = self._begun = float("-inf")
        self._ended: set[Key] = set()
        self._boxes: dict[Key, set[str]] = defaultdict(set)
        self._waiting: deque[_Told] = deque(maxlen=_MOST_KEPT)
        self._leftovers = Leftovers()
        self._nodes = Recognition(topology, placement, self._ours)
        self._whose = Attribution(topology.attach.recipients, topology.attach.copies)
        self._owners = owners_of(topology)
        self._neighbours = Neighbours(topology, placement, self._ours, {*observers, *logs})
        looked_at = {*observers, *by_log, *self._ours}
        watched = (box for name, box in boxes.items() if name in looked_at)
        self._seen_to_arrive = {domain for box in watched for domain in box.domains}
        self.seen = Seen()

    def keep_up(self) -> None:
        """Look into logs alone, once a second at most: when a line came is part of what it tells.

        A mailbox that is asked over a network may take its time.
        """
        if time.monotonic() >= self._kept_up + _EVERY_S:
            self.look(logs_alone=True)

    def look(self, *, logs_alone: bool = False) -> Seen:
        """Take in what has been journalled, and told by logs, since the last look.

        Args:
            logs_alone: Whether whatever is no log is left for later.
        """
        for node in self._ours:
            for event in self._new_events(node):
                self.take(event)
        now = self._kept_up = time.monotonic()
        new = self._new_deeds(now + _KEPT_S, logs_alone=logs_alone)
        deeds = [each for told in (*self._waiting, *new) for each in self._apart(told)]
        self._waiting.clear()
        # What one server made of an address another one's log needs to know, whichever was read
        # first.
        for each in deeds:
            if message := self._message_of(each):
                self._learn(message, each)
        for each in deeds:
            if message := self._message_of(each):
                self._deed(message, each)
            elif each.until > now:
                self._waiting.append(each)
            elif each.deed.does is Does.DELIVERED and each.source.sees_arrivals:
                self._strange.append(each)
        return self.seen

    def _apart(self, told: _Told) -> Iterator[_Told]:
        """A deed; or, where its message bears the Message-ID of another of ours, one for each."""
        message, bears = told.deed.message, told.deed.bears
        if not message and not told.deed.queue_id:
            yield self._known_by_its_reply(told)
            return
        if not {message, bears} <= self._messages.keys():
            yield told
            return
        for each in (message, bears):
            deed = replace(told.deed, message=each, bears="", marks=(message, bears))
            yield told._replace(deed=deed)

    def _known_by_its_reply(self, told: _Told) -> _Told:
        """A deed that names no message, as one of a message that was answered in the same words."""
        recipient = told.deed.recipient.lower()
        message = self._names.by_reply(
            self._node_of(told), told.deed, lambda each: recipient in self._messages[each].sent_to
        )
        if not message:
            return told
        # The reply was for the message, whomever of its recipients the log names: it names the
        # first.
        return told._replace(deed=replace(told.deed, message=message, recipient=""))

    def _renamed_on_the_way(self, missing: Mapping[Key, float]) -> Iterator[str]:
        """That deliveries of unknown names may be what is missing, where there are enough of them.

        A gateway may write Message-IDs anew, and a log tells no other mark of a message.
        """
        for whose in sorted({recipient for _, recipient in missing}):
            since = [at for (_, to), at in missing.items() if to == whose]
            strange = [
                told.deed
                for told in (*self._strange, *self._waiting)
                if told.deed.does is Does.DELIVERED
                and whose in (told.deed.recipient.lower(), told.deed.original.lower())
                and told.until - _KEPT_S >= min(since)
            ]
            if len(strange) >= len(since):
                yield (
                    f"{len(strange)} deliveries to {whose} bear Message-IDs that nobody sent"
                    f" ({strange[0].message or 'none'}): look into its mailbox, for example by imap"
                )

    def _new_deeds(self, until: float, *, logs_alone: bool) -> list[_Told]:
        """What all sources tell that is new, by time as far as they tell it."""
        found: list[tuple[float, _Told]] = []
        for source, observer in self._sources:
            if logs_alone and not isinstance(observer, LogReader):
                continue
            wall = 0.0
            for told in observer.new():
                deed, mono = as_deed(told)
                wall = max(wall, deed.wall or 0.0)  # one log is in order, whatever its clock says
                found.append((wall, _Told(until, source, deed, mono)))
        return [told for _, told in sorted(found, key=itemgetter(0))]

    def begin(self) -> None:
        """A drill begins: only of its own mail, and of its own time, is told what was not read."""
        self.look()
        self._begun = time.monotonic()
        for _, observer in self._sources:
            if isinstance(observer, LogReader):
                observer.begin()

    def missing(self) -> dict[Key, float]:
        """This drill's mail that was accepted and has not been seen to arrive, and since when."""
        seen = self.look()
        return {
            key: at
            for key, at in seen.accepted.items()
            if at >= self._begun and key not in seen.arrived
        }

    def unread(self) -> list[str]:
        """What of the servers' logs could not be read whole, a sentence each."""
        missing = {key: at for key, at in self.missing().items() if key not in self._ended}
        found = [*self._renamed_on_the_way(missing)]
        for source, observer in self._sources:
            if isinstance(observer, LogReader):
                found += observer.unread()
                found += observer.quiet(missing.values()) if source.sees_arrivals else ()
        return found

    def knows_empty(self, node: str) -> bool:
        """Whether a server's own log shows that nothing of ours lies in its queue."""
        return self._leftovers.are_none(node)

    def tell_empty(self, node: str) -> None:
        """Journal that nothing of ours lies in a server's queue."""
        self.append(Event(time.monotonic(), time.time(), node, "queue", detail={"items": []}))

    def known_on(self, node: str) -> dict[str, str]:
        """The messages whose queue ids a server told: see `ServerNames.known_on`."""
        return self._names.known_on(node)

    def recipient_of(self, message: str, address: str) -> str:
        """To whom a message was sent that a queue has for an address; the address, if unknown."""
        if message not in self._messages:
            return address
        credit = self._credit(message, Deed(Does.DEFERRED, message, address))
        return credit.recipients[0] if len(credit.recipients) == 1 else address

    def _message_of(self, told: _Told) -> str:
        """Our name of the message that a deed is about; empty if it is none of ours.

        The mail of others is nobody's business. Where a log does not tell the Message-ID, or a
        server wrote it anew, its queue id may have been told to the sender.
        """
        deed = told.deed
        if deed.message in self._messages:
            return deed.message
        return self._names.by_queue_id(self._node_of(told), deed)

    def _learn(self, message: str, told: _Told) -> None:
        """Note what a server made of an address, and what it calls the message."""
        deed, mine = told.deed, self._messages[message]
        named, original = deed.recipient.lower(), deed.original.lower()
        if deed.message and deed.message != message:
            return
        if deed.queue_id:
            node, is_over = self._node_of(told), deed.does is Does.ENDED
            self._names.logged(node, deed.queue_id, message, is_named=bool(deed.message))
            self._leftovers.note(node, deed.queue_id, message, is_over=is_over)
        if deed.does is Does.COPIED:
            mine.copied.add(named)
        elif named and original and named != original and named not in mine.sent_to:
            mine.renamed.setdefault(named, original)

    def _deed(self, message: str, told: _Told) -> None:
        """Journal one deed, in the name of the server that did it."""
        deed, node = told.deed, self._node_of(told)
        if self._is_known(message, told):
            return
        if deed.does is Does.ENDED:
            self._names.ended(node, deed.queue_id)
        if deed.does not in KINDS:
            return
        mono = time.monotonic() if told.mono is None else told.mono
        wall = time.time() if deed.wall is None else deed.wall
        frame = Event(mono, wall, node, "", message)
        for event in self._events(frame, told, self._credit(message, deed, told.source.node)):
            self.append(event)
            self.take(event)

    def _is_known(self, message: str, told: _Told) -> bool:
        """Whether another source has told the same: one log may be given to two nodes."""
        deed, source = told.deed, told.source
        if not deed.queue_id:
            return False
        mine = self._messages[message].deeds
        key = (
            *(deed.does, deed.recipient, deed.original, deed.by, deed.said),
            *(deed.wall, self._nodes.by_host(deed.host) or deed.host, deed.queue_id),
        )
        first = mine.setdefault(key, source)
        if source == first:
            return False
        if source.sees_arrivals and deed.does is Does.DELIVERED and not first.sees_arrivals:
            mine[key] = source
            return False  # told by a log as what its server did, and now as an arrival
        return True

    def _credit(self, message: str, deed: Deed, source: str = "") -> Credit:
        mine = self._messages[message]
        return self._whose.of(
            deed,
            mine.sent_to,
            renamed=mine.renamed,
            owners=self._owners.get(source, ()),
            is_copy=deed.recipient.lower() in mine.copied,
        )

    def _events(self, frame: Event, told: _Told, credit: Credit) -> Iterable[Event]:
        """What to journal of a deed: for each recipient, or as a copy, or as nobody's."""
        deed = told.deed
        if deed.does is Does.DELIVERED and not credit.recipients:
            kind = "copied" if credit.copy_for else "unattributed"
            detail: dict[str, Any] = {"declared": True} if credit.is_declared else {}
            detail |= {"said": credit.said} if credit.said else {}
            detail |= {"marks": [*deed.marks]} if deed.marks else {}
            yield event_of(frame, kind, credit.copy_for, detail)
        for recipient in credit.recipients:
            does = self._what_it_does(told, frame.node, recipient)
            yield event_of(frame, KINDS[does], recipient, detail_of(does, deed, credit))

    def _what_it_does(self, told: _Told, node: str, recipient: str) -> Does:
        """What a deed does, knowing what else is watched: what others see counts once."""
        deed = told.deed
        if deed.does is Does.HANDED_ON and self._neighbours.are_at_hand(node, deed.by):
            return Does.MOVED
        is_seen = recipient.rpartition("@")[2] in self._seen_to_arrive
        if deed.does is Does.DELIVERED and not told.source.sees_arrivals and is_seen:
            return Does.MOVED
        return deed.does

    def _node_of(self, told: _Told) -> str:
        """The node that a deed is of: by the host of its line, or else whose log it is."""
        return self._nodes.by_host(told.deed.host) or told.source.node

    def take(self, event: Event) -> None:
        """Take in one event."""
        key = (event.message, event.recipient.lower())
        if event.kind == "attempt":
            self._ports[key] = int(event.detail.get("port", 0))
            self._messages[event.message].sent_to.add(key[1])
        elif event.kind == "outcome":
            self._outcome(event, key)
        elif event.kind == "arrived":
            self._boxes[key].add(str(event.detail.get("mailbox", "")))
            if self._boxes[key].issuperset(event.detail.get("needs", ())):
                self.seen.arrived.add(key)
        elif event.kind in ENDS:
            self._ended.add(key)

    def _outcome(self, event: Event, key: Key) -> None:
        detail, port = event.detail, self._ports.get(key, 0)
        balancer = self._nodes.balancer_at(str(detail.get("address", "")))
        if balancer and detail["result"] != Result.UNREACHABLE:
            self.write(balancer, event, "connected", port=port)
        if detail["result"] != Result.ACCEPTED:
            said = str(detail.get("text") or detail.get("reason", ""))
            self.seen.failed[key] = (event.mono, said)
            return
        self.seen.accepted[key] = event.mono
        self.seen.failed.pop(key, None)
        banner, address = str(detail.get("server", "")), str(detail.get("address", ""))
        # A mail server that sends logs no banner, but to which address it went.
        node = self._nodes.by_banner(banner) if banner else self._nodes.taker_at(address)
        self._names.replied(node, event.message, str(detail.get("text", "")))
        self._leftovers.took(node, event.message)
        if node:
            # Whether it is stored there is not known: nothing here can look into its disk.
            self.write(node, event, "accepted", port=port, stored=False)

    def write(self, node: str, cause: Event, kind: str, **detail: object) -> None:
        """Journal something in the name of a node that keeps no journal."""
        event = Event(cause.mono, cause.wall, node, kind, cause.message, cause.recipient, detail)
        if kind == "connected":
            event = Event(cause.mono, cause.wall, node, kind, detail=detail)
        self.append(event)

    def append(self, event: Event) -> None:
        """Add an event to its node's journal."""
        with self._journal(event.node).open("a") as file:
            file.write(event.to_line() + "\n")

    def _new_events(self, node: str) -> Iterable[Event]:
        path = self._journal(node)
        if not path.exists():
            return
        with path.open("rb") as file:
            file.seek(self._offsets[node])
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._offsets[node] += len(line)
                yield Event.from_line(line)


def owners_of(topology: Topology) -> Mapping[str, tuple[str, ...]]:
    """Whose mailbox each server's is that names nobody.

    Those whom the inventory names; or else the recipient of the flows that end there, where they
    have only one.
    """
    assert topology.attach
    found: dict[str, tuple[str, ...]] = {}
    for name, box in {**topology.mailboxes, **topology.sinks}.items():
        node = topology.attach.nodes.get(name)
        if node is None or node.arrivals is None:
            continue
        if node.arrivals.imap and node.arrivals.imap.whose:
            found[name] = tuple(each.lower() for each in node.arrivals.imap.whose)
            continue
        to = {topology.recipient(flow).lower() for flow in topology.flows}
        ends_here = {each for each in to if each.rpartition("@")[2] in box.domains}
        found[name] = tuple(ends_here) if len(ends_here) == 1 else ()
    return found
