"""Sending hosts: what they can resolve, whom they trust, and how patient they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from relaydrill.drivers.attach.actions import fill
from relaydrill.drivers.configure.terms import (
    CONNECT_S,
    DNS_ANSWER_S,
    DNS_PORT,
    REPLY_S,
    SMTP_PORT,
    Paths,
    address,
)
from relaydrill.kinds import FAKE, exim
from relaydrill.nodes import config
from relaydrill.placement import Placement
from relaydrill.topology import Sender, Topology
from relaydrill.topology.attach import AttachedNode
from relaydrill.topology.naming import domain_of

_KEPT_S: Final = 300.0
_NEXT_ADDRESS_S: Final = 0.25
"""RFC 8305 §8."""
_SENDER_REPLY_S: Final = 60.0
_HAND_IN: Final = config.Address(address="127.0.0.1", port=10025)
_DEAD_HOST_S: Final = 60.0


def sender(
    node: Sender,
    topology: Topology,
    placement: Placement,
    paths: Paths,
    common: Mapping[str, Any],
) -> config.Sender | config.Mta:
    """A sending host, the fake or a real mail server."""
    servers = topology.name_servers_of(common["name"])
    # What a name server serves, a sender has to ask for.
    names = () if servers else (*topology.names, *topology.aliases)
    targets = [*names, *topology.vips, *topology.nodes]
    hosts: dict[str, tuple[str, ...]] = {
        target: tuple(seat.address for seat in placement.seats_of(topology, target))
        for target in targets
    }
    if node.kind != FAKE:
        return _mta(
            node, topology, placement, hosts, {**common, "workdir": paths.workdir(common["name"])}
        )
    load = node.load
    login = placement.credentials
    return config.Sender(
        **common,
        hosts=hosts,
        hosts6=_second_addresses(topology, placement, targets) if common["second_address"] else {},
        dns=tuple(address(placement.seats[server].endpoint(DNS_PORT)) for server in servers),
        dns_s=DNS_ANSWER_S / topology.clock,
        nodes=_owners(topology, placement),
        cache_s=_KEPT_S / topology.clock,
        near=node.sorts_near,
        every_s=_NEXT_ADDRESS_S / topology.clock,
        shun_s=exim.KIND.retries.first / topology.clock,
        ports=_ports(topology, placement),
        ca=paths.ca,
        login=config.Login(user=login.user, password=login.password),
        connect_s=CONNECT_S / topology.clock,
        reply_s=_SENDER_REPLY_S / topology.clock,
        workers=load.workers if load else 0,
        master=config.Address(address=load.address, port=load.port) if load else None,
    )


def _owners(topology: Topology, placement: Placement) -> dict[str, str]:
    """Whose address is whose."""
    targets = [name for name in topology.nodes if name not in topology.senders]
    names = (*topology.senders, *topology.vips, *targets)  # the last of an address has it
    return {address: name for name in names for address in placement.seats[name].addresses}


def _second_addresses(
    topology: Topology, placement: Placement, targets: list[str]
) -> dict[str, tuple[str, ...]]:
    """The IPv6 addresses to which names lead that a sender knows by itself."""
    found = {
        target: tuple(seat.second for seat in placement.seats_of(topology, target) if seat.second)
        for target in targets
    }
    return {target: addresses for target, addresses in found.items() if addresses}


def _ports(topology: Topology, placement: Placement) -> dict[str, dict[int, int]]:
    """The real port of each logical one that differs, by address.

    Where a mailbox or a sender runs at the address of a server of the tier, on a real lab, the
    server's ports count: mail is for it, and would end in the mailbox without having passed it.
    """
    ours = {**topology.senders, **topology.mailboxes, **topology.sinks}
    taken = {seat.address for name, seat in placement.seats.items() if name not in ours}
    ports: dict[str, dict[int, int]] = {}
    for name, seat in placement.seats.items():
        if name not in ours or seat.address not in taken:
            for each in seat.addresses:
                ports.setdefault(each, {}).update(seat.mapped)
    return ports


def _mta(
    node: Sender,
    topology: Topology,
    placement: Placement,
    hosts: dict[str, tuple[str, ...]],
    common: Mapping[str, Any],
) -> config.Mta:
    clock = topology.clock
    target = next((each for each in topology.flows.values() if each.sender == common["name"]), None)
    retries = node.retries
    attached = topology.attach.nodes.get(common["name"]) if topology.attach else None
    bind = _HAND_IN
    if attached:
        bind = config.Address(
            address=attached.address, port=attached.ports.get(SMTP_PORT, SMTP_PORT)
        )
    return config.Mta(
        **common,
        listeners=(
            config.Listener(
                port=SMTP_PORT,
                bind=bind,
                connectors=(config.Connector(networks=("127.0.0.0/8",), relay=True),),
            ),
        ),
        domains=(),
        hosts=hosts,
        smart_host=target.to if target and not domain_of(topology, target.to) else "",
        dns=tuple(
            placement.seats[server].address for server in topology.name_servers_of(common["name"])
        ),
        nodes=_owners(topology, placement),
        port=target.port if target else SMTP_PORT,
        retry_s=retries.first / clock,
        late_retry_s=retries.longest / clock,
        queue_run_s=retries.queue_run / clock,
        dead_host_s=_DEAD_HOST_S / clock,
        connect_s=CONNECT_S / clock,
        reply_s=REPLY_S / clock,
        log=attached.log.file or "" if attached and attached.log else "",
        queue_command=_queue_command(attached, common["name"]),
    )


def _queue_command(attached: AttachedNode | None, name: str) -> tuple[str, ...]:
    """What prints the queue of a mail server that runs already."""
    run = attached.queue.run if attached and attached.queue else None
    words = {"node": name, "address": attached.address if attached else "", "fault": ""}
    return tuple(fill(each, words) for each in run or ())
