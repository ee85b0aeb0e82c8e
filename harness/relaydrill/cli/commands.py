"""All commands, and how the errors of each become words and an exit status."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, Final

import click

import relaydrill
from relaydrill.cli import account, drilling, files, labs, linting, trends
from relaydrill.cli.options import HARNESS_FAILED
from relaydrill.drivers.undo import UndoLog
from relaydrill.errors import RelaydrillError

_SECTIONS: Final[Mapping[str, Mapping[click.Command, str]]] = {
    "Drills": {
        drilling.audit: "Break every node in turn: does mail still flow?",
        drilling.drill: "Break what you name, and show every check with its evidence.",
        drilling.faults_command: "List what can be done to a node, and how it is written.",
        drilling.policy: "Ask every door who may relay; no mail is sent.",
        drilling.up: "Bring a lab up to play with, until Ctrl-C.",
    },
    "Designs, without a lab": {
        files.topologies: "List the built-in topologies.",
        files.init: "Write one of them to a file, as a start for your own.",
        linting.lint: "Check a topology against the rules of the design.",
        drilling.plan_command: "Reckon which server gets what share of inbound mail.",
        files.schema: "Print the JSON Schema of topology files, for editors.",
    },
    "Runs that are over": {
        drilling.report_command: "Write a run as one HTML page.",
        drilling.judge_command: "Judge a run again, from its journals alone.",
        trends.history: "Compare each run with its like before it.",
        account.account_command: "Account for the mail in Exchange's own logs.",
    },
    "Labs": {
        labs.images: "Build the images of the Docker lab.",
        labs.compose: "Print a topology as a compose file.",
        labs.clean: "End what a killed run left behind.",
        labs.heal: "Undo what a crashed run left broken on a lab of yours.",
    },
}


class _Sections(click.Group):
    """A group whose help lists the commands by what they are for."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a list for each section."""
        width = max(map(len, self.commands))
        for title, commands in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{command.name:{width}}", text) for command, text in commands.items()]
                )


@click.group(cls=_Sections, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(relaydrill.__version__, prog_name="relaydrill")
def cli() -> None:
    """If this machine dies, does mail still flow, and is any of it lost?

    Exit status: 0 pass; 1 a check failed; 2 the input is wrong; 3 unknown: nothing was proven;
    4 the harness failed; 130 interrupted, after healing.
    """


for _commands in _SECTIONS.values():
    for _command in _commands:
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
