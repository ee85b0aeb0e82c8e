"""The product's verdict of a run directory, held against what is true of it."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill.drills.judge import judge
from relaydrill.drills.result import FlowVerdict

from . import files
from .drawing import draw
from .story import Story
from .tier import Played, play
from .truth import Truth, truths

_IN_MEMORY: Final = Path("/dev/shm")


@dataclass(frozen=True)
class Found:
    """One flow of one run: what is true, and what was said.

    Attributes:
        wrong: ``false pass``, ``false fail``, or empty where the verdict may stand.
    """

    truth: Truth
    said: FlowVerdict
    wrong: str

    @property
    def cause(self) -> str:
        """What kind of mistake it is, in few words, to group by."""
        if self.wrong == "false pass":
            return " / ".join(
                sorted({_kind(each) for each in (*self.truth.broken, *self.truth.unproven)})
            )
        return self.said.worst.check

    def told(self) -> str:
        """For a person."""
        lines = [f"{self.wrong or 'right'}: {self.truth.flow.name} said {self.said.status}"]
        lines += [f"  true: {self.truth.named}; broken {self.truth.broken}"]
        lines += [f"  unproven {self.truth.unproven}; close {self.truth.close}; {self.truth.facts}"]
        lines += [f"  {each.check}: {each.status}: {each.summary}" for each in self.said.checks]
        return "\n".join(lines)


def _kind(text: str) -> str:
    return " ".join(word for word in text.split() if not any(c.isdigit() for c in word))


@contextmanager
def scratch() -> Iterator[Path]:
    """A directory that lies in memory, where the machine has such."""
    where = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="oracle-", dir=where) as name:
        yield Path(name)


def story_of(seed: int, number: int) -> Story:
    """The story of a number, always the same."""
    return draw(random.Random(f"oracle {seed} {number}"))


def try_out(story: Story, directory: Path, *, form: int = files.FORMAT) -> list[Found]:
    """Play a story, have it judged, and compare."""
    played = play(story)
    return judged(played, directory, form=form)


def judged(played: Played, directory: Path, *, form: int = files.FORMAT) -> list[Found]:
    """Have a played story judged, and compare."""
    run = directory / "run"
    shutil.rmtree(run, ignore_errors=True)
    files.write(played, run, form=form)
    said = judge(run)
    true = truths(played)
    return [Found(true[flow.flow], flow, wrong(true[flow.flow], flow)) for flow in said.flows]


def wrong(truth: Truth, said: FlowVerdict) -> str:
    """How a verdict is wrong; empty if it may stand."""
    match str(said.status):
        case "pass" if truth.broken or truth.unproven:
            return "" if said.accepted and _only_time(truth) else "false pass"
        case "fail" if truth.kept:
            return "false fail"
    return ""


def _only_time(truth: Truth) -> bool:
    """Whether what was broken is what an author may accept."""
    about_time = ("nothing was accepted for", "attempts failed")
    return not truth.unproven and all(each.startswith(about_time) for each in truth.broken)
