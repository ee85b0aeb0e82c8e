"""Postfix: main.cf with its continuations and $names, and master.cf with what it overrides."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from relaydrill.marks import Mark, show
from relaydrill.own_configuration.text import NOTHING_THERE, Note, TextFile

DEFAULTS: Final[Mapping[str, str]] = {
    "fallback_relay": "",
    "maximal_queue_lifetime": "5d",
    "postscreen_upstream_proxy_protocol": "",
    "relayhost": "",
    "smtp_data_done_timeout": "600s",
    "smtp_data_init_timeout": "120s",
    "smtp_data_xfer_timeout": "180s",
    "smtp_fallback_relay": "$fallback_relay",
    "smtp_helo_timeout": "300s",
    "smtp_mail_timeout": "300s",
    "smtp_rcpt_timeout": "300s",
    "smtpd_upstream_proxy_protocol": "",
}
"""What holds where nothing is written, of what is asked here (postconf(5)).

Without those whose default hangs on compatibility_level, such as mynetworks_style.
"""

_NAME = re.compile(r"\$(?:(\w+)|\{\s*(\w+)\s*\}|\(\s*(\w+)\s*\))")
_CONDITION = re.compile(r"\$[({]\s*\w+\s*[?:]|\$\{\{")
_DEEPEST: Final = 20
_TIME = re.compile(r"(\d{1,9})([smhdw]?)")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_PORTS: Final = {"smtp": 25, "submission": 587, "smtps": 465, "submissions": 465}


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter as it is written: ``name = value``."""

    at: Mark
    value: str


@dataclass(frozen=True, slots=True)
class Service:
    """One line of master.cf.

    Attributes:
        at: Its line.
        name: What it listens at, or its name.
        kind: ``inet``, ``unix`` …
        program: The program that is run.
        overrides: What ``-o`` sets for it.
    """

    at: Mark
    name: str
    kind: str
    program: str
    overrides: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def port(self) -> int | None:
        """The port at which it listens, if it is one that is known here."""
        text = self.name.rpartition(":")[2]
        if self.kind != "inet":
            return None
        return int(text) if text.isdigit() and len(text) < 6 else _PORTS.get(text)

    @property
    def host(self) -> str:
        """The address at which it listens; empty if it is not written."""
        return self.name.rpartition(":")[0].strip("[]")


@dataclass(frozen=True, slots=True)
class Postfix:
    """One Postfix.

    Attributes:
        source: As it was named.
        texts: The files that it was read from.
        settings: The parameters of main.cf.
        services: The services of master.cf.
        notes: What was not understood.
    """

    source: str
    texts: tuple[TextFile, ...]
    settings: Mapping[str, Setting]
    services: tuple[Service, ...]
    notes: tuple[Note, ...]

    @property
    def why_idle(self) -> str:
        """Why no rule finds anything in it to look at; empty where one may."""
        return "" if self.settings or self.services else NOTHING_THERE

    def value(self, name: str, service: Service | None = None) -> str:
        """A parameter with its $names in place; the default where it is not written.

        Args:
            name: The parameter.
            service: A service that may override it.
        """
        return expanded(f"${name}", self.settings, service.overrides if service else {})

    def at(self, name: str, service: Service | None = None) -> Mark:
        """The line of a parameter, or the file.

        Args:
            name: The parameter.
            service: A service that may override it.
        """
        found = (service.overrides if service else {}).get(name) or self.settings.get(name)
        return found.at if found else Mark(self.texts[0].path, 1)

    def setters(self, name: str) -> Iterator[Service | None]:
        """Where a parameter may have a value of its own: main.cf, which is None, and services."""
        yield None
        yield from (each for each in self.services if name in each.overrides)

    def services_at(self, port: int, host: str = "") -> tuple[Service, ...]:
        """The services that take mail at a port: those of an address, or else of every one.

        Args:
            port: The port.
            host: The address, if it is known.
        """
        programs = ("smtpd", "postscreen")
        there = [each for each in self.services if each.port == port and each.program in programs]
        for wanted in (host, ""):
            if found := tuple(each for each in there if each.host == wanted):
                return found
        return tuple(there)


def expanded(
    text: str, settings: Mapping[str, Setting], overrides: Mapping[str, Setting], depth: int = 0
) -> str:
    """A text with the values of the parameters that it names.

    Args:
        text: What stands in a file.
        settings: The parameters.
        overrides: Those that come first.
        depth: How many names led here.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[3]
        own = overrides.get(name) or settings.get(name)
        written = own.value if own else DEFAULTS.get(name)
        if written is None or depth > _DEEPEST:
            return found[0]
        return expanded(written, settings, overrides, depth + 1)

    return _NAME.sub(value, text)


def seconds(text: str, unit: str = "s") -> float | None:
    """A time of Postfix's (``5d``, ``300``: seconds); None if it is none.

    Args:
        text: The time.
        unit: What a number alone counts, which is another for some parameters.
    """
    found = _TIME.fullmatch(text.strip())
    return int(found[1]) * _UNITS[found[2] or unit] if found else None


def listed_in(text: str) -> list[str]:
    """The words of a list: commas and spaces are between them."""
    return [each for each in re.split(r"[\s,]+", text) if each]


def read(files: Sequence[TextFile], source: str) -> Postfix:
    """What the files of one Postfix say.

    Args:
        files: main.cf, master.cf, or both.
        source: As the user named it.
    """
    notes = [note for file in files for note in file.notes]
    settings: dict[str, Setting] = {}
    services: list[Service] = []
    for file in files:
        if is_master(file):
            services += _services(file, notes)
        else:
            _settings(file, settings, notes)
    return Postfix(source, tuple(files), settings, tuple(services), tuple(sorted({*notes})))


def is_master(file: TextFile) -> bool:
    """Whether a file is a master.cf: by its name, or by its lines."""
    if "master" in Path(file.path).name:
        return True
    return any(re.match(r"\S+\s+(?:inet|unix|fifo|pass)\s+[yn-]\s", line) for line in file.lines)


def _logical(file: TextFile, notes: list[Note]) -> Iterator[tuple[Mark, str]]:
    """Whole lines: one that begins with a space goes on from the one above it."""
    at, parts = file.mark(1), list[str]()
    for number, line in enumerate(file.lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if line[0].isspace():
            if not parts:
                notes.append(Note(file.mark(number), "a line goes on from none above it"))
            parts.append(text)
            continue
        if parts:
            yield at, " ".join(parts)
        at, parts = file.mark(number), [text]
    if parts:
        yield at, " ".join(parts)


def _settings(file: TextFile, settings: dict[str, Setting], notes: list[Note]) -> None:
    for at, line in _logical(file, notes):
        name, equals, value = (each.strip() for each in line.partition("="))
        if not equals or not re.fullmatch(r"[\w.-]+", name):
            notes.append(Note(at, f"{show(line)} is no name = value, and is left out"))
            continue
        if name in settings:
            notes.append(Note(at, f"{name} is set once more: {settings[name].at} has no effect"))
        if _CONDITION.search(value):
            notes.append(Note(at, f"the condition in the value of {name} is not evaluated"))
        settings[name] = Setting(at, value)


def _services(file: TextFile, notes: list[Note]) -> Iterator[Service]:
    for at, line in _logical(file, notes):
        words = line.split()
        if len(words) < 8:
            notes.append(Note(at, f"{show(line)} is no service: it has fewer than 8 columns"))
            continue
        overrides = dict(_overrides(at, " ".join(words[8:]), notes))
        yield Service(at, words[0], words[1], words[7], overrides)


def _overrides(at: Mark, arguments: str, notes: list[Note]) -> Iterator[tuple[str, Setting]]:
    for found in re.finditer(r"(?:^|\s)-o\s*(\{[^}]*\}|\S+)", arguments):
        text = found[1].strip("{}")
        name, equals, value = (each.strip() for each in text.partition("="))
        if equals and name:
            yield name, Setting(at, value)
        else:
            notes.append(Note(at, f"-o {show(text)} is no name=value, and is left out"))
