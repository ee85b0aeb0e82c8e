"""The lines of journals: journals/*.jsonl of a run directory, one JSON object a line.

A line has no room for a format: the last one of each journal, of the kind ``closed``, has it for
all of them. `relaydrill.journal` says who writes which kind.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final, NotRequired

from typing_extensions import TypedDict

from relaydrill.documents.formats import UNMARKED, Format

JOURNAL: Final = Format(
    "relaydrill.journal",
    1,
    what="One line of a journal: something that happened on a node, or that the harness did.",
    where="journals/*.jsonl of a run directory",
    oldest=UNMARKED,
)
"""A journal of a run directory before version 2 has no last line; one before 3 no format in it."""


class JournalLine(TypedDict):
    """One line of a journal."""

    mono: float
    """When: the machine's monotonic clock, seconds."""
    wall: float
    """When: the time of day, seconds since the epoch."""
    node: str
    """Who wrote it: a node, `harness` or `machine`."""
    kind: str
    """What happened; a reader passes over kinds that it does not know."""
    message: NotRequired[str]
    """The Message-ID with its angle brackets; not there where no message is meant."""
    recipient: NotRequired[str]
    """The envelope recipient; not there where none is meant."""
    detail: NotRequired[dict[str, Any]]
    """What else the kind carries."""


class Nothing(TypedDict, total=False):
    """Nothing more."""


class Ready(TypedDict, total=False):
    """The node listens."""

    pid: int
    """The number of its process."""


class Marked(TypedDict, total=False):
    """The harness asked how far the journal is."""

    mark: str
    """What it will look for."""


class Attempted(TypedDict, total=False):
    """An attempt begins."""

    flow: str
    """The flow."""
    sort: str
    """What sort of mail it is: `wanted`, or a sort that is to be refused."""
    scheduled: float
    """When the schedule wanted it: monotonic clock, seconds."""
    port: int
    """The port that is tried."""
    digest: str
    """Of the message's body, decoded: SHA-256 in hex."""


class Answered(TypedDict, total=False):
    """An attempt was answered, or is over."""

    result: str
    """What became of it: `accepted`, `refused`, `unanswered`, and so on."""
    phase: str
    """The phase of the session at which it ended."""
    code: int
    """Of the last reply."""
    text: str
    """The last reply."""
    reason: str
    """What went wrong where no reply tells."""
    address: str
    """The address that was tried last."""
    server: str
    """The name in its banner."""
    choice: str
    """The node that was tried first."""
    member: int | None
    """Which sender of the population it was, where a sender keeps to its choice."""
    reused: bool
    """Whether its connection had served an earlier message."""
    worker: str
    """The Locust worker that made it."""
    slack_s: float
    """How much earlier or later its times may have been, seconds of the wall clock."""


class WorkerChanged(TypedDict, total=False):
    """A Locust worker came, or is gone."""

    worker: str
    """The worker."""
    state: str
    """What became of it."""


class Taken(TypedDict, total=False):
    """A hub took a message, or is about to say so."""

    client: str
    """Who sent it: an address."""
    port: int
    """The port that it came in at."""
    connector: str
    """The receive connector that served the session."""
    stored: bool
    """Whether a line of the kind `stored` stands before the promise."""
    server: str
    """The name in the banner; of a real lab."""


class Refused(TypedDict, total=False):
    """A server is about to answer 4xx or 5xx; where it puts off, for a limit of its own."""

    phase: str
    """The phase of the session."""
    code: int
    """Of the reply."""
    text: str
    """The reply."""
    client: str
    """Who was refused: an address."""
    port: int
    """The port that it came in at."""
    connector: str
    """The receive connector that served the session."""
    layer: str
    """Which part of the server refused; of what was put off, the connector's setting."""


class Passed(TypedDict, total=False):
    """The next hop took a message with 250."""

    to: str
    """What took it: an address or a name."""
    towards: str
    """The route."""
    mailbox: str
    """Whose it was, where that is not the recipient's own name."""
    queue_id: str
    """As the server's log calls it."""


class NotPassed(TypedDict, total=False):
    """A next hop did not take a message: for now, or for good."""

    reason: str
    """What it said, or why it could not be asked."""
    mailbox: str
    """Whose it was, where that is not the recipient's own name."""
    queue_id: str
    """As the server's log calls it."""


class ShadowKept(TypedDict, total=False):
    """A hub keeps a copy of another's message, or delivers it in its place."""

    primary: str
    """The other hub."""


class Queue(TypedDict, total=False):
    """What lies in a queue now."""

    items: list[list[str]]
    """Message-ID and recipient of each."""
    shadows: dict[str, int]
    """How many copies it keeps, by hub."""


class Arrived(TypedDict, total=False):
    """A mailbox has a message, or is about to say so."""

    digest: str
    """Of the message's body, decoded: SHA-256 in hex."""
    via: str
    """The server that handed it in, by its last Received header."""
    client: str
    """The address that handed it in."""
    port: int
    """The port that it came in at."""
    file: str
    """The file that it lies in; of a real lab."""
    mailbox: str
    """Which mailbox it is, where that is not called as the recipient."""
    needs: list[str]
    """All mailboxes that are to get it."""
    changed: list[str]
    """What was changed on the way."""
    known_by: str
    """The mark that names it, where that is not its Message-ID."""
    bears: str
    """Its Message-ID now."""
    queue_id: str
    """As the server's log calls it."""


class Copied(TypedDict, total=False):
    """A message came to somebody to whom it was not sent, or to nobody knows whom."""

    declared: bool
    """Whether it is known to be a copy."""
    said: str
    """What the evidence says, or what to declare."""
    marks: list[str]
    """The messages whose marks it bears, where they are several."""


class HandedOn(TypedDict, total=False):
    """A program or server took a message whose own log is not at hand."""

    to: str
    """What took it."""
    said: str
    """The log's own words."""
    mailbox: str
    """Whose it was, where that is not the recipient's own name."""
    queue_id: str
    """As the server's log calls it."""


class Ended(TypedDict, total=False):
    """A message was thrown away on purpose, or lies where only a person moves it on."""

    by: str
    """What did it."""
    said: str
    """The log's own words."""
    mailbox: str
    """Whose it was, where that is not the recipient's own name."""
    queue_id: str
    """As the server's log calls it."""


class Connected(TypedDict, total=False):
    """A balancer gave a client's connection to a backend."""

    client: str
    """The client's address."""
    port: int
    """The port that it came in at."""
    backend: str
    """The backend."""
    accepted_at: float
    """When the client was let in, seconds since the epoch."""


class Unserved(TypedDict, total=False):
    """A balancer could not serve a client's connection."""

    client: str
    """The client's address."""
    port: int
    """The port that it came in at."""
    reason: str
    """Why."""


class BackendBelieved(TypedDict, total=False):
    """A balancer's belief about a backend changed."""

    backend: str
    """The backend."""
    port: int
    """The port that it serves."""
    state: str
    """What it is believed to be: `up`, `down`, and so on."""
    reason: str
    """Why."""


class Converged(TypedDict, total=False):
    """A hub's WNLB cluster shares anew."""

    hosts: list[str]
    """Those that share, in its view."""


class VrrpChanged(TypedDict, total=False):
    """A balancer of a pair changed its state."""

    state: str
    """What it is now: `master`, `backup`, and so on."""


class NameAnswered(TypedDict, total=False):
    """A name server answered a question."""

    name: str
    """The name that was asked for."""
    type: str
    """The type that was asked for."""
    rcode: str
    """The code of the answer."""
    records: list[str]
    """The records of the answer."""
    client: str
    """Who asked: an address."""
    port: int
    """The port that was asked at."""


class Disturbed(TypedDict, total=False):
    """A service fault was switched on, or off."""

    fault: str
    """The fault: KIND[.PHASE][%SHARE]."""
    on: bool
    """Whether it was switched on."""


class Hindered(TypedDict, total=False):
    """A fault of a sender's own side was switched on, or off."""

    fault: str
    """The fault: KIND[=AMOUNT][%SHARE]:[FROM>]NODE."""
    on: bool
    """Whether it was switched on."""


class Bitten(TypedDict, total=False):
    """A fault acted on a session."""

    fault: str
    """The fault: KIND[.PHASE][%SHARE]."""
    phase: str
    """The phase of the session."""
    client: str
    """Whose session: an address."""
    port: int
    """The port that it came in at."""
    probe: bool
    """Whether it was a health check."""
    at: str
    """Of a sender that tells of its own side: the node that the session was on the way to."""


class Begun(TypedDict, total=False):
    """All flows send."""

    begin: float
    """The moment from which their schedules count: monotonic clock, seconds."""


class Stopped(TypedDict, total=False):
    """A flow's senders are about to be stopped."""

    flow: str
    """The flow."""


class Over(TypedDict, total=False):
    """The drill ran to its end, and everything is healed."""

    length_s: float
    """How long the flows sent, field seconds."""


class Saved(TypedDict, total=False):
    """What was drilled, and how it went, is written down."""

    files: dict[str, str]
    """SHA-256 in hex of topology.yaml, and of drill.json as JSON with sorted keys and an empty
    `at`, by name."""


class Closed(TypedDict, total=False):
    """The last line of a journal."""

    format: str
    """`relaydrill.journal`, of all lines of it; not there in earlier versions."""
    version: int
    """Of that format."""
    lines: int
    """How many lines stand before it."""
    sha256: str
    """Of all bytes before it, in hex."""


class Sight(TypedDict, total=False):
    """What the harness can see of a real lab."""

    arrivals: bool
    """Whether it sees what arrives."""
    blind: list[str]
    """Nodes whose queues nobody can look into."""
    unread: list[str]
    """What could not be read whole, a sentence each."""


class Injecting(TypedDict, total=False):
    """A fault is about to be injected."""

    fault: str
    """The fault: KIND[.PHASE][%SHARE]:NODE."""
    kind: str
    """Its kind."""
    node: str
    """What is broken."""
    by_hook: bool
    """Whether a hook of the inventory does it."""


class NotInjected(TypedDict, total=False):
    """A fault could not be injected."""

    fault: str
    """The fault: KIND[.PHASE][%SHARE]:NODE."""
    reason: str
    """Why."""


class OfFault(TypedDict, total=False):
    """A fault is in force, is about to be healed, or is gone."""

    fault: str
    """The fault: KIND[.PHASE][%SHARE]:NODE."""


class Stalled(TypedDict, total=False):
    """The machine stood still, or starved; or a node waited for a processor."""

    begin: float
    """From then on: monotonic clock, seconds."""
    end: float
    """Until then: monotonic clock, seconds."""
    lost_s: float
    """How much time was lost, seconds of the wall clock."""


class Watched(TypedDict, total=False):
    """How the machine did in the whole drill."""

    watched_s: float
    """For how long it was watched, seconds of the wall clock."""
    worst_s: float
    """The most that was lost in one step, seconds of the wall clock."""
    pressure_s: float
    """For how long somebody waited for a processor, seconds; not there where the kernel does not
    tell."""


DETAILS: Final[Mapping[str, object]] = MappingProxyType(
    {
        "ready": Ready,
        "stopping": Nothing,
        "mark": Marked,
        "attempt": Attempted,
        "outcome": Answered,
        "worker": WorkerChanged,
        "accepted": Taken,
        "stored": Taken,
        "refused": Refused,
        "put-off": Refused,
        "relayed": Passed,
        "deferred": NotPassed,
        "bounced": NotPassed,
        "shadowed": ShadowKept,
        "resubmitted": ShadowKept,
        "queue": Queue,
        "arrived": Arrived,
        "copied": Copied,
        "unattributed": Copied,
        "handed-on": HandedOn,
        "discarded": Ended,
        "held": Ended,
        "connected": Connected,
        "unserved": Unserved,
        "backend": BackendBelieved,
        "converged": Converged,
        "vrrp": VrrpChanged,
        "answered": NameAnswered,
        "disturbed": Disturbed,
        "hindered": Hindered,
        "bitten": Bitten,
        "begun": Begun,
        "stop": Stopped,
        "over": Over,
        "saved": Saved,
        "closed": Closed,
        "sight": Sight,
        "inject": Injecting,
        "not-injected": NotInjected,
        "injected": OfFault,
        "heal": OfFault,
        "healed": OfFault,
        "stalled": Stalled,
        "starved": Stalled,
        "watched": Watched,
    }
)
"""By the kind of a line; each detail only where there is something to tell."""
