"""All commands, and how the errors of each become words and an exit status."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import click

import relaydrill
from relaydrill.cli import account, drilling, files, labs, linting, trends
from relaydrill.cli.options import HARNESS_FAILED
from relaydrill.drivers.undo import UndoLog
from relaydrill.errors import RelaydrillError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(relaydrill.__version__, prog_name="relaydrill")
def cli() -> None:
    """If this machine dies, does mail still flow, and is any of it lost?

    Exit status: 0 pass; 1 a check failed; 2 the input is wrong; 3 unknown: nothing was proven;
    4 the harness failed; 130 interrupted, after healing.
    """


for _command in (
    *(drilling.audit, drilling.drill, drilling.policy, drilling.plan_command),
    *(drilling.up, drilling.judge_command, drilling.report_command),
    *(account.account_command, trends.history),
    *(files.topologies, files.init, files.schema, linting.lint),
    *(labs.compose, labs.images, labs.clean, labs.heal),
):
    cli.add_command(_command)


def run(arguments: list[str] | None) -> int:
    """Run the command line, and return its exit status.

    Raises:
        KeyboardInterrupt: It was interrupted; everything was healed.
    """
    command: Callable[..., Any] = cli.main
    try:
        return int(command(arguments, prog_name="relaydrill", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        if broken := _still_broken():
            click.echo(f"Interrupted, and STILL BROKEN: {broken}; run: relaydrill heal", err=True)
            return HARNESS_FAILED
        raise KeyboardInterrupt from None
    except RelaydrillError as error:
        click.echo(f"relaydrill: {error}", err=True)
        return error.exit_status
    except OSError as error:
        click.echo(f"relaydrill: {error}", err=True)
        return HARNESS_FAILED


def _still_broken() -> str:
    """What this process has broken on a lab that runs already, and was kept from healing."""
    left, _ = UndoLog.default().left()
    return ", ".join(str(each.undo) for each in left if each.owner == os.getpid())
