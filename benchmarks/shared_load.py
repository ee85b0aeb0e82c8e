"""Two Locust workers: is the schedule kept, how exact are the times, and what does a message cost?

All of it is on this machine, with a C program for a server (smtp-sink), so that a rate which holds
here holds with workers of their own machines. No peer does the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psutil

from relaydrill.journal import Journal, read_events
from relaydrill.nodes import config
from relaydrill.nodes.sending.shared_sender import SharedSender
from relaydrill.smtp import Result

_PATH: Final = os.environ.get("PATH", "") + ":/usr/sbin"
_LOCUSTFILE: Final = Path(__file__).parents[1] / "docs" / "python" / "locust" / "drill.py"
_RATES: Final = (100, 300, 700)
_LENGTH_S: Final = 10.0
_SIZE: Final = 2000
_WORKERS: Final = 2


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each rate."""
    program = shutil.which("smtp-sink", path=_PATH)
    if program is None:
        yield "not measured: needs smtp-sink (apt-get install postfix)"
        return
    for rate in _RATES:
        with contextlib.ExitStack() as stack:
            sink, master = _free_port(), _free_port()
            as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
            stack.enter_context(_running([program, *as_user, f"127.0.0.1:{sink}", "1000"]))
            worker = [sys.executable, "-m", "locust", "-f", str(_LOCUSTFILE), "--worker"]
            workers = [
                stack.enter_context(_running([*worker, "--master-port", str(master)]))
                for _ in range(_WORKERS)
            ]
            path = folder / f"{rate}.jsonl"
            spent_s = asyncio.run(_send(_settings(sink, master), path, rate, workers))
            yield f"{rate:4d}/s  {_told(path, spent_s)}"


@contextlib.contextmanager
def _running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _settings(sink: int, master: int) -> config.Sender:
    return config.Sender(
        name="app",
        fqdn="app.contoso.com",
        address="127.0.0.1",
        control=config.Control(address="127.0.0.1", port=1, token=""),
        journal="",
        hosts={"sink": ("127.0.0.1",)},
        ports={"127.0.0.1": {25: sink}},
        ca="",
        login=config.Login(user="", password=""),
        workers=_WORKERS,
        master=config.Address(address="127.0.0.1", port=master),
    )


async def _send(
    settings: config.Sender, path: Path, rate: int, workers: list[subprocess.Popen[bytes]]
) -> tuple[float, float]:
    """Seconds of processor that the workers spent, and that node and master spent."""
    journal = Journal.open("app", path)
    sender = SharedSender(settings, journal)
    await sender.start()
    node = psutil.Process()
    masters = [each for each in node.children() if "relaydrill.locust.master" in each.cmdline()]
    theirs, ours = [psutil.Process(worker.pid) for worker in workers], [node, *masters]
    before = _spent_s(theirs), _spent_s(ours)
    load = {
        "drill": f"1.{time.monotonic_ns():x}",
        "flow": "relay",
        "persona": "single_host",
        "host": "sink",
        "port": 25,
        "rate": float(rate),
        "sender": "app@contoso.com",
        "recipient": "user@contoso.com",
        "size": _SIZE,
        "begin": time.monotonic(),
        "most": int(rate * _LENGTH_S),
    }
    await sender.handle("start", load)
    await sender.handle("finish", {"flow": "relay"})
    spent = _spent_s(theirs) - before[0], _spent_s(ours) - before[1]
    await sender.stop()
    journal.close()
    return spent


def _spent_s(processes: list[psutil.Process]) -> float:
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system for each in times)


def _told(path: Path, spent_s: tuple[float, float]) -> str:
    events = list(read_events(path))
    outcomes = [event.detail for event in events if event.kind == "outcome"]
    accepted = sum(each["result"] == Result.ACCEPTED for each in outcomes)
    slack = sorted(float(each["slack_s"]) * 1000 for each in outcomes)
    late = sorted(
        (event.mono - float(event.detail["scheduled"])) * 1000
        for event in events
        if event.kind == "attempt"
    )
    workers_ms, ours_ms = (each * 1000 / len(outcomes) for each in spent_s)
    return (
        f"{accepted} of {len(outcomes)} accepted; behind schedule {late[len(late) // 2]:.1f} ms in "
        f"the median, {late[-1]:.0f} ms at most; slack {slack[len(slack) // 2]:.1f} and "
        f"{slack[-1]:.0f} ms; a message costs its worker {workers_ms:.2f} ms of processor, node and"
        f" master {ours_ms:.2f} ms"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
