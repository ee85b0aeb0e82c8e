"""Which fault explains which attempt: the one on its way that was in force, or healed just before.

A fault explains an attempt only where it lies among what answers to it (`front_of`). A server that
gave its name speaks for itself: where it was broken itself, nobody else is to blame for what it
said. And a server that every balancer on the way believed to be down was given nothing that could
fail.
What may be the doing of several faults is left between them: each has its own time, and none
restarts another's.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

from relaydrill.faults import (
    ENDING,
    Fault,
    FaultText,
    How,
    MachineFault,
    ServiceFault,
    breaks_nothing,
)
from relaydrill.faults.aiming import flows_by
from relaydrill.faults.reach import is_from_here
from relaydrill.ledger import Attempt, FaultWindow
from relaydrill.smtp import NAME_FAILED, NO_ANSWER, NO_EXCHANGER, NO_SUCH_NAME, Phase
from relaydrill.topology.paths import balancers_of, front_of, path_of, takers_of, targets_of

if TYPE_CHECKING:
    from relaydrill.drills.checks.case import Case


class Change(NamedTuple):
    """Something broke, or was healed, at some moment between two monotonic times."""

    earliest: float
    latest: float


@dataclass(frozen=True)
class Suspect:
    """A fault that was injected, and may explain what failed.

    Attributes:
        window: When it was in force.
        begun: When the node broke.
    """

    window: FaultWindow
    begun: Change

    def last_change(self, moment: float) -> Change | None:
        """When it broke, or was healed, for the last time before a moment; None if never."""
        healed = self.window.healed
        if healed is not None and healed <= moment:
            return Change(healed, healed)
        return self.begun if self.begun.earliest <= moment else None

    def is_live(self, attempt: Attempt, allowed_s: float) -> bool:
        """Whether it was in force while an attempt was under way, or had its time after the heal.

        Args:
            attempt: One that failed, or was late.
            allowed_s: How long attempts may go on failing after a heal, wall seconds.
        """
        over = attempt.started if attempt.ended is None else attempt.ended
        if self.begun.earliest > over:
            return False
        healed = self.window.healed
        return healed is None or attempt.started <= healed + allowed_s


def _without_earlier(suspects: list[Suspect], attempt: Attempt) -> list[Suspect]:
    """Without the healed faults of a node that is broken anew while an attempt is made.

    What is broken now explains it: of a node that flaps, no time but that of its last fault.
    """
    now: dict[str, float] = {}
    for each in suspects:
        if each.window.healed is None or each.window.healed > attempt.started:
            now[each.window.node] = max(each.begun.earliest, now.get(each.window.node, 0.0))
    return [
        each
        for each in suspects
        if each.window.healed is None
        or each.window.healed > attempt.started
        or each.window.healed > now.get(each.window.node, float("-inf"))
    ]


class Blame:
    """The faults of a case, to be asked who explains an attempt."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self._explained: dict[int, tuple[Attempt, tuple[Suspect, ...]]] = {}

    @cached_property
    def suspects(self) -> list[Suspect]:
        """Every fault that was injected and breaks something; of ways, the flow's own."""
        return [
            Suspect(window, breaking(self._case, window))
            for window in self._case.ledger.faults
            if window.injected is not None
            and not is_harmless(window)
            and is_on_the_way(self._case, window)
        ]

    def explaining(self, attempt: Attempt) -> tuple[Suspect, ...]:
        """The faults that may have made an attempt fail; empty where none had begun.

        Those that are in force, or have their time after the heal; where none has, those whose time
        is over: somebody must have done it.
        """
        # Checks ask more than once; an attempt that is kept here has its identity to itself.
        if id(attempt) not in self._explained:
            self._explained[id(attempt)] = attempt, self._explaining(attempt)
        return self._explained[id(attempt)][1]

    def _explaining(self, attempt: Attempt) -> tuple[Suspect, ...]:
        begun = self._begun(attempt)
        allowed_s = self._case.expect.degraded_s / self._case.clock
        own = self._of_its_server(attempt, begun)
        # What it refused is its own doing. What was late, or cut, may have hung before it, too.
        if attempt.code < 400 and not has_no_address(attempt):
            own = [each for each in own if each.is_live(attempt, allowed_s)]
            held = [each for each in begun if own and self._may_have_held(each, attempt)]
            own += [each for each in held if each not in own]
        found = own or self._visited(attempt, begun)
        live = [each for each in found if each.is_live(attempt, allowed_s)] or found
        live = _without_earlier(live, attempt)
        met = [each for each in live if not self.is_marked_down(each.window.node, attempt.started)]
        found = met or live
        # Of those that may have refused it, the one that refuses in these words has.
        said = (attempt.code, attempt.phase)
        same = [each for each in found if attempt.code >= 400 and reply_of(each.window) == said]
        return tuple(same or found)

    def _visited(self, attempt: Attempt, begun: list[Suspect]) -> list[Suspect]:
        """Without the servers to which an attempt never came: it was with its first choice only."""
        case, name = self._case, self._case.answered_by(attempt)
        if not name or name != attempt.choice:
            return begun
        others = {*takers_of(case.topology, case.flow)} - {name, *case.waits.get(name, ())}
        return [each for each in begun if each.window.node not in others] or begun

    def _may_have_held(self, suspect: Suspect, attempt: Attempt) -> bool:
        """Whether what stands before the servers, or its own waits for, was broken meanwhile."""
        case, node = self._case, suspect.window.node
        is_before = case.topology.balancer_of(node) or node in case.topology.name_servers
        is_behind = node in case.waits.get(case.answered_by(attempt), ())
        return bool(is_before or is_behind) and suspect.is_live(attempt, 0.0)

    def _begun(self, attempt: Attempt) -> list[Suspect]:
        """The faults that had begun: on what answers to attempts; else on the way; else all."""
        over = attempt.started if attempt.ended is None else attempt.ended
        begun = [each for each in self.suspects if each.begun.earliest <= over]
        for nodes in self._reach:
            if found := [each for each in begun if each.window.node in nodes]:
                return found
        return begun

    @cached_property
    def _reach(self) -> tuple[frozenset[str], ...]:
        topology, flow = self._case.topology, self._case.flow
        return front_of(topology, flow), path_of(topology, flow)

    def _of_its_server(self, attempt: Attempt, among: list[Suspect]) -> list[Suspect]:
        if has_no_address(attempt):
            servers = self._case.topology.name_servers
            return [each for each in among if each.window.node in servers]
        if doors := self._doors(attempt):
            broken = [each for each in among if each.window.node in doors]
            return [each for each in broken if each.is_live(attempt, 0.0)]
        name = self._case.answered_by(attempt)
        return [each for each in among if name and each.window.node == name]

    def _doors(self, attempt: Attempt) -> frozenset[str]:
        """Who must have failed an attempt that got no connection to the only VIP that there is.

        A balancer takes connections whatever became of the servers behind it: those have no part in
        it, as long as the balancer, or the way to it, is broken. A WNLB cluster is its servers.
        """
        topology, flow = self._case.topology, self._case.flow
        if attempt.phase != Phase.CONNECT or {*targets_of(topology, flow)} != {attempt.choice}:
            return frozenset()
        balancer, _ = topology.vips.get(attempt.choice, ("", None))
        if not balancer or topology.balancers[balancer].mode == "wnlb":
            return frozenset()
        return frozenset({*topology.machines_of(balancer), topology.flows[flow].sender})

    def first_of(self, suspect: Suspect) -> Suspect:
        """The fault since which a node has served nothing: of a row of them, the first.

        One that is healed and broken again before it has taken any mail was never seen to be whole.
        """
        case, node = self._case, suspect.window.node
        port = case.topology.flows[case.flow].port
        earlier = [each for each in self.suspects if each.window.node == node]
        for each in reversed(earlier[: earlier.index(suspect)]):
            healed, again = each.window.healed, suspect.window.inject
            if healed is None or healed > again:
                continue  # both are in force at once: each has its own time
            if case.ledger.took(node, case.flow, port, after=each.window.until, before=again):
                break
            suspect = each
        return suspect

    def is_marked_down(self, node: str, moment: float) -> bool:
        """Whether all balancers on the way believed a node to be down; without any it is not.

        Of a pair that is asked of both machines, and of none that was broken itself just then: it
        gave out nothing, whatever it believed before.
        """
        topology = self._case.topology
        machines = [each for name in self._balancers(node) for each in topology.machines_of(name)]
        broken = {each.window.node for each in self.suspects if each.window.is_in_force(moment)}
        working = [each for each in machines if each not in broken] or machines
        return bool(working) and all(
            self.believed(machine, node, moment) == "down" for machine in working
        )

    def _balancers(self, node: str) -> tuple[str, ...]:
        if node not in self._balancers_of:
            topology, flow = self._case.topology, self._case.flow
            self._balancers_of[node] = balancers_of(topology, flow, node)
        return self._balancers_of[node]

    @cached_property
    def _balancers_of(self) -> dict[str, tuple[str, ...]]:
        return {}

    def believed(self, balancer: str, node: str, moment: float) -> str:
        """What a balancer took a node to be at a moment, on the flow's port; empty: not told.

        One that was started again begins anew, and tells nothing of what is up.
        """
        moments, states = self._beliefs.get((balancer, node), ([], []))
        at = bisect_right(moments, moment)
        if not at or any(moments[at - 1] < each <= moment for each in self._starts[balancer]):
            return ""
        return states[at - 1]

    @cached_property
    def _starts(self) -> dict[str, list[float]]:
        """When the heal of each node began that started it again."""
        found: dict[str, list[float]] = defaultdict(list)
        for window in self._case.ledger.faults:
            fault = fault_of(window)
            ends = isinstance(fault, MachineFault) and fault.power in ENDING
            if ends and window.injected is not None and window.heal is not None:
                found[window.node].append(window.heal)
        return found

    @cached_property
    def _beliefs(self) -> dict[tuple[str, str], tuple[list[float], list[str]]]:
        """What each balancer, or either machine of a pair, believed of each node, in time."""
        topology = self._case.topology
        port = topology.flows[self._case.flow].port
        found: dict[tuple[str, str], tuple[list[float], list[str]]] = defaultdict(lambda: ([], []))
        for each in self._case.ledger.beliefs:
            if each.port == port:
                moments, states = found[each.balancer, each.backend]
                moments.append(each.mono)
                states.append(each.state)
        return found


def suspects(case: Case, attempt: Attempt) -> tuple[FaultWindow, ...]:
    """The faults that may explain why an attempt failed; see `Blame.explaining`."""
    return tuple(each.window for each in case.blame.explaining(attempt))


def breaking(case: Case, window: FaultWindow) -> Change:
    """When a fault began.

    Injecting takes its time: an engine's kill, a tenth of a second. The last that the node took
    before it was reported done is a sign that it was whole until then.
    """
    done = window.inject if window.injected is None else window.injected
    last = case.ledger.last_sign(window.node, done)
    return Change(window.inject if last is None else max(window.inject, last), done)


def has_no_address(attempt: Attempt) -> bool:
    """Whether a sender got no address to try: nobody but its name servers failed it."""
    no_name = (NO_ANSWER, NO_SUCH_NAME, NO_EXCHANGER, NAME_FAILED)
    return attempt.phase == Phase.CONNECT and attempt.reason.endswith(no_name)


def is_harmless(window: FaultWindow) -> bool:
    """Whether a fault breaks nothing: ``none``, the control."""
    return breaks_nothing(fault_of(window))


def delay_of(window: FaultWindow) -> float:
    """How late a fault makes a node answer, field seconds; 0 where it makes nobody wait."""
    fault = fault_of(window)
    sign = fault.sign if isinstance(fault, ServiceFault) else None
    return sign.delay_s if sign is not None and sign.how is How.LATE else 0.0


def fault_of(window: FaultWindow) -> Fault:
    """The fault that a window is of."""
    return _fault_named(window.label)


@cache
def _fault_named(label: str) -> Fault:
    return FaultText.parse(label).fault


def is_on_the_way(case: Case, window: FaultWindow) -> bool:
    """Whether mail of the flow goes where a fault of the network is; true of every other fault."""
    said, topology = said_by(window), case.topology
    from_here = is_from_here(said.kind)
    if not said.origin and not from_here:
        return True
    return case.flow in flows_by(topology, said.origin, window.node, from_here=from_here)


def said_by(window: FaultWindow) -> FaultText:
    """What the text says that a window's fault was written as."""
    return _said_by(window.label)


@cache
def _said_by(label: str) -> FaultText:
    return FaultText.parse(label)


def reply_of(window: FaultWindow) -> tuple[int, str] | None:
    """The code that a fault makes a server answer, and at which phase; None where it makes none."""
    fault = fault_of(window)
    if not isinstance(fault, ServiceFault) or fault.reply is None:
        return None
    return fault.reply.code, str(fault.phase or "")
