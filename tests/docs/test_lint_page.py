"""What docs/design/lint.md says is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.lint import RULES, lint
from relaydrill.topology.organisation import EXCHANGE

PAGE = (Path(__file__).parents[2] / "docs" / "design" / "lint.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.M | re.S)


def block(start: str) -> str:
    """The only YAML block that begins so."""
    [found] = [each for each in BLOCKS if each.startswith(start)]
    return found


def test_the_table_has_every_rule() -> None:
    """Id, severity and fact, in the order of the code."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{each.id}` | {each.severity} | {each.fact} |" for each in RULES]


def test_the_output_that_is_shown_is_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two defects of a design give just these lines."""
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text(
        "extends: sharepoint\nname: mine\nnodes:\n"
        "  lb1: {source: snat, check: {kind: mail}}\n\n"
        "  ht2:\n    certificate: [ht2.contoso.com]\n\n"
        "connectors:\n  relay:\n    remote:\n    - lb1\naccept: []\n"
        "lint: [{rule: lone-balancer, reason: it is a pair}]\n"
    )
    found = CliRunner().invoke(cli, ["lint", "./mine.yaml"], standalone_mode=False)
    shown = PAGE.split("```")[3].strip().splitlines()
    assert [line for line in found.stdout.splitlines() if line in shown] == shown[:-1]


def test_the_keys_that_it_tells_of_are_known() -> None:
    """The example loads, its versions are all that there are, and its defects are found."""
    text = block("name: declared")
    found = {each.rule for each in lint(topology_files.parse(text))}
    assert found == {"scr-target-clustered", "scr-target-lcr"}
    [versions] = re.findall(r"version: 2007 SP1 +# (.*)", text)
    assert tuple(versions.split(", ")) == EXCHANGE


def test_the_suppression_suppresses() -> None:
    """The example's design has nothing left that stands."""
    found = lint(topology_files.parse(block("extends: sharepoint")))
    assert [each.rule for each in found if each.suppressed] == ["lone-balancer", "blind-check"]
    assert [each for each in found if not each.suppressed] == []


def test_the_command_in_ci_is_understood() -> None:
    """Its options exist, and what it writes is what is uploaded."""
    run, upload = yaml.safe_load(block("- run: relaydrill"))
    command, _, written = run["run"].partition(" > ")
    arguments = shlex.split(command)[1:]
    with cli.make_context("relaydrill", list(arguments)) as whole:
        name, found, rest = cli.resolve_command(whole, arguments)
        assert found is not None
        assert found.make_context(str(name), list(rest), parent=whole).params["as_sarif"]
    assert upload["with"]["sarif_file"] == written
