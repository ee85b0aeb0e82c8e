"""Each fault is proven to have bitten."""

from __future__ import annotations

from typing import Any, NamedTuple

from relaydrill import faults
from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.meeting import meetings_of
from relaydrill.drills.checks.place import Place, place_of
from relaydrill.drills.checks.silence import silence_of, took_while_broken
from relaydrill.drills.model import FaultSpec
from relaydrill.drills.opportunity import LEVEL
from relaydrill.drills.share import expected_share
from relaydrill.faults import Proof, Sign
from relaydrill.faults.base import ServiceFault
from relaydrill.ledger import Attempt, FaultWindow
from relaydrill.sentences import listed
from relaydrill.topology.paths import balancers_of, doors_of, takers_of
from relaydrill.verdict import Verdict, passed, unknown


class _Found(NamedTuple):
    """What is found of one fault: whether it has bitten, in a sentence, with figures."""

    has_bitten: bool
    told: str
    figures: dict[str, Any]


def check_bite(case: Case) -> Verdict | None:
    """Each fault is proven to have bitten: the node carried the flow before, and felt it.

    How that is seen is the fault's own (`relaydrill.faults.Proof`). Of several faults at once (a
    site's), those on nodes that the flow does not use do not count, as long as one is on a node
    that it uses. The fault ``none`` has nothing to bite with: beside others it does not count, and
    alone it proves nothing.
    """
    if not case.drill.faults:
        return None
    specs = [spec for spec in case.drill.faults if not _is_harmless(spec)] or case.drill.faults
    used = [spec for spec in specs if not is_idle(case, spec)] or [*specs]
    found = [_bite(case, spec) for spec in used]
    undecided = next((each for each in found if not each.has_bitten), None)
    if undecided:
        return unknown("bite", undecided.told, **undecided.figures)
    figures = found[0].figures if len(found) == 1 else {}
    return passed("bite", "; ".join(each.told for each in found), **figures)


def is_idle(case: Case, spec: FaultSpec) -> bool:
    """Whether a node took none of the flow's mail before its fault, and none was to come to it.

    One that was to have its share, and had nothing, is no idle one: it may have been broken all the
    time, and what was to be lost with others was not.
    """
    window = case.window(spec)
    if window is None or window.injected is None:
        return False
    if _took_before(case, spec, window):
        return False
    return _chance_of_nothing(case, spec.node) >= LEVEL


def _took_before(case: Case, spec: FaultSpec, window: FaultWindow) -> int:
    """What a node took of the flow before its fault: nothing, where the flow does not pass it.

    A balancer's connections bear no message: on the same port they may be another flow's.
    """
    if place_of(case.topology, case.flow, spec.node) is Place.ASIDE:
        return 0
    port = case.topology.flows[case.flow].port
    return case.ledger.took(spec.node, case.flow, port, before=window.inject)


def _chance_of_nothing(case: Case, node: str) -> float:
    """How likely it is that a node had no mail before anything was broken, if all was well."""
    topology, flow = case.topology, case.flow
    balancers = balancers_of(topology, flow, node)
    # Whose turn it is by the fewest connections, no share says.
    by_turns = all(topology.balancers[name].method == "roundrobin" for name in balancers)
    if node not in takers_of(topology, flow) or not by_turns or case.broken_from is None:
        return 1.0
    steady = case.attempts.between(float("-inf"), case.broken_from)
    # Senders that keep to a choice make no more of them than there are senders.
    doors = [expected_share(topology, flow, door) for door in doors_of(topology, flow)]
    kept = [each.choices for each in doors if each.choices is not None]
    share = expected_share(topology, flow, node).share
    return float((1.0 - share) ** min([steady.how_many(_is_accepted), *kept]))


def _is_accepted(attempt: Attempt) -> bool:
    return attempt.accepted


def _bite(case: Case, spec: FaultSpec) -> _Found:
    """Whether one fault has bitten."""
    window = case.window(spec)
    if window is None or window.injected is None:
        reason = window.error if window and window.error else "the drill ended before it"
        return _Found(False, f"{spec.label} was not injected: {reason}", {})
    before = _took_before(case, spec, window)
    during = took_while_broken(case, window)
    figures = {"before": before, "during": during}
    if not before:
        return _Found(False, _unused(case, spec.node), figures)
    fault = faults.make(spec.kind, spec.phase)
    match fault.proof:
        case Proof.NONE:
            text = (
                f"{spec.kind} breaks nothing: {spec.node} had taken {before}, and took {during} "
                "while it was in force"
            )
            return _Found(False, text, figures)
        case Proof.SILENT:
            return _silent(case, spec, window, figures)
    return _felt(case, spec, window, figures)


def _unused(case: Case, node: str) -> str:
    """Why the loss of a node that took nothing tests nothing."""
    text = f"{node} took no {case.flow} mail before the fault: its loss tests nothing"
    if place_of(case.topology, case.flow, node) is Place.ASIDE:
        text += f"; {case.flow} does not pass it, and is not concerned"
    pair = case.topology.machines_of(node)
    if case.topology.attach and len(pair) > 1:
        text = f"which of {listed(pair)} answered for the VIP cannot be seen from this machine"
    return text


def _silent(case: Case, spec: FaultSpec, window: FaultWindow, figures: dict[str, Any]) -> _Found:
    """Whether a node was silent, and would not have been so by chance."""
    if figures["during"]:
        text = (
            f"{spec.node} still took {figures['during']} messages while {spec.label} was in force"
        )
        return _Found(False, text, figures)
    silence = silence_of(case, window, figures["before"])
    figures |= silence.figures
    if not silence.is_proof:
        return _Found(False, f"{silence.told}; nothing else shows {spec.label}", figures)
    return _Found(True, f"{spec.node} had taken {figures['before']}, then {silence.told}", figures)


def _felt(case: Case, spec: FaultSpec, window: FaultWindow, figures: dict[str, Any]) -> _Found:
    """Whether attempts of the flow met a fault; what a hook has done may also have silenced it."""
    met = meetings_of(case, window, _sign(spec), figures["before"])
    figures |= {"met": met.attempts, "probes": met.probes}
    if met.attempts:
        return _Found(True, f"{spec.node} had taken {figures['before']}, {met.told}", figures)
    if window.by_hook and not figures["during"]:
        return _silent(case, spec, window, figures)
    text = f"no attempt of {case.flow} met {spec.label} while it was in force"
    return _Found(False, f"{text}: {met.elsewhere or met.instead}", figures)


def _is_harmless(spec: FaultSpec) -> bool:
    return faults.make(spec.kind, spec.phase).proof is Proof.NONE


def _sign(spec: FaultSpec) -> Sign | None:
    fault = faults.make(spec.kind, spec.phase)
    return fault.sign if isinstance(fault, ServiceFault) else None
