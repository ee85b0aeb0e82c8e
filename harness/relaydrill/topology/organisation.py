"""What is said of an organisation and not seen in a lab: versions, replication, directory.

Only `relaydrill.lint` looks at it: the rules of a design that no drill can show. Pure data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, model_validator

from relaydrill.scalars import Name, Names, wrong
from relaydrill.topology.model import Model

if TYPE_CHECKING:
    from relaydrill.topology import Topology
    from relaydrill.topology.references import Dangling


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
        source: The mailbox server that holds it. targets: Those that keep a copy.
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

    @model_validator(mode="after")
    def _read_only_since_2008(self) -> Self:
        if self.read_only and WINDOWS.index(self.windows) < WINDOWS.index("2008"):
            raise wrong(
                "read_only",
                "Windows {windows} has no read-only domain controllers; allowed: windows: 2008"
                " or later",
                windows=self.windows,
                fields=("read_only",),
            )
        return self


class Directory(Model):
    """The organisation's Active Directory.

    Attributes:
        controllers: Domain controllers.
        rus: The one that the Recipient Update Service of Exchange 2003 writes to.
    """

    controllers: dict[Name, Controller] = Field(min_length=1)
    rus: Name | None = None


def wrong_organisation(topology: Topology) -> Iterator[Dangling]:
    """Names of replication and directory that nothing is called, and copies of what is there."""
    boxes = topology.mailboxes
    allowed = "one of: " + ", ".join(sorted(boxes)) if boxes else "none is declared"
    for group, each in topology.replication.items():
        here = ("replication", group)
        if each.source not in boxes:
            yield (*here, "source"), f"no mailbox server is called {each.source!r}", allowed
        for at, target in enumerate(each.targets):
            if target not in boxes:
                yield (*here, "targets", at), f"no mailbox server is called {target!r}", allowed
            elif target == each.source or target in each.targets[:at]:
                text = f"{target!r} holds this storage group already"
                yield (*here, "targets", at), text, "every mailbox server once"
        holders = (each.source, *each.targets)
        for name in each.paths:
            if name not in holders:
                text = f"{name!r} is neither its source nor a target"
                yield (*here, "paths", name), text, "one of: " + ", ".join(sorted(set(holders)))
    directory = topology.directory
    if directory and directory.rus is not None and directory.rus not in directory.controllers:
        text = f"no domain controller is called {directory.rus!r}"
        yield ("directory", "rus"), text, "one of: " + ", ".join(sorted(directory.controllers))
