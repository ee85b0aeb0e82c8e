"""What docs/configuration/lint.md says is so."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from relaydrill.cli.commands import cli
from relaydrill.lint.own_files import FILE_RULES
from tests.own_files import STYLES

PAGE = (Path(__file__).parents[2] / "docs" / "configuration" / "lint.md").read_text("utf-8")


def test_the_table_has_every_rule() -> None:
    """Id, severity and fact, in the order of the code."""
    rows = [line for line in PAGE.splitlines() if line.startswith("| `") and "-" in line[:20]]
    assert rows == [f"| `{each.id}` | {each.severity} | {each.fact} |" for each in FILE_RULES]


def test_the_output_that_is_shown_is_real(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two defects of a file give just these lines."""
    monkeypatch.chdir(tmp_path)
    text = STYLES["mail check"]["haproxy.cfg"]
    text = text.replace("timeout server 10m", "timeout server 50s")
    Path("haproxy.cfg").write_text(text.replace("10.1.0.12:25 check", "10.1.0.12:25"))
    found = CliRunner().invoke(cli, ["lint", "haproxy.cfg"], standalone_mode=False)
    assert found.stdout.strip() == PAGE.split("```")[3].strip()
