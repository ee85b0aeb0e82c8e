"""Whether the own files of several balancers say the same of what they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from relaydrill.marks import Mark, Mistake
from relaydrill.verbatim.fitting import Fitted


def differences(found: Sequence[Fitted]) -> Iterator[Mistake]:
    """A node has one address, a port of the design one real port, and an address one host.

    Args:
        found: How each file fits; what is wrong within one is told by that.
    """
    for number, file in enumerate(found):
        for other in found[:number]:
            yield from _between(file, other)


def _between(file: Fitted, other: Fitted) -> Iterator[Mistake]:
    """What one file says otherwise than another."""
    hosts = {address: host for host, address in other.addresses.items()}
    for host, address in file.addresses.items():
        first = other.addresses.get(host, address)
        if first != address:
            what = f"{host} is at {address} here, and at {first} in {_name(other)}"
            yield Mistake(_at(file, host), what, "one address of each node")
        if host not in other.addresses and address in hosts:
            what = f"{host} is at {address} here, as {hosts[address]} is in {_name(other)}"
            yield Mistake(_at(file, host), what, "an address of its own")
    for host, ports in file.ports.items():
        for logical, real in ports.items():
            was = other.ports.get(host, {}).get(logical, real)
            if was != real:
                what = f"port {logical} of {host} is {real} here, and {was} in {_name(other)}"
                yield Mistake(_at(file, host), what, "one port of each host for each port of a VIP")


def _at(file: Fitted, node: str) -> Mark:
    """The line of a node's server; the file, where it has none."""
    for proxy in file.haproxy.proxies:
        for server in proxy.servers:
            if node in file.servers.get((proxy.name, server.name), ()):
                return server.at
    return Mark(_name(file), 0)


def _name(file: Fitted) -> str:
    return file.haproxy.texts[0].path
