"""The run directory: everything that a verdict rests on, so that it can be repeated offline.

RUN/
  drill.json        the drill, the seed, when it was, versions, what failed in the harness
  topology.yaml     the topology as run
  journals/*.jsonl  every node's events during this drill, and the harness's own
  verdict.json      what was made of them, and the digests of all of the above

From version 2 on each journal ends with a mark that says how long it is, and what it holds; see
`relaydrill.drills.closing`. What drill.json and topology.yaml hold, the harness's journal says.
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
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Final

import relaydrill
from relaydrill import extensions, topology_files
from relaydrill.documents.run import RUN, RunDocument
from relaydrill.documents.verdict import VerdictDocument
from relaydrill.drills.closing import close
from relaydrill.drills.model import Drill
from relaydrill.drills.naming import STEADY
from relaydrill.errors import UsageError
from relaydrill.fresh import make_fresh
from relaydrill.journal import LAST_S, Event, Journal, read_events
from relaydrill.ledger.nonsense import read_sound
from relaydrill.topology import Topology

DRILL: Final = "drill.json"
TOPOLOGY: Final = "topology.yaml"
VERDICT: Final = "verdict.json"
LAB: Final = ".lab"
"""How the directory of a drill's lab ends, beside that of the drill."""
JOURNALS: Final = "journals"
HARNESS: Final = "harness"
MACHINE: Final = "machine"
_LARGEST: Final = 1 << 24
"""Bytes of a drill.json; what is larger is none."""
_SHOWN: Final = 12
_SENT: Final = ("attempt", "outcome")


@dataclass(frozen=True)
class Recorded:
    """A run directory that has been read.

    Attributes:
        begun: Monotonic time at which the workload began; None if it never did.
        version: Of the directory; see `relaydrill.documents.run`.
        problems: What failed in the harness, one sentence each.
        remarks: What a person should know of how the lab ran.
        checks: The checks of other packages that were there when it ran.
        at: When it was, as ISO 8601 in UTC; empty where an earlier version did not tell.
        relaydrill: The version that ran it.
        python: And the Python.
    """

    directory: Path
    drill: Drill
    driver: str
    begun: float | None
    problems: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    checks: tuple[str, ...] = ()
    at: str = ""
    relaydrill: str = ""
    python: str = ""
    version: int = RUN.version

    @cached_property
    def topology(self) -> Topology:
        """The topology as run; read when it is asked for, which takes longer than all the rest.

        Raises:
            UsageError, TopologyError: It is missing, or wrong.
        """
        must_be_a_file(self.directory / TOPOLOGY)
        return topology_files.load(self.directory / TOPOLOGY)

    def journals(self) -> list[Path]:
        """The files of all journals."""
        return sorted((self.directory / JOURNALS).glob("*.jsonl"))

    def events(self) -> Iterator[Event]:
        """All events of all journals."""
        return chain.from_iterable(read_events(path) for path in self.journals())

    def sent(self) -> Iterator[Event]:
        """What the senders tell of their mail; the journals of others are left alone.

        Lines that are no events, or say what their kind cannot, are passed over.
        """
        senders = self.topology.senders
        for path in self.journals():
            if path.stem in senders and path.is_file():
                yield from (each for each in read_sound(path, []) if each.kind in _SENT)


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
        self._at = datetime.now(UTC)
        (directory / JOURNALS).mkdir()

    def save_inputs(
        self, topology: Topology, drill: Drill, driver: str, remarks: tuple[str, ...] = ()
    ) -> None:
        """Write down what is about to be run."""
        (self.directory / TOPOLOGY).write_text(topology_files.dump(topology), encoding="utf-8")
        self._save_drill(drill, driver, None, (), remarks)

    def save_outcome(
        self,
        drill: Drill,
        driver: str,
        begun: float | None,
        problems: tuple[str, ...],
        remarks: tuple[str, ...] = (),
    ) -> None:
        """Write down how it went."""
        self._save_drill(drill, driver, begun, problems, remarks)

    def inputs(self) -> dict[str, str]:
        """What `digests_of_inputs` says of what was written down."""
        return digests_of_inputs(self.directory)

    def save_slice(self, node: str, journal: Path, offset: int) -> None:
        """Copy what a node has journalled from a byte offset on, and close the copy."""
        path = self.directory / JOURNALS / f"{node}.jsonl"
        with journal.open("rb") as source, path.open("wb") as target:
            source.seek(offset)
            shutil.copyfileobj(source, target)
        close(path)

    def save_verdict(self, document: VerdictDocument) -> None:
        """Write down what was made of it."""
        (self.directory / VERDICT).write_text(json.dumps(document, indent=2) + "\n")

    @property
    def machine_path(self) -> Path:
        """Where the watcher of the machine keeps its journal; see `relaydrill.drills.stall`."""
        return self.directory / JOURNALS / f"{MACHINE}.jsonl"

    @contextlib.contextmanager
    def harness_journal(self) -> Iterator[Journal]:
        """The harness's own journal; when the drill is over, it and the machine's are closed."""
        path = self.directory / JOURNALS / f"{HARNESS}.jsonl"
        journal = Journal.open(HARNESS, path)
        try:
            yield journal
        finally:
            journal.close()
            for each in (path, self.machine_path):
                if each.exists():
                    close(each)

    def _save_drill(
        self,
        drill: Drill,
        driver: str,
        begun: float | None,
        problems: tuple[str, ...],
        remarks: tuple[str, ...],
    ) -> None:
        document: RunDocument = {
            "format": "relaydrill.run",
            "version": 3,
            "at": self._at.isoformat(timespec="milliseconds"),
            "relaydrill": relaydrill.__version__,
            "python": platform.python_version(),
            "driver": driver,
            "drill": drill.to_json(),
            "begun": begun,
            "problems": list(problems),
            "remarks": list(remarks),
        }
        if checks := extensions.added(extensions.CHECKS):
            document["checks"] = [*checks]
        (self.directory / DRILL).write_text(json.dumps(document, indent=2) + "\n")


def digests_of_inputs(directory: Path) -> dict[str, str]:
    """SHA-256 of what a run directory says that was drilled, in hex, by file name.

    When that was is left out: the same seed gives the same journals, whatever day it is.

    Raises:
        OSError, ValueError: A file cannot be read.
    """
    document = json.loads((directory / DRILL).read_text(encoding="utf-8"))
    told = json.dumps({**document, "at": ""}, sort_keys=True)
    topology = (directory / TOPOLOGY).read_bytes()
    return {DRILL: sha256(told.encode()).hexdigest(), TOPOLOGY: sha256(topology).hexdigest()}


def load(directory: Path) -> Recorded:
    """Read a run directory.

    Raises:
        UsageError: It is none, or one of another format.
    """
    path = directory / DRILL
    try:
        must_be_a_file(path)
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path} is too large for a drill")
        document = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(document, dict):
            raise TypeError("it holds no drill")
        version = RUN.version_of(document, path)
        begun = document["begun"]
        if begun is not None and not 0 <= float(begun) <= LAST_S:
            raise ValueError(f"begun is {begun}, which is no time")
        return Recorded(
            directory=directory,
            drill=Drill.from_json(document["drill"]),
            driver=str(document["driver"]),
            begun=None if begun is None else float(begun),
            problems=_sentences(document["problems"]),
            remarks=_sentences(document.get("remarks", ())),
            checks=_sentences(document.get("checks", ())),
            at=str(document.get("at") or ""),
            relaydrill=str(document.get("relaydrill", "")),
            python=str(document.get("python", "")),
            version=version,
        )
    except FileNotFoundError:
        raise UsageError(f"{directory} is no run directory: {_instead(directory)}") from None
    except KeyError as error:
        raise UsageError(f"{path} cannot be read: it says nothing of {error}") from None
    except (TypeError, ValueError, OverflowError, AttributeError, RecursionError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def must_be_a_file(path: Path) -> None:
    """Make sure that reading what is there does not wait for ever, as of a pipe it would.

    Raises:
        UsageError: It is neither a file nor a folder.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UsageError(f"{path} cannot be read: it is no file")


def _sentences(told: object) -> tuple[str, ...]:
    if not isinstance(told, list | tuple):
        raise TypeError(f"{told!r} where a list of sentences belongs")
    return tuple(map(str, told))


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
