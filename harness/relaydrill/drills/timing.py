"""How long a drill takes to prove what its topology promises; field seconds, mostly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

from relaydrill.drills.expected_share import expected_share
from relaydrill.drills.opportunity import attempts_for, attempts_to_meet, attempts_to_plan
from relaydrill.drills.recovery import recovery_of
from relaydrill.faults import FaultSpec
from relaydrill.schedule import LONGEST_STEP
from relaydrill.topology import Topology
from relaydrill.verdict import Levels, spread_test

_BEFORE_WALL_S: Final = 1.0
_BEFORE_ELSEWHERE_WALL_S: Final = 4.0
"""On a real lab: real servers that had been idle take a second over their first sessions."""
_PROOFS_BEFORE: Final = 4
_LATENESS_WALL_S: Final = 0.1
"""How far an attempt may be behind its schedule without a drill's being too short for it."""
_SIGMAS: Final = 3.1
_SETTLE_MARGIN: Final = 20.0
_SPARE: Final = 1.5
"""More choices than a test needs: on a busy machine a heal takes part of the time for them."""


class Timing:
    """Default timings of a drill, field seconds. What needs samples depends on rates, too.

    Args:
        topology: What is drilled.
        flows: Which send.
        broken: What is broken, each with the part of its sessions that the fault acts on.
    """

    def __init__(
        self,
        topology: Topology,
        flows: tuple[str, ...],
        broken: tuple[tuple[str, float], ...] = (),
    ) -> None:
        self._topology = topology
        self._flows = flows
        self._slowest = min(topology.flows[flow].wanted_rate for flow in flows)
        self._allowed = max(topology.expectation(flow).degraded_s for flow in flows)
        widest = max((len(each.backends) for each in topology.balancers.values()), default=1)
        least = _BEFORE_ELSEWHERE_WALL_S if topology.attach else _BEFORE_WALL_S
        samples = [each for node, strength in broken for each in self._samples(node, strength)]
        proofs_s = max((before_s for before_s, _, _ in samples), default=0.0)
        self.before_s = self._field(max(least, _PROOFS_BEFORE * widest / self._slowest, proofs_s))
        # An attempt that began long enough before the heal to be late must have failed too late.
        sure_s = LONGEST_STEP / self._slowest + _LATENESS_WALL_S
        fails_s = sure_s + LONGEST_STEP / self._slowest
        silent_s = max((during_s for _, during_s, _ in samples), default=0.0)
        meets_s = max((met_s for _, _, met_s in samples), default=0.0)
        self.during_s = max(
            2 * self._allowed + self._field(fails_s),
            self._field(silent_s),
            # And one must come to what is broken when attempts may fail no more.
            self._allowed + self._field(sure_s + meets_s),
        )
        self.before_s, self.during_s = _even(self.before_s), _even(self.during_s)
        # A hub tries a destination again within a minute (its queue glitch retry), and a sending
        # mail server in its own time; either may need a second try, and Exim looks for what is due
        # in twice its first wait. The margin is for the deliveries themselves.
        senders = [topology.senders[topology.flows[flow].sender] for flow in flows]
        retries = (topology.flows[flow].retry or 0.0 for flow in flows)
        longest = max(*(sender.retries.first for sender in senders), *retries)
        attach = topology.attach
        named_s = attach.settle if attach else None
        self.settle_s = 2 * longest + self._field(_SETTLE_MARGIN) if named_s is None else named_s

    def spread_s(self, levels: Levels) -> float:
        """Time to send so that each flow has the choices that its promise of spread wants."""
        wanted = [0.0]
        for name in self._flows:
            servers = self._topology.expectation(name).spread
            if servers:
                test = spread_test(len(servers), alarm=levels.doubt, miss=levels.miss)
                sampling = test.choices / self._topology.flows[name].wanted_rate
                wanted.append(self._field(_SPARE * sampling))
        return max(wanted)

    @property
    def takeover_s(self) -> float:
        """How long it may take until hubs deliver what a hub that is gone had copied to them."""
        # A silence is noticed at a heartbeat, and its end may be a heartbeat after the time is up.
        kept = [hub.shadow for hub in self._topology.hubs.values()]
        copied = any(hub.ack == "shadow" for hub in self._topology.hubs.values())
        return max(each.resubmit + 2 * each.heartbeat for each in kept) if copied else 0.0

    def _samples(self, node: str, strength: float) -> Iterator[tuple[float, float, float]]:
        """What each flow needs before a node is broken, and meanwhile, to prove it; wall seconds.

        And how long it takes until an attempt comes to the node for certain, and the fault acts on
        it. Nothing where it has no share that is known: no duration helps there.
        """
        for name in self._flows:
            expected = expected_share(self._topology, name, node)
            if not expected.share:
                continue
            if expected.by_senders:
                # One that chooses the node before the fault, and one that does so meanwhile.
                before = attempts_to_meet(expected.share)
                during = met = attempts_to_meet(expected.share * strength)
            else:
                # Turns, of a balancer or of a list of next hops.
                before, during = attempts_to_plan(expected.share, even=True)
                during = attempts_for(during, strength)
                met = math.ceil(1 / expected.share) * attempts_to_meet(strength)
            if expected.choices is not None:
                before = min(before, expected.choices)
                # Who keeps to the node comes to it again and again until the fault acts on him.
                if strength >= 1.0:
                    during, met = (min(each, expected.choices) for each in (during, met))
            rate = self._topology.flows[name].wanted_rate
            yield _lasting(before) / rate, _lasting(during) / rate, _lasting(met) / rate

    def _field(self, wall_s: float) -> float:
        return wall_s * self._topology.clock

    def after_s(self, specs: tuple[FaultSpec, ...], levels: Levels) -> float:
        """Time to send after the last heal."""
        needed = self._allowed
        for spec in specs:
            for flow in self._flows:
                recovery = recovery_of(self._topology, spec.node, flow, levels)
                choices = recovery.test.choices if recovery.test else _PROOFS_BEFORE
                sampling = self._field(choices / self._topology.flows[flow].wanted_rate)
                needed = max(needed, recovery.allowance_s + _SPARE * sampling)
        return needed


def _lasting(attempts: int) -> float:
    """Mean steps of a schedule in which there are so many attempts, but for one case in a thousand.

    A step is anything up to twice the mean, so that its variance is a third of the mean's square.
    """
    return attempts + 1 + _SIGMAS * math.sqrt((attempts + 1) / 3)


def _even(seconds: float) -> float:
    """Rounded up to a tenth: a duration that a person can read."""
    return math.ceil(seconds * 10 - 1e-6) / 10
