"""What is done to a real lab: commands, HAProxy's runtime API, containers, and asking a person."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable
from typing import IO, Final

from relaydrill.drivers.attach import runtime_api
from relaydrill.drivers.attach.reaching import ANYWHERE, Bounds
from relaydrill.errors import CapabilityMissing, LabError
from relaydrill.topology.attach import Action, ContainerAction, RuntimeApi

_LAST_LINES: Final = 5
_PLACE: Final = re.compile(r"\{(node|address|fault)\}")

Ask = Callable[[str], None]
"""Asks a person to do something, and returns when it is done.

Raises:
    CapabilityMissing: Nobody is there.
"""


class NothingDone(LabError):
    """An action was refused, or could not be begun: all is as it was before."""


class CommandFailed(LabError):
    """A command ran to its end, and said by its status that it failed."""


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
        bounds: Where this machine may connect to.
    """

    def __init__(self, ask: Ask = nobody, bounds: Bounds = ANYWHERE) -> None:
        self._ask = ask
        self._bounds = bounds

    def do(
        self, action: Action, *, node: str, address: str, fault: str, lock: int | None = None
    ) -> str:
        """Do it, and return what it printed.

        Args:
            action: What the inventory says is to be done.
            node: Stands for ``{node}`` in it.
            address: For ``{address}``.
            fault: And for ``{fault}``.
            lock: A descriptor that a command holds for as long as it runs.

        Raises:
            NothingDone: It was refused, or could not be begun.
            LabError: It failed, or took too long.
            CapabilityMissing: A person is needed, and none is there.
        """
        words = {"node": node, "address": address, "fault": fault}
        match action:
            case Action(run=tuple(run)):
                return _run(tuple(fill(part, words) for part in run), action.timeout, lock)
            case Action(haproxy=RuntimeApi() as api):
                _set_server(fill_api(api, words), action.timeout, self._bounds)
            case Action(docker=ContainerAction() as deed):
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
            told = "; ".join(runtime_api.commands_of(fill_api(api, words)))
            return f"{told} (to HAProxy at {api.socket})"
        case Action(docker=ContainerAction() as deed):
            return f"docker {deed.do} {fill(deed.container, words)}"
    return f"ask: {fill(action.ask or '', words)}"


def fill(text: str, words: dict[str, str]) -> str:
    """A text with ``{node}``, ``{address}`` and ``{fault}`` filled in."""
    return _PLACE.sub(lambda found: words[found[1]], text)


def fill_api(api: RuntimeApi, words: dict[str, str]) -> RuntimeApi:
    """What HAProxy is told, with the names of its servers filled in."""
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
            raise NothingDone(f"{told} cannot be started: {error.strerror}") from None
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
        raise CommandFailed(f"{told} ended with {status}" + (f":\n  {lines}" if lines else ""))
    return said


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _set_server(api: RuntimeApi, timeout_s: float, bounds: Bounds) -> None:
    """An empty line means that HAProxy did it.

    Raises:
        NothingDone: It did not do the first thing, and was told nothing else.
        LabError: It did not do another.
    """
    for number, command in enumerate(runtime_api.commands_of(api)):
        try:
            said = runtime_api.ask(api.socket, command, timeout_s, bounds).strip()
        except runtime_api.NotReached as error:
            raise (LabError if number else NothingDone)(str(error)) from None
        if said:
            told = f"HAProxy at {api.socket} did not take {command!r}: {said}"
            raise (LabError if number else NothingDone)(told)


def _do_to_container(do: str, name: str) -> None:
    from relaydrill.drivers.docker.installed import docker_installed

    with docker_installed():
        from docker.errors import NotFound

        from relaydrill.drivers.docker.engine import connect, engine_errors

    try:
        engine = connect()
    except LabError as error:
        raise NothingDone(str(error)) from None
    with engine_errors(f"{do} the container {name}"):
        try:
            try:
                container = engine.containers.get(name)
            except NotFound:
                raise NothingDone(f"there is no container {name}, so it cannot {do}") from None
            is_paused = container.status == "paused"
            if do != "unpause" or is_paused:
                getattr(container, do)()
        finally:
            engine.close()
