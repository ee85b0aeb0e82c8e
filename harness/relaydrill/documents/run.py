"""What was drilled: drill.json of a run directory."""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from typing_extensions import TypedDict

from relaydrill.documents.formats import Format

RUN: Final = Format(
    "relaydrill.run",
    3,
    what="What was drilled, with which versions, and what failed in the harness.",
    where="drill.json of a run directory",
    numbered=(1, 2),
)
"""Version 1 has no marks at the ends of its journals; 1 and 2 have no name."""


class LevelsDocument(TypedDict):
    """At which p a statistical test decides."""

    alarm: float
    """The test fails where p is at most so much: a probability."""
    doubt: float
    """Between `alarm` and this it decides nothing: a probability."""
    miss: float
    """How likely at most a share that must be noticed is missed: a probability."""


class DrillDocument(TypedDict):
    """A workload and what is broken."""

    name: str
    """For people and file names."""
    flows: list[str]
    """Which flows send."""
    faults: list[str]
    """What is broken: KIND[.PHASE][%SHARE]:NODE@START+DURATION; none in the steady state."""
    length_s: float
    """How long the flows send, field seconds."""
    settle_s: float
    """How long at most the queues may take to drain afterwards, field seconds."""
    seed: int
    """Of every random choice."""
    levels: LevelsDocument
    """At which its statistical tests decide."""


class RunDocument(TypedDict):
    """What was drilled, with which versions, and what failed in the harness."""

    format: Literal["relaydrill.run"]
    version: Literal[3]
    at: str
    """When the run began: ISO 8601, UTC."""
    relaydrill: str
    """The version of Relaydrill that ran it."""
    python: str
    """The version of Python that ran it."""
    driver: str
    """What ran the lab: `process`, `docker`, `attach`."""
    drill: DrillDocument
    """What was to be done."""
    begun: float | None
    """When the workload began, monotonic seconds of that machine; null if it never did."""
    problems: list[str]
    """What failed in the harness, a sentence each."""
    remarks: list[str]
    """What a person should know of how the lab ran, a sentence each."""
    checks: NotRequired[list[str]]
    """The checks of other packages that judged it, by name; not there where there are none."""
