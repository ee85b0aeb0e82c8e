"""Whether the machine itself stood still, or starved, while a drill ran: a watcher in a process.

It sleeps a short step, then computes for a few milliseconds, over and over, and looks at how long
both took. Sleeping alone shows nothing: where ten programs want two cores, a program that only
sleeps is still woken within milliseconds, while a lab that has work to do gets a sixth of a core
and falls apart. A program that computes waits as long as the lab's own.

It is a process of its own, with a session of its own, for two reasons: the harness's interpreter
lock cannot hold it up, and a kernel that shares out the processor by session takes the whole lab
for one competitor, so that a lab which is merely busy does not look like a starved machine.
"""

from __future__ import annotations

import contextlib
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relaydrill import clock
from relaydrill.errors import HarnessError
from relaydrill.journal import Journal

PRESSURE: Final = Path("/proc/pressure/cpu")

_STEP_S: Final = 0.2
_WORK_S: Final = 0.008
_LOST_S: Final = 2 * _WORK_S
"""Time lost in one step from which on the machine counts as starved: it gave a program that wanted
a core a third of one, or less. Sharing a core with one other is what any busy machine does."""

_END_S: Final = 10.0
_SOME: Final = re.compile(r"^some .*\btotal=(\d+)$", re.MULTILINE)


@contextlib.contextmanager
def watched(journal: Path) -> Iterator[None]:
    """A block whose time is watched: a process watches the machine, unless time is simulated.

    Nothing that the machine does takes any of a simulated world's time, and that is journalled.

    Args:
        journal: Where to; the file's name is the name that the events bear.

    Raises:
        HarnessError: The watcher could not start.
    """
    if clock.current() is clock.MACHINE:
        with watching(journal):
            yield
        return
    told = Journal.open(journal.stem, journal)
    begun = clock.monotonic()
    try:
        yield
    finally:
        told.write("watched", **_rounded(watched_s=clock.monotonic() - begun, worst_s=0.0))
        told.close()


@contextlib.contextmanager
def watching(journal: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a process watch the machine, and journal when it stood still or starved.

    Args:
        journal: Where to; the file's name is the name that the events bear.

    Raises:
        HarnessError: The watcher could not start.
    """
    watcher = subprocess.Popen(
        [sys.executable, "-P", "-m", "relaydrill.drills.stall", str(journal)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    with watcher:
        assert watcher.stdin
        assert watcher.stdout
        try:
            if not watcher.stdout.readline():
                raise HarnessError("the load watcher failed; see above")
            yield watcher
        finally:
            watcher.stdin.close()
            try:
                watcher.wait(_END_S)
            except subprocess.TimeoutExpired:
                watcher.kill()


def watch(journal: Journal) -> None:
    """Say so, and watch until standard input ends: the drill, or its harness, has ended.

    Each step begins where the one before it ended, so that no moment goes unwatched.
    """
    begun, pressed = time.monotonic(), pressure_s()
    print("watching", flush=True)
    begin, worst_s, ended = begun, 0.0, False
    while not ended:
        ended = bool(select.select([sys.stdin], [], [], _STEP_S)[0])
        slept_s = time.monotonic() - begin
        _compute()
        end = time.monotonic()
        wanted_s = _WORK_S + min(slept_s, _STEP_S)  # the end may come in the middle of it
        lost_s = end - begin - wanted_s
        worst_s = max(worst_s, lost_s)
        if lost_s >= _LOST_S:
            journal.write("stalled", **_rounded(begin=begin, end=end, lost_s=lost_s))
        begin = end
    figures = {"watched_s": time.monotonic() - begun, "worst_s": worst_s}
    if pressed is not None and (now := pressure_s()) is not None:
        figures["pressure_s"] = now - pressed
    journal.write("watched", **_rounded(**figures))


def pressure_s(path: Path = PRESSURE) -> float | None:
    """For how long somebody has waited for a processor since the start; None where nobody counts.

    The kernel brings the figure up to date every two seconds: it tells of a drill, not of a moment.
    """
    try:
        found = _SOME.search(path.read_text(encoding="ascii"))
    except OSError:  # another system, or a kernel without it
        return None
    return int(found[1]) / 1e6 if found else None


def _compute() -> None:
    begun = time.thread_time()
    while time.thread_time() - begun < _WORK_S:
        pass


def _rounded(**seconds: float) -> dict[str, float]:
    return {name: round(value, 6) for name, value in seconds.items()}


def main(path: str) -> int:
    """Watch, and return the exit status."""
    try:
        journal = Journal.open(Path(path).stem, Path(path))
        watch(journal)
    except OSError as error:  # a full disk: the harness meets it, too, and says so
        print(f"the load watcher ended: {error}", file=sys.stderr)
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
