"""Messages a second into one hub on one core, its journal and its queue on; a connection for each.

The peer is Postfix's smtp-sink on the same core in the same run, fed by the same smtp-source. A hub
that delivers has a second job on its core; with its mailbox server away it only takes and keeps.
Beside them a program on the hub's event loop that says yes to everything: what no server in Python
can go below.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil

from relaydrill import topology_files
from relaydrill.drivers.process import ProcessLab
from relaydrill.drivers.registry import Registry
from relaydrill.journal import read_events
from relaydrill.topology import Topology
from relaydrill.wait import wait_for

_PATH = os.environ.get("PATH", "") + ":/usr/sbin"
_SIZE = 2000
_MESSAGES = 4000
_PARALLEL = 10
_SINK = "127.99.27.1:2525"
_HUB = """\
name: one
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
"""


def run(folder: Path) -> Iterator[str]:
    """Measure the hub and the peer, and yield their figures and the ratios."""
    source, sink = (shutil.which(each, path=_PATH) for each in ("smtp-source", "smtp-sink"))
    if not source or not sink or (os.cpu_count() or 1) < 2:
        yield "not measured: needs two cores, smtp-source and smtp-sink (apt-get install postfix)"
        return
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    peer, peer_cpu = _peer(source, [sink, *as_user, _SINK, "200"])
    yield f"smtp-sink                 {peer:7.0f} messages/s, {peer_cpu:4.0f} us of CPU each"
    rate, cpu = _peer(source, [sys.executable, "-m", "benchmarks.yes_to_everything", _SINK])
    yield f"yes to everything         {rate:7.0f} messages/s, {cpu:4.0f} us of CPU each"
    topology = topology_files.parse(_HUB, "one.yaml")
    for told, delivers in (("that takes and keeps", False), ("that delivers, too", True)):
        rate, cpu = _hub(folder / f"hub{delivers}", topology, source, delivers=delivers)
        yield (
            f"a hub {told:20}{rate:7.0f} messages/s, {cpu:4.0f} us of CPU each; "
            f"ratio {rate / peer:.2f}, of CPU {peer_cpu / cpu:.2f}"
        )


def _fed(source: str, where: str, pid: int, messages: int = _MESSAGES) -> tuple[float, float]:
    """Messages a second that smtp-source gets rid of, and microseconds of a process for each."""
    before = _cpu_s(pid)
    command = ["taskset", "-c", "1", source, "-l", str(_SIZE), "-m", str(messages)]
    command += ["-s", str(_PARALLEL), "-f", "app@contoso.com", "-t", "user@contoso.com", where]
    begin = time.monotonic()
    subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
    took = time.monotonic() - begin
    return messages / took, 1e6 * (_cpu_s(pid) - before) / messages


def _cpu_s(pid: int) -> float:
    used = psutil.Process(pid).cpu_times()
    return used.user + used.system


def _peer(source: str, command: list[str]) -> tuple[float, float]:
    with subprocess.Popen(["taskset", "-c", "0", *command], stderr=subprocess.DEVNULL) as running:
        one = [source, "-m", "1", _SINK]
        try:
            wait_for(
                lambda: subprocess.run(one, stderr=subprocess.DEVNULL).returncode == 0,
                what=f"{command[0]} to listen",
                deadline_s=10.0,
                every_s=0.1,
            )
            return _fed(source, _SINK, running.pid)
        finally:
            running.terminate()


def _hub(folder: Path, topology: Topology, source: str, *, delivers: bool) -> tuple[float, float]:
    with ProcessLab(topology, folder, registry=Registry(folder.with_suffix(".reg"))) as lab:
        if not delivers:
            lab.kill("mbx")
        pid = lab.pid("ht1")
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {0})
        where = lab.reachable("ht1", 25)
        _fed(source, str(where), pid, 200)  # warm
        found = _fed(source, str(where), pid)
        accepted = sum(each.kind == "accepted" for each in read_events(lab.journal("ht1")))
        assert accepted == _MESSAGES + 200, f"only {accepted} promises are in the journal"
        return found
