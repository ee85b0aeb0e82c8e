"""What the commands share: options, run directories, JSON."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
from click.shell_completion import CompletionItem

from relaydrill.cli import completing
from relaydrill.drills.audit_sets import DEEPEST
from relaydrill.drills.model import Drill
from relaydrill.drills.rehearsal import refuse_faults, rehearse, touches_the_lab
from relaydrill.drivers.attach.actions import Ask, NothingDone, nobody
from relaydrill.drivers.attach.inventory import inventory_of
from relaydrill.drivers.attach.needs import Lack, lacking_at_start, lacking_in_actions
from relaydrill.drivers.attach.trial import unreachable, would_be_refused
from relaydrill.drivers.catalogue import ATTACH, DRIVERS, SIMULATE, LabMaker, drivers, lab_maker
from relaydrill.errors import TopologyError, UsageError
from relaydrill.faults import NetworkFault
from relaydrill.faults.reach import is_from_here
from relaydrill.fresh import make_numbered
from relaydrill.marks import Mistake
from relaydrill.report.estimate import LONG_S, estimate
from relaydrill.topology import Topology
from relaydrill.topology_files.located import Located

HARNESS_FAILED: Final = 4
"""The exit status where Relaydrill, or its machine, could not do its work."""

RUNS: Final = "relaydrill-runs"
"""Where run directories go by default."""


if TYPE_CHECKING:
    _Choice = click.ParamType[str]
else:
    _Choice = click.ParamType  # it takes no type in earlier versions


class _Driver(_Choice):
    """A choice of the drivers that there are, looked up when it is wanted: packages add some."""

    name = "driver"

    def get_metavar(self, *of: Any, **more: Any) -> str | None:
        """What stands for it in a help text."""
        return click.Choice(drivers()).get_metavar(*of, **more)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The driver, if there is such a one."""
        return click.Choice(drivers()).convert(value, param, ctx)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """The drivers that begin so; of packages that cannot be told apart, none."""
        try:
            known = drivers()
        except UsageError:
            known = (*DRIVERS, ATTACH)
        return click.Choice(known).shell_complete(ctx, param, incomplete)


topology = click.argument(
    "topology", required=False, default="sharepoint", shell_complete=completing.topologies
)
flow = click.option(
    "--flow",
    "flows",
    multiple=True,
    shell_complete=completing.flows,
    help="Only this flow; may be repeated.",
)
units = click.option(
    "--node",
    "units",
    multiple=True,
    shell_complete=completing.units,
    help="Only this node, MX host or site; may be repeated.",
)
depth = click.option(
    "--depth",
    type=click.IntRange(1, DEEPEST),
    default=1,
    show_default=True,
    help="How many to lose at a time, at most: finds all smallest sets that break a promise.",
)
fault_of_an_audit = click.option(
    "--fault",
    default="kill",
    show_default=True,
    shell_complete=completing.kinds,
    help="The fault for each node (see: relaydrill faults).",
)
jobs = click.option(
    "--jobs", type=click.IntRange(0), default=0, help="Labs at a time; 0 = automatic."
)
seed = click.option("--seed", type=int, default=1, show_default=True, help="Random seed.")
out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory; must not exist yet. Default: relaydrill-runs/TIME-NAME.",
)
keep_lab = click.option(
    "--keep-lab",
    is_flag=True,
    envvar="RELAYDRILL_KEEP_LAB",
    help="Keep all files of the lab, in RUN.lab: queues, keys, logs.",
)
html = click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the HTML report to this file.",
)
json = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document and nothing else."
)
driver = click.option(
    "--driver",
    type=_Driver(),
    default=DRIVERS[0],
    show_default=True,
    help="Local processes, containers, a simulation in seconds, or your own running lab.",
)


project = click.option(
    "--project",
    default="",
    help="With --driver docker: use the lab of this docker compose project.",
)
allow_faults = click.option(
    "--allow-faults", is_flag=True, help="With --driver attach: run the file's fault hooks."
)
dry_run = click.option(
    "--dry-run",
    is_flag=True,
    help="With --driver attach: only print what would be done.",
)


def maker(
    located: Located,
    driver: str,
    *,
    project: str = "",
    drills: tuple[Drill, ...] = (),
    allow_faults: bool = False,
) -> LabMaker:
    """What makes the lab that a command asks for.

    Raises:
        UsageError: The options do not go together, or a real lab may not be broken.
        TopologyError: This machine lacks what a real lab's inventory names.
    """
    design = located.topology
    if driver == ATTACH and touches_the_lab(drills):
        refuse_faults(design, allowed=allow_faults)
    if driver == ATTACH:
        _refuse_what_cannot_be(located, drills)
    _refuse_faults_of_the_network(driver, drills)
    if driver != ATTACH and allow_faults:
        raise UsageError("--allow-faults is only for --driver attach; no other lab needs it")
    ask = ask_at_the_terminal()
    return lab_maker(driver, project=project, allow_faults=allow_faults, ask=ask)


def _refuse_faults_of_the_network(driver: str, drills: tuple[Drill, ...]) -> None:
    """Make sure before anything starts that a lab can do what is between its nodes.

    Raises:
        UsageError: Its driver cannot.
    """
    faults = (fault for drill in drills for fault in drill.faults)
    found = next((each for each in faults if isinstance(each.fault, NetworkFault)), None)
    if found and driver in DRIVERS:
        raise UsageError(
            f"{found.label}: the {driver} driver does nothing to the network between two nodes;"
            f" --driver {SIMULATE} does; every driver keeps a sender from what it connects to:"
            " see unreachable in relaydrill faults"
        )


def _refuse_what_cannot_be(located: Located, drills: tuple[Drill, ...]) -> None:
    """Look for all that the inventory names, and try the hooks without doing anything.

    Raises:
        TopologyError: Something is not there, or would refuse.
    """
    attach, faults = inventory_of(located.topology), faults_of(drills)
    _refuse_lacks(located, [*lacking_at_start(attach), *lacking_in_actions(attach, faults)])
    _refuse_lacks(located, [*unreachable(attach), *would_be_refused(attach, faults)])


def tell_if_long(
    design: Topology, drills: tuple[Drill, ...], driver: str, *, always: bool = False
) -> None:
    """Say on standard error how long a drill will last that takes more than some minutes.

    Args:
        design: What is drilled.
        drills: What is to be run; the longest is told.
        driver: What runs it.
        always: Whether a short one is told, too.
    """
    longest = max(drills, key=lambda each: each.length_s)
    if always or longest.length_s / design.clock > LONG_S:
        click.echo(estimate(design, longest, is_simulated=driver == SIMULATE), err=True)


def faults_of(drills: tuple[Drill, ...]) -> list[tuple[str, str]]:
    """Node and kind of all that drills break in the tier, once each."""
    faults = (fault for drill in drills for fault in drill.faults)
    found = ((each.node, each.kind_text) for each in faults if not is_from_here(each.kind))
    return list(dict.fromkeys(found))


def show_rehearsal(
    located: Located, driver: str, drills: tuple[Drill, ...], *, as_json: bool, more: str = ""
) -> int:
    """Print what drills would do to a real lab, and what more there would be.

    Raises:
        UsageError: It is none, or JSON was asked for.
        TopologyError: They could not do it: this machine lacks what the topology file names.
    """
    if as_json:
        raise UsageError("--json and --dry-run do not go together: a dry run has no results")
    if driver != ATTACH:
        raise UsageError("--dry-run is only for --driver attach; no other lab needs it")
    for line in rehearse(located.topology, drills):
        click.echo(line)
    if more:
        click.echo(more)
    attach, faults = inventory_of(located.topology), faults_of(drills)
    _refuse_lacks(located, [*lacking_at_start(attach), *lacking_in_actions(attach, faults)])
    return 0


def _refuse_lacks(located: Located, lacks: Iterable[Lack]) -> None:
    """Tell of everything at once that is missing here, by the lines that name it.

    Raises:
        TopologyError: There is something.
    """
    mistakes = sorted(Mistake(located.at(each.keys), each.text, each.remedy) for each in lacks)
    if mistakes:
        raise TopologyError(tuple(mistakes))


def ask_at_the_terminal() -> Ask:
    """How a person is asked to do something; nobody is, where none is there."""

    def ask(what: str) -> None:
        click.echo(f"\n{what}", err=True)
        if not click.confirm("Done?", default=True, err=True):
            raise NothingDone(f"the person at the terminal says that it was not done: {what}")

    return ask if sys.stdin.isatty() else nobody


@contextlib.contextmanager
def run_directory(
    out: Path | None, topology: Topology, what: str, *, is_kept: bool = True
) -> Iterator[Path]:
    """The run directory: the one that was asked for, or one of this run's own, made just now.

    Args:
        out: What was asked for.
        topology: What is run.
        what: Of the directory's name, what is done.
        is_kept: Whether one's own stays; where nothing was put into it, it goes all the same.
    """
    if out:
        yield out
        return
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    directory = make_numbered(Path(RUNS), f"{stamp}-{topology.name}-{what}")
    try:
        yield directory
    finally:
        if not is_kept:
            shutil.rmtree(directory, ignore_errors=True)
        with contextlib.suppress(OSError):  # it is gone, or not empty
            directory.rmdir()
        with contextlib.suppress(OSError):
            directory.parent.rmdir()
