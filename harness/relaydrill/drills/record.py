"""The run directory: everything that a verdict rests on, so that it can be repeated offline.

RUN/
  drill.json        the drill, the seed, when it was, versions, what failed in the harness
  topology.yaml     the topology as run
  journals/*.jsonl  every node's events during this drill, and the harness's own
  verdict.json      what was made of them
"""

from __future__ import annotations

import contextlib
import json
import platform
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Final

import relaydrill
from relaydrill import inventory
from relaydrill.drills.model import Drill
from relaydrill.drills.naming import STEADY
from relaydrill.errors import RelaydrillError, UsageError
from relaydrill.fresh import make_fresh
from relaydrill.journal import Event, Journal, read_events
from relaydrill.topology import Topology

FORMAT: Final = 1
"""Of a run directory; another one is not read."""

DRILL: Final = "drill.json"
TOPOLOGY: Final = "topology.yaml"
VERDICT: Final = "verdict.json"
LAB: Final = ".lab"
"""How the directory of a drill's lab ends, beside that of the drill."""
_HARNESS: Final = "harness"
_SHOWN: Final = 12
_SENT: Final = ("attempt", "outcome")


@dataclass(frozen=True)
class Recorded:
    """A run directory that has been read.

    Attributes:
        begun: Monotonic time at which the workload began; None if it never did.
        problems: What failed in the harness, one sentence each.
        remarks: What a person should know of how the lab ran.
        at: When it was, as ISO 8601 in UTC; empty where an earlier version did not tell.
        relaydrill, python: The versions that ran it.
    """

    directory: Path
    drill: Drill
    driver: str
    begun: float | None
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    at: str = ""
    relaydrill: str = ""
    python: str = ""

    @cached_property
    def topology(self) -> Topology:
        """The topology as run; read when it is asked for, which takes longer than all the rest.

        Raises:
            UsageError, InventoryError: It is missing, or wrong.
        """
        return inventory.load(self.directory / TOPOLOGY)

    def journals(self) -> list[Path]:
        """The files of all journals."""
        return sorted((self.directory / "journals").glob("*.jsonl"))

    def events(self) -> Iterator[Event]:
        """All events of all journals."""
        return chain.from_iterable(read_events(path) for path in self.journals())

    def sent(self) -> Iterator[Event]:
        """What the senders tell of their mail; the journals of others are left alone."""
        senders = self.topology.senders
        for path in self.journals():
            if path.stem in senders:
                yield from (each for each in read_events(path) if each.kind in _SENT)


class RunDirectory:
    """A run directory that is being written.

    Args:
        directory: Made if missing; it must be empty, or an old verdict could be mistaken for new.

    Raises:
        UsageError: There are files in it.
    """

    def __init__(self, directory: Path) -> None:
        make_fresh(directory)
        self.directory = directory
        self._remarks: tuple[str, ...] = ()
        self._at = datetime.now(UTC)
        (directory / "journals").mkdir()

    def save_inputs(
        self, topology: Topology, drill: Drill, driver: str, remarks: tuple[str, ...] = ()
    ) -> None:
        """Write down what is about to be run."""
        self._remarks = remarks
        (self.directory / TOPOLOGY).write_text(inventory.dump(topology), encoding="utf-8")
        self._save_drill(drill, driver, None, ())

    def save_outcome(
        self, drill: Drill, driver: str, begun: float | None, problems: tuple[str, ...]
    ) -> None:
        """Write down how it went."""
        self._save_drill(drill, driver, begun, problems)

    def save_slice(self, node: str, journal: Path, offset: int) -> None:
        """Copy what a node has journalled from a byte offset on."""
        with (
            journal.open("rb") as source,
            (self.directory / "journals" / f"{node}.jsonl").open("wb") as target,
        ):
            source.seek(offset)
            shutil.copyfileobj(source, target)

    def save_verdict(self, document: dict[str, Any]) -> None:
        """Write down what was made of it."""
        (self.directory / VERDICT).write_text(json.dumps(document, indent=2) + "\n")

    @property
    def machine_path(self) -> Path:
        """Where the watcher of the machine keeps its journal; see `relaydrill.drills.stall`."""
        return self.directory / "journals" / "machine.jsonl"

    @contextlib.contextmanager
    def harness_journal(self) -> Iterator[Journal]:
        """The harness's own journal."""
        journal = Journal.open(_HARNESS, self.directory / "journals" / f"{_HARNESS}.jsonl")
        try:
            yield journal
        finally:
            journal.close()

    def _save_drill(
        self, drill: Drill, driver: str, begun: float | None, problems: tuple[str, ...]
    ) -> None:
        document = {
            "format": FORMAT,
            "at": self._at.isoformat(timespec="milliseconds"),
            "relaydrill": relaydrill.__version__,
            "python": platform.python_version(),
            "driver": driver,
            "drill": drill.to_json(),
            "begun": begun,
            "problems": list(problems),
            "remarks": list(self._remarks),
        }
        (self.directory / DRILL).write_text(json.dumps(document, indent=2) + "\n")


def load(directory: Path) -> Recorded:
    """Read a run directory.

    Raises:
        UsageError: It is none, or one of another format.
    """
    path = directory / DRILL
    try:
        document = json.loads(path.read_text())
        if document["format"] != FORMAT:
            raise UsageError(f"{path} has format {document['format']}; this version reads {FORMAT}")
        return Recorded(
            directory=directory,
            drill=Drill.from_json(document["drill"]),
            driver=str(document["driver"]),
            begun=document["begun"],
            problems=tuple(document["problems"]),
            remarks=tuple(document.get("remarks", ())),
            at=str(document.get("at") or ""),
            relaydrill=str(document.get("relaydrill", "")),
            python=str(document.get("python", "")),
        )
    except FileNotFoundError:
        raise UsageError(f"{directory} is no run directory: {_instead(directory)}") from None
    except (KeyError, TypeError, ValueError, OSError) as error:
        if isinstance(error, RelaydrillError):
            raise
        raise UsageError(f"{path} cannot be read: {error}") from None


def _instead(directory: Path) -> str:
    """What a directory is that is none of a run, and where the verdicts are, if there are any."""
    if not directory.is_dir():
        return "there is no such directory"
    inside = sorted(each.name for each in directory.iterdir() if each.is_dir())
    runs = [name for name in inside if (directory / name / DRILL).is_file()]
    over = [str(directory / name) for name in runs if (directory / name / VERDICT).is_file()]
    if {STEADY, STEADY + LAB} & {*inside}:
        told = _look_at(over) if over else "none of its drills was over"
        return f"it is of an audit that was interrupted or is not over, without a verdict; {told}"
    if runs:
        return f"it is a folder of runs; {_look_at(over) if over else 'none of them was over'}"
    run = Path(str(directory).removesuffix(LAB))
    if (run / DRILL).is_file():
        told = f"relaydrill judge {shlex.quote(str(run))}"
        return f"it is of a drill's lab; look at the drill: {told}"
    if (directory / "journals").is_dir():
        return "it is of a lab without a drill (relaydrill up, or policy), and has no verdict"
    return f"{directory / DRILL} is missing"


def _look_at(runs: list[str]) -> str:
    """Those that can be looked at, and how."""
    told = f"relaydrill judge {shlex.quote(runs[0])}"
    more = f" and {len(runs) - _SHOWN} more" if len(runs) > _SHOWN else ""
    return f"of its drills these are over: {', '.join(runs[:_SHOWN])}{more}; look at one: {told}"
