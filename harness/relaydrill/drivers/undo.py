"""What has been broken on a lab that outlives this process, and how it is put right.

Each heal is on disk before its fault is injected, and stays there until it has worked. So it can be
done after a kill -9 or a power cut, by ``relaydrill heal``: the files are all that it needs.

A record is locked for as long as its fault is in force, and the command that breaks the node holds
the lock, too. So nobody heals under a run that goes on; and nobody heals before a command that has
outlived its harness is through, which would break the node again right after.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from relaydrill.errors import LabError, WaitTimeout
from relaydrill.state import state_folder
from relaydrill.topology.attach import Action
from relaydrill.wait import wait_for

_SUFFIX: Final = ".json"


@dataclass(frozen=True, slots=True)
class Undo:
    """One heal that is still to be done.

    Attributes:
        lab, node, fault: What was broken, and how. address: Of the node.
        heal: What puts it right.
        inject_s: How long breaking it may take, seconds of the wall clock.
    """

    lab: str
    node: str
    fault: str
    address: str
    heal: Action
    inject_s: float = 30.0

    def __str__(self) -> str:
        return f"{self.fault}:{self.node} on {self.lab}"


@dataclass(frozen=True, slots=True)
class Open:
    """The record of a fault that this process is about to inject, or has injected.

    Attributes:
        path: Its file. lock: A descriptor that keeps it locked, for the command that injects.
    """

    path: Path
    lock: int

    def done(self) -> None:
        """The heal has worked: the record goes."""
        self.path.unlink(missing_ok=True)
        os.close(self.lock)

    def leave(self) -> None:
        """The heal has not worked: whoever comes next may try it."""
        os.close(self.lock)


@dataclass(frozen=True, slots=True)
class Left:
    """A record that lies in the log.

    Attributes:
        path: Its file. undo: What is to be done. owner: The number of the process that made it.
        is_under_way: Whether that process lives and sees to it itself.
    """

    path: Path
    undo: Undo
    owner: int
    is_under_way: bool


class UndoLog:
    """The heals that are still to be done, one file each.

    Args:
        directory: Where they lie; made when it is first needed.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    @classmethod
    def default(cls) -> UndoLog:
        """In the user's state directory."""
        return cls(state_folder("undo"))

    def open(self, undo: Undo) -> Open:
        """Write a heal down, to the disk itself, before anything is broken.

        Raises:
            LabError: It cannot be written; so nothing may be broken.
        """
        try:
            return self._open(undo)
        except OSError as error:
            raise LabError(
                f"how {undo} is healed cannot be written to {self.directory}, so nothing is"
                f" broken: {error.strerror}"
            ) from None

    def _open(self, undo: Undo) -> Open:
        self.directory.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{uuid.uuid4().hex}{_SUFFIX}"
        document = {
            "lab": undo.lab,
            "node": undo.node,
            "fault": undo.fault,
            "address": undo.address,
            "heal": undo.heal.model_dump(mode="json", exclude_none=True),
            "inject_s": undo.inject_s,
            "owner": {"pid": os.getpid(), "born": psutil.Process().create_time()},
        }
        # Written aside, locked and renamed: nobody ever sees half of it, or finds it free.
        aside = path.with_suffix(".new")
        lock = os.open(aside, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.write(lock, json.dumps(document).encode())
            os.fsync(lock)
            aside.replace(path)
            _sync(self.directory)
        except OSError:
            os.close(lock)
            raise
        return Open(path, lock)

    def left(self) -> tuple[list[Left], list[str]]:
        """All records, oldest first; and what is wrong with those that cannot be read."""
        found, problems = [], []
        for path in self.directory.glob(f"*{_SUFFIX}"):
            try:
                found.append((path.stat().st_mtime, _read(path)))
            except FileNotFoundError:
                continue  # healed just now
            except (OSError, ValueError, KeyError, TypeError) as error:
                problems.append(f"{path} cannot be read: {error}")
        return [each for _, each in sorted(found, key=lambda pair: pair[0])], problems

    @contextlib.contextmanager
    def claim(self, left: Left) -> Iterator[bool]:
        """A block in which a record is ours; False where somebody else has healed it meanwhile.

        Where the command that broke the node has outlived its harness its end is waited for, though
        no longer than it was given: what it leaves running may hold the lock for ever.
        """
        try:
            lock = os.open(left.path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            yield False
            return
        try:
            with contextlib.suppress(WaitTimeout):
                wait_for(
                    lambda: _is_free(lock),
                    what=f"the command to end that did {left.undo}",
                    deadline_s=left.undo.inject_s,
                )
            yield os.fstat(lock).st_nlink > 0
        finally:
            os.close(lock)

    def close(self, path: Path) -> None:
        """A heal has been done."""
        path.unlink(missing_ok=True)


def _read(path: Path) -> Left:
    with path.open("r+b") as file:
        document: dict[str, Any] = json.loads(file.read())
        is_held = not _is_free(file.fileno())
    undo = Undo(
        lab=str(document["lab"]),
        node=str(document["node"]),
        fault=str(document["fault"]),
        address=str(document["address"]),
        heal=Action.model_validate_json(json.dumps(document["heal"])),
        inject_s=float(document["inject_s"]),
    )
    owner = document["owner"]
    return Left(path, undo, int(owner["pid"]), is_held and _lives(owner))


def _is_free(lock: int) -> bool:
    """Whether nobody else holds a lock; if so this process has it now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(owner: dict[str, Any]) -> bool:
    try:
        process = psutil.Process(int(owner["pid"]))
        same = abs(process.create_time() - float(owner["born"])) < 0.5
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
