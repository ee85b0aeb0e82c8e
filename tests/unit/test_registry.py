"""The notes of what runs: what a dead harness has left is ended, and nothing else ever is."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest

from relaydrill import process_identity
from relaydrill.drivers import registry as registry_module
from relaydrill.drivers.registry import Registry
from relaydrill.process_identity import ProcessIdentity, process_table
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

    def __init__(self, registry: Registry, *elsewhere: str) -> None:
        self.process = subprocess.Popen(
            [*elsewhere, sys.executable, "-c", OWNER, str(registry._directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        numbers = [int(number) for number in self.process.stdout.readline().split()]
        self.nodes = [] if elsewhere else [psutil.Process(number) for number in numbers]

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
            identity = ProcessIdentity.of(process.pid)
            assert noted[-1] == {"name": f"ht{number}", **asdict(identity)}


def test_a_process_that_has_ended_is_not_noted(registry: Registry, tmp_path: Path) -> None:
    """A node that died before it could be noted down leaves no note of a number to be reused."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with registry.record("bench", tmp_path) as record:
        record.add("ht1", process.pid)
        (path,) = notes(registry)
        assert json.loads(path.read_text())["processes"] == []


PROCESS = '{"lab": "a", "directory": "b", "owner": null, "processes": [%s]}'


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "{}", "null", '{"owner": 5}', "\x00\xff", "[" * 100_000),
        PROCESS % '{"name": "ht1", "pid": "7", "born": 1.0}',
        PROCESS % '{"name": "ht1", "pid": 7.5, "born": 1.0}',
        PROCESS % '{"name": "ht1", "pid": -7, "born": 1.0}',
        PROCESS % '{"name": "ht1", "pid": 7, "born": "then"}',
    ],
    ids=lambda text: repr(text[:90]),
)
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


def test_a_clock_that_is_set_ends_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The moment of birth is counted from the machine's start: time servers do not move it."""
    myself = ProcessIdentity.myself()
    assert (myself.table, myself.lives) == (process_table(), True)
    created = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: created(self) + 3600)
    assert myself.lives


def test_a_machine_that_says_nothing_of_its_start_has_the_clock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As elsewhere than on Linux, and in notes of earlier versions."""
    monkeypatch.setattr(process_identity, "process_table", lambda: "")
    myself = ProcessIdentity.myself()
    assert (myself.table, myself.lives) == ("", True)
    assert not ProcessIdentity(myself.pid, myself.born - 3600).lives


def test_a_name_with_brackets_and_blanks_is_no_field(tmp_path: Path) -> None:
    """The program's name stands before the moment of birth, as it likes."""
    program = tmp_path / "a) S 1 (b"
    program.symlink_to(shutil.which("sleep") or "/bin/sleep")
    with subprocess.Popen([str(program), "60"]) as process:
        identity = ProcessIdentity.of(process.pid)
        assert identity.lives
        assert abs(identity.born - ProcessIdentity.myself().born) < 3600
        process.kill()
    assert not identity.lives


def test_a_note_is_held_while_its_harness_lives(registry: Registry, owner: Owner) -> None:
    """And whatever else has happened to it: it is written anew with each process."""
    (path,) = notes(registry)
    assert registry_module._is_held(path)
    owner.die()
    assert not registry_module._is_held(path)


@pytest.mark.parametrize(
    ("host", "is_forgotten"), [(socket.gethostname(), True), ("elsewhere", False)]
)
def test_what_ran_before_this_machine_was_started_anew_is_forgotten(
    registry: Registry, owner: Owner, host: str, *, is_forgotten: bool
) -> None:
    """Of another machine, whose user has the same state directory, that is not known."""
    owner.die()
    (path,) = notes(registry)
    note = json.loads(path.read_text())
    note["host"] = host
    for each in (note["owner"], *note["processes"]):
        each["table"] = "another start/4026531836"
    path.write_text(json.dumps(note))
    assert [each.killed for each in registry.clean()] == [()] * is_forgotten
    assert [each.may_be_forgotten for each in registry.spared()] == [True] * (not is_forgotten)
    assert all(running(node) for node in owner.nodes)


_ELSEWHERE = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("unshare") is None,
    reason="a process table of its own needs root and unshare; run as root on Linux",
)
class TestAnotherContainer:
    """Two process tables, one state directory: as containers have that share a volume."""

    def test_its_living_lab_is_left_alone(self, registry: Registry) -> None:
        """From either side; it is told, and cannot be forgotten by mistake."""
        there = Owner(registry, *_ELSEWHERE)
        try:
            assert registry.clean([each.stem for each in notes(registry)]) == []
            (spared,) = registry.spared()
            assert "runs in another container or on another machine" in spared.why
            assert not spared.may_be_forgotten
            assert len(notes(registry)) == 1
        finally:
            there.close()

    def test_a_living_lab_of_here_is_left_alone_there(
        self, registry: Registry, owner: Owner
    ) -> None:
        """Whatever has the same numbers there."""
        code = "import sys; from pathlib import Path; from relaydrill.drivers.registry import *;"
        code += "print(Registry(Path(sys.argv[1])).clean())"
        command = [*_ELSEWHERE, sys.executable, "-c", code, str(registry._directory)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"
        assert len(notes(registry)) == 1
        assert all(running(node) for node in owner.nodes)

    def test_its_dead_lab_is_told_and_forgotten_only_when_asked(self, registry: Registry) -> None:
        """Its processes are none of here, so nothing can be ended; a person may know better."""
        there = Owner(registry, *_ELSEWHERE)
        there.close()
        (path,) = notes(registry)
        wait_for(lambda: not registry_module._is_held(path), what="its end", deadline_s=5.0)
        assert registry.clean() == []
        (spared,) = registry.spared()
        assert "has ended" in spared.why
        (ended,) = registry.clean([spared.note])
        assert ended.killed == ()
        assert notes(registry) == []
