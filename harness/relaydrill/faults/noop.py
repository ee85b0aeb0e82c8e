"""Nothing at all: the control, which must not pass for a bite; a fault to start a new one from."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.drivers.base import Lab
from relaydrill.faults.base import Fault, Proof, no_phase
from relaydrill.smtp import Phase


@dataclass(frozen=True, slots=True)
class _Noop:
    kind: str = "none"
    summary: str = "goes on as before"
    proof: Proof = Proof.NONE

    def inject(self, lab: Lab, node: str) -> None:
        """Do nothing."""

    def heal(self, lab: Lab, node: str) -> None:
        """Undo nothing."""


def noop(phase: Phase | None = None) -> Fault:
    """The fault that breaks nothing."""
    no_phase("none", phase)
    return _Noop()
