"""An audit: ``audit --json`` and ``judge --json`` of an audit; and audit.json in its folder."""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from typing_extensions import TypedDict

from relaydrill.documents.formats import UNMARKED, Format
from relaydrill.documents.verdict import VerdictDocument
from relaydrill.documents.yearly_cost import YearlyCostDocument
from relaydrill.verdict import Status

AUDIT: Final = Format(
    "relaydrill.audit",
    1,
    what="An audit: the verdict of each of its drills.",
    where="audit --json, judge --json (of an audit)",
)

AUDIT_INDEX: Final = Format(
    "relaydrill.audit-index",
    1,
    what="Which run directories are the rows of an audit.",
    where="audit.json in an audit's folder",
    oldest=UNMARKED,
)


class SecondLook(TypedDict):
    """A drill whose first look left a doubt, so that it ran twice."""

    drill: str
    """The drill's name."""
    first_look: str
    """The directory of its first look, in the audit's folder."""


class FalseAlarmDocument(TypedDict):
    """How an audit keeps to its rate of false alarms."""

    rate: float
    """Of healthy tiers this part at most fails by chance, in all tests together."""
    tests: int
    """How many statistical tests its drills make, second looks aside."""
    method: str
    """How they keep to the rate together."""
    again: list[SecondLook]
    """Drills that ran twice."""


class StandsForDocument(TypedDict):
    """A drill that shows what other sets would, of which the design says the same."""

    drill: str
    """The drill's name."""
    sets: list[list[str]]
    """Those other sets: names of nodes, MX hosts and sites."""


class CutSetDocument(TypedDict):
    """One of the smallest sets whose loss breaks a flow's promise: a minimal cut set."""

    flow: str
    """The flow."""
    units: list[str]
    """What is lost, all of it at once: names of nodes, MX hosts and sites."""
    status: Literal["fail", "accepted"]
    """`accepted` where the topology's author accepts it."""
    drill: str
    """The name of the drill that showed it."""
    is_drilled: bool
    """Whether that drill broke this set, and not one that the design says the same of."""


class AuditDocument(TypedDict):
    """An audit: the verdict of each of its drills."""

    format: Literal["relaydrill.audit"]
    version: Literal[1]
    topology: str
    """The topology's name."""
    driver: str
    """What ran the labs: `process`, `docker`, `attach`."""
    seed: int
    """Of every random choice."""
    clock: float
    """How many field seconds pass in a second of the wall clock."""
    directory: str
    """The audit's folder, as it was named on the command line."""
    status: Status
    """The worst of all rows."""
    false_alarm: FalseAlarmDocument
    """How likely a healthy tier fails by chance."""
    remarks: list[str]
    """What a person should know of it as a whole, a sentence each."""
    depth: int
    """How many nodes, MX hosts and sites were lost at a time, at most."""
    stands_for: list[StandsForDocument]
    """Drills that stand for other sets, too."""
    cut_sets: list[CutSetDocument]
    """The smallest sets of up to `depth` whose loss breaks a flow's promise, by flow."""
    yearly_cost: YearlyCostDocument | None
    """What failures cost a year; null: the topology says of nothing how often it fails."""
    rows: list[VerdictDocument]
    """The verdicts of its drills, the steady state first."""


class AuditIndexDocument(TypedDict):
    """Which run directories are the rows of an audit."""

    format: Literal["relaydrill.audit-index"]
    version: Literal[1]
    rows: list[str]
    """The names of the run directories beside it, in order."""
    seed: NotRequired[int]
    """Of every random choice; earlier versions did not tell."""
    false_alarm: NotRequired[FalseAlarmDocument]
    """How likely a healthy tier fails by chance; earlier versions did not tell."""
    remarks: list[str]
    """What a person should know of the audit as a whole, a sentence each."""
    depth: NotRequired[int]
    """How many units were lost at a time, at most; earlier versions did not tell."""
    stands_for: NotRequired[list[StandsForDocument]]
    """Drills that stand for other sets, too; earlier versions had none."""
