"""What an inventory names and this machine does not have: files, variables, programs.

Nothing is connected to, and no program is run.
"""

from __future__ import annotations

import shutil
import ssl
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from relaydrill.drivers.attach import secrets
from relaydrill.drivers.attach.actions import fill
from relaydrill.drivers.attach.observers.sources import program_of
from relaydrill.errors import UsageError
from relaydrill.topology.attach import SYSTEM_CA, Action, Arrivals, Attach, Login
from relaydrill.topology.log_source import LogSource

_UNIX = "unix:"
_INTERPRETERS = frozenset(
    ("sh", "bash", "dash", "zsh", "python", "python3", "perl", "ruby", "pwsh", "node")
)


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that is not there.

    Attributes:
        keys: Where the topology names it.
        what: What is missing.
        remedy: What to do.
    """

    keys: tuple[str | int, ...]
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text} ({self.remedy})"

    @property
    def text(self) -> str:
        """Key and mistake, without the remedy."""
        return f"{'.'.join(str(key) for key in self.keys)}: {self.what}"


def lacking_at_start(attach: Attach) -> Iterator[Lack]:
    """What no lab starts without: the authority, logins, and where arrivals are seen."""
    at = ("attach",)
    if attach.ca != SYSTEM_CA and (wrong := _no_authority(attach.ca)):
        yield Lack(
            (*at, "ca"),
            wrong,
            "name the PEM file of the authority that signed the lab's certificates, or leave ca out"
            " where this machine's own authorities did",
        )
    if attach.login:
        yield from _lacking_login((*at, "login"), attach.login)
    for name, node in attach.nodes.items():
        if node.arrivals:
            yield from _lacking_arrivals((*at, "nodes", name, "arrivals"), node.arrivals)
        if node.log:
            yield from lacking_log((*at, "nodes", name, "log"), node.log)


def lacking_in_actions(attach: Attach, faults: Iterable[tuple[str, str]]) -> Iterator[Lack]:
    """What keeps queues from being looked into, and hooks from being done.

    Args:
        attach: The inventory.
        faults: Those that are wanted: node and kind.
    """
    for name, node in attach.nodes.items():
        if node.queue:
            words = {"node": name, "address": node.address, "fault": ""}
            yield from _lacking_action(("attach", "nodes", name, "queue"), node.queue, words)
    yield from lacking_in_hooks(attach, faults)


def lacking_in_hooks(attach: Attach, faults: Iterable[tuple[str, str]]) -> Iterator[Lack]:
    """What keeps hooks from being done; faults as in `lacking_in_actions`."""
    for keys, action, words in wanted_actions(attach, faults):
        yield from _lacking_action(keys, action, words)


def wanted_actions(
    attach: Attach, faults: Iterable[tuple[str, str]]
) -> Iterator[tuple[tuple[str | int, ...], Action, dict[str, str]]]:
    """All that is to be done for faults, with keys and with what is to be filled in.

    Args:
        attach: The inventory.
        faults: Node and kind.
    """
    for name, kind in dict.fromkeys(faults):
        hook = attach.nodes[name].hooks.get(kind) if name in attach.nodes else None
        if hook is None:
            continue
        words = {"node": name, "address": attach.nodes[name].address, "fault": kind}
        at = ("attach", "nodes", name, "hooks", kind)
        yield (*at, "inject"), hook.inject, words
        yield (*at, "heal"), hook.heal, words
        if hook.check:
            yield (*at, "check"), Action(run=hook.check.run, timeout=hook.check.timeout), words


def _no_authority(file: str) -> str:
    try:
        ssl.create_default_context(cafile=file)
    except ssl.SSLError:
        return f"{file} holds no certificate in PEM"
    except OSError as error:
        return f"{file}: {error.strerror}"
    return ""


def _lacking_login(at: tuple[str | int, ...], login: Login) -> Iterator[Lack]:
    for key, name in (("user", login.user), ("password", login.password)):
        try:
            secrets.value(name)
        except UsageError as error:
            remedy = "set it" if name.startswith("env:") else "write it there"
            yield Lack((*at, key), str(error), f"{remedy}, or name another place")


def _lacking_arrivals(at: tuple[str | int, ...], arrivals: Arrivals) -> Iterator[Lack]:
    if arrivals.imap:
        yield from _lacking_login((*at, "imap", "login"), arrivals.imap.login)
    if arrivals.log:
        yield from lacking_log((*at, "log"), arrivals.log)
    logs = {"postfix_log": arrivals.postfix_log, "exim_log": arrivals.exim_log}
    for key, path in {**logs, "journal": arrivals.journal}.items():
        if path is not None and (wrong := _unreadable(path)):
            yield Lack(
                (*at, key), f"{path}: {wrong}", "name a file of this machine that may be read"
            )
    folder = arrivals.tracking_logs
    if folder is not None and not Path(folder).is_dir():
        what = f"{folder}: there is no such folder"
        yield Lack((*at, "tracking_logs"), what, "name a folder of this machine; mount the share")


def lacking_log(at: tuple[str | int, ...], log: LogSource) -> Iterator[Lack]:
    """What keeps a log from being read: its file, or the program that prints it."""
    if log.file is not None:
        is_folder = Path(log.file).is_dir()
        if not is_folder and not Path(log.file).is_fifo() and (wrong := _unreadable(log.file)):
            what = f"{log.file}: {wrong}"
            yield Lack(at, what, "name a file or a folder of this machine that may be read")
        return
    key, program = program_of(log)
    if shutil.which(program) is None:
        what = f"there is no program {program!r} that may be run"
        yield Lack((*at, key), what, "install it, or name another place for the log")


def _unreadable(path: str) -> str:
    try:
        with Path(path).open("rb"):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _lacking_action(
    at: tuple[str | int, ...], action: Action, words: dict[str, str]
) -> Iterator[Lack]:
    if action.run:
        program = fill(action.run[0], words)
        if shutil.which(program) is None:
            what = f"there is no program {program!r} that may be run"
            yield Lack((*at, "run"), what, "install it, or name its path")
        elif script := _missing_script([fill(part, words) for part in action.run]):
            what = f"{script}: there is no such script for {program} to run"
            yield Lack((*at, "run"), what, "name a file of this machine")
    if action.haproxy and action.haproxy.socket.startswith(_UNIX):
        path = action.haproxy.socket.removeprefix(_UNIX)
        if not Path(path).is_socket():
            remedy = "start HAProxy with this stats socket, or name the one that it has"
            yield Lack((*at, "haproxy", "socket"), f"{path}: there is no such socket", remedy)


def _missing_script(command: list[str]) -> str:
    """A script that an interpreter is to run and that is not here; empty where all is well."""
    if len(command) < 2 or Path(command[0]).name not in _INTERPRETERS:
        return ""
    script = command[1]
    is_path = "/" in script and not script.startswith("-")
    return script if is_path and not Path(script).exists() else ""
