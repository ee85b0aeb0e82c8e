"""The time for which some attempts failed, or were accepted late."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from relaydrill import faults
from relaydrill.drills.checks.blame import breaking
from relaydrill.drills.checks.case import Case, how_bad, late_among, said, stood_still
from relaydrill.faults.base import ServiceFault
from relaydrill.ledger import Attempt, FaultWindow
from relaydrill.smtp import Phase
from relaydrill.topology.paths import is_balanced
from relaydrill.verdict import Verdict, failed, passed, unknown


def check_degraded(case: Case) -> Verdict | None:
    """Attempts stop failing soon after a fault, and again soon after its heal."""
    changes = case.blame.suspects
    if not changes:
        return None
    allowed, sure_s = case.expect.degraded_s, case.uncertainty_s
    # At the moment of a change they were neither before it nor long after the one before.
    cut = [each for each in case.unserved if _is_cut_by_a_return(case, each)]
    bad = case.unserved
    least_s, last_s = _longest(case, [each for each in bad if each not in cut])
    figures: dict[str, Any] = {
        "failed": len(bad),
        "attempts": len(case.attempts),
        "last_s": round(last_s, 3),
        "allowed_s": allowed,
        "deferred": len(case.deferred),
        "late": late_among(bad),
    }
    noticed = _noticed(case)
    figures |= noticed
    if not bad:
        text = f"none of {len(case.attempts)} attempts failed or was late"
        if case.deferred:
            text += f"; {len(case.deferred)} were deferred ({said(case.deferred)})"
        return passed("degraded", text, **figures)
    text = (
        f"{len(bad)} of {len(case.attempts)} attempts {how_bad(bad)}, the last of them "
        f"{last_s:.1f} s after a change, allowed {allowed:g} s"
    )
    if "detection_s" in noticed:
        text += f"; marked down after {noticed['detection_s']:.1f} s"
    for green in _false_greens(case, bad):
        text += f"; {green.told}"
        figures["false_green"] = {
            "node": green.node,
            "refused": green.refused,
            "believed_up_s": green.believed_up_s,
        }
    if "recovery_s" in noticed:
        text += f", up {noticed['recovery_s']:.1f} s after the heal"
    if least_s - sure_s > allowed:
        begun = changes[0].begun.latest
        stalled_s = case.stalled_s(begun, max(a.ended or a.started for a in bad))
        if stalled_s:
            text += stood_still(stalled_s * case.clock)
            figures["stalled_s"] = round(stalled_s * case.clock, 3)
        doubtful = [each for each in bad if each not in cut and case.doubt.covers(each)]
        own = [each for each in bad if each not in doubtful and each not in cut]
        least_s, _ = _longest(case, own, case.doubt.lost_s)
        if least_s - sure_s > allowed:
            return failed("degraded", text, **figures)
        return unknown("degraded", text + case.doubt.told(doubtful), **figures)
    if last_s + sure_s <= allowed:
        return passed("degraded", text, **figures)
    return unknown("degraded", f"{text}: too close to tell apart", **figures)


class FalseGreen(NamedTuple):
    """A node that the balancer believed to be up while it refused what it was given.

    Attributes:
        refused: How many attempts it refused. believed_up_s: For how long, field seconds.
        to_the_end: Whether until the heal. why: What made the balancer believe so, where its kind
            tells.
    """

    node: str
    refused: int
    believed_up_s: float
    to_the_end: bool
    why: str = ""

    @property
    def told(self) -> str:
        """For a person."""
        how_long = "all the time" if self.to_the_end else f"for {self.believed_up_s:.1f} s"
        told = f"{self.refused} by {self.node}, which the balancer believed to be up {how_long}"
        return f"{told}: {self.why}" if self.why else told


def _false_greens(case: Case, bad: list[Attempt]) -> Iterator[FalseGreen]:
    """What the balancer believed of a broken node, and what the senders saw of it.

    Checks that say EHLO and QUIT stay green under back pressure and while a server drains. WNLB has
    no checks: it goes on giving its share to a host that refuses every connection.
    """
    port = case.topology.flows[case.flow].port
    for window in case.ledger.faults:
        if window.injected is None or not is_balanced(case.topology, case.flow, window.node):
            continue
        begun, end = breaking(case, window).earliest, window.heal or float("inf")
        # One that began just before was refused by what was broken when its answer came.
        meanwhile = [each for each in bad if begun <= (each.ended or each.started)]
        meanwhile = [each for each in meanwhile if each.started < end]
        refused = [each for each in meanwhile if each.code >= 400]
        mine = [each for each in refused if each.server.partition(".")[0] == window.node]
        # A banner that refuses bears no name; but what else would have refused just then?
        if _greets_with_refusal(window) and case.only_broken(window):
            mine += [each for each in refused if each.phase == Phase.BANNER and each not in mine]
        down = [
            each.mono
            for each in case.ledger.beliefs
            if (each.backend, each.port, each.state) == (window.node, port, "down")
            and begun < each.mono < end
        ]
        why = ""
        # A host that WNLB gave up was gone; what refused was what was left of it.
        if case.topology.cluster_of(window.node) and not down and case.only_broken(window):
            cut = [each for each in meanwhile if _refused_by_kernel(each)]
            mine, why = [*mine, *cut], "WNLB watches hosts, not services" if cut else ""
        until = down[0] if down else min(end, max((e.started for e in mine), default=begun))
        if mine:
            believed_s = round((until - begun) * case.clock, 3)
            yield FalseGreen(window.node, len(mine), believed_s, not down, why)


def _greets_with_refusal(window: FaultWindow) -> bool:
    """Whether a fault makes a server refuse in its banner, where it would have said its name."""
    fault = faults.make(*faults.split_kind(window.label.partition(":")[0]))
    return isinstance(fault, ServiceFault) and fault.phase is Phase.BANNER and bool(fault.reply)


def _refused_by_kernel(attempt: Attempt) -> bool:
    """Whether nobody listened where its connection went: refused, or reset by what stands between.

    Which host that was, no reply tells.
    """
    return attempt.said in (
        "unreachable at connect: connection refused",
        "dropped at banner: connection reset",
    )


def _noticed(case: Case) -> dict[str, float]:
    """When a balancer noticed the first fault, and its heal: field seconds after either.

    Nothing of a fault on a node that the flow's mail comes to by no balancer.
    """
    window = next(iter(case.ledger.faults), None)
    if window is None or not is_balanced(case.topology, case.flow, window.node):
        return {}
    port = case.topology.flows[case.flow].port
    mine = [
        belief
        for belief in case.ledger.beliefs
        if belief.backend == window.node and belief.port == port
    ]
    broken = breaking(case, window).earliest
    down = [each.mono for each in mine if each.state == "down" and each.mono > broken]
    healed = window.healed or float("inf")
    up = [each.mono for each in mine if each.state == "up" and each.mono > healed]
    noticed = {}
    if down:
        noticed["detection_s"] = round((down[0] - broken) * case.clock, 3)
    if up:
        noticed["recovery_s"] = round((up[0] - healed) * case.clock, 3)
    return noticed


def _is_cut_by_a_return(case: Case, attempt: Attempt) -> bool:
    """Whether a session of a standby was cut by its balancer, which took the VIPs back.

    That is so as soon as the balancer is there, if it was only frozen. One that was under way for
    longer than any had taken before the fault had hung already.
    """
    if attempt.accepted or attempt.ended is None:
        return False
    return any(
        window.node in case.topology.pairs
        and window.heal is not None
        and window.heal <= attempt.ended
        and attempt.started < (window.healed or window.heal)
        and window.heal - attempt.started <= _usual_s(case)
        for window in case.ledger.faults
    )


def _usual_s(case: Case) -> float:
    """The longest that an attempt took before anything was broken."""
    steady = case.attempts.between(float("-inf"), case.broken_from or 0.0)
    return max(steady.took_s(), default=0.0)


def _longest(
    case: Case,
    bad: list[Attempt],
    without: Callable[[float, float], float] = lambda _begin, _end: 0.0,
) -> tuple[float, float]:
    """Field seconds from a fault's change to the last failed attempt after it: least, and most.

    An attempt that several faults may explain is the one's whose change was last, in the best
    reading, and in the worst the one's whose was first.

    Args:
        without: How much of the time from one moment to another does not count for the least.
    """
    spans = [(0.0, 0.0)]
    for attempt in bad:
        blamed = (each.last_change(attempt.started) for each in case.blame.explaining(attempt))
        found = [
            (
                max(0.0, attempt.started - last.latest - without(last.latest, attempt.started)),
                attempt.started - last.earliest,
            )
            for last in blamed
            if last
        ]
        if found:
            least, most = min(each for each, _ in found), max(each for _, each in found)
            spans.append((least * case.clock, most * case.clock))
    return max(least for least, _ in spans), max(most for _, most in spans)
