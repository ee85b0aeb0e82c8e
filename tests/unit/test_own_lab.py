"""What stays on disk of a drill's lab."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from relaydrill import topology_files
from relaydrill.drills import own_lab
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import Judgement
from relaydrill.errors import LabError, UsageError
from relaydrill.verdict import Status

TOPOLOGY = topology_files.load("sharepoint")
DRILL = plan(TOPOLOGY)
WRITTEN = (
    *("journals/ht1.jsonl", "tls/ht1.key", "queues/ht1.sqlite", "logs/ht1.log"),
    *("work/lb1/haproxy.cfg", "exchange-logs/ht1/RECV1.log"),
)

Run = Callable[..., Judgement]


def unseen(_step: object) -> None:
    """Nobody looks at the steps."""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run a drill that comes to a verdict in a lab that writes files, and may fail."""

    def run(
        status: Status | BaseException, starts: bool = True, keep: bool = False, logs: bool = True
    ) -> Judgement:
        @contextlib.contextmanager
        def make(_topology: object, folder: Path) -> Iterator[Any]:
            for name in WRITTEN:
                if logs or not name.startswith("exchange-logs"):
                    (folder / name).parent.mkdir(parents=True, exist_ok=True)
                    (folder / name).touch()
            if not starts:
                raise LabError("ht1 does not answer")
            yield None

        def drilled(*_: object) -> Any:
            if isinstance(status, BaseException):
                raise status
            return type("Found", (), {"status": status})

        monkeypatch.setattr(own_lab, "run_drill", drilled)
        return own_lab.run_in_own_lab(
            make, TOPOLOGY, DRILL, tmp_path / "run", unseen, keep_lab=keep
        )

    return run


def left(folder: Path) -> set[str]:
    """The parts of the lab's directory that are there."""
    return {each.name for each in (folder / "run.lab").glob("*")}


def test_nothing_stays_of_a_lab_that_did_not_start(run: Run, tmp_path: Path) -> None:
    """Its error says why; no folder is left beside a run that never was."""
    with pytest.raises(LabError):
        run(Status.PASS, starts=False)
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("logs", [True, False])
def test_of_a_drill_that_passed_only_the_logs_stay_that_were_asked_for(
    logs: bool, run: Run, tmp_path: Path
) -> None:
    """Where the topology asks for none, nothing does."""
    run(Status.PASS, logs=logs)
    assert left(tmp_path) == ({"exchange-logs"} if logs else set())
    assert (tmp_path / "run.lab").exists() == logs


@pytest.mark.parametrize("status", [Status.FAIL, Status.UNKNOWN])
def test_of_another_all_that_may_tell_why(status: Status, run: Run, tmp_path: Path) -> None:
    """Programs' logs and configurations stay; copies, queues and keys do not."""
    run(status)
    assert left(tmp_path) == {"logs", "work", "exchange-logs"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), LabError("ht1 is gone")])
def test_a_drill_that_was_cut_short_leaves_all(
    error: BaseException, run: Run, tmp_path: Path
) -> None:
    """Its run directory is not whole: what the lab wrote is all that there is."""
    with pytest.raises(type(error)):
        run(error)
    assert left(tmp_path) == {name.partition("/")[0] for name in WRITTEN}


def test_whoever_wants_to_keeps_all(run: Run, tmp_path: Path) -> None:
    """Of a drill that passed, and of a lab that did not start."""
    run(Status.PASS, keep=True)
    assert left(tmp_path) == {name.partition("/")[0] for name in WRITTEN}


def test_a_directory_of_somebody_else_is_left_alone(run: Run, tmp_path: Path) -> None:
    """A lab that cannot have its directory removes nothing from it."""
    (tmp_path / "run.lab").mkdir()
    (tmp_path / "run.lab" / "mine").touch()
    with pytest.raises(UsageError, match="not empty"):
        run(Status.PASS, starts=False)
    assert left(tmp_path) == {"mine"}
