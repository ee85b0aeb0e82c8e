"""A host that is gone: packets to it vanish, nothing is refused, nothing answers."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.drivers.base import CanBlackhole, Lab, require
from relaydrill.faults.base import Fault, Proof, no_phase
from relaydrill.smtp import Phase


@dataclass(frozen=True, slots=True)
class _Blackhole:
    kind: str = "blackhole"
    summary: str = "is unreachable: connecting to it times out"
    proof: Proof = Proof.SILENT

    def inject(self, lab: Lab, node: str) -> None:
        """Cut it off."""
        require(lab, CanBlackhole, "black-hole", node).blackhole(node)

    def heal(self, lab: Lab, node: str) -> None:
        """Connect it again."""
        require(lab, CanBlackhole, "black-hole", node).unblackhole(node)


def blackhole(phase: Phase | None = None) -> Fault:
    """The fault that makes a node's host unreachable."""
    no_phase("blackhole", phase)
    return _Blackhole()
