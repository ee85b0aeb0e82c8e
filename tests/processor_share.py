"""How much of the processor a worker's tests take, with all the programs that they start.

A kernel that shares by session gives each session as much, and a Docker engine's containers
together no more than one session: eight mail servers, each a session of its own, leave a lab in
containers a ninth. So a worker whose tests bear company, or compute, becomes one group, whatever it
starts.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

_MOUNTED: Final = Path("/sys/fs/cgroup")
_LEAST_NICE: Final = 19
_LEAST_SHARES: Final = 15
"""Of 1024, which is an ordinary share: what a kernel gives such a niceness."""


class ProcessorShare:
    """One worker's group; without root, or without control groups, it has only its priority."""

    def __init__(self) -> None:
        self._group: Path | None = None
        self._is_least = False

    def be_one(self) -> None:
        """Be as one session among others, from here on."""
        if self._group is None:
            self._group = _made(f"relaydrill-tests-{os.getpid()}")

    def be_the_least(self) -> None:
        """Take only what nobody else wants, from here on."""
        if self._is_least:
            return
        self._is_least = True
        self.be_one()
        if self._group is not None:
            _write(self._group / "cpu.shares", _LEAST_SHARES)
            _write(self._group / "cpu.weight", 1)
        with contextlib.suppress(OSError):
            os.setsid()
        _write(Path("/proc/self/autogroup"), _LEAST_NICE)
        os.nice(_LEAST_NICE)

    def end(self) -> None:
        """Leave the group, and remove it."""
        if self._group is not None:
            _write(self._group.parent / "cgroup.procs", os.getpid())
            with contextlib.suppress(OSError):  # a program that it started goes on
                self._group.rmdir()
            self._group = None


def _made(name: str) -> Path | None:
    """A control group for this process, with an ordinary share; None where there can be none."""
    for parent in (_MOUNTED / "cpu", _MOUNTED):  # versions 1 and 2
        try:
            if parent == _MOUNTED and "cpu" not in (
                (parent / "cgroup.subtree_control").read_text().split()
            ):
                return None
            (parent / name).mkdir()
            (parent / name / "cgroup.procs").write_text(str(os.getpid()))
        except OSError:
            continue
        return parent / name
    return None


def _write(file: Path, value: int) -> None:
    if file.exists():
        with contextlib.suppress(OSError):
            file.write_text(str(value))
