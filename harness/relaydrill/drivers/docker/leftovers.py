"""What killed runs left in the engine: found by label, and removed."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network

from relaydrill.drivers.docker.engine import told
from relaydrill.drivers.docker.labels import LAB, NODE, OWNER, RUN, Owner


@dataclass(frozen=True, slots=True)
class Removed:
    """What `clean` removed of one run: the nodes whose containers were left, and networks."""

    lab: str
    run: str
    containers: tuple[str, ...]
    networks: int


def sweep(engine: docker.DockerClient, run: str) -> None:
    """Remove whatever a run of this process has left, which is nothing unless it was cut short.

    Raises:
        LabError: The engine refuses.
    """
    wanted = f"{RUN}={run}"
    with told("remove what is left of the lab"):
        containers = engine.containers.list(
            all=True, filters={"label": wanted}, ignore_removed=True
        )
        networks = engine.networks.list(filters={"label": wanted})
        _remove(run, "", containers, networks)


def clean(engine: docker.DockerClient) -> list[Removed]:
    """Remove containers and networks of runs whose harness has ended, and nothing else.

    Raises:
        LabError: The engine refuses.
    """
    with told("remove what a killed run left"):
        containers: list[Container] = engine.containers.list(
            all=True, filters={"label": RUN}, ignore_removed=True
        )
        networks: list[Network] = engine.networks.list(filters={"label": RUN})
        dead: dict[str, tuple[str, list[Container], list[Network]]] = {}
        for container in containers:
            if _is_orphan(container.labels):
                entry = dead.setdefault(container.labels[RUN], (container.labels[LAB], [], []))
                entry[1].append(container)
        for network in networks:
            labels = (network.attrs or {}).get("Labels") or {}
            if _is_orphan(labels):
                dead.setdefault(labels[RUN], (labels[LAB], [], []))[2].append(network)
        return [_remove(run, *what) for run, what in sorted(dead.items())]


def _is_orphan(labels: dict[str, str]) -> bool:
    owner = Owner.from_text(labels.get(OWNER, ""))
    return owner is not None and not owner.lives


def _remove(run: str, lab: str, containers: list[Container], networks: list[Network]) -> Removed:
    for container in containers:
        with contextlib.suppress(NotFound, APIError):  # somebody else is removing it just now
            container.remove(force=True, v=True)
    for network in networks:
        with contextlib.suppress(NotFound):
            network.remove()
    nodes = tuple(sorted(container.labels.get(NODE, "?") for container in containers))
    return Removed(lab, run, nodes, len(networks))
