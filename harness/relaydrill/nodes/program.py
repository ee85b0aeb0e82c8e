"""A real program as a child of a node: found, started, listened to, ended."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import shutil
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final

from relaydrill.errors import LabError
from relaydrill.parent_death import dies_with_parent
from relaydrill.wait import wait_for

_SYSTEM_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_LAST_WORDS: Final = 6
_LONGEST_LINE: Final = 1024 * 1024
_SERVES_S: Final = 15.0
_LOOK_S: Final = 0.005


def find_program(program: str, *, node: str, kind: str, package: str) -> str:
    """The path of a program: on the PATH, or where systems keep what only root runs.

    Args:
        program: Its name or path.
        node: Who needs it.
        kind: Of that node.
        package: Where the program comes from.

    Raises:
        LabError: It is not installed.
    """
    folders = [*os.environ.get("PATH", os.defpath).split(os.pathsep), *_SYSTEM_FOLDERS]
    found = shutil.which(program, path=os.pathsep.join(folders))
    if found is None:
        raise LabError(
            f"{node} is of kind {kind} and there is no program {program}: install it"
            f" (apt-get install {package}), or write kind: fake, which needs nothing"
        )
    return found


class Program:
    """A program as a child of this process.

    Args:
        title: What people call it.
        ends_s: Wall seconds that it has to end in good order, before it is killed.

    Attributes:
        last_words: The end of what it said, as far as it was noted.
    """

    def __init__(self, title: str, *, ends_s: float = 5.0) -> None:
        self.title = title
        self.last_words: collections.deque[str] = collections.deque(maxlen=_LAST_WORDS)
        self._ends_s = ends_s
        self._process: asyncio.subprocess.Process

    async def start(
        self,
        *command: str,
        cwd: Path | None = None,
        stdin: int = DEVNULL,
        stdout: int = PIPE,
        stderr: int | None = STDOUT,
        prepare: Callable[[], None] | None = None,
        own_session: bool = False,
    ) -> None:
        """Start it, in the process group of this process; it dies with this process.

        Args:
            command: The program and its arguments.
            cwd: The folder that it runs in.
            stdin: As `subprocess` has it.
            stdout: As `subprocess` has it.
            stderr: As `subprocess` has it.
            prepare: What the child does before it becomes the program.
            own_session: Whether it has a session of its own instead, and outlives this process
                until it sees the end of its input.

        Raises:
            OSError: The program cannot be run.
        """
        end_with_parent = None if own_session else dies_with_parent()

        def prepare_all() -> None:
            if prepare:
                prepare()
            if end_with_parent:
                end_with_parent()

        self._process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            preexec_fn=prepare_all if prepare or end_with_parent else None,
            start_new_session=own_session,
            limit=_LONGEST_LINE,
        )

    async def serves(self, is_ready: Callable[[], bool], *, deadline_s: float = _SERVES_S) -> bool:
        """Wait until it is ready; False if it has ended instead.

        Args:
            is_ready: Asked again and again, in a thread.
            deadline_s: Wall seconds after which to give up.

        Raises:
            WaitTimeout: It is neither.
        """
        await asyncio.to_thread(
            wait_for,
            lambda: self.has_ended or is_ready(),
            what=f"{self.title} to serve",
            deadline_s=deadline_s,
            every_s=_LOOK_S,
            diagnosis=lambda: "; ".join(self.last_words) or "it says nothing",
        )
        return not self.has_ended

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more."""
        return self._process.returncode is not None

    async def lines(self, *, whole: bool = False) -> AsyncIterator[str]:
        """What it writes to its standard output, line by line, until it ends.

        Args:
            whole: Leave out a last line that it was killed in the middle of.
        """
        assert self._process.stdout
        async for line in _lines(self._process.stdout):
            if not whole or line.endswith("\n"):
                yield line.rstrip("\r\n")

    async def error_lines(self) -> AsyncIterator[str]:
        """The same of its standard error."""
        assert self._process.stderr
        async for line in _lines(self._process.stderr):
            yield line.rstrip("\r\n")

    def note(self, line: str, *, aloud: bool = True) -> None:
        """Keep a line among its last words.

        Args:
            line: What it said.
            aloud: Whether this node says it, too.
        """
        if line:
            self.last_words.append(line)
        if aloud:
            print(line, file=sys.stderr, flush=True)

    def write(self, data: bytes) -> None:
        """Write to its standard input."""
        assert self._process.stdin
        self._process.stdin.write(data)

    def close_input(self) -> None:
        """Have it see the end of its input."""
        assert self._process.stdin
        self._process.stdin.close()

    def send_signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens if it has ended."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)

    async def ended(self) -> int:
        """Wait until it has ended; its exit status, negative for a signal."""
        return await self._process.wait()

    async def end(self) -> None:
        """End it by SIGTERM, and by SIGKILL if it has not followed in time."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            self.send_signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._ends_s):
                    await self._process.wait()
                    return


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while line := await stream.readline():
        yield line.decode("utf-8", "replace")
