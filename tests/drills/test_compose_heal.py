"""A drill that is killed in the middle, on a lab that compose brought up: nothing stays broken."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import docker
import pytest

from relaydrill import topology_files
from relaydrill.drivers.docker import leftovers
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.drivers.docker.labels import NODE, PROJECT
from relaydrill.drivers.docker.lease import is_held
from relaydrill.drivers.undo import Left, UndoLog
from relaydrill.errors import ControlError, UsageError
from relaydrill.wait import wait_for
from tests.compose_lab import COMPOSE_TEST_S, NEEDS_COMPOSE, brought_up
from tests.docker_engine import why_no_docker

_RUN = [sys.executable, "-c", "from relaydrill.cli import main; main()"]
_LAB = """\
name: shared
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  ht3: {role: hub}
  ht4: {role: hub}
  ht5: {role: hub}
  ht6: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
names:
  hubs.contoso.com: [ht6, ht1, ht2, ht3, ht4, ht5]
flows:
  relay: {from: app, persona: rotated_list, to: hubs.contoso.com, rate: 20/s}
"""
_FAULTS = {
    "kill:ht1": "started anew",
    "pause:ht2": "resumed",
    "isolate:ht3": "connected to PROJECT_mail",
    "blackhole:ht4": "resumed, connected to PROJECT_mail",
    "refuse:ht5": "started anew",
}
_HEALED = {**_FAULTS, "mail:app": "started anew"}
"""Each with what its heal is seen to do."""

pytestmark = [
    pytest.mark.skipif(bool(why_no_docker("node")), reason=why_no_docker("node")),
    NEEDS_COMPOSE,
    pytest.mark.timeout(COMPOSE_TEST_S),
]


@dataclass(frozen=True)
class Project:
    """A compose project.

    Attributes:
        engine: The Docker engine.
        folder: With its topology, and the records of what is drilled there.
        name: What compose calls it.
    """

    engine: docker.DockerClient
    folder: Path
    name: str

    @property
    def states(self) -> dict[str, str]:
        """What each node is: its container's state, and whether that is on a network."""
        found = self.engine.containers.list(
            all=True, filters={"label": [f"{PROJECT}={self.name}", NODE]}
        )
        return {
            each.labels[NODE]: each.status
            + ("" if each.attrs["NetworkSettings"]["Networks"] else ", cut off")
            for each in found
        }

    @property
    def records(self) -> list[Left]:
        """What is still to be healed."""
        left, problems = UndoLog(self.folder / "state" / "relaydrill" / "undo").left()
        assert problems == []
        return left

    @property
    def is_in_use(self) -> bool:
        """Whether a drill holds it."""
        found = self.engine.containers.list(
            all=True, filters={"label": [f"{PROJECT}={self.name}", NODE]}
        )
        return is_held(self.engine, found)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A command of Relaydrill."""
        return subprocess.Popen(
            [*_RUN, *arguments],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *arguments: str, status: int = 0) -> str:
        """What a command says."""
        with self.start(*arguments) as command:
            said, _ = command.communicate(timeout=200)
        assert command.returncode == status, said
        return said

    def drill(self, out: str, *faults: str) -> list[str]:
        """What drills it."""
        return [
            *("drill", "shared.yaml", "--driver", "docker", "--project", self.name, "--out", out),
            *(word for fault in faults for word in ("--fault", fault)),
        ]


@pytest.fixture(name="project")
def a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """A lab that compose has brought up, of this checkout's image."""
    folder = tmp_path
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    (folder / "shared.yaml").write_text(_LAB)
    with closing(docker.from_env()) as engine, brought_up(folder / "shared.yaml") as name:
        yield Project(engine, folder, name)


def test_a_killed_drill_is_healed(project: Project) -> None:
    """Whatever it had broken: nodes are as they were, nobody holds the lab, and it can be drilled.

    Until then no drill begins, and is told what to do; ``clean`` leaves the lab alone, and says so.
    Whoever drills it in good order leaves nothing to heal.
    """
    whole = project.states
    with project.start(*project.drill("killed", *(f"{each}+3000s" for each in _FAULTS))) as harness:
        journal = project.folder / "killed" / "journals" / "harness.jsonl"
        try:
            wait_for(
                lambda: (
                    journal.exists() and journal.read_text().count('"injected"') == len(_FAULTS)
                ),
                what="all faults to be in force",
                deadline_s=90,
                diagnosis=lambda: str(harness.poll()),
            )
            assert [each.is_under_way for each in project.records] == [True] * len(_HEALED)
        finally:
            harness.kill()
    broken = {"ht1": "exited", "ht2": "paused", "ht3": "running, cut off", "ht4": "paused, cut off"}
    assert project.states == whole | broken
    wait_for(lambda: not project.is_in_use, what="the lease to end", deadline_s=10)

    topology = topology_files.parse(_LAB, "x")
    lab = DockerLab(topology, project.folder / "refused", project=project.name)
    with pytest.raises(UsageError) as refused, lab:
        pass
    assert (
        "ht1 is exited, ht2 is paused, ht3 is cut off its network, ht4 is paused,"
        " ht5 may still suffer refuse:ht5, app may still send the mail of a drill,"
        " as a killed drill leaves it; put it right: relaydrill heal" in str(refused.value)
    )
    removed, kept = leftovers.clean(project.engine)
    (left,) = (each for each in kept if each.lab == "shared")
    assert left.containers == len(whole)
    assert left.remedy == f"docker compose -p {project.name} down -v"
    assert "shared" not in {each.lab for each in removed}

    said = project.run("heal")
    lines = dict(line.split(" on shared: ", 1) for line in said.splitlines())
    assert lines.keys() == _HEALED.keys(), said
    for fault, done in _HEALED.items():
        assert lines[fault].endswith(f" was {done.replace('PROJECT', project.name)})"), said
    assert project.states == whole
    assert project.records == []

    with DockerLab(topology, project.folder / "after", project=project.name) as lab:
        assert [lab.control(node)("ping") for node in whole] == [*whole]
        with pytest.raises(ControlError):
            lab.control("app")("stop", flow="relay", wait=False)  # nothing runs any more
        lab.write_heal("ht1", "kill", goes_on=False)
        assert {each.undo.label for each in project.records} == {"mail:app", "kill:ht1"}
        lab.forget_heal("ht1", "kill")
    assert project.records == []
