"""The program of docs/python/api.md runs as it stands, from its first block to its last."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pytest

import relaydrill
from tests.python_api_promises import PROMISED

PAGE = Path(__file__).parents[2] / "docs" / "python" / "api.md"
TEXT = PAGE.read_text(encoding="utf-8")
BLOCKS = list(re.finditer(r"^```python\n(.*?)^```$", TEXT, re.M | re.S))

MAIL_LOG = """\
Nov 30 05:00:00 mx1 postfix/cleanup[11]: 3F2A41C0D2: message-id=<a@app>
Nov 30 05:00:00 mx1 postfix/qmgr[12]: 3F2A41C0D2: from=<app@contoso.com>, size=300, nrcpt=1
Nov 30 05:00:01 mx1 postfix/smtp[13]: 3F2A41C0D2: to=<user@contoso.com>, relay=none, delay=1, \
delays=0.1/0/0/0.9, dsn=5.1.1, status=bounced (user unknown)
Nov 30 05:00:01 mx1 postfix/qmgr[12]: 3F2A41C0D2: removed
"""


@pytest.mark.timeout(300)
def test_every_block_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All blocks are one program; its labs are up, its drills pass, and it prints what it found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "mail.log").write_text(MAIL_LOG)
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in BLOCKS:
        line = TEXT.count("\n", 0, block.start(1))
        exec(compile("\n" * line + block[1], str(PAGE), "exec"), names)
    printed = capsys.readouterr().out
    assert "kill:ht1 pass" in printed
    assert names["found"].status is relaydrill.Status.PASS
    assert [run.name for run in sorted((tmp_path / "runs").iterdir())] == [
        "kill-ht2",
        "lab",
        "steady",
    ]
    assert "letting the queues drain" in printed
    assert [row.drill.name for row in names["audit"].rows] == ["steady", "kill:ht1"]
    assert names["audit"].status is relaydrill.Status.PASS
    assert names["accounts"].counts == {"failed": 1}
    assert names["policy"].status is relaydrill.Status.PASS
    assert "<mapping> clock: 'fast' is not" in printed
    assert "no node or site is called 'ht9'" in printed
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize("heading", ["Topologies", "Drills", "Designs, without a lab", "Errors"])
def test_what_needs_no_lab_runs_without_one(
    heading: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """So that a name that has changed is seen at once."""
    monkeypatch.chdir(tmp_path)
    section = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    names: dict[str, Any] = {
        "relaydrill": relaydrill,
        "topology": relaydrill.load("sharepoint"),
        "mine": relaydrill.load({"extends": "sharepoint", "name": "mine"}),
    }
    [block] = re.findall(r"^```python\n(.*?)^```$", section, re.M | re.S)
    exec(compile(block, str(PAGE), "exec"), names)
    assert capsys.readouterr().out


def test_the_first_program_has_about_twenty_lines() -> None:
    """It can be read at a glance."""
    assert len(BLOCKS[0][1].splitlines()) <= 20


def test_every_public_function_is_shown() -> None:
    """Whoever reads the page has seen all that there is to call."""
    program = "".join(block[1] for block in BLOCKS)
    functions = [name for name in relaydrill.__all__ if name.islower() and name[0] != "_"]
    assert [name for name in functions if f"relaydrill.{name}(" not in program] == []


def test_every_name_on_the_page_is_public() -> None:
    """Whatever is written as ``relaydrill.NAME``, or stands in the table of errors."""
    named = {*re.findall(r"relaydrill\.(\w+)\b(?!\.md)", TEXT), *re.findall(r"`(\w+Error)`", TEXT)}
    assert named - {*relaydrill.__all__} - {"__all__"} == set()


def test_what_is_promised_of_large_classes_is_told() -> None:
    """Each member that the test of the public surface holds stands on the page."""
    stable = TEXT[TEXT.index("## What is stable") :]
    for name in {*PROMISED} - {"Topology"}:
        for member in PROMISED[name]:
            assert f"`{member}`" in stable, f"{name}.{member}"
