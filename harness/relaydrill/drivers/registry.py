"""A note of everything that runs, kept outside of any process, so that ``clean`` can end it.

One JSON file for each lab, in the user's state directory. It names processes by number, by the
moment at which they began, and by the process table that the number is of: what the system has
given to another program since is left alone, and so is another container's.

A note is locked for as long as its harness lives, which is seen from other containers, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import socket
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from relaydrill.documents.state import LAB, LabDocument, ProcessDocument
from relaydrill.errors import LabError, UsageError, WaitTimeout
from relaydrill.process_identity import ProcessIdentity, process_table
from relaydrill.state import REMEDY, state_folder, unreadable
from relaydrill.wait import wait_for

_GONE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What `Registry.clean` did about one lab.

    Attributes:
        note: Names its note.
        lab: The topology's name.
        directory: The lab's.
        killed: The processes that were killed, by name and number.
    """

    note: str
    lab: str
    directory: str
    killed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Spared:
    """One lab that `Registry.clean` leaves alone.

    Attributes:
        note: Names its note.
        lab: The topology's name.
        directory: The lab's.
        why: Why it is left.
        may_be_forgotten: Whether its harness has ended, so that a person may have it forgotten.
    """

    note: str
    lab: str
    directory: str
    why: str
    may_be_forgotten: bool


class Record:
    """The note of one lab that is running."""

    def __init__(self, path: Path, lab: str, directory: Path) -> None:
        self._path = path
        self._lock = -1
        self._data: LabDocument = {
            "format": "relaydrill.lab",
            "version": 2,
            "lab": lab,
            "directory": str(directory),
            "host": socket.gethostname(),
            "owner": _note("harness", os.getpid()),
            "processes": [],
        }
        self._save()

    def add(self, name: str, pid: int) -> None:
        """Note down one more process."""
        if note := _note(name, pid):
            self._data["processes"].append(note)
            self._save()

    def close(self) -> None:
        """The lab is down: the note goes."""
        self._path.unlink(missing_ok=True)
        self._hold(-1)

    def _save(self) -> None:
        # Written aside, locked and renamed: a reader, or a crash, never sees half of it, nor a
        # moment at which it is free.
        aside = self._path.with_suffix(".new")
        lock = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        try:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            os.write(lock, json.dumps(self._data).encode())
            aside.replace(self._path)
        except OSError:
            os.close(lock)
            raise
        self._hold(lock)

    def _hold(self, lock: int) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = lock


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
        """Keep a note for as long as a lab runs.

        Raises:
            LabError: It cannot be written: a lab that was killed would be found by nobody.
        """
        path = self._directory / f"{uuid.uuid4().hex}.json"
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            record = Record(path, lab, directory)
        except OSError as error:
            raise LabError(
                f"the record of this lab cannot be written to {self._directory}:"
                f" {error.strerror or error}; {REMEDY}"
            ) from error
        try:
            yield record
        finally:
            record.close()

    def clean(self, forget: Collection[str] = ()) -> list[Ended]:
        """End what is left of labs whose harness has ended; others stay: see `spared`.

        Notes of another version are left alone, too; see `strange`.

        Args:
            forget: Notes to forget although their processes cannot be ended from here.

        Returns:
            One item for each such lab, its killed processes in it; none where nothing was left.
        """
        ended = []
        for path, data in self._notes():
            if isinstance(data, str):
                continue
            spared = _spared(path, data)
            if spared and not (spared.may_be_forgotten and path.stem in forget):
                continue
            killed = tuple(
                f"{note['name']} ({note['pid']})"
                for note in data["processes"]
                if _kill(note["name"], _identity(note))
            )
            path.unlink(missing_ok=True)
            ended.append(Ended(path.stem, data["lab"], data["directory"], killed))
        return ended

    def spared(self) -> list[Spared]:
        """The labs that `clean` leaves alone, and why."""
        found = [_spared(path, each) for path, each in self._notes() if not isinstance(each, str)]
        return [each for each in found if each]

    def strange(self) -> list[str]:
        """What keeps notes from being read, a sentence each: another version wrote them, say."""
        found = [data for _, data in self._notes() if isinstance(data, str)]
        return [*unreadable(self._directory), *found]

    def _notes(self) -> Iterator[tuple[Path, LabDocument | str]]:
        for path in sorted(self._directory.glob("*.json")):
            try:
                data = _read(path)
            except UsageError as error:
                yield path, str(error)
                continue
            if data is not None:
                yield path, data


def _spared(path: Path, data: LabDocument) -> Spared | None:
    """Why a lab is left alone; None where its harness has ended and all that it left is of here."""
    owner = data["owner"]
    if owner is None:
        return None
    identity, host = _identity(owner), data.get("host", "")
    who = f"its harness, process {owner['pid']} on {host}," if host else "its harness"
    ended = False
    if identity.is_of_here:
        if not identity.lives:
            return None
        why = f"{who} runs"
    elif _is_held(path):
        why = f"{who} runs in another container or on another machine"
    elif host == socket.gethostname() and _machine(identity.table) != _machine(process_table()):
        return None  # of before this machine was started anew
    else:
        ended = True
        why = f"{who} has ended; what it left runs where that did, and is ended by clean there"
    return Spared(path.stem, data["lab"], data["directory"], why, may_be_forgotten=ended)


def _machine(table: str) -> str:
    """What of a process table's name is the machine's."""
    return table.partition("/")[0]


def _is_held(path: Path) -> bool:
    """Whether the harness of a note lives, wherever; where that cannot be seen it may."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _read(path: Path) -> LabDocument | None:
    """A note; None where the file is none, or is gone already.

    Raises:
        UsageError: It is of another format, or of a newer version.
    """
    try:
        data: LabDocument = json.loads(path.read_text())
        LAB.version_of(data, path)
        notes = [*data["processes"], *([data["owner"]] if data["owner"] else [])]
        whole = {"lab", "directory"} <= data.keys()
        whole &= all(_is_whole(note) for note in notes)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return data if whole else None


def _is_whole(note: ProcessDocument) -> bool:
    """Whether a note names a process: nothing else can be looked for, or ended."""
    numbers = type(note["pid"]) is int and type(note["born"]) in (int, float)
    return numbers and note["pid"] > 0 and type(note.get("table", "")) is str and "name" in note


def _note(name: str, pid: int) -> ProcessDocument | None:
    """A process as a note has it; None where it has ended."""
    try:
        identity = ProcessIdentity.of(pid)
    except psutil.NoSuchProcess:
        return None
    born, table = identity.born, identity.table
    return {"name": name, "pid": identity.pid, "born": born, "table": table}


def _identity(note: ProcessDocument) -> ProcessIdentity:
    return ProcessIdentity(note["pid"], note["born"], note.get("table", ""))


def _kill(name: str, identity: ProcessIdentity) -> bool:
    process = identity.find()
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
        what = f"{name} ({identity.pid}) to end"
        wait_for(lambda: not identity.lives, what=what, deadline_s=_GONE_S, every_s=0.005)
    return True
