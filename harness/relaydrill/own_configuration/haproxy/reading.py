"""haproxy.cfg → `Haproxy`: a small reader that keeps lines, and says what it leaves out.

HAProxy itself knows best what its file means; it says nothing of lines, and is not everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from relaydrill.marks import Mark, show
from relaydrill.own_configuration.haproxy import keywords
from relaydrill.own_configuration.haproxy.model import (
    Bind,
    Haproxy,
    Place,
    Proxy,
    Section,
    Server,
    Statement,
    seconds,
)
from relaydrill.own_configuration.haproxy.server_options import OFF, WORDS
from relaydrill.own_configuration.haproxy.words import Unreadable, split
from relaydrill.own_configuration.text import Note, TextFile

_PROXIES: Final = ("frontend", "backend", "listen")
_FAMILY = re.compile(r"(?:ipv4|ipv6|tcp4|tcp6|tcp|quic4|quic6|mptcp4|mptcp6|mptcp)@")
_PORT = re.compile(r"([+-]?)(\d{1,5})(?:-(\d{1,5}))?")
_MOST_PORT: Final = 65535


def read(
    files: Sequence[TextFile], source: str, environment: Mapping[str, str] | None = None
) -> Haproxy:
    """What the files of one HAProxy say together.

    Args:
        files: In the order in which HAProxy is given them.
        source: As the user named them.
        environment: The variables of the process; none by default, for another machine runs it.
    """
    reader = _Reader(dict(environment or {}))
    for file in files:
        reader.file(file)
    sections = tuple(replace(each, statements=tuple(lines)) for each, lines in reader.sections)
    proxies = tuple(_proxies(sections, reader.notes))
    _names(proxies, reader.notes)
    notes = tuple(sorted({note for file in files for note in file.notes} | {*reader.notes}))
    return Haproxy(source, tuple(files), sections, proxies, notes)


@dataclass
class _Reader:
    """What was read so far."""

    environment: dict[str, str]
    sections: list[tuple[Section, list[Statement]]] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    branches: list[bool] = field(default_factory=list)
    """For each ``.if`` that is open, whether its lines are read."""

    def file(self, file: TextFile) -> None:
        """Read one more file."""
        for number, line in enumerate(file.lines, 1):
            at = file.mark(number)
            try:
                words = split(line, self.environment, lambda name, at=at: self._unset(at, name))  # type: ignore[misc]
            except Unreadable as error:
                self.note(at, f"{error}; the line is left out")
                continue
            if words and not self._directive(at, words) and all(self.branches):
                self._line(Statement(at, words))

    def note(self, at: Mark, what: str) -> None:
        """Tell of something that is left out."""
        self.notes.append(Note(at, what))

    def _unset(self, at: Mark, name: str) -> None:
        if all(self.branches):
            self.note(at, f"the environment variable {name} is not known here, and stays as it is")

    def _directive(self, at: Mark, words: tuple[str, ...]) -> bool:
        """Whether the line is a condition, or belongs to one."""
        match words[0]:
            case ".if":
                self.note(at, f"the condition {' '.join(words[1:])} is taken to be true")
                self.branches.append(True)
            case ".elif" | ".else":
                self.note(at, f"what stands after {words[0]} is left out")
                if self.branches:
                    self.branches[-1] = False
            case ".endif":
                if self.branches:
                    self.branches.pop()
            case ".diag" | ".notice" | ".warning" | ".alert":
                pass
            case _:
                return False
        return True

    def _line(self, line: Statement) -> None:
        if line.keyword in keywords.SECTIONS:
            self.sections.append((self._section(line), []))
        elif not self.sections:
            self.note(line.at, f"{show(line.keyword)} stands before the first section")
        else:
            section, lines = self.sections[-1]
            self._environment(section, line)
            if section.kind in (*_PROXIES, "defaults"):
                self._known(line)
            lines.append(line)

    def _section(self, line: Statement) -> Section:
        name, base = line.word(1), ""
        rest = line.words[1:]
        if rest[:1] == ("from",):
            name, base = "", line.word(2)
        elif rest[1:2] == ("from",):
            base = line.word(3)
        elif len(rest) > 1 and line.keyword in _PROXIES:
            self.note(line.at, f"{show(rest[1])} after the name of a {line.keyword} is left out")
        if line.keyword in _PROXIES and not name:
            self.note(line.at, f"this {line.keyword} has no name")
        return Section(line.at, line.keyword, name, base)

    def _environment(self, section: Section, line: Statement) -> None:
        """What ``global`` sets for the lines below it."""
        if section.kind != "global":
            return
        name, value = line.word(1), line.word(2)
        if line.keyword == "setenv" and name:
            self.environment[name] = value
        elif line.keyword == "presetenv" and name:
            self.environment.setdefault(name, value)
        elif line.keyword == "unsetenv":
            for each in line.words[1:]:
                self.environment.pop(each, None)

    def _known(self, line: Statement) -> None:
        words = line.words[1:] if line.keyword in ("no", "default") else line.words
        if not words:
            self.note(line.at, f"{show(line.keyword)} alone says nothing")
        elif words[0] == "option":
            if words[1:2] and words[1] not in keywords.OPTIONS:
                self.note(line.at, f"option {show(words[1])} is not known here, and is left out")
        elif words[0] not in keywords.STATEMENTS:
            self.note(line.at, f"{show(words[0])} is not known here, and is left out")


def _proxies(sections: Sequence[Section], notes: list[Note]) -> Iterator[Proxy]:
    """Every proxy with the defaults that are in force for it."""
    named: dict[str, tuple[Statement, ...]] = {}
    last: tuple[Statement, ...] = ()
    for section in sections:
        above = last
        if section.base and section.base not in named:
            notes.append(Note(section.at, f"there is no defaults {show(section.base)} above it"))
        if section.base:
            above = named.get(section.base, ())
        if section.kind == "defaults":
            last = (*(above if section.base else ()), *section.statements)
            if section.name:
                named[section.name] = last
        elif section.kind in _PROXIES:
            yield _proxy(section, above, notes)


def _proxy(section: Section, inherited: tuple[Statement, ...], notes: list[Note]) -> Proxy:
    binds: list[Bind] = []
    servers: list[Server] = []
    standard = _Options(notes)
    for line in inherited:
        if line.keyword == "default-server":
            # What it has that is wrong is told once, where it stands.
            standard.take(line.words[1:], line.at)
    for line in section.statements:
        match line.keyword:
            case "bind":
                binds += _binds(line, notes)
            case "default-server":
                standard.take(line.words[1:], line.at)
            case "server" | "server-template":
                servers += _server(line, standard, notes)
            case "timeout" if seconds(line.word(2)) is None:
                notes.append(Note(line.at, f"{show(line.word(2))} is no time"))
    return Proxy(section, inherited, tuple(binds), tuple(servers))


@dataclass
class _Options:
    """Options of servers, as one line after the other sets them."""

    notes: list[Note]
    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lines: dict[str, Mark] = field(default_factory=dict)

    def take(self, words: Sequence[str], at: Mark) -> None:
        """Set what the words of a line say."""
        rest = [*words]
        while rest:
            name = rest.pop(0)
            if name in OFF:
                for each in OFF[name]:
                    self.values.pop(each, None)
                continue
            count = WORDS.get(name)
            if count is None:
                what = f"{show(name)} is no option of a server that is known here, and is left out"
                self.notes.append(Note(at, what))
                continue
            if len(rest) < count:
                self.notes.append(Note(at, f"{show(name)} wants {count} more on its line"))
            self.values[name] = tuple(rest[:count])
            self.lines[name] = at
            del rest[:count]


def _server(line: Statement, standard: _Options, notes: list[Note]) -> Iterator[Server]:
    template = line.keyword == "server-template"
    name, count, rest = line.word(1), 1, line.words[2:]
    if template:
        first, _, last = line.word(2).partition("-")
        if not re.fullmatch(r"\d{1,5}", first) or not re.fullmatch(r"\d{0,5}", last):
            notes.append(Note(line.at, f"{show(line.word(2))} is no number of servers"))
            return
        count = int(last) - int(first) + 1 if last else int(first)
        rest = line.words[3:]
    if not rest:
        notes.append(Note(line.at, f"the server {show(name)} has no address, and is left out"))
        return
    place = place_of(rest[0])
    if place is None:
        notes.append(Note(line.at, f"{show(rest[0])} is no address, and the server is left out"))
        return
    own = _Options(notes, dict(standard.values), dict(standard.lines))
    own.take(rest[1:], line.at)
    yield Server(line.at, name, place, own.values, own.lines, max(count, 1))


def _binds(line: Statement, notes: list[Note]) -> Iterator[Bind]:
    for text in line.word(1).split(","):
        place = place_of(text)
        if place is None:
            notes.append(Note(line.at, f"{show(text)} is no address to listen at"))
        else:
            yield Bind(line.at, place, line.words[2:])


def place_of(text: str) -> Place | None:
    """The place that an address stands for (``10.0.0.1:25``, ``:25-27``, ``[::1]:25``).

    None if it is none: it is empty, or its port is no port.
    """
    text = _FAMILY.sub("", text, count=1)
    if not text or text.startswith(("/", "unix@", "abns@", "fd@", "sockpair@", "rhttp@", "uxst@")):
        return Place(text) if text else None
    host, colon, tail = text.rpartition(":")
    if not colon or tail == "" or "]" in tail:
        return Place((host if colon and tail == "" else text).strip("[]"))
    port = _PORT.fullmatch(tail)
    if port is None:
        return Place(host.strip("[]")) if tail.startswith("$") else None
    first, last = int(port[2]), int(port[3] or port[2])
    if not first <= last <= _MOST_PORT:
        return None
    host = host.strip("[]")
    return Place(
        "" if host == "*" else host, first * (-1 if port[1] == "-" else 1), last, bool(port[1])
    )


def _names(proxies: Sequence[Proxy], notes: list[Note]) -> None:
    """Tell of backends that are named and are not there, or that only a request decides."""
    there = {each.name for each in proxies if each.section.kind != "frontend"}
    for proxy in proxies:
        for name, at in proxy.leads_to:
            if "%[" in name or "%{" in name:
                notes.append(Note(at, f"which backend {show(name)} is, only a session tells"))
            elif name not in there:
                notes.append(Note(at, f"there is no backend {show(name)}"))
