"""What a drill comes to: ``drill --json``, ``judge --json`` and a run directory's verdict.json."""

from __future__ import annotations

from typing import Any, Final, Literal

from typing_extensions import TypedDict

from relaydrill.documents.formats import UNMARKED, Format
from relaydrill.verdict import Status

VERDICT: Final = Format(
    "relaydrill.verdict",
    1,
    what="The verdict of one drill, flow by flow, with its findings.",
    where="drill --json, judge --json (of a drill); verdict.json of a run directory",
    oldest=UNMARKED,
)


FindingStatus = Literal["fail", "unknown", "accepted", "note"]


class CheckDocument(TypedDict):
    """What one check found."""

    check: str
    """The check's name."""
    status: Status
    """Before an acceptance: an accepted failure is `fail` here, and has a reason in `accepted`."""
    summary: str
    """One sentence with the figures that decided."""
    figures: dict[str, Any]
    """The same figures for machines, by the check's name; empty where nothing could be counted."""
    accepted: str
    """The reason for which the topology's author accepts this failure; empty if not."""


class FlowDocument(TypedDict):
    """What a drill showed for one flow."""

    status: Status
    """The worst of its checks, accepted failures left out."""
    accepted: str
    """The reason for which a failure was accepted; empty if none was."""
    checks: list[CheckDocument]
    """All checks that apply, in the order of a report."""


class SeenDocument(TypedDict):
    """What the checks of one flow saw of a finding."""

    flow: str
    """The flow."""
    text: str
    """What its checks saw, in words."""


class FindingDocument(TypedDict):
    """What did not hold in a drill, for flows that share the cause; or what is worth knowing."""

    kind: str
    """The same for the same cause: `alone`, `lost`, and so on."""
    status: FindingStatus
    """`accepted`: a failure that the author accepts; `note`: no failure."""
    title: str
    """What was broken."""
    sentence: str
    """What is wrong."""
    remedy: str
    """What would help; empty where there is nothing to mend."""
    evidence: list[SeenDocument]
    """What shows it, in the order of the flows."""
    accepted: str
    """The author's reason; empty if none."""


class VerdictDocument(TypedDict):
    """The verdict of one drill, flow by flow. Times are field seconds unless a name says else."""

    format: Literal["relaydrill.verdict"]
    version: Literal[1]
    drill: str
    """The drill's name."""
    topology: str
    """The topology's name."""
    driver: str
    """What ran the lab: `process`, `docker`, `attach`."""
    seed: int
    """Of every random choice."""
    clock: float
    """How many field seconds pass in a second of the wall clock."""
    directory: str
    """The run directory, as it was named on the command line."""
    status: Status
    """The worst of all flows."""
    remarks: list[str]
    """What a person should know of how the lab ran, a sentence each."""
    faults: list[str]
    """What was broken: KIND[.PHASE][%SHARE]:NODE@START+DURATION."""
    findings: list[FindingDocument]
    """What did not hold, in words, with a remedy; and what is worth knowing."""
    flows: dict[str, FlowDocument]
    """By the flow's name."""
    evidence: dict[str, str]
    """SHA-256, in hex, of each file of the run directory that it rests on, by the file's name."""
