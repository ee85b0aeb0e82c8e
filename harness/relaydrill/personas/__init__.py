"""Sender personas: how a sending system picks a host and address, and whether it tries again.

One behaviour a file. A persona knows nothing of the node program that usually hosts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from relaydrill.personas.base import Circumstances, Directory, Mind, Persona, Unresolved
from relaydrill.personas.caching_client import CachingClient
from relaydrill.personas.exim import Exim
from relaydrill.personas.first_address import FirstAddress
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
"""Every persona by name."""

__all__ = ["PERSONAS", "Circumstances", "Directory", "Mind", "Persona", "Unresolved"]
