"""Addresses that a container gives itself: those that a user's own files speak of.

The engine gives a container one address, in a range of its choice. Files speak of others, in ranges
that may be in use around this machine. So each container keeps the engine's, gives itself those
that files have for it, and takes all others of the lab for neighbours on the same bridge. These
ranges are no network's: so no other network is in the way, and several labs may have the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Final

import psutil

from relaydrill.errors import LabError
from relaydrill.nodes import config

_LOOK_S: Final = 0.1
"""How often a container looks whether it was taken off its network and put back: then it has a new
interface, which has only the engine's address."""


def interface_of(address: str) -> str:
    """The network interface that has an address; empty if none has."""
    for name, addresses in psutil.net_if_addrs().items():
        if any(each.address == address for each in addresses):
            return name
    return ""


def commands(network: config.OwnNetwork, interface: str) -> Iterator[str]:
    """What ``ip -batch`` is told, a command a line."""
    for address in network.own:
        yield f"address replace {address}/32 dev {interface}"
    source = f" src {network.own[0]}" if network.own else ""
    for address in network.others:
        yield f"route replace {address}/32 dev {interface}{source}"


def take(network: config.OwnNetwork, interface: str) -> None:
    """Give an interface the addresses, and the ways to the others.

    Raises:
        LabError: The kernel does not take them, or there is no program ``ip``.
    """
    told = "".join(f"{each}\n" for each in commands(network, interface))
    try:
        done = subprocess.run(
            ["ip", "-batch", "-"], input=told, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise LabError(f"a node with addresses of its own needs the program ip: {error}") from error
    if done.returncode:
        raise LabError(f"the kernel does not take {network.own}: {' '.join(done.stderr.split())}")


async def held(network: config.OwnNetwork) -> AbstractContextManager[None]:
    """Take the addresses, and see to it that the node has them for as long as it runs.

    Returns:
        A block; at its end nobody looks after them any more.

    Raises:
        LabError: They cannot be had.
    """
    interface = interface_of(network.lab)
    if not interface:
        raise LabError(f"no interface has {network.lab}, which is this container's address")
    take(network, interface)
    return _kept(network, interface)


@contextlib.contextmanager
def _kept(network: config.OwnNetwork, interface: str) -> Iterator[None]:
    keeping = asyncio.get_running_loop().create_task(_keep(network, interface))
    try:
        yield
    finally:
        keeping.cancel()


async def _keep(network: config.OwnNetwork, last: str) -> None:
    while True:
        await asyncio.sleep(_LOOK_S)
        interface = interface_of(network.lab)
        if interface and interface != last:
            # It may be gone again by now; then the next look finds that.
            with contextlib.suppress(LabError):
                take(network, interface)
                last = interface
        elif not interface:
            last = ""
