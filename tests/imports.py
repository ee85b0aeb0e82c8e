"""Who imports whom in the package: the graph, what is reached in it, and the circles."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Graph = Mapping[str, frozenset[str]]
"""For each module, the modules that it imports."""


@dataclass(frozen=True)
class Import:
    """An import statement's target.

    Attributes:
        module: Full name of a module of the package.
        at_once: Whether it is imported as soon as the importing module is; otherwise a function
            does it.
        for_types: Whether only a type checker sees it.
    """

    module: str
    at_once: bool = True
    for_types: bool = False


@cache
def modules(root: Path) -> Mapping[str, Path]:
    """The modules below a source root, by full name."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        steps = path.relative_to(root).with_suffix("").parts
        found[".".join(steps[:-1] if steps[-1] == "__init__" else steps)] = path
    return found


def imports(root: Path, name: str) -> Iterator[Import]:
    """What a module imports of its own source root, wherever in it."""
    known = modules(root)
    tree = ast.parse(known[name].read_text(encoding="utf-8"))
    package = name if known[name].name == "__init__.py" else name.rpartition(".")[0]
    for target, at_once, for_types in _targets(tree.body, package, at_once=True, for_types=False):
        while target and target not in known:  # a name in a module, and not a module
            target = target.rpartition(".")[0]
        if target:
            yield Import(target, at_once, for_types)


def _targets(
    body: list[ast.stmt], package: str, *, at_once: bool, for_types: bool
) -> Iterator[tuple[str, bool, bool]]:
    for node in body:
        match node:
            case ast.Import(names=names):
                yield from ((each.name, at_once, for_types) for each in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = package.split(".")
                steps = above[: len(above) - level + 1] if level else []
                base = ".".join([*steps, *([module] if module else [])])
                yield from ((f"{base}.{each.name}", at_once, for_types) for each in names)
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield from _targets(node.body, package, at_once=False, for_types=for_types)
            case _:
                of_types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
                for block, is_else in _blocks(node):
                    types = for_types or (of_types and not is_else)
                    yield from _targets(block, package, at_once=at_once, for_types=types)


def _blocks(node: ast.stmt) -> Iterator[tuple[list[ast.stmt], bool]]:
    """The blocks of a compound statement, and whether each is its ``else``."""
    yield getattr(node, "body", []), False
    yield getattr(node, "orelse", []), True
    yield getattr(node, "finalbody", []), False
    for each in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
        yield each.body, False


@cache
def at_once(root: Path) -> Graph:
    """What each module imports when it is imported."""
    return _graph(root, functions=False, types=False)


@cache
def at_any_time(root: Path) -> Graph:
    """What each module may load: its functions' imports, too, and the packages that it lies in."""
    graph = _graph(root, functions=True, types=False)
    return {
        name: frozenset(above for each in (name, *found) for above in _with_packages(each)) - {name}
        for name, found in graph.items()
    }


@cache
def in_any_way(root: Path) -> Graph:
    """What each module knows of: imports for types, too."""
    return _graph(root, functions=True, types=True)


def _graph(root: Path, *, functions: bool, types: bool) -> Graph:
    return {
        name: frozenset(
            each.module
            for each in imports(root, name)
            if (functions or each.at_once) and (types or not each.for_types)
        )
        - {name}
        for name in modules(root)
    }


def _with_packages(name: str) -> Iterator[str]:
    steps = name.split(".")
    return (".".join(steps[:length]) for length in range(1, len(steps) + 1))


def chains(graph: Graph, start: str) -> Mapping[str, tuple[str, ...]]:
    """Every module that one leads to, with the shortest chain of imports to it."""
    found: dict[str, tuple[str, ...]] = {start: (start,)}
    ahead = [start]
    for name in ahead:
        for each in sorted(graph[name]):
            if each not in found:
                found[each] = (*found[name], each)
                ahead.append(each)
    return found


def circles(graph: Graph) -> list[tuple[str, ...]]:
    """The sets of modules each of which leads to all others of its set."""
    reached = {name: frozenset(chains(graph, name)) for name in graph}
    found = {
        tuple(sorted(each for each in reached[name] if name in reached[each])) for name in graph
    }
    return sorted(each for each in found if len(each) > 1)
