"""Nodes that run as processes of this machine, forked by one fork server."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from relaydrill.drivers.fork_server_client import ForkServerClient
from relaydrill.drivers.registry import Registry
from relaydrill.errors import LabError, WaitTimeout
from relaydrill.nodes.control import ControlClient
from relaydrill.wait import wait_for

_READY_S: Final = 15.0
_GONE_S: Final = 5.0
_STOP_S: Final = 10.0
_ROOM_BYTES: Final = 65_536
_LAST_LINES: Final = 8
"""How a real program ended is one line, and its last words are six; as in the Docker lab."""


class LocalNodes:
    """The processes of one lab. A context manager; leaving it ends them all.

    Args:
        lab: Its name, for the registry.
        directory: Where the nodes' logs go.
        configs: What each node is told, by its name.
        control: A node's control channel.
        registry: Where what runs is noted down, for ``relaydrill clean``.
    """

    def __init__(
        self,
        lab: str,
        directory: Path,
        configs: Mapping[str, dict[str, Any]],
        control: Callable[[str], ControlClient],
        registry: Registry,
    ) -> None:
        self._lab = lab
        self._directory = directory
        self._configs = configs
        self._control = control
        self._registry = registry
        self._fork_server: ForkServerClient
        self._stack = contextlib.ExitStack()
        self._told_to_end: set[int] = set()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._fork_server = stack.enter_context(ForkServerClient())
            record = stack.enter_context(self._registry.record(self._lab, self._directory))
            record.add("fork-server", self._fork_server.pid)
            self._fork_server.on_start = record.add
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def start(self, nodes: Iterable[str]) -> None:
        """Start nodes side by side, and return when all are ready.

        Raises:
            LabError: One did not start; the last lines of its log are in the message.
        """
        started = list(nodes)
        for node in started:
            self._fork_server.start(node, self._configs[node], self.log(node))
        for node in started:
            self._await_ready(node)

    def log(self, node: str) -> Path:
        """The file with what a node's program printed."""
        return self._directory / "logs" / f"{node}.log"

    def pid(self, node: str) -> int:
        """Process number of a node's program, which also leads its process group.

        Raises:
            LabError: It does not run.
        """
        pid = self._fork_server.pid_of(node)
        if pid is None:
            raise LabError(f"{node} is not running")
        return pid

    def alive(self, node: str) -> bool:
        """Whether a node's program runs; one that is paused counts as running."""
        return self._fork_server.pid_of(node) is not None

    def deaths(self) -> list[str]:
        """Nodes that ended without having been told to."""
        return [
            f"{ended.node}: {ended.how}{self._last_words(ended.node)}"
            for ended in self._fork_server.exits()
            if ended.pid not in self._told_to_end
        ]

    def kill(self, node: str) -> None:
        """End a node's program without warning (SIGKILL)."""
        self._end(node, self.pid(node), signal.SIGKILL, _GONE_S)

    def stop(self, node: str) -> None:
        """End a node's program in good order (SIGTERM)."""
        self._end(node, self.pid(node), signal.SIGTERM, _STOP_S)

    def restart(self, node: str) -> None:
        """Start a node's program again; one that was told to end, and still runs, ends first.

        Raises:
            LabError: It runs and is not to end, or it does not start.
        """
        pid = self._fork_server.pid_of(node)
        if pid is not None:
            if pid not in self._told_to_end:
                raise LabError(f"{node} is running already")
            self._end(node, pid, signal.SIGKILL, _GONE_S)  # whoever told it was cut short
        self.start([node])

    def send_signal(self, node: str, number: signal.Signals) -> None:
        """Send a signal to a node's program and all that it has started."""
        os.killpg(self.pid(node), number)

    def _await_ready(self, node: str) -> None:
        control = self._control(node)

        def ready_or_dead() -> bool:
            return control.answers() or not self.alive(node)

        try:
            wait_for(ready_or_dead, what=f"{node} to be ready", deadline_s=_READY_S, every_s=0.002)
        except WaitTimeout as error:
            raise LabError(f"{error}{self._last_words(node)}") from None
        if not self.alive(node):
            raise LabError(f"{node} ended at its start{self._last_words(node)}")

    def _last_words(self, node: str) -> str:
        with contextlib.suppress(OSError):
            lines = self.log(node).read_text(errors="replace").splitlines()[-_LAST_LINES:]
            if lines:
                return "; the end of its log:\n  " + "\n  ".join(lines)
        # A node that cannot even write its log has nothing to say.
        if shutil.disk_usage(self._directory).free < _ROOM_BYTES:
            return f": No space left on device under {self._directory}"
        return ""

    def _end(self, node: str, pid: int, number: signal.Signals, deadline_s: float) -> None:
        self._told_to_end.add(pid)
        with contextlib.suppress(ProcessLookupError):  # it has ended already
            os.killpg(pid, number)
            if number is not signal.SIGKILL:
                os.killpg(pid, signal.SIGCONT)  # a frozen program could not hear it
        wait_for(
            lambda: self._fork_server.pid_of(node) != pid,
            what=f"{node} to end",
            deadline_s=deadline_s,
            every_s=0.001,
        )
