"""What is said of an organisation and not seen in a lab: versions, replication, directory.

Only `relaydrill.lint` looks at it: the rules of a design that no drill can show. Pure data.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import BeforeValidator, Field

from relaydrill.model import Model
from relaydrill.scalars import Name, Names


def _as_text(value: object) -> object:
    """YAML takes a bare 2007 for a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


_Exchange = Literal["2003", "2003 SP2", "2007", "2007 SP1", "2010", "2013", "2016", "2019"]
_Windows = Literal[
    "2000", "2003", "2008", "2008 R2", "2012", "2012 R2", "2016", "2019", "2022", "2025"
]

EXCHANGE: Final[tuple[str, ...]] = get_args(_Exchange)
"""Versions of Exchange, from the oldest; a bare year is what was first released (RTM)."""

WINDOWS: Final[tuple[str, ...]] = get_args(_Windows)
"""Versions of Windows Server, from the oldest."""

ExchangeVersion = Annotated[
    _Exchange,
    BeforeValidator(
        _as_text, json_schema_input_type=_Exchange | Literal[2003, 2007, 2010, 2013, 2016, 2019]
    ),
]
WindowsVersion = Annotated[
    _Windows,
    BeforeValidator(
        _as_text,
        json_schema_input_type=_Windows | Literal[2000, 2003, 2008, 2012, 2016, 2019, 2022, 2025],
    ),
]


def exchange_since(version: str | None, first: str) -> bool:
    """Whether a version is ``first`` or later; one that is not declared is none of them."""
    return version is not None and EXCHANGE.index(version) >= EXCHANGE.index(first)


class StorageGroup(Model):
    """A storage group under standby continuous replication (SCR, Exchange 2007 SP1).

    Attributes:
        source: The mailbox server that holds it.
        targets: Those that keep a copy.
        paths: Where its files lie, by mailbox server; one that is not named has the source's path.
    """

    source: Name
    targets: Names
    paths: dict[Name, str] = Field(default_factory=dict)


class Controller(Model):
    """A domain controller.

    Attributes:
        windows: Its version of Windows Server.
        read_only: Whether it is a read-only domain controller (RODC; there are some since 2008).
    """

    windows: WindowsVersion
    read_only: bool = False


class Directory(Model):
    """The organisation's Active Directory.

    Attributes:
        controllers: Domain controllers.
        rus: The one that the Recipient Update Service of Exchange 2003 writes to.
    """

    controllers: dict[Name, Controller] = Field(min_length=1)
    rus: Name | None = None
