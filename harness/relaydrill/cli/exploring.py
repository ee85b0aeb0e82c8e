"""The command that searches for what breaks a design."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
from pydantic_core import PydanticCustomError

from relaydrill import topology_files
from relaydrill.api.exploring import BUDGET_S, MOST_FAULTS, programs
from relaydrill.cli import completing, options
from relaydrill.cli.json_output import print_json
from relaydrill.drills.exploring import Limits, explore
from relaydrill.drills.exploring.space import KINDS, space_of
from relaydrill.report import terminal
from relaydrill.report.exploration import exploring, show_exploration
from relaydrill.scalars import parse_duration
from relaydrill.state import state_folder


def _budget(_context: click.Context, _parameter: click.Parameter, told: Any) -> float:
    """Seconds of a duration.

    Raises:
        BadParameter: It is none, or no time at all.
    """
    try:
        found = parse_duration(told)
    except PydanticCustomError as error:
        raise click.BadParameter(f"{told!r} is {error}") from None
    if not found:
        raise click.BadParameter("in no time nothing is tried; write more than 0s")
    return found


@click.command("explore")
@options.topology
@click.option(
    "--budget",
    "budget_s",
    default=f"{BUDGET_S / 60:g}min",
    show_default=True,
    callback=_budget,
    help="For how long to search, on the clock on the wall.",
)
@click.option(
    "--plans",
    type=click.IntRange(1),
    help="After how many plans to stop; default: when time is up.",
)
@click.option(
    "--faults",
    "most",
    type=click.IntRange(1, 8),
    default=MOST_FAULTS,
    show_default=True,
    help="Faults of a plan at most.",
)
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    shell_complete=completing.kinds,
    metavar="KIND[.PHASE][%SHARE]",
    help=f"A fault to draw (see: relaydrill faults); may be repeated. Default: {', '.join(KINDS)}.",
)
@click.option(
    "--node",
    "units",
    multiple=True,
    shell_complete=completing.units,
    help="Break only this node or site; may be repeated.",
)
@click.option("--for-good", is_flag=True, help="Draw faults that are never healed, too.")
@options.flow
@click.option("--jobs", type=click.IntRange(0), default=0, help="Plans at a time; 0 = automatic.")
@options.seed
@options.out
@options.json
def explore_command(
    topology: str,
    budget_s: float,
    plans: int | None,
    most: int,
    kinds: tuple[str, ...],
    units: tuple[str, ...],
    for_good: bool,
    flows: tuple[str, ...],
    jobs: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> int:
    """Search for the smallest plan of faults that breaks a promise of TOPOLOGY.

    Plans of up to --faults faults are drawn and run in simulated labs. The first that breaks a
    promise is made smaller, and printed as a drill. TOPOLOGY is a file or the name of a built-in
    one; by default sharepoint.

    Exit status: 0 no plan that was tried breaks a promise; 1 one does; 3 nothing was
    proven of any plan that breaks something.
    """
    design = topology_files.load(topology)
    space = space_of(design, kinds=kinds, units=units, flows=flows, most=most, for_good=for_good)
    # What Hypothesis keeps for itself would lie in the current folder.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(state_folder("hypothesis")))
    console = terminal.console(stderr=as_json)
    with (
        options.run_directory(out, design, "explore") as directory,
        exploring(console) as observe,
    ):
        found = explore(
            design,
            space,
            Limits(budget_s, plans),
            directory,
            seed=seed,
            at_once=jobs or programs(),
            called=topology,
            observe=observe,
        )
    if as_json:
        print_json(found.document())
    else:
        show_exploration(found, terminal.console())
    return found.status.exit_status
