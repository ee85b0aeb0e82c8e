"""The HAProxy program as a child of this process: start it, talk to it, end it."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import fcntl
import os
import resource
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Final

from relaydrill.errors import LabError
from relaydrill.nodes import child
from relaydrill.nodes.haproxy.configuration import STATS_SOCKET
from relaydrill.wait import wait_for

_OPEN_FOLDERS: Final = Path("/proc/self/fd")
_MOST_CONNECTIONS: Final = 10_000
_SPARE_FILES: Final = 100
_LOG_PIPE_BYTES: Final = 1 << 20
_SERVES_S: Final = 10.0
_ANSWERS_S: Final = 5.0
_ENDS_S: Final = 3.0
_LAST_WORDS: Final = 4


def most_connections() -> int:
    """How many sessions the limit on open files leaves room for; each takes two of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(1, min(_MOST_CONNECTIONS, (hard - _SPARE_FILES) // 2))


class HaproxyProcess:
    """A HAProxy that runs in the folder of its configuration file. Made by `start`.

    Attributes:
        last_words: What it printed last on its standard error.
    """

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self.last_words: collections.deque[str] = collections.deque(maxlen=_LAST_WORDS)
        self._process = process
        self._folder = folder
        self._errors: asyncio.Task[None]

    @classmethod
    async def start(cls, program: str, configuration: Path) -> HaproxyProcess:
        """Start it, in the process group of this process. It does not serve yet.

        Raises:
            OSError: The program cannot be run.
        """
        process = await asyncio.create_subprocess_exec(
            program,
            "-db",
            "-f",
            configuration.name,
            cwd=configuration.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            preexec_fn=_in_the_child(),
        )
        started = cls(process, configuration.parent)
        started._errors = asyncio.get_running_loop().create_task(started._follow_errors())
        return started

    async def serves(self) -> bool:
        """Wait until it listens everywhere; False if it has ended instead.

        Raises:
            WaitTimeout: It does neither.
        """

        def serves_or_has_ended() -> bool:
            with contextlib.suppress(OSError):
                return bool(self._ask("show info"))
            return self._process.returncode is not None

        await asyncio.to_thread(
            wait_for,
            serves_or_has_ended,
            what="haproxy to serve",
            deadline_s=_SERVES_S,
            every_s=0.005,
            diagnosis=lambda: "; ".join(self.last_words) or "it says nothing",
        )
        return self._process.returncode is None

    async def ask(self, command: str) -> str:
        """What the runtime API answers to a command.

        Raises:
            LabError: It does not answer.
        """
        try:
            return await asyncio.to_thread(self._ask, command)
        except OSError as error:
            raise LabError(f"haproxy does not answer {command!r}: {error}") from error

    async def log_lines(self) -> AsyncIterator[str]:
        """What it logs, until it ends."""
        assert self._process.stdout
        while line := await self._process.stdout.readline():
            yield line.decode("utf-8", "replace")

    async def ended(self) -> int:
        """Wait until it has ended and all that it said was read; its exit status."""
        await self._errors
        return await self._process.wait()

    async def end(self) -> None:
        """End it at once, which cuts its sessions, as those of any node are cut that ends."""
        await child.end(self._process, patience_s=_ENDS_S)

    def _ask(self, command: str) -> str:
        with _short_path(self._folder) as folder, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWERS_S)
            connection.connect(f"{folder}/{STATS_SOCKET}")
            connection.sendall(command.encode() + b"\n")
            with connection.makefile("r", encoding="utf-8", errors="replace") as answer:
                return answer.read().strip()

    async def _follow_errors(self) -> None:
        """Pass its standard error on, and keep the end of it."""
        assert self._process.stderr
        while line := await self._process.stderr.readline():
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self.last_words.append(text)
            print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def _short_path(folder: Path) -> Iterator[str]:
    """A path of ``folder`` that leaves room in a socket's address, where the system has one."""
    if not _OPEN_FOLDERS.is_dir():
        yield str(folder)
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"{_OPEN_FOLDERS}/{descriptor}"
    finally:
        os.close(descriptor)


def _in_the_child() -> Callable[[], None]:
    """What the child does before it becomes HAProxy."""
    dies_with_parent = child.dies_with_parent()

    def prepare() -> None:
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            # HAProxy drops a log line rather than wait for its reader.
            with contextlib.suppress(OSError):
                fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, _LOG_PIPE_BYTES)
        dies_with_parent()

    return prepare
