"""Exim: the hosts that a manualroute router or a transport names, and who may relay."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from relaydrill.marks import Mark, show
from relaydrill.own_configuration.including import Includes
from relaydrill.own_configuration.text import NOTHING_THERE, Note, TextFile

_SETTING = re.compile(r"(?:(hostlist|domainlist|addresslist|localpartlist)\s+)?(\w+)\s*=\s*(.*)")
_MACRO = re.compile(r"([A-Z]\w*)\s*==?\s*(.*)")
_NAMED = re.compile(r"([\w-]+):\s*(.*)")
_DEEPEST: Final = 10


@dataclass(frozen=True, slots=True)
class Option:
    """One setting as it is written."""

    at: Mark
    value: str


@dataclass
class Driver:
    """A router or a transport.

    Attributes:
        at: The line with its name.
        name: Its name.
        options: What is set for it; an option without a value is ``true``.
    """

    at: Mark
    name: str
    options: dict[str, Option] = field(default_factory=dict)

    def value(self, name: str) -> str:
        """An option's value; empty if it is not set."""
        found = self.options.get(name)
        return found.value if found else ""

    def is_set(self, name: str) -> bool:
        """Whether a switch is on."""
        return self.value(name) in ("true", "yes")


@dataclass(frozen=True, slots=True)
class Exim:
    """One Exim.

    Attributes:
        source: As it was named.
        texts: The files that it was read from.
        main: The settings before the first ``begin``; lists by their names.
        routers: Its routers.
        transports: Its transports.
        notes: What was not understood.
    """

    source: str
    texts: tuple[TextFile, ...]
    main: dict[str, Option]
    routers: tuple[Driver, ...]
    transports: tuple[Driver, ...]
    notes: tuple[Note, ...]

    @property
    def why_idle(self) -> str:
        """Why no rule finds anything in it to look at; empty where one may."""
        return "" if self.main or self.routers or self.transports else NOTHING_THERE


def listed_in(text: str) -> list[str]:
    """The items of a list of Exim's: colons are between them, or what ``<`` names."""
    text = text.strip()
    between = ":"
    if changed := re.match(r"<\s*([^\w\s])\s*", text):
        between, text = changed[1], text[changed.end() :]
    # A separator that is doubled is one character of an item.
    marked = text.replace(between * 2, "\0")
    items = (each.strip().replace("\0", between) for each in marked.split(between))
    return [each for each in items if each]


def hosts_of(route: str) -> tuple[list[str], str]:
    """The hosts of one rule of a route_list, and the options after them.

    Args:
        route: ``* hub1:hub2 randomize``.
    """
    _, _, rest = route.strip().partition(" ")
    rest = rest.strip()
    if rest.startswith('"') and '"' in rest[1:]:
        text, _, options = rest[1:].partition('"')
    else:
        found = re.match(r"(?:[^\s:+]|\s*[:+]\s*)+", rest)
        text = found[0] if found else ""
        options = rest[len(text) :]
    hosts = [each for each in re.split(r"\s*[:]\s*", text.replace("::", "\0").strip()) if each]
    return [each.replace("\0", ":") for each in hosts if each != "+"], options.strip()


@dataclass
class _Reader:
    """What was read so far."""

    includes: Includes
    main: dict[str, Option] = field(default_factory=dict)
    drivers: dict[str, list[Driver]] = field(default_factory=dict)
    macros: dict[str, str] = field(default_factory=dict)
    section: str = "main"

    def file(self, text: TextFile) -> None:
        """Read one file."""
        for at, line in _logical(text):
            if line.startswith("."):
                self._directive(at, line)
            elif line.startswith("begin "):
                self.section = line.split()[1]
            elif macro := _MACRO.fullmatch(line):
                self.macros[macro[1]] = self._with_macros(macro[2])
            else:
                self._line(at, self._with_macros(line))

    def _directive(self, at: Mark, line: str) -> None:
        word, _, rest = line.partition(" ")
        if word in (".include", ".include_if_exists"):
            for each in self.includes.files(rest.strip(), at, many=False):
                self.file(each)
        elif word in (".ifdef", ".ifndef"):
            self.includes.notes.append(
                Note(at, f"the lines of {line} are read whatever is defined")
            )

    def _with_macros(self, text: str) -> str:
        for _ in range(_DEEPEST):
            before = text
            for name, value in self.macros.items():
                if name in text and len(text) < 100_000:
                    text = re.sub(rf"\b{name}\b", lambda _, value=value: value, text)  # type: ignore[misc]
            if text == before:
                break
        return text

    def _line(self, at: Mark, line: str) -> None:
        if self.section == "main":
            found = _SETTING.fullmatch(line)
            if found:
                self.main[found[2]] = Option(at, found[3].strip().strip('"'))
            elif not re.fullmatch(r"(?:no_|not_|hide\s+)?\w+(?:\s.*)?", line):
                self.includes.notes.append(Note(at, f"{show(line)} is not understood"))
        elif self.section in ("routers", "transports"):
            self._driver(at, line)

    def _driver(self, at: Mark, line: str) -> None:
        drivers = self.drivers.setdefault(self.section, [])
        option = _SETTING.fullmatch(line)
        name = None if option else _NAMED.fullmatch(line)
        if name:
            drivers.append(Driver(at, name[1]))
            line = name[2].strip()
            option = _SETTING.fullmatch(line)
            if not line:
                return
        if not drivers:
            self.includes.notes.append(Note(at, f"{show(line)} stands before the first name"))
        elif option:
            drivers[-1].options[option[2]] = Option(at, option[3].strip())
        elif switch := re.fullmatch(r"(no_|not_)?(\w+)", line):
            drivers[-1].options[switch[2]] = Option(at, "false" if switch[1] else "true")
        else:
            self.includes.notes.append(Note(at, f"{show(line)} is not understood"))


def read(files: Sequence[TextFile], source: str) -> Exim:
    """What the files of one Exim say.

    Args:
        files: exim4.conf, or the parts of it in their order.
        source: As the user named it.
    """
    includes = Includes([note for file in files for note in file.notes], [*files])
    reader = _Reader(includes)
    for each in files:
        reader.file(each)
    routers, transports = (reader.drivers.get(each, []) for each in ("routers", "transports"))
    return Exim(
        source,
        tuple(includes.texts),
        reader.main,
        tuple(routers),
        tuple(transports),
        tuple(sorted({*includes.notes})),
    )


def _logical(text: TextFile) -> Iterator[tuple[Mark, str]]:
    """Whole lines: one that ends with a backslash goes on in the next."""
    at, kept = text.mark(1), ""
    for number, line in enumerate(text.lines, 1):
        plain = line.strip()
        if plain.startswith("#") or (not plain and not kept):
            continue
        if not kept:
            at = text.mark(number)
        kept += plain.removesuffix("\\")
        if not plain.endswith("\\"):
            if kept.strip():
                yield at, kept.strip()
            kept = ""
    if kept.strip():
        yield at, kept.strip()
