"""How the tests are shared out between two workers: none with a real lab is taken to compute."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.conftest import COMPUTING, REAL, computes

_ROOT = Path(__file__).parents[2]
_REAL_LABS = ("ProcessLab", "drill_on_processes", "'docker'", "monkeypatch")
"""What a test says whose lab is of processes, of containers, or of whatever a command takes."""
_DRILLS = [each for each in COMPUTING if each.startswith("tests/drills/")]


def functions(file: str) -> Iterator[ast.FunctionDef]:
    """The tests of a file."""
    for each in ast.parse((_ROOT / file).read_text("utf-8")).body:
        if isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
            yield each


@pytest.mark.parametrize("file", _DRILLS)
def test_a_test_with_a_real_lab_does_not_yield(file: str) -> None:
    """Beside simulated labs, which compute, those of processes and containers have a share."""
    wrong = [
        each.name
        for each in functions(file)
        if any(word in ast.unparse(each) for word in _REAL_LABS)
        and computes(f"{file}::{each.name}")
    ]
    assert wrong == []


@pytest.mark.parametrize("name", REAL)
def test_what_is_named_is_there(name: str) -> None:
    """A test that has another name by now would be taken to compute."""
    file, _, begin = name.partition("::")
    assert any(each.name.startswith(begin) for each in functions(file))
