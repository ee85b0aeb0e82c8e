"""How soon a lab of ten nodes is ready, and a node is back after a kill.

The peer is an interpreter that imports nothing: what any Python program pays at its start.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from relaydrill import topology_files
from relaydrill.drivers.process import ProcessLab
from relaydrill.drivers.registry import Registry

TEN_NODES = """
extends: sharepoint
name: ten
nodes:
  ht4: {role: hub}
  ht5: {role: hub}
  ht6: {role: hub}
  ht7: {role: hub}
  lb1: {backends: [ht1, ht2, ht3, ht4, ht5, ht6, ht7]}
"""
_ROUNDS = 10


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each figure."""
    path = folder / "ten.yaml"
    path.write_text(TEN_NODES)
    topology = topology_files.load(path)
    floor = _median(lambda: subprocess.run([sys.executable, "-c", ""], check=True))
    starts, backs = [], []
    for number in range(_ROUNDS):
        lab = ProcessLab(topology, folder / str(number), registry=Registry(folder / "registry"))
        begun = time.monotonic()
        with lab:
            starts.append(time.monotonic() - begun)
            lab.kill("ht1")
            begun = time.monotonic()
            lab.restart("ht1")
            backs.append(time.monotonic() - begun)
    ready, back = statistics.median(starts), statistics.median(backs)
    yield f"bare interpreter        {floor * 1000:7.1f} ms  (median of {_ROUNDS})"
    yield (
        f"{len(topology.nodes)} nodes ready          {ready * 1000:7.1f} ms  "
        f"ratio {ready / floor:.1f}, slowest {max(starts) * 1000:.1f} ms, goal 500 ms"
    )
    yield (
        f"back after a kill       {back * 1000:7.1f} ms  "
        f"ratio {back / floor:.1f}, slowest {max(backs) * 1000:.1f} ms, goal 50 ms"
    )


def _median(act: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        begun = time.monotonic()
        act()
        times.append(time.monotonic() - begun)
    return statistics.median(times)
