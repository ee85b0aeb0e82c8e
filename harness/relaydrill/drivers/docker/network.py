"""A bridge network for one lab, in a range that nothing else uses, and the addresses on it."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

from docker.errors import APIError
from docker.models.networks import Network as EngineNetwork
from docker.types import IPAMConfig, IPAMPool
from testcontainers.core.network import Network

from relaydrill.drivers.docker.engine import told
from relaydrill.drivers.docker.seating import address_in
from relaydrill.errors import LabError

_TRIES: Final = 10


@dataclass(frozen=True, slots=True)
class Bridge:
    """A lab's network.

    Attributes:
        network: What the engine knows. gateway: The host's own address on it.
        subnet: Its range.
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
def bridge(labels: dict[str, str]) -> Iterator[Bridge]:
    """Make a bridge network with a range of its own, and remove it at the end.

    Addresses can be given to containers only where the range was given to the network. So the
    engine is asked which range it holds for free, and asked again if another lab was quicker.

    Raises:
        LabError: The engine has no free range, or cannot make a network.
    """
    with contextlib.ExitStack() as stack:
        # In a thread, so that Ctrl-C waits until the engine has answered.
        with told("make a network"), ThreadPoolExecutor(1) as pool:
            found = pool.submit(_make, labels).result()
        stack.callback(_remove, found.network)
        yield found


def _make(labels: dict[str, str]) -> Bridge:
    for _ in range(_TRIES):
        subnet, gateway = _free_range(labels)
        pool = IPAMPool(subnet=str(subnet), gateway=gateway)
        network = _network(labels, ipam=IPAMConfig(pool_configs=[pool]))
        try:
            return Bridge(network.create(), subnet, gateway)
        except APIError as error:
            if "overlap" not in str(error):
                raise
    raise LabError(f"the Docker engine gave every free range away, {_TRIES} times")


def _free_range(labels: dict[str, str]) -> tuple[ipaddress.IPv4Network, str]:
    """A range that the engine would use next, and the gateway in it."""
    with _network(labels) as network:
        engine_network = network._unwrap_network
        engine_network.reload()
        attributes: dict[str, Any] = engine_network.attrs or {}
        config = attributes["IPAM"]["Config"][0]
        return ipaddress.IPv4Network(config["Subnet"]), str(config["Gateway"])


def _network(labels: dict[str, str], **options: Any) -> Network:
    keywords = {"driver": "bridge", "labels": labels, "check_duplicate": True, **options}
    network = Network(docker_network_kw=keywords)
    network.name = f"relaydrill-{network.name}"
    return network


def _remove(network: Network) -> None:
    with told("remove the lab's network"):
        network.remove()
    network._docker.client.close()
