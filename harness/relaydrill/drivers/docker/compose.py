"""A topology as a compose file, for bringing its lab up by hand."""

from __future__ import annotations

from typing import Any, Final

import yaml

from relaydrill.drivers.docker.labels import LAB, NODE, RUN
from relaydrill.drivers.docker.seating import (
    BINDS_ELSEWHERE,
    PREPARED,
    address_in,
    gateway_of,
    may_lack_its_vips,
    needs_the_network,
    owner_of,
    prepared_config,
    published_ports,
    range_beside,
    refuse_own_files,
    refuse_shared_loads,
    second_address_in,
    with_ipv6,
)
from relaydrill.images import image_for
from relaydrill.placement import CONTROL_PORT
from relaydrill.topology import Topology

_PREPARE: Final = "prepare"
_NETWORK: Final = "mail"
_CONTROL_BASE: Final = 21_000
_SERVICE_BASE: Final = 2_000


def compose_file(topology: Topology, source: str, *, subnet: str, mounted: bool) -> str:
    """The text of a compose file.

    Args:
        topology: What to run.
        source: What `relaydrill.topology_files.load` takes: the name of a built-in, or a file.
        subnet: Range of the lab's network.
        mounted: Whether ``source`` is a file of this machine, to be mounted.

    Raises:
        LabError: The topology cannot be a Docker lab, or the range is too small.
    """
    refuse_shared_loads(topology)
    refuse_own_files(topology)
    services = {_PREPARE: _prepare(source, subnet, mounted=mounted)}
    for number, name in enumerate(topology.nodes, start=1):
        services[name] = _node(topology, name, number, subnet)
    document = {
        "services": services,
        "networks": {_NETWORK: _network(topology, subnet)},
        "volumes": {"lab": {}},
    }
    head = (
        f"# The lab of the topology {topology.name}. Written by: relaydrill compose {source}\n"
        "# Build the images first: relaydrill images build\n"
        "# Then: docker compose -p lab -f THIS_FILE up -d, and drill it:\n"
        f"#   relaydrill audit {source} --driver docker --project lab\n"
    )
    return head + yaml.safe_dump(document, sort_keys=False, width=100)


def _network(topology: Topology, subnet: str) -> dict[str, Any]:
    ranges = [{"subnet": subnet, "gateway": gateway_of(subnet)}]
    if not with_ipv6(topology):
        return {"ipam": {"config": ranges}}
    return {
        "enable_ipv6": True,
        "ipam": {"config": [*ranges, {"subnet": str(range_beside(subnet))}]},
    }


def _prepare(source: str, subnet: str, *, mounted: bool) -> dict[str, Any]:
    inside = "/topology.yaml" if mounted else source
    volumes = [f"lab:{PREPARED}"] + ([f"{source}:{inside}:ro"] if mounted else [])
    return {
        "image": image_for("fake").tag,
        "entrypoint": ["python3", "-m", "relaydrill.drivers.docker.prepare"],
        "command": [inside, subnet],
        "volumes": volumes,
        "network_mode": "none",
    }


def _node(topology: Topology, name: str, number: int, subnet: str) -> dict[str, Any]:
    address, second = address_in(subnet, number), second_address_in(topology, subnet)
    addresses = {"ipv4_address": address}
    if second and topology.ip_of(name) != "ipv4":
        addresses["ipv6_address"] = second(number)
    admin: dict[str, Any] = {}
    if needs_the_network(topology, name):
        admin["cap_add"] = ["NET_ADMIN"]
    if may_lack_its_vips(topology, name):
        admin["sysctls"] = dict(BINDS_ELSEWHERE)
    return {
        "image": image_for(topology.nodes[name].kind).tag,
        "hostname": name,
        **admin,
        "command": [prepared_config(name)],
        "depends_on": {_PREPARE: {"condition": "service_completed_successfully"}},
        "volumes": [f"lab:{PREPARED}:ro"],
        "networks": {_NETWORK: addresses},
        "ports": _ports(topology, name, number),
        "labels": {RUN: "compose", LAB: topology.name, NODE: name},
        # The engine's own settings may bound a log, and it is the journal.
        "logging": {"driver": "json-file", "options": {"max-size": "1t"}},
        # For people and ``up --wait``. Each knock starts a program in each container: once a second
        # they took more of a small machine than its mail, and drills found it starved.
        "healthcheck": {
            "test": ["CMD", "python3", "-I", "-S", "-c", _knock(address)],
            "interval": "10s",
            "timeout": "5s",
            "retries": 3,
        },
    }


def _ports(topology: Topology, name: str, number: int) -> list[str]:
    """Control at 21000 and the node's number, a VIP's 25 at 2025 and so on: only on this machine.

    A second VIP's ports follow a thousand above those of the first.
    """
    vips = list(topology.vips)
    mine = [vip for vip in vips if owner_of(topology, vip) == name]
    base = _SERVICE_BASE + 1000 * min((vips.index(vip) for vip in mine), default=0)
    return [
        f"127.0.0.1:{_CONTROL_BASE + number if port == CONTROL_PORT else base + port}:{port}"
        for port in published_ports(topology, name)
    ]


def _knock(address: str) -> str:
    return f"import socket; socket.create_connection(('{address}', {CONTROL_PORT}), 2)"
