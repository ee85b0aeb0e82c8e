"""Whose configuration a file is: by its name, and where that says nothing, by what stands in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill.own_configuration.text import TextFile


@dataclass(frozen=True, slots=True)
class Program:
    """A program whose configuration is read.

    Attributes:
        kind: As ``--as`` names it.
        title: As people call it.
        names: What its files are called.
        begins: Lines that no other program's files have.
    """

    kind: str
    title: str
    names: re.Pattern[str]
    begins: re.Pattern[str]


def _program(kind: str, title: str, names: str, begins: str) -> Program:
    return Program(kind, title, re.compile(names, re.I), re.compile(begins, re.M))


PROGRAMS: Final = (
    _program(
        "keepalived",
        "keepalived",
        r".*keepalived.*",
        r"^[ \t]*(?:vrrp_instance|vrrp_script|vrrp_sync_group|virtual_server)\b",
    ),
    _program(
        "haproxy",
        "HAProxy",
        r".*haproxy.*",
        r"^[ \t]*(?:defaults|(?:frontend|backend|listen)[ \t]+[\w.:-]+)[ \t\r]*(?:#.*)?$",
    ),
    _program(
        "postfix",
        "Postfix",
        r"(?:main|master)\b.*\.cf(?:\..*)?",
        r"^(?:myhostname|mydestination|mynetworks|relayhost|smtpd?_\w+)[ \t]*="
        r"|^\S+[ \t]+(?:inet|unix|fifo|pass)[ \t]+[yn-][ \t]+[yn-][ \t]",
    ),
    _program("nginx", "nginx", r".*nginx.*", r"^[ \t]*(?:stream|upstream[ \t]+[\w.-]+)[ \t]*\{"),
    _program("exim", "Exim", r"exim4?\b.*\.conf.*", r"^begin[ \t]+(?:acl|routers|transports)\b"),
    _program("named", "BIND", r"named\b.*\.conf.*", r'^[ \t]*zone[ \t]+"[^"]*"[^{;]*\{'),
    _program("zone", "zone files", r"db\..+|.+\.(?:zone|hosts)", r"^\$(?:ORIGIN|TTL)\b|\sSOA\s"),
)
"""Every program whose configuration is read."""

KINDS: Final = tuple(each.kind for each in PROGRAMS)
"""Their kinds."""


def by_name(path: Path) -> str:
    """The kind of a file of this name; empty if the name says nothing."""
    if path.suffix in (".yaml", ".yml", ".json"):
        return ""
    return next((each.kind for each in PROGRAMS if each.names.fullmatch(path.name)), "")


def by_content(text: TextFile) -> str:
    """The kind of a file with this text; empty if it could be anything."""
    whole = "\n".join(text.lines)
    return next((each.kind for each in PROGRAMS if each.begins.search(whole)), "")
