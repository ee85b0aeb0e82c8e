"""Each fault is proven to have bitten."""

from __future__ import annotations

from typing import Final

from relaydrill import faults
from relaydrill.drills.checks.case import Case
from relaydrill.drills.model import FaultSpec
from relaydrill.faults import Proof
from relaydrill.ledger import FaultWindow
from relaydrill.sentences import listed
from relaydrill.verdict import Verdict, passed, unknown

_JOURNAL_LAG_S: Final = 0.5


def check_bite(case: Case) -> Verdict | None:
    """Each fault is proven to have bitten: the node carried the flow before, and felt it.

    Of several faults at once (a site's), those on nodes that the flow does not use do not count, as
    long as one is on a node that it uses. The fault ``none`` has nothing to bite with: beside
    others it does not count, and alone it proves nothing.
    """
    if not case.drill.faults:
        return None
    specs = [spec for spec in case.drill.faults if not _is_harmless(spec)] or case.drill.faults
    used = [spec for spec in specs if not is_idle(case, spec)] or [*specs]
    undecided = [verdict for spec in used if (verdict := _bite(case, spec)) is not None]
    return undecided[0] if undecided else passed("bite", _bite_summary(case, used))


def is_idle(case: Case, spec: FaultSpec) -> bool:
    """Whether a node took none of the flow's mail before its fault was injected."""
    window = case.window(spec)
    if window is None or window.injected is None:
        return False
    port = case.topology.flows[case.flow].port
    return not case.ledger.took(spec.node, case.flow, port, before=window.inject)


def _bite(case: Case, spec: FaultSpec) -> Verdict | None:
    """Why one fault proves nothing; None if it has bitten."""
    window = case.window(spec)
    if window is None or window.injected is None:
        reason = window.error if window and window.error else "the drill ended before it"
        return unknown("bite", f"{spec.label} was not injected: {reason}")
    port = case.topology.flows[case.flow].port
    healed = window.heal or float("inf")
    before = case.ledger.took(spec.node, case.flow, port, before=window.inject)
    # A session that was open when listening ended may still end well; that is no new traffic.
    under_way = case.ledger.under_way(case.flow, window.injected)
    # What a real program has done is in its journal a moment after its reply has left.
    just_over = case.ledger.under_way(case.flow, window.injected, over_for_s=_JOURNAL_LAG_S)
    during = sum(
        each.message not in under_way
        and not (each.message in just_over and each.mono < window.injected + _JOURNAL_LAG_S)
        for each in case.ledger.traffic_of(
            spec.node, case.flow, port, after=window.injected, before=healed
        )
    )
    figures = {"before": before, "during": during}
    if not before:
        text = f"{spec.node} took no {case.flow} mail before the fault: its loss tests nothing"
        pair = case.topology.machines_of(spec.node)
        if case.topology.attach and len(pair) > 1:
            text = f"which of {listed(pair)} answered for the VIP cannot be seen from this machine"
        return unknown("bite", text, **figures)
    match _proof(spec, window):
        case Proof.NONE:
            text = (
                f"{spec.kind} breaks nothing: {spec.node} had taken {before}, and took {during} "
                "while it was in force"
            )
            return unknown("bite", text, **figures)
        case Proof.SILENT if during:
            text = f"{spec.node} still took {during} messages while {spec.label} was in force"
            return unknown("bite", text, **figures)
        case Proof.FELT if not _bites(case, spec, window):
            text = f"no session met the fault on {spec.node} while it was in force"
            return unknown("bite", text, **figures)
    return None


def _is_harmless(spec: FaultSpec) -> bool:
    return faults.make(spec.kind, spec.phase).proof is Proof.NONE


def _proof(spec: FaultSpec, window: FaultWindow) -> Proof:
    """How one sees that it has bitten; what a hook does to a node, that does not tell by itself."""
    proof = faults.make(spec.kind, spec.phase).proof
    return Proof.SILENT if window.by_hook and proof is Proof.FELT else proof


def _bites(case: Case, spec: FaultSpec, window: FaultWindow) -> int:
    healed = window.heal or float("inf")
    return sum(window.inject <= each.mono < healed for each in case.ledger.bites[spec.node])


def _bite_summary(case: Case, specs: list[FaultSpec]) -> str:
    told = []
    for spec in specs:
        window = case.window(spec)
        assert window
        port = case.topology.flows[case.flow].port
        before = case.ledger.took(spec.node, case.flow, port, before=window.inject)
        if _proof(spec, window) is Proof.FELT:
            then = f"the fault met {_bites(case, spec, window)} sessions"
        else:
            then = "then none"
        told.append(f"{spec.node} had taken {before}, {then}")
    return "; ".join(told)
