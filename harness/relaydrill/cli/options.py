"""What the commands share: options, run directories, JSON."""

from __future__ import annotations

import json as json_format
import sys
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from relaydrill.drills.model import Drill
from relaydrill.drivers.attach.actions import Ask, nobody
from relaydrill.drivers.attach.needs import Lack, lacking_at_start, lacking_in_actions
from relaydrill.drivers.attach.rehearsal import inventory_of, refuse_faults, rehearse
from relaydrill.drivers.catalogue import ALL, ATTACH, DRIVERS, LabMaker, lab_maker
from relaydrill.errors import InventoryError, Problem, UsageError
from relaydrill.inventory.located import Located
from relaydrill.topology import Topology

HARNESS_FAILED: Final = 4
"""The exit status where Relaydrill, or its machine, could not do its work."""

RUNS: Final = "relaydrill-runs"
"""Where run directories go by default."""

topology = click.argument("topology", required=False, default="sharepoint")
flow = click.option("--flow", "flows", multiple=True, help="Only this flow; may be repeated.")
seed = click.option("--seed", type=int, default=1, show_default=True, help="Of all chance.")
out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory; must not exist yet. Default: relaydrill-runs/TIME-NAME.",
)
html = click.option(
    "--html",
    "html_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the HTML report to this file, too.",
)
json = click.option("--json", "as_json", is_flag=True, help="One JSON document, nothing else.")
driver = click.option(
    "--driver",
    type=click.Choice(ALL),
    default=DRIVERS[0],
    show_default=True,
    help="What runs the topology.",
)


project = click.option(
    "--project",
    default="",
    help="Use the lab that docker compose brought up under this project name.",
)
allow_faults = click.option(
    "--allow-faults", is_flag=True, help="With --driver attach: break what the inventory says how."
)
dry_run = click.option(
    "--dry-run",
    is_flag=True,
    help="With --driver attach: print what would be done, and do nothing.",
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
        InventoryError: This machine lacks what a real lab's inventory names.
    """
    design = located.topology
    breaks = any(drill.faults for drill in drills)
    if driver == ATTACH and breaks:
        refuse_faults(design, allowed=allow_faults)
    if driver == ATTACH:
        _refuse_lacks(located, lacking_at_start(inventory_of(design)))
    if driver != ATTACH and allow_faults:
        raise UsageError(
            "--allow-faults is for --driver attach; labs that are brought up need none"
        )
    ask = ask_at_the_terminal()
    return lab_maker(driver, project=project, allow_faults=allow_faults, ask=ask)


def show_rehearsal(
    located: Located, driver: str, drills: tuple[Drill, ...], *, as_json: bool, more: str = ""
) -> int:
    """Print what drills would do to a real lab, and what more there would be.

    Raises:
        UsageError: It is none, or JSON was asked for.
        InventoryError: They could not do it: this machine lacks what the inventory names.
    """
    if as_json:
        raise UsageError("--json shows what was found; a dry run finds nothing: leave one out")
    if driver != ATTACH:
        raise UsageError("--dry-run is for --driver attach; labs that are brought up need none")
    for line in rehearse(located.topology, drills):
        click.echo(line)
    if more:
        click.echo(more)
    attach = inventory_of(located.topology)
    faults = [(fault.node, fault.kind_text) for drill in drills for fault in drill.faults]
    _refuse_lacks(located, [*lacking_at_start(attach), *lacking_in_actions(attach, faults)])
    return 0


def _refuse_lacks(located: Located, lacks: Iterable[Lack]) -> None:
    """Tell of everything at once that is missing here, by the lines that name it.

    Raises:
        InventoryError: There is something.
    """
    placed = sorted((located.at(each.keys), each.told, each.remedy) for each in lacks)
    if placed:
        raise InventoryError(tuple(Problem(str(at), *told) for at, *told in placed))


def ask_at_the_terminal() -> Ask:
    """How a person is asked to do something; nobody is, where none is there."""

    def ask(what: str) -> None:
        click.echo(f"\n{what}", err=True)
        click.confirm("Done?", default=True, abort=True, err=True)

    return ask if sys.stdin.isatty() else nobody


def fresh_directory(topology: Topology, what: str) -> Path:
    """A run directory that does not exist yet."""
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    base = Path(RUNS)
    wanted = base / f"{stamp}-{topology.name}-{what}"
    number = 2
    while wanted.exists():
        wanted = base / f"{stamp}-{topology.name}-{what}-{number}"
        number += 1
    return wanted


def print_json(document: dict[str, Any] | list[dict[str, Any]]) -> None:
    """The one document that ``--json`` promises."""
    click.echo(json_format.dumps(document, indent=2))
