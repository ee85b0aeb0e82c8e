r"""A node's journal: append-only, one event a line, on disk before the reply that it describes.

An event is one JSON object on one line::

    {"mono": 8123.402, "wall": 1764000000.12, "node": "ht1", "kind": "accepted",
     "message": "<1@app>", "recipient": "a@contoso.com", "detail": {"port": 25}}

``mono`` is the machine's monotonic clock (shared by all processes and containers of one host),
``wall`` the time of day, both in seconds. The kinds, and who writes them:

============ ================ =================================================================
kind         written by       meaning (detail)
============ ================ =================================================================
ready        every node       it listens (pid)
stopping     every node       it was asked to end
mark         every node       the harness asked how far the journal is (mark)
attempt      sender           an attempt begins (flow, scheduled, port, digest: of the body decoded)
outcome      sender           answered, or over (result, phase, code, text, reason, address, server,
                              reused: its connection had served an earlier message; of a worker
                              also worker, slack_s)
worker       sender           a Locust worker of its came, or is gone (worker, state)
accepted     hub, edge        about to answer 250 after the dot (client, port, stored, server)
stored       hub              it is in the queue, and not promised yet (as accepted)
refused      hub, mailbox …   about to answer 4xx/5xx to MAIL, RCPT or the dot (phase, code, text)
put-off      hub, edge        the same, for a limit of its own while all is well: greylisting, or
                              too much from one address (as refused; layer: the setting, connector)
relayed      hub, edge        the next hop took it with 250 (to, towards)
deferred     hub, edge        a next hop did not take it; it stays queued (reason)
bounced      hub, edge        a next hop refused it for good (reason)
shadowed     hub              it keeps a copy of another hub's message (primary)
resubmitted  hub              it delivers such a copy in the other's place (primary)
queue        hub, edge        what lies in the queue now (items: [[message, recipient], …]), and
                              how many copies it keeps for each other hub (shadows)
arrived      mailbox          about to answer 250 after the dot (digest, via, client, file; on a
                              real lab also mailbox: which one, where it is not called as the
                              recipient, and needs: all that are to get it; where it was changed on
                              the way, changed: what, in the words of `relaydrill.message.changes`,
                              known_by: the mark that names it, bears: its Message-ID now)
copied       witness          it came to somebody to whom it was not sent, the recipient here
                              (declared: whether it is known to be a copy; said)
unattributed witness          it came to nobody knows whom: the evidence names nobody (said: what to
                              declare); or it may be another message (marks: of which it bears any)
handed-on    witness          a program or server took it whose own log is not at hand (to, said)
discarded    witness          it was thrown away on purpose (by, said)
held         witness          it lies where only a person moves it on (by, said)
connected    balancer         a client's connection was given to a backend (client, port, backend)
unserved     balancer         a client's connection could not be served (client, port, reason)
backend      balancer         its belief about a backend changed (backend, state, reason)
converged    hub              its WNLB cluster shares anew (hosts: those who do, in its view)
disturbed    every node       a service fault was switched on, or off (fault, on)
bitten       every node       a fault acted on a session (fault, phase, client, port, probe;
                              by a sender, of its own side, also at: on the way to which node)
hindered     sender           a fault of its own side was switched on, or off (fault, on)
begun        harness          all flows send (begin: the moment from which their schedules count)
stop         harness          a flow's senders are about to be stopped (flow)
over         harness          the drill ran to its end, and everything is healed (length_s)
closed       harness          the last line of each journal in a run directory (lines: how many
                              stand before it, sha256: of all bytes before it); see
                              `relaydrill.drills.closing`
sight        harness          what it can see of a real lab (arrivals, blind: [node, …]), and
                              at the end what could not be read whole (unread: [sentence, …])
inject       harness          a fault is about to be injected (fault, kind, node, by_hook)
not-injected harness          it could not be (fault, reason)
injected     harness          it is in force (fault)
heal         harness          it is about to be healed (fault)
healed       harness          it is gone (fault)
starved      every node       it waited for a processor (begin, end, lost_s)
stalled      watcher          the machine stood still, or starved (begin, end, lost_s)
watched      watcher          how it did in the whole drill (watched_s, worst_s, pressure_s)
============ ================ =================================================================
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from relaydrill import clock

Clock = Callable[[], float]

LAST_S: Final = 1e10
"""No moment is later, by any clock: three hundred years, in seconds."""

LONGEST_LINE: Final = 1 << 26
"""Bytes; a look into a queue of some hundred thousand messages fits. What is longer is no line."""

TORN: Final = " torn\n"
"""How half a line ends that another one follows."""

CLOSED: Final = "closed"
"""The kind of the mark that ends a whole journal; see `relaydrill.drills.closing`."""

_CLOSED_FILE: Final = -1
"""No descriptor: the number of a closed one may be another file's by then."""

_ENCODER: Final = json.JSONEncoder(separators=(",", ":"))
_DECODER: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a journal; see the module's table for the kinds.

    Attributes:
        mono: Monotonic seconds.
        wall: Seconds since the epoch.
        node: Who wrote it.
        kind: What happened.
        message: The Message-ID with its angle brackets; empty where no message is meant.
        recipient: The envelope recipient; empty where none is meant.
        detail: Whatever else the kind carries; plain JSON values.
    """

    mono: float
    wall: float
    node: str
    kind: str
    message: str = ""
    recipient: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)

    def to_line(self) -> str:
        """The event as one line of JSON, without the line's end."""
        return _line(
            *(self.mono, self.wall, self.node, self.kind),
            *(self.message, self.recipient, self.detail),
        )

    @classmethod
    def from_line(cls, line: str | bytes) -> Event:
        """Read an event back.

        Raises:
            ValueError: The line is no event (a torn last line after a kill is the usual case).
        """
        try:
            record = _record(line)
            event = cls(
                mono=float(record["mono"]),
                wall=float(record["wall"]),
                node=record["node"],
                kind=record["kind"],
                message=record.get("message", ""),
                recipient=record.get("recipient", ""),
                detail=record.get("detail", {}),
            )
            words = (event.node, event.kind, event.message, event.recipient)
            if {*map(type, words)} != {str}:
                raise TypeError("a name that is no text")
            # Not finite, or of another age: both are beyond this.
            if not (abs(event.mono) <= LAST_S and abs(event.wall) <= LAST_S):
                raise ValueError("no time")
            if not isinstance(event.detail, dict):
                raise TypeError("no detail")
            return event
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a journal line: {line!r}") from error


def _record(line: str | bytes) -> Any:
    """What `json.loads` makes of a line, which takes twice as long over one that is as usual.

    Raises:
        ValueError, RecursionError: As of that.
    """
    # With these two in front it is UTF-8, and no blank stands before it.
    if isinstance(line, bytes) and line.startswith(b'{"'):
        text = line.decode("utf-8", "surrogatepass")
        found, end = _DECODER.raw_decode(text)
        if text[end:] in ("", "\n"):
            return found
    return json.loads(line)


def _line(
    mono: float,
    wall: float,
    node: str,
    kind: str,
    message: str,
    recipient: str,
    detail: Mapping[str, Any],
) -> str:
    record: dict[str, Any] = {
        "mono": round(mono, 6),
        "wall": round(wall, 6),
        "node": node,
        "kind": kind,
    }
    if message:
        record["message"] = message
    if recipient:
        record["recipient"] = recipient
    if detail:
        record["detail"] = detail
    return _ENCODER.encode(record)


class Journal:
    """Where one node writes its events.

    Each event is one ``write(2)`` to a file opened for append: once `write` has returned, the
    event outlives a ``kill -9`` of the writer (though not a power cut: there is no fsync).

    Args:
        node: The name that every event bears.
        descriptor: An open file descriptor; closed by `close`.
        mono: Monotonic clock, seconds; by default that of whoever calls `write`.
        wall: Clock of the time of day, seconds; likewise.
    """

    def __init__(
        self, node: str, descriptor: int, *, mono: Clock = clock.monotonic, wall: Clock = clock.wall
    ) -> None:
        self.node = node
        self._descriptor = descriptor
        self._mono = mono
        self._wall = wall
        self._torn = False

    @classmethod
    def open(cls, node: str, path: Path) -> Journal:
        """Open (or go on with) the journal file at ``path``.

        ``-`` is the standard output: in a container the engine keeps it, and a kill loses nothing
        of what was written. Its times are those of the clock of whoever opens it.
        """
        now = clock.current()
        if str(path) == "-":
            return cls(node, os.dup(1), mono=now.monotonic, wall=now.wall)
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        descriptor = os.open(path, flags, 0o600)
        journal = cls(node, descriptor, mono=now.monotonic, wall=now.wall)
        size = os.fstat(descriptor).st_size
        journal._torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        return journal

    def write(self, kind: str, message: str = "", recipient: str = "", /, **detail: Any) -> float:
        """Append one event, and return its monotonic time once the kernel has it.

        Raises:
            OSError: The disk is full or the file is gone; nothing that this event promises may
                be said to anybody.
        """
        mono = self._mono()
        told = _line(mono, self._wall(), self.node, kind, message, recipient, detail)
        # After half a line (a full disk) a line end comes first, or two events would run together;
        # and a mark before it, for the half may lack nothing but its end.
        line = ((TORN if self._torn else "") + told + "\n").encode()
        written = os.write(self._descriptor, line)
        self._torn = written != len(line)
        if self._torn:
            raise OSError(f"journal of {self.node}: only {written} of {len(line)} bytes written")
        return mono

    def close(self) -> None:
        """Close the file, once; whoever writes after that gets an error."""
        descriptor, self._descriptor = self._descriptor, _CLOSED_FILE
        os.close(descriptor)


def read_events(path: Path) -> Iterator[Event]:
    """Read a journal file, passing over a torn line.

    A line is torn only where its writer was killed, or its disk filled up, during the write, so
    whatever it would have promised was never said.
    """
    with path.open("rb") as file:
        for line in iter(lambda: file.readline(LONGEST_LINE), b""):
            with contextlib.suppress(ValueError):
                if line.endswith(b"\n"):
                    yield Event.from_line(line)
