"""How far drills are: live on a terminal, a line for each finished row in a pipe."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from relaydrill.drills.model import Drill
from relaydrill.drills.runner import Observer, Step
from relaydrill.verdict import Status

_ENOUGH_TO_ESTIMATE: Final = 0.03
"""Part of the whole that must be done before the rest can be reckoned from it."""


class Course:
    """How much of several drills is done, and how long the rest may take.

    Drills count by their length. Safe to use from several threads.

    Args:
        drills: All that are known of so far.
        clock: Seconds; tells how much time has passed.
    """

    def __init__(
        self, drills: tuple[Drill, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._begun = clock()
        self._lengths = {drill.name: drill.length_s for drill in drills}
        self._done = dict.fromkeys(self._lengths, 0.0)
        self._finished: set[str] = set()
        self._lock = threading.Lock()

    def observe(self, step: Step) -> bool:
        """Take note of a step; whether it is the last one of its drill."""
        with self._lock:
            # One that follows from those before it is as long as they are, as far as is known.
            typical = max(self._lengths.values(), default=1.0)
            self._lengths.setdefault(step.drill, typical)
            self._done[step.drill] = step.done
            is_over = step.stage in {*Status}
            (self._finished.add if is_over else self._finished.discard)(step.drill)
            return is_over

    def __str__(self) -> str:
        """``3 of 16 done, 1:20 so far, about 4:10 left``."""
        with self._lock:
            passed = self._clock() - self._begun
            whole = sum(self._lengths.values()) or 1.0
            done = sum(self._lengths[name] * part for name, part in self._done.items()) / whole
            text = f"{len(self._finished)} of {len(self._lengths)} done, {minutes(passed)} so far"
        if _ENOUGH_TO_ESTIMATE < done < 1.0:
            text += f", about {minutes(passed * (1.0 - done) / done)} left"
        return text


def minutes(seconds: float) -> str:
    """``4:10``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02}"


@contextmanager
def progress(drills: tuple[Drill, ...], on: Console) -> Iterator[Observer]:
    """Show where each drill stands.

    Args:
        drills: Those that are to run.
        on: A terminal gets a bar for each, with the time that has passed and an estimate of the
            rest; anything else gets a line on standard error for each that is finished.
    """
    course = Course(drills)
    if not on.is_terminal:
        yield _in_a_pipe(course)
        return
    with _on_a_terminal(course, drills, on) as observe:
        yield observe


def _in_a_pipe(course: Course) -> Observer:
    aside = Console(stderr=True, highlight=False, soft_wrap=True)

    def observe(step: Step) -> None:
        if course.observe(step):
            aside.print(f"{step.drill}: {step.stage}; {course}", markup=False)

    return observe


@contextmanager
def _on_a_terminal(course: Course, drills: tuple[Drill, ...], on: Console) -> Iterator[Observer]:
    bars = Progress(
        TextColumn("{task.fields[shown]}"),
        BarColumn(bar_width=24),
        TextColumn("[dim]{task.fields[stage]}"),
        console=on,
    )
    width = max(len(drill.name) for drill in drills)

    def added(name: str) -> TaskID:
        return bars.add_task(name, total=1.0, shown=escape(f"{name:<{width}}"), stage="waiting")

    tasks = {drill.name: added(drill.name) for drill in drills}
    lock = threading.Lock()

    def observe(step: Step) -> None:
        course.observe(step)
        with lock:
            if step.drill not in tasks:  # one that follows from those before it
                tasks[step.drill] = added(step.drill)
            bars.update(tasks[step.drill], completed=step.done)
            if step.stage:
                bars.update(tasks[step.drill], stage=escape(step.stage))

    def shown() -> Group:
        # Above the bars: what does not fit on the screen is cut off below.
        return Group(Text(str(course), style="dim"), bars)

    with Live(get_renderable=shown, console=on, refresh_per_second=10, transient=True):
        yield observe
