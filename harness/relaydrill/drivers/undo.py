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

from pydantic import ValidationError

from relaydrill.documents.state import UNDO, UndoDocument
from relaydrill.errors import LabError, UsageError, WaitTimeout
from relaydrill.model import Model
from relaydrill.process_identity import ProcessIdentity
from relaydrill.state import state_folder, unreadable
from relaydrill.topology.attach import Action, Check
from relaydrill.wait import wait_for

_SUFFIX: Final = ".json"
_REPAIR: Final = "repair"

MAIL: Final = "mail"
"""In the place of a fault: what is to be ended is the mail that a sender sends for a drill."""


class Repair(Model):
    """A container of somebody's lab is put right, whatever a drill has done to it.

    Attributes:
        container: Its id.
        name: What it is called.
        network: Where it belongs.
        address: That it has there.
        second: Its IPv6 address there; empty where it has none.
        anew: Whether its program is started anew, for nothing else is known to undo the fault.
        engine: The id of its Docker engine; empty where that has none.
        engine_host: Where that engine was reached; empty: on the machine of the drill.
    """

    container: str
    name: str
    network: str
    address: str
    anew: bool
    engine: str = ""
    engine_host: str = ""
    second: str = ""

    def __str__(self) -> str:
        last = "start it anew" if self.anew else "start it"
        return (
            f"container {self.name}: resume it, connect it to {self.network} as {self.address},"
            f" {last}, whichever it needs"
        )


@dataclass(frozen=True, slots=True)
class Undo:
    """One heal that is still to be done.

    Attributes:
        lab: The lab's name.
        node: The node that was broken.
        fault: The fault that broke it.
        address: Of the node.
        heal: What puts it right: as an inventory says, or a container of a compose project.
        inject_s: How long breaking it may take, seconds of the wall clock.
        inject: What breaks it; None in a record of an earlier version.
        check: What tells whether the node is whole.
        hosts: The hosts of its lab's fence; empty: no fence.
        ports: The ports of its lab's fence.
    """

    lab: str
    node: str
    fault: str
    address: str
    heal: Action | Repair
    inject_s: float = 30.0
    inject: Action | None = None
    check: Check | None = None
    hosts: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.label} on {self.lab}"

    @property
    def label(self) -> str:
        """Fault and node, as a person writes them."""
        return f"{self.fault}:{self.node}"

    @property
    def words(self) -> dict[str, str]:
        """What stands for ``{node}``, ``{address}`` and ``{fault}`` in its actions."""
        return {"node": self.node, "address": self.address, "fault": self.fault}


@dataclass(frozen=True, slots=True)
class Open:
    """The record of a fault that this process is about to inject, or has injected.

    Attributes:
        path: Its file.
        lock: A descriptor that keeps it locked, for the command that injects.
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
        path: Its file.
        undo: What is to be done.
        owner: The number of the process that made it.
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
        owner = ProcessIdentity.myself()
        document: UndoDocument = {
            "format": "relaydrill.undo",
            "version": 2,
            "lab": undo.lab,
            "node": undo.node,
            "fault": undo.fault,
            "address": undo.address,
            "heal": _heal_written(undo.heal),
            "inject_s": undo.inject_s,
            "inject": _written(undo.inject),
            "check": _written(undo.check),
            "hosts": [*undo.hosts],
            "ports": [*undo.ports],
            "owner": {"pid": owner.pid, "born": owner.born, "table": owner.table},
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
        found, problems = [], unreadable(self.directory)
        for path in self.directory.glob(f"*{_SUFFIX}"):
            try:
                found.append((path.stat().st_mtime, _read(path)))
            except FileNotFoundError:
                continue  # healed just now
            except UsageError as error:
                problems.append(str(error))
            except KeyError as error:
                problems.append(f"{path} cannot be read: it says nothing of {error}")
            except (OSError, ValueError, TypeError, OverflowError, RecursionError) as error:
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
    if not isinstance(document, dict):
        raise TypeError("it is no record")
    UNDO.version_of(document, path)
    undo = Undo(
        lab=str(document["lab"]),
        node=str(document["node"]),
        fault=str(document["fault"]),
        address=str(document["address"]),
        heal=_heal(document),
        inject_s=float(document["inject_s"]),
        inject=_action(document, "inject") if document.get("inject") else None,
        check=_check(document.get("check")),
        hosts=tuple(str(each) for each in document.get("hosts", ())),
        ports=tuple(int(each) for each in document.get("ports", ())),
    )
    said = document["owner"]
    owner = ProcessIdentity(int(said["pid"]), float(said["born"]), str(said.get("table", "")))
    # Whether one of another container lives is not seen here; what it holds is.
    return Left(path, undo, owner.pid, is_held and (owner.lives or not owner.is_of_here))


def _written(part: Model | None) -> dict[str, Any] | None:
    return part.model_dump(mode="json", exclude_none=True) if part else None


def _heal_written(heal: Action | Repair) -> dict[str, Any]:
    written = heal.model_dump(mode="json", exclude_none=True)
    return {_REPAIR: written} if isinstance(heal, Repair) else written


def _heal(document: dict[str, Any]) -> Action | Repair:
    heal = document["heal"]
    if not isinstance(heal, dict) or _REPAIR not in heal:
        return _action(document, "heal")
    try:
        return Repair.model_validate_json(json.dumps(heal[_REPAIR]))
    except ValidationError:
        raise ValueError("its heal is no repair of a container") from None


def _action(document: dict[str, Any], key: str) -> Action:
    with contextlib.suppress(ValidationError):
        action = Action.model_validate_json(json.dumps(document[key]))
        if action.ways == 1:
            return action
    raise ValueError(f"its {key} is no action")


def _check(document: dict[str, Any] | None) -> Check | None:
    try:
        return Check.model_validate_json(json.dumps(document)) if document else None
    except ValidationError:
        raise ValueError("its check is none") from None


def _is_free(lock: int) -> bool:
    """Whether nobody else holds a lock; if so this process has it now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
