"""How balancers dealt with a broken server: what they believed of it, and what senders met there.

A balancer whose journal is here tells each change of its mind, and begins with all servers up. One
that stands elsewhere tells nothing: what is known of it is what the senders met.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from relaydrill.drills.checks.blame import Suspect, reply_of
from relaydrill.drills.checks.encounters import Encounters, explaining
from relaydrill.drills.checks.health_checks import sees
from relaydrill.ledger import UNSEEN, Attempt, FaultWindow
from relaydrill.smtp import Phase
from relaydrill.topology import Balancer, Topology
from relaydrill.topology.paths import balancers_of

if TYPE_CHECKING:
    from relaydrill.drills.checks.case import Case


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
            being given mail.
        to_the_end: Whether it was believed to be up until the heal.
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
    def text(self) -> str:
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
        case: The flow of a drill.
        bad: Its attempts that were not served in time.
    """

    def __init__(self, case: Case, bad: Sequence[Attempt]) -> None:
        self._case = case
        self._explained = [(each, explaining(case, each)) for each in bad]
        self._encounters = Encounters(case, bad)

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
        # What is broken in two ways at once is believed to be one thing.
        later = (
            each.inject
            for each in case.ledger.faults
            if each.node == window.node and each.inject >= window.until
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
            if not _came_by(case, attempt, name) or _is_of_its_other_fault(window, found):
                continue
            is_alone = all(each.window is window for each in found)
            if self._encounters.server(attempt) == window.node:
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


def behaves_as_declared(case: Case, balancer: Balancer, conduct: Conduct, kept_s: float) -> bool:
    """Whether a balancer could have the check that it is declared to have.

    It has not, where it stayed with a server for longer than that check would have let it.

    Args:
        case: The flow of a drill.
        balancer: Whose check it is.
        conduct: What it did.
        kept_s: For how long it demonstrably did, field seconds.
    """
    if balancer.mode == "wnlb" or not sees(case, conduct.balancer, balancer.check, conduct.window):
        return True
    begun = conduct.window.injected or conduct.window.inject
    spoilt_s = case.stalled_s(begun, begun + kept_s / case.clock) * case.clock
    return kept_s <= balancer.check.detection_s + case.uncertainty_s + spoilt_s


def _came_by(case: Case, attempt: Attempt, balancer: str) -> bool:
    """Whether an attempt may have come by a balancer: it chose no VIP, or one of that one's."""
    vips = case.topology.vips
    return attempt.choice not in vips or vips[attempt.choice][0] == balancer


def _is_of_its_other_fault(window: FaultWindow, found: Sequence[Suspect]) -> bool:
    """Whether an attempt is explained by what else was wrong with a server at that time alone."""
    others = [each.window for each in found if each.window is not window]
    return 0 < len(found) == len(others) and all(each.node == window.node for each in others)


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
