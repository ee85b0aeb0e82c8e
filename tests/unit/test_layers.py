"""The rules of the architecture that a program can check: who may import whom, and more."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import relaydrill

REPOSITORY = Path(__file__).parents[2]
HARNESS = REPOSITORY / "harness"
PACKAGE = HARNESS / "relaydrill"
FIXTURES = REPOSITORY / "fixtures"

LAYERS = (
    {
        *("errors", "event_loop", "fresh", "sentences", "smtp", "state", "wait"),
        *("message", "scalars", "schedule", "address_span"),
    },
    {
        *("topology", "inventory", "lint", "placement", "journal", "ledger", "verdict"),
        *("planning", "sharing", "exchange_logs"),
        *("fibres", "smtp_client", "images"),
    },
    {"nodes", "drivers", "personas", "faults"},
    {"drills", "locust"},
    {"report", "playground"},
    {"cli"},
)
"""From the bottom to the top; a module imports from its own layer and those below it."""

SOURCES = sorted(PACKAGE.rglob("*.py"))
EVERYTHING = [
    *SOURCES,
    *sorted(FIXTURES.rglob("*.py")),
    *sorted((REPOSITORY / "tests").rglob("*.py")),
]


def named(path: Path) -> str:
    """How a test calls a file."""
    return str(path.relative_to(REPOSITORY))


@cache
def tree(path: Path) -> ast.Module:
    """A file's syntax."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> Iterator[str]:
    """The full names of all modules that a file imports, at its top or anywhere in it."""
    package = ".".join(path.relative_to(HARNESS).parts[:-1]) if HARNESS in path.parents else ""
    for node in ast.walk(tree(path)):
        match node:
            case ast.Import(names=names):
                yield from (name.name for name in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                parts = package.split(".")[: len(package.split(".")) - level + 1] if level else []
                base = ".".join([*parts, *([module] if module else [])])
                yield base
                # ``from relaydrill import faults`` imports a module, too.
                yield from (f"{base}.{name.name}" for name in names if _is_module(base, name.name))


def _is_module(base: str, name: str) -> bool:
    inside = HARNESS.joinpath(*base.split("."))
    return (inside / f"{name}.py").exists() or (inside / name).is_dir()


def parts_of(name: str) -> list[str]:
    """The steps of a name below the package: ``relaydrill.nodes.config`` gives nodes, config."""
    steps = name.split(".")
    return steps[1:] if steps[0] == "relaydrill" else []


def layer_of(part: str) -> int:
    """The layer of a module or package right below ``relaydrill``."""
    return next(number for number, layer in enumerate(LAYERS) if part in layer)


def part_of(path: Path) -> str:
    """The module or package right below ``relaydrill`` that a file is, or lies in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_every_module_has_a_layer() -> None:
    """A new module is put into one of the layers above, before it imports anything."""
    found = {part_of(path) for path in SOURCES} - {"__init__"}
    assert found <= set().union(*LAYERS)


def test_the_package_itself_imports_nothing() -> None:
    """``import relaydrill`` costs nothing: whoever needs a part imports that part."""
    assert list(imported(PACKAGE / "__init__.py")) == []
    assert relaydrill.__version__


def test_imports_point_down() -> None:
    """No module knows of a layer above its own."""
    up = [
        (named(path), name)
        for path in SOURCES
        if part_of(path) != "__init__"
        for name in imported(path)
        if (steps := parts_of(name)) and layer_of(steps[0]) > layer_of(part_of(path))
    ]
    assert up == []


FORBIDDEN = {
    "images": {"drivers", "nodes", "topology"},
    "topology": {"inventory", "lint", "planning", "placement"},
    "inventory": {"lint", "planning", "placement"},
    "lint": {"placement", "journal", "ledger"},
    "nodes": {"drivers", "drills", "faults", "topology", "inventory", "images"},
    "personas": {"nodes", "drivers", "faults", "topology"},
    "faults": {"drills", "personas"},
    "drivers": {"faults", "drills", "personas"},
    "locust": {"drivers", "drills", "faults", "topology", "inventory"},
    "drills/checks": {"nodes", "drivers", "personas"},
    "report": {"nodes", "drivers"},
}
"""Within a layer, and beside the order of layers: who knows nothing of whom."""


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_who_knows_nothing_of_whom(folder: str) -> None:
    """Nodes know nothing of drivers and topologies, checks nothing of nodes, and so on."""
    files = sorted((PACKAGE / folder).rglob("*.py"))
    assert files
    wrong = [
        (named(path), name)
        for path in files
        for name in imported(path)
        if (steps := parts_of(name)) and steps[0] in FORBIDDEN[folder]
    ]
    assert wrong == []


def test_the_library_never_imports_pytest() -> None:
    """Relaydrill works without pytest, and without the tests' own tools."""
    tools = {"pytest", "_pytest", "hypothesis", "pytest_relaydrill", "tests"}
    users = [
        (named(path), name)
        for path in SOURCES
        for name in imported(path)
        if name.split(".")[0] in tools
    ]
    assert users == []


def test_locust_is_imported_where_its_extra_is_wanted_and_nowhere_else() -> None:
    """Importing it changes the whole process: only `relaydrill.locust` does, and nobody that."""
    users = {
        part_of(path)
        for path in SOURCES
        for name in imported(path)
        if name.split(".")[0] in ("locust", "gevent") or name.startswith("relaydrill.locust")
    }
    assert users == {"locust"}


def test_the_plugin_is_the_only_one_that_knows_the_library_and_pytest() -> None:
    """The fixtures use the library; the library does not know of them."""
    users = [named(path) for path in SOURCES if "pytest_relaydrill" in path.read_text("utf-8")]
    assert [user for user in users if not user.endswith("cli.py")] == []


@pytest.mark.parametrize("root", [HARNESS, FIXTURES], ids=named)
def test_source_roots_are_no_packages(root: Path) -> None:
    """An ``__init__.py`` there would shadow packages of these names from elsewhere."""
    assert not (root / "__init__.py").exists()
    assert [path.name for path in root.glob("*.py")] == []


def test_no_module_is_a_drawer() -> None:
    """A module, or a folder of them, is named for what it holds."""
    drawers = {"utils", "util", "helpers", "helper", "misc", "common", "stuff", "tools"}
    assert [
        named(path)
        for path in EVERYTHING
        if drawers & {part.removesuffix(".py") for part in path.relative_to(REPOSITORY).parts}
    ] == []


Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def public(node: ast.Module | ast.ClassDef, prefix: str = "") -> Iterator[tuple[str, Documented]]:
    """Public classes and functions, and the public methods of public classes."""
    for each in node.body:
        if isinstance(each, Documented):
            if each.name.startswith("_"):
                continue
            yield prefix + each.name, each
            if isinstance(each, ast.ClassDef):
                yield from public(each, f"{prefix}{each.name}.")


def test_everything_public_says_what_it_is() -> None:
    """Each module, public class and public function has a docstring."""
    assert [named(path) for path in SOURCES if not ast.get_docstring(tree(path))] == []
    silent = [
        (named(path), name)
        for path in SOURCES
        for name, node in public(tree(path))
        if not ast.get_docstring(node)
    ]
    assert silent == []


def test_only_one_module_sleeps() -> None:
    """Nothing sleeps to wait for something: `relaydrill.wait` is the only polling loop."""
    sleepers = [
        (named(path), node.lineno)
        for path in SOURCES
        if path != PACKAGE / "wait.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "sleep")
    ]
    assert sleepers == []


def test_no_module_holds_state() -> None:
    """There is no ``global``: what a run needs is passed in."""
    assert [
        named(path)
        for path in SOURCES
        if any(isinstance(node, ast.Global) for node in ast.walk(tree(path)))
    ] == []
