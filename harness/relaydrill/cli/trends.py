"""Commands that look at many runs."""

from __future__ import annotations

from pathlib import Path

import click

from relaydrill.cli import options
from relaydrill.drills.archive import read_history
from relaydrill.report import terminal
from relaydrill.report.history import show_history


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=options.RUNS)
@click.option(
    "--last", type=click.IntRange(1), default=10, show_default=True, help="Show so many runs each."
)
@options.json
def history(folder: Path, last: int, as_json: bool) -> int:
    """Compare the runs in FOLDER, each drill and flow with its own runs before.

    FOLDER is by default relaydrill-runs; the one of pytest's --relaydrill-out will do, too.
    Nothing is judged again. Ends with 1 where the newest verdict of a drill is worse than the one
    before it.
    """
    found = read_history(folder)
    if as_json:
        options.print_json(found.document(last))
    else:
        show_history(found, last, terminal.console())
    return found.exit_status
