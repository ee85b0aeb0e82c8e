"""Stories, drawn by chance: healthy ones, and ones in which a promise is broken.

Whether a promise holds is not decided here: `truth` looks at what came of it. Here is only seen to
it that each kind of thing comes up often enough, and that a run is long enough to tell.
"""

from __future__ import annotations

import math
import random
from typing import Final, Literal, NamedTuple, get_args

from .chances import choices_needed
from .story import (
    Acceptance,
    Archive,
    Balancer,
    Fault,
    Flow,
    HealthCheck,
    Kind,
    Mx,
    Persona,
    Promise,
    Slip,
    SlipKind,
    Story,
)

_OF_A_SERVER: Final = (
    *("kill", "kill", "kill", "stop", "stop", "refuse", "refuse", "busy", "busy"),
    *("pause", "pause", "pause", "hang", "hang"),
    *("tempfail.mail", "tempfail.mail", "tempfail.rcpt", "tempfail.data", "backpressure", "drain"),
    *("reject.rcpt", "slow.mail", "slow.data", "slow.banner", "tempfail.ehlo"),
    *("tempfail.reply", "tempfail.auth", "drop-mid-data", "drop-before-store", "drop-after-store"),
)
_OF_A_MAILBOX: Final = ("kill", "stop", "pause", "refuse", "tempfail.rcpt", "tempfail.mail")
_OF_A_NAME_SERVER: Final = ("kill", "stop", "pause", "pause", "nxdomain", "servfail")
_OF_A_BALANCER: Final = ("kill", "stop", "pause")
_SLIPS: Final[tuple[SlipKind, ...]] = get_args(SlipKind)


def draw(chance: random.Random) -> Story:
    """One story."""
    parts = _parts(chance)
    faults, healed_at = _faults(chance, parts)
    length = _length(parts, faults, healed_at)
    flows, clock = parts.flows, parts.clock
    slips = _slips(chance, flows, faults, length)
    stalls = _stalls(chance, clock, length)
    archive: Archive = chance.choice(("known", "unknown")) if chance.random() < 0.1 else ""
    accept: tuple[Acceptance, ...] = ()
    if faults and chance.random() < 0.12:
        accept = (Acceptance(chance.choice(faults).node, ()),)
    return Story(
        noise=chance.getrandbits(48),
        **parts._asdict(),
        faults=faults,
        slips=slips,
        length=length,
        settle=320.0,
        stalls=stalls,
        accept=accept,
        archive=archive,
        unread=chance.random() < 0.06,
    )


class _Parts(NamedTuple):
    """What a tier is made of."""

    kind: Kind
    name_servers: tuple[str, ...]
    clock: float
    hubs: tuple[str, ...]
    edges: tuple[str, ...]
    balancers: tuple[Balancer, ...]
    exchangers: tuple[Mx, ...]
    flows: tuple[Flow, ...]

    @property
    def slowest(self) -> float:
        """Attempts a second of the flow that has the fewest."""
        return min(flow.rate for flow in self.flows)

    @property
    def allowed(self) -> float:
        """For how long attempts of any flow may fail."""
        return max(flow.promise.degraded_s for flow in self.flows)


def _parts(chance: random.Random) -> _Parts:
    kind: Kind = chance.choice(["vip", "vip", "vip", "mx"])
    name_servers = ("ns1",) if chance.random() < 0.6 else ("ns1", "ns2")
    clock = chance.choice([10.0, 10.0, 20.0])
    hubs = tuple(f"ht{number}" for number in range(1, chance.choice([1, 2, 3, 3, 4]) + 1))
    if kind == "vip":
        hubs = hubs if len(hubs) > 1 or chance.random() < 0.15 else ("ht1", "ht2")
        balancers = _balancers(chance, hubs)
        flows = _flows_by_vip(chance, balancers)
        return _Parts(kind, name_servers, clock, hubs, (), balancers, (), flows)
    edges = tuple(f"edge{number}" for number in range(1, chance.choice([2, 3, 4]) + 1))
    exchangers = _exchangers(chance, edges)
    flows = _flows_by_mx(chance, exchangers)
    return _Parts(kind, name_servers, clock, hubs[:2], edges, (), exchangers, flows)


def _stalls(chance: random.Random, clock: float, length: float) -> tuple[float, ...]:
    """None, a few, or one after the other: a machine that is a little busy all the time."""
    lot = chance.random()
    if lot < 0.9:
        return ()
    if lot < 0.95:
        return tuple(sorted(round(chance.uniform(1.0, length - 4.0), 2) for _ in range(3)))
    step = 0.24 * clock
    return tuple(round(number * step, 2) for number in range(int((length - 4.0) / step)))


def _check(chance: random.Random) -> HealthCheck:
    return HealthCheck(
        kind=chance.choice(["none", "tcp", "smtp", "smtp", "mail", "mail"]),
        interval=chance.choice([1.0, 1.0, 2.0, 5.0]),
        timeout=chance.choice([0.5, 1.0, 2.0]),
        fall=chance.choice([1, 2, 3]),
        rise=chance.choice([1, 2]),
    )


def _balancers(chance: random.Random, hubs: tuple[str, ...]) -> tuple[Balancer, ...]:
    found = []
    for number in range(1, chance.choice([1, 1, 2]) + 1):
        stuck: Literal["", "green", "down", "rare"] = (
            "" if chance.random() < 0.8 else (chance.choice(("green", "down", "rare")))
        )
        found.append(
            Balancer(
                name=f"lb{number}",
                vip=f"vip{number}",
                backends=hubs,
                check=_check(chance),
                redispatch=chance.random() < 0.4,
                stuck=stuck,
            )
        )
    return tuple(found)


def _promise(chance: random.Random) -> Promise:
    gap = chance.choice([6.0, 8.0, 10.0, 15.0, 20.0, 20.0, 25.0])
    return Promise(
        gap=gap,
        degraded=chance.choice([None, None, 5.0, 12.0]),
        deferral=chance.random() < 0.25,
        duplicated=chance.choice([None, 0]),
    )


def _flows_by_vip(chance: random.Random, balancers: tuple[Balancer, ...]) -> tuple[Flow, ...]:
    found = []
    for number in range(1, chance.choice([1, 1, 2]) + 1):
        found.append(
            Flow(
                name=f"flow{number}",
                sender=f"app{number}",
                persona="single_host",
                port=25 if number == 1 else chance.choice([25, 587]),
                rate=chance.choice([20.0, 30.0, 40.0]),
                promise=_promise(chance),
                balancer=chance.choice(balancers).name,
            )
        )
    return tuple(found)


def _exchangers(chance: random.Random, edges: tuple[str, ...]) -> tuple[Mx, ...]:
    two = len(edges) > 2 and chance.random() < 0.5
    groups = [edges[:2], *((edge,) for edge in edges[2:])] if two else [(edge,) for edge in edges]
    backup = chance.random() < 0.25
    return tuple(
        Mx(f"mx{number}.contoso.com", 20 if backup and number == len(groups) else 10, group)
        for number, group in enumerate(groups, 1)
    )


def _flows_by_mx(chance: random.Random, exchangers: tuple[Mx, ...]) -> tuple[Flow, ...]:
    personas: list[Persona] = chance.choice(
        [["rfc5321"], ["rfc5321"], ["pinned_mx"], ["rfc5321", "pinned_mx"], ["lowest_mx"]]
    )
    found = []
    for number, persona in enumerate(personas, 1):
        promise = _promise(chance)
        pin = chance.choice(exchangers).host if persona == "pinned_mx" else ""
        found.append(
            Flow(
                f"flow{number}",
                "world",
                persona,
                25,
                chance.choice([30.0, 50.0]),
                promise,
                pin=pin,
                population=chance.choice([1, 20]),
            )
        )
    return tuple(found)


def _faults(chance: random.Random, parts: _Parts) -> tuple[tuple[Fault, ...], float]:
    """One to three, at once or in turn; now and then none at all. And when the last is healed."""
    allowed = parts.allowed
    start = parts.clock * max(1.0, 4 * len(parts.edges or parts.hubs) / parts.slowest)
    found: list[Fault] = []
    end = start
    for _ in range(chance.choice([0, 1, 1, 1, 1, 2, 2, 3])):
        node, text = _aim(chance, parts)
        what, _, phase = text.partition(".")
        duration = chance.choice([2 * allowed, 2 * allowed, 3 * allowed, 1.2 * allowed, 4.0])
        begin = (
            start
            if not found
            else chance.choice(
                [found[-1].start + 1.0, end + 3.0, end + 0.7 * allowed, end + 2 * allowed]
            )
        )
        if chance.random() < 0.07 and what in ("kill", "stop"):
            duration = math.inf
        possible = what == "none" or chance.random() > 0.03
        fault = Fault(
            kind=what,
            node=node,
            start=round(begin, 2),
            duration=round(duration, 2) if duration < math.inf else duration,
            phase=phase,
            works=what != "none" and possible and chance.random() > 0.06,
            possible=possible,
            after="refuses"
            if node in (*parts.hubs, *parts.edges) and chance.random() < 0.05
            else "whole",
        )
        if _clashes(found, fault):
            continue
        found.append(fault)
        end = max(end, fault.start + 2 * allowed if fault.for_good else fault.end)
    return tuple(found), end


def _clashes(found: list[Fault], fault: Fault) -> bool:
    """Whether its node suffers something else meanwhile, or just before: one at a time here."""
    return any(
        each.node == fault.node and each.start < fault.end + 0.5 and fault.start < each.end + 0.5
        for each in found
    ) or any(each.label == fault.label and each.for_good for each in found)


def _aim(chance: random.Random, parts: _Parts) -> tuple[str, str]:
    """What is broken, and how."""
    lot = chance.random()
    if lot < 0.08:
        return "mbx", chance.choice(_OF_A_MAILBOX)
    if lot < 0.11:
        return chance.choice(("mbx", *parts.hubs)), "none"
    if lot < 0.16:
        return chance.choice(parts.name_servers), chance.choice(_OF_A_NAME_SERVER)
    if parts.kind == "mx" and lot < 0.21:
        return chance.choice(parts.hubs), chance.choice(_OF_A_MAILBOX)
    if parts.kind == "vip" and lot < 0.22:
        return chance.choice(parts.balancers).name, chance.choice(_OF_A_BALANCER)
    return chance.choice(parts.edges or parts.hubs), chance.choice(_OF_A_SERVER)


def _length(parts: _Parts, faults: tuple[Fault, ...], healed_at: float) -> float:
    """Long enough after the last heal to see that a node has its share again."""
    back = max([balancer.check.back for balancer in parts.balancers], default=0.0)
    peers = max(2, len(parts.edges or parts.hubs))
    least = 1 / peers / (2 if parts.edges else 4)
    sampling = parts.clock * 1.6 * choices_needed(1 / peers, least) / parts.slowest
    after = max(parts.allowed, back + sampling) if faults else 3 * parts.allowed
    return round(healed_at + after + 2.0, 2)


def _slips(
    chance: random.Random, flows: tuple[Flow, ...], faults: tuple[Fault, ...], length: float
) -> tuple[Slip, ...]:
    if chance.random() < 0.65:
        return ()
    flow, kind = chance.choice(flows), chance.choice(_SLIPS)
    begin = chance.choice([0.0, length / 3, 0.8 * length])
    return (
        Slip(
            kind,
            flow.name,
            round(begin, 2),
            round(begin + length / 3, 2),
            chance.choice([1, 2, 10]),
        ),
    )
