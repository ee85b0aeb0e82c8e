"""Addresses and ports for labs made of local processes: one loopback address for each host.

Every 127.x.y.z is usable on Linux without any setup, so each host has its own, with the real ports
25 and 587 where they may be bound, and mapped ones where not. Of IPv6 there is but ``::1``: hosts
with IPv6 have an address of their own in `relaydrill.drivers.local_ipv6`.
"""

from __future__ import annotations

import contextlib
import errno
import random
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from relaydrill.drivers import local_ipv6
from relaydrill.endpoint import family
from relaydrill.errors import LabError
from relaydrill.placement import CONTROL_PORT, Seat

_CLAIM_PORT: Final = 2499
_CLAIM_HOST: Final = 254
_MAPPED_BASE: Final = 10_000
_MAPPED_LAST: Final = 32_767
_MOST_HOSTS: Final = _CLAIM_HOST - 1
_TRIES: Final = 64


@dataclass(frozen=True, slots=True)
class Network:
    """A /24 of the loopback range that one lab has for itself.

    Attributes:
        prefix: ``127.x.y``.
        seats: Address and ports of every host.
        remarks: What a person should know: ports that had to be mapped, and why.
    """

    prefix: str
    seats: dict[str, Seat]
    remarks: tuple[str, ...]


@contextlib.contextmanager
def network(
    hosts: dict[str, frozenset[int]], *, with_ipv6: frozenset[str] = frozenset()
) -> Iterator[Network]:
    """Claim a loopback network for a lab, and seat its hosts.

    The claim is a bound socket: two labs can never get the same network, and the kernel gives it
    back whatever becomes of the claimant.

    Args:
        hosts: Logical service ports by host name, in the order of the addresses.
        with_ipv6: Those that have an IPv6 address as well.

    Raises:
        LabError: IPv6 is wanted, and cannot be had; or no network is free, there are more hosts
            than addresses in one, or this system has no loopback address but 127.0.0.1 (macOS).
    """
    if len(hosts) > _MOST_HOSTS:
        raise LabError(f"{len(hosts)} hosts do not fit on one loopback network of {_MOST_HOSTS}")
    if not _bindable("127.77.77.77", 0):
        raise LabError(
            "this system has no loopback address but 127.0.0.1, and a lab of processes needs one "
            "for each host; run it on Linux, or with --driver docker"
        )
    chance = random.SystemRandom()
    for _ in range(_TRIES):
        prefix = f"127.{chance.randrange(16, 240)}.{chance.randrange(256)}"
        with socket.socket() as claim:
            try:
                claim.bind((f"{prefix}.{_CLAIM_HOST}", _CLAIM_PORT))
            except OSError:
                continue
            numbers = {host: at for at, host in enumerate(hosts, start=1) if host in with_ipv6}
            with local_ipv6.addresses(prefix, numbers, is_claimed=_is_claimed) as second:
                yield _seat(prefix, hosts, second)
            return
    raise LabError(f"no free loopback network in {_TRIES} tries; too many labs at once?")


def _is_claimed(prefix: str) -> bool:
    """Whether a lab has a network now."""
    return bool(_why_not(f"{prefix}.{_CLAIM_HOST}", _CLAIM_PORT))


def _seat(prefix: str, hosts: dict[str, frozenset[int]], second: Mapping[str, str]) -> Network:
    """Give each host its address; ports that cannot be bound here are mapped for all hosts."""
    ports = {CONTROL_PORT: CONTROL_PORT}
    remarks = []
    probes = (f"{prefix}.1", *list(second.values())[:1])
    taken = {CONTROL_PORT}.union(*hosts.values())
    for logical in sorted(frozenset().union(*hosts.values())):
        reason = next(filter(None, (_why_not(probe, logical) for probe in probes)), "")
        ports[logical] = _free_port(probes, logical, taken) if reason else logical
        taken.add(ports[logical])
        if reason:
            remarks.append(f"port {logical} stands on {ports[logical]}: {reason}")
    if _why_not(probes[0], CONTROL_PORT):
        ports[CONTROL_PORT] = _free_port(probes, CONTROL_PORT, taken)
    seats = {
        host: Seat(
            f"{prefix}.{number}",
            {logical: real for logical, real in ports.items() if logical in wanted}
            | {CONTROL_PORT: ports[CONTROL_PORT]},
            second.get(host, ""),
        )
        for number, (host, wanted) in enumerate(hosts.items(), start=1)
    }
    return Network(prefix, seats, tuple(remarks))


def _free_port(addresses: tuple[str, ...], logical: int, taken: set[int]) -> int:
    """A real port for a logical one, like it where that can be; ``taken`` stand for others."""
    # Above 32767 lie the ports that the kernel gives to clients.
    first = min(_MAPPED_BASE + logical, _MAPPED_LAST)
    for port in chain(range(first, _MAPPED_LAST + 1), range(_MAPPED_BASE, first)):
        if port not in taken and all(_bindable(each, port) for each in addresses):
            return port
    raise LabError(f"no free port on {addresses[0]} from {_MAPPED_BASE} to {_MAPPED_LAST}")


def _bindable(address: str, port: int) -> bool:
    return not _why_not(address, port)


def _why_not(address: str, port: int) -> str:
    """Empty if the port can be bound, else the reason."""
    with socket.socket(family(address)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EACCES:
                return "this user may not bind ports below 1024"
            if error.errno == errno.EADDRINUSE:
                return f"another program already listens on port {port} of every address"
            return str(error)
    return ""
