"""Sender personas: how a sending system picks a host and address, and whether it tries again.

One behaviour a file. A persona knows nothing of the node program that usually hosts it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from relaydrill.personas.base import Persona, Resolve
from relaydrill.personas.mail_client import MailClient
from relaydrill.personas.single_host import SingleHost

PERSONAS: Final[Mapping[str, Persona]] = MappingProxyType(
    {persona.name: persona for persona in (SingleHost(), MailClient())}
)
"""Every persona by name."""

__all__ = ["PERSONAS", "Persona", "Resolve"]
