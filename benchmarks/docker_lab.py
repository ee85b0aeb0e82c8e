"""How soon a Docker lab of ten nodes is ready and gone, beside docker compose with the same nodes.

The peer is Compose v2 (``docker-compose`` on the PATH, or named by RELAYDRILL_COMPOSE) with
``up --wait``: the same images, configurations and network, from what ``relaydrill compose`` writes.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.lab_start import TEN_NODES
from relaydrill import topology_files
from relaydrill.drivers.docker.compose import compose_file
from relaydrill.drivers.docker.engine import connect
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.errors import LabError
from relaydrill.images.build import build

_ROUNDS = 5
_SUBNET = "10.213.77.0/24"


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each figure."""
    try:
        engine = connect()
    except LabError as error:
        yield f"not measured: {error}"
        return
    build(engine, lambda _said: None, names=["node"])
    engine.close()
    path = folder / "ten.yaml"
    path.write_text(TEN_NODES)
    topology = topology_files.load(path)
    starts, ends, peers = [], [], []
    compose = _compose()
    (folder / "compose.yaml").write_text(
        compose_file(topology, str(path), subnet=_SUBNET, mounted=True)
    )
    for number in range(_ROUNDS):
        begun = time.monotonic()
        with DockerLab(topology, folder / str(number)):
            starts.append(time.monotonic() - begun)
            begun = time.monotonic()
        ends.append(time.monotonic() - begun)
        if compose:
            peers.append(_peer([*compose, "-p", "relaydrillbench"], folder / "compose.yaml"))
    ready, gone = statistics.median(starts), statistics.median(ends)
    if peers:
        peer = statistics.median(peers)
        yield f"compose up --wait       {peer * 1000:7.0f} ms  (median of {_ROUNDS})"
        beside = f"ratio {ready / peer:.2f}, goal 1.00"
    else:
        beside = "no peer: needs Compose v2"
    yield f"{len(topology.nodes)} containers ready     {ready * 1000:7.0f} ms  {beside}"
    slowest = f"slowest {max(ends) * 1000:.0f} ms, goal 2000 ms"
    yield f"all gone                {gone * 1000:7.0f} ms  {slowest}"


def _compose() -> list[str]:
    """Compose v2 as a command; empty where there is none."""
    program = os.environ.get("RELAYDRILL_COMPOSE") or shutil.which("docker-compose")
    if not program:
        return []
    said = subprocess.run([program, "up", "--help"], capture_output=True, text=True, check=False)
    return [program] if "--wait" in said.stdout else []


def _peer(compose: list[str], file: Path) -> float:
    """Seconds until compose says that all is healthy."""
    command = [*compose, "-f", str(file)]
    begun = time.monotonic()
    subprocess.run([*command, "up", "-d", "--wait"], check=True, capture_output=True)
    took = time.monotonic() - begun
    subprocess.run([*command, "down", "-v"], check=True, capture_output=True)
    return took
