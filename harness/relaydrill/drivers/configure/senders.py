"""Sending hosts: what they can resolve, whom they trust, and how patient they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from relaydrill.drivers.configure.terms import (
    CONNECT_S,
    DNS_ANSWER_S,
    DNS_PORT,
    REPLY_S,
    SMTP_PORT,
    Paths,
    address,
)
from relaydrill.nodes import config
from relaydrill.placement import Placement
from relaydrill.topology import EXIM_RETRIES, Sender, Topology

_KEPT_S: Final = 300.0
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
    names = () if servers else tuple(topology.names)
    targets = [*names, *topology.vips, *topology.nodes]
    hosts: dict[str, tuple[str, ...]] = {
        target: tuple(seat.address for seat in placement.seats_of(topology, target))
        for target in targets
    }
    if node.kind != "fake":
        return _mta(
            node, topology, placement, hosts, {**common, "workdir": paths.workdir(common["name"])}
        )
    load = node.load
    login = placement.credentials
    ports: dict[str, dict[int, int]] = {}
    for seat in placement.seats.values():
        ports.setdefault(seat.address, {}).update(seat.mapped)
    return config.Sender(
        **common,
        hosts=hosts,
        dns=tuple(address(placement.seats[server].endpoint(DNS_PORT)) for server in servers),
        dns_s=DNS_ANSWER_S / topology.clock,
        nodes=_owners(topology, placement),
        cache_s=_KEPT_S / topology.clock,
        near=node.sorts_near,
        shun_s=EXIM_RETRIES.first / topology.clock,
        ports=ports,
        ca=paths.ca,
        login=config.Login(user=login.user, password=login.password),
        connect_s=CONNECT_S / topology.clock,
        reply_s=_SENDER_REPLY_S / topology.clock,
        workers=load.workers if load else 0,
        master=config.Address(address=load.address, port=load.port) if load else None,
    )


def _owners(topology: Topology, placement: Placement) -> dict[str, str]:
    """Whose address is whose."""
    return {placement.seats[name].address: name for name in (*topology.vips, *topology.nodes)}


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
    return config.Mta(
        **common,
        role="sending-postfix" if node.kind == "postfix" else "sending-exim",
        listeners=(
            config.Listener(
                port=SMTP_PORT,
                bind=_HAND_IN,
                connectors=(config.Connector(networks=("127.0.0.0/8",), relay=True),),
            ),
        ),
        domains=(),
        hosts=hosts,
        smart_host=target.to if target and target.to not in topology.zones else "",
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
    )
