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
from relaydrill.drivers.docker import lease, ports
from relaydrill.drivers.docker.container import NodeContainer
from relaydrill.drivers.docker.engine import (
    engine_errors,
    reap_if_possible,
    require_images,
)
from relaydrill.drivers.docker.labels import LAB, NODE, PROJECT, RUN, labels
from relaydrill.drivers.docker.leftovers import sweep
from relaydrill.drivers.docker.network import bridge, joined
from relaydrill.drivers.docker.seating import (
    HOME,
    address_in,
    may_lack_its_vips,
    needs_the_network,
    own_addresses,
    paths,
    prepared_config,
    published_ports,
    range_beside,
    seated,
    seats,
    second_address_in,
    with_ipv6,
)
from relaydrill.drivers.docker.way_in import WayIn, way_in
from relaydrill.drivers.undo import MAIL, Repair, UndoLog
from relaydrill.endpoint import Credentials
from relaydrill.errors import LabError, UsageError
from relaydrill.placement import CONTROL_PORT, Placement
from relaydrill.topology import Topology
from relaydrill.verbatim import Fitted, fitted, wanted_by

_AT_ONCE: Final = 16
_TLS: Final = f"{HOME}/tls"


@dataclass(frozen=True)
class Standing:
    """What stands.

    Attributes:
        run: Names it among others.
        way: How this process reaches it.
        placement: Where nodes sit.
        configs: The configuration of each node.
        nodes: Their containers.
        network: What they are on.
        authority: Who signs certificates; None: its key is not here.
    """

    run: str
    way: WayIn
    placement: Placement
    configs: dict[str, dict[str, Any]]
    nodes: dict[str, NodeContainer]
    network: Network
    authority: certificates.Authority | None = None


JournalPath = Callable[[str], Path]


@contextlib.contextmanager
def made(
    engine: docker.DockerClient, topology: Topology, directory: Path, journal: JournalPath
) -> Iterator[Standing]:
    """Make a network and start a container for every node; all is removed at the end.

    Args:
        engine: The Docker engine.
        topology: The design.
        directory: For certificates.
        journal: File for a node's journal, by its name.

    Raises:
        LabError: An image is missing, or the engine cannot.
    """
    # What does not fit is told before anything is made.
    own_files = fitted(topology, (CONTROL_PORT,))
    require_images(engine, topology)
    reap_if_possible(engine)
    run, way = secrets.token_hex(6), way_in(engine)
    with contextlib.ExitStack() as stack:
        # Last of all: an interruption may hide what the engine had made by then.
        stack.callback(sweep, engine, run)
        taken = [*own_addresses(topology, own_files).values()]
        taken += [address for each in own_files.values() for address in each.own]
        is_dual = bool(with_ipv6(topology))
        net = stack.enter_context(
            bridge(labels(run, topology.name), with_ipv6=is_dual, taken=taken)
        )
        own = stack.enter_context(joined(net.engine_network, str(net.subnet), way.joins))
        tls = directory / "tls"
        tls.mkdir(parents=True, exist_ok=True)
        engines = seats(topology, net.address, second_address_in(topology, net.subnet))
        seating = seated(topology, engines)
        authority = certificates.issue(topology, tls)
        placement = Placement(
            seats=seating.seats,
            credentials=Credentials("app", secrets.token_hex(8)),
            control_token=secrets.token_hex(16),
            ca_file=str(authority.path),
            own_shell=f"{own or net.gateway}/32",
            own_kernels=True,
            controls=seating.controls,
            given=seating.given,
        )
        configs = configure(topology, placement, paths(lambda _node: _TLS, ca=f"{_TLS}/ca.pem"))
        claims = stack.enter_context(ports.claims(way))
        nodes = {
            name: NodeContainer(
                name=name,
                address=engines[name].address,
                journal=journal(name),
                published={}
                if way.joins
                else {port: claims.take() for port in published_ports(topology, name)},
                second=engines[name].second,
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
                files=_files(tls, node.name, configs[node.name])
                | _wanted_files(tls, own_files.get(_balancer_of(topology, node.name))),
                admin_of_its_network=bool(seating.given) or needs_the_network(topology, node.name),
                may_lack_its_vips=may_lack_its_vips(topology, node.name),
                publish_on=way.publish_on,
            )

        for_all(nodes.values(), create)
        stack.enter_context(lease.held(engine, _lease_holders(topology, nodes)))
        yield Standing(run, way, placement, configs, nodes, net.engine_network, authority)


@contextlib.contextmanager
def found(
    engine: docker.DockerClient, project: str, topology: Topology, journal: JournalPath
) -> Iterator[Standing]:
    """Take over the containers of a compose project, and give them back as they are.

    Args:
        engine: The Docker engine.
        project: The compose project's name.
        topology: The design.
        journal: File for a node's journal, by its name.

    Raises:
        UsageError: There is no such project, or it is of another topology, is drilled by somebody
            else or broken, or its ports are published where this process does not reach them.
    """
    with engine_errors(f"look for the compose project {project}"):
        wanted: list[Container] = engine.containers.list(
            all=True, filters={"label": [f"{PROJECT}={project}", NODE]}
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
            f" name the topology that it was made from"
        )
    if lease.is_held(engine, list(containers.values())):
        raise UsageError(
            f"another run drills the compose project {project} now: two at a time would prove"
            " nothing; wait for its end, or bring up a project of another name"
        )
    _refuse_what_a_fault_left(project, {name: containers[name] for name in topology.nodes})
    configs = {name: _prepared(containers[name], name) for name in topology.nodes}
    one = next(iter(topology.nodes))
    network, way = _network_of(engine, containers[one], configs[one]["address"]), way_in(engine)
    _refuse_other_ranges(project, topology, network)
    with contextlib.ExitStack() as stack:
        own = stack.enter_context(joined(network, _range_of(network)["Subnet"], way.joins))
        placement = _placement(topology, configs, network, own)
        nodes = {
            name: NodeContainer.adopt(
                name, containers[name], seat=placement.seats[name], journal=journal(name)
            )
            for name in topology.nodes
        }
        _refuse_what_is_published_elsewhere(project, way, nodes.values())
        stack.callback(for_all, nodes.values(), NodeContainer.let_go)
        stack.enter_context(lease.held(engine, _lease_holders(topology, nodes)))
        for_all(nodes.values(), lambda node: node.follower.follow())
        run = next(iter(containers.values())).labels[RUN]
        yield Standing(run, way, placement, configs, nodes, network)


def _refuse_what_a_fault_left(project: str, containers: dict[str, Container]) -> None:
    """A drill that was killed may have left a node frozen, ended, off the network, or misbehaving.

    Raises:
        UsageError: It has; what to do is in the message.
    """
    left, _ = UndoLog.default().left()
    faults = {
        each.undo.heal.container: each.undo.label
        for each in left
        if isinstance(each.undo.heal, Repair)
    }
    broken = {
        name: how
        for name, each in containers.items()
        if (how := _how_broken(each, faults.get(str(each.id), "")))
    }
    if not broken:
        return
    which = ", ".join(f"{name} {how}" for name, how in broken.items())
    on_record = any(str(containers[name].id) in faults for name in broken)
    remedy = "put it right: relaydrill heal"
    if not on_record:
        remedy += (
            f" where that drill ran; or make it anew: docker compose -p {project} -f FILE up -d"
            f" --force-recreate {' '.join(broken)}"
        )
    raise UsageError(
        f"in the compose project {project} {which}, as a killed drill leaves it; {remedy}"
    )


def _how_broken(container: Container, fault: str) -> str:
    """What is wrong with a container of a project; empty where nothing is.

    Args:
        container: Which.
        fault: What a drill has done to it, by a record that is still there.
    """
    if container.status == "paused":
        return "is paused"
    if container.status != "running":
        return f"is {container.status}"
    if not container.attrs["NetworkSettings"]["Networks"]:
        return "is cut off its network"
    if fault.startswith(f"{MAIL}:"):
        return "may still send the mail of a drill"
    return f"may still suffer {fault}" if fault else ""


def _lease_holders(topology: Topology, nodes: dict[str, NodeContainer]) -> list[Container]:
    """Where to hold a lab's lease: a sender is never broken; without one, everywhere."""
    running = [node for node in nodes.values() if node.is_alive()]
    senders = [node for node in running if node.name in topology.senders]
    return [node.container for node in senders[:1] or running]


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


def _wanted_files(tls: Path, own: Fitted | None) -> dict[str, bytes]:
    """Certificates of the lab wherever a balancer's own file looks for some, by path."""
    if own is None:
        return {}
    wanted = wanted_by(own.haproxy, own.ports)
    authority = certificates.authority(tls).read_bytes()
    both = certificates.certificate(tls, own.balancer), certificates.key(tls, own.balancer)
    found = dict.fromkeys(wanted.authorities, authority)
    for path in wanted.certificates:
        name = f"{path}relaydrill.pem" if path.endswith("/") else path
        found[name] = b"".join(each.read_bytes() for each in both)
    return found


def _balancer_of(topology: Topology, node: str) -> str:
    """The balancer that a node is, or stands by for; empty if neither."""
    standby = topology.standbys.get(node)
    return standby.standby_of if standby else node if node in topology.balancers else ""


def _prepared(container: Container, node: str) -> dict[str, Any]:
    """A node's configuration, out of the volume that the project's first service has filled."""
    try:
        with engine_errors(f"read the configuration of {node}"):
            chunks, _ = container.get_archive(prepared_config(node))
            with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
                member = archive.extractfile(archive.getmembers()[0])
                assert member
                found: dict[str, Any] = json.loads(member.read())
                return found
    except NotFound as error:
        raise LabError(f"{node} was not prepared: {error}") from error


def _network_of(engine: docker.DockerClient, container: Container, address: str) -> Network:
    """The network on which a container has an address; somebody may have put it on others, too.

    Raises:
        LabError: It has that address on none.
    """
    for name, joined_as in container.attrs["NetworkSettings"]["Networks"].items():
        if joined_as["IPAddress"] == address:
            with engine_errors(f"look at the network {name}"):
                return engine.networks.get(str(name))
    raise LabError(f"{container.name} was prepared for {address}, and has that on no network")


def _ranges_of(network: Network) -> list[dict[str, str]]:
    return [*(network.attrs or {})["IPAM"]["Config"]]


def _range_of(network: Network) -> dict[str, str]:
    """Its IPv4 range, and the gateway in it."""
    return next(each for each in _ranges_of(network) if ":" not in each["Subnet"])


def _refuse_other_ranges(project: str, topology: Topology, network: Network) -> None:
    """A project that was brought up before its topology had IPv6 has none.

    Raises:
        UsageError: It is such a one.
    """
    six = with_ipv6(topology)
    wanted = str(range_beside(_range_of(network)["Subnet"]))
    if six and wanted not in [each["Subnet"] for each in _ranges_of(network)]:
        raise UsageError(
            f"{', '.join(six)} of {topology.name} {'have' if len(six) > 1 else 'has'} IPv6, and the"
            f" network of the compose project {project} has not: write its file anew (relaydrill"
            f" compose {topology.name}), and bring it up again"
        )


def _refuse_what_is_published_elsewhere(
    project: str, way: WayIn, nodes: Iterable[NodeContainer]
) -> None:
    """A compose file publishes on 127.0.0.1 of the engine's machine, which may be another.

    Raises:
        UsageError: It is.
    """
    if way.joins or way.is_here:
        return
    if astray := [each for each in nodes if each.published_on.startswith("127.")]:
        raise UsageError(
            f"the compose project {project} publishes its ports on {astray[0].published_on} of the"
            f" engine's machine, and that is reached here as {way.host}: drill it on that machine;"
            f" or write {way.host} in place of 127.0.0.1 into the ports of its file, where nobody"
            " else reaches it, and bring it up again"
        )


def _placement(
    topology: Topology, configs: dict[str, dict[str, Any]], network: Network, own: str
) -> Placement:
    token = next(iter(configs.values()))["control"]["token"]
    login = next(
        (each["login"] for each in configs.values() if "login" in each),
        {"user": "", "password": ""},
    )
    ranges = _range_of(network)
    return Placement(
        seats=seats(
            topology,
            lambda number: address_in(ranges["Subnet"], number),
            second_address_in(topology, ranges["Subnet"]),
        ),
        credentials=Credentials(login["user"], login["password"]),
        control_token=token,
        ca_file="",
        own_shell=f"{own or ranges['Gateway']}/32",
        own_kernels=True,
    )
