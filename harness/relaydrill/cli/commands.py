"""All commands, and how the errors of each become words and an exit status."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import click

import relaydrill
from relaydrill.cli import (
    account,
    comparing,
    completing,
    drilling,
    exploring,
    files,
    json_output,
    labs,
    linting,
    trends,
)
from relaydrill.cli.options import HARNESS_FAILED
from relaydrill.drivers.undo import UndoLog
from relaydrill.errors import RelaydrillError
from relaydrill.state import state_note

_SECTIONS: Final[Mapping[str, Mapping[click.Command, str]]] = {
    "Drills": {
        drilling.audit: "Break every node in turn: does mail still flow?",
        drilling.drill: "Run one drill; show every check with its evidence.",
        exploring.explore_command: "Search for the smallest plan of faults that breaks a promise.",
        comparing.compare: "Compare two runs or designs: what became worse?",
        drilling.faults_command: "List all faults and how to write them.",
        drilling.sequences_command: "List the built-in sequences of faults, or print one.",
        drilling.policy: "Ask every server who may relay; sends no mail.",
        drilling.up: "Run a lab to play with, until Ctrl-C.",
    },
    "Designs, without a lab": {
        files.topologies: "List the built-in topologies.",
        files.init: "Write a topology to start from: built in, or of your files.",
        linting.lint: "Check a topology against design rules.",
        drilling.plan_command: "Compute each server's share of inbound mail.",
        files.schema: "List the JSON formats, or print the JSON Schema of one.",
    },
    "Finished runs": {
        drilling.report_command: "Write the HTML report of a run.",
        drilling.judge_command: "Judge a run again from its journals.",
        trends.history: "Compare runs with earlier runs of the same drill.",
        account.account_command: "Account for the mail in servers' logs.",
    },
    "Labs": {
        labs.images: "Build the images of the Docker lab.",
        labs.compose: "Print a topology as a compose file.",
        labs.clean: "Clean up after a killed run.",
        labs.heal: "Repair what a crashed run left broken in your lab.",
        completing.completion: "Print a script that makes your shell complete commands.",
    },
}

_KEEPING_RECORDS: Final = frozenset({"audit", "clean", "compare", "drill", "heal", "policy", "up"})
"""Commands that write or read records of what runs and of what is to be healed."""


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
@click.pass_context
def cli(context: click.Context) -> None:
    """If this machine dies, does mail still flow, and is any of it lost?

    Exit status: 0 pass; 1 a check failed; 2 the input is wrong; 3 unknown: nothing was proven;
    4 the harness failed; 130 interrupted, after healing.
    """
    if context.invoked_subcommand in _KEEPING_RECORDS and (note := state_note()):
        click.echo(f"Note: {note}", err=True)


for _commands in _SECTIONS.values():
    for _command in _commands:
        cli.add_command(_command)


def run(arguments: list[str] | None) -> int:
    """Run the command line, and return its exit status.

    Raises:
        KeyboardInterrupt: It was interrupted; everything was healed.
    """
    words = sys.argv[1:] if arguments is None else arguments
    command: Callable[..., Any] = cli.main
    try:
        return int(command(words, prog_name="relaydrill", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return _failed(error, error.exit_code, words)
    except (KeyboardInterrupt, click.Abort):
        if broken := _still_broken():
            click.echo(f"Interrupted, and STILL BROKEN: {broken}; run: relaydrill heal", err=True)
            return HARNESS_FAILED
        raise KeyboardInterrupt from None
    except RelaydrillError as error:
        click.echo(f"relaydrill: {error}", err=True)
        return _failed(error, error.exit_status, words)
    except OSError as error:
        click.echo(f"relaydrill: {error}", err=True)
        return _failed(error, HARNESS_FAILED, words)
    except Exception as error:  # Python would end with 1, which says that a check has failed
        traceback.print_exc()
        click.echo(
            "relaydrill: this is a mistake of Relaydrill's own, and says nothing of the mail tier;"
            " please report it with the lines above",
            err=True,
        )
        return _failed(error, HARNESS_FAILED, words)


def _failed(error: Exception, status: int, words: Sequence[str]) -> int:
    """Tell a program what a person has been told, if one asked; and return the exit status."""
    if json_output.is_wanted(words):
        json_output.print_json(json_output.error_document(error, status))
    return status


def _still_broken() -> str:
    """What this process has broken on a lab that runs already, and was kept from healing."""
    left, _ = UndoLog.default().left()
    return ", ".join(str(each.undo) for each in left if each.owner == os.getpid())
