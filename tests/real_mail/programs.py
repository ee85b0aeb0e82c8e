"""Programs of real mail servers: whether they are there, how they are started, and ended by id."""

from __future__ import annotations

import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

from relaydrill.wait import wait_for

UNPACKED: Final = Path(__file__).parents[2] / "build" / "mail-servers"
"""Where ``.ci/run`` unpacks servers whose packages cannot be installed beside Postfix."""

_SYSTEM: Final = ("/usr/sbin", "/sbin")
_IN_A_NAMESPACE: Final = (
    'while [ "$1" != -- ]; do mount --bind "$1" "$2" || exit 1; shift 2; done; shift; exec "$@"'
)


@functools.cache
def program(name: str) -> str:
    """Path of a server's program; empty where it is not there."""
    unpacked = os.environ.get("REAL_MAIL_SERVERS", str(UNPACKED))
    places = [os.environ.get("PATH", ""), *_SYSTEM, f"{unpacked}/usr/sbin"]
    return shutil.which(name, path=os.pathsep.join(places)) or ""


@functools.cache
def why_not(*names: str) -> str:
    """Why servers cannot be started here, with what would help; empty if they can."""
    if sys.platform != "linux":
        return "addresses of 127.62.0.0/16 and real mail servers; to run this: Linux"
    if os.geteuid():
        return "real mail servers change users; to run this: be root"
    if missing := [name for name in names if not program(name)]:
        return f"no {', '.join(missing)}; to run this: .ci/run installs or unpacks it"
    if not set(names).isdisjoint({"exim4", "smtpd"}) and not _has_namespaces():
        return "Exim and OpenSMTPD want a mount namespace; to run this: be root with CAP_SYS_ADMIN"
    return ""


@functools.cache
def _has_namespaces() -> bool:
    return not subprocess.run(
        ["unshare", "--mount", "true"], capture_output=True, check=False
    ).returncode


def with_mounts(mounts: Mapping[Path, str], command: Sequence[str]) -> list[str]:
    """A command that sees files or folders of ours in place of the system's, and alone does so.

    Debian's Exim and OpenSMTPD have paths and users built in that this machine does not have.

    Args:
        mounts: What of the system each of ours stands in for.
        command: The program and its arguments.
    """
    pairs = [word for ours, system in mounts.items() for word in (str(ours), system)]
    unshare = ["unshare", "--mount", "--propagation", "private"]
    return [*unshare, "sh", "-c", _IN_A_NAMESPACE, "sh", *pairs, "--", *command]


class Process:
    """A program in the foreground, with what it prints in a file; ended by its id.

    Args:
        command: Program and arguments.
        said: The file for what it prints.
        ready: Address and port on which it listens once it is up.
    """

    def __init__(self, command: Sequence[str], said: Path, ready: tuple[str, int]) -> None:
        with said.open("ab") as file:
            self._running = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=file, stderr=file, start_new_session=True
            )
        try:
            await_listener(*ready, alive=lambda: self._running.poll() is None, said=said)
        except BaseException:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """Its id."""
        return self._running.pid

    def stop(self) -> None:
        """End it, and whatever it has started."""
        end_family(self._running.pid)
        self._running.wait(timeout=10)


def end_family(pid: int) -> None:
    """End a process that we started, then those that it started."""
    try:
        parent = psutil.Process(pid)
        family = [*parent.children(recursive=True), parent]
        parent.send_signal(signal.SIGTERM)
    except psutil.NoSuchProcess:
        return
    _, left = psutil.wait_procs(family, timeout=3)
    for each in left:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(left, timeout=5)


def await_listener(address: str, port: int, *, alive: Callable[[], bool], said: Path) -> None:
    """Return when somebody takes connections there.

    Raises:
        AssertionError: The program ended first, or nobody did in time; with what it said.
    """
    wait_for(
        lambda: not alive() or _listens(address, port),
        what=f"a server on {address}:{port}",
        deadline_s=30,
        diagnosis=lambda: said.read_text(errors="replace"),
    )
    assert alive(), said.read_text(errors="replace")


def _listens(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=2):
            return True
    except OSError:
        return False
