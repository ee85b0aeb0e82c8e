"""What killed runs left in the engine is found by label, and removed; the rest stays, and why."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import docker
from docker.errors import APIError, NotFound
from docker.models.containers import Container
from docker.models.networks import Network

from relaydrill.drivers.docker.engine import engine_errors, moment_of
from relaydrill.drivers.docker.labels import LAB, NODE, OWNER, PROJECT, RUN, Owner
from relaydrill.drivers.docker.lease import is_held

_STARTING_S: Final = 60.0
"""For how long a lab without a lease may still be coming up."""

ALL: Final = "all"
"""In the place of a run's name: every run."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What `clean` removed of one run: the nodes whose containers were left, and networks."""

    lab: str
    run: str
    containers: tuple[str, ...]
    networks: int


@dataclass(frozen=True, slots=True)
class Kept:
    """What `clean` left alone: how many containers it has, why, and what would remove it."""

    lab: str
    containers: int
    why: str
    remedy: str


@dataclass(slots=True)
class _Run:
    """All that one run has in the engine."""

    name: str
    lab: str
    owner: Owner
    containers: list[Container] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)


def sweep(engine: docker.DockerClient, run: str) -> None:
    """Remove whatever a run of this process has left, which is nothing unless it was cut short.

    Raises:
        LabError: The engine refuses.
    """
    wanted = f"{RUN}={run}"
    with engine_errors("remove what is left of the lab"):
        containers = engine.containers.list(
            all=True, filters={"label": wanted}, ignore_removed=True
        )
        networks = engine.networks.list(filters={"label": wanted})
        _remove(run, "", containers, networks)


def clean(
    engine: docker.DockerClient, force: Iterable[str] = ()
) -> tuple[list[Removed], list[Kept]]:
    """Remove containers and networks of runs whose harness has ended.

    A harness lives if it holds its lab's lease (`relaydrill.drivers.docker.lease`), or runs in this
    process table. One that is elsewhere and holds none has ended, unless its lab was made just now.

    Args:
        engine: The Docker engine.
        force: Runs to remove in any case, by name; `ALL`: every one.

    Returns:
        What was removed, and what was left alone.

    Raises:
        LabError: The engine refuses.
    """
    forced = {*force}
    removed, kept = [], []
    with engine_errors("remove what a killed run left"):
        now = moment_of(engine.info().get("SystemTime"))
        for run in _runs(engine):
            why = "" if forced & {ALL, run.name} else _why_it_stays(engine, run, now)
            if not why:
                try:
                    removed.append(_remove(run.name, run.lab, run.containers, run.networks))
                except APIError as error:  # its containers are being removed by somebody else, say
                    why = f"the engine could not remove all of it ({error.explanation})"
            if why:
                remedy = f"relaydrill clean --force {run.name}"
                kept.append(Kept(run.lab, len(run.containers), why, remedy))
        kept += _compose_labs(engine)
    return removed, kept


def _compose_labs(engine: docker.DockerClient) -> Iterator[Kept]:
    """Labs that ``docker compose`` has brought up: no run's, whatever a drill has done to them."""
    containers: list[Container] = engine.containers.list(
        all=True, filters={"label": [PROJECT, RUN]}, ignore_removed=True
    )
    projects: dict[str, list[Container]] = {}
    for each in containers:
        projects.setdefault(each.labels[PROJECT], []).append(each)
    for project, members in sorted(projects.items()):
        why = f"docker compose has brought it up, as project {project}"
        remedy = f"docker compose -p {project} down -v"
        yield Kept(members[0].labels.get(LAB, "?"), len(members), why, remedy)


def _runs(engine: docker.DockerClient) -> list[_Run]:
    """All runs that made what is in the engine; a compose project's containers have no owner."""
    containers: list[Container] = engine.containers.list(
        all=True, filters={"label": RUN}, ignore_removed=True
    )
    networks: list[Network] = engine.networks.list(filters={"label": RUN})
    found: dict[str, _Run] = {}

    def run_of(labels: dict[str, str]) -> _Run | None:
        owner = Owner.from_text(labels.get(OWNER, ""))
        if owner is None:
            return None
        return found.setdefault(labels[RUN], _Run(labels[RUN], labels.get(LAB, "?"), owner))

    for container in containers:
        if run := run_of(container.labels):
            run.containers.append(container)
    for network in networks:
        if run := run_of((network.attrs or {}).get("Labels") or {}):
            run.networks.append(network)
    return [found[name] for name in sorted(found)]


def _why_it_stays(engine: docker.DockerClient, run: _Run, now: float | None) -> str:
    """Why a run must not be removed; empty where its harness has ended."""
    if run.owner.has_ended:
        return ""
    if run.owner.is_of_here:
        return f"{run.owner} runs it"
    if is_held(engine, run.containers):
        return f"{run.owner} runs it, in another container or on another machine"
    if not run.owner.process.table:
        return f"it was made by an earlier version, by {run.owner}, which may be elsewhere"
    made = [
        moment_of((each.attrs or {}).get("Created")) for each in (*run.containers, *run.networks)
    ]
    ages = [now - each for each in made if each is not None and now is not None]
    if not ages or min(ages) < _STARTING_S:
        return f"it was made within the last {_STARTING_S:.0f} s, by {run.owner}"
    return ""


def _remove(run: str, lab: str, containers: list[Container], networks: list[Network]) -> Removed:
    for container in containers:
        with contextlib.suppress(NotFound, APIError):  # somebody else is removing it just now
            container.remove(force=True, v=True)
    for network in networks:
        with contextlib.suppress(NotFound):
            network.remove()
    nodes = tuple(sorted(container.labels.get(NODE, "?") for container in containers))
    return Removed(lab, run, nodes, len(networks))
