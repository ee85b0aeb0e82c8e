"""What a verdict must not rest on: the one place for excuses.

Some of what a drill saw could have come out otherwise without the mail tier's doing: an attempt
that never left the sender's machine, one whose sender ended first, one that was cut or late while
the machine starved. Each check on attempts is read twice. In the best reading all of that was good,
and what still fails has failed. In the worst all of it was bad, and what still holds has passed.
What lies between is unknown.

An excuse is in proportion to what was lost. The watcher of the machine (`relaydrill.drills.stall`)
mostly sleeps, and loses a turn of the processor at a time; a message passes up to four programs one
after another (sender, balancer, hub, and the hub's journal and reply), each of which waits for its
own. So a stretch counts as lost for four times what the watcher lost of it, or for what the four
nodes lost that starved most, if that is more, and never for more than it lasted; and for no more
than once where a server refused meanwhile, for then the tier did answer.
What was seen stays as it was seen: an answer is an answer, however starved the machine.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from functools import cached_property
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from relaydrill.drills.checks.starved import TURNS, Starved, apart, starved
from relaydrill.ledger import Attempt, Stall
from relaydrill.smtp import (
    BAD_CERTIFICATE,
    NAME_FAILED,
    NO_ANSWER,
    NO_EXCHANGER,
    NO_STARTTLS,
    NO_SUCH_NAME,
    REFUSED,
    Result,
)

if TYPE_CHECKING:
    from relaydrill.drills.checks.case import Case

_SOON_S: Final = 0.05
"""Wall seconds in which nobody's patience runs out."""


class Doubt:
    """What of a case could have come out otherwise.

    Args:
        case: The flow of a drill.
        stalls: When the machine stood still, or starved, as its watch saw it.
        nodes: When the nodes waited for a processor that the flow's mail may pass.
    """

    def __init__(
        self, case: Case, stalls: Iterable[Stall], nodes: Mapping[str, Iterable[Stall]]
    ) -> None:
        self._case = case
        self._stalls = apart(stalls)
        self._nodes = nodes

    def covers(self, attempt: Attempt) -> bool:
        """Whether an attempt that was not served might have been, by the tier's own powers."""
        if attempt.result in (None, Result.UNSENT):
            return True
        return self.is_the_machine_s(attempt)

    def is_the_machine_s(self, attempt: Attempt) -> bool:
        """Whether an attempt's failure could be the work of the machine, not of the mail tier.

        On a machine that starves time runs out: for the sender, for the balancer, and for its
        checks, which then need a while to believe in their backends again. It makes no server
        refuse, and no listener vanish; and a moment of it excuses nothing that hung for long.
        """
        if not self._starved or attempt.ended is None or _met_refusal(attempt):
            return False
        begun, ended, case = attempt.started, attempt.ended, self._case
        lost_s = self.lost_s(begun, ended)
        if attempt.accepted:
            # Late, or else in time only because a heal released it: then for longer than usual.
            promised_s = case.expect.late_s / case.clock
            within_s = promised_s if ended - begun > promised_s else case.slow_s
            return lost_s > 0 and ended - begun - lost_s <= within_s
        return 0 < ended - begun <= 2 * lost_s or self._had_nobody(begun)

    def lost_s(self, begin: float, end: float) -> float:
        """What the machine may have taken out of a time, wall seconds."""
        return sum(each.part * common_s(each, begin, end) for each in self._within(begin, end))

    def stalled_s(self, begin: float, end: float) -> float:
        """For how much of a time the machine itself stood still, or starved; wall seconds."""
        return sum(common_s(each, begin, end) for each in self._within(begin, end))

    def _within(self, begin: float, end: float) -> list[Starved]:
        first = bisect_right(self._starved, begin, key=attrgetter("end"))
        return self._starved[first : bisect_left(self._starved, end, key=attrgetter("begin"))]

    def settled(self, begin: float) -> float:
        """From when on, at or after a moment, the machine starved no more while attempts were made.

        Where it starved for long enough to fail a health check, its balancers have had time since
        to believe in their backends again.
        """
        attempts = self._case.attempts
        last = attempts.starts[-1] if attempts else begin
        ends = [each.end for each in self._stalls if each.end > begin and each.begin < last]
        spoilt = [each.end for each in self._spoiling if each.end > begin and each.begin < last]
        return max([begin, *ends, *(end + self._recovery_s for end in spoilt)])

    @cached_property
    def spoilt(self) -> list[tuple[float, float]]:
        """When the machine may have had a hand in who took what: while it starved, wall seconds.

        And where that could fail a health check, for as long after it as checks need.
        """
        checks = [(each.begin, each.end + self._recovery_s) for each in self._spoiling]
        return sorted([*((each.begin, each.end) for each in self._stalls), *checks])

    def reasons_for(self, doubtful: list[Attempt]) -> str:
        """Why attempts are doubtful, for the end of a sentence; empty where none is."""
        unsent = sum(each.result is Result.UNSENT for each in doubtful)
        untold = sum(each.result is None for each in doubtful)
        reasons = []
        if unsent:
            reasons.append(f"{unsent} attempts never left this machine")
        if untold:
            reasons.append(f"the senders of {untold} attempts ended first")
        if machine := len(doubtful) - unsent - untold:
            reasons.append(f"{machine} of them may be the machine's work: it starved just then")
        return f"; but {', and '.join(reasons)}" if reasons else ""

    @cached_property
    def _starved(self) -> list[Starved]:
        """When the machine took something from a message's programs, and how much of it."""
        refusals = sorted(each.started for each in self._case.attempts.failed if _met_refusal(each))

        def has_answered(stall: Stall) -> bool:
            return bisect_left(refusals, stall.end) > bisect_left(refusals, stall.begin)

        return starved(self._stalls, self._nodes, has_answered)

    def _had_nobody(self, moment: float) -> bool:
        """Whether a balancer then had no server left, and one of them wrongly: it had starved."""
        believed = self._case.blame.believed
        return any(
            since <= moment < until
            and all(believed(balancer, each, moment) == "down" for each in backends)
            for balancer, backends, since, until in self._wrong_beliefs
        )

    @cached_property
    def _wrong_beliefs(self) -> list[tuple[str, tuple[str, ...], float, float]]:
        """For how long balancers believed a server to be down that nobody had broken.

        Each with its backends. Only of beliefs that it came to while the machine lost enough to
        fail a check, or just after.
        """
        case, found = self._case, []
        spoiling = [(each.begin, each.end + self._check_s) for each in self._spoiling]
        beliefs = case.ledger.beliefs if spoiling else []
        for number, belief in enumerate(beliefs):
            balancer = case.topology.balancer_of(belief.balancer)
            if belief.state != "down" or not balancer or not _is_in(belief.mono, spoiling):
                continue
            if self._was_broken(belief.backend, belief.mono):
                continue
            same = (belief.balancer, belief.backend, belief.port)
            ups = (
                later.mono
                for later in beliefs[number + 1 :]
                if (later.balancer, later.backend, later.port) == same and later.state == "up"
            )
            until = next(ups, float("inf"))
            found.append((belief.balancer, balancer.backends, belief.mono, until))
        return found

    def _was_broken(self, node: str, moment: float) -> bool:
        """Whether a node was broken, or healed so lately that checks may not know it yet."""
        return any(
            window.node == node
            and window.inject <= moment
            and moment <= (window.healed or float("inf")) + self._recovery_s
            for window in self._case.ledger.faults
        )

    @cached_property
    def _spoiling(self) -> list[Stall]:
        """The stretches in which a health check could run out of time.

        As far as they lie together: a watcher tells of a long stretch in many short pieces.
        """
        checks = [
            each.check.longest_s / self._case.clock
            for each in self._case.topology.balancers.values()
            if each.check.kind != "none"
        ]
        if not checks:
            return []
        found: list[Stall] = []
        for each in self._stalls:
            if found and each.begin <= found[-1].end:
                last = found[-1]
                found[-1] = Stall(last.begin, each.end, last.lost_s + each.lost_s)
            else:
                found.append(each)
        return [each for each in found if TURNS * each.lost_s >= min(checks)]

    @property
    def _check_s(self) -> float:
        """The longest time until a failed check has its consequence, wall seconds."""
        checks = [each.check.detection_s for each in self._case.topology.balancers.values()]
        return max(checks, default=0.0) / self._case.clock

    @property
    def _recovery_s(self) -> float:
        """The longest time until checks believe in a server again, wall seconds."""
        balancers = self._case.topology.balancers.values()
        checks = [each.check.recovery_s for each in balancers if each.check.kind != "none"]
        return max(checks, default=0.0) / self._case.clock


def common_s(stall: Stall | Starved, begin: float, end: float) -> float:
    """How much of a time lies in a stall, seconds."""
    return max(0.0, min(end, stall.end) - max(begin, stall.begin))


def _is_in(moment: float, spans: list[tuple[float, float]]) -> bool:
    at = bisect_right(spans, (moment, float("inf")))
    return at > 0 and moment <= spans[at - 1][1]


def _met_refusal(attempt: Attempt) -> bool:
    has_no_name = attempt.reason.endswith((NO_SUCH_NAME, NO_EXCHANGER, NAME_FAILED))
    # A name server whose host says that nobody listens is no silent one: that takes its time.
    took_s = attempt.took_s or 0.0
    is_denied = attempt.reason.endswith(NO_ANSWER) and took_s < _SOON_S
    # No machine is so slow that a certificate runs out, or bears another name.
    has_shown = attempt.reason.startswith(BAD_CERTIFICATE) or attempt.reason == NO_STARTTLS
    is_no = attempt.code >= 400 or attempt.reason == REFUSED
    return is_no or has_no_name or is_denied or has_shown
