"""Which of a flow's own attempts met a fault that is felt in a session."""

from __future__ import annotations

import statistics
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate

from relaydrill.drills.checks.blame import fault_of
from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.place import Place, led_to, place_of
from relaydrill.drills.checks.silence import JOURNAL_LAG_S, by_chance, is_news
from relaydrill.drills.opportunity import LEVEL, silence_by_chance
from relaydrill.faults import How, SenderFault, ServiceFault, Sign, strength_of
from relaydrill.ledger import ANY_PORT, FOREIGN, Attempt, Attempts, Bite, FaultWindow
from relaydrill.sentences import listed, number_of
from relaydrill.smtp import Phase, Result
from relaydrill.topology.paths import comers_to

_CUT = frozenset({Result.DROPPED, Result.UNANSWERED, Result.UNREACHABLE})


@dataclass(frozen=True, slots=True)
class Meetings:
    """Who met a fault.

    Attributes:
        attempts: How many of the flow's attempts did.
        text: The same, goes on a sentence.
        probes: Health checks that did.
        others: Other sessions that the node tells of.
        elsewhere: Where the flow's own cannot be seen: why they must have been, or why not.
    """

    attempts: int
    text: str
    probes: int
    others: int
    elsewhere: str = ""

    @property
    def instead(self) -> str:
        """Who met it where the flow did not."""
        who = []
        if self.others:
            sessions = number_of(self.others, "session", "sessions")
            who.append(f"{self.others} {sessions} of others")
        if self.probes:
            who.append(f"{self.probes} health {number_of(self.probes, 'check', 'checks')}")
        return f"only {' and '.join(who)} did" if who else "nobody did"


def meetings_of(case: Case, window: FaultWindow, sign: Sign | None, before: int) -> Meetings:
    """Who met a fault of the service on a node.

    What the node journals is matched to the flow's attempts: the port, the time, and what an
    attempt that met the fault must have been told. Health checks never count. Where senders do not
    see the node, or are real programs that do not tell whom else they tried, it is enough that it
    acted on some mail, and that the flow's cannot all have come past it by chance; or that nobody
    else's mail can have come to a server of the tier. A node that
    keeps no journal (a real lab, where a hook broke it) is known by what it told the senders.

    Args:
        case: The flow of a drill.
        window: When the fault was in force.
        sign: By what a sender knows the fault.
        before: What the node had taken of the flow.
    """
    port = case.topology.flows[case.flow].port
    place = place_of(case.topology, case.flow, window.node)
    bites = [
        each
        for each in case.ledger.bites[window.node]
        if window.inject <= each.mono < window.until and each.fault == window.kind
    ]
    probes = [each for each in bites if each.probe]
    felt = [each for each in bites if not each.probe]
    sender = case.topology.senders.get(case.topology.flows[case.flow].sender)
    tells_all = sender is None or sender.kind == "fake"
    if place is Place.FRONT:
        mine = [each for each in felt if each.port in (port, ANY_PORT)]
    else:  # by servers of the tier it is spoken to on a port of their own
        mine = felt
    if place is Place.FRONT and tells_all:
        met = len(_front(case, window, sign, mine))
        told = f"the fault met {met} of its attempts"
        return Meetings(met, told, len(probes), len(felt))
    if mine and not _is_met_where_it_acts(window):
        why = f"whether any of {len(mine)} sessions wanted what it hides, nothing tells"
        return Meetings(0, "", len(probes), len(felt), why)
    if place is not Place.INSIDE:
        mine = _under_way(case.attempts, window, mine, _lag_s(case, window.node))
    if (
        mine
        and place is Place.INSIDE
        and (
            _is_the_only_mail(case, window.node) or _would_have_been_spared(case, window, len(mine))
        )
    ):
        return Meetings(len(mine), f"the fault met {len(mine)} sessions", len(probes), len(felt))
    silence = by_chance(case, window, before)
    met = len(mine) if silence.is_proof else 0
    why = silence.text if mine and not silence.is_proof else ""
    return Meetings(met, f"the fault met {met} sessions", len(probes), len(felt), why)


def meetings_on_the_way(case: Case, window: FaultWindow, before: int) -> Meetings:
    """Which sessions met a fault of the network: what it did on that way is journalled.

    Those of the flow are the ones that came from who brings its mail to the node, to its port, when
    attempts were under way. Health checks never count. Where another flow of the drill comes the
    same way, as behind one balancer, a session is the flow's if none of the other's attempts was
    under way at its time, or if the flow's mail cannot all have come past the node by chance.

    Args:
        case: The flow of a drill.
        window: When the fault was in force.
        before: What the node had taken of the flow.
    """
    topology, node = case.topology, window.node
    bites = [
        each
        for each in case.ledger.bites[node]
        if window.inject <= each.mono < window.until and each.fault == window.label
    ]
    probes = [each for each in bites if each.probe]
    others = [each for each in bites if not each.probe]
    is_front = place_of(topology, case.flow, node) is Place.FRONT
    mine = _come_by(case, case.flow, node, others)
    if place_of(topology, case.flow, node) is not Place.INSIDE:
        mine = _under_way(case.attempts, window, mine, JOURNAL_LAG_S)  # its end may be met after it
    shared = [
        flow for flow in case.drill.flows if flow != case.flow and _come_by(case, flow, node, mine)
    ]
    why = ""
    if shared:
        alone = _not_of(case, window, shared, mine) if is_front else []
        silence = by_chance(case, window, before)
        if not silence.is_proof:
            told = f"all of {len(mine)} sessions may have been of {listed(shared)}"
            why = "" if alone else f"{told}: {silence.text}"
            mine = alone
    clients = listed(sorted({each.client for each in mine}))
    met = f"{len(mine)} {number_of(len(mine), 'session', 'sessions')}"
    told = f"the network acted on {met} from {clients} to {node}"
    fault = fault_of(window)
    if isinstance(fault, SenderFault):
        words = ("question", "questions") if fault.is_of_names else ("try", "tries")
        met = f"{len(mine)} {number_of(len(mine), *words)}"
        told = f"{met} of {clients} on the way to {node} met it on the sender's own side"
    return Meetings(len(mine), told, len(probes), len(others), why)


def _come_by(case: Case, flow: str, node: str, bites: Iterable[Bite]) -> list[Bite]:
    """The sessions that came from who brings a flow's mail to a node, to its port."""
    topology = case.topology
    if (place := place_of(topology, flow, node)) is Place.ASIDE:
        return []
    comers, port = comers_to(topology, flow, node), topology.flows[flow].port
    return [
        each
        for each in bites
        if each.client in comers and (place is not Place.FRONT or each.port == port)
    ]


def _not_of(case: Case, window: FaultWindow, flows: Iterable[str], bites: list[Bite]) -> list[Bite]:
    """The sessions at whose time no attempt of other flows was under way."""
    for flow in flows:
        for wanted in (True, False):
            attempts = case.ledger.attempts(flow, wanted=wanted)
            theirs = {*_under_way(attempts, window, bites, JOURNAL_LAG_S)}
            bites = [each for each in bites if each not in theirs]
    return bites


def _is_the_only_mail(case: Case, node: str) -> bool:
    """Whether no mail but the flow's can have come to a server of the tier during the drill.

    Then whatever session it acted on was the flow's: no other flow of the drill passes it, and no
    server tells of a message that none of the drill's senders sent, as what an earlier drill left
    in a queue would be.
    """
    others = (flow for flow in case.drill.flows if flow != case.flow)
    if any(place_of(case.topology, flow, node) is not Place.ASIDE for flow in others):
        return False
    return not any(case.ledger.of_flow(FOREIGN))


def _would_have_been_spared(case: Case, window: FaultWindow, met: int) -> bool:
    """Whether all whom a fault of a share met were others' more seldom than chance may have it.

    The sessions that it acts on are drawn from all that come, whosever they are. If of so many that
    it met and spared none of those it met were the flow's, all of the flow's were among the spared:
    Fisher's exact test, as of silence. Others that were met come again, and are spared then; that
    makes the true chance smaller.
    """
    if strength_of(fault_of(window)) >= 1.0:
        return False
    ledger, flow, begin = case.ledger, case.flow, window.inject
    port = case.topology.flows[flow].port

    def spared(each: str) -> int:
        return ledger.took(window.node, each, port, after=begin, before=window.until)

    own = spared(flow)
    all_of_them = own + sum(spared(each) for each in {*case.drill.flows, FOREIGN} - {flow})
    return silence_by_chance(own, all_of_them, met) < LEVEL


def _is_met_where_it_acts(window: FaultWindow) -> bool:
    """Whether each session that a fault acts on meets it: not all want what EHLO does not offer."""
    fault = fault_of(window)
    return not isinstance(fault, ServiceFault) or fault.met_at == fault.phase


def _front(case: Case, window: FaultWindow, sign: Sign | None, bites: list[Bite]) -> list[Attempt]:
    """The attempts that met it on a server that senders speak to."""
    if sign is None:
        return []
    shows, in_time = _explained_by(case, window, sign), _timing(case, window, sign)
    begin = window.injected if window.by_hook else window.inject
    meanwhile = case.attempts.between(begin or window.inject, window.until).matching(shows)
    found = [each for each in meanwhile if in_time(each)]
    if window.by_hook:
        went_on = [each for each in found if case.answered_by(each) not in ("", window.node)]
        is_told = not went_on or is_news(case, window, len(went_on))
        return found if is_told else [each for each in found if each not in went_on]
    moments, lag_s = sorted(each.mono for each in bites), _lag_s(case, window.node)
    return [each for each in found if _is_bitten(each, moments, lag_s)]


def _explained_by(case: Case, window: FaultWindow, sign: Sign) -> Callable[[Attempt], bool]:
    """Whether what an attempt was told, but for its times, can come of a fault on a node."""
    topology, node = case.topology, window.node
    # Without a name it may be anybody's answer: on a real lab nothing else tells whose.
    nameless = not window.by_hook or _nameless_means(case, window, sign)

    def shows(attempt: Attempt) -> bool:
        reach = led_to(topology, attempt.choice)
        name = case.answered_by(attempt)
        may_be = not attempt.choice or node in reach
        if may_be and attempt.choice and name and name not in reach:
            return True  # it went on to another, for it was not served there
        # A banner that refuses bears no name: what stands there in its place is anything.
        is_named = bool(attempt.server) and attempt.phase != Phase.BANNER
        if name != node and (name or is_named or not may_be or not nameless):
            return False
        return _fits(attempt, sign, by_hook=window.by_hook)

    return shows


def _fits(attempt: Attempt, sign: Sign, *, by_hook: bool) -> bool:
    """Whether an attempt was told what a fault has sessions told; how late it was is not looked at.

    A hook makes a server temporarily or finally refuse; with which words is its own affair.
    """
    match sign.how:
        case How.ANSWERED:
            if by_hook:
                return attempt.code // 100 == sign.code // 100
            return attempt.code == sign.code
        case How.CUT:
            return attempt.result in _CUT
        case How.LATE if attempt.code >= 400:
            return not by_hook  # refused later on, for another reason, but it had waited
        case How.KEPT | How.LATE:
            return attempt.result in _CUT or attempt.result is None or attempt.accepted
        case How.DECEIVED:
            return attempt.accepted
        case How.MISLED:
            return True


def _timing(case: Case, window: FaultWindow, sign: Sign) -> Callable[[Attempt], bool]:
    """Whether an attempt took as long as a fault makes it take."""
    node, end = window.node, window.until
    if sign.how is How.LATE:
        usual_s = _usual_s(case, node) if window.by_hook else 0.0
        least_s = sign.delay_s / case.clock + usual_s

        def is_late(attempt: Attempt) -> bool:
            """Whether it waited for its answer; one that gave up, or went on, waited for less."""
            is_answered = attempt.accepted or attempt.code >= 400
            if not is_answered or case.answered_by(attempt) != node:
                return True
            return attempt.ended is not None and attempt.ended - attempt.started >= least_s

        return is_late
    if sign.how is How.KEPT:

        def was_held(attempt: Attempt) -> bool:
            """Whether it got no answer; what was answered all the same was held until the heal."""
            if not attempt.accepted or case.answered_by(attempt) != node:
                return True
            return attempt.ended is None or attempt.ended >= end

        return was_held
    return lambda _attempt: True


def _nameless_means(case: Case, window: FaultWindow, sign: Sign) -> bool:
    """Whether an answer without a name is the broken node's: nothing like it came before."""
    if not case.only_broken(window):
        return False
    earlier = case.attempts.between(float("-inf"), window.inject)
    return not earlier.any(
        lambda each: (
            not each.accepted and not case.answered_by(each) and _fits(each, sign, by_hook=True)
        )
    )


def _usual_s(case: Case, node: str) -> float:
    """How long an attempt that a node serves takes in the middle; 0 where none is known."""
    earlier = case.attempts.between(float("-inf"), case.broken_from or 0.0)
    served = earlier.matching(lambda each: case.answered_by(each) == node)
    return statistics.median([each.took_s or 0.0 for each in served] or [0.0])


def _lag_s(case: Case, node: str) -> float:
    """How long after the end of a session a node may journal what acted on it."""
    is_fake = getattr(case.topology.nodes[node], "kind", "fake") == "fake"
    return 0.0 if is_fake else JOURNAL_LAG_S


def _is_bitten(attempt: Attempt, moments: list[float], lag_s: float) -> bool:
    """Whether the node acted on some session while an attempt was under way."""
    at = bisect_left(moments, attempt.started - attempt.slack_s)
    last = float("inf") if attempt.ended is None else attempt.ended + attempt.slack_s + lag_s
    return at < len(moments) and moments[at] <= last


def _under_way(
    attempts: Attempts, window: FaultWindow, bites: list[Bite], lag_s: float
) -> list[Bite]:
    """The bites at whose time attempts were under way, or over for no longer."""
    columns = attempts.between(float("-inf"), window.until).columns
    over = (ended if ended == ended else float("inf") for ended in columns.ended)
    latest = [*accumulate(over, max)]
    found = []
    for each in bites:
        begun = bisect_right(columns.started, each.mono)
        if begun and latest[begun - 1] + lag_s >= each.mono:
            found.append(each)
    return found
