"""The help of the command line, which is where many begin."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from relaydrill.cli.commands import cli


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """The words of each command."""
    for name, command in group.commands.items():
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


ALL = [(), *commands(cli)]


@pytest.mark.parametrize("words", ALL, ids=" ".join)
def test_every_help_is_whole_and_fits_a_terminal(words: tuple[str, ...]) -> None:
    """No line is longer than 80 characters, and none is cut short."""
    told = CliRunner().invoke(cli, [*words, "--help"], terminal_width=80)
    assert told.exit_code == 0
    lines = told.output.splitlines()
    assert max(map(len, lines)) <= 80
    assert not [line for line in lines if line.endswith("...") and not line.startswith("Usage")]


def test_the_help_names_every_command_once() -> None:
    """Sections hold all commands, each in one of them."""
    told = CliRunner().invoke(cli, ["--help"]).output
    listed = [line.split()[0] for line in told.splitlines() if line.startswith("  ")]
    assert sorted(each for each in listed if each in cli.commands) == sorted(cli.commands)
