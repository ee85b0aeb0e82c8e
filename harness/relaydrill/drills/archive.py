"""The runs that lie below a folder, read from what was made of them; nothing is judged again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from relaydrill import topology_files
from relaydrill.documents.run import RUN
from relaydrill.documents.verdict import VERDICT as VERDICT_FORMAT
from relaydrill.drills.figures import figures_of
from relaydrill.drills.history import History, Likeness, Run, history_of
from relaydrill.drills.model import Drill
from relaydrill.drills.naming import STEADY, drill_name, is_automatic
from relaydrill.drills.record import DRILL, LAB, TOPOLOGY, VERDICT, must_be_a_file
from relaydrill.errors import RelaydrillError, UsageError
from relaydrill.topology import Topology
from relaydrill.verdict import Status


def read_history(folder: Path) -> History:
    """The history of all run directories in a folder, those of audits and test sessions included.

    Raises:
        UsageError: There is no such folder, or no run with a verdict in it.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; name the one that run directories are in")
    runs: list[Run] = []
    left_out: list[str] = []
    for directory in run_directories(folder):
        found = read_run(directory)
        if isinstance(found, Unreadable):
            left_out.append(f"{directory}: {found.why}")
        else:
            runs += found
    if not runs:
        told = "\n  ".join([f"there are no runs in {folder}", *left_out])
        raise UsageError(f"{told}\nA run is what relaydrill drill, audit or pytest has left.")
    return history_of(runs, left_out)


def run_directories(folder: Path) -> Iterator[Path]:
    """All run directories at or below a folder."""
    for path, folders, files in os.walk(folder):
        if DRILL in files:
            folders.clear()  # what lies in a run is its own
            yield Path(path)
        # There are no runs in the directories of labs.
        folders[:] = sorted(each for each in folders if not each.endswith(LAB))


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A run directory that says nothing, and why."""

    why: str


def read_run(directory: Path) -> tuple[Run, ...] | Unreadable:
    """What was made of a run, flow by flow."""
    drill_file, verdict_file = directory / DRILL, directory / VERDICT
    if not verdict_file.exists():
        return Unreadable("no verdict; it is not over, or was cut short")
    try:
        for each in (drill_file, verdict_file, directory / TOPOLOGY):
            must_be_a_file(each)
        drill = json.loads(drill_file.read_text(encoding="utf-8"))
        RUN.version_of(drill, drill_file)
        at = _moment(drill.get("at"), drill_file)
        verdict = json.loads(verdict_file.read_text(encoding="utf-8"))
        VERDICT_FORMAT.version_of(verdict, verdict_file)
        called = _called(directory, drill["drill"], str(verdict["drill"]))
        return tuple(
            _run(directory, at, verdict, called, name, flow)
            for name, flow in verdict["flows"].items()
        )
    except OSError as error:
        return Unreadable(f"cannot be read: {error.strerror}")
    except UsageError as error:
        return Unreadable(str(error))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        return Unreadable(f"another format: {type(error).__name__}: {error}")
    except RecursionError:
        return Unreadable("another format: it is nested too deeply")


def _moment(at: str | None, file: Path) -> datetime:
    """When a run began; runs of earlier versions do not tell, but their files have an age."""
    if at is None:
        return datetime.fromtimestamp(file.stat().st_mtime, UTC)
    found = datetime.fromisoformat(at)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _called(directory: Path, drill: dict[str, Any], recorded: str) -> str:
    """The one name of what a drill breaks; earlier versions had two, one of them an audit's.

    A name that a person chose stands, and so does one of which the run does not tell enough.
    """
    if recorded == STEADY:
        return recorded
    try:
        faults = Drill.from_json(drill).faults
        if [recorded] == [fault.label for fault in faults if not fault.for_good]:
            return recorded  # of most runs; they need no topology
        topology = _parsed((directory / TOPOLOGY).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, RelaydrillError):
        return recorded
    return drill_name(topology, faults) if is_automatic(recorded, topology, faults) else recorded


@cache
def _parsed(text: str) -> Topology:
    """A topology; all rows of an audit, and mostly all nights, have the same text."""
    return topology_files.parse(text)


def _run(
    directory: Path,
    at: datetime,
    verdict: dict[str, Any],
    called: str,
    name: str,
    flow: dict[str, Any],
) -> Run:
    status, checks = Status(flow["status"]), flow["checks"]
    return Run(
        likeness=Likeness(str(verdict["topology"]), str(verdict["driver"]), called, name),
        at=at,
        directory=str(directory),
        seed=int(verdict["seed"]),
        status=status,
        accepted=str(flow["accepted"]),
        said=_decisive(status, checks),
        figures=figures_of({each["check"]: each["figures"] for each in checks}),
        design=_design(directory),
    )


def _design(directory: Path) -> str:
    """What tells one topology from another; empty where a run has left its own behind."""
    try:
        return sha256((directory / TOPOLOGY).read_bytes()).hexdigest()
    except FileNotFoundError:
        return ""


def _decisive(status: Status, checks: list[dict[str, Any]]) -> str:
    """The first check that decided the status, in words; of a pass, one that was accepted."""
    shown = [each for each in checks if each["status"] == status and not each["accepted"]]
    accepted = [each for each in checks if each["accepted"]]
    for each in [*(accepted if status is Status.PASS else ()), *shown]:
        return f"{each['check']}: {each['summary']}"
    return "no check"
