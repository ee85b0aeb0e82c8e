"""Why attempts of a flow failed: the faults that explain them, and what else was there just then.

Only what made a check fail is asked for: the attempts in the gap that was too long, and those that
went on failing for longer than the flow promises. What was broken at the same time as these counts
as gone, and nothing else: neither what was healed before, nor what was broken later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from relaydrill.drills.checks import Case
from relaydrill.drills.checks.blame import Suspect
from relaydrill.drills.checks.conduct import Conduct, Conducts
from relaydrill.drills.checks.encounters import explaining
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.ledger import Attempt, FaultWindow
from relaydrill.smtp import Result
from relaydrill.topology.paths import path_of, takers_of
from relaydrill.verdict import Status, Verdict

ALONE: Final = "alone"
"""What was broken is all that carries the flow: a single point of failure."""

UNUSED: Final = "not taken over"
"""Another way was there, and the flow did not take it, or not in time."""

NOT_BACK: Final = "not back"
"""What was broken was healed, and the flow went on failing."""


@dataclass(frozen=True)
class Cause:
    """Faults that explain together why attempts of a flow failed.

    Attributes:
        kind: `ALONE`, `UNUSED` or `NOT_BACK`.
        flow: The flow with its verdicts.
        case: What they were found from.
        windows: The faults, in order of time.
        gone: What was broken at once, in each moment that counts.
        explained: The attempts that they explain, those in time among them; each with the faults
            that may be the reason for it.
        conducts: How the balancers on the flow's way dealt with these faults.
    """

    kind: str
    flow: FlowVerdict
    case: Case
    windows: tuple[FaultWindow, ...]
    gone: tuple[frozenset[str], ...]
    explained: tuple[tuple[Attempt, tuple[FaultWindow, ...]], ...]
    conducts: tuple[Conduct, ...]

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts that they explain."""
        return tuple(attempt for attempt, _ in self.explained)

    @property
    def nodes(self) -> tuple[str, ...]:
        """What was broken, each once, in order of time."""
        return tuple(dict.fromkeys(window.node for window in self.windows))

    @property
    def key(self) -> tuple[str, ...]:
        """The same for flows that share a cause.

        What is alone is named. What was not taken over has one remedy, whichever server it was.
        """
        return (self.kind, *sorted(self.nodes)) if self.kind == ALONE else (self.kind,)

    def figures(self, check: str) -> dict[str, Any]:
        """The figures of one of the flow's checks; empty where it has none."""
        found = self.flow.check(check)
        return found.figures if found else {}

    def is_in_gap(self, attempt: Attempt) -> bool:
        """Whether an attempt fell into the longest time in which nothing was accepted."""
        return _is_within(attempt, self.figures("gap"), self.case)


def causes_of(judgement: Judgement, flow: FlowVerdict) -> list[Cause]:
    """Why a flow's mail did not flow; nothing where no fault explains it."""
    failing = [each for each in flow.doubtful if each.check in ("gap", "degraded")]
    failing = [each for each in failing if each.status is Status.FAIL]
    case = case_of(judgement, flow.flow)
    if any(not each.accepted for each in failing):
        failing = [each for each in failing if not each.accepted]
        # What the author accepts is not why it fails.
        if case.accepted_faults:
            case = Case(case.topology, case.drill, case.flow, case.ledger, accepting=True)
    return _Search(case, flow, failing).causes() if failing and case.attempts else []


def case_of(judgement: Judgement, flow: str) -> Case:
    """What the checks of a flow looked at."""
    return Case(judgement.topology, judgement.drill, flow, judgement.ledger)


@dataclass(frozen=True)
class _Blow:
    """An attempt that failed, and what explains it."""

    attempt: Attempt
    kind: str
    windows: tuple[FaultWindow, ...]
    gone: frozenset[str]
    is_too_much: bool

    @property
    def group(self) -> tuple[str, frozenset[str]]:
        return self.kind, frozenset(window.label for window in self.windows)


class _Search:
    """Sorts the attempts of a flow by what explains them."""

    def __init__(self, case: Case, flow: FlowVerdict, failing: list[Verdict]) -> None:
        self._case = case
        self._flow = flow
        self._failing = {each.check: each for each in failing}
        self._none_left: dict[frozenset[str], bool] = {}

    def causes(self) -> list[Cause]:
        """One for each way in which the flow was failed."""
        bad = self._bad()
        blows = [*self._blows(bad)]
        decisive = {each.group for each in blows if each.is_too_much}
        decisive = decisive or {each.group for each in blows}
        found: dict[tuple[str, frozenset[str]], list[_Blow]] = defaultdict(list)
        for blow in blows:
            if blow.group in decisive:
                key = (blow.kind, self._nodes(blow) if blow.kind == ALONE else frozenset[str]())
                found[key].append(blow)
        conducts = Conducts(self._case, bad).of_balancers
        return [self._cause(kind, each, conducts) for (kind, _), each in found.items()]

    def _bad(self) -> list[Attempt]:
        """What was not served; where nothing was for too long, what was put off meanwhile, too."""
        put_off = [each for each in self._case.deferred if self._in_gap(each)]
        return sorted([*self._case.unserved, *put_off], key=lambda each: each.started)

    def _nodes(self, blow: _Blow) -> frozenset[str]:
        return frozenset(window.node for window in blow.windows)

    def _cause(self, kind: str, blows: list[_Blow], conducts: list[Conduct]) -> Cause:
        ids = {id(window) for blow in blows for window in blow.windows}
        windows = tuple(each for each in self._case.ledger.faults if id(each) in ids)
        return Cause(
            kind=kind,
            flow=self._flow,
            case=self._case,
            windows=windows,
            gone=tuple(dict.fromkeys(each.gone for each in blows)),
            explained=tuple((each.attempt, each.windows) for each in blows),
            conducts=tuple(each for each in conducts if id(each.window) in ids),
        )

    def _blows(self, bad: Iterable[Attempt]) -> Iterator[_Blow]:
        for attempt in bad:
            if suspects := explaining(self._case, attempt):
                yield self._blow(attempt, suspects)

    def _blow(self, attempt: Attempt, suspects: tuple[Suspect, ...]) -> _Blow:
        windows = tuple(each.window for each in suspects)
        is_too_much = self._in_gap(attempt) or self._too_long_after(attempt, suspects)
        allowed_s = self._surely_too_long_s / self._case.clock
        if not any(each.is_live(attempt, allowed_s) for each in suspects):
            return _Blow(attempt, NOT_BACK, windows, frozenset(), is_too_much)
        at_once = self._broken_with(attempt, suspects)
        gone = frozenset(each.node for each in at_once)
        for some in (*((each,) for each in windows), windows, at_once):
            if self._are_all(frozenset(each.node for each in some)):
                return _Blow(attempt, ALONE, some, gone, is_too_much)
        return _Blow(attempt, UNUSED, windows, gone, is_too_much)

    def _broken_with(
        self, attempt: Attempt, suspects: tuple[Suspect, ...]
    ) -> tuple[FaultWindow, ...]:
        """What was broken at once when an attempt began, or, after that, just before the heal."""
        healed = [each.window.healed for each in suspects]
        last = max((each for each in healed if each is not None), default=None)
        moment = attempt.started
        if last is not None and None not in healed and last <= moment:
            ends = [each.window.heal for each in suspects if each.window.healed == last]
            moment = ends[0] or last
        return tuple(
            each.window
            for each in self._case.blame.suspects
            if each in suspects
            or (each.window.inject <= moment < (each.window.healed or float("inf")))
        )

    def _are_all(self, nodes: frozenset[str]) -> bool:
        """Whether some nodes are on a flow's way, and without them nobody is left to take it."""
        if nodes not in self._none_left:
            topology, flow = self._case.topology, self._case.flow
            on_its_way = bool(path_of(topology, flow) & nodes)
            self._none_left[nodes] = on_its_way and not takers_of(topology, flow, nodes)
        return self._none_left[nodes]

    def _in_gap(self, attempt: Attempt) -> bool:
        """Whether it fell into the time in which nothing was accepted, if that was too long."""
        gap = self._failing.get("gap")
        return gap is not None and _is_within(attempt, gap.figures, self._case)

    def _too_long_after(self, attempt: Attempt, suspects: tuple[Suspect, ...]) -> bool:
        """Whether it began longer after the change that explains it than the flow promises."""
        if "degraded" not in self._failing:
            return False
        changes = (each.last_change(attempt.started) for each in suspects)
        spans = [attempt.started - each.latest for each in changes if each]
        return bool(spans) and min(spans) * self._case.clock > self._surely_too_long_s

    @property
    def _surely_too_long_s(self) -> float:
        """Field seconds after a change for which attempts may go on failing, at the very most."""
        return self._case.expect.degraded_s + self._case.uncertainty_s


def _is_within(attempt: Attempt, gap: dict[str, Any], case: Case) -> bool:
    """Whether an attempt began in a gap that a check tells of."""
    if "begin_s" not in gap:
        return False
    begin: float = case.attempts[0].started + gap["begin_s"] / case.clock
    # The figures are rounded.
    end: float = begin + gap["wall_s"] + 0.001
    return begin - 0.001 <= attempt.started < end


def stopped(cause: Cause) -> tuple[Attempt, ...]:
    """The attempts that found no way; one that was cut before its answer, and arrived, did."""
    arrived = {
        attempt.started
        for entry in cause.case.ledger.unusual(cause.flow.flow)
        if entry.arrived
        for attempt in entry.attempts
        if attempt.result in (None, Result.UNANSWERED)
    }
    return tuple(
        each
        for each in cause.attempts
        if each.result not in (None, Result.UNANSWERED) or each.started not in arrived
    )
