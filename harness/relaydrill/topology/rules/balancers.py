"""Rules of balancers, their VIPs, and the machines that stand by for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.marks import Mistake
from relaydrill.topology.hosts import Balancer, Standby, Vrrp
from relaydrill.topology.rules.draft import Draft, Rule, of_each, one_of


def backends(draft: Draft, name: str, balancer: Balancer) -> Iterator[Mistake]:
    """Each is a hub, and is listed once."""
    hubs = draft.topology.hubs
    for at, backend in enumerate(balancer.backends):
        here = ("nodes", name, "backends", at)
        if backend in hubs and backend in balancer.backends[:at]:
            yield draft.mistake(here, f"{backend!r} is listed twice", "once")
        yield from draft.undeclared(here, "hub", backend, hubs)


def names_of_vips(draft: Draft) -> Iterator[Mistake]:
    """No VIP is called as a node or another VIP is."""
    seen: set[str] = set()
    for name, balancer in draft.topology.balancers.items():
        for vip in balancer.vips:
            if vip in draft.topology.nodes or vip in seen:
                text = f"{vip!r} is already the name of another VIP or node"
                yield draft.mistake(("nodes", name, "vips", vip), text, "a name of its own")
            seen.add(vip)


def stands_by_for_a_balancer(draft: Draft, name: str, standby: Standby) -> Iterator[Mistake]:
    """Each is the only one of a proxy."""
    topology, of = draft.topology, standby.standby_of
    here = ("nodes", name, "standby_of")
    proxies = [each for each in topology.balancers if each not in topology.clusters]
    if of in topology.clusters:
        text = f"{of} is a WNLB cluster: its hosts stand in for each other"
        yield draft.mistake(here, text, one_of(proxies))
        return
    yield from draft.undeclared(here, "balancer", of, proxies)
    first = next(key for key, each in topology.standbys.items() if each.standby_of == of)
    if first != name and of in proxies:
        text = f"{of} has the standby {first} already"
        yield draft.mistake(here, text, "one standby for each balancer")


def speaks_with_somebody(draft: Draft, name: str, balancer: Balancer) -> Iterator[Mistake]:
    """VRRP takes two."""
    draft.ask_for_all("nodes")
    if balancer.vrrp != Vrrp() and name not in draft.topology.pairs:
        text = f"{name} has no standby, and speaks VRRP with nobody"
        allowed = f"a node of role standby with standby_of: {name}"
        yield draft.mistake(("nodes", name, "vrrp"), text, allowed)


def runs_its_own_file(draft: Draft, name: str, balancer: Balancer) -> Iterator[Mistake]:
    """A file that is run as it is keeps its own time, and is one machine's."""
    here = ("nodes", name, "config")
    if balancer.config and balancer.mode != "proxy":
        text = f"a balancer of mode {balancer.mode} reads no configuration file"
        yield draft.mistake(here, text, "mode: proxy")
    if not balancer.runs_own_file:
        return
    if draft.topology.clock != 1:
        text = (
            f"{name} runs its file as it is, with the times that stand there, and clock"
            f" {draft.topology.clock:g} has everything else run faster"
        )
        yield draft.mistake(here, text, "clock: 1, or kind: fake, which reads it for its lines")
    first = next(
        key
        for key, each in draft.topology.balancers.items()
        if each.runs_own_file and each.config == balancer.config
    )
    if first != name:
        text = f"{first} runs this file already, with all that it says"
        yield draft.mistake(here, text, f"one balancer with the backends and VIPs of {first}, too")


def addresses(draft: Draft) -> Iterator[Mistake]:
    """No two hosts have the same address, but a balancer and a VIP of its own."""
    topology = draft.topology
    seen: dict[str, str] = {}
    for name, node in topology.nodes.items():
        if node.address and (other := seen.setdefault(node.address, name)) != name:
            text = f"{node.address} is the address of {other} already"
            yield draft.mistake(("nodes", name, "address"), text, "an address of its own")
    for name, balancer in topology.balancers.items():
        for vip, rule in balancer.vips.items():
            other = seen.setdefault(rule.address, vip) if rule.address else vip
            if other not in (vip, name):
                text = f"{rule.address} is the address of {other} already"
                here = ("nodes", name, "vips", vip, "address")
                yield draft.mistake(here, text, "an address of its own")


RULES: Final[tuple[Rule, ...]] = (
    of_each(lambda topology: topology.balancers, backends, speaks_with_somebody, runs_its_own_file),
    names_of_vips,
    addresses,
    of_each(lambda topology: topology.standbys, stands_by_for_a_balancer),
)
