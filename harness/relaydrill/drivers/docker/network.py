"""A bridge network for one lab, in a range that nothing else uses, and the addresses on it."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from docker.errors import APIError
from docker.models.networks import Network as EngineNetwork
from docker.types import IPAMConfig, IPAMPool
from testcontainers.core.network import Network

from relaydrill.drivers.docker.engine import engine_errors, environment
from relaydrill.drivers.docker.seating import address_in, range_beside, visitor_in
from relaydrill.errors import LabError
from relaydrill.wait import wait_for

_TRIES: Final = 10
_ELSEWHERE: Final = tuple(ipaddress.IPv4Network("10.213.0.0/16").subnets(new_prefix=24))
"""Ranges for labs whose own addresses lie in the one that the engine would choose."""
_STILL_USED: Final = "has active endpoints"
_LEAVING_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Bridge:
    """A lab's network.

    Attributes:
        network: What the engine knows.
        gateway: The host's own address on it.
        subnet: Its range; where it has IPv6, that of it follows (`range_beside`).
    """

    network: Network
    subnet: ipaddress.IPv4Network
    gateway: str

    def address(self, number: int) -> str:
        """The address of the lab's host of that number, counted from 1.

        Raises:
            LabError: The network is too small.
        """
        return address_in(self.subnet, number)

    @property
    def engine_network(self) -> EngineNetwork:
        """For what the docker SDK does to it."""
        return self.network._unwrap_network


@contextlib.contextmanager
def bridge(
    labels: dict[str, str], *, with_ipv6: bool = False, taken: Sequence[str] = ()
) -> Iterator[Bridge]:
    """Make a bridge network with a range of its own, and remove it at the end.

    Addresses can be given to containers only where the range was given to the network. So the
    engine is asked which range it holds for free, and asked again if another lab was quicker.

    Args:
        labels: What the network bears.
        with_ipv6: Whether it has IPv6, too.
        taken: Addresses that nodes will give themselves: its range has none of them.

    Raises:
        LabError: The engine has no free range, or cannot make a network.
    """
    with contextlib.ExitStack() as stack:
        # In a thread, so that Ctrl-C waits until the engine has answered.
        with engine_errors("make a network"), ThreadPoolExecutor(1) as pool:
            found = pool.submit(_make, labels, with_ipv6, taken).result()
        stack.callback(_remove, found.network)
        yield found


@contextlib.contextmanager
def joined(network: EngineNetwork, subnet: str, container: str) -> Iterator[str]:
    """A block in which the container that this process runs in is on a lab's network, too.

    Args:
        network: The lab's.
        subnet: Its range.
        container: Which container it is; empty: none, and nothing is done.

    Yields:
        The address that it has there; empty where nothing was done.

    Raises:
        LabError: The engine cannot.
    """
    if not container:
        yield ""
        return
    own = visitor_in(subnet)
    with engine_errors("connect relaydrill's own container to the lab's network"):
        network.connect(container, ipv4_address=own)
    try:
        yield own
    finally:
        with engine_errors("take relaydrill's own container off the lab's network"):
            network.disconnect(container, force=True)


def _make(labels: dict[str, str], with_ipv6: bool, taken: Sequence[str]) -> Bridge:
    elsewhere = iter(_ELSEWHERE)
    for _ in range(_TRIES):
        subnet, gateway = _free_range(labels)
        if any(ipaddress.IPv4Address(each) in subnet for each in taken):
            subnet = _without(elsewhere, taken)
            gateway = str(subnet[1])
        pools = [IPAMPool(subnet=str(subnet), gateway=gateway)]
        if with_ipv6:
            pools.append(IPAMPool(subnet=str(range_beside(subnet))))
        ipam = IPAMConfig(pool_configs=pools)
        network = _network(labels, ipam=ipam, enable_ipv6=with_ipv6)
        try:
            return Bridge(network.create(), subnet, gateway)
        except BaseException as error:
            network._docker.client.close()
            if not isinstance(error, APIError) or "overlap" not in str(error):
                raise
    raise LabError(f"the Docker engine took every free address range, {_TRIES} times")


def _without(
    ranges: Iterator[ipaddress.IPv4Network], taken: Sequence[str]
) -> ipaddress.IPv4Network:
    """The next range that has none of some addresses.

    Raises:
        LabError: There is none.
    """
    for each in ranges:
        if not any(ipaddress.IPv4Address(one) in each for one in taken):
            return each
    raise LabError("the addresses of this topology leave no range for a lab's network")


def _free_range(labels: dict[str, str]) -> tuple[ipaddress.IPv4Network, str]:
    """A range that the engine would use next, and the gateway in it."""
    free = _network(labels)
    with contextlib.closing(free._docker.client), free as network:
        engine_network = network._unwrap_network
        engine_network.reload()
        attributes: dict[str, Any] = engine_network.attrs or {}
        config = attributes["IPAM"]["Config"][0]
        return ipaddress.IPv4Network(config["Subnet"]), str(config["Gateway"])


def _network(labels: dict[str, str], **options: Any) -> Network:
    keywords = {"driver": "bridge", "labels": labels, "check_duplicate": True, **options}
    network = Network(docker_client_kw={"environment": environment()}, docker_network_kw=keywords)
    network.name = f"relaydrill-{network.name}"
    return network


def _remove(network: Network) -> None:
    """Remove it when its containers have left: an engine that is busy takes a while over that.

    Raises:
        LabError: The engine cannot.
        WaitTimeout: It says that there are some long after the last was removed.
    """

    def is_removed() -> bool:
        try:
            network.remove()
        except APIError as error:
            if _STILL_USED in str(error):
                return False
            raise
        return True

    with contextlib.closing(network._docker.client), engine_errors("remove the lab's network"):
        wait_for(
            is_removed,
            what=f"the containers of {network.name} to leave it, so that it can be removed",
            deadline_s=_LEAVING_S,
            every_s=0.1,
            diagnosis=lambda: "if `docker network rm` cannot remove it, restart the engine",
        )
