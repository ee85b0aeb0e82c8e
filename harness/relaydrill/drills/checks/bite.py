"""Each fault is proven to have bitten."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from relaydrill.documents.checks import BiteFigures
from relaydrill.drills.checks.blame import fault_of
from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.kinds_of_attempts import is_accepted
from relaydrill.drills.checks.meeting import meetings_of, meetings_on_the_way
from relaydrill.drills.checks.place import Place, place_of
from relaydrill.drills.checks.silence import (
    by_chance,
    in_all,
    marked_down,
    silence_of,
    took_while_broken,
)
from relaydrill.drills.expected_share import expected_share
from relaydrill.drills.opportunity import LEVEL
from relaydrill.faults import (
    FaultSpec,
    NetworkFault,
    Proof,
    SenderFault,
    ServiceFault,
    Sign,
    breaks_nothing,
    strength_of,
)
from relaydrill.ledger import FaultWindow
from relaydrill.sentences import listed
from relaydrill.topology.paths import balancers_of, entry_points_of, takers_of
from relaydrill.verdict import Verdict, passed, unknown

_FEW: Final = 4
"""Faults that are alike and fewer than these are told one by one."""


class _Found(NamedTuple):
    """What is found of one fault: whether it has bitten, in a sentence, with figures."""

    has_bitten: bool
    text: str
    figures: BiteFigures


def check_bite(case: Case) -> Verdict | None:
    """Each fault is proven to have bitten: the node carried the flow before, and felt it.

    How that is seen is the fault's own (`relaydrill.faults.Proof`). Of several faults at once (a
    site's), those on nodes that the flow does not use do not count, as long as one is on a node
    that it uses; nor do those behind what is lost together with them, if that took nothing. The
    fault ``none`` has nothing to bite with: beside others it does not count, and
    alone it proves nothing. What was done to a node again and again, each time too shortly to prove
    anything, is proven by all of it together.
    """
    if not case.drill.faults:
        return None
    specs = [spec for spec in case.drill.faults if not _is_harmless(spec)] or case.drill.faults
    used = [spec for spec in specs if not is_idle(case, spec)] or [*specs]
    behind = [spec for spec in used if _is_behind_what_is_gone(case, spec)]
    behind = [] if len(behind) == len(used) else behind
    alone = [spec for spec in used if spec not in behind]
    found = [each for alike in _alike(alone) for each in _bites(case, alike)]
    undecided = next((each for each in found if not each.has_bitten), None)
    if undecided:
        return unknown("bite", undecided.text, **undecided.figures)
    figures = found[0].figures if len(found) == 1 else {}
    told = [each.text for each in found]
    if behind:
        told.append(f"nothing could come to {listed(spec.node for spec in behind)} meanwhile")
    return passed("bite", "; ".join(told), **figures)


def _alike(specs: Iterable[FaultSpec]) -> list[list[FaultSpec]]:
    """The faults that are the same of the same node, in the order of their first; by time."""
    found: dict[str, list[FaultSpec]] = {}
    for spec in specs:
        found.setdefault(spec.label, []).append(spec)
    return [sorted(alike, key=lambda each: each.start_s) for alike in found.values()]


def _bites(case: Case, alike: list[FaultSpec]) -> list[_Found]:
    """Whether faults that are alike have bitten: each by itself, or else all together."""
    found = [_bite(case, spec) for spec in alike]
    if len(alike) == 1 or all(each.has_bitten for each in found):
        return found if len(alike) < _FEW else [_all_of(alike, found)]
    return [_together(case, alike, found)]


def _all_of(alike: list[FaultSpec], found: list[_Found]) -> _Found:
    """In one sentence, where each is proven by itself."""
    others = f"so in each of {len(alike)} times"
    return _Found(True, f"{found[0].text}; {others} {alike[0].label}", {})


def _together(case: Case, alike: list[FaultSpec], found: list[_Found]) -> _Found:
    """Whether faults of which at least one proves nothing by itself have bitten together.

    Each must have been injected, and a node that was to be silent must have been, each time. A
    fault that is felt need not have been met each time, but where it would have been.
    """
    undecided = next(each for each in found if not each.has_bitten)
    windows = [window for spec in alike if (window := case.window(spec))]
    is_whole = len(windows) == len(alike) and all(each.injected for each in windows)
    before = found[0].figures.get("before", 0)
    if not is_whole or not before:
        return undecided
    node, during = alike[0].node, sum(each.figures.get("during", 0) for each in found)
    if alike[0].fault.proof is Proof.SILENT and not during:
        silence = in_all(case, windows, before)
        figures: BiteFigures = {"before": before, "during": 0, **silence.figures}
        text = f"{node} had taken {before}, then {silence.text}"
        return _Found(True, text, figures) if silence.is_proof else undecided
    met = [each.figures.get("met", 0) for each in found]
    if alike[0].fault.proof is Proof.FELT and any(met):
        for each, window in zip(found, windows, strict=True):
            if not each.figures.get("met") and _would_have_been_met(case, window, each.figures):
                return each
        told = f"the fault met {sum(met)} sessions, in {sum(map(bool, met))} of {len(met)} times"
        figures = {"before": before, "during": during, "met": sum(met)}
        return _Found(True, f"{node} had taken {before}, {told}", figures)
    return undecided


def _would_have_been_met(case: Case, window: FaultWindow, figures: BiteFigures) -> bool:
    """Whether a fault that no attempt met would have been met, if it had been in force.

    It was, if somebody else met it, or a balancer marked the node down for it. Else mail that the
    node took meanwhile came to it; and mail that it did not take came past it, if chance has that.
    """
    acted = any(
        window.inject <= each.mono < window.until and each.fault in (window.kind, window.label)
        for each in case.ledger.bites[window.node]
    )
    if acted or marked_down(case, window):
        return False
    spared = (1.0 - strength_of(fault_of(window))) ** figures.get("during", 0)
    return spared < LEVEL or by_chance(case, window, figures.get("before", 0)).is_proof


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


def _is_behind_what_is_gone(case: Case, spec: FaultSpec) -> bool:
    """Whether a node was lost with all that could have passed mail on to it, as of a site.

    That is so by plan, if it begins and ends with the loss of what senders speak to; and by what
    was seen, if nothing was accepted until the first of them was healed.
    """
    window = case.window(spec)
    if window is None or window.injected is None or spec.fault.proof is not Proof.SILENT:
        return False
    if place_of(case.topology, case.flow, spec.node) is not Place.INSIDE:
        return False
    before = [
        case.window(other)
        for other in case.drill.faults
        if (other.start_s, other.end_s) == (spec.start_s, spec.end_s)
        and other.fault.proof is Proof.SILENT
        and place_of(case.topology, case.flow, other.node) is Place.FRONT
    ]
    done = [each for each in before if each is not None and each.injected is not None]
    if not done:
        return False
    begin = max(each.injected or each.inject for each in done)
    meanwhile = case.attempts.between(begin, min(each.until for each in done))
    return bool(meanwhile) and not meanwhile.any(is_accepted)


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
    entry_points = [
        expected_share(topology, flow, entry_point)
        for entry_point in entry_points_of(topology, flow)
    ]
    kept = [each.choices for each in entry_points if each.choices is not None]
    share = expected_share(topology, flow, node).share
    return float((1.0 - share) ** min([steady.how_many(is_accepted), *kept]))


def _bite(case: Case, spec: FaultSpec) -> _Found:
    """Whether one fault has bitten."""
    window = case.window(spec)
    if window is None or window.injected is None:
        reason = window.error if window and window.error else "the drill ended before it"
        return _Found(False, f"{spec.label} was not injected: {reason}", {})
    if isinstance(spec.fault, SenderFault):
        return _met_here(case, spec, window)
    before = _took_before(case, spec, window)
    during = took_while_broken(case, window)
    figures: BiteFigures = {"before": before, "during": during}
    if not before:
        return _Found(False, _unused(case, spec.node), figures)
    match spec.fault.proof:
        case Proof.NONE:
            harmless = f"{spec.kind} breaks nothing"
            hidden = f"nothing shows whether {spec.label} has bitten"
            text = harmless if _is_harmless(spec) else hidden
            took = f"{spec.node} had taken {before}, and took {during} while it was in force"
            return _Found(False, f"{text}: {took}", figures)
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


def _silent(case: Case, spec: FaultSpec, window: FaultWindow, figures: BiteFigures) -> _Found:
    """Whether a node was silent, and would not have been so by chance."""
    if figures["during"]:
        text = (
            f"{spec.node} still took {figures['during']} messages while {spec.label} was in force"
        )
        return _Found(False, text, figures)
    silence = silence_of(case, window, figures["before"])
    figures |= silence.figures
    if not silence.is_proof:
        return _Found(False, f"{silence.text}; nothing else shows {spec.label}", figures)
    return _Found(True, f"{spec.node} had taken {figures['before']}, then {silence.text}", figures)


def _felt(case: Case, spec: FaultSpec, window: FaultWindow, figures: BiteFigures) -> _Found:
    """Whether attempts of the flow met a fault; what a hook has done may also have silenced it."""
    if isinstance(spec.fault, NetworkFault):
        met = meetings_on_the_way(case, window, figures["before"])
    else:
        met = meetings_of(case, window, _sign(spec), figures["before"])
    figures |= {"met": met.attempts, "probes": met.probes}
    if met.attempts:
        return _Found(True, f"{spec.node} had taken {figures['before']}, {met.text}", figures)
    if window.by_hook and not figures["during"]:
        return _silent(case, spec, window, figures)
    text = f"no attempt of {case.flow} met {spec.label} while it was in force"
    return _Found(False, f"{text}: {met.elsewhere or met.instead}", figures)


def _met_here(case: Case, spec: FaultSpec, window: FaultWindow) -> _Found:
    """Whether attempts of the flow met what is wrong on their senders' own side.

    They tell it themselves: that they came to it is no guess, whatever the node had taken before.
    """
    before = _took_before(case, spec, window)
    met = meetings_on_the_way(case, window, before)
    figures: BiteFigures = {
        "before": before,
        "during": took_while_broken(case, window),
        "met": met.attempts,
        "probes": met.probes,
    }
    if met.attempts:
        return _Found(True, met.text, figures)
    text = f"no attempt of {case.flow} met {spec.label} while it was in force"
    return _Found(False, f"{text}: {met.elsewhere or met.instead}", figures)


def _is_harmless(spec: FaultSpec) -> bool:
    return breaks_nothing(spec.fault)


def _sign(spec: FaultSpec) -> Sign | None:
    fault = spec.fault
    return fault.sign if isinstance(fault, ServiceFault) else None
