"""Messages a second: sender, balancer, three hubs and mailbox with the ledger on.

The peer is made of C programs in the same run: smtp-source, HAProxy, and three of Postfix's
smtp-sink, with the same message size and a connection for each message.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from relaydrill import topology_files
from relaydrill.drivers.process import ProcessLab
from relaydrill.drivers.registry import Registry
from relaydrill.journal import Journal, read_events
from relaydrill.ledger import Account, join
from relaydrill.nodes import config
from relaydrill.nodes.sending.sender import SenderService
from relaydrill.topology import Topology
from relaydrill.wait import wait_for

_PATH = os.environ.get("PATH", "") + ":/usr/sbin"
_SIZE = 2000
_MESSAGES = 3000
_PARALLEL = 10
_PREFIX = "127.99.26"


def run(folder: Path) -> Iterator[str]:
    """Measure both, and yield their figures and the ratio."""
    ours, counted = _ours(folder / "plain", topology_files.load("sharepoint"))
    yield f"relaydrill, journals on   {ours:7.0f} messages/s ({counted} of {_MESSAGES} delivered)"
    logged, _ = _ours(folder / "logged", _with_logs(topology_files.load("sharepoint")))
    yield f"with Exchange's logs, too {logged:7.0f} messages/s (ratio {logged / ours:.2f})"
    peer = _peer(folder)
    if peer is None:
        yield "peer not measured: needs smtp-source, smtp-sink and haproxy (apt-get install)"
        return
    yield f"the C programs            {peer:7.0f} messages/s"
    yield f"ratio                     {ours / peer:7.2f}  (a later goal is 0.5)"


def _with_logs(topology: Topology) -> Topology:
    """The same with logs on all of its hubs."""
    hubs = {name: hub.model_copy(update={"logs": True}) for name, hub in topology.hubs.items()}
    return topology.model_copy(update={"nodes": {**topology.nodes, **hubs}})


def _ours(folder: Path, topology: Topology) -> tuple[float, int]:
    folder.mkdir()
    journal = Journal.open("bench", folder / "bench.jsonl")
    with ProcessLab(topology, folder / "lab", registry=Registry(folder / "registry")) as lab:
        settings = config.Sender.model_validate(
            lab.settings("app") | {"most_at_once": _PARALLEL, "name": "bench"}
        )
        begin = time.monotonic()
        asyncio.run(_send(SenderService(settings, journal), begin))
        rate = _MESSAGES / (time.monotonic() - begin)
        hubs = [lab.control(hub) for hub in topology.hubs]
        wait_for(
            lambda: not any(hub("queue_length") for hub in hubs),
            what="the queues to drain",
            deadline_s=60.0,
        )
        paths = [folder / "bench.jsonl", *(lab.journal(node) for node in topology.nodes)]
        ledger = join(chain.from_iterable(read_events(path) for path in paths))
    journal.close()
    return rate, ledger.accounts("relay").get(Account.DELIVERED, 0)


async def _send(sender: SenderService, begin: float) -> None:
    """Send all messages, as fast as the tier takes them over so many connections at once."""
    load = {
        "drill": "bench",
        "flow": "relay",
        "persona": "single_host",
        "host": "mail.contoso.com",
        "port": 25,
        "rate": 100_000.0,
        "sender": "app@contoso.com",
        "recipient": "user@contoso.com",
        "size": _SIZE,
        "begin": begin,
        "most": _MESSAGES,
    }
    await sender.handle("start", load)
    await sender.handle("finish", {"flow": "relay"})


def _peer(folder: Path) -> float | None:
    programs = [shutil.which(each, path=_PATH) for each in ("smtp-source", "smtp-sink", "haproxy")]
    if not all(programs):
        return None
    source, sink, haproxy = (str(each) for each in programs)
    config = folder / "haproxy.cfg"
    servers = "\n".join(f"  server s{n} {_PREFIX}.{n}:2525" for n in (1, 2, 3))
    config.write_text(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        f"listen mail\n  bind {_PREFIX}.10:2525\n  balance roundrobin\n{servers}\n"
    )
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    running = [
        subprocess.Popen([sink, *as_user, f"{_PREFIX}.{n}:2525", "200"], stderr=subprocess.DEVNULL)
        for n in (1, 2, 3)
    ]
    running.append(subprocess.Popen([haproxy, "-db", "-f", str(config)], stderr=subprocess.DEVNULL))
    # Without -d it closes its connection after each message.
    command = [source, "-l", str(_SIZE), "-m", str(_MESSAGES), "-s", str(_PARALLEL)]
    command.append(f"{_PREFIX}.10:2525")

    def delivers() -> bool:
        one = [source, "-m", "1", f"{_PREFIX}.10:2525"]
        return subprocess.run(one, stderr=subprocess.DEVNULL, check=False).returncode == 0

    try:
        wait_for(delivers, what="the peer to be ready", deadline_s=10.0, every_s=0.1)
        begin = time.monotonic()
        subprocess.run(command, check=True)
        return _MESSAGES / (time.monotonic() - begin)
    finally:
        for program in running:
            program.terminate()
        for program in running:
            program.wait()
