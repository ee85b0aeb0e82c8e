"""What is done to a real lab: commands, HAProxy's runtime API, containers, and asking a person."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from typing import IO, Final

from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.topology.attach import Action, ContainerDeed, RuntimeApi

_LAST_LINES: Final = 5
_PLACE: Final = re.compile(r"\{(node|address|fault)\}")

Ask = Callable[[str], None]
"""Asks a person to do something, and returns when it is done.

Raises:
    CapabilityMissing: Nobody is there.
"""


def nobody(what: str) -> None:
    """Where no person sits at the keyboard.

    Raises:
        CapabilityMissing: Always.
    """
    raise CapabilityMissing("ask", "a run without a terminal", f"anybody to: {what}")


class Actions:
    """Carries actions out on the nodes of one lab.

    Args:
        ask: How a person is asked.
    """

    def __init__(self, ask: Ask = nobody) -> None:
        self._ask = ask

    def do(
        self, action: Action, *, node: str, address: str, fault: str, lock: int | None = None
    ) -> str:
        """Do it, and return what it printed.

        Args:
            lock: A descriptor that a command holds for as long as it runs.

        Raises:
            LabError: It failed, or took too long.
            CapabilityMissing: A person is needed, and none is there.
        """
        words = {"node": node, "address": address, "fault": fault}
        match action:
            case Action(run=tuple(run)):
                return _run(tuple(fill(part, words) for part in run), action.timeout, lock)
            case Action(haproxy=RuntimeApi() as api):
                _set_server(_fill_api(api, words), action.timeout)
            case Action(docker=ContainerDeed() as deed):
                _do_to_container(deed.do, fill(deed.container, words))
            case Action(ask=str(ask)):
                self._ask(fill(ask, words))
        return ""


def describe(action: Action, *, node: str, address: str, fault: str) -> str:
    """What would be done, for a person."""
    words = {"node": node, "address": address, "fault": fault}
    match action:
        case Action(run=tuple(run)):
            return shlex.join(fill(part, words) for part in run)
        case Action(haproxy=RuntimeApi() as api):
            told = "; ".join(_commands(_fill_api(api, words)))
            return f"{told} (to HAProxy at {api.socket})"
        case Action(docker=ContainerDeed() as deed):
            return f"docker {deed.do} {fill(deed.container, words)}"
    return f"ask: {fill(action.ask or '', words)}"


def fill(text: str, words: dict[str, str]) -> str:
    """A text with ``{node}``, ``{address}`` and ``{fault}`` filled in."""
    return _PLACE.sub(lambda found: words[found[1]], text)


def _fill_api(api: RuntimeApi, words: dict[str, str]) -> RuntimeApi:
    servers = tuple(fill(server, words) for server in api.server)
    return api.model_copy(update={"server": servers})


def _run(command: tuple[str, ...], timeout_s: float, lock: int | None) -> str:
    """Run a command to its end, out of reach of the terminal's Ctrl-C.

    It writes into files: what it leaves running may keep them open without anybody waiting for it.
    """
    told = shlex.join(command)
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
                pass_fds=() if lock is None else (lock,),
            )
        except OSError as error:
            raise LabError(f"{told} cannot be started: {error}") from None
        try:
            status = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            raise LabError(f"{told} took longer than {timeout_s:g} s, and was ended") from None
        except BaseException:
            _end(process)
            raise
        said, complaint = _text(out), _text(err)
    if status:
        lines = "\n  ".join((complaint or said).splitlines()[-_LAST_LINES:])
        raise LabError(f"{told} ended with {status}" + (f":\n  {lines}" if lines else ""))
    return said


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _commands(api: RuntimeApi) -> list[str]:
    commands = [f"set server {server} state {api.state}" for server in api.server]
    if api.sessions == "shutdown":
        commands += [f"shutdown sessions server {server}" for server in api.server]
    return commands


def _set_server(api: RuntimeApi, timeout_s: float) -> None:
    """An empty line means that HAProxy did it."""
    for command in _commands(api):
        said = ask_haproxy(api.socket, command, timeout_s)
        if said.strip():
            raise LabError(f"HAProxy at {api.socket} did not take {command!r}: {said.strip()}")


def ask_haproxy(where: str, command: str, timeout_s: float) -> str:
    """What HAProxy answers to a command of its runtime API, on a connection of its own.

    Args:
        where: ``unix:PATH`` or ``tcp:HOST:PORT``.

    Raises:
        LabError: It cannot be asked.
    """
    try:
        with _connected(where, timeout_s) as connection:
            connection.sendall(f"{command}\n".encode())
            return b"".join(iter(lambda: connection.recv(4096), b"")).decode("utf-8", "replace")
    except OSError as error:
        raise LabError(f"HAProxy at {where} cannot be told {command!r}: {error}") from None


def _connected(where: str, timeout_s: float) -> socket.socket:
    kind, _, place = where.partition(":")
    if kind == "tcp":
        host, _, port = place.rpartition(":")
        return socket.create_connection((host, int(port)), timeout=timeout_s)
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(timeout_s)
    try:
        connection.connect(place)
    except OSError:
        connection.close()
        raise
    return connection


def _do_to_container(do: str, name: str) -> None:
    from relaydrill.drivers.docker.installed import docker_installed

    with docker_installed():
        from relaydrill.drivers.docker.engine import connect, told

    with told(f"{do} the container {name}"):
        engine = connect()
        try:
            container = engine.containers.get(name)
            is_paused = container.status == "paused"
            if do != "unpause" or is_paused:
                getattr(container, do)()
        finally:
            engine.close()
