"""The HAProxy program: start it, and talk to it."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import resource
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from relaydrill.errors import LabError
from relaydrill.kinds.haproxy import KIND
from relaydrill.kinds.haproxy.configuration import STATS_SOCKET
from relaydrill.nodes.program import Program

_OPEN_FOLDERS: Final = Path("/proc/self/fd")
_MOST_CONNECTIONS: Final = 10_000
_SPARE_FILES: Final = 100
_LOG_PIPE_BYTES: Final = 1 << 20
_ANSWERS_S: Final = 5.0
_ENDS_S: Final = 3.0


def most_connections() -> int:
    """How many sessions the limit on open files leaves room for; each takes two of them."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        return _MOST_CONNECTIONS
    return max(1, min(_MOST_CONNECTIONS, (hard - _SPARE_FILES) // 2))


class HaproxyProcess(Program):
    """A HAProxy that runs in a folder of its own; its runtime API is there, too."""

    def __init__(self, folder: Path) -> None:
        super().__init__(KIND.title, ends_s=_ENDS_S)
        self._folder = folder
        self._files: tuple[str, ...] = ()
        self._errors: asyncio.Task[None]

    def configure(self, files: Mapping[str, str]) -> None:
        """Write its configuration.

        Args:
            files: Texts by their paths in its folder, in the order in which it is to read them.
        """
        self._files = (*files,)
        for name, text in files.items():
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())

    async def begin(self, program: str, *, most_connections: int = 0) -> None:
        """Start it. It does not serve yet.

        Args:
            program: Its path.
            most_connections: How many sessions its open files shall be enough for, where its
                configuration does not say; 0: it does.

        Raises:
            OSError: The program cannot be run.
        """

        def prepare() -> None:
            _widen_log_pipe()
            if most_connections:
                _bound_files(most_connections)

        await self.start(
            *(program, "-db", *(word for name in self._files for word in ("-f", name))),
            cwd=self._folder,
            stderr=asyncio.subprocess.PIPE,
            prepare=prepare,
        )
        self._errors = asyncio.get_running_loop().create_task(self._follow_errors())

    def listens(self) -> bool:
        """Whether it answers, and so listens everywhere."""
        with contextlib.suppress(OSError):
            return bool(self._ask("show info"))
        return False

    async def ask(self, command: str) -> str:
        """What the runtime API answers to a command.

        Raises:
            LabError: It does not answer.
        """
        try:
            return await asyncio.to_thread(self._ask, command)
        except OSError as error:
            raise LabError(f"haproxy does not answer {command!r}: {error}") from error

    async def ended(self) -> int:
        """Wait until it has ended and all that it said was read; its exit status."""
        await self._errors
        return await super().ended()

    def _ask(self, command: str) -> str:
        with _short_path(self._folder) as folder, socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(_ANSWERS_S)
            connection.connect(f"{folder}/{STATS_SOCKET}")
            connection.sendall(command.encode() + b"\n")
            with connection.makefile("r", encoding="utf-8", errors="replace") as answer:
                return answer.read().strip()

    async def _follow_errors(self) -> None:
        """Pass its standard error on, and keep the end of it."""
        async for line in self.error_lines():
            self.note(line)


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


def _bound_files(most_connections: int) -> None:
    """Without a bound of its own HAProxy takes this one, and memory for all of it."""
    limit = 2 * most_connections + _SPARE_FILES
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def _widen_log_pipe() -> None:
    """HAProxy drops a log line rather than wait for its reader."""
    if hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):
            fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, _LOG_PIPE_BYTES)
