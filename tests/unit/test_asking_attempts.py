"""What may be asked of all attempts at once; see `relaydrill.ledger.attempts.Attempts.matching`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import relaydrill

_PACKAGE: Final = Path(relaydrill.__file__).parent
_ASKING: Final = frozenset({"matching", "how_many", "any"})
_TIMES: Final = frozenset({"started", "ended", "took_s", "scheduled", "slack_s"})
_ABOUT_ALL: Final = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted((_PACKAGE / "drills").rglob("*.py"))
}


def _questions(tree: ast.Module) -> Iterator[ast.Lambda | ast.FunctionDef]:
    """The functions of a module that are asked once for all attempts that differ in times alone."""
    named = {each.name: each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef)}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            for asked in call.args if call.func.attr in _ASKING else ():
                if isinstance(asked, ast.Lambda):
                    yield asked
                elif isinstance(asked, ast.Name) and asked.id in named:
                    yield named[asked.id]


def _times_in(question: ast.AST) -> set[str]:
    return {
        each.attr
        for each in ast.walk(question)
        if isinstance(each, ast.Attribute) and each.attr in _TIMES
    }


@pytest.mark.parametrize("path", _ABOUT_ALL, ids=lambda path: str(path.relative_to(_PACKAGE)))
def test_no_question_about_all_attempts_looks_at_times(path: Path) -> None:
    """Of a large drill it would have the answer of whichever attempt stands for the others."""
    wrong = [(each.lineno, _times_in(each)) for each in _questions(_ABOUT_ALL[path])]
    assert not [each for each in wrong if each[1]]


def test_the_questions_are_found() -> None:
    """There are some, and one that looks at times would be seen."""
    assert sum(len([*_questions(tree)]) for tree in _ABOUT_ALL.values()) > 10
    (asked,) = _questions(ast.parse("a.matching(lambda each: each.ok and each.ended < 1)"))
    assert _times_in(asked) == {"ended"}
