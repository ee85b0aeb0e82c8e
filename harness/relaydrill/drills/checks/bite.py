"""Each fault is proven to have bitten."""

from __future__ import annotations

from relaydrill import faults
from relaydrill.drills.checks.case import Case
from relaydrill.drills.model import FaultSpec
from relaydrill.faults import Proof
from relaydrill.ledger import FaultWindow
from relaydrill.verdict import Verdict, passed, unknown


def check_bite(case: Case) -> Verdict | None:
    """Each fault is proven to have bitten: the node carried the flow before, and felt it."""
    verdicts = [_bite(case, spec) for spec in case.drill.faults]
    if not verdicts:
        return None
    undecided = [verdict for verdict in verdicts if verdict is not None]
    return undecided[0] if undecided else passed("bite", _bite_summary(case))


def _bite(case: Case, spec: FaultSpec) -> Verdict | None:
    """Why one fault proves nothing; None if it has bitten."""
    window = case.window(spec)
    if window is None or window.injected is None:
        reason = window.error if window and window.error else "the drill ended before it"
        return unknown("bite", f"{spec.label} was not injected: {reason}")
    port = case.topology.flows[case.flow].port
    traffic = case.ledger.traffic_of(spec.node, case.flow, port)
    healed = window.heal or float("inf")
    before = sum(each.mono < window.inject for each in traffic)
    during = sum(window.injected < each.mono < healed for each in traffic)
    figures = {"before": before, "during": during}
    if not before:
        text = f"{spec.node} took no {case.flow} mail before the fault: its loss tests nothing"
        return unknown("bite", text, **figures)
    match faults.make(spec.kind, spec.phase).proof:
        case Proof.SILENT if during:
            text = f"{spec.node} still took {during} messages while {spec.label} was in force"
            return unknown("bite", text, **figures)
        case Proof.FELT if not _bites(case, spec, window):
            text = f"no session met the fault on {spec.node} while it was in force"
            return unknown("bite", text, **figures)
    return None


def _bites(case: Case, spec: FaultSpec, window: FaultWindow) -> int:
    healed = window.heal or float("inf")
    return sum(window.inject <= each.mono < healed for each in case.ledger.bites[spec.node])


def _bite_summary(case: Case) -> str:
    told = []
    for spec in case.drill.faults:
        window = case.window(spec)
        assert window
        port = case.topology.flows[case.flow].port
        traffic = case.ledger.traffic_of(spec.node, case.flow, port)
        before = sum(each.mono < window.inject for each in traffic)
        if faults.make(spec.kind, spec.phase).proof is Proof.FELT:
            then = f"the fault met {_bites(case, spec, window)} sessions"
        else:
            then = "then none"
        told.append(f"{spec.node} had taken {before}, {then}")
    return "; ".join(told)
