"""The harness's end of the fork server (see `relaydrill.nodes.fork_server`)."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from relaydrill.errors import LabError

_START_S: Final = 15.0
_END_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Exit:
    """A node's program has ended. ``status`` is as subprocess has it: negative for a signal."""

    node: str
    pid: int
    status: int

    @property
    def how(self) -> str:
        """In words."""
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return f"exit status {self.status}"


class ForkServerClient:
    """A running fork server. A context manager: leaving it ends the server and all of its nodes.

    Attributes:
        on_start: Called with the name and process number of each node that is started.
    """

    def __init__(self) -> None:
        self.on_start: Callable[[str, int], None] = lambda _name, _pid: None
        self._changed = threading.Condition()
        self._running: dict[str, int] = {}
        self._started: dict[str, int] = {}
        self._asked: set[str] = set()
        self._exits: list[Exit] = []
        self._ended = False
        self._process: subprocess.Popen[bytes]
        self._reader: threading.Thread

    def __enter__(self) -> Self:
        # ``-P``: no file of the user's passes for a module.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "relaydrill.nodes", "fork-server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, name="fork-server", daemon=True)
        self._reader.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()
        assert self._process.stdout
        self._process.stdout.close()

    @property
    def pid(self) -> int:
        """Process number of the fork server itself."""
        return self._process.pid

    def start(self, node: str, settings: dict[str, Any], log: Path) -> int:
        """Fork a node, and return its process number; it is not ready yet.

        Raises:
            LabError: The fork server is gone, or did not answer in time.
        """
        if node not in self._asked:  # whoever waited for it may have been interrupted
            with self._changed:
                self._started.pop(node, None)
            self._ask({"start": node, "config": settings, "log": str(log)})
            self._asked.add(node)
        with self._changed:
            answered = self._changed.wait_for(
                lambda: node in self._started or self._ended, timeout=_START_S
            )
            pid = self._started.get(node)
        if not answered or pid is None:
            raise LabError(f"the fork server did not start {node} within {_START_S:g} s")
        self._asked.discard(node)
        self.on_start(node, pid)
        return pid

    def pid_of(self, node: str) -> int | None:
        """Process number of a node that runs."""
        with self._changed:
            return self._running.get(node)

    def exits(self) -> list[Exit]:
        """Every end of a node so far."""
        with self._changed:
            return list(self._exits)

    def _ask(self, request: dict[str, Any]) -> None:
        assert self._process.stdin
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise LabError("the fork server has ended; its message stands above") from None

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            event = json.loads(line)
            with self._changed:
                if "started" in event:
                    self._running[event["started"]] = event["pid"]
                    self._started[event["started"]] = event["pid"]
                elif self._running.get(event["exited"]) == event["pid"]:
                    del self._running[event["exited"]]
                    self._exits.append(Exit(event["exited"], event["pid"], event["status"]))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._running.clear()
            self._changed.notify_all()
