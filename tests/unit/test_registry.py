"""The notes of what runs: what a dead harness has left is ended, and nothing else ever is."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from relaydrill.drivers.registry import Registry
from relaydrill.wait import wait_for

SLEEPER = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"]
OWNER = """
import subprocess, sys
from pathlib import Path
from relaydrill.drivers.registry import Registry
sleeper = [sys.executable, "-c", "import time; time.sleep(600)"]
with Registry(Path(sys.argv[1])).record("bench", Path("/the/lab")) as record:
    leader = subprocess.Popen(sleeper, start_new_session=True)
    record.add("ht1", leader.pid)
    member = subprocess.Popen(sleeper)
    record.add("ht2", member.pid)
    print(leader.pid, member.pid, flush=True)
    sys.stdin.read()
    leader.kill()
    member.kill()
"""


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry of one's own."""
    return Registry(tmp_path / "labs")


def notes(registry: Registry) -> list[Path]:
    """The files of all notes, finished or not."""
    return sorted(registry._directory.iterdir()) if registry._directory.exists() else []


class Owner:
    """A harness in a process of its own, with two node processes and a note."""

    def __init__(self, registry: Registry) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OWNER, str(registry._directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        numbers = [int(number) for number in self.process.stdout.readline().split()]
        self.nodes = [psutil.Process(number) for number in numbers]

    def die(self) -> None:
        """Be killed, without a chance to clean up."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self) -> None:
        """End everything."""
        self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            assert stream
            stream.close()
        for node in self.nodes:
            if running(node):
                node.kill()


def gone(process: psutil.Process) -> bool:
    """Whether a program runs no more."""
    return not running(process)


def running(process: psutil.Process) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def owner(registry: Registry) -> Iterator[Owner]:
    """A harness that runs."""
    made = Owner(registry)
    yield made
    made.close()


def test_a_living_owner_s_lab_is_left_alone(registry: Registry, owner: Owner) -> None:
    """Cleaning beside a running lab ends nothing of it and keeps its note."""
    assert registry.clean() == []
    assert all(running(node) for node in owner.nodes)
    assert len(notes(registry)) == 1


def test_a_dead_owner_s_leftovers_are_killed(registry: Registry, owner: Owner) -> None:
    """What a killed harness has left is ended, told by name and number, and forgotten."""
    owner.die()
    (ended,) = registry.clean()
    leader, member = owner.nodes
    assert (ended.lab, ended.directory) == ("bench", "/the/lab")
    assert ended.killed == (f"ht1 ({leader.pid})", f"ht2 ({member.pid})")
    for node in owner.nodes:
        wait_for(functools.partial(gone, node), what="the node to end", deadline_s=5.0)
    assert notes(registry) == []
    assert registry.clean() == []


def test_cleaning_tells_of_a_dead_lab_of_which_nothing_is_left(
    registry: Registry, owner: Owner
) -> None:
    """A note of processes that have all ended is taken away, with nothing killed."""
    owner.die()
    for node in owner.nodes:
        node.kill()
        wait_for(functools.partial(gone, node), what="the node to end", deadline_s=5.0)
    (ended,) = registry.clean()
    assert ended.killed == ()
    assert notes(registry) == []


@pytest.mark.parametrize("part", ["owner", "processes"])
def test_a_number_given_to_another_process_is_left_alone(
    registry: Registry, owner: Owner, part: str
) -> None:
    """A process number alone proves nothing: the moment of birth must be the noted one, too.

    An owner's number that now is another program's does not keep leftovers alive, and a node's
    number that now is another program's does not get that program killed.
    """
    (path,) = notes(registry)
    data = json.loads(path.read_text())
    if part == "owner":
        data["owner"]["born"] -= 3600
    else:
        data["processes"][0]["born"] -= 3600
        owner.die()
    path.write_text(json.dumps(data))
    (ended,) = registry.clean()
    killed = [str(node.pid) in " ".join(ended.killed) for node in owner.nodes]
    assert killed == [part == "owner", True]
    assert running(owner.nodes[0]) == (part == "processes")


def test_a_note_lasts_as_long_as_its_lab(registry: Registry, tmp_path: Path) -> None:
    """Leaving a lab, in order or by an error, takes its note away."""
    assert registry.clean() == []
    with registry.record("bench", tmp_path):
        assert len(notes(registry)) == 1
        assert registry.clean() == []
    assert notes(registry) == []
    with pytest.raises(ZeroDivisionError), registry.record("bench", tmp_path):
        raise ZeroDivisionError
    assert notes(registry) == []


def test_a_note_is_whole_at_every_moment(registry: Registry, tmp_path: Path) -> None:
    """Each process is in the note as soon as it is added, with its number and its birth."""
    with ExitStack() as stack, registry.record("bench", tmp_path) as record:
        for number in range(3):
            process = stack.enter_context(
                subprocess.Popen(SLEEPER, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            )
            record.add(f"ht{number}", process.pid)
            (path,) = notes(registry)
            noted = json.loads(path.read_text())["processes"]
            assert [entry["name"] for entry in noted] == [f"ht{n}" for n in range(number + 1)]
            born = psutil.Process(process.pid).create_time()
            assert (noted[-1]["pid"], noted[-1]["born"]) == (process.pid, born)


def test_a_process_that_has_ended_is_not_noted(registry: Registry, tmp_path: Path) -> None:
    """A node that died before it could be noted down leaves no note of a number to be reused."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with registry.record("bench", tmp_path) as record:
        record.add("ht1", process.pid)
        (path,) = notes(registry)
        assert json.loads(path.read_text())["processes"] == []


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", '{"owner": 5}', "\x00\xff"])
def test_a_broken_note_does_not_keep_others_from_being_cleaned(
    registry: Registry, owner: Owner, text: str
) -> None:
    """A file that is no note is passed over: nobody is killed for it, and the rest is cleaned."""
    stranger = registry._directory / "0.json"
    stranger.write_text(text)
    owner.die()
    assert len(registry.clean()) == 1
    assert notes(registry) == [stranger]


def test_the_default_registry_lies_in_the_state_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """XDG_STATE_HOME decides where notes lie; without it, the place that XDG names."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert Registry.default()._directory == tmp_path / "state" / "relaydrill" / "labs"
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Registry.default()._directory == tmp_path / ".local/state/relaydrill/labs"
    assert os.environ["HOME"] == str(tmp_path)
