"""How balancers dealt with a broken server: what they believed of it, and what senders met there.

A balancer whose journal is here tells each change of its mind, and begins with all servers up. One
that stands elsewhere tells nothing: what is known of it is what the senders met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from relaydrill.drills.checks.blame import Suspect, fault_of, reply_of
from relaydrill.faults.base import ServiceFault
from relaydrill.ledger import UNSEEN, Attempt, FaultWindow
from relaydrill.sentences import listed
from relaydrill.smtp import Phase
from relaydrill.topology import Balancer, HealthCheck, Topology
from relaydrill.topology.paths import balancers_of, targets_of

if TYPE_CHECKING:
    from relaydrill.drills.checks.case import Case

_SEEN_BY: Final = {
    "tcp": (Phase.CONNECT,),
    "smtp": (Phase.CONNECT, Phase.BANNER, Phase.EHLO),
    "mail": (Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.MAIL),
}
"""The steps of a session that each kind of check takes; see `HealthCheck`."""


def phase_of(window: FaultWindow) -> Phase:
    """The first step of a session at which a client meets a fault.

    The kernel of a frozen server still completes connections, until their queue is full.
    """
    fault = fault_of(window)
    if fault.kind == "pause":
        return Phase.BANNER
    return (isinstance(fault, ServiceFault) and fault.phase) or Phase.CONNECT


def sees(case: Case, check: HealthCheck, window: FaultWindow) -> bool:
    """Whether a check of that kind, with these timers, fails on a server with this fault."""
    fault = fault_of(window)
    if phase_of(window) not in _steps(case, check.kind, window.node):
        return False
    delay_s = fault.delay_s if isinstance(fault, ServiceFault) else 0.0
    if window.by_hook and fault.kind == "slow":
        return False  # how slow, its hook alone knows
    return not delay_s or delay_s > check.longest_s


def kind_that_sees(case: Case, window: FaultWindow) -> str:
    """The kind of check that goes no further than it must to see a fault; empty where none does."""
    kinds = (kind for kind in _SEEN_BY if phase_of(window) in _steps(case, kind, window.node))
    return next(kinds, "")


def _steps(case: Case, kind: str, node: str) -> tuple[Phase, ...]:
    """The steps of a session that a kind of check takes on the flow's port of a server.

    No check does STARTTLS or logs in: where MAIL wants that first, none comes as far as MAIL.
    """
    port = case.topology.flows[case.flow].port
    has_a_lock = any(
        each.port == port and "required" in (each.tls, each.auth)
        for each in case.topology.connectors_of(node).values()
    )
    steps = _SEEN_BY.get(kind, ())
    return tuple(each for each in steps if each is not Phase.MAIL or not has_a_lock)


def tells_beliefs(case: Case, balancer: str, server: str, until: float) -> bool:
    """Whether what a balancer believes of a server is on record here, until a moment.

    One that an inventory says to stand elsewhere (`Topology.attach`) keeps no journal here; its
    beliefs are on record as soon as one of them is.
    """
    machines = case.topology.machines_of(balancer)
    told = [
        each.state
        for each in case.ledger.beliefs
        if each.balancer in machines and each.backend == server and each.mono < until
    ]
    return UNSEEN not in told and (bool(told) or not _is_elsewhere(case.topology, balancer))


def _is_elsewhere(topology: Topology, balancer: str) -> bool:
    attach = topology.attach
    vips = topology.balancers[balancer].vips
    return attach is not None and (balancer in attach.nodes or any(v in attach.vips for v in vips))


@dataclass(frozen=True)
class Conduct:
    """How one balancer dealt with one fault of a server behind it. Times are field seconds.

    Attributes:
        window: When the fault was in force.
        met: The attempts of the flow that came to the server by this balancer meanwhile and were
            not served in time, as far as they show that it was that server.
        is_told: Whether the balancer's beliefs are on record.
        detection_s: From the break until the server counted as down; None if it never did.
        recovery_s: From the heal until it counted as up again; likewise.
        kept_s: For how long it was believed to be up, or, where that is not on record, went on
            being given mail. to_the_end: Whether it was believed to be up until the heal.
        why: What made the balancer believe so, where its kind tells.
    """

    balancer: str
    window: FaultWindow
    met: tuple[Attempt, ...]
    is_told: bool
    detection_s: float | None
    recovery_s: float | None
    kept_s: float
    to_the_end: bool
    why: str = ""

    @property
    def node(self) -> str:
        """The server."""
        return self.window.node

    @property
    def refused(self) -> int:
        """How many attempts the server refused."""
        return sum(each.code >= 400 for each in self.met)

    @property
    def told(self) -> str:
        """For a person: ``41 by ht2, which the balancer believed to be up all the time``."""
        told = f"{len(self.met)} by {self.node}, which "
        how_long = f"for {self.kept_s:.1f} s"
        if self.is_told:
            told += (
                f"the balancer believed to be up {'all the time' if self.to_the_end else how_long}"
            )
        else:
            told += f"went on being given mail {how_long}"
        return f"{told}: {self.why}" if self.why else told


class Conducts:
    """How the balancers of a flow dealt with its faults.

    Args:
        case: The flow of a drill. bad: Its attempts that were not served in time.
    """

    def __init__(self, case: Case, bad: Sequence[Attempt]) -> None:
        self._case = case
        self._explained = [(each, explaining(case, each)) for each in bad]
        self._meetings = Meetings(case, bad)

    @cached_property
    def of_balancers(self) -> list[Conduct]:
        """One for each fault of a server, and each balancer by which the flow may come to it."""
        topology, flow = self._case.topology, self._case.flow
        return [
            self._conduct(balancer, suspect)
            for suspect in self._case.blame.suspects
            for balancer in balancers_of(topology, flow, suspect.window.node)
        ]

    @cached_property
    def by_fault(self) -> dict[str, int]:
        """How many of the attempts each fault explains, perhaps with others; by its label."""
        return dict(Counter(each.window.label for _, found in self._explained for each in found))

    @property
    def main(self) -> list[Conduct]:
        """Those about the fault that explains the worst; the first one where nothing failed.

        That is the fault whose attempts failed for longest after its change, if for longer than is
        allowed, or else the fault that explains the most of them.
        """
        suspects = self._case.blame.suspects
        if not suspects:
            return []
        window = max(suspects, key=self._weight).window  # of those alike, the first
        return [each for each in self.of_balancers if each.window is window]

    def _weight(self, suspect: Suspect) -> tuple[float, int]:
        case = self._case
        its = [a for a, found in self._explained if any(each is suspect for each in found)]
        spans = ((each.started, suspect.last_change(each.started)) for each in its)
        longest = max((moment - last.latest for moment, last in spans if last), default=0.0)
        is_over = longest * case.clock > case.expect.degraded_s
        return (longest if is_over else 0.0), len(its)

    def _conduct(self, name: str, suspect: Suspect) -> Conduct:
        case, window, begun = self._case, suspect.window, suspect.begun.earliest
        end = window.heal or float("inf")
        met, by_kernel = self._met(name, suspect, end)
        downs, ups = self._changes(name, suspect)
        is_told = tells_beliefs(case, name, window.node, end)
        last = max((each.started for each in met), default=begun)
        down = next((moment for moment in downs if moment < end), None)
        if self._counted_as_down(name, window.node, begun):
            down = begun
        why = ""
        # A host that WNLB gave up was gone; what refused was what was left of it.
        if by_kernel and down is None:
            met, why = [*met, *by_kernel], "WNLB watches hosts, not services"
            last = max(each.started for each in met)
        until = min(end, case.attempts.observed) if is_told and down is None else last
        kept_s = ((until if down is None else down) - begun) * case.clock
        healed = window.healed or float("inf")
        up = next((moment for moment in ups if moment > healed), None)
        return Conduct(
            balancer=name,
            window=window,
            met=tuple(met),
            is_told=is_told,
            detection_s=None if not downs else (downs[0] - begun) * case.clock,
            recovery_s=None if up is None else (up - healed) * case.clock,
            kept_s=max(0.0, kept_s),
            to_the_end=is_told and down is None,
            why=why,
        )

    def _counted_as_down(self, name: str, node: str, moment: float) -> bool:
        machines = self._case.topology.machines_of(name)
        believed = (self._case.blame.believed(each, node, moment) for each in machines)
        return all(each not in ("", "up", UNSEEN) for each in believed)

    def _changes(self, name: str, suspect: Suspect) -> tuple[list[float], list[float]]:
        """When a server came to count as down, and as up, from a fault to its next one."""
        case, window = self._case, suspect.window
        port, machines = case.topology.flows[case.flow].port, case.topology.machines_of(name)
        later = (
            each.inject
            for each in case.ledger.faults
            if each.node == window.node and each.inject > window.inject
        )
        until = min(later, default=float("inf"))
        found: tuple[list[float], list[float]] = ([], [])
        for each in case.ledger.beliefs:
            is_its = each.balancer in machines and each.backend == window.node
            is_known = each.port == port and each.state != UNSEEN
            if is_its and is_known and suspect.begun.earliest < each.mono < until:
                found[each.state == "up"].append(each.mono)
        return found

    def _met(self, name: str, suspect: Suspect, end: float) -> tuple[list[Attempt], list[Attempt]]:
        """What a broken server failed to serve; and what its kernel did, where a cluster is asked.

        Which host that was, no reply tells: it counts where no other fault explains it.
        """
        case, window = self._case, suspect.window
        met, by_kernel = [], []
        for attempt, found in self._explained:
            # One that began just before was refused by what was broken when its answer came.
            over = attempt.ended or attempt.started
            if not (suspect.begun.earliest <= over and attempt.started < end):
                continue
            if not _came_by(case, attempt, name):
                continue
            is_alone = all(each.window is window for each in found)
            if self._meetings.server(attempt) == window.node:
                # What was cut or hung may have been at it when it broke.
                if attempt.code >= 400 or attempt.started >= suspect.begun.latest:
                    met.append(attempt)
            elif is_alone and attempt.code >= 400 and attempt.phase == Phase.BANNER:
                # A banner that refuses bears no name; but what else would have refused just then?
                if _refuses_at(window) == Phase.BANNER:
                    met.append(attempt)
            elif is_alone and case.topology.cluster_of(window.node) and _refused_by_kernel(attempt):
                by_kernel.append(attempt)
        return met, by_kernel


def explaining(case: Case, attempt: Attempt) -> tuple[Suspect, ...]:
    """The faults that explain an attempt, by its way and its time, and by what it was told.

    A reply is the doing of a fault that gives one, and of none that cuts, or keeps silent; and the
    other way round.
    """
    found = case.blame.explaining(attempt)
    if len(found) < 2:  # nobody else to tell it from
        return found
    if attempt.code >= 400:
        same = [s for s in found if reply_of(s.window) == (attempt.code, attempt.phase)]
        fitting = same or [each for each in found if reply_of(each.window)]
    else:
        fitting = [each for each in found if not reply_of(each.window)]
    return tuple(fitting) or found


class Meetings:
    """Which server each attempt of a flow was with.

    Args:
        attempts: Those that may be asked for.
    """

    def __init__(self, case: Case, attempts: Iterable[Attempt]) -> None:
        self._case = case
        self._attempts = attempts

    def server(self, attempt: Attempt) -> str:
        """The server that an attempt was with; empty where nothing tells.

        The name in its banner; or the one that journalled the message meanwhile; or the only one
        that its sender could go to.
        """
        topology = self._case.topology
        if name := attempt.answered_by(topology.nodes):
            return name
        if attempt.accepted and (taker := self._takers.get(attempt.ended or 0.0)):
            return taker
        return self._only

    @cached_property
    def _takers(self) -> dict[float, str]:
        """Who journalled what was accepted late, by when the answer came."""
        nodes = self._case.topology.nodes
        late = {each.ended for each in self._attempts if each.accepted and each.ended}
        taken = self._case.ledger.acceptances(self._case.flow, nodes) if late else ()
        return {moment: taker for moment, taker in taken if moment in late and taker in nodes}

    @cached_property
    def _only(self) -> str:
        topology = self._case.topology
        targets = {*targets_of(topology, self._case.flow)}
        return next(iter(targets & {*topology.nodes}), "") if len(targets) == 1 else ""


def by_whom(case: Case, attempts: Sequence[Attempt]) -> Counter[str]:
    """How many of some attempts each server did not serve; what nobody is named for is left out.

    What a server answers is its own doing. What was cut, or late, may as well be the doing of what
    stands before it, and counts for a server only where no fault elsewhere explains it.
    """
    meetings = Meetings(case, attempts)
    found: Counter[str] = Counter()
    for attempt in attempts:
        if not (server := meetings.server(attempt)):
            continue
        nodes = {each.window.node for each in explaining(case, attempt)}
        if nodes <= {server} or _is_its_own(attempt):
            found[server] += 1
    return found


def _is_its_own(attempt: Attempt) -> bool:
    """Whether it failed for what a server said, or showed: a certificate, or no STARTTLS."""
    is_cut = "connection" in attempt.reason or "timed out" in attempt.reason
    return attempt.code >= 400 or (attempt.phase == Phase.STARTTLS and not is_cut)


def named(counts: Counter[str], of: int) -> str:
    """``by ht2``, ``21 by ht1 and 20 by ht2``; empty where nobody is named.

    Args:
        of: How many there were in all: one name for all of them needs no number.
    """
    if len(counts) == 1 and counts.total() == of:
        return f"by {next(iter(counts))}"
    return listed(f"{count} by {name}" for name, count in counts.most_common(4))


def behaves_as_declared(case: Case, balancer: Balancer, conduct: Conduct, kept_s: float) -> bool:
    """Whether a balancer could have the check that it is declared to have.

    It has not, where it stayed with a server for longer than that check would have let it.

    Args:
        kept_s: For how long it demonstrably did, field seconds.
    """
    if balancer.mode == "wnlb" or not sees(case, balancer.check, conduct.window):
        return True
    begun = conduct.window.injected or conduct.window.inject
    spoilt_s = case.stalled_s(begun, begun + kept_s / case.clock) * case.clock
    return kept_s <= balancer.check.detection_s + case.uncertainty_s + spoilt_s


def told_of(met: Sequence[Attempt]) -> str:
    """What senders met: ``refused 41 of them``, ``took 3 of them late and cut 2 of them``."""
    refused = sum(each.code >= 400 for each in met)
    late = sum(each.accepted for each in met)
    cut = len(met) - refused - late
    told = (
        (refused, f"refused {refused} of them"),
        (late, f"took {late} of them late"),
        (cut, f"cut or did not answer {cut} of them"),
    )
    return listed(text for count, text in told if count)


def _came_by(case: Case, attempt: Attempt, balancer: str) -> bool:
    """Whether an attempt may have come by a balancer: it chose no VIP, or one of that one's."""
    vips = case.topology.vips
    return attempt.choice not in vips or vips[attempt.choice][0] == balancer


def _refuses_at(window: FaultWindow) -> str:
    found = reply_of(window)
    return found[1] if found else ""


def _refused_by_kernel(attempt: Attempt) -> bool:
    """Whether nobody listened where its connection went: refused, or reset by what stands between.

    Which host that was, no reply tells.
    """
    return attempt.said in (
        "unreachable at connect: connection refused",
        "dropped at banner: connection reset",
    )
