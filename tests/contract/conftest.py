"""The drivers that the contract suite holds to one behaviour, and labs on each."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from relaydrill import topology_files
from relaydrill.drivers.base import Lab
from relaydrill.drivers.catalogue import DRIVERS, SIMULATE, lab_maker
from relaydrill.drivers.docker.labels import NODE, RUN
from relaydrill.drivers.process import ProcessLab
from relaydrill.drivers.simulate.lab import SimulatedLab
from tests.docker_engine import why_no_docker


@functools.cache
def why_not(driver: str) -> str:
    """Why a driver cannot run here, and what would make it; empty if it can."""
    return why_no_docker("node") if driver == "docker" else ""


@pytest.fixture(scope="session", params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver by name."""
    name = str(request.param)
    if reason := why_not(name):
        pytest.skip(reason)
    return name


@pytest.fixture(scope="module")
def standing_lab(driver: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab of the built-in topology, for tests that leave it as they found it."""
    with lab_maker(driver)(
        topology_files.load("sharepoint"), tmp_path_factory.mktemp("lab")
    ) as lab:
        yield lab


@pytest.fixture
def shared_lab(driver: str, request: pytest.FixtureRequest) -> Lab:
    """The same; a simulated lab, of which a thread has one at a time, costs nothing to make."""
    found: Lab = request.getfixturevalue("own_lab" if driver == SIMULATE else "standing_lab")
    return found


@pytest.fixture
def own_lab(driver: str, tmp_path: Path) -> Iterator[Lab]:
    """A lab of the built-in topology that a test may leave broken."""
    with lab_maker(driver)(topology_files.load("sharepoint"), tmp_path / "lab") as lab:
        yield lab


def murder(lab: Lab, node: str) -> None:
    """Kill a node behind the back of its driver."""
    if isinstance(lab, ProcessLab):
        os.kill(lab.pid(node), signal.SIGKILL)
        return
    if isinstance(lab, SimulatedLab):
        course = lab._nodes[node].course
        assert course
        course.cancel()
        return
    engine = docker.from_env()
    wanted = [f"{RUN}={lab.run}", f"{NODE}={node}"]  # type: ignore[attr-defined]
    (container,) = engine.containers.list(filters={"label": list(wanted)})
    container.kill()
    engine.close()
