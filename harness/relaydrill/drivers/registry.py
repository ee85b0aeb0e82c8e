"""A note of everything that runs, kept outside of any process, so that ``clean`` can end it.

One JSON file for each lab, in the user's state directory. It names processes by number and by the
moment at which they began: a number that the system has given to another program since is left
alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from relaydrill.errors import WaitTimeout
from relaydrill.state import state_folder
from relaydrill.wait import wait_for

_GONE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What `Registry.clean` did about one lab: the processes that it killed, by name and number."""

    lab: str
    directory: str
    killed: tuple[str, ...]


class Record:
    """The note of one lab that is running."""

    def __init__(self, path: Path, lab: str, directory: Path) -> None:
        self._path = path
        self._data: dict[str, Any] = {
            "lab": lab,
            "directory": str(directory),
            "owner": _identity("harness", os.getpid()),
            "processes": [],
        }
        self._save()

    def add(self, name: str, pid: int) -> None:
        """Note down one more process."""
        identity = _identity(name, pid)
        if identity:
            self._data["processes"].append(identity)
            self._save()

    def _save(self) -> None:
        # Written aside and renamed: a reader, or a crash, never sees half of it.
        aside = self._path.with_suffix(".new")
        aside.write_text(json.dumps(self._data))
        aside.replace(self._path)


class Registry:
    """The notes of all labs of one user.

    Args:
        directory: Where they lie; made when it is first needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @classmethod
    def default(cls) -> Registry:
        """In the user's state directory."""
        return cls(state_folder("labs"))

    @contextlib.contextmanager
    def record(self, lab: str, directory: Path) -> Iterator[Record]:
        """Keep a note for as long as a lab runs."""
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{uuid.uuid4().hex}.json"
        try:
            yield Record(path, lab, directory)
        finally:
            path.unlink(missing_ok=True)

    def clean(self) -> list[Ended]:
        """End what is left of labs whose harness has ended; labs whose harness lives stay.

        Returns:
            One item for each such lab, its killed processes in it; none where nothing was left.
        """
        ended = []
        for path in sorted(self._directory.glob("*.json")):
            data = _read(path)
            if data is None or (data["owner"] and _find(data["owner"])):
                continue
            killed = tuple(
                f"{identity['name']} ({identity['pid']})"
                for identity in data["processes"]
                if _kill(identity)
            )
            path.unlink(missing_ok=True)
            ended.append(Ended(data["lab"], data["directory"], killed))
        return ended


def _read(path: Path) -> dict[str, Any] | None:
    """A note; None where the file is none, or is gone already."""
    try:
        data = json.loads(path.read_text())
        identities = [*data["processes"], *([data["owner"]] if data["owner"] else [])]
        whole = {"lab", "directory"} <= data.keys()
        whole &= all({"name", "pid", "born"} <= identity.keys() for identity in identities)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return data if whole else None


def _identity(name: str, pid: int) -> dict[str, Any] | None:
    try:
        return {"name": name, "pid": pid, "born": psutil.Process(pid).create_time()}
    except psutil.NoSuchProcess:
        return None


def _find(identity: dict[str, Any]) -> psutil.Process | None:
    """The process that was noted down, if it is still that one."""
    try:
        process = psutil.Process(identity["pid"])
        same = abs(process.create_time() - identity["born"]) < 0.5
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def _kill(identity: dict[str, Any]) -> bool:
    process = _find(identity)
    if process is None:
        return False
    with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    # Not psutil's wait: a process that nobody reaps, as in a container without an init, stays as a
    # zombie for ever, and is gone all the same.
    with contextlib.suppress(WaitTimeout):
        what = f"{identity['name']} ({identity['pid']}) to end"
        wait_for(lambda: _find(identity) is None, what=what, deadline_s=_GONE_S, every_s=0.005)
    return True
