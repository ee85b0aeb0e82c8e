"""The command that says what a change did to failover."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from click.core import ParameterSource

from relaydrill import topology_files
from relaydrill.api.drilling import run_planned
from relaydrill.cli import completing, options
from relaydrill.cli.json_output import print_json
from relaydrill.drills.audit import Audit, is_audit
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.comparison import Comparison, compare_directories, compare_results
from relaydrill.drills.comparison.rows import must_share_rows, planned_rows
from relaydrill.drills.model import Drill
from relaydrill.drills.record import DRILL
from relaydrill.errors import UsageError
from relaydrill.fresh import make_fresh
from relaydrill.report import html, terminal
from relaydrill.report.comparison import show_comparison
from relaydrill.report.comparison_markdown import markdown
from relaydrill.report.progress import progress
from relaydrill.sentences import listed
from relaydrill.topology_files.located import Located

_HOW_IT_IS_SHOWN: Final = frozenset(
    {"base", "change", "as_json", "as_markdown", "with_all", "html_file"}
)
"""What may be said of runs that are over, too."""

_TOPOLOGY: Final = re.compile(rb"""^\s*["']?(nodes|extends)["']?\s*:""", re.M)
"""A line that every topology file has, and hardly another."""

_NEITHER: Final = "is neither a run directory nor a topology"

_MOST_BYTES: Final = 1 << 22
"""Of a file that is looked at for what it is."""


@click.command()
@click.argument("base", shell_complete=completing.topologies)
@click.argument("change", shell_complete=completing.topologies)
@options.driver
@options.project
@options.allow_faults
@options.flow
@options.units
@options.depth
@options.fault_of_an_audit
@options.jobs
@options.seed
@options.out
@options.keep_lab
@click.option("--all", "with_all", is_flag=True, help="Show rows that are the same, too.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown, for a pull request.")
@options.html
@options.json
@click.pass_context
def compare(
    context: click.Context,
    base: str,
    change: str,
    driver: str,
    project: str,
    allow_faults: bool,
    flows: tuple[str, ...],
    units: tuple[str, ...],
    depth: int,
    fault: str,
    jobs: int,
    seed: int,
    out: Path | None,
    keep_lab: bool,
    with_all: bool,
    as_markdown: bool,
    html_file: Path | None,
    as_json: bool,
) -> int:
    """Say what CHANGE did to failover, compared with BASE.

    Both are run directories, of an audit or a drill, which are judged again; or both are
    topologies, files or names, which are audited first, with the same options.

    Exit status: 0 nothing became worse; 1 something did; 3 that cannot be told: nothing was proven
    of a row in CHANGE, or a row fails of which BASE knows nothing.
    """
    if as_json and as_markdown:
        raise UsageError("--json and --markdown do not go together: choose one")
    html.must_be_writable(html_file)
    show = _Shown(as_json, as_markdown, with_all, html_file)
    sides = {"BASE": _side(base), "CHANGE": _side(change)}
    if all(isinstance(each, Path) for each in sides.values()):
        _refuse_options(context)
        before, after = (Path(base), Path(change))
        return show(compare_directories(before, after))
    planned = [
        _Planned(
            each,
            plan_audit(each.topology, units=units, flows=flows, kind=fault, seed=seed),
            name.lower(),
        )
        for name, each in _designs(sides).items()
    ]
    _must_share(planned)
    for each in planned:
        options.tell_if_long(each.located.topology, each.drills, driver)
    run = _Audits(driver, project, allow_faults, fault, depth, jobs, keep_lab)
    with options.run_directory(out, planned[1].located.topology, "compare") as directory:
        found = compare_results(*run.of(planned, directory))
    return show(found)


@dataclass(frozen=True)
class _Shown:
    """How a comparison is shown. The fields are the options of `compare`."""

    as_json: bool
    as_markdown: bool
    with_all: bool
    html_file: Path | None

    def __call__(self, found: Comparison) -> int:
        """Show it as it was asked for, and return what the command ends with."""
        if self.html_file:  # first, for with --json nothing follows the document
            html.save(html.render(found), self.html_file)
        if self.as_json:
            print_json(found.document())
        elif self.as_markdown:
            click.echo(markdown(found), nl=False)
        else:
            show_comparison(found, terminal.console(), with_all=self.with_all)
        return found.exit_status


@dataclass(frozen=True)
class _Planned:
    """A topology that is to be audited.

    Attributes:
        located: The topology, and the lines that say what it holds.
        drills: The audit's.
        name: Of its folder.
    """

    located: Located
    drills: tuple[Drill, ...]
    name: str


@dataclass(frozen=True)
class _Audits:
    """How two topologies are audited: alike. The fields are the options of `compare`."""

    driver: str
    project: str
    allow_faults: bool
    fault: str
    depth: int
    jobs: int
    keep_lab: bool

    def of(self, planned: list[_Planned], directory: Path) -> Iterator[Audit]:
        """One after the other, each in a folder of its own.

        Args:
            planned: The two.
            directory: Where their folders go.

        Raises:
            UsageError: The directory is not empty, or a real lab may not be broken.
            TopologyError: This machine lacks what a real lab's inventory names.
            HarnessError: A lab failed.
        """
        makers = [
            options.maker(
                each.located,
                self.driver,
                project=self.project,
                drills=each.drills,
                allow_faults=self.allow_faults,
            )
            for each in planned
        ]
        make_fresh(directory)
        console = terminal.console(stderr=True)
        for each, make in zip(planned, makers, strict=True):
            console.print(f"{each.name}: {each.located.topology.name}")
            with progress(each.drills, console) as observe:
                yield run_planned(
                    each.located.topology,
                    each.drills,
                    make,
                    directory / each.name,
                    driver=self.driver,
                    fault=self.fault,
                    depth=self.depth,
                    # A change may end a likeness: then one side would lack the other's rows.
                    with_swaps=False,
                    at_once=self.jobs or None,
                    observe=observe,
                    keep_labs=self.keep_lab,
                )


def _designs(sides: Mapping[str, Path | Located]) -> dict[str, Located]:
    """Both sides, as topologies.

    Raises:
        UsageError: One is a run directory.
    """
    found = {name: side for name, side in sides.items() if isinstance(side, Located)}
    if len(found) < len(sides):
        (name,) = found
        raise UsageError(
            f"{name} is a topology, and the other a run directory: give two of a kind (relaydrill"
            " audit makes a run directory of a topology)"
        )
    return found


def _side(given: str) -> Path | Located:
    """A run directory, or a topology.

    Raises:
        UsageError: It is neither.
        TopologyError: It is a topology, and wrong.
    """
    path = Path(given)
    try:
        is_folder, is_file, is_there = path.is_dir(), path.is_file(), path.exists()
        is_run = is_folder and (is_audit(path) or (path / DRILL).is_file())
        head = path.read_bytes()[:_MOST_BYTES] if is_file else b""
    except (OSError, ValueError) as error:
        raise UsageError(f"{given} cannot be read: {error}") from None
    if is_run or (is_folder and given not in topology_files.builtins()):
        return path
    if is_file and not _TOPOLOGY.search(head):
        raise UsageError(f"{given} {_NEITHER} file: it names no nodes{_beside(path)}")
    if is_there and not is_file and not is_folder:
        raise UsageError(f"{given} {_NEITHER} file")
    try:
        return topology_files.load_located(given)
    except UsageError as error:
        raise UsageError(f"{given} {_NEITHER}: {error}") from None


def _beside(file: Path) -> str:
    """Where the run is that a file is of."""
    folder = file.parent
    is_of_a_run = is_audit(folder) or (folder / DRILL).is_file()
    return f"; give the folder that it lies in: {folder}" if is_of_a_run else ""


def _must_share(planned: list[_Planned]) -> None:
    """Make sure, before anything is run, that there will be something to compare.

    Raises:
        UsageError: The two audits will have no row in common.
    """
    base, change = planned
    must_share_rows(
        base.located.topology.name,
        planned_rows(base.located.topology, base.drills),
        change.located.topology.name,
        planned_rows(change.located.topology, change.drills),
    )


def _refuse_options(context: click.Context) -> None:
    """Make sure that nobody believes that runs which are over are run otherwise.

    Raises:
        UsageError: An option says how to audit.
    """
    given = [
        each.opts[0]
        for each in context.command.params
        if each.name
        and each.name not in _HOW_IT_IS_SHOWN
        and context.get_parameter_source(each.name) is ParameterSource.COMMANDLINE
    ]
    if given:
        raise UsageError(
            f"{listed(given)} {'is' if len(given) == 1 else 'are'} for topologies, which are"
            " audited first; run directories are compared as they are"
        )
