"""A frozen program: its kernel still opens connections, and then nobody speaks."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.drivers.base import CanPause, Lab, require
from relaydrill.faults.base import Fault, Proof, no_phase
from relaydrill.smtp import Phase


@dataclass(frozen=True, slots=True)
class _Pause:
    kind: str = "pause"
    summary: str = "is frozen (SIGSTOP): it connects, and is silent"
    proof: Proof = Proof.SILENT

    def inject(self, lab: Lab, node: str) -> None:
        """Freeze it."""
        require(lab, CanPause, "pause", node).pause(node)

    def heal(self, lab: Lab, node: str) -> None:
        """Let it go on from where it was."""
        require(lab, CanPause, "resume", node).resume(node)


def pause(phase: Phase | None = None) -> Fault:
    """The fault that freezes a node."""
    no_phase("pause", phase)
    return _Pause()
