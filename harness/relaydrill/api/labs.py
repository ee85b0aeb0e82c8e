"""A topology that is running, for the length of a ``with`` block."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final

from relaydrill.api.boundary import (
    StrPath,
    a_path,
    a_text,
    must_hold,
    own_errors,
    private_folder,
    shown,
)
from relaydrill.drivers.base import Lab
from relaydrill.drivers.catalogue import ATTACH, DRIVERS, LabMaker, lab_maker
from relaydrill.errors import UsageError
from relaydrill.fresh import make_numbered
from relaydrill.topology import Topology

_LAB: Final = "lab"


def lab(
    topology: Topology,
    *,
    driver: str = DRIVERS[0],
    directory: StrPath | None = None,
    project: str = "",
    allow_faults: bool = False,
    ask: Callable[[str], None] | None = None,
) -> AbstractContextManager[Lab]:
    """A running lab of a topology; it is up within ``with``, and gone afterwards.

    Args:
        topology: What to run.
        driver: What runs it: ``process``, ``docker``, ``simulate`` for a lab in this thread, on a
            clock of its own, or ``attach`` for one that runs already, where the topology's
            ``attach`` says.
        directory: A folder for the lab and its runs; what lies there already stays. By default one
            for temporary files, which is kept: `Lab.directory` lies in it.
        project: With ``docker``: use the lab that ``docker compose`` brought up under this name.
        allow_faults: With ``attach``: whether its hooks may break anything.
        ask: With ``attach``: called with a sentence where the inventory wants a person to do
            something; returns when it is done. By default nobody is there.

    Raises:
        TopologyError: The topology was made without a file, and breaks rules.
        UsageError: There is no such driver, its libraries are not installed, an argument is for
            another driver; or (on entering) the topology does not say where it stands, or this
            machine lacks what that needs.
        LabError: (on entering) The lab did not come up.
    """
    must_hold(topology)
    make = maker(driver, project=project, allow_faults=allow_faults, ask=ask)
    return _Lab(topology, make, None if directory is None else a_path(directory))


def maker(
    driver: str,
    *,
    project: str = "",
    allow_faults: bool = False,
    ask: Callable[[str], None] | None = None,
) -> LabMaker:
    """What makes the labs of a driver; the arguments are those of `lab`.

    Raises:
        UsageError: There is no such driver, its libraries are not installed, or an argument is for
            another one.
    """
    a_text(driver, "driver")
    if driver != ATTACH and allow_faults:
        raise UsageError(
            f"allow_faults is for the driver attach; a lab of {driver} may always be broken"
        )
    return lab_maker(driver, project=project, allow_faults=allow_faults, ask=ask)


def must_be_up(lab: Lab) -> None:
    """Make sure that something is a lab that is up.

    Raises:
        UsageError: It is none, or not any more.
    """
    if not all(hasattr(lab, each) for each in ("topology", "alive")):
        raise UsageError(
            f"{shown(lab)} is no running lab; write: with relaydrill.lab(topology) as lab:"
        )
    senders = lab.topology.senders
    if senders and not any(lab.alive(sender) for sender in senders):
        raise UsageError(
            "no sender runs in this lab: its with block has ended, or somebody has stopped them all"
        )


class _Lab(AbstractContextManager[Lab]):
    """A lab, and the folder that it gets when it is brought up."""

    def __init__(self, topology: Topology, make: LabMaker, folder: Path | None) -> None:
        self._topology = topology
        self._make = make
        self._folder = folder
        self._made: AbstractContextManager[Lab] | None = None

    def __enter__(self) -> Lab:
        if self._made is not None:
            raise UsageError("this lab was up already; each lab(...) is for one with block")
        with own_errors():
            folder = self._folder or private_folder(self._topology.name)
            place = make_numbered(folder, _LAB)
            try:
                self._made = self._make(self._topology, place)
                return self._made.__enter__()
            except BaseException:
                # Of a lab that never was there is nothing to keep; logs of one that failed stay.
                with contextlib.suppress(OSError):
                    place.rmdir()
                    if self._folder is None:
                        folder.rmdir()
                raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        assert self._made is not None
        with own_errors():
            return self._made.__exit__(kind, error, trace)
