"""A host cut off the network: it runs on, and neither hears nor is heard."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.drivers.base import CanIsolate, Lab, require
from relaydrill.faults.base import Fault, Proof, no_phase
from relaydrill.smtp import Phase


@dataclass(frozen=True, slots=True)
class _Isolate:
    kind: str = "isolate"
    summary: str = "is cut off the network, and runs on"
    proof: Proof = Proof.SILENT

    def inject(self, lab: Lab, node: str) -> None:
        """Cut it off."""
        require(lab, CanIsolate, "isolate", node).isolate(node)

    def heal(self, lab: Lab, node: str) -> None:
        """Connect it again."""
        require(lab, CanIsolate, "isolate", node).rejoin(node)


def isolate(phase: Phase | None = None) -> Fault:
    """The fault that cuts a node off the network."""
    no_phase("isolate", phase)
    return _Isolate()
