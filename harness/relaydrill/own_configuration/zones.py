"""Zone files, whose records dnspython reads, and the part of named.conf that names them.

dnspython knows what a record means; the lines are found beside it, entry by entry, so that one that
is wrong is told of and hides no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.ttl

from relaydrill.marks import Mark, show
from relaydrill.own_configuration.blocks import Block, Style, parse, spliced
from relaydrill.own_configuration.including import Includes
from relaydrill.own_configuration.text import NOTHING_THERE, Note, TextFile

_NAMED: Final = Style(comments=("//", "#"), long_comments=True)
_CLASSES: Final = ("IN", "CH", "HS", "ANY")
_TTL = re.compile(r"(?:\d{1,10}[smhdwSMHDW]?)+")


@dataclass(frozen=True, slots=True)
class Record:
    """One record.

    Attributes:
        at: Its line.
        name: Whose it is.
        ttl: How long it may be kept, seconds; None where nothing says it.
        kind: ``MX``, ``A`` …
        data: What it says.
    """

    at: Mark
    name: dns.name.Name
    ttl: int | None
    kind: str
    data: dns.rdata.Rdata


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone file.

    Attributes:
        source: As it was named.
        texts: The files that it was read from.
        origin: The zone's name.
        records: Its records in the order of the lines.
        notes: What was not understood.
        by_name: The records of each name.
    """

    source: str
    texts: tuple[TextFile, ...]
    origin: dns.name.Name | None
    records: tuple[Record, ...]
    notes: tuple[Note, ...]
    by_name: dict[dns.name.Name, list[Record]] = field(
        init=False, default_factory=dict, compare=False, repr=False
    )

    def __post_init__(self) -> None:
        """Rules ask for names one by one, and a zone may have thousands."""
        for each in self.records:
            self.by_name.setdefault(each.name, []).append(each)

    @property
    def why_idle(self) -> str:
        """Why no rule finds anything in it to look at; empty where one may."""
        return "" if self.records else NOTHING_THERE

    def of(self, name: dns.name.Name, *kinds: str) -> tuple[Record, ...]:
        """The records of a name; those of a wildcard, where the name has none."""
        own = self.by_name.get(name, [])
        if not own and self.origin is not None and name.is_subdomain(self.origin):
            stars = [dns.name.Name((b"*", *name.labels[cut:])) for cut in range(1, len(name))]
            own = [each for star in stars for each in self.by_name.get(star, ())]
        return tuple(each for each in own if each.kind in kinds)


@dataclass
class _Reader:
    """What was read of a zone so far."""

    origin: dns.name.Name | None
    includes: Includes
    top: dns.name.Name | None = None
    ttl: int | None = None
    owner: dns.name.Name | None = None
    records: list[Record] = field(default_factory=list)

    def file(self, text: TextFile) -> None:
        """Read one file."""
        for at, entry in entries(text, self.includes.notes):
            try:
                self._entry(at, entry)
            except (dns.exception.DNSException, ValueError, IndexError) as error:
                why = str(error) or type(error).__name__
                self._note(at, f"{show(entry.strip())} is no record, and is left out: {why}")

    def _note(self, at: Mark, what: str) -> None:
        self.includes.notes.append(Note(at, what))

    def _entry(self, at: Mark, entry: str) -> None:
        words = entry.split()
        match words[0].upper():
            case "$ORIGIN":
                self.origin = self._name(words[1])
            case "$TTL":
                self.ttl = dns.ttl.from_text(words[1])
            case "$INCLUDE":
                self._include(at, words)
            case "$GENERATE":
                self._note(at, "records of $GENERATE are left out")
            case first if first.startswith("$"):
                self._note(at, f"{show(words[0])} is not known here, and is left out")
            case _:
                self._record(at, entry, words)

    def _include(self, at: Mark, words: Sequence[str]) -> None:
        origin, owner = self.origin, self.owner
        if len(words) > 2:
            self.origin = self._name(words[2])
        for text in self.includes.files(words[1].strip('"'), at, many=False):
            self.file(text)
        self.origin, self.owner = origin, owner

    def _name(self, text: str) -> dns.name.Name:
        return dns.name.from_text(text, self.origin)

    def _record(self, at: Mark, entry: str, words: list[str]) -> None:
        ends = [found.end() for found in re.finditer(r"\S+", entry)]
        here = 0
        if not entry[0].isspace():
            self.owner = self._name(words[0])
            here = 1
        ttl = self.ttl
        while words[here].upper() in _CLASSES or _TTL.fullmatch(words[here]):
            if words[here].upper() not in _CLASSES:
                ttl = dns.ttl.from_text(words[here])
            here += 1
        kind = words[here].upper()
        if self.owner is None or not self.owner.is_absolute():
            raise ValueError("its name is not known: give named.conf too, or write $ORIGIN")
        data = dns.rdata.from_text(
            dns.rdataclass.IN,
            dns.rdatatype.from_text(kind),
            entry[ends[here] :],
            self.origin,
            relativize=False,
        )
        if kind == "SOA":
            self.top = self.top or self.owner
            if self.ttl is None:
                ttl = ttl if ttl is not None else int(getattr(data, "minimum", 0))
                self.ttl = ttl
        self.records.append(Record(at, self.owner, ttl, kind, data))


def entries(text: TextFile, notes: list[Note]) -> Iterator[tuple[Mark, str]]:
    """The entries of a zone file: without comments, and those in parentheses in one line.

    Args:
        text: The file.
        notes: What is wrong with it is added here.
    """
    at, parts, depth = text.mark(1), list[str](), 0
    for number, line in enumerate(text.lines, 1):
        plain, opened = _plain(line)
        if depth == 0:
            at, parts = text.mark(number), []
        depth += opened
        parts.append(plain)
        if depth <= 0:
            if depth < 0:
                notes.append(Note(text.mark(number), "a closing parenthesis has no opening one"))
            depth = 0
            if (entry := " ".join(parts)).strip():
                yield at, entry
    if depth:
        notes.append(Note(at, "a parenthesis is not closed; the entry is left out"))


def _plain(line: str) -> tuple[str, int]:
    """A line without its comment and parentheses, and how many more were opened than closed."""
    kept, quoted, opened, at = [], False, 0, 0
    while at < len(line):
        here = line[at]
        if here == "\\":
            kept.append(line[at : at + 2])
            at += 2
            continue
        if here == '"':
            quoted = not quoted
        if not quoted and here == ";":
            break
        if not quoted and here in "()":
            opened += 1 if here == "(" else -1
            here = " "
        kept.append(here)
        at += 1
    return "".join(kept), opened


def read(files: Sequence[TextFile], source: str, origin: dns.name.Name | None = None) -> Zone:
    """What a zone file says.

    Args:
        files: The file.
        source: As the user named it.
        origin: The zone's name, where named.conf says it; else it is found out.
    """
    includes = Includes([note for file in files for note in file.notes], [*files])
    reader = _Reader(origin or _from_name(Path(files[0].path).name), includes)
    for file in files:
        reader.file(file)
    top = origin or reader.top or reader.origin
    notes = tuple(sorted({*includes.notes}))
    return Zone(source, tuple(includes.texts), top, tuple(reader.records), notes)


def _from_name(name: str) -> dns.name.Name | None:
    """The zone that a file's name speaks of: ``db.example.com``, ``example.com.zone``."""
    for pattern in (r"db\.([\w-]+(?:\.[\w-]+)+)", r"([\w-]+(?:\.[\w-]+)+)\.(?:zone|db|hosts)"):
        if found := re.fullmatch(pattern, name):
            try:
                return dns.name.from_text(found[1])
            except dns.exception.DNSException:
                return None
    return None


@dataclass(frozen=True, slots=True)
class Named:
    """The zones that a named.conf names.

    Attributes:
        source: As it was named.
        texts: The files that it was read from.
        zones: The name of each zone whose file it names, and the file's name.
        notes: What was not understood.
    """

    source: str
    texts: tuple[TextFile, ...]
    zones: tuple[tuple[dns.name.Name, str, Mark], ...]
    notes: tuple[Note, ...]

    @property
    def why_idle(self) -> str:
        """Why no rule finds anything in it to look at; empty where one may."""
        return "" if self.zones else NOTHING_THERE

    def origin_of(self, path: Path) -> dns.name.Name | None:
        """The zone whose file has this name."""
        return next((name for name, file, _ in self.zones if Path(file).name == path.name), None)


def read_named(files: Sequence[TextFile], source: str, given: Iterable[str] = ()) -> Named:
    """The zones of a named.conf.

    Args:
        files: The file.
        source: As the user named it.
        given: The paths of the zone files that are looked at, too.
    """
    names = {Path(each).name for each in given}
    includes = Includes([note for file in files for note in file.notes], [*files])
    zones: list[tuple[dns.name.Name, str, Mark]] = []
    for block in [each for file in files for each in _statements(file, includes)]:
        views = list(block.all("zone")) if block.keyword == "view" else []
        for each in [block, *views]:
            file_of = each.last("file")
            if each.keyword != "zone" or file_of is None:
                continue
            try:
                zones.append((dns.name.from_text(each.word(1)), file_of.word(1), each.at))
            except dns.exception.DNSException:
                includes.notes.append(Note(each.at, f"{show(each.word(1))} is no zone's name"))
            if Path(file_of.word(1)).name not in names:
                what = f"the zone file {show(file_of.word(1))} is not among the files given"
                includes.notes.append(Note(file_of.at, what))
    return Named(source, tuple(includes.texts), tuple(zones), tuple(sorted({*includes.notes})))


def _statements(file: TextFile, includes: Includes) -> Sequence[Block]:
    whole = parse(file, _NAMED, includes.notes)

    def included(block: Block) -> Sequence[Block] | None:
        if block.keyword != "include":
            return None
        found = includes.files(block.word(1), block.at)
        return [each for one in found for each in _statements(one, includes)]

    return spliced(whole, included).inside
