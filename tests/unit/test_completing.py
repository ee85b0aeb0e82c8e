"""What a shell completes."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from relaydrill.cli.commands import cli

_WORDS = Path(sys.executable).parent


def offered(*arguments: str, incomplete: str = "") -> list[str]:
    """What is offered after some arguments, for the beginning of a word."""
    shell = ShellComplete(cli, {}, "relaydrill", "_RELAYDRILL_COMPLETE")
    return [item.value for item in shell.get_completions([*arguments], incomplete)]


def test_commands_and_options_are_offered() -> None:
    """As click does for every program."""
    assert offered(incomplete="au") == ["audit"]
    assert "--depth" in offered("audit", incomplete="--d")


@pytest.mark.parametrize(
    "command", ["audit", "compare", "drill", "up", "plan", "policy", "lint", "compose"]
)
def test_the_built_in_topologies_are_offered_to_every_command_that_takes_one(command: str) -> None:
    """By name; else the shell looks for files."""
    assert offered(command, incomplete="mi") == ["microsoft"]
    shell = ShellComplete(cli, {}, "relaydrill", "_RELAYDRILL_COMPLETE")
    (other,) = shell.get_completions([command], "./mine")
    assert other.type == "file"


def test_faults_are_offered_with_what_they_can_be_done_to() -> None:
    """First the kind and its phases, then the nodes and sites of the topology."""
    assert offered("drill", "sharepoint", "--fault", incomplete="ki") == ["kill"]
    assert "tempfail.rcpt" in offered("drill", "--fault", incomplete="tempfail.")
    nodes = offered("drill", "sharepoint", "--fault", incomplete="kill:h")
    assert nodes == ["kill:ht1", "kill:ht2", "kill:ht3"]
    assert "backpressure:lb1" not in offered("drill", "--fault", incomplete="backpressure:")
    assert "kill:dublin" in offered("drill", "microsoft", "--fault", incomplete="kill:")
    assert offered("audit", "microsoft", "--fault", incomplete="bla") == ["blackhole"]


def test_nodes_and_flows_are_those_of_the_topology_on_the_line(tmp_path: Path) -> None:
    """Of a file of one's own, too; what cannot be read offers nothing, and says nothing."""
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: sharepoint\nname: mine\n")
    assert offered("audit", str(mine), "--node", incomplete="lb") == ["lb1"]
    assert offered("audit", "microsoft", "--node", incomplete="mail") == [
        *(f"mail{letter}.contoso.com" for letter in "abc")
    ]
    assert offered("drill", str(mine), "--flow", incomplete="") == ["relay", "submission"]
    assert offered("compare", "sharepoint", str(mine), "--node", incomplete="lb") == ["lb1"]
    mine.write_text("nodes: [")
    for option in ("--node", "--flow", "--fault"):
        assert offered("audit", str(mine), option, incomplete="kill:") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_what_the_shell_can_read(shell: str) -> None:
    """Whoever has the shell can source it."""
    done = subprocess.run(
        [_WORDS / "relaydrill", "completion", shell], capture_output=True, text=True, check=True
    )
    assert "_RELAYDRILL_COMPLETE" in done.stdout
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=done.stdout, text=True, check=True)


def test_bash_completes_a_whole_fault() -> None:
    """A colon does not end the word, as it does in bash unless told otherwise."""
    script = """\
eval "$(relaydrill completion bash)"
COMP_WORDS=(relaydrill drill sharepoint --fault kill:l)
COMP_CWORD=4
_relaydrill_completion relaydrill
echo "${COMPREPLY[@]}|$COMP_WORDBREAKS"
"""
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        env={"PATH": f"{_WORDS}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    reply, _, breaks = done.stdout.strip().partition("|")
    assert reply == "kill:lb1"
    assert ":" not in breaks
