"""The memory of a process and all its children, pages that they share counted once."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import psutil


def proportional_bytes(parent: psutil.Process) -> int:
    """The sum of their proportional set sizes; of those that end meanwhile, nothing.

    Where the kernel does not tell, their resident sizes: pages that they share count several times.
    """
    with suppress(psutil.Error):
        return sum(_of(each) for each in (parent, *parent.children(recursive=True)))
    return 0


def _of(process: psutil.Process) -> int:
    with suppress(OSError):
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_text()
        pss = next((line for line in rollup.splitlines() if line.startswith("Pss:")), "Pss: 0 kB")
        return int(pss.split()[1]) * 1024
    with suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0
