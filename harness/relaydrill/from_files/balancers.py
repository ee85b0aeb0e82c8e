"""Farms, and who holds which address → balancers with their VIPs, and their second machines.

A topology's balancer has one list of servers and one way to share and check. What one program does
otherwise for other servers is a balancer of its own there; those of one machine are one site, so
that an audit breaks them together, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from relaydrill.farms.parts import (
    EVERYWHERE,
    RELAYING,
    Backing,
    Balancing,
    Bound,
    Checking,
    Farm,
)
from relaydrill.from_files.draft import ASSUMED, BalancerNode, Draft, Pair, Vip
from relaydrill.from_files.keepalived import Held

_NO_OTHER_FILE: Final = "the other machine's file was not given; take this out if there is none"
_USUAL: Final = Balancing(check=Checking(kind="smtp"), source="proxy")


@dataclass
class _Group:
    """What becomes one balancer."""

    farm: Farm
    backends: tuple[str, ...]
    machines: tuple[str, ...]
    held: Held | None
    vips: dict[str, Vip] = field(default_factory=dict)


def put_balancers(draft: Draft, farms: Sequence[Farm], held: Mapping[str, Held]) -> None:
    """Add the balancers, their servers and VIPs.

    Args:
        draft: They are added here.
        farms: Of all programs.
        held: Every virtual address that VRRP moves.
    """
    kept, twice = _each_once(draft, farms, held)
    kept = kept or [*_assumed(held)]
    groups: dict[object, _Group] = {}
    claimed: dict[tuple[str, str, int], Farm] = {}
    for farm in sorted(kept, key=lambda each: each.chosen is not None):
        hubs = (draft.hub(each.host, each.name, _hub_remark(each)) for each in farm.servers)
        backends = tuple(dict.fromkeys(hubs))
        for address, bound, holding in _places(draft, farm, held):
            machines = holding.machines if holding else (farm.machine,)
            timing = (holding.advert, holding.preempt) if holding else ()
            key = (machines, timing, backends, farm.balancing)
            group = groups.setdefault(key, _Group(farm, backends, machines, holding))
            owner = claimed.setdefault((machines[0], address, bound.real), farm)
            _bind(draft, group, farm, bound, address, owner)
    told = {vip.address for group in groups.values() for vip in group.vips.values()}
    for address, holding in held.items():
        if address not in told:
            draft.remarks.leave_out(holding.at, f"nothing listens for mail at {address} here")
    for number, each in enumerate(groups.values(), 1):
        draft.balancers.append(_balancer(draft, each, number, twice))
    _put_into_sites(draft, [*groups.values()])


def _hub_remark(server: Backing) -> str:
    return server.shown if server.shown.startswith(ASSUMED) else f"{server.at}: {server.shown}"


def _each_once(
    draft: Draft, farms: Sequence[Farm], held: Mapping[str, Held]
) -> tuple[list[Farm], set[str]]:
    """The farms without those of a second machine, and the machines that have a second one."""
    kept: list[Farm] = []
    twice: set[str] = set()
    for farm in farms:
        first = next((each for each in kept if _is_second(each, farm, held)), None)
        if first is None:
            kept.append(farm)
            continue
        twice.add(first.machine)
        if first.balancing != farm.balancing:
            what = f"{farm.title} is not as at {first.at}, which stands in the topology for both"
            draft.remarks.leave_out(farm.at, what)
    return kept, twice


def _is_second(first: Farm, other: Farm, held: Mapping[str, Held]) -> bool:
    """Whether a farm is that of another machine for the same addresses."""
    places = [{(each.host, each.real) for each in farm.bound} for farm in (first, other)]
    servers = [{each.host for each in farm.servers} for farm in (first, other)]
    floating = held or any(host not in EVERYWHERE for host, _ in places[0])
    same = places[0] == places[1] and servers[0] == servers[1]
    return first.machine != other.machine and same and bool(floating)


def _assumed(held: Mapping[str, Held]) -> Iterator[Farm]:
    """Two servers behind the addresses of a balancer whose own configuration was not given."""
    for each in held.values():
        bound = Bound(each.at, each.address, RELAYING, RELAYING, "mail")
        servers = tuple(
            Backing(each.at, name, name, f"{ASSUMED}: no file names the servers")
            for name in ("hub1", "hub2")
        )
        yield Farm(each.machines[0], each.at, "", (bound,), servers, _USUAL)


def _places(
    draft: Draft, farm: Farm, held: Mapping[str, Held]
) -> Iterator[tuple[str, Bound, Held | None]]:
    """Each address and port where clients come to a farm."""
    bound = farm.bound or (Bound(farm.at, "", RELAYING, RELAYING, ""),)
    floating = [address for address in held if ":" not in address] or [*held]
    has_ipv4 = any(not each.is_ipv6 for each in bound)
    told: set[tuple[str, int]] = set()
    for each in bound:
        if each.is_ipv6 and has_ipv4:
            what = f"{each.host}: a topology says ip: dual at the balancer, where that is wanted"
            draft.remarks.leave_out(each.at, what)
            continue
        everywhere = each.host in EVERYWHERE
        for address in (floating or [""]) if everywhere else [each.host]:
            if (address, each.real) not in told:
                told.add((address, each.real))
                yield address, each, held.get(address)


def _bind(draft: Draft, group: _Group, farm: Farm, bound: Bound, address: str, owner: Farm) -> None:
    """Add a place to the VIP of its address, or to one of its own if another farm has it."""
    remark = f"{bound.at}: {address or 'any address'}:{bound.real}"
    if not farm.bound:
        remark = f"{ASSUMED}: no file says where clients of {farm.title} come in"
    key = address
    if owner is not farm and owner.title != farm.title:
        mark = farm.chosen or bound.at
        key = f"{address} by {farm.title}"
        remark = f"{ASSUMED}: whom {mark} leads here has an address of its own; {remark}"
    vip = group.vips.get(key)
    if vip is None:
        wanted = (farm.title.split()[-1:] or ["mail"])[0] if key != address else bound.front
        wanted = wanted or "mail"
        name = draft.names.take(f"{wanted}-vip" if wanted in draft.names.taken else wanted, "vip")
        vip = Vip(name, address if key == address else "", [], {}, remark)
        group.vips[key] = vip
    elif str(bound.at) not in vip.remark:
        vip.remark += f", {bound.at}: port {bound.real}"
    vip.real[bound.real] = bound.port
    if bound.port not in vip.ports:
        vip.ports.append(bound.port)


def _balancer(draft: Draft, group: _Group, number: int, twice: set[str]) -> BalancerNode:
    name = draft.names.take(f"lb{number}", "lb")
    title = f" ({group.farm.title})" if group.farm.title else ""
    remark = f"{group.farm.at}{title}"
    if not group.farm.title:
        remark = f"{ASSUMED}: no file says what the balancer does"
    node = BalancerNode(name, group.backends, group.farm.balancing, [*group.vips.values()], remark)
    node.machine = group.farm.machine
    node.said = {setting: ", ".join(map(str, lines)) for setting, lines in group.farm.said.items()}
    held = group.held
    if held is None and group.farm.machine not in twice:
        return node
    standby = draft.names.take(f"{name}-standby", "lb")
    if held is None:
        what = f"{ASSUMED}: two files bind these addresses, and none says how they move"
        node.pair = Pair(standby, what)
    elif len(held.machines) > 1:
        what = f"{held.machines[1]} has the lower priority"
        node.pair = Pair(standby, what, held.advert, held.preempt, by=str(held.at))
    else:
        what = f"{ASSUMED} by {held.at}: {_NO_OTHER_FILE}"
        node.pair = Pair(standby, what, held.advert, held.preempt, by=str(held.at))
    return node


def _put_into_sites(draft: Draft, groups: Sequence[_Group]) -> None:
    """One site for the balancers of one machine, where it has several.

    A machine of standbys alone is none: its loss alone would prove nothing.
    """
    balancers: dict[str, list[BalancerNode]] = {}
    standbys: dict[str, list[Pair]] = {}
    for group, node in zip(groups, draft.balancers, strict=True):
        balancers.setdefault(group.machines[0], []).append(node)
        if node.pair and len(group.machines) > 1:
            standbys.setdefault(group.machines[1], []).append(node.pair)
    shared = [each for each in balancers if len(balancers[each]) + len(standbys.get(each, ())) > 1]
    for number, machine in enumerate(shared, 1):
        site, nodes = draft.names.take(f"machine-{number}", "machine"), balancers[machine]
        for each in (*nodes, *standbys.get(machine, ())):
            each.site = site
            each.remark = f"{each.remark}; {site} is one machine"
