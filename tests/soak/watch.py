"""What every process of a lab holds while it runs: memory and open files, now and then."""

from __future__ import annotations

import statistics
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Self

import psutil

from relaydrill.drivers.process import ProcessLab

_EVERY_S: Final = 1.0
_MEMORY_MAY_GROW: Final = 1.15
_MEMORY_MARGIN: Final = 6 * 2**20
_FILES_MAY_GROW: Final = 12


@dataclass(frozen=True, slots=True)
class Look:
    """What a process held at one moment: bytes of memory, open files."""

    memory: int
    files: int


@dataclass
class Watch:
    """Looks at the nodes of a lab from a thread of its own, as long as the block lasts.

    A node that is killed is another process afterwards, and begins anew.
    """

    lab: ProcessLab
    seen: dict[tuple[str, int], list[Look]] = field(default_factory=lambda: defaultdict(list))

    def __enter__(self) -> Self:
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _go_on(self) -> None:
        while not self._ended.wait(_EVERY_S):
            for node in self.lab.topology.nodes:
                if not self.lab.alive(node):
                    continue
                try:
                    process = psutil.Process(self.lab.pid(node))
                    look = Look(process.memory_info().rss, process.num_fds())
                except (psutil.Error, OSError, KeyError):
                    continue  # it was killed just now
                self.seen[node, process.pid].append(look)

    def leaks(self) -> Iterator[str]:
        """Processes that hold more and more, in words.

        The last third of a process's life is held against the second: the first is its youth, in
        which caches fill. Only those that lived long enough to tell.
        """
        yield from leaks(self.seen)


def leaks(seen: Mapping[tuple[str, int], list[Look]], *, enough: int = 30) -> Iterator[str]:
    """See `Watch.leaks`.

    Args:
        seen: Looks by node and process.
        enough: So many looks can tell.
    """
    for (node, pid), looks in seen.items():
        if len(looks) < enough:
            continue
        third = len(looks) // 3
        middle, last = looks[third : 2 * third], looks[2 * third :]
        was, became = _median(middle, "memory"), _median(last, "memory")
        if became > was * _MEMORY_MAY_GROW + _MEMORY_MARGIN:
            yield f"{node} ({pid}) grew from {was / 2**20:.0f} to {became / 2**20:.0f} MiB"
        was, became = _median(middle, "files"), _median(last, "files")
        if became > was + _FILES_MAY_GROW:
            yield f"{node} ({pid}) had {was:.0f} files open, and then {became:.0f}"


def _median(looks: list[Look], what: str) -> float:
    return float(statistics.median(getattr(look, what) for look in looks))
