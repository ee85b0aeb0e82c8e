"""A topology that is being put together: nodes with names, and a remark beside each of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Final, Literal

from relaydrill.farms.parts import RELAYING, SUBMISSION, Balancing, Remarks, is_address
from relaydrill.from_files.directory import Directory
from relaydrill.topology import NOWHERE

ASSUMED: Final = "ASSUMED"
"""Begins a remark about what no file says."""

_LONGEST_NAME: Final = 31
_NO_PART: Final = re.compile(r"[^a-z0-9-]+")


@dataclass
class NodeNames:
    """The names that are in use, of nodes, VIPs and sites."""

    taken: set[str] = field(default_factory=lambda: {NOWHERE})

    def take(self, wanted: str, kind: str) -> str:
        """A name as near as can be to a wanted one, that nobody else has.

        Args:
            wanted: What a file calls it.
            kind: Begins the name where the wanted one begins with no letter.
        """
        plain = _NO_PART.sub("-", wanted.lower()).strip("-")
        if not plain[:1].isalpha():
            plain = f"{kind}-{plain}".strip("-")
        plain = plain[:_LONGEST_NAME].rstrip("-")
        for number in count(1):
            end = f"-{number}" if number > 1 else ""
            name = plain[: _LONGEST_NAME - len(end)] + end
            if name not in self.taken:
                break
        self.taken.add(name)
        return name


@dataclass
class Vip:
    """A virtual address.

    Attributes:
        name: Its name.
        address: Its real one; empty where it is not known.
        ports: Logical ports.
        real: The logical port of each real one.
        remark: Where it is written.
    """

    name: str
    address: str
    ports: list[int]
    real: dict[int, int]
    remark: str

    @property
    def relaying(self) -> list[int]:
        """The ports at which mail is relayed, and nobody logs in."""
        return [port for port in self.ports if port not in SUBMISSION]


@dataclass
class Pair:
    """A balancer's second machine, and how the two settle who has the VIPs.

    Attributes:
        standby: Its node.
        remark: Where it is written.
        advert: From one advertisement to the next.
        preempt: Whether the balancer takes the VIPs back.
        by: The line that says these two; empty where none does.
        site: The machine, if it is one with other nodes.
    """

    standby: str
    remark: str
    advert: float = 1.0
    preempt: bool = True
    by: str = ""
    site: str = ""


@dataclass
class BalancerNode:
    """A balancer; ``said`` has the lines of its settings, ``machine`` the file that it is from."""

    name: str
    backends: tuple[str, ...]
    balancing: Balancing
    vips: list[Vip]
    remark: str
    pair: Pair | None = None
    site: str = ""
    said: Mapping[str, str] = field(default_factory=dict)
    machine: str = ""


@dataclass
class ZoneLine:
    """An MX record: the host, the preference, and whether it is said to have no address."""

    host: str
    preference: int
    empty: bool
    remark: str


@dataclass
class ZonePart:
    """A domain's MX records."""

    records: list[ZoneLine] = field(default_factory=list)
    ttl: float | None = None
    negative_ttl: float | None = None
    remark: str = ""


@dataclass
class FlowPart:
    """A flow.

    Attributes:
        sender: Who sends.
        persona: How.
        to: Where.
        port: At which port.
        rate: Attempts a second.
        remark: Where it comes from.
        population: Senders that share the rate.
        promise: What is expected: of applications, of a mail server that keeps what is refused,
            or of all the world's servers, which wait for dead hosts.
    """

    sender: str
    persona: str
    to: str
    port: int
    rate: int
    remark: str
    population: int = 1
    promise: Literal["application", "server", "world"] = "application"


@dataclass
class ConnectorPart:
    """A receive connector."""

    port: int
    remote: tuple[str, ...] = ()
    relay: bool = False
    authenticated: bool = False
    remark: str = ""


@dataclass
class Draft:
    """What is known so far.

    Attributes:
        directory: What DNS says.
        remarks: What has no place in the topology.
        hubs: The node of each host, by its address or name.
        hub_remarks: Where each node is written.
        hosts: What names lead to, and where that is written.
    """

    directory: Directory
    remarks: Remarks
    names: NodeNames = field(default_factory=NodeNames)
    hubs: dict[str, str] = field(default_factory=dict)
    hub_remarks: dict[str, str] = field(default_factory=dict)
    balancers: list[BalancerNode] = field(default_factory=list)
    name_servers: dict[str, str] = field(default_factory=dict)
    senders: dict[str, str] = field(default_factory=dict)
    hosts: dict[str, tuple[tuple[str, ...], str]] = field(default_factory=dict)
    aliases: dict[str, tuple[str, str]] = field(default_factory=dict)
    zones: dict[str, ZonePart] = field(default_factory=dict)
    ttls: dict[str, float] = field(default_factory=dict)
    connectors: dict[str, ConnectorPart] = field(default_factory=dict)
    flows: dict[str, FlowPart] = field(default_factory=dict)
    domains: list[str] = field(default_factory=list)

    @property
    def vips(self) -> list[Vip]:
        """The VIPs of all balancers."""
        return [vip for each in self.balancers for vip in each.vips]

    def identity(self, host: str) -> str:
        """What is the same for the same machine: its address, where DNS says one."""
        found = {} if is_address(host) else self.directory.addresses_of(host)
        return next(iter(found)) if len(found) == 1 else host

    def hub(self, host: str, wanted: str, remark: str) -> str:
        """The node of a host, which is made if there is none."""
        key = self.identity(host)
        if key not in self.hubs:
            name = self.names.take(wanted, "hub")
            self.hubs[key] = name
            self.hub_remarks[name] = remark
        return self.hubs[key]

    def led(self, address: str) -> str:
        """The VIP or hub that has an address; empty if nobody has it."""
        vips = [vip for vip in self.vips if vip.address == address]
        vips.sort(key=lambda vip: RELAYING not in vip.ports)
        return vips[0].name if vips else self.hubs.get(address, "")

    def vip_called(self, name: str) -> Vip | None:
        """The VIP of a name."""
        return next((vip for vip in self.vips if vip.name == name), None)

    def flow_name(self, wanted: str) -> str:
        """A name for a flow that no other has."""
        names = NodeNames({*self.flows})
        return names.take(wanted, "flow")
