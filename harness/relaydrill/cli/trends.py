"""Commands that look at many runs."""

from __future__ import annotations

from pathlib import Path

import click

from relaydrill.cli import options
from relaydrill.cli.json_output import print_json
from relaydrill.drills.archive import read_history
from relaydrill.report import terminal
from relaydrill.report.history import show_history


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=options.RUNS)
@click.option(
    "--last",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Runs to show for each drill.",
)
@options.json
def history(folder: Path, last: int, as_json: bool) -> int:
    """Compare the runs in FOLDER with earlier runs of the same drill and flow.

    FOLDER is relaydrill-runs by default; a folder of pytest's --relaydrill-out works, too. Nothing
    is judged again. Exit status 1 if the newest verdict of a drill is worse than the one before it.
    """
    found = read_history(folder)
    if as_json:
        print_json(found.document(last))
    else:
        show_history(found, last, terminal.console())
    return found.exit_status
