"""Which server's log of which kind covers which time, and where it has holes. Pure.

Exchange 2013 and later split what became of a message over logs of several services (Microsoft,
"Message tracking"): without all of them, and without every file of each, what was not read is no
proof that it did not happen.
"""

from __future__ import annotations

import bisect
import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from relaydrill.documents.account import CoveredLog
from relaydrill.exchange_logs import NEVER, ExchangeLog, TrackingRow
from relaydrill.exchange_logs.servers import Servers

TRANSPORT: Final = "MSGTRK"
DELIVERY: Final = "MSGTRKMD"
SUBMISSION: Final = "MSGTRKMS"
RECEIVE: Final = "RECV"

KINDS: Final = {
    TRANSPORT: "the transport service's message tracking log",
    DELIVERY: "the log of deliveries to mailboxes",
    SUBMISSION: "the log of submissions from mailboxes",
    "MSGTRKMA": "the log of moderated mail",
    "MSGTRKM": "the Mailbox role's log of submissions (2007, 2010)",
    RECEIVE: "the SmtpReceive protocol log",
}
"""Kinds of logs, by how their files are named."""

_NAME: Final = re.compile(r"(MSGTRK(?:M[ADS]?)?|RECV)_?(\d{8})(\d\d)?-(\d+)\.log", re.I)


@dataclass(frozen=True, slots=True)
class Hole:
    """A time of which rows may be missing, seconds since the epoch, and why."""

    begin: float
    end: float
    why: str
    is_sure: bool = True


@dataclass(slots=True)
class Stretch:
    """What is at hand of one kind of one server's logs.

    Attributes:
        begin: The first moment that its files cover, seconds since the epoch.
        end: The last one.
        files: How many.
        holes: By their begin.
    """

    begin: float = NEVER
    end: float = -NEVER
    files: int = 0
    holes: list[Hole] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    """One file: its day or hour, its number within that, and the times of its rows.

    It covers the time from its ``begin`` on, when it was made, though its first row came later.
    """

    stamp: datetime | None
    by_hour: bool
    number: int
    begin: float
    first: float
    end: float
    log: ExchangeLog


class Coverage:
    """What is at hand of which server.

    Args:
        logs: All that were read.
        servers: Whose they are.
    """

    def __init__(self, logs: Iterable[ExchangeLog], servers: Servers) -> None:
        self.stretches: dict[str, dict[str, Stretch]] = defaultdict(dict)
        self.exported: set[str] = set()
        self.versions: dict[str, int] = {}
        self.direct: set[str] = set()
        self._old: set[str] = set()
        parts: dict[tuple[str, str], list[_Part]] = defaultdict(list)
        for log in logs:
            for server, kind, part in _parts(log, servers):
                parts[server, kind].append(part)
                if any(_is_direct(row) for row in log.tracking):
                    self.direct.add(server)
                if kind == TRANSPORT and log.version < 15 and _delivers(log):
                    self._old.add(server)
                self.versions[server] = max(log.version, self.versions.get(server, 0))
                if log.is_export:
                    self.exported.add(server)
        for (server, kind), found in sorted(parts.items()):
            self.stretches[server][kind] = _stretch(kind, found)

    def has(self, server: str, kind: str) -> bool:
        """Whether there is any of it."""
        return kind in self.stretches.get(server, {})

    def why_not(self, server: str, kind: str, at: float) -> str:
        """Why a row of that moment may not be at hand, as a sentence's end; empty if it would be.

        Args:
            server: Whose log it would be in.
            kind: Of which kind of log.
            at: Seconds since the epoch, by that server's clock.
        """
        found = self.stretches.get(server, {}).get(kind)
        if found is None:
            if server in self.exported:
                return f"{server}'s rows are an export's, which holds what was asked for"
            return f"{server}'s {kind} ({_short(kind)}) is not at hand"
        if at > found.end:
            return f"{server}'s {kind} ends before that, at {shown(found.end)}"
        if at < found.begin:
            return f"{server}'s {kind} begins after that, at {shown(found.begin)}"
        if hole := next((each for each in found.holes if each.begin <= at <= each.end), None):
            return f"{server}'s {kind}: {hole.why}"
        if server in self.exported:
            return f"{server}'s rows are an export's, which holds what was asked for"
        return ""

    def hole_after(self, server: str, kinds: Iterable[str], at: float) -> str:
        """Why something that happened after a moment may be missing; empty if nothing is."""
        for kind in kinds:
            found = self.stretches.get(server, {}).get(kind)
            for hole in found.holes if found else ():
                if hole.end >= at:
                    return f"{server}'s {kind}: {hole.why}"
        return ""

    def delivers_by_itself(self, server: str) -> bool:
        """Whether a service of its own puts mail into mailboxes, with a log of its own (2013+).

        It may where a log does not tell its version, unless a DELIVER stands in it.
        """
        version = self.versions.get(server, 0)
        may = version >= 15 or (version == 0 and server not in self._old)
        return may and server not in self.exported

    @property
    def hubs(self) -> tuple[str, ...]:
        """Servers of 2013 or later with a transport log that has shown itself to be no Edge's."""
        return tuple(
            server
            for server, kinds in sorted(self.stretches.items())
            if TRANSPORT in kinds
            and self.delivers_by_itself(server)
            and self._has_mailboxes(server)
        )

    def _has_mailboxes(self, server: str) -> bool:
        return server in self.direct or DELIVERY in self.stretches[server]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is not whole, a sentence each."""
        return tuple(
            f"{server}'s {kind}: {hole.why}"
            for server, kinds in sorted(self.stretches.items())
            for kind, found in sorted(kinds.items())
            for hole in found.holes
        )

    @property
    def is_whole(self) -> bool:
        """Whether no rows are known to be missing; an hour without a file may have been idle."""
        return not any(
            hole.is_sure
            for kinds in self.stretches.values()
            for found in kinds.values()
            for hole in found.holes
        )

    def document(self) -> dict[str, dict[str, CoveredLog]]:
        """Plain JSON values."""
        return {
            server: {
                kind: {
                    "from": _plain(found.begin),
                    "to": _plain(found.end),
                    "files": found.files,
                    "holes": [hole.why for hole in found.holes],
                }
                for kind, found in sorted(kinds.items())
            }
            for server, kinds in sorted(self.stretches.items())
        }


def _delivers(log: ExchangeLog) -> bool:
    return any(row.event == "DELIVER" for row in log.tracking)


def _is_direct(row: TrackingRow) -> bool:
    """Whether it shows its server to be one of the organization's own, and no Edge server."""
    connector = row.values.get("connector-id", "").lower()
    return row.event == "SEND" and connector.startswith("intra-organization")


def shown(at: float) -> str:
    """A moment as people read it."""
    if abs(at) == NEVER:
        return "an unknown time"
    return datetime.fromtimestamp(at, UTC).isoformat(" ", "seconds")[:-6] + " UTC"


def _plain(at: float) -> float | None:
    return None if abs(at) == NEVER else at


def _short(kind: str) -> str:
    return KINDS[kind].removeprefix("the ")


def numbers_missing(names: Iterable[str]) -> Iterator[str]:
    """What is missing between files of one folder, by their names: a sentence's end each."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for name in names:
        if named := _NAME.search(name):
            found[named[1].upper(), named[2] + (named[3] or "")].append(int(named[4]))
    for (kind, stamp), numbers in sorted(found.items()):
        for last, following in itertools.pairwise(sorted(set(numbers))):
            if following > last + 1:
                yield _missing_sentence(kind + stamp, last, following)


def order_of(name: str) -> tuple[str, int]:
    """By which files of one kind stand in the order in which they were written."""
    named = _NAME.search(name)
    return (named[2] + (named[3] or ""), int(named[4])) if named else (name, 0)


def kind_by_name(name: str) -> str:
    """The kind of log that a file is named for; empty where its name says none."""
    named = _NAME.search(name)
    return named[1].upper() if named else ""


def kinds_of(log: ExchangeLog) -> tuple[str, ...]:
    """Which kinds of logs a file is: by its name, and by what only some services write."""
    named = kind_by_name(log.path.name)
    found = {named} if named else set()
    if log.protocol:
        found.add(RECEIVE)
    if log.version >= 15:
        if any(row.event == "DELIVER" and row.source == "STOREDRIVER" for row in log.tracking):
            found.add(DELIVERY)
        if any(row.event == "SUBMIT" for row in log.tracking):
            found.add(SUBMISSION)
    is_transport = any(row.source not in ("STOREDRIVER", "APPROVAL") for row in log.tracking)
    if not named and (is_transport or not found):
        found.add(TRANSPORT)
    return tuple(sorted(found))


def _parts(log: ExchangeLog, servers: Servers) -> Iterable[tuple[str, str, _Part]]:
    if not log.tracking and not log.protocol:
        return
    times: dict[str, list[float]] = defaultdict(list)
    for row in log.tracking:
        times[servers.of(log, row)].append(row.time)
    for said in log.protocol:
        times[servers.of(log)].append(said.time)
    named = _NAME.search(log.path.name) if log.blocks == 1 else None
    stamp = _stamp(named[2] + (named[3] or "00")) if named else None
    for server, moments in times.items():
        first = min(moments)
        number = int(named[4]) if named else 0
        begin = _begin(first, log.begun, stamp, number)
        for kind in kinds_of(log):
            is_own = named is not None and named[1].upper() == kind
            yield (
                server,
                kind,
                _Part(
                    stamp if is_own else None,
                    bool(named and named[3]),
                    number,
                    begin,
                    first,
                    max(moments),
                    log,
                ),
            )


def _begin(first: float, begun: float | None, stamp: datetime | None, number: int) -> float:
    """From when on a file would have what happened: the first of its hour or day from its begin."""
    if stamp is not None and number == 1:
        return min(first, stamp.timestamp())
    is_told = begun is not None and (stamp is None or begun >= stamp.timestamp())
    return min(first, begun) if is_told and begun is not None else first


def _stamp(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%d%H").replace(tzinfo=UTC)
    except ValueError:
        return None


def _stretch(kind: str, parts: list[_Part]) -> Stretch:
    found = Stretch(min(part.begin for part in parts), max(part.end for part in parts), len(parts))
    firsts = sorted(part.first for part in parts)
    for part in parts:
        for begin, end in part.log.holes:
            # Behind its last row a log that was copied while it grew just ends.
            at = bisect.bisect_right(firsts, part.end)
            behind = firsts[at] if at < len(firsts) else NEVER
            if end < NEVER or behind < NEVER or begin == -NEVER or part.log.is_cut:
                why = f"rows of {part.log.path.name} cannot be read"
                found.holes.append(Hole(begin, min(end, behind), why))
    found.holes += _between(kind, parts)
    found.holes.sort(key=lambda hole: hole.begin)
    return found


def _between(kind: str, parts: list[_Part]) -> Iterable[Hole]:
    """Holes where a file is missing: its number, or its day or hour."""
    dated = sorted(
        ((part.stamp, part.number, part) for part in parts if part.stamp), key=lambda each: each[:2]
    )
    for (day, number, part), (next_day, next_number, following) in itertools.pairwise(dated):
        begin, end = part.end, max(part.end, following.first)
        if day == next_day:
            if next_number > number + 1:
                yield Hole(begin, end, _missing(kind, day, part.by_hour, number, next_number))
            continue
        if next_number > 1:
            yield Hole(begin, end, _missing(kind, next_day, following.by_hour, 0, next_number))
        step = timedelta(hours=1) if part.by_hour and following.by_hour else timedelta(days=1)
        if next_day - day > step:
            form = "%Y-%m-%d %H:00" if part.by_hour else "%Y-%m-%d"
            why = f"there is no file between those of {day:{form}} and {next_day:{form}}"
            yield Hole(begin, end, why, is_sure=False)


def _missing(kind: str, day: datetime, by_hour: bool, last: int, following: int) -> str:
    stem = f"{kind}{day:%Y%m%d%H}" if by_hour else f"{kind}{day:%Y%m%d}"
    return _missing_sentence(stem, last, following)


def _missing_sentence(stem: str, last: int, following: int) -> str:
    names = [f"{stem}-{number}.LOG" for number in range(last + 1, following)][:3]
    more = following - last - 1 - len(names)
    told = ", ".join(names) + (f" and {more} more" if more else "")
    return f"{told} {'is' if following - last == 2 else 'are'} missing"
