"""The terms in which every role is told of ports, names, files and patience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from relaydrill.endpoint import Endpoint
from relaydrill.nodes import config
from relaydrill.topology import Topology

SMTP_PORT: Final = 25
DNS_PORT: Final = 53
DNS_ANSWER_S: Final = 5.0
CONNECT_S: Final = 30.0
REPLY_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a node finds and keeps its files, as the node itself sees them.

    Attributes:
        journal: Path of a node's journal, by its name.
        queue: Path of its queue.
        certificate: Path of its certificate.
        key: Path of its key.
        workdir: Its working directory.
        logs: The folder of its logs.
        ca: The lab's certificate authority.
    """

    journal: Callable[[str], str]
    queue: Callable[[str], str]
    certificate: Callable[[str], str]
    key: Callable[[str], str]
    workdir: Callable[[str], str]
    logs: Callable[[str], str]
    ca: str


def fqdn(topology: Topology, node: str) -> str:
    """The name that a node gives itself: in the first mailbox domain."""
    return f"{node}.{topology.domains[0] if topology.domains else 'invalid'}"


def address(endpoint: Endpoint) -> config.Address:
    """An endpoint, as nodes are told it."""
    return config.Address(address=endpoint.address, port=endpoint.port)
