"""A drill in a lab of its own, of whose files stays what is of use afterwards."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relaydrill.drills.model import Drill
from relaydrill.drills.record import LAB
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import Observer, run_drill
from relaydrill.drivers.base import Lab
from relaydrill.drivers.catalogue import LabMaker
from relaydrill.fresh import must_be_fresh
from relaydrill.topology import Topology
from relaydrill.verdict import Status

_ASKED_FOR: Final = "exchange-logs"
"""What the topology asks for (``logs: true``): it is not in the run directory."""
_JOURNALS: Final = "journals"
_OF_NO_USE: Final = frozenset({_JOURNALS, "queues", "tls"})
"""The run directory has the journals; and queues and keys are nobody's without the lab."""


@contextlib.contextmanager
def own_lab(
    make_lab: LabMaker, topology: Topology, folder: Path, *, keep_lab: bool = False
) -> Iterator[Lab]:
    """A lab with a directory of its own; nothing stays of one that does not start.

    Args:
        make_lab: Makes the lab.
        topology: Of the lab.
        folder: Its directory.
        keep_lab: Whether that stays all the same.

    Raises:
        UsageError: The directory holds files already, or cannot be made.
        HarnessError: The lab did not start, or failed.
    """
    must_be_fresh(folder)  # or somebody else's files would go
    is_up = False
    try:
        with make_lab(topology, folder) as lab:
            is_up = True
            yield lab
    except BaseException:
        if not is_up and not keep_lab:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def run_in_own_lab(
    make_lab: LabMaker,
    topology: Topology,
    drill: Drill,
    directory: Path,
    observe: Observer,
    *,
    keep_lab: bool = False,
) -> Judgement:
    """Run a drill in a lab that is made for it, and judge it.

    The lab has a directory beside that of the drill. Nothing stays of one that did not start; of
    one whose drill passed, the logs that the topology asks for; of another, all that may tell why,
    such as the programs' own logs. Where a drill was cut short it stays as it is, for the run
    directory is not whole.

    Args:
        make_lab: Makes the lab.
        topology: Of the lab.
        drill: What to run.
        directory: Of the drill.
        observe: Told of every step.
        keep_lab: Whether the lab's directory stays as it is, whatever happens.

    Raises:
        UsageError: One of the directories holds files already, or cannot be made.
        HarnessError: The lab failed.
    """
    folder = directory.with_name(directory.name + LAB)
    must_be_fresh(directory)  # before the lab is up, which takes its time
    with own_lab(make_lab, topology, folder, keep_lab=keep_lab) as lab:
        found = run_drill(lab, drill, directory, observe)
    if not keep_lab:
        thin(folder, passed=found.status is Status.PASS)
    return found


def thin(folder: Path, *, passed: bool, has_run: bool = True) -> None:
    """Remove what is of no use from a lab's directory, and the directory where nothing is left.

    Args:
        folder: The lab's.
        passed: Whether nothing is to be found out about what happened there.
        has_run: Whether a run directory has its journals.
    """
    if not folder.is_dir():
        return
    of_no_use = _OF_NO_USE if has_run or passed else _OF_NO_USE - {_JOURNALS}
    for path in folder.iterdir():
        if not path.is_dir() or path.is_symlink():
            if passed:
                path.unlink(missing_ok=True)
        elif path.name in of_no_use or (passed and path.name != _ASKED_FOR):
            shutil.rmtree(path, ignore_errors=True)
        elif not any(path.iterdir()):
            path.rmdir()
    if not any(folder.iterdir()):
        folder.rmdir()
