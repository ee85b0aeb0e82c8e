"""The help of the command line, which is where many begin."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from relaydrill.cli.commands import cli
from relaydrill.errors import UsageError
from relaydrill.faults import ACTING, FAULTS, FaultText, fault_called
from relaydrill.smtp import Phase


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


OPTIONAL = [
    (words, argument)
    for words, command in ((words, cli.commands[words[0]]) for words in ALL if len(words) == 1)
    for argument in command.params
    if isinstance(argument, click.Argument) and argument.name == "topology"
]


@pytest.mark.parametrize(("words", "argument"), OPTIONAL, ids=lambda each: str(each))
def test_a_topology_that_may_be_left_out_is_named(
    words: tuple[str, ...], argument: click.Argument
) -> None:
    """Where a command takes a built-in one of itself, its help says which."""
    told = " ".join(CliRunner().invoke(cli, [*words, "--help"]).output.split())
    assert f"by default {argument.default}" in told


@pytest.mark.parametrize("kind", FAULTS)
def test_every_fault_is_listed(kind: str) -> None:
    """With what it does, what it is done to, and whether it takes a phase or a share."""
    told = CliRunner().invoke(cli, ["faults"])
    assert told.exit_code == 0
    [line] = [
        each
        for each in told.output.splitlines()
        if each.split()[:1] and each.split()[0].partition("[")[0] == kind
    ]
    assert fault_called(kind).summary in line
    assert line.rstrip().endswith(("all", "servers", "hubs", "balancers"))
    document = json.loads(CliRunner().invoke(cli, ["faults", "--json"]).output)
    [row] = [each for each in document["faults"] if each["fault"] == kind]
    assert row["roles"]
    assert bool(row["phases"]) == ("[.PHASE]" in line)
    assert row["takes_share"] == ("[%SHARE]" in line)
    for phase in row["phases"]:
        assert FaultText.of_kind(f"{kind}.{phase}") == FaultText(kind, Phase(phase))


def test_the_list_of_faults_says_how_they_are_written() -> None:
    """The grammar whole, its defaults, and every phase that can be chosen."""
    told = CliRunner().invoke(cli, ["faults"]).output
    assert "KIND[.PHASE][%SHARE]:NODE[@START][+DURATION]" in told
    assert ", ".join(ACTING) in told
    for command in ("drill", "audit"):
        assert "relaydrill faults" in " ".join(
            CliRunner().invoke(cli, [command, "-h"]).output.split()
        )
    with pytest.raises(UsageError, match="relaydrill faults"):
        fault_called("melt")
