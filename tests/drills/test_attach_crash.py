"""Whatever becomes of the harness, what it has broken on a real lab is put right."""

from __future__ import annotations

import contextlib
import functools
import os
import random
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from relaydrill.wait import wait_for
from tests.standing_lab import RUN, StandingLab, standing

_MOMENTS: Final = 24
_AT_ONCE: Final = 4
_SHORT: Final = {"clock": 10, "expect": {"gap": "3s"}}
"""A drill of few seconds; nothing of the lab's own clock is in it."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingLab]:
    """A lab that was brought up by somebody else."""
    with standing(tmp_path_factory.mktemp("standing")) as lab:
        yield lab


def marking(marker: Path | str, *, before: str = "sleep 0.2") -> dict[str, Any]:
    """A hook whose fault is that a file is there."""
    return {
        "inject": {"run": ["sh", "-c", f'{before}; touch "{marker}"']},
        "heal": {"run": ["sh", "-c", f'sleep 0.2; rm -f "{marker}"']},
    }


def start(
    lab: StandingLab,
    design: Path,
    out: Path,
    fault: str,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """A drill that may be killed."""
    return subprocess.Popen(
        [
            *(*RUN, "drill", str(design), "--driver", "attach", "--allow-faults"),
            *("--flow", "relay", "--fault", fault, "--out", str(out)),
        ],
        cwd=lab.folder,
        env=environment or lab.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a harness as a crash does: it alone, without a word."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.timeout(400)
def test_a_killed_harness_leaves_nothing_broken(lab: StandingLab, tmp_path: Path) -> None:
    """Killed at any moment of a drill, ``relaydrill heal`` puts the lab right; no record is left.

    The moments lie at random over the whole drill, the same in each run. Some of them must find the
    lab broken, or this would prove nothing.
    """
    design = lab.inventory(_SHORT, nodes={"ht1": {"hooks": {"kill": marking("$MARKER")}}})
    crash = functools.partial(crash_at, lab, design, tmp_path)
    length_s = crash("whole", 60.0).length_s
    chance = random.Random(1)
    moments = [length_s * (number + chance.random()) / _MOMENTS for number in range(_MOMENTS)]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        found = list(pool.map(crash, [f"run{number}" for number in range(_MOMENTS)], moments))
    assert sum(each.left_a_record for each in found) >= 4
    assert sum(each.left_it_broken for each in found) >= 3


@dataclass(frozen=True)
class Crash:
    """How a harness ended, and what it left."""

    length_s: float
    left_a_record: bool
    left_it_broken: bool


def crash_at(lab: StandingLab, design: Path, folder: Path, name: str, moment_s: float) -> Crash:
    """Kill a harness so long after its start, heal, and make sure that nothing is broken."""
    marker, state = folder / f"{name}.broken", folder / f"{name}.state"
    environment = {**lab.environment, "MARKER": str(marker), "XDG_STATE_HOME": str(state)}
    began = time.monotonic()
    process = start(lab, design, folder / name, "kill:ht1+80s", environment)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(moment_s)
    length_s = time.monotonic() - began
    if process.poll() is None:
        kill(process)
    records = state / "relaydrill" / "undo"
    found = Crash(length_s, any(records.glob("*.json")), marker.exists())
    healed = subprocess.run([*RUN, "heal"], env=environment, capture_output=True, check=False)
    assert healed.returncode == 0, healed.stderr
    assert not marker.exists(), f"killed after {length_s:.2f} s"
    assert not any(records.glob("*.json"))
    return found


def test_a_command_that_outlives_its_harness_is_waited_for(
    lab: StandingLab, tmp_path: Path
) -> None:
    """Healing before the breaking command is through would be undone by it a moment later."""
    marker, began = tmp_path / "broken", tmp_path / "began"
    hook = marking(marker, before=f"touch '{began}'; sleep 2")
    design = lab.inventory(_SHORT, nodes={"ht1": {"hooks": {"kill": hook}}})
    process = start(lab, design, tmp_path / "run", "kill:ht1")
    wait_for(began.exists, what="the hook to begin", deadline_s=30)
    kill(process)
    assert not marker.exists()
    assert "healed" in lab.run("heal").stdout
    assert not marker.exists()
    assert not lab.undo_records


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_run_that_goes_on_is_not_healed_under_its_feet(
    ending: signal.Signals, lab: StandingLab, tmp_path: Path
) -> None:
    """``relaydrill heal`` beside a drill leaves its fault in force, and says whose it is.

    Interrupted in whatever way, the drill heals it itself.
    """
    marker = tmp_path / "broken"
    design = lab.inventory(_SHORT, nodes={"ht1": {"hooks": {"kill": marking(marker)}}})
    process = start(lab, design, tmp_path / "run", "kill:ht1+60s")
    wait_for(marker.exists, what="the fault to be in force", deadline_s=30)
    assert f"still going (process {process.pid})" in lab.run("heal").stdout
    assert marker.exists()
    process.send_signal(ending)
    assert process.wait(30) == 130
    assert not marker.exists()
    assert not lab.undo_records


@pytest.mark.timeout(300)
def test_a_lab_is_whole_again_after_a_crash(lab: StandingLab, tmp_path: Path) -> None:
    """A hub that a killed harness had killed: after ``heal`` the steady drill passes."""
    design = lab.inventory()
    for number, later_s in enumerate((0.0, 0.5, 2.0)):
        process = start(lab, design, tmp_path / f"run{number}", "kill:ht2")
        await_kill(lab, number + 1)
        time.sleep(later_s)  # the moment of the crash, not a wait for anything
        kill(process)
        assert lab.undo_records
        assert "kill:ht2 on staging: healed" in lab.run("heal").stdout
        assert not lab.undo_records
    wait_for(
        lambda: _is_believed_in(lab, "ht2"), what="the balancer to believe in ht2", deadline_s=30
    )
    lab.run("drill", str(design), "--driver", "attach", "--flow", "relay")


def await_kill(lab: StandingLab, times: int) -> None:
    """Return when the lab has killed a hub for the nth time."""
    wait_for(lambda: lab.said.count("is killed") >= times, what="ht2 to go", deadline_s=60)


def _is_believed_in(lab: StandingLab, hub: str) -> bool:
    """Whether the lab's own balancer gives it mail again, on both ports."""
    journal = (lab.folder / "up" / "journals" / "lb1.jsonl").read_text().splitlines()
    beliefs = [line for line in journal if f'"backend":"{hub}"' in line and '"state":' in line]
    return all('"state":"up"' in line for line in beliefs[-2:])
