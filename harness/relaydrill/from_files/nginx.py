"""nginx.conf → farms: the servers of its stream block and their upstreams."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from relaydrill.farms.parts import (
    Backing,
    Balancing,
    Bound,
    Farm,
    Remarks,
    in_use,
    logical_port,
    plain_host,
    with_ports_where_shared,
)
from relaydrill.marks import Mark
from relaydrill.own_configuration.nginx import Nginx, Passing, Peer

_ADDRESS: Final = re.compile(r"(?:(?P<host>\[[^\]]*\]|[^:\[\]]*):)?(?P<first>\d{1,5})(?:-\d{1,5})?")
_UNTOLD: Final = {
    "proxy_timeout": "a topology's balancer ends no silent session",
    "proxy_connect_timeout": "a topology's balancer tries to connect for 5 s",
    "proxy_next_upstream_tries": "a topology's balancer tries another server once",
    "proxy_next_upstream_timeout": "a topology's balancer tries another server once",
    "limit_conn": "a topology's balancer has no limit of sessions",
    "allow": "a topology's balancer refuses nobody",
    "deny": "a topology's balancer refuses nobody",
    "ssl_preread": "a topology's balancer looks at no session",
}
_METHODS: Final = ("hash", "ip_hash", "random", "least_time")
_OF_PEERS: Final = ("weight", "max_conns", "slow_start", "max_fails", "fail_timeout")


def farms(nginx: Nginx, remarks: Remarks) -> Iterator[Farm]:
    """The farms that mail is passed on to.

    Args:
        nginx: One nginx.
        remarks: What has no place in a topology is added here.
    """
    for each in nginx.mail():
        servers = in_use(with_ports_where_shared([*_servers(each, remarks)]), remarks)
        if not servers:
            remarks.leave_out(each.block.at, f"{each.title} has no server with an address")
            continue
        yield Farm(
            nginx.source,
            each.block.at,
            each.title,
            tuple(dict.fromkeys(_bound(each, remarks))),
            servers,
            _balancing(each, remarks),
            said=_said(each),
        )
        _tell(each, remarks)


def _said(each: Passing) -> dict[str, tuple[Mark, ...]]:
    """The lines that say how servers share."""
    found = {
        "method": [each.to.last("least_conn") if each.to else None],
        "redispatch": [each.setting("proxy_next_upstream")],
        "source": [each.setting("proxy_protocol"), each.setting("proxy_bind")],
    }
    return {key: tuple(one.at for one in lines if one) for key, lines in found.items()}


def _place(text: str) -> tuple[str, int] | None:
    found = None if text.startswith("unix:") else _ADDRESS.fullmatch(text)
    if not found or not 0 < int(found["first"]) < 65536:
        return None
    return plain_host(found["host"] or ""), int(found["first"])


def _bound(each: Passing, remarks: Remarks) -> Iterator[Bound]:
    at_servers = [place[1] for peer in each.peers if (place := _place(peer.address))]
    for listen in each.block.all("listen"):
        place = _place(listen.word(1))
        if place is None:
            remarks.leave_out(listen.at, "no port is bound by a number here")
            continue
        host, port = place
        logical = logical_port(port, min(at_servers, default=None))
        if {port, *at_servers} != {logical}:
            others = ", ".join(str(each) for each in sorted({*at_servers}))
            what = f"port {port} here and {others} at the servers are {logical} in the topology"
            remarks.leave_out(listen.at, f"{what}, which has one for both")
        front = each.target if each.to else "mail"
        yield Bound(listen.at, host, port, logical, front)


def _servers(each: Passing, remarks: Remarks) -> Iterator[tuple[Backing, int | None]]:
    for peer in each.peers:
        place = _place(peer.address)
        host, port = place or (plain_host(peer.address), None)
        if not host or "unix:" in host or "$" in host:
            remarks.leave_out(peer.at, "this server has no address, and is left out")
            continue
        name = f"{each.target}-{host}" if each.to and host[:1].isdigit() else host
        yield Backing(peer.at, name, host, peer.address, "backup" in peer.options), port


def _balancing(each: Passing, remarks: Remarks) -> Balancing:
    proxy = each.setting("proxy_protocol")
    source = each.setting("proxy_bind")
    keeps = (proxy and proxy.word(1) == "on") or (source and "transparent" in source.words)
    onwards = each.setting("proxy_next_upstream")
    least = bool(each.to and each.to.last("least_conn"))
    for method in _METHODS:
        if each.to and (found := each.to.last(method)):
            remarks.leave_out(found.at, "a topology's balancer gives connections in turn")
    return Balancing(
        source="proxy" if keeps else "snat",
        method="leastconn" if least else "roundrobin",
        redispatch=not (onwards and onwards.word(1) == "off"),
    )


def _tell(each: Passing, remarks: Remarks) -> None:
    for keyword, why in _UNTOLD.items():
        if found := each.setting(keyword):
            remarks.leave_out(found.at, why)
    weights = {peer.value("weight") or "1" for peer in each.peers}
    for peer in each.peers:
        told = [option for option in _OF_PEERS if peer.value(option)]
        if len(weights) == 1 and "weight" in told:
            told.remove("weight")
        if told:
            remarks.leave_out(peer.at, f"no topology holds {', '.join(told)} of a server")
    _passive(each.peers, remarks)


def _passive(peers: tuple[Peer, ...], remarks: Remarks) -> None:
    what = "nginx passes a server over once sessions to it have failed, and checks none: kind: none"
    if len(peers) > 1:
        remarks.leave_out(peers[0].at, f"{what} and redispatch are the nearest in a topology")
