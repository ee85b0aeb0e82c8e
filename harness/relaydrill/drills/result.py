"""What a drill comes to: the verdicts of each flow, and what they say in words. Pure data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

from relaydrill.documents.verdict import (
    CheckDocument,
    FindingDocument,
    FindingStatus,
    VerdictDocument,
)
from relaydrill.drills.model import Drill
from relaydrill.ledger import Ledger
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict, merge

ACCEPTED: Final = "accepted"
"""Shown for a failure that the topology's author accepts."""

NOTE: Final = "note"
"""Shown for what is no failure and yet worth knowing."""

COPIES: Final = "copies"
"""What the figures of an account call the copies for others, which are no account."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What did not hold in one drill, for flows that share the cause.

    Attributes:
        kind: What sort of thing it is, the same for the same cause: ``alone``, ``lost``, ….
        status: ``fail``, ``unknown``, ``accepted`` or ``note``.
        title: What was broken.
        sentence: What is wrong.
        remedy: What would help; empty where there is nothing to mend.
        evidence: (flow, what its checks saw) in order.
        accepted: The author's reason; empty if none.
    """

    kind: str
    status: str
    title: str
    sentence: str
    remedy: str
    evidence: tuple[tuple[str, str], ...]
    accepted: str = ""

    def document(self) -> FindingDocument:
        """Plain JSON values."""
        return {
            "kind": self.kind,
            "status": cast("FindingStatus", self.status),
            "title": self.title,
            "sentence": self.sentence,
            "remedy": self.remedy,
            "evidence": [{"flow": flow, "text": text} for flow, text in self.evidence],
            "accepted": self.accepted,
        }


@dataclass(frozen=True, slots=True)
class FlowVerdict:
    """What one drill showed for one flow.

    Attributes:
        holes: What is missing of the evidence, a sentence each; then no check says anything.
    """

    flow: str
    checks: tuple[Verdict, ...]
    holes: tuple[str, ...] = ()

    @property
    def status(self) -> Status:
        """The worst of its checks, accepted failures left out."""
        return merge(check.counts_as for check in self.checks)

    @property
    def shown_status(self) -> str:
        """``pass``, ``fail``, ``unknown`` or ``accepted``."""
        return ACCEPTED if self.status is Status.PASS and self.accepted else str(self.status)

    @property
    def accepted(self) -> str:
        """The reason for which a failure was accepted; empty if none was."""
        return next((check.accepted for check in self.checks if check.accepted), "")

    def check(self, name: str) -> Verdict | None:
        """One check by name."""
        return next((check for check in self.checks if check.check == name), None)

    @property
    def doubtful(self) -> list[Verdict]:
        """The checks that did not hold, accepted or not."""
        return [check for check in self.checks if check.status is not Status.PASS]

    @property
    def account(self) -> dict[str, int]:
        """How many messages ended in each account."""
        found = self.check("account")
        return {what: n for what, n in found.figures.items() if what != COPIES} if found else {}

    @property
    def copies(self) -> dict[str, int]:
        """How many copies of its messages came to each of those to whom they were not sent."""
        found = self.check("account")
        return dict(found.figures.get(COPIES, {})) if found else {}

    @property
    def worst(self) -> Verdict:
        """The check that decides the status; the first of them."""
        shown = [check for check in self.checks if check.counts_as is self.status]
        accepted = [check for check in self.checks if check.accepted]
        return (accepted if self.status is Status.PASS and accepted else shown)[0]


@dataclass(frozen=True)
class Judgement:
    """The verdicts of one drill, flow by flow.

    Attributes:
        findings: What did not hold, in words, with a remedy; and what is worth knowing.
        evidence: The files that it rests on, each with its SHA-256.
    """

    drill: Drill
    topology: Topology
    driver: str
    directory: Path
    flows: tuple[FlowVerdict, ...]
    ledger: Ledger
    remarks: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    evidence: Mapping[str, str] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """The worst of all flows."""
        return merge(flow.status for flow in self.flows)

    @property
    def digest(self) -> str:
        """SHA-256 of all journals together, in hex: of a simulated drill the same each time."""
        return digest_of(
            f"{name} {each}" for name, each in self.evidence.items() if name.endswith(".jsonl")
        )

    def flow(self, name: str) -> FlowVerdict:
        """One flow's verdict."""
        return next(flow for flow in self.flows if flow.flow == name)

    def document(self) -> VerdictDocument:
        """What ``--json`` prints and ``verdict.json`` holds."""
        return {
            "format": "relaydrill.verdict",
            "version": 1,
            "drill": self.drill.name,
            "topology": self.topology.name,
            "driver": self.driver,
            "seed": self.drill.seed,
            "clock": self.topology.clock,
            "directory": str(self.directory),
            "status": self.status,
            "remarks": list(self.remarks),
            "faults": [str(fault) for fault in self.drill.faults],
            "findings": [finding.document() for finding in self.findings],
            "flows": {
                flow.flow: {
                    "status": flow.status,
                    "accepted": flow.accepted,
                    "checks": [_plain(check) for check in flow.checks],
                }
                for flow in self.flows
            },
            "evidence": dict(self.evidence),
        }


def digest_of(parts: Iterable[str]) -> str:
    """SHA-256 of some lines, whatever their order, in hex."""
    return hashlib.sha256("\n".join(sorted(parts)).encode()).hexdigest()


def _plain(check: Verdict) -> CheckDocument:
    return {
        "check": check.check,
        "status": check.status,
        "summary": check.summary,
        "figures": check.figures,
        "accepted": check.accepted,
    }
