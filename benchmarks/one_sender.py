"""Messages a second out of one sender, its journal on; a connection for each.

It sends to Postfix's smtp-sink. The peers send to the same sink in the same run: Postfix's
smtp-source, and SMTPBench (PyPI: smtpbench) where it is installed. All are given the same number of
connections at a time.
"""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from relaydrill.journal import Journal, read_events
from relaydrill.nodes import config
from relaydrill.nodes.sending.sender import SenderService
from relaydrill.wait import wait_for

_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", str(Path(sys.executable).parent)])
_SIZE = 2000
_MESSAGES = 4000
_PARALLEL = 10
_ADDRESS, _PORT = "127.99.28.1", 2525
_SINK = f"{_ADDRESS}:{_PORT}"
_RECIPIENT = "user@contoso.com"


def run(folder: Path) -> Iterator[str]:
    """Measure the sender and its peers, and yield their figures and the ratios."""
    source, sink = (shutil.which(each, path=_PATH) for each in ("smtp-source", "smtp-sink"))
    if not source or not sink:
        yield "not measured: needs smtp-source and smtp-sink (apt-get install postfix)"
        return
    bench = shutil.which("smtpbench", path=_PATH)
    as_user = ["-u", "nobody"] if os.geteuid() == 0 else []
    with subprocess.Popen([sink, *as_user, _SINK, "200"], stderr=subprocess.DEVNULL) as running:
        try:
            wait_for(lambda: _delivers(source), what="smtp-sink", deadline_s=10.0, every_s=0.1)
            ours, cpu = _rate(lambda: asyncio.run(_send(folder)), resource.RUSAGE_SELF)
            sent = sum(each.kind == "outcome" for each in read_events(folder / "bench.jsonl"))
            assert sent == _MESSAGES, f"only {sent} outcomes are in the journal"
            yield f"our sender                {ours:7.0f} messages/s, {cpu:4.0f} us of CPU each"
            for name, command in _peers(source, bench, folder):
                peer, cpu = _rate(lambda c=command: _do(c), resource.RUSAGE_CHILDREN)  # type: ignore[misc]
                yield (
                    f"{name:26}{peer:7.0f} messages/s, {cpu:4.0f} us of CPU each;"
                    f" ratio {ours / peer:.2f}"
                )
        finally:
            running.terminate()
    if not bench:
        yield "SMTPBench not measured: pip install smtpbench"


def _delivers(source: str) -> bool:
    one = [source, "-m", "1", _SINK]
    return subprocess.run(one, stderr=subprocess.DEVNULL, check=False).returncode == 0


def _rate(work: Callable[[], object], whose: int) -> tuple[float, float]:
    """Messages a second, and microseconds of CPU for each."""
    before, begin = _cpu_s(whose), time.monotonic()
    work()
    took = time.monotonic() - begin
    return _MESSAGES / took, 1e6 * (_cpu_s(whose) - before) / _MESSAGES


def _cpu_s(whose: int) -> float:
    used = resource.getrusage(whose)
    return used.ru_utime + used.ru_stime


def _peers(source: str, bench: str | None, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """What each peer is called, and how it is run."""
    command = [source, "-l", str(_SIZE), "-m", str(_MESSAGES), "-s", str(_PARALLEL)]
    yield "smtp-source", [*command, "-t", _RECIPIENT, _SINK]
    if bench:
        settings = {
            "recipient": _RECIPIENT,
            "lb_host": _ADDRESS,
            "port": _PORT,
            "threads": _PARALLEL,
            "messages": _MESSAGES // _PARALLEL,
            "tls_mode": "none",
            "logfile_output": folder / "logs",
        }
        yield "SMTPBench", [bench, *(f"{name}={value}" for name, value in settings.items())]


def _do(command: list[str]) -> None:
    subprocess.run(
        command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300
    )


async def _send(folder: Path) -> None:
    """Send all messages, as fast as they are taken over so many connections at once."""
    path = folder / "bench.jsonl"
    journal = Journal.open("bench", path)
    settings = config.Sender(
        name="bench",
        fqdn="bench.contoso.com",
        address="",
        control=config.Control(address="127.0.0.1", port=1, token="none"),
        journal=str(path),
        hosts={"mail.contoso.com": (_ADDRESS,)},
        ports={_ADDRESS: {25: _PORT}},
        ca="",
        login=config.Login(user="", password=""),
        most_at_once=_PARALLEL,
    )
    sender = SenderService(settings, journal)
    load = {
        "drill": "bench",
        "flow": "relay",
        "persona": "single_host",
        "host": "mail.contoso.com",
        "port": 25,
        "rate": 100_000.0,
        "sender": "app@contoso.com",
        "recipient": _RECIPIENT,
        "size": _SIZE,
        "begin": time.monotonic(),
        "most": _MESSAGES,
    }
    await sender.handle("start", load)
    await sender.handle("finish", {"flow": "relay"})
    await sender.stop()
    journal.close()
