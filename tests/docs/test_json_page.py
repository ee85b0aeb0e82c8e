"""The page about JSON: its table is the catalogue, its examples fit, its program runs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from relaydrill.cli.commands import cli
from relaydrill.documents.catalogue import FORMATS
from relaydrill.faults import FAULTS
from tests.documents import BY_NAME, misfits

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "json.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"^### (\S+)\n.*?^```json\n(.*?)^```$", PAGE, re.M | re.S))


def test_the_table_is_the_catalogue() -> None:
    """Each format with its version, and where it comes from; no other."""
    rows = re.findall(r"^\| `(relaydrill\.[a-z-]+)` \| (\d+) \| (.*) \|$", PAGE, re.M)
    assert rows == [(each.name, str(each.version), each.where) for each in FORMATS]


def test_each_format_has_an_example() -> None:
    """In the order of the table."""
    assert [*EXAMPLES] == [each.name for each in FORMATS]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_fits(name: str) -> None:
    """It has every field that must be there, and none that the schema does not name."""
    document = json.loads(EXAMPLES[name])
    assert misfits(document, BY_NAME[name]) == []
    assert document.get("format", name) == name


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("topologies", ("topologies",)),
        ("faults", ("faults",)),
        ("lint-rules", ("lint", "--rules")),
        ("plan", ("plan", "microsoft")),
    ],
)
def test_the_example_is_what_the_command_says(name: str, words: tuple[str, ...]) -> None:
    """Shortened: what stands in it stands in the command's document."""
    told = CliRunner().invoke(cli, [*words, "--json"], standalone_mode=False).output
    assert is_part(json.loads(EXAMPLES[f"relaydrill.{name}"]), json.loads(told))


def is_part(some: Any, whole: Any) -> bool:
    """Whether nothing stands in one that the other does not have."""
    if isinstance(some, dict):
        return some.keys() <= whole.keys() and all(is_part(some[key], whole[key]) for key in some)
    if isinstance(some, list):
        return all(any(is_part(each, other) for other in whole) for each in some)
    return bool(some == whole)


def test_the_program_runs(tmp_path: Path) -> None:
    """As it stands on the page."""
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE, re.M | re.S)
    binaries = str(Path(sys.executable).parent)
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env={**os.environ, "PATH": os.pathsep.join([binaries, os.environ["PATH"]])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == f"{[*FAULTS]}\n", done.stderr
