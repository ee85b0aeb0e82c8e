"""Any fault on a lab that runs already: its inventory says how it is done, and undone."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.drivers.base import HasHooks, Lab, require
from relaydrill.faults.base import Fault, Proof


@dataclass(frozen=True, slots=True)
class ByHook:
    """A fault of another kind, done by a hook.

    Attributes:
        kind: As a person writes it, with its phase. summary: As in `Fault`.
        proof: That of the fault itself: what a hook does to a node, its sessions feel as well.
            Where they do not (a drained backend is given none), its silence proves it.
    """

    kind: str
    summary: str
    proof: Proof

    def inject(self, lab: Lab, node: str) -> None:
        """Do what the hook says."""
        require(lab, HasHooks, self.kind, node).break_by_hook(node, self.kind)

    def heal(self, lab: Lab, node: str) -> None:
        """Undo it."""
        require(lab, HasHooks, self.kind, node).heal_by_hook(node, self.kind)


def by_hook(fault: Fault, kind: str) -> Fault:
    """The same fault, done by a hook; what does nothing needs none.

    Args:
        kind: With its phase.
    """
    return fault if fault.proof is Proof.NONE else ByHook(kind, fault.summary, fault.proof)
