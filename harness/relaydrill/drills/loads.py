"""Who sends what in a drill, and when each attempt of it is due. Pure.

The runner starts these loads, and the judge computes them again: what a sender was to do follows
from the topology, the drill's seed and the moment at which the flows began.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import Final

from relaydrill.drills.model import Drill
from relaydrill.message import BLOCKED, SPAM, UNKNOWN, WANTED
from relaydrill.schedule import moments, seed_of
from relaydrill.topology import Topology

_SPARE_ATTEMPTS: Final = 3.0


@dataclass(frozen=True, slots=True)
class PlannedLoad:
    """One sender's part of a flow.

    Attributes:
        flow: The flow.
        node: The sender.
        address: Of its envelope.
        rate: Attempts a second, in the mean.
        sorts: Weight of each sort of mail.
        most: Bound on the number of attempts.
        seed: Of its schedule.
    """

    flow: str
    node: str
    address: str
    rate: float
    sorts: Mapping[str, float]
    most: int
    seed: str

    def due(self, begin: float, until: float) -> Iterator[float]:
        """When its attempts are due, from a begin on and before a moment, monotonic seconds."""
        due = islice(moments(self.seed, begin=begin, rate=self.rate), self.most)
        return takewhile(until.__gt__, due)


def loads_of(topology: Topology, drill: Drill, flow: str) -> Iterator[PlannedLoad]:
    """The loads of one flow, each of another sender."""
    settings = topology.flows[flow]
    mix = settings.mix
    shares = {WANTED: mix.wanted, UNKNOWN: mix.unknown, SPAM: mix.spam}
    sent = [(settings.sender, {sort: share for sort, share in shares.items() if share})]
    if settings.blocked_from and mix.blocked:
        sent.append((settings.blocked_from, {BLOCKED: mix.blocked}))
    length_s = drill.length_s / topology.clock
    for node, sorts in sent:
        rate = settings.rate * sum(sorts.values())
        address = f"{node}@{topology.domains[0]}"
        most = int(length_s * rate * _SPARE_ATTEMPTS) + 1
        yield PlannedLoad(
            flow, node, address, rate, sorts, most, seed_of(str(drill.seed), flow, address)
        )
