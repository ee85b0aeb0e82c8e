"""Which server of a haproxy.cfg is which node, which bind is which VIP, and where they sit then."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from relaydrill.farms.parts import EVERYWHERE, is_address, logical_port, plain_host
from relaydrill.marks import Mark, Mistake
from relaydrill.own_configuration import haproxy
from relaydrill.own_configuration.haproxy import Bind, Haproxy, Proxy, Server, Statement
from relaydrill.own_configuration.haproxy.reading import place_of
from relaydrill.own_configuration.text import text_of
from relaydrill.scalars import is_reachable_ipv4
from relaydrill.sentences import listed
from relaydrill.topology import Balancer, Topology
from relaydrill.topology.naming import led_to
from relaydrill.verbatim.declared import as_declared

_MOST_PORTS: Final = 64
_DNS_PORT: Final = 53
_PORTS: Final = 1 << 16


def haproxy_of(balancer: Balancer) -> Haproxy:
    """What a balancer's own files say; it has some."""
    assert balancer.config
    texts = [text_of(each.text.encode(), each.path) for each in balancer.config]
    return haproxy.read(texts, "+".join(each.path for each in balancer.config))


@dataclass(frozen=True)
class Fitted:
    """A balancer's own files beside the design.

    Attributes:
        balancer: Its name.
        haproxy: What the files say.
        addresses: Of nodes and VIPs, as the files or the design have them.
        ports: The real port of each logical one, by node or VIP.
        farms: The logical ports that each section with servers takes mail for.
        servers: The nodes that each server is, by the names of its section and its own.
        own: Addresses that the machine must have besides its VIPs, in the order of the files.
        names: What host names in the files lead to.
        mistakes: What does not fit.
    """

    balancer: str
    haproxy: Haproxy
    addresses: Mapping[str, str]
    ports: Mapping[str, Mapping[int, int]]
    farms: Mapping[str, tuple[int, ...]]
    servers: Mapping[tuple[str, str], tuple[str, ...]]
    own: tuple[str, ...]
    names: Mapping[str, tuple[str, ...]]
    mistakes: tuple[Mistake, ...]


def fit(topology: Topology, name: str) -> Fitted:
    """How a balancer's own files and the design fit together.

    Args:
        topology: The design.
        name: A balancer with ``config``.
    """
    work = _Fitting(topology, name, haproxy_of(topology.balancers[name]))
    work.run()
    return Fitted(
        balancer=name,
        haproxy=work.haproxy,
        addresses=work.addresses,
        ports=work.ports,
        farms={proxy: tuple(sorted(ports)) for proxy, ports in work.farms.items()},
        servers=work.servers,
        own=tuple(work.own),
        names=work.names,
        mistakes=tuple(work.mistakes),
    )


@dataclass
class _Fitting:
    """The work on one balancer."""

    topology: Topology
    name: str
    haproxy: Haproxy
    addresses: dict[str, str] = field(default_factory=dict)
    ports: dict[str, dict[int, int]] = field(default_factory=dict)
    farms: dict[str, set[int]] = field(default_factory=dict)
    servers: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    own: dict[str, None] = field(default_factory=dict)
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    off: dict[int, Mark] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    @property
    def balancer(self) -> Balancer:
        """The design of it."""
        return self.topology.balancers[self.name]

    @property
    def whole(self) -> Mark:
        """The file, where no line fits."""
        return Mark(self.haproxy.texts[0].path, 0)

    def wrong(self, at: Mark, what: str, allowed: str = "") -> None:
        """Note a mistake."""
        self.mistakes.append(Mistake(at, what, allowed))

    def give(self, host: str, address: str, at: Mark) -> None:
        """Have a node or a VIP at an address, which nobody else has."""
        self._refuse_taken(address, at, {self.name})
        self.addresses[host] = address

    def hold(self, address: str, at: Mark) -> None:
        """Have the balancer hold an address besides those of its VIPs."""
        mine = {self.name, *self.balancer.vips}
        self._refuse_taken(address, at, mine)
        if all(self.addresses.get(each) != address for each in mine):
            self.own[address] = None

    def _refuse_taken(self, address: str, at: Mark, sharing: Collection[str]) -> None:
        for other, its in self.addresses.items():
            if its == address and other not in sharing:
                self.wrong(at, f"{address} is the address of {other}", "an address of its own")
                return

    def run(self) -> None:
        """Look at all of it."""
        self._whole_files()
        hosts = [*self.topology.nodes.items()]
        self.addresses |= {name: node.address for name, node in hosts if node.address}
        vips = ((vip, rule) for vip, (_, rule) in self.topology.vips.items())
        self.addresses |= {vip: rule.address for vip, rule in vips if rule.address}
        for backend in self.haproxy.mail():
            self._farm(backend)
        self._sources()
        self._other_binds()
        self._whole_vips()
        self._whole_backends()
        for resolvers in self._resolvers_in_use():
            self._resolvers(resolvers)
        farms = frozenset(self.farms)
        self.mistakes += as_declared(self.haproxy, self.balancer, self.name, farms)

    def _farm(self, backend: Proxy) -> None:
        """A section that passes mail on: its binds, then its servers."""
        written = {port for each in backend.servers for port in each.place.ports}
        shifts: dict[int, int] = {}
        for front in self.haproxy.fronts(backend):
            off = backend.disabled or front.disabled
            for bind in front.binds:
                if off:
                    self.off |= dict.fromkeys(bind.place.ports[:_MOST_PORTS], off.at)
                else:
                    shifts |= dict(self._bind(bind, front.binds, min(written, default=None)))
        if not shifts:
            return  # it serves none of the design's VIPs
        self.farms.setdefault(backend.name, set()).update(shifts)
        for server in backend.active:
            nodes = self._nodes_of(backend, server)
            self.servers[backend.name, server.name] = tuple(nodes)
            for node in nodes:
                for logical, bound in shifts.items():
                    real = _port_at(server, bound)
                    if 0 < real < _PORTS:
                        self._port(node, logical, real, server.at)
                    else:
                        what = f"server {server.name} gets what comes to {bound} at port {real}"
                        self.wrong(server.at, what, "a port from 1 to 65535")

    def _bind(
        self, bind: Bind, beside: Collection[Bind], at_server: int | None
    ) -> Iterator[tuple[int, int]]:
        """The logical ports that a bind is for, each with the real one."""
        vips = self.balancer.vips
        for real in bind.place.ports[:_MOST_PORTS]:
            there = {port for rule in vips.values() for port in rule.ports}
            logical = real if real in there else logical_port(real, at_server)
            with_it = [vip for vip, rule in vips.items() if logical in rule.ports]
            if not with_it or (logical != real and _is_bound(beside, bind.place.host, logical)):
                continue  # nobody comes there, or it is a second way to what has its own port, too
            for vip in self._vips_at(bind, with_it):
                self._port(vip, logical, real, bind.at)
            yield logical, real

    def _vips_at(self, bind: Bind, vips: list[str]) -> list[str]:
        """Those of some VIPs that a bind answers for."""
        host = plain_host(bind.place.host)
        if host in EVERYWHERE and "v6only" not in bind.words:
            return vips
        if host in EVERYWHERE:
            self.wrong(bind.at, "v6only: a lab's senders come by IPv4", "a bind without v6only")
            return []
        if not is_address(host) or ipaddress.ip_address(host).version == 6:
            self.wrong(bind.at, f"a lab cannot give a balancer {host}", "an IPv4 address")
            return []
        if ipaddress.ip_address(host).is_loopback:
            what = f"{host} is reached on its own machine alone: no sender of the lab comes there"
            self.wrong(
                bind.at, what, f"the address of a VIP, or of every interface (:{bind.place.first})"
            )
            return []
        at_it = [vip for vip in vips if self.addresses.get(vip) == host]
        free = [vip for vip in vips if vip not in self.addresses]
        if not at_it and len(free) == 1:
            self.give(free[0], host, bind.at)
            return free
        if not at_it and len(free) > 1:
            what = f"{listed(free)} of {self.name} have this port, and none says that it is {host}"
            self.wrong(bind.at, what, f"address: {host} at one of these VIPs")
        if not at_it:
            self.hold(host, bind.at)
        return at_it

    def _port(self, host: str, logical: int, real: int, at: Mark) -> None:
        """Note which port of a host stands for a logical one."""
        was = self.ports.setdefault(host, {}).setdefault(logical, real)
        if was != real:
            what = f"port {logical} of {host} is {real} here, and {was} in another line"
            self.wrong(at, what, "one port of each host for each port of a VIP")

    def _nodes_of(self, backend: Proxy, server: Server) -> list[str]:
        """The nodes that a server is: several, where a name has several addresses."""
        place = server.place
        found = self._at(place.host, server.name, server.at, f"server {server.name}")
        if found is None:
            # One that only stands in for all the others is down in a lab that has it not.
            spare = "backup" in server.options and backend.size > 1
            if not spare:
                what = f"server {server.name}: no node of the topology is at {place.host or 'it'}"
                hub = f"a hub with address: {place.host}"
                named = f"names: with {place.host}, which leads to hubs"
                self.wrong(server.at, what, named if place.is_name else hub)
            return []
        strangers = [each for each in found if each not in self.balancer.backends]
        if strangers and "backup" not in server.options:
            what = f"server {server.name} is {listed(strangers)}, no backend of {self.name}"
            allowed = f"backends: [{', '.join((*self.balancer.backends, *strangers))}]"
            self.wrong(server.at, what, allowed)
        return found

    def _at(self, written: str, called: str, at: Mark, what: str) -> list[str] | None:
        """The nodes at an address or a name; None if there are none."""
        host = plain_host(written)
        if not is_address(host):
            return self._named(host)
        if ipaddress.ip_address(host).version == 6:
            self.wrong(at, f"{what} is at an IPv6 address, which no lab gives", "an IPv4 address")
            return []
        if not is_reachable_ipv4(host):
            wanted = "an address at which a machine of its own can be"
            self.wrong(at, f"{what} is at {host}, where no other machine is", wanted)
            return []
        there = [node for node in self.topology.nodes if self.addresses.get(node) == host]
        if there:
            return there
        node = called.lower()
        if node in self.topology.nodes and node not in self.addresses:
            self.give(node, host, at)
            return [node]
        return None

    def _named(self, host: str) -> list[str] | None:
        """The nodes that a host name leads to, as DNS and the hosts file of a lab have it."""
        first, _, domain = host.partition(".")
        topology = self.topology
        found = led_to(topology, host)
        if first in topology.nodes and (not domain or domain in topology.domains):
            found = (first,)
        nodes = [each for each in found if each in topology.nodes]
        if nodes:
            self.names[host] = tuple(nodes)
        return nodes or None

    def _sources(self) -> None:
        """The addresses from which it connects."""
        for backend in self.haproxy.mail():
            for server in backend.active:
                source = backend.source_of(server)
                if source is None:
                    continue
                words, at = source
                if "usesrc" in words:
                    what = "usesrc wants the servers' answers to come back by the balancer"
                    self.wrong(at, f"{what}, which no lab arranges", "source without usesrc")
                host = plain_host(words[0].rpartition(":")[0] or words[0]) if words else ""
                if is_address(host) and host not in EVERYWHERE:
                    self.hold(host, at)

    def _other_binds(self) -> None:
        """The addresses of what is no design's mail: HAProxy does not start without them."""
        for proxy in self.haproxy.proxies:
            for bind in proxy.binds:
                if is_reachable_ipv4(host := plain_host(bind.place.host)):
                    self.hold(host, bind.at)

    def _whole_files(self) -> None:
        """HAProxy takes a last line without an end for a file that was cut off."""
        for each in self.balancer.config or ():
            last = Mark(each.path, max(1, each.text.count("\n") + 1))
            if not each.text.strip():
                self.wrong(Mark(each.path, 0), "the file is empty", "a section that takes mail")
            elif not each.text.endswith("\n"):
                what = "the last line has no end, as in a file that was cut off"
                self.wrong(last, what, "a line end; HAProxy does not start without")

    def _whole_vips(self) -> None:
        for vip, rule in self.balancer.vips.items():
            for port in rule.ports:
                if port in self.ports.get(vip, {}):
                    continue
                if at := self.off.get(port):
                    what = f"disabled: nobody is served at port {port} of {vip}"
                    self.wrong(at, what, f"no disabled, or ports of {vip} without {port}")
                else:
                    what = f"nothing here takes mail at port {port} of {vip}, which {self.name} has"
                    self.wrong(self.whole, what, f"bind, or ports of {vip} without {port}")

    def _whole_backends(self) -> None:
        led = {node for nodes in self.servers.values() for node in nodes}
        missing = [each for each in self.balancer.backends if each not in led]
        if missing and self.farms:
            what = f"no server here is {listed(missing)}, which {self.name} has among its backends"
            self.wrong(self.whole, what, "a server with the address or the name of each")
        elif not missing:
            self._every_port_has_all()

    def _every_port_has_all(self) -> None:
        """A design has the same servers behind every port of a balancer."""
        for port in sorted({port for ports in self.farms.values() for port in ports}):
            at_it = [each for each in self.haproxy.proxies if port in self.farms.get(each.name, ())]
            led = {node for each in at_it for node in self._led_by(each)}
            if without := [each for each in self.balancer.backends if each not in led]:
                what = f"port {port} leads to no server that is {listed(without)}"
                allowed = "a topology for each port whose servers are others"
                self.wrong(next(each.at for each in at_it if each.servers), what, allowed)

    def _led_by(self, proxy: Proxy) -> Iterator[str]:
        for server in proxy.servers:
            yield from self.servers.get((proxy.name, server.name), ())

    def _resolvers_in_use(self) -> set[str]:
        backends = [each for each in self.haproxy.mail() if each.name in self.farms]
        servers = (server for backend in backends for server in backend.active)
        return {server.value("resolvers") for server in servers} - {""}

    def _resolvers(self, name: str) -> None:
        """The name servers of a resolvers section are nodes, at port 53."""
        for section in self.haproxy.sections:
            if section.kind == "resolvers" and section.name == name:
                for line in section.statements:
                    self._resolver(line)

    def _resolver(self, line: Statement) -> None:
        if line.keyword == "parse-resolv-conf":
            what = "a lab has no name servers but its own: /etc/resolv.conf names none of them"
            self.wrong(line.at, what, "nameserver NAME ADDRESS:53")
        elif line.keyword == "nameserver":
            place = place_of(line.word(2))
            host = place.host if place else line.word(2)
            found = self._at(host, line.word(1), line.at, f"nameserver {line.word(1)}")
            if found is None or any(node not in self.topology.name_servers for node in found):
                what = f"no name server of the topology is at {host or 'it'}"
                self.wrong(line.at, what, f"a node with role: dns and address: {host}")
            elif place and place.first not in (None, _DNS_PORT):
                self.wrong(line.at, "a lab's name servers answer at port 53", f"{host}:53")


def _is_bound(binds: Collection[Bind], host: str, port: int) -> bool:
    """Whether one of some binds takes what comes to a port of a host."""
    return any(
        port in each.place.ports and each.place.host in (host, *EVERYWHERE) for each in binds
    )


def _port_at(server: Server, bound: int) -> int:
    """The port at which a server gets what came in at a port."""
    place = server.place
    if place.relative:
        return bound + (place.first or 0)
    return place.first or bound
