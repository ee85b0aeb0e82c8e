"""Millions of journal lines into columns: a few bytes a line, and no object for any of them.

Only the lines that tell of ordinary mail go into columns. Every other line (faults, beliefs, looks
into queues, and whatever is written in an unusual way) is kept whole, as an event, and so are the
messages that it touches: `relaydrill.ledger.joining` says what became of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec
import numpy as np

from relaydrill.journal import CLOSED, LAST_S, Event
from relaydrill.ledger.columns import Numbering, Rows, Table, digests_in
from relaydrill.ledger.entries import FOREIGN
from relaydrill.ledger.kinds import KINDS, MAIL_KINDS
from relaydrill.ledger.nonsense import Nonsense, event_of
from relaydrill.ledger.soundness import RESULTS, contradicts
from relaydrill.ledger.stretches import Batch, Stretch, in_step
from relaydrill.message import WANTED

TELLING: Final = (*("result", "phase", "code", "reason", "address", "server", "choice", "member"),)
"""What an outcome says, all but its time."""


_Seconds = Annotated[float, msgspec.Meta(ge=-LAST_S, le=LAST_S)]


class _Detail(msgspec.Struct, frozen=True, gc=False):
    """What the ledger wants of the details of ordinary mail."""

    flow: str = FOREIGN
    sort: str = WANTED
    scheduled: _Seconds | msgspec.UnsetType = msgspec.UNSET
    digest: str = ""
    result: str = ""
    phase: str = ""
    code: int = 0
    reason: str = ""
    address: str = ""
    server: str = ""
    choice: str = ""
    member: int | None = None
    slack_s: Annotated[float, msgspec.Meta(ge=0, le=LAST_S)] = 0.0
    reused: bool = False
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 0
    stored: bool = True
    to: str = ""
    towards: str = ""
    file: str = ""
    known_by: str = ""
    changed: tuple[str, ...] = ()
    mailbox: str = ""
    needs: tuple[str, ...] = ()
    queue_id: str = ""


class _Line(msgspec.Struct, frozen=True, gc=False):
    """One line of a journal; ``wall`` only so that a line without it is none."""

    mono: _Seconds
    wall: _Seconds
    node: str
    kind: str
    message: str = ""
    recipient: str = ""
    detail: _Detail = _Detail()


_NOTHING: Final = _Detail()
_DECODER: Final = msgspec.json.Decoder(_Line)


class Journals:
    """What the journals tell, with a row for each (message, recipient).

    Attributes:
        rows: The number of each (message, recipient).
        nodes: The number of each node.
        heads: Of (flow, sort).
        tellings: Of what outcomes say, all but their times.
        files: Of the files that real mailbox servers tell of.
        attempts: The attempts, a table of columns.
        outcomes: The outcomes, likewise.
        stored: What was stored, likewise.
        accepted: What was accepted, likewise.
        relayed: What was relayed, likewise.
        arrived: What arrived, likewise.
        passed: Connections and answers, which tell of no message.
        senders: The nodes that made attempts.
        events: Whatever else there is.
        touched: The rows that such events speak of.
        nonsense: Lines that are no events.
    """

    def __init__(self) -> None:
        self.rows = Rows()
        self.nodes = Numbering()
        self.heads = Numbering()
        self.tellings = Numbering()
        self.files = Numbering()
        self.senders: set[str] = set()
        self.events: list[Event] = []
        self.nonsense: list[Nonsense] = []
        self.touched: set[int] = set()
        mail = {"row": "i", "mono": "d"}
        self.attempts = Table(**mail, scheduled="d", head="i")
        self.outcomes = Table(**mail, telling="i", slack_s="d")
        self.stored = Table(**mail, node="h")
        self.accepted = Table(**mail, node="h", port="H", stored="b")
        self.relayed = Table(**mail, node="h")
        self.arrived = Table(**mail, node="h", port="H", file="i")
        self.sent_digests, self.arrived_digests = bytearray(), bytearray()
        self.passed = Table(mono="d", node="h", port="H")
        self._tables = (
            *(self.attempts, self.outcomes, self.stored, self.accepted),
            *(self.relayed, self.arrived, self.passed),
        )

    def read(self, stretches: Iterable[Stretch]) -> None:
        """Read parts of journals, passing over torn lines as `read_events` does."""
        for batch in in_step(stretches):
            self._add(batch)

    def extend(self, others: Journals) -> None:
        """Append what others have read."""
        rows = np.empty(others.rows.count(), dtype="i4")
        for recipient, theirs in others.rows.by_recipient():
            mine = self.rows.of(recipient)
            rows[[*theirs.values()]] = [mine[message] for message in theirs]
        renumbered = {
            "row": rows,
            "node": self.nodes.numbers_of(others.nodes),
            "head": self.heads.numbers_of(others.heads),
            "telling": self.tellings.numbers_of(others.tellings),
            "file": self.files.numbers_of(others.files),
        }
        for table, more in zip(self._tables, others._tables, strict=True):
            table.extend(more, renumbered)
        self.sent_digests += others.sent_digests
        self.arrived_digests += others.arrived_digests
        self.events += others.events
        self.senders |= others.senders
        self.nonsense += others.nonsense
        self.touched |= {*rows[[*others.touched]].tolist()}

    def _add(self, batch: Batch) -> None:
        text = batch.lines
        try:
            # What is not ASCII no node has written: it is left to the reader that minds encodings.
            lines = _DECODER.decode_lines(text) if text.isascii() else None
        except msgspec.DecodeError:
            lines = None
        if lines is None or not _are_plausible(lines, batch.path.stem):
            text = b"".join(self._plain(batch))
            lines = _DECODER.decode_lines(text)
        kinds = [line.kind for line in lines]
        for kind in {*kinds} & _TAKES.keys():
            mine = [line for line, each in zip(lines, kinds, strict=True) if each == kind]
            _TAKES[kind](self, mine)
        if {*kinds} & _EVENTS:
            self._keep_events(batch._replace(lines=text), kinds)

    def _keep_events(self, batch: Batch, kinds: list[str]) -> None:
        """Keep those lines whole that are of other kinds than ordinary mail."""
        following, node = iter(kinds), batch.path.stem
        for at, text in batch.by_line():
            if text and not text.isspace() and next(following) in _EVENTS:
                found = event_of(text, batch.path, at, node)
                if isinstance(found, Nonsense):
                    self.nonsense.append(found)
                elif found is not None:
                    self._keep(found)

    def _plain(self, batch: Batch) -> Iterator[bytes]:
        """The lines that are written as usual; others are kept as events, or as nonsense.

        Blanks stand in their place: where a line begins tells which it is, and whether the mark of
        the journal's end is its last.
        """
        node = batch.path.stem
        for at, text in batch.by_line():
            found = event_of(text, batch.path, at, node)
            if isinstance(found, Event) and _is_plain(text):
                yield text
                continue
            yield b"\n".rjust(len(text))
            if isinstance(found, Nonsense):
                self.nonsense.append(found)
            elif found is not None:
                self._keep(found)

    def _keep(self, event: Event) -> None:
        self.events.append(event)
        if event.kind in MAIL_KINDS:
            self.touched.add(self.rows.of(event.recipient)[event.message])
        elif event.kind == "queue":
            for message, recipient in event.detail["items"]:
                self.touched.add(self.rows.of(str(recipient))[str(message)])

    def _numbers(self, lines: list[_Line]) -> list[int]:
        recipients = {line.recipient for line in lines}
        if len(recipients) == 1:
            rows = self.rows.of(*recipients)
            return [rows[line.message] for line in lines]
        by = {recipient: self.rows.of(recipient) for recipient in recipients}
        return [by[line.recipient][line.message] for line in lines]

    def _nodes(self, lines: list[_Line]) -> list[int]:
        nodes = self.nodes
        return [nodes[line.node] for line in lines]

    def _digests(self, lines: list[_Line]) -> tuple[list[_Line], bytes]:
        """The lines whose digest is one, and these; the others are kept as events."""
        digests = digests_in([line.detail.digest for line in lines])
        if digests is None:
            good = [line for line in lines if digests_in([line.detail.digest]) is not None]
            for line in lines:
                if digests_in([line.detail.digest]) is None:
                    self._keep(_event(line))
            lines, digests = good, digests_in([line.detail.digest for line in good]) or b""
        return lines, digests

    def _attempts(self, lines: list[_Line]) -> None:
        lines, digests = self._digests(lines)
        details = [line.detail for line in lines]
        heads = self.heads
        self.senders.update(line.node for line in lines)
        self.attempts.add(
            row=self._numbers(lines),
            mono=[line.mono for line in lines],
            scheduled=[
                due if isinstance(due := line.detail.scheduled, float) else line.mono
                for line in lines
            ],
            head=[heads[detail.flow, detail.sort] for detail in details],
        )
        self.sent_digests += digests

    def _outcomes(self, lines: list[_Line]) -> None:
        # Fakes never use a connection twice, and real senders send no millions.
        lines = self._without([line for line in lines if line.detail.reused], lines)
        tellings = self.tellings
        details = [line.detail for line in lines]
        self.outcomes.add(
            row=self._numbers(lines),
            mono=[line.mono for line in lines],
            slack_s=[detail.slack_s for detail in details],
            telling=[
                tellings[
                    d.result, d.phase, d.code, d.reason, d.address, d.server, d.choice, d.member
                ]
                for d in details  # as in TELLING
            ],
        )

    def _stored(self, lines: list[_Line]) -> None:
        self.stored.add(**self._mail(lines))

    def _accepted(self, lines: list[_Line]) -> None:
        self.accepted.add(
            **self._mail(lines),
            port=[line.detail.port for line in lines],
            stored=[line.detail.stored for line in lines],
        )

    def _without(self, unusual: list[_Line], lines: list[_Line]) -> list[_Line]:
        """Those lines that are not unusual; these are kept as events."""
        if not unusual:
            return lines
        for line in unusual:
            self._keep(_event(line))
        left_out = {*map(id, unusual)}
        return [line for line in lines if id(line) not in left_out]

    def _relayed(self, lines: list[_Line]) -> None:
        # Which others a server had it for matters where it came to another mailbox.
        unusual = [line for line in lines if (d := line.detail).mailbox or d.queue_id]
        self.relayed.add(**self._mail(self._without(unusual, lines)))

    def _arrived(self, lines: list[_Line]) -> None:
        # One that came to a mailbox of another name than the recipient's, or was changed, is none
        # of the ordinary ones.
        unusual = [
            line
            for line in lines
            if (d := line.detail).mailbox or d.needs or d.changed or d.known_by
        ]
        lines, digests = self._digests(self._without(unusual, lines))
        ports = [line.detail.port for line in lines]
        files = [self.files[line.detail.file] for line in lines]
        self.arrived.add(**self._mail(lines), port=ports, file=files)
        self.arrived_digests += digests

    def _mail(self, lines: list[_Line]) -> dict[str, list[Any]]:
        return {
            "row": self._numbers(lines),
            "mono": [line.mono for line in lines],
            "node": self._nodes(lines),
        }

    def _passed(self, lines: list[_Line]) -> None:
        if any(line.message for line in lines):  # such is told by a real lab
            for line in lines:
                self._keep(_event(line))
            return
        self.passed.add(
            mono=[line.mono for line in lines],
            node=self._nodes(lines),
            port=[line.detail.port for line in lines],
        )


def _are_plausible(lines: list[_Line], node: str) -> bool:
    """Whether all of them are of one node, and each outcome has a result that there can be."""
    results = {(line.detail.result, line.detail.code) for line in lines if line.kind == "outcome"}
    if any(result not in RESULTS or contradicts(result, code) for result, code in results):
        return False
    return {line.node for line in lines} <= {node}


def _is_plain(text: bytes) -> bool:
    try:
        _DECODER.decode(text)
    except msgspec.DecodeError:
        return False
    return text.isascii()


_TAKES: Final[Mapping[str, Callable[[Journals, list[_Line]], None]]] = {
    "attempt": Journals._attempts,
    "outcome": Journals._outcomes,
    "stored": Journals._stored,
    "accepted": Journals._accepted,
    "relayed": Journals._relayed,
    "arrived": Journals._arrived,
    "connected": Journals._passed,
    "answered": Journals._passed,
}


_EVENTS: Final = KINDS - _TAKES.keys() | {CLOSED}
"""The kinds of lines that are kept whole however they are written."""


def _event(line: _Line) -> Event:
    detail = {
        name: value
        for name, value in msgspec.structs.asdict(line.detail).items()
        if value != getattr(_NOTHING, name)
    }
    return Event(line.mono, line.wall, line.node, line.kind, line.message, line.recipient, detail)
