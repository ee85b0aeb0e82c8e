"""What else an inventory has this machine connect to, beside nodes and VIPs. Pure.

A mailbox server that is looked into, HAProxy's runtime API, and the hosts to which commands go by
ssh. Found wherever in the inventory they stand, so that a new place for them is inside the fence
from the first day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel

from relaydrill.address_span import parse_address
from relaydrill.endpoint import Endpoint
from relaydrill.topology.attach import Attach, Imap, RuntimeApi

Keys = tuple[str | int, ...]

_SSH: Final = frozenset(("ssh", "plink"))
_SSH_VALUES: Final = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
"""Options of ssh(1) that are followed by a value."""
_JUMP: Final = "-J"
_WORD: Final = re.compile(r"[^\s;|&'\"()]+")


@dataclass(frozen=True, slots=True)
class Contact:
    """Somebody that is connected to.

    Attributes:
        keys: Where the topology says so.
        host: An address or a name.
        port: Real port; None where a command knows it.
        what: Who it is, for people.
    """

    keys: Keys
    host: str
    port: int | None
    what: str

    @property
    def address(self) -> str:
        """The address, where it is one and no name."""
        try:
            return str(parse_address(self.host))
        except ValueError:
            return ""

    def __str__(self) -> str:
        return self.host if self.port is None else str(Endpoint(self.host, self.port))


def contacts(attach: Attach) -> Iterator[Contact]:
    """Everybody that an inventory names beside nodes and VIPs."""
    for keys, part in parts(attach, ("attach",)):
        match part:
            case Imap():
                yield Contact((*keys, "server"), part.host, part.port, "IMAP")
            case RuntimeApi() if part.endpoint:
                yield Contact((*keys, "socket"), *part.endpoint, "HAProxy's runtime API")
            case _:
                for host in ssh_hosts(command_of(part)):
                    yield Contact((*keys, "run"), host, None, "ssh")


def parts(model: object, keys: Keys) -> Iterator[tuple[Keys, BaseModel]]:
    """All models within one, each with the keys that lead to it."""
    if isinstance(model, BaseModel):
        yield keys, model
        # Not by the fields: of a file with mistakes some could not be read.
        for name, value in vars(model).items():
            yield from parts(value, (*keys, name))
    elif isinstance(model, dict):
        for key, value in model.items():
            yield from parts(value, (*keys, key))
    elif isinstance(model, tuple):
        for at, value in enumerate(model):
            yield from parts(value, (*keys, at))


def command_of(part: BaseModel) -> tuple[str, ...]:
    """The command that a part of an inventory has run; empty where it has none."""
    run = getattr(part, "run", None)
    return tuple(str(each) for each in run) if isinstance(run, tuple) else ()


def ssh_hosts(command: tuple[str, ...]) -> Iterator[str]:
    """The hosts to which a command goes by ssh, itself or in what it has a shell run.

    Those that are still to be filled in (``{address}``) are left out: they are nodes.
    """
    words = [word for each in command for word in _WORD.findall(each)]
    for at, word in enumerate(words):
        if word.rpartition("/")[2] in _SSH:
            for destination in _destinations(words[at + 1 :]):
                host = _host_of(destination)
                if host and "{" not in host:
                    yield host


def _destinations(words: list[str]) -> Iterator[str]:
    """What ssh(1) connects to: the jump hosts, and its first argument that is no option."""
    at = 0
    while at < len(words):
        word = words[at]
        if not word.startswith("-"):
            yield word
            return
        takes_value = len(word) == 2 and word[1] in _SSH_VALUES
        if word.startswith(_JUMP):
            jumps = word[2:] or (words[at + 1] if at + 1 < len(words) else "")
            yield from jumps.split(",")
        at += 2 if takes_value else 1


def _host_of(destination: str) -> str:
    """The host of ``[user@]host`` or ``ssh://[user@]host[:port]``; IPv6 may have brackets."""
    host = destination.removeprefix("ssh://").rpartition("@")[2].partition("/")[0]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    # Without brackets nothing follows an address of IPv6, which has several colons itself.
    return host if host.count(":") > 1 else host.partition(":")[0]
