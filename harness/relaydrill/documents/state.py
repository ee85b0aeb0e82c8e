"""What outlives a run in the user's state directory: records for ``heal`` and ``clean``."""

from __future__ import annotations

from typing import Any, Final, Literal

from typing_extensions import TypedDict

from relaydrill.documents.formats import UNMARKED, Format

UNDO: Final = Format(
    "relaydrill.undo",
    2,
    what="A heal that is still to be done on a lab that runs already.",
    where="undo/*.json of the state directory",
    oldest=UNMARKED,
)

LAB: Final = Format(
    "relaydrill.lab",
    2,
    what="The processes of a lab that runs.",
    where="labs/*.json of the state directory",
    oldest=UNMARKED,
)


class Owner(TypedDict):
    """The process that made a record."""

    pid: int
    """Its number."""
    born: float
    """When it began, seconds since its machine did: numbers are given anew. Without a table, and in
    version 1: seconds since the epoch."""
    table: str
    """The process table in which its number means something: each container has its own; empty
    where the system does not say."""


class UndoDocument(TypedDict):
    """A heal that is still to be done on a lab that runs already."""

    format: Literal["relaydrill.undo"]
    version: Literal[2]
    lab: str
    """The topology's name."""
    node: str
    """What is broken."""
    fault: str
    """How: KIND[.PHASE][%SHARE]."""
    address: str
    """The node's address."""
    heal: dict[str, Any]
    """What puts it right: an action, as an inventory's hooks have it; or, under `repair`, a
    container of a compose project."""
    inject_s: float
    """How long breaking it may take, seconds of the wall clock."""
    inject: dict[str, Any] | None
    """What breaks it: an action; null in records of earlier versions."""
    check: dict[str, Any] | None
    """What tells whether the node is whole, as an inventory's hooks have it; null: nothing does."""
    hosts: list[str]
    """The fence of its lab: hosts that may be touched; none: no fence."""
    ports: list[int]
    """The fence of its lab: ports that may be touched; none: no fence."""
    owner: Owner
    """Whose fault it is, while it lives."""


class ProcessDocument(TypedDict):
    """One process of a lab."""

    name: str
    """The node that it runs, or `harness`."""
    pid: int
    """Its number."""
    born: float
    """When it began, seconds since its machine did: numbers are given anew. Without a table, and in
    version 1: seconds since the epoch."""
    table: str
    """The process table in which its number means something: each container has its own; empty
    where the system does not say."""


class LabDocument(TypedDict):
    """The processes of a lab that runs."""

    format: Literal["relaydrill.lab"]
    version: Literal[2]
    lab: str
    """The topology's name."""
    directory: str
    """The lab's directory."""
    host: str
    """What its machine, or its container, is called."""
    owner: ProcessDocument | None
    """The harness that runs it; null: it was gone at once."""
    processes: list[ProcessDocument]
    """All others."""
