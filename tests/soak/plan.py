"""A long drill of many faults, every choice of which comes from a seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from relaydrill import topology_files
from relaydrill.drills.model import Drill
from relaydrill.faults import FaultSpec, FaultText
from relaydrill.topology import Role, Topology

CLOCK: Final = 10.0

_DESIGN: Final = f"""\
extends: sharepoint
name: soak
clock: {CLOCK:g}
nodes:
  ns1: {{role: dns}}
  ns2: {{role: dns}}
flows:
  relay: {{rate: 35/s}}
  submission: {{rate: 15/s}}
"""

_OF_A_SERVER: Final = (
    *("kill", "stop", "pause", "blackhole", "refuse", "hang", "busy", "backpressure", "drain"),
    *("tempfail.mail", "tempfail.rcpt", "tempfail.data", "slow", "slow.data"),
    *("drop-mid-data", "drop-before-store", "drop-after-store"),
)

KINDS: Final = {
    Role.HUB: (*_OF_A_SERVER, "reject"),
    Role.MAILBOX: _OF_A_SERVER,  # what it rejects is returned to its sender, and never arrives
    Role.BALANCER: ("kill", "stop", "pause", "blackhole"),
    Role.DNS: ("kill", "stop", "pause", "nxdomain", "servfail", "hang", "slow", "stale"),
}
"""What can be done to a node of each role on a lab of processes."""

NOT_TRIED: Final = frozenset(
    {
        "isolate",  # of containers alone
        "lost-disk",  # mail is gone
        "full-disk",
        # of simulated labs alone
        *("cut", "latency", "loss", "bandwidth", "slice", "limit", "reset-after", "slow-close"),
        # of the sender's own side
        *("unreachable", "unreachable-refused", "unreachable-reset"),
        *("late-dns", "failing-dns", "stale-dns"),
        *("swallow", "double", "misdeliver", "truncate", "garble", "readdress"),  # mail is gone
        *("reset", "directory-down", "phantom-reject", "auth-down", "auth-refused"),
        *("certificate-expired", "certificate-not-yet", "certificate-name"),
        *("certificate-unknown", "starttls-hidden", "handshake-fails", "handshake-stalls"),
        "tls-outdated",
    }
)
"""Faults that no soak injects: what it cannot, or must not; and those that it does not try yet."""

_EVERY_S: Final = 3.0
_SHORTEST_S, _LONGEST_S = 0.3, 4.0
_REST_S: Final = 1.5
"""Wall seconds: from one fault to the next, a fault's length, and a node's rest between two."""


def design() -> Topology:
    """The lab: `sharepoint` with two name servers, and 50 messages a second."""
    return topology_files.parse(_DESIGN, "soak.yaml")


def schedule(topology: Topology, *, wall_s: float, seed: int) -> Iterator[FaultSpec]:
    """A fault every few seconds, on any node and of any kind that it knows, two at once at times.

    Args:
        topology: The design.
        wall_s: How long mail is sent.
        seed: Of every choice.
    """
    chance = random.Random(seed)
    free_from = dict.fromkeys(topology.tier, 0.0)
    moment = 2.0
    while moment < wall_s - 2 * _LONGEST_S:
        free = [node for node, at in free_from.items() if at <= moment]
        node = chance.choice(free)
        fault = FaultText.of_kind(chance.choice(KINDS[topology.nodes[node].role]))
        length = chance.uniform(_SHORTEST_S, _LONGEST_S)
        free_from[node] = moment + length + _REST_S
        yield fault.at(node, moment * CLOCK, length * CLOCK)
        moment += chance.uniform(0.5, 1.5) * _EVERY_S


def soak_drill(topology: Topology, *, wall_s: float, seed: int) -> Drill:
    """The drill: all flows, all faults, and time for the last mail to come to rest."""
    return Drill(
        name="soak",
        flows=tuple(topology.flows),
        faults=tuple(schedule(topology, wall_s=wall_s, seed=seed)),
        length_s=wall_s * CLOCK,
        settle_s=400.0,
        seed=seed,
    )


def kills_drill(topology: Topology, *, kills: int, seed: int) -> Drill:
    """The drill that kills one hub after the other, so many times, and starts it again at once."""
    chance = random.Random(seed)
    hubs = [*topology.hubs]
    faults = []
    moment = 2.0
    for number in range(kills):
        hub = hubs[number % len(hubs)]
        faults.append(FaultSpec("kill", hub, moment * CLOCK, chance.uniform(0.02, 0.1) * CLOCK))
        moment += chance.uniform(0.2, 0.3)
    return Drill(
        name="kills",
        flows=tuple(topology.flows),
        faults=tuple(faults),
        length_s=(moment + 2.0) * CLOCK,
        settle_s=400.0,
        seed=seed,
    )
