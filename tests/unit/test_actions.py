"""What is done to a real lab: commands, HAProxy's runtime API, and asking a person."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from relaydrill.drivers.attach.actions import Actions, Ask, describe, nobody
from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.topology.attach import Action, RuntimeApi
from relaydrill.wait import wait_for


def do(action: Action, ask: Ask = nobody) -> str:
    """Do something to ht1."""
    return Actions(ask).do(action, node="ht1", address="10.0.0.1", fault="kill")


def test_a_command_knows_what_it_is_about() -> None:
    """Node, address and fault are filled in; nothing else is, and no shell looks at it."""
    action = Action(run=("echo", "{node} {address} {fault} {other} $HOME; `date`"))
    assert do(action) == "ht1 10.0.0.1 kill {other} $HOME; `date`\n"
    assert describe(action, node="ht1", address="10.0.0.1", fault="kill").startswith(
        "echo 'ht1 10.0.0.1 kill {other}"
    )


def test_a_command_that_fails_is_told_with_its_last_words() -> None:
    """Command, status and the end of what it said."""
    action = Action(run=("sh", "-c", "echo all good; echo no such service >&2; exit 3"))
    with pytest.raises(LabError, match=r"(?s)ended with 3.*no such service"):
        do(action)
    with pytest.raises(LabError, match="nowhere cannot be started"):
        do(Action(run=("/nowhere",)))


def test_a_command_that_takes_too_long_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """Its children go with it: one that is left would break the lab later."""
    note = tmp_path / "child"
    script = f"sleep 600 & echo $! > '{note}'; wait"
    with pytest.raises(LabError, match=r"took longer than 0\.5 s"):
        do(Action(run=("sh", "-c", script), timeout=0.5))
    child = int(note.read_text())
    wait_for(lambda: not _runs(child), what="the child to be gone", deadline_s=10)


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_what_a_command_leaves_running_is_not_waited_for(tmp_path: Path) -> None:
    """A heal that starts a service is over when the command is, whatever the service writes to."""
    note = tmp_path / "service"
    began = time.monotonic()
    action = Action(run=("sh", "-c", f"sleep 600 & echo $! > '{note}'"), timeout=20)
    do(action)
    assert time.monotonic() - began < 10
    psutil.Process(int(note.read_text())).kill()


@pytest.fixture
def haproxy() -> Iterator[tuple[int, list[str], list[str]]]:
    """A runtime API that notes commands and answers as it is told: port, commands, answers."""
    commands: list[str] = []
    answers: list[str] = []
    serving = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = serving.accept()
            with connection:
                command = connection.recv(4096).decode().strip()
                if command == "end":
                    return
                commands.append(command)
                connection.sendall((answers.pop(0) if answers else "\n").encode())

    thread = threading.Thread(target=serve)
    thread.start()
    yield int(serving.getsockname()[1]), commands, answers
    with socket.create_connection(serving.getsockname()) as ending:
        ending.sendall(b"end")
    thread.join()
    serving.close()


def test_a_server_of_haproxy_is_set(haproxy: tuple[int, list[str], list[str]]) -> None:
    """Each command goes over a connection of its own; sessions are cut where that is asked for."""
    port, commands, answers = haproxy
    api = RuntimeApi(
        socket=f"tcp:127.0.0.1:{port}",
        server=("smtp/{node}", "submission/{node}"),
        state="maint",
        sessions="shutdown",
    )
    do(Action(haproxy=api))
    assert commands == [
        "set server smtp/ht1 state maint",
        "set server submission/ht1 state maint",
        "shutdown sessions server smtp/ht1",
        "shutdown sessions server submission/ht1",
    ]
    answers.append("No such server.\n")
    with pytest.raises(LabError, match=r"did not take 'set server smtp/ht1 .*No such server"):
        do(Action(haproxy=api))


def test_nobody_at_the_keyboard_is_no_failure_of_the_lab() -> None:
    """Without a terminal what a person would do is a capability that is missing."""
    action = Action(ask="Pull the cable of {node}")
    with pytest.raises(CapabilityMissing, match="Pull the cable of ht1"):
        do(action)
    asked: list[str] = []
    do(action, asked.append)
    assert asked == ["Pull the cable of ht1"]
