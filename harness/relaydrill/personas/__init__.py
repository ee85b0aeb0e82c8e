"""Sender personas: how a sending system picks a host and address, and whether it tries again.

One behaviour a file. A persona knows nothing of the node program that usually hosts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Final

from relaydrill import extensions
from relaydrill.errors import UsageError
from relaydrill.personas.base import (
    Directory,
    NoSuchName,
    NullMx,
    Persona,
    SenderSettings,
    SenderState,
    Unresolved,
)
from relaydrill.personas.caching_client import CachingClient
from relaydrill.personas.exim import Exim
from relaydrill.personas.first_address import FirstAddress
from relaydrill.personas.happy_eyeballs import HappyEyeballs
from relaydrill.personas.lowest_mx import LowestMx
from relaydrill.personas.mail_client import MailClient
from relaydrill.personas.pinned_mx import PinnedMx
from relaydrill.personas.postfix import Postfix
from relaydrill.personas.rfc5321 import Rfc5321
from relaydrill.personas.rotated_list import RotatedList
from relaydrill.personas.single_host import SingleHost

_ALL: Final[tuple[Persona, ...]] = (
    SingleHost(),
    MailClient(),
    HappyEyeballs(),
    FirstAddress(),
    CachingClient(),
    PinnedMx(),
    LowestMx(),
    Rfc5321(),
    Postfix(),
    Exim(),
    RotatedList(),
)

PERSONAS: Final[Mapping[str, Persona]] = MappingProxyType({each.name: each for each in _ALL})
"""Those that come with Relaydrill, by name."""


@cache
def persona_called(name: str) -> Persona:
    """The persona of that name, be it Relaydrill's or another package's.

    Raises:
        UsageError: There is none, or what a package adds under this name is no persona.
    """
    if name in PERSONAS:
        return PERSONAS[name]
    added = extensions.added(extensions.PERSONAS, tuple(PERSONAS))
    if name not in added:
        known = ", ".join((*PERSONAS, *added))
        raise UsageError(f"no persona is called {name!r}; there are: {known}")
    found = extensions.made(added[name])
    if not isinstance(found, Persona) or found.name != name:
        what = f"{found!r} is no persona of that name"
        raise UsageError(f"{extensions.told(added[name])}: {what}")
    return found


__all__ = [
    "PERSONAS",
    "Directory",
    "NoSuchName",
    "NullMx",
    "Persona",
    "SenderSettings",
    "SenderState",
    "Unresolved",
    "persona_called",
]
