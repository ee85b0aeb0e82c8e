"""The containers of a lab: those that this process makes, and those that compose has made."""

from __future__ import annotations

import contextlib
import io
import json
import secrets
import tarfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import docker
from docker.errors import NotFound
from docker.models.containers import Container
from docker.models.networks import Network

from relaydrill.drivers import certificates
from relaydrill.drivers.configure import configure
from relaydrill.drivers.docker import ports
from relaydrill.drivers.docker.container import NodeContainer
from relaydrill.drivers.docker.engine import host_of, reap_if_possible, require_images, told
from relaydrill.drivers.docker.labels import LAB, NODE, RUN, labels
from relaydrill.drivers.docker.leftovers import sweep
from relaydrill.drivers.docker.network import bridge
from relaydrill.drivers.docker.seating import (
    HOME,
    address_in,
    may_lack_its_vips,
    needs_the_network,
    paths,
    prepared_config,
    published_ports,
    seats,
)
from relaydrill.errors import LabError, UsageError
from relaydrill.placement import Credentials, Placement
from relaydrill.topology import Topology

_AT_ONCE: Final = 16
_PROJECT: Final = "com.docker.compose.project"
_TLS: Final = f"{HOME}/tls"


@dataclass(frozen=True)
class Standing:
    """What stands.

    Attributes:
        run: Names it among others. host: Where its ports are published.
        placement, configs: Where nodes sit, and what each was told.
        nodes: Their containers. network: What they are on.
    """

    run: str
    host: str
    placement: Placement
    configs: dict[str, dict[str, Any]]
    nodes: dict[str, NodeContainer]
    network: Network


JournalPath = Callable[[str], Path]


@contextlib.contextmanager
def made(
    engine: docker.DockerClient, topology: Topology, directory: Path, journal: JournalPath
) -> Iterator[Standing]:
    """Make a network and start a container for every node; all is removed at the end.

    Args:
        directory: For certificates. journal: File for a node's journal, by its name.

    Raises:
        LabError: An image is missing, or the engine cannot.
    """
    require_images(engine, topology)
    reap_if_possible(engine)
    run, host = secrets.token_hex(6), host_of(engine)
    with contextlib.ExitStack() as stack:
        # Last of all: an interruption may hide what the engine had made by then.
        stack.callback(sweep, engine, run)
        net = stack.enter_context(bridge(labels(run, topology.name)))
        tls = directory / "tls"
        tls.mkdir(parents=True, exist_ok=True)
        placement = Placement(
            seats=seats(topology, net.address),
            credentials=Credentials("app", secrets.token_hex(8)),
            control_token=secrets.token_hex(16),
            ca_file=str(certificates.issue(topology, tls)),
            own_shell=f"{net.gateway}/32",
            own_kernels=True,
        )
        configs = configure(topology, placement, paths(lambda _node: _TLS, ca=f"{_TLS}/ca.pem"))
        claims = stack.enter_context(ports.claims(host))
        nodes = {
            name: NodeContainer(
                name=name,
                address=placement.seats[name].address,
                journal=journal(name),
                published={port: claims.take() for port in published_ports(topology, name)},
            )
            for name in topology.nodes
        }
        stack.callback(for_all, nodes.values(), NodeContainer.remove)

        def create(node: NodeContainer) -> None:
            node.create(
                kind=topology.nodes[node.name].kind,
                network=net.network,
                labels=labels(run, topology.name, node.name),
                container_name=f"relaydrill-{run}-{node.name}",
                files=_files(tls, node.name, configs[node.name]),
                admin_of_its_network=needs_the_network(topology, node.name),
                may_lack_its_vips=may_lack_its_vips(topology, node.name),
                publish_on=host,
            )

        for_all(nodes.values(), create)
        yield Standing(run, host, placement, configs, nodes, net.engine_network)


@contextlib.contextmanager
def found(
    engine: docker.DockerClient, project: str, topology: Topology, journal: JournalPath
) -> Iterator[Standing]:
    """Take over the containers of a compose project, and give them back as they are.

    Args:
        journal: File for a node's journal, by its name.

    Raises:
        UsageError: There is no such project, or it is of another topology.
    """
    with told(f"look for the compose project {project}"):
        wanted: list[Container] = engine.containers.list(
            all=True, filters={"label": [f"{_PROJECT}={project}", NODE]}
        )
    containers = {each.labels[NODE]: each for each in wanted}
    if not containers:
        raise UsageError(
            f"no container of a compose project {project} is there; bring it up first:"
            f" relaydrill compose {topology.name} > {topology.name}.yaml, docker compose"
            f" -p {project} -f {topology.name}.yaml up -d"
        )
    missing = [name for name in topology.nodes if name not in containers]
    if missing:
        of = next(iter(containers.values())).labels[LAB]
        raise UsageError(
            f"the compose project {project} is a lab of {of} and has no {', '.join(missing)};"
            f" name the topology that it was made of"
        )
    configs = {name: _prepared(containers[name], name) for name in topology.nodes}
    nodes = {
        name: NodeContainer.adopt(
            name, containers[name], address=configs[name]["address"], journal=journal(name)
        )
        for name in topology.nodes
    }
    with contextlib.ExitStack() as stack:
        stack.callback(for_all, nodes.values(), NodeContainer.let_go)
        for_all(nodes.values(), lambda node: node.follower.follow())
        network = _network_of(engine, next(iter(containers.values())))
        placement = _placement(topology, configs, network)
        run = next(iter(containers.values())).labels[RUN]
        yield Standing(run, host_of(engine), placement, configs, nodes, network)


def for_all(nodes: Iterable[NodeContainer], act: Callable[[NodeContainer], object]) -> None:
    """Do something to all nodes at once, and to each of them whatever happens to the others.

    Raises:
        Exception: The first of those that were raised.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        futures = [pool.submit(act, node) for node in nodes]
    for future in futures:
        future.result()


def _files(tls: Path, node: str, settings: dict[str, Any]) -> dict[str, bytes]:
    """What goes into a node's container before it starts, by path."""
    files = {
        f"{HOME}/config.json": json.dumps(settings).encode(),
        f"{_TLS}/ca.pem": certificates.authority(tls).read_bytes(),
    }
    if certificates.certificate(tls, node).exists():
        files[f"{_TLS}/cert.pem"] = certificates.certificate(tls, node).read_bytes()
        files[f"{_TLS}/key.pem"] = certificates.key(tls, node).read_bytes()
    return files


def _prepared(container: Container, node: str) -> dict[str, Any]:
    """A node's configuration, out of the volume that the project's first service has filled."""
    try:
        with told(f"read the configuration of {node}"):
            chunks, _ = container.get_archive(prepared_config(node))
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                member = archive.extractfile(archive.getmembers()[0])
                assert member
                found: dict[str, Any] = json.loads(member.read())
                return found
    except NotFound as error:
        raise LabError(f"{node} was not prepared: {error}") from error


def _network_of(engine: docker.DockerClient, container: Container) -> Network:
    (name,) = container.attrs["NetworkSettings"]["Networks"]
    return engine.networks.get(str(name))


def _placement(
    topology: Topology, configs: dict[str, dict[str, Any]], network: Network
) -> Placement:
    token = next(iter(configs.values()))["control"]["token"]
    login = next(
        (each["login"] for each in configs.values() if "login" in each),
        {"user": "", "password": ""},
    )
    ranges = (network.attrs or {})["IPAM"]["Config"][0]
    return Placement(
        seats=seats(topology, lambda number: address_in(ranges["Subnet"], number)),
        credentials=Credentials(login["user"], login["password"]),
        control_token=token,
        ca_file="",
        own_shell=f"{ranges['Gateway']}/32",
        own_kernels=True,
    )
