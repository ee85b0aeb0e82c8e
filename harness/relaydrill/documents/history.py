"""How drills came out from run to run: ``history --json``."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import TypedDict

from relaydrill.documents.formats import Format
from relaydrill.verdict import Status

HISTORY: Final = Format(
    "relaydrill.history",
    1,
    what="Each run beside those of the same drill before it.",
    where="history --json",
)


What = Literal["worse", "better", "note"]


class WorstShare(TypedDict):
    """The server that is furthest from its fair share of the senders' choices."""

    server: str
    """The server."""
    share: float
    """Its part of the choices: of 1."""
    fair: float
    """The fair part: of 1."""


class PastRunDocument(TypedDict):
    """How one flow of one drill came out. What a drill does not look at is null."""

    at: str
    """When it began: ISO 8601, with the offset from UTC."""
    directory: str
    """Where its evidence is, or was."""
    seed: int
    """Of every random choice."""
    status: Status
    """Its verdict."""
    accepted: str
    """The reason for which a failure was accepted; empty if none."""
    gap_s: float | None
    """The longest time without any acceptance, field seconds."""
    resolution_s: float
    """How exactly that is known: so much more or less, field seconds."""
    failed: int | None
    """Attempts that failed."""
    attempts: int | None
    """All attempts."""
    late: int | None
    """Attempts that were accepted, only too late; where something was broken."""
    lost: int | None
    """Messages that were lost or thrown away."""
    duplicated: int | None
    """Messages that arrived more than once."""
    spread: WorstShare | None
    """The worst server's share."""


class ChangeDocument(TypedDict):
    """What is not as it was in the run before."""

    what: What
    """`note`: to be looked at, though the verdict holds."""
    told: str
    """In words."""


class SeriesDocument(TypedDict):
    """All runs that can be compared with each other."""

    topology: str
    """The topology's name."""
    driver: str
    """What ran the labs: `process`, `docker`, `attach`."""
    drill: str
    """The drill's name."""
    flow: str
    """The flow."""
    worse: bool
    """Whether the newest verdict is worse than the one before it."""
    changes: list[ChangeDocument]
    """What the newest run has changed."""
    runs: list[PastRunDocument]
    """The last runs, oldest first, as many as --last says."""


class HistoryDocument(TypedDict):
    """Each run beside those of the same drill before it."""

    format: Literal["relaydrill.history"]
    version: Literal[1]
    worse: int
    """How many series got worse."""
    series: list[SeriesDocument]
    """By topology, driver, drill and flow."""
    left_out: list[str]
    """What could not be read, a line each."""
