"""``python -m tests.sensitivity`` as a person meets it: interrupted, and with wrong options."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sensitivity.results import load

_ROOT = Path(__file__).parents[2]


def command(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start it, with a registry of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.sensitivity", "--out", str(folder / "r.json"), *arguments],
        cwd=_ROOT,
        env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("driver", ["process", "simulate"])
def test_an_interruption_takes_the_lab_down_and_keeps_the_results(
    tmp_path: Path, driver: str
) -> None:
    """Ctrl-C between two drills or in one: 130, no node lives on, what was run is saved."""
    options = ("--driver", driver, "--healthy", "0", "--repeat", "99")
    running = command(tmp_path, "--only", "port-not-forwarded", *options)
    try:
        assert running.stdout
        first = running.stdout.readline()
        running.send_signal(signal.SIGINT)
        said, errors = running.communicate(timeout=30)
    finally:
        running.kill()
        running.wait()
    assert first.startswith(f"caught    port-not-forwarded (seed 1, {driver})"), first + errors
    assert running.returncode == 130, said + errors
    assert "Traceback" not in errors
    assert "every lab was taken down" in said
    assert len(load(tmp_path / "r.json").outcomes) >= 1
    assert not [*(tmp_path / "state").rglob("*.json")], "a lab is still noted down as running"


def test_what_is_not_in_the_catalogue_is_told(tmp_path: Path) -> None:
    """The input is wrong: 2, and one line that says where to look."""
    running = command(tmp_path, "--only", "no-such-thing")
    said, errors = running.communicate(timeout=30)
    assert (running.returncode, said) == (2, "")
    assert errors == "sensitivity: not in the catalogue: no-such-thing; see --list\n"


def test_the_time_that_it_may_take_is_kept(tmp_path: Path) -> None:
    """Nothing is begun after it; what was left out is told, and the exit status is 3."""
    running = command(tmp_path, "--only", "single-hub", "--healthy", "3", "--minutes", "0")
    said, errors = running.communicate(timeout=60)
    assert running.returncode == 3, said + errors
    assert "not everything was run: the time was over before single-hub" in said
