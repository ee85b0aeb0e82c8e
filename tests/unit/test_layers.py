"""The rules of the architecture that a program can check: who may import whom, and more."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
from tests.imports import at_any_time, at_once, chains, circles, in_any_way

REPOSITORY = Path(__file__).parents[2]
HARNESS = REPOSITORY / "harness"
PACKAGE = HARNESS / "relaydrill"
FIXTURES = REPOSITORY / "fixtures"

LAYERS = (
    {
        *("clock", "errors", "event_loop", "fresh", "sentences", "smtp", "state", "wait"),
        *("process_identity", "parent_death", "dead_end", "kinds", "model", "node_settings"),
        *("message", "scalars", "schedule", "address_span", "endpoint", "marks", "disturbance"),
        *("extensions", "hindrance", "impairment"),
    },
    {
        *("topology", "topology_files", "lint", "placement", "journal", "ledger", "verdict"),
        *("documents", "own_configuration", "farms", "from_files", "verbatim"),
        *("planning", "sharing", "yearly_cost", "exchange_logs", "mail_logs", "mail_account"),
        *("fibres", "smtp_client", "images", "faults"),
    },
    {"nodes", "drivers", "personas"},
    {"injection"},
    {"drills", "locust"},
    {"report", "playground"},
    {"api"},
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


def layer_of(steps: Sequence[str]) -> int:
    """The layer of a module: that of the module or package right below ``relaydrill``.

    What everybody may know of a kind of nodes is in the package of its folder; the modules beside
    that run in nodes.
    """
    part = "nodes" if steps[0] == "kinds" and len(steps) > 2 else steps[0]
    return next(number for number, layer in enumerate(LAYERS) if part in layer)


def steps_of(path: Path) -> list[str]:
    """The steps of a file's module below the package."""
    steps = path.relative_to(PACKAGE).with_suffix("").parts
    return [*(steps[:-1] if steps[-1] == "__init__" and len(steps) > 1 else steps)]


def part_of(path: Path) -> str:
    """The module or package right below ``relaydrill`` that a file is, or lies in."""
    return steps_of(path)[0]


def test_every_module_has_a_layer() -> None:
    """A new module is put into one of the layers above, before it imports anything."""
    found = {part_of(path) for path in SOURCES} - {"__init__"}
    assert found <= set().union(*LAYERS)


def test_imports_point_down() -> None:
    """No module knows of a layer above its own."""
    up = [
        (named(path), name)
        for path in SOURCES
        if part_of(path) != "__init__"
        for name in imported(path)
        if (steps := parts_of(name)) and layer_of(steps) > layer_of(steps_of(path))
    ]
    assert up == []


_KNOWS_NO_LAB = {"nodes", "drivers", "drills", "faults", "journal", "ledger", "kinds", "lint"}
"""What reads the configuration of the user's programs knows of no lab, and of no rule."""

DESIGN = {"topology", "topology_files", "lint", "planning", "sharing", "placement"}
"""What a tier is declared to be, and what follows from that."""

SOCKETS = ("smtp_client", "fibres", "nodes", "kinds", "personas", "locust")
"""What speaks to a tier: it is told where, and not what the tier is."""

FORBIDDEN = {
    "message": {"smtp", "journal", "ledger", "nodes", *DESIGN},
    "images": {"drivers", "nodes", *DESIGN},
    "smtp_client": {"nodes", "drivers", "drills", "faults", "personas", *DESIGN},
    "fibres": {"nodes", "drivers", "drills", "faults", "personas", *DESIGN},
    "topology": {"topology_files", "lint", "planning", "placement", "journal", "smtp"},
    "topology_files": {"lint", "planning", "placement", "journal", "smtp"},
    "lint": {"placement", "journal", "ledger", "smtp"},
    "own_configuration": {*_KNOWS_NO_LAB, *DESIGN},
    "farms": {*_KNOWS_NO_LAB, *DESIGN},
    "verbatim": {"nodes", "drivers", "drills", "faults", "journal", "ledger", "topology_files"},
    "from_files": {"nodes", "drivers", "drills", "faults", "journal", "ledger", "topology_files"},
    "journal": {"ledger", "nodes", *DESIGN},
    "mail_logs": {"nodes", "drivers", *DESIGN},
    "ledger": {"nodes", "drivers", *DESIGN},
    "nodes": {"drivers", "drills", "faults", "images", "locust", *DESIGN},
    "kinds": {"drivers", "drills", "faults", "images", "locust", *DESIGN},
    "personas": {"nodes", "drivers", "faults", *DESIGN},
    "faults": {"topology_files", "lint", "placement", "ledger", "nodes", "drivers"},
    "injection": {"personas", "topology_files", "lint"},
    "drivers": {"faults", "drills", "personas"},
    "locust": {"drivers", "drills", "faults", *DESIGN},
    "drills/checks": {"nodes", "drivers", "injection"},
}
"""Within a layer, and beside the order of layers: who knows nothing of whom."""


DIRECTLY_FORBIDDEN = {
    "drills/checks": {"personas"},
    "report": {"nodes", "drivers"},
}
"""As above, but only for the first step: drills stand between."""


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_who_never_reaches_whom(folder: str) -> None:
    """No chain of imports leads there, through whatever module or function."""
    graph = at_any_time(HARNESS)
    start = f"relaydrill.{folder}".replace("/", ".")
    inside = [name for name in graph if name == start or name.startswith(f"{start}.")]
    assert inside
    wrong = {
        " -> ".join(chain)
        for name in inside
        for reached, chain in chains(graph, name).items()
        if (steps := parts_of(reached)) and steps[0] in FORBIDDEN[folder]
    }
    assert sorted(wrong) == []


@pytest.mark.parametrize("folder", DIRECTLY_FORBIDDEN)
def test_who_knows_nothing_of_whom(folder: str) -> None:
    """Checks know nothing of personas, and reports nothing of drivers."""
    files = sorted((PACKAGE / folder).rglob("*.py"))
    assert files
    wrong = [
        (named(path), name)
        for path in files
        for name in imported(path)
        if (steps := parts_of(name)) and steps[0] in DIRECTLY_FORBIDDEN[folder]
    ]
    assert wrong == []


@pytest.mark.parametrize("folder", [*SOCKETS, "topology", "topology_files", "ledger"])
def test_what_is_really_loaded(folder: str) -> None:
    """A new interpreter that imports all of a package has loaded nothing that it must not reach."""
    start = f"relaydrill.{folder}"
    names = [
        name
        for name in at_once(HARNESS)
        if (name == start or name.startswith(f"{start}.")) and not name.endswith("__main__")
    ]
    program = f"import sys, {', '.join(names)}; print(*sys.modules)"
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = {steps[0] for name in told.stdout.split() if (steps := parts_of(name))}
    assert folder in loaded
    assert loaded & FORBIDDEN[folder] == set()


def test_no_circle_of_imports() -> None:
    """No module needs itself to be imported, by whatever detour."""
    assert circles(at_once(HARNESS)) == []


ROUND_TRIPS = {
    # A case hands itself to those that read it.
    "relaydrill.drills.checks",
    # What completes a command line asks the commands what there is.
    "relaydrill.cli",
}
"""Packages of which some modules know each other, by a type or in a function."""


def test_no_circle_of_types() -> None:
    """Nor does one know itself by a detour, as a type or in a function; but for these packages."""
    # The package's own module names the types of all that it offers, and is nobody's part.
    graph = {
        name: found - {"relaydrill"}
        for name, found in in_any_way(HARNESS).items()
        if name != "relaydrill"
    }
    strangers = [
        circle
        for circle in circles(graph)
        if not any(all(each.startswith(f"{home}.") for each in circle) for home in ROUND_TRIPS)
    ]
    assert strangers == []


def test_the_library_never_imports_pytest() -> None:
    """Relaydrill works without pytest, and without the tests' own tools."""
    tools = {"pytest", "_pytest", "pytest_relaydrill", "tests"}
    users = [
        (named(path), name)
        for path in SOURCES
        for name in imported(path)
        if name.split(".")[0] in tools
    ]
    assert users == []


def test_hypothesis_is_imported_by_what_draws_plans_and_nowhere_else() -> None:
    """It is an extra: one module needs it, and is loaded without it."""
    users = {
        named(path)
        for path in SOURCES
        if any(name.split(".")[0] == "hypothesis" for name in imported(path))
    }
    assert users == {"harness/relaydrill/drills/exploring/drawing.py"}
    code = "import sys, relaydrill.cli.commands; sys.exit('hypothesis' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


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
        if path not in (PACKAGE / "wait.py", PACKAGE / "clock.py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute | ast.Name)
        and ast.unparse(node) in ("time.sleep", "clock.sleep", "sleep")
    ]
    assert sleepers == []


TIMED = ("nodes", "personas", "fibres", "injection", "journal", "wait", "smtp_client")
"""What runs in a simulated world as on a machine."""

MACHINE_TIME = {
    *("time.monotonic", "time.monotonic_ns", "time.time", "time.time_ns", "time.perf_counter"),
    *("time.sleep", "datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
}
"""Asks the machine, whatever world it is in."""


def test_what_runs_in_a_world_asks_no_machine_for_the_time() -> None:
    """Nodes, personas and faults take time from `relaydrill.clock` alone, by whatever import."""
    asked = [
        (named(path), node.lineno)
        for path in SOURCES
        if part_of(path) in TIMED
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and ast.unparse(node) in MACHINE_TIME)
        or (isinstance(node, ast.ImportFrom) and node.module == "time")
    ]
    assert asked == []


def test_no_module_holds_state() -> None:
    """There is no ``global``: what a run needs is passed in."""
    assert [
        named(path)
        for path in SOURCES
        if any(isinstance(node, ast.Global) for node in ast.walk(tree(path)))
    ] == []
