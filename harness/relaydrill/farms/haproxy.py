"""haproxy.cfg → farms: its binds, servers and checks, and what of it a topology cannot say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from relaydrill.farms import haproxy_left_out
from relaydrill.farms.parts import (
    CHECKS,
    Backing,
    Balancing,
    Bound,
    Checking,
    CheckKind,
    Farm,
    Remarks,
    in_use,
    logical_port,
    plain_host,
    with_ports_where_shared,
)
from relaydrill.marks import Mark, show
from relaydrill.own_configuration.haproxy import MAIL_PORTS, Haproxy, Proxy, Server
from relaydrill.own_configuration.haproxy.model import seconds
from relaydrill.scalars import LONGEST_S

_MOST_OF_A_TEMPLATE: Final = 16
_LONG_RANGE: Final = 10
_MOST_IN_A_ROW: Final = 100
_SHARES: Final = ("roundrobin", "static-rr", "leastconn")


def farms(haproxy: Haproxy, remarks: Remarks) -> Iterator[Farm]:
    """The farms that mail is passed on to.

    Args:
        haproxy: One HAProxy.
        remarks: What has no place in a topology is added here.
    """
    mail = [*haproxy.mail()]
    for backend in mail:
        servers = _servers(haproxy, backend, remarks)
        if not servers:
            remarks.leave_out(backend.at, f"{backend.title} has no server that is in use")
            continue
        bound = tuple(dict.fromkeys(_bound(haproxy, backend, remarks)))
        yield Farm(
            haproxy.source,
            backend.at,
            backend.title,
            bound,
            tuple(each for each, _ in servers),
            _balancing(haproxy, backend, [each for _, each in servers], remarks),
            _chosen(haproxy, backend),
            _said(backend, servers[0][1]),
        )
    haproxy_left_out.tell(haproxy, mail, remarks)


def _bound(haproxy: Haproxy, backend: Proxy, remarks: Remarks) -> Iterator[Bound]:
    at_servers = {port for each in backend.servers for port in each.place.ports}
    at_server = min(at_servers) if at_servers else None
    for front in haproxy.fronts(backend):
        for bind in front.binds:
            ports: list[int] = [*bind.place.ports[:_LONG_RANGE]]
            if len(bind.place.ports) > _LONG_RANGE:
                ports = [port for port in sorted(MAIL_PORTS) if port in bind.place.ports]
            if not ports:
                remarks.leave_out(bind.at, "no port of mail is bound by a number here")
            for port in ports:
                logical = logical_port(port, at_server)
                if logical != port or (at_server or port) not in (port, logical):
                    why = f"port {port} here and {at_server or port} at the servers are {logical}"
                    remarks.leave_out(bind.at, f"{why} in the topology, which has one for both")
                yield Bound(bind.at, plain_host(bind.place.host), port, logical, front.name)


def _chosen(haproxy: Haproxy, backend: Proxy) -> Mark | None:
    """The line of the condition by which alone clients come to a backend."""
    found: Mark | None = None
    for front in haproxy.fronts(backend):
        default = front.setting("default_backend")
        if front is backend or (default and default.word(1) == backend.name):
            return None
        leading = [at for name, at in front.leads_to if name == backend.name]
        found = found or next(iter(leading), None)
    return found


def _said(backend: Proxy, server: Server) -> dict[str, tuple[Mark, ...]]:
    """The lines that say how a backend shares and checks, as for the first of its servers."""
    source = backend.source_of(server)
    balance, check, again = backend.balance, backend.check, backend.option("redispatch")
    options = [server.lines.get(each) for each in ("check", "track", "inter", "fall", "rise")]
    timeout = backend.timeout("check")
    found = {
        "check": [check.at if check else None, *options, timeout[1] if timeout else None],
        "method": [balance.at if balance else None],
        "redispatch": [again.at if again else None],
        "source": [server.lines.get(server.proxy_protocol), source[1] if source else None],
        "on_marked_down": [server.lines.get("on-marked-down")],
    }
    return {
        setting: tuple(dict.fromkeys(each for each in lines if each))
        for setting, lines in found.items()
    }


def _servers(haproxy: Haproxy, backend: Proxy, remarks: Remarks) -> list[tuple[Backing, Server]]:
    for each in backend.servers:
        if "disabled" in each.options:
            remarks.leave_out(each.at, f"server {each.name} is disabled, and is left out")
    found: list[tuple[Backing, int | None]] = []
    of: dict[str, Server] = {}
    for server in backend.active:
        ports = haproxy.ports(backend, server)
        for name, host in _machines(server, remarks):
            shown = server.place.host + (f":{server.place.first}" if server.place.first else "")
            backup = "backup" in server.options
            of[name] = server
            backing = Backing(server.at, name, host, shown, backup)
            found.append((backing, min(ports, default=None)))
    used = in_use(with_ports_where_shared(found), remarks)
    return [(each, of[each.name]) for each in used]


def _machines(server: Server, remarks: Remarks) -> Iterator[tuple[str, str]]:
    """Name and host of each machine that a line stands for."""
    host = plain_host(server.place.host)
    if not host:
        remarks.leave_out(server.at, "this server has no address, and is left out")
        return
    if server.count == 1:
        yield server.name, host
        return
    most = min(server.count, _MOST_OF_A_TEMPLATE)
    if server.count > most:
        what = f"of {server.count} servers the first {most} stand in the topology"
        remarks.leave_out(server.at, what)
    for number in range(1, most + 1):
        yield f"{server.name}{number}", f"{host} ({number})"


def _balancing(
    haproxy: Haproxy, backend: Proxy, servers: list[Server], remarks: Remarks
) -> Balancing:
    balance = backend.balance
    if balance and balance.word(1) not in _SHARES:
        what = "a topology's balancer gives each connection to the next server, or the idlest"
        remarks.leave_out(balance.at, what)
    hidden = [each for each in servers if _hides(backend, each)]
    if hidden and len(hidden) < len(servers):
        what = f"{hidden[0].name} sees the balancer's address, so all do here"
        remarks.leave_out(hidden[0].at, what)
    shutdown = [each.value("on-marked-down") == "shutdown-sessions" for each in servers]
    retries = backend.setting("retries")
    redispatch = backend.option("redispatch")
    return Balancing(
        check=_check(haproxy, backend, servers, remarks),
        source="snat" if hidden else "proxy",
        method="leastconn" if balance and balance.word(1) == "leastconn" else "roundrobin",
        redispatch=bool(redispatch) and not (retries and retries.word(1) == "0"),
        on_marked_down="shutdown" if all(shutdown) else "keep",
    )


def _hides(backend: Proxy, server: Server) -> bool:
    source = backend.source_of(server)
    return not server.proxy_protocol and not (source and "usesrc" in source[0])


def _check(haproxy: Haproxy, backend: Proxy, servers: list[Server], remarks: Remarks) -> Checking:
    """The weakest of all servers' checks: what a topology says, it says of all of them."""
    each = [(server, _check_of(haproxy, backend, server, remarks)) for server in servers]
    checks = [check for _, check in each]
    weakest = Checking(
        kind=CHECKS[min(CHECKS.index(check.kind) for check in checks)],
        interval=max(check.interval for check in checks),
        timeout=max((check.timeout for check in checks if check.timeout), default=None),
        fall=max(check.fall for check in checks),
        rise=max(check.rise for check in checks),
    )
    for server, check in each:
        if check != checks[0]:
            what = f"{server.name} is checked otherwise than {each[0][0].name}: a topology has one"
            remarks.leave_out(server.at, f"{what} check for all, and the weakest stands there")
    return weakest


def _check_of(
    haproxy: Haproxy, backend: Proxy, server: Server, remarks: Remarks, depth: int = 0
) -> Checking:
    if "track" in server.options:
        found = _tracked(haproxy, backend, server.value("track"))
        if found and depth < len(haproxy.proxies):
            return _check_of(haproxy, *found, remarks, depth + 1)
        what = f"there is no server {show(server.value('track'))} to track: it has no check"
        remarks.leave_out(server.lines["track"], what)
        return Checking()
    if "check" not in server.options:
        return Checking()
    timeout = backend.timeout("check")
    usual = Checking(_kind(backend, remarks))
    interval = seconds(server.value("inter")) or usual.interval
    return replace(
        usual,
        interval=min(interval, LONGEST_S),
        timeout=min(timeout[0], LONGEST_S) if timeout else None,
        fall=_count(server, "fall", usual.fall, remarks),
        rise=_count(server, "rise", usual.rise, remarks),
    )


def _count(server: Server, option: str, usual: int, remarks: Remarks) -> int:
    text = server.value(option)
    if not text:
        return usual
    count = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= count <= _MOST_IN_A_ROW:
        what = f"{option} {show(text)} is no number from 1 to {_MOST_IN_A_ROW}"
        remarks.leave_out(server.lines[option], f"{what}: {usual} stands in the topology")
        return usual
    return count


def _kind(backend: Proxy, remarks: Remarks) -> CheckKind:
    option = backend.check
    said = option.word(1) if option else ""
    if said == "smtpchk":
        return "smtp"
    if option and said != "tcp-check":
        what = f"a topology knows no {said}: the check is a connection there"
        remarks.leave_out(option.at, what)
    if said != "tcp-check" or not any(each.word(1) == "expect" for each in backend.steps):
        return "tcp"
    sends = (" ".join(each.words).upper() for each in backend.steps if "send" in each.word(1))
    return "mail" if any("MAIL FROM" in each for each in sends) else "smtp"


def _tracked(haproxy: Haproxy, backend: Proxy, target: str) -> tuple[Proxy, Server] | None:
    """The server that ``track`` names: ``backend/server``, or one of the same backend."""
    name, slash, server = target.rpartition("/")
    for proxy in haproxy.proxies:
        if proxy.name == name if slash else proxy is backend:
            for each in proxy.servers:
                if each.name == server:
                    return proxy, each
    return None
