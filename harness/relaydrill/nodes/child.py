"""A real program as a child of a node: find it, have it die with its parent, end it."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable
from typing import Final

from relaydrill.errors import LabError

_SYSTEM_FOLDERS: Final = ("/usr/local/sbin", "/usr/sbin", "/sbin")
_PR_SET_PDEATHSIG: Final = 1


def find_program(program: str, *, node: str, kind: str, package: str) -> str:
    """The path of a program: on the PATH, or where systems keep what only root runs.

    Args:
        program: Its name or path. node, kind: Who needs it. package: Where it comes from.

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


def dies_with_parent() -> Callable[[], None]:
    """What a child has to do before it becomes the program (``preexec_fn``).

    Elsewhere than on Linux the child outlives a parent that was killed.
    """
    parent = os.getpid()
    # Made here, because a child that was forked should do as little as it can.
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def prepare() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != parent:
                os._exit(1)

    return prepare


async def end(process: asyncio.subprocess.Process, *, patience_s: float) -> None:
    """End it by SIGTERM, and by SIGKILL if it has not followed after ``patience_s``."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience_s):
                await process.wait()
                return


def how_it_ended(status: int, last_words: Iterable[str]) -> str:
    """``(exit status 1)`` or ``(SIGKILL)``, with the end of its log on lines of their own."""
    how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    return "\n  ".join([f"({how})", *last_words])
