"""How the source is built: how much there is, how long its pieces are, and what stands twice.

Takes the source root of another checkout, too, to compare: `python -m benchmarks.structure FOLDER`.
"""

from __future__ import annotations

import ast
import io
import keyword
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.imports import at_once, circles, in_any_way, modules

HARNESS: Final = Path(__file__).parents[1] / "harness"

_RUN: Final = 6
"""Lines that make a run: fewer are alike by chance, in the head of a class or of a call."""

Line = list[tokenize.TokenInfo]

_SKIPPED: Final = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)


def run(_folder: Path, root: Path = HARNESS) -> Iterator[str]:
    """Measure a source root."""
    trees = {
        name: ast.parse(path.read_text(encoding="utf-8")) for name, path in modules(root).items()
    }
    lines = {
        name: len(path.read_text("utf-8").splitlines()) for name, path in modules(root).items()
    }
    nodes = [(name, node) for name, tree in trees.items() for node in ast.walk(tree)]
    classes = sum(isinstance(node, ast.ClassDef) for _, node in nodes)
    functions = [
        (f"{name}.{node.name}", (node.end_lineno or node.lineno) - node.lineno + 1)
        for name, node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    yield f"{len(trees)} modules, {classes} classes, {len(functions)} functions"
    told = sum(_told(tree) for tree in trees.values())
    yield f"{sum(lines.values())} lines, {told} of them docstrings"
    yield "longest modules: " + _longest([*lines.items()])
    yield "longest functions: " + _longest(functions)
    yield f"circles of imports: {_shown(circles(at_once(root)))}"
    # The package's own module names the types of all that it offers, and is nobody's part.
    graph = {name: found - {"relaydrill"} for name, found in in_any_way(root).items()}
    graph.pop("relaydrill", None)
    yield f"with those by a type, or in a function: {_shown(circles(graph))}"
    yield f"runs of {_RUN} lines that stand twice, word for word: {_twice(root, by_shape=False)}"
    yield f"by shape, whatever the names: {_twice(root, by_shape=True)}"


def _told(tree: ast.Module) -> int:
    """How many lines of a module are docstrings."""
    return sum(
        (node.end_lineno or node.lineno) - node.lineno + 1
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _longest(sizes: list[tuple[str, int]]) -> str:
    first = sorted(sizes, key=lambda each: -each[1])[:3]
    return ", ".join(f"{name.removeprefix('relaydrill.')} {size}" for name, size in first)


def _shown(found: list[tuple[str, ...]]) -> str:
    names = (", ".join(each.removeprefix("relaydrill.") for each in circle) for circle in found)
    return "; ".join([str(len(found)), *names])


def _twice(root: Path, *, by_shape: bool) -> int:
    """Pairs of places that have a run of lines in common; the longest run of a pair counts once."""
    places: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
    for name, path in modules(root).items():
        lines = list(_code(path))
        for at in range(len(lines) - _RUN + 1):
            run_of_lines = lines[at : at + _RUN]
            shown = _shape(run_of_lines) if by_shape else run_of_lines
            places[tuple(token.string for line in shown for token in line)].append((name, at))
    starts = {
        (first, second)
        for found in places.values()
        for index, first in enumerate(found)
        for second in found[index + 1 :]
        if first[0] != second[0] or second[1] - first[1] >= _RUN
    }
    return sum(_before(first, second) not in starts for first, second in starts)


def _before(first: tuple[str, int], second: tuple[str, int]) -> tuple[tuple[str, int], ...]:
    return (first[0], first[1] - 1), (second[0], second[1] - 1)


def _code(path: Path) -> Iterator[Line]:
    """The statements of a module, each as one line: only what does something."""
    text = path.read_text(encoding="utf-8")
    left_out = set(_silent(ast.parse(text)))
    line: Line = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NEWLINE:
            if line:
                yield line
            line = []
        elif token.type not in _SKIPPED and token.start[0] not in left_out:
            line.append(token)


def _silent(tree: ast.Module) -> Iterator[int]:
    """The lines that declare, and do nothing: rows of fields are alike without standing twice."""
    for node in ast.walk(tree):
        declared = node.body if isinstance(node, ast.Module | ast.ClassDef) else []
        silent: list[ast.stmt] = [
            each for each in declared if isinstance(each, ast.Assign | ast.AnnAssign)
        ]
        if isinstance(node, ast.Import | ast.ImportFrom) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            silent.append(node)
        for each in silent:
            yield from range(each.lineno, (each.end_lineno or each.lineno) + 1)


def _shape(lines: list[Line]) -> list[Line]:
    """The same lines with names numbered as they come, and literals by their kind."""
    numbers: dict[str, str] = {}

    def shown(token: tokenize.TokenInfo) -> tokenize.TokenInfo:
        if token.type in (tokenize.STRING, tokenize.NUMBER):
            return token._replace(string=tokenize.tok_name[token.type])
        if token.type != tokenize.NAME or keyword.iskeyword(token.string):
            return token
        return token._replace(string=numbers.setdefault(token.string, f"name {len(numbers)}"))

    return [[shown(token) for token in line] for line in lines]


if __name__ == "__main__":
    for line in run(Path(), Path(sys.argv[1]) if sys.argv[1:] else HARNESS):
        print(line)
