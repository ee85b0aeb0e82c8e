"""What can be known of a lab whose servers keep no journal: from this machine's own journals.

The banner tells which server took a message, and the address which VIP. Both become the journal of
that node, as if it had written it.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from relaydrill.drivers.attach.observers import Arrival, Observer
from relaydrill.journal import Event
from relaydrill.placement import Placement
from relaydrill.smtp import Result
from relaydrill.topology import Topology

Key = tuple[str, str]
"""A message and one of its recipients, in lower case."""

JournalPath = Callable[[str], Path]


@dataclass(slots=True)
class Seen:
    """What has been seen of one lab so far.

    Attributes:
        accepted: When senders got a 250, by key. arrived: What has arrived.
        failed: When the last attempt of any other was over, and what it was told.
        queue_ids: Message-ID by the queue id that a server named in its 250.
    """

    accepted: dict[Key, float] = field(default_factory=dict)
    arrived: set[Key] = field(default_factory=set)
    failed: dict[Key, tuple[float, str]] = field(default_factory=dict)
    queue_ids: dict[str, str] = field(default_factory=dict)


class Witness:
    """Reads the journals of what runs here, and writes those of what does not.

    Args:
        topology: The design. placement: Where its nodes are.
        ours: The nodes that run here and keep journals.
        observers: Who sees what arrives at the others, by mailbox server.
        journal: The file for a node's journal.
    """

    def __init__(
        self,
        topology: Topology,
        placement: Placement,
        ours: Iterable[str],
        observers: Mapping[str, Observer],
        journal: JournalPath,
    ) -> None:
        self._ours = tuple(ours)
        self._observers = observers
        self._journal = journal
        self._offsets = dict.fromkeys(self._ours, 0)
        self._ports: dict[Key, int] = {}
        self._sent_to: dict[str, set[str]] = defaultdict(set)
        self._unknown: list[tuple[str, Arrival]] = []
        self._names = names_of(topology, exclude=self._ours)
        self._vips = {
            str(placement.seats[vip].endpoint(port)): owner
            for vip, (owner, rule) in topology.vips.items()
            for port in rule.ports
            if owner not in topology.pairs  # who of the two answered cannot be seen from here
        }
        self.seen = Seen()

    def look(self) -> Seen:
        """Take in what has been journalled since the last look."""
        unknown, self._unknown = self._unknown, []
        for node in self._ours:
            for event in self._new_events(node):
                self.take(event)
        for node, arrival in unknown:
            self._arrived(node, arrival)
        for node, observer in self._observers.items():
            for arrival in observer.new():
                if not self._arrived(node, arrival):
                    self._unknown.append((node, arrival))
        return self.seen

    def _arrived(self, node: str, arrival: Arrival) -> bool:
        """Journal an arrival in its mailbox server's name, for whom it was sent to.

        Returns:
            Whether anybody of here has sent it. The mail of others is nobody's business; what was
            sent just now is known at the next look, for its attempt was journalled before it left.
        """
        sent_to = self._sent_to.get(arrival.message)
        if not sent_to:
            return False
        # A lab may write a recipient anew on the way, for an alias say.
        named = arrival.recipient.lower()
        for recipient in [named] if named in sent_to else sent_to:
            event = Event(
                time.monotonic() if arrival.mono is None else arrival.mono,
                time.time() if arrival.wall is None else arrival.wall,
                node,
                "arrived",
                arrival.message,
                recipient,
                {"digest": arrival.digest} if arrival.digest else {},
            )
            self.append(event)
            self.take(event)
        return True

    def take(self, event: Event) -> None:
        """Take in one event."""
        key = (event.message, event.recipient.lower())
        if event.kind == "attempt":
            self._ports[key] = int(event.detail.get("port", 0))
            self._sent_to[event.message].add(key[1])
        elif event.kind == "outcome":
            self._outcome(event, key)
        elif event.kind == "arrived":
            self.seen.arrived.add(key)

    def _outcome(self, event: Event, key: Key) -> None:
        detail, port = event.detail, self._ports.get(key, 0)
        balancer = self._vips.get(str(detail.get("address", "")))
        if balancer and detail["result"] != Result.UNREACHABLE:
            self.write(balancer, event, "connected", port=port)
        if detail["result"] != Result.ACCEPTED:
            said = str(detail.get("text") or detail.get("reason", ""))
            self.seen.failed[key] = (event.mono, said)
            return
        self.seen.accepted[key] = event.mono
        self.seen.failed.pop(key, None)
        for word in str(detail.get("text", "")).split():
            self.seen.queue_ids[word] = event.message
        if node := self._server(str(detail.get("server", ""))):
            # Whether it is stored there is not known: nothing here can look into its disk.
            self.write(node, event, "accepted", port=port, stored=False)

    def _server(self, banner: str) -> str:
        name = banner.lower().rstrip(".")
        return self._names.get(name) or self._names.get(name.partition(".")[0], "")

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


def names_of(topology: Topology, *, exclude: Iterable[str]) -> Mapping[str, str]:
    """Node by the name that it gives itself: those of the inventory, or else its own name."""
    assert topology.attach
    found: dict[str, str] = {}
    for name, node in topology.attach.nodes.items():
        if name not in exclude:
            found |= dict.fromkeys(node.known_as or (name,), name)
    return found
