"""How far drills are, while they run."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from relaydrill import topology_files
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.model import Drill
from relaydrill.drills.runner import Step
from relaydrill.report.progress import Course, progress


@pytest.fixture(name="drills", scope="module")
def some_drills() -> tuple[Drill, ...]:
    """The steady state, and the loss of two hubs."""
    return plan_audit(topology_files.load("sharepoint"), units=("ht1", "ht2"))


def test_the_rest_is_reckoned_from_what_is_done(drills: tuple[Drill, ...]) -> None:
    """By the length of the drills; and nothing is reckoned from nothing."""
    now = [0.0]
    course = Course(drills, clock=lambda: now[0])
    assert str(course) == "0 of 3 done, 0:00 so far"
    steady, one, other = drills
    now[0] = 60.0
    assert course.observe(Step(steady.name, "pass", 1.0))
    left = 60.0 * (one.length_s + other.length_s) / steady.length_s
    assert str(course) == (
        f"1 of 3 done, 1:00 so far, about {int(left // 60)}:{round(left % 60):02} left"
    )
    assert not course.observe(Step(one.name, "ht1 is killed", 1.0))
    assert course.observe(Step(one.name, "fail", 1.0))
    assert course.observe(Step(other.name, "unknown", 1.0))
    now[0] = 200.0
    assert str(course) == "3 of 3 done, 3:20 so far"


def test_what_is_looked_at_again_is_not_done(drills: tuple[Drill, ...]) -> None:
    """A second look, and a pair that nobody knew of, count when they begin."""
    course = Course(drills)
    for drill in drills:
        course.observe(Step(drill.name, "pass", 1.0))
    course.observe(Step(drills[1].name, "starting its lab", 0.0))
    course.observe(Step("kill:ht1+kill:ht2", "starting its lab", 0.0))
    assert str(course).startswith("2 of 4 done")


def test_a_pipe_gets_a_line_for_each_finished_row(
    drills: tuple[Drill, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error, so that what is on standard output is the report alone."""
    with progress(drills, Console(file=io.StringIO())) as observe:
        for drill in drills:
            observe(Step(drill.name, "letting the queues drain", 0.9))
            observe(Step(drill.name, "pass", 1.0))
    shown = capsys.readouterr()
    assert shown.out == ""
    lines = shown.err.splitlines()
    assert [line.partition(";")[0] for line in lines] == [f"{each.name}: pass" for each in drills]
    assert lines[-1].startswith(f"{drills[-1].name}: pass; 3 of 3 done, 0:00 so far")


def test_a_terminal_shows_every_drill_and_the_whole(drills: tuple[Drill, ...]) -> None:
    """A bar for each drill with what it does, under how much of all is done."""
    into = io.StringIO()
    on = Console(file=into, force_terminal=True, width=100, height=30)
    with progress(drills, on) as observe:
        observe(Step(drills[0].name, "pass", 1.0))
        observe(Step(drills[1].name, "ht1 is killed", 0.5))
    text = into.getvalue()
    assert "1 of 3 done" in text
    assert "ht1 is killed" in text
    assert all(drill.name in text for drill in drills)
