"""Locust workers as a user starts them: processes of their own, with a locustfile."""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from relaydrill.wait import wait_for

ROOT: Final = Path(__file__).parents[1]
DRILL: Final = ROOT / "docs" / "python" / "locust" / "drill.py"
"""The locustfile of the documents."""

# Not importorskip: importing Locust would change the whole test process.
needs_locust: Final = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None,
    reason="Locust is not installed; to run this: pip install 'relaydrill[locust]'",
)

_STARTS_S: Final = 60.0
_ENDS_S: Final = 30.0


class Worker:
    """One worker.

    Args:
        port: Its master's, on this machine.
        log: Where what it prints goes.
        locustfile: What it runs.
    """

    def __init__(self, port: int, log: Path, locustfile: Path = DRILL) -> None:
        self._log = log
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "locust", "-f", str(locustfile)),
                    *("--worker", "--master-port", str(port)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        """What it has printed."""
        return self._log.read_text()

    def is_up(self) -> bool:
        """Whether it has begun, or ended."""
        return "Starting Locust" in self.said or self.process.poll() is not None

    def ended(self, within_s: float = _ENDS_S) -> int:
        """Wait until it has ended by itself; its exit status.

        Raises:
            subprocess.TimeoutExpired: It has not.
        """
        return self.process.wait(within_s)

    def end(self) -> None:
        """End it at once, if it is there still."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def workers(
    count: int, port: int, folder: Path, locustfile: Path = DRILL
) -> Iterator[list[Worker]]:
    """So many workers that run already: importing Locust takes its time; none of them is left."""
    with contextlib.ExitStack() as stack:
        started = []
        for number in range(count):
            worker = Worker(port, folder / f"worker{number}.log", locustfile)
            stack.callback(worker.end)
            started.append(worker)
        for worker in started:
            wait_for(worker.is_up, what="a Locust worker to be up", deadline_s=_STARTS_S)
        yield started


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
