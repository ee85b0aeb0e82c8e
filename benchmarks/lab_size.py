"""How soon a lab of 50 nodes and 200 senders is ready, and what memory it takes.

Twelve hubs for each of two balancers, ten Edge servers, ten mailbox servers, four name servers, and
200 sending hosts. The memory is that of all processes together, pages that they share counted once.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import yaml

from benchmarks.memory import proportional_bytes
from relaydrill import topology_files
from relaydrill.drivers.process import ProcessLab
from relaydrill.drivers.registry import Registry
from relaydrill.topology import Topology

_ROUNDS = 5
_SENDERS = 200
_GOAL_S = 3.0
_GOAL_MIB = 2048


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each figure."""
    path = folder / "large.yaml"
    path.write_text(yaml.safe_dump(design()))
    topology = topology_files.load(path)
    starts, works, sizes = [], [], []
    for number in range(_ROUNDS):
        took, cpu, used = _started(topology, folder / str(number), Registry(folder / "registry"))
        starts.append(took)
        works.append(cpu)
        sizes.append(used)
    nodes = len(topology.nodes) - _SENDERS
    yield (
        f"{nodes} nodes and {_SENDERS} senders ready: {sorted(starts)[_ROUNDS // 2]:5.2f} s "
        f"(median of {_ROUNDS}), slowest {max(starts):.2f} s, goal {_GOAL_S:.0f} s; "
        f"{sorted(works)[_ROUNDS // 2]:.2f} s of CPU"
    )
    yield f"memory of all of them: {max(sizes) / 2**20:5.0f} MiB, goal {_GOAL_MIB} MiB"


def design() -> dict[str, object]:
    """The topology, as its file would have it."""
    hubs = [f"ht{number}" for number in range(24)]
    edges = [f"edge{number}" for number in range(10)]
    boxes = {f"mbx{number}": {"domains": [f"d{number}.contoso.com"]} for number in range(10)}
    servers: dict[str, dict[str, Any]] = {name: {"role": "hub"} for name in hubs}
    servers |= {name: {"role": "edge"} for name in edges}
    servers |= {name: {"role": "mailbox", **box} for name, box in boxes.items()}
    servers |= {f"ns{number}": {"role": "dns"} for number in range(4)}
    for number, behind in enumerate((hubs[:12], hubs[12:])):
        vips = {f"mail{number}": {"ports": [25]}}
        servers[f"lb{number}"] = {"role": "balancer", "backends": behind, "vips": vips}
    hosts = [
        {"host": f"mx{number}.contoso.com", "preference": 10, "addresses": edges[number::5]}
        for number in range(5)
    ]
    return {
        "name": "large",
        "clock": 10,
        "nodes": servers | {f"app{number}": {"role": "sender"} for number in range(_SENDERS)},
        "names": {"mail.contoso.com": ["mail0", "mail1"]},
        "zones": {"d0.contoso.com": {"mx": hosts}},
        "flows": {
            f"flow{number}": {
                "from": f"app{number}",
                "persona": "rfc5321" if number % 2 else "single_host",
                "to": "d0.contoso.com" if number % 2 else "mail.contoso.com",
                "rate": "1/s",
                "recipient": "user@d0.contoso.com",
            }
            for number in range(_SENDERS)
        },
    }


def _started(topology: Topology, directory: Path, registry: Registry) -> tuple[float, float, int]:
    """Seconds until a lab is ready, of them of CPU, and the memory that it then takes."""
    lab = ProcessLab(topology, directory, registry=registry)
    begun, worked = time.monotonic(), time.process_time()
    with lab:
        took, cpu = time.monotonic() - begun, time.process_time() - worked
        mine = psutil.Process(os.getpid())
        times = [each.cpu_times() for each in mine.children(recursive=True)]
        cpu += sum(each.user + each.system for each in times)
        used = sum(proportional_bytes(each) for each in mine.children())
    return took, cpu, used
