"""The pytest plugin on a lab that runs already."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standing_lab import StandingLab, standing

_SUITE = ("--pyargs", "pytest_relaydrill.suite.test_relay")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingLab]:
    """A lab that was brought up by somebody else."""
    with standing(tmp_path_factory.mktemp("standing")) as lab:
        yield lab


def run(
    folder: Path, *arguments: str, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments],
        cwd=folder,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )


def without_hooks(lab: StandingLab) -> str:
    """An inventory that says how nothing is broken."""
    nodes: dict[str, Any] = {name: {"hooks": None} for name in ("ht1", "ht2", "ht3", "lb1")}
    return str(lab.inventory(nodes=nodes))


def test_the_suite_without_hooks_is_unknown_with_the_reason(
    lab: StandingLab, tmp_path: Path
) -> None:
    """Each test of a fault that cannot be done fails as unknown, and names the missing hook."""
    done = run(
        tmp_path,
        *(*_SUITE, "--relaydrill-driver=attach", "--relaydrill-allow-faults"),
        *(f"--relaydrill-topology={without_hooks(lab)}", "-k", "(kill or hang) and ht1"),
        environment=lab.environment,
    )
    assert done.returncode == 1, done.stdout
    assert "4 failed" in done.stdout
    for fault in ("kill", "hang"):
        assert f"attach.nodes.ht1.hooks.{fault}" in done.stdout
    assert done.stdout.count("unknown: nothing was proven") >= 4
    assert "condemned" not in done.stdout
    assert "cannot be put right" not in done.stdout


def test_a_test_breaks_the_lab_and_leaves_it_whole(lab: StandingLab, tmp_path: Path) -> None:
    """``relay_fault`` calls the hook; the next test finds the hub healed, though it failed."""
    (tmp_path / "test_it.py").write_text(
        "def test_breaks(relay_fault):\n"
        "    with relay_fault('kill:ht2'):\n"
        "        assert False, 'on purpose'\n\n"
        "def test_finds_it_whole(relay_drill):\n"
        "    relay_drill.check(flows='relay')\n"
    )
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\nrelaydrill_topology = {lab.inventory()}\nrelaydrill_driver = attach\n"
    )
    killed = lab.said.count("ht2 is killed")
    done = run(tmp_path, "--relaydrill-allow-faults", environment=lab.environment)
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "on purpose" in done.stdout
    assert lab.said.count("ht2 is killed") == killed + 1
    assert not lab.undo_records


def test_nothing_is_broken_unless_it_is_allowed(lab: StandingLab, tmp_path: Path) -> None:
    """Without ``--relaydrill-allow-faults`` a hook is not called, and the verdict says why."""
    killed = lab.said.count("is killed")
    done = run(
        tmp_path,
        *(*_SUITE, f"--relaydrill-topology={lab.inventory()}", "-k", "kill-ht1-relay"),
        environment={**lab.environment, "RELAYDRILL_DRIVER": "attach"},
    )
    assert done.returncode == 1, done.stdout
    assert "a run without --allow-faults" in done.stdout
    assert lab.said.count("is killed") == killed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--relaydrill-allow-faults"], "only for the driver attach; no other lab needs it"),
        (["--relaydrill-driver=attach", "-n", "2"], "leave out -n"),
        (["--relaydrill-driver=magic"], "no driver is 'magic'"),
    ],
)
def test_options_that_make_no_sense_end_the_session(
    options: list[str], said: str, tmp_path: Path
) -> None:
    """A wrong setting is told before anything is collected."""
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    done = run(tmp_path, *options)
    assert done.returncode == 4, done.stdout
    assert said in done.stderr


def test_a_topology_that_stands_nowhere_is_told(tmp_path: Path) -> None:
    """The driver attach wants to know where; the message names what is missing."""
    done = run(tmp_path, *_SUITE, "--relaydrill-driver=attach", "-k", "broken and relay")
    assert done.returncode == 1, done.stdout
    assert "add attach: with the address of every node" in done.stdout
