"""A stopped service: the program ends in good order, and its host stays up."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.drivers.base import CanRestart, CanStop, Lab, require
from relaydrill.faults.base import Fault, Proof, no_phase
from relaydrill.smtp import Phase


@dataclass(frozen=True, slots=True)
class _Stop:
    kind: str = "stop"
    summary: str = "is stopped in good order (SIGTERM)"
    proof: Proof = Proof.SILENT

    def inject(self, lab: Lab, node: str) -> None:
        """Stop it, provided that it can also be started again."""
        require(lab, CanRestart, "restart", node)
        require(lab, CanStop, "stop", node).stop(node)

    def heal(self, lab: Lab, node: str) -> None:
        """Start it again."""
        require(lab, CanRestart, "restart", node).restart(node)


def stop(phase: Phase | None = None) -> Fault:
    """The fault that stops a node's service."""
    no_phase("stop", phase)
    return _Stop()
