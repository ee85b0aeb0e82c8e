"""A crash: the program ends between two instructions."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.drivers.base import CanKill, CanRestart, Lab, require
from relaydrill.faults.base import Fault, Proof, no_phase
from relaydrill.smtp import Phase


@dataclass(frozen=True, slots=True)
class _Kill:
    kind: str = "kill"
    summary: str = "is killed without warning (SIGKILL)"
    proof: Proof = Proof.SILENT

    def inject(self, lab: Lab, node: str) -> None:
        """Kill it, provided that it can also be started again."""
        require(lab, CanRestart, "restart", node)
        require(lab, CanKill, "kill", node).kill(node)

    def heal(self, lab: Lab, node: str) -> None:
        """Start it again, with the queue that it left."""
        require(lab, CanRestart, "restart", node).restart(node)


def kill(phase: Phase | None = None) -> Fault:
    """The fault that kills a node."""
    no_phase("kill", phase)
    return _Kill()
