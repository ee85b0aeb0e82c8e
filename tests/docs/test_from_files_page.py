"""The worked example of docs/configuration/from-files.md is whole, and gives just what it shows."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from relaydrill.cli.commands import cli

_PAGE = (Path(__file__).parents[2] / "docs" / "configuration" / "from-files.md").read_text("utf-8")
_FILE = re.compile(r"^`([\w.]+)`:\n\n```\n(.*?)^```$", re.M | re.S)
_WRITTEN = re.compile(r"^```yaml\n(.*?)^```$", re.M | re.S)


def run(*arguments: str) -> str:
    """Call a command that must succeed; what it prints."""
    found = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert found.exception is None
    assert found.return_value == 0
    return found.stdout


def test_the_example_is_what_its_files_give(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Word for word; and it lints."""
    monkeypatch.chdir(tmp_path)
    files = _FILE.findall(_PAGE)
    assert [name for name, _ in files] == [
        *("haproxy.cfg", "keepalived.conf", "db.example.com", "main.cf"),
    ]
    for name, text in files:
        Path(name).write_text(text, encoding="utf-8")
    command, *printed = _PAGE.split("```")[1].strip().splitlines()
    said = run(*command.split()[2:])
    assert said.splitlines() == printed[:2]
    [written] = _WRITTEN.findall(_PAGE)
    assert Path("mine.yaml").read_text("utf-8") == written
    assert "PASS" in run("lint", "mine.yaml")


@pytest.mark.skipif(not shutil.which("haproxy"), reason="HAProxy is not installed")
def test_haproxy_itself_takes_the_example(tmp_path: Path) -> None:
    """What no program would start with is no example."""
    file = tmp_path / "haproxy.cfg"
    file.write_text(dict(_FILE.findall(_PAGE))["haproxy.cfg"], encoding="utf-8")
    told = subprocess.run(["haproxy", "-c", "-f", file], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
