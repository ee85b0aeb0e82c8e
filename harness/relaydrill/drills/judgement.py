"""What a drill comes to: the verdicts of each flow, and what they say in words. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from relaydrill.drills.finding import ACCEPTED, Finding
from relaydrill.drills.model import Drill
from relaydrill.ledger import Ledger
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict, merge


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
        return dict(found.figures) if found else {}

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

    def flow(self, name: str) -> FlowVerdict:
        """One flow's verdict."""
        return next(flow for flow in self.flows if flow.flow == name)

    def document(self) -> dict[str, Any]:
        """Plain JSON values: what ``--json`` prints and ``verdict.json`` holds."""
        return {
            "drill": self.drill.name,
            "topology": self.topology.name,
            "driver": self.driver,
            "seed": self.drill.seed,
            "clock": self.topology.clock,
            "directory": str(self.directory),
            "status": str(self.status),
            "remarks": list(self.remarks),
            "faults": [str(fault) for fault in self.drill.faults],
            "findings": [finding.document() for finding in self.findings],
            "flows": {
                flow.flow: {
                    "status": str(flow.status),
                    "accepted": flow.accepted,
                    "checks": [asdict(check) for check in flow.checks],
                }
                for flow in self.flows
            },
            "evidence": dict(self.evidence),
        }
