"""The command `relaydrill lint`: rules of the design, read off topologies and the user's files."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import click

from relaydrill import topology_files
from relaydrill.cli import completing, options
from relaydrill.cli.json_output import print_json
from relaydrill.documents.design import LintStatus
from relaydrill.errors import TopologyError, UsageError
from relaydrill.lint import Severity
from relaydrill.own_configuration.gathering import Gathered, is_own_file
from relaydrill.own_configuration.recognising import KINDS
from relaydrill.placement import CONTROL_PORT
from relaydrill.report import lint as words
from relaydrill.report.sarif import sarif
from relaydrill.report.terminal import console
from relaydrill.scalars import parse_duration
from relaydrill.topology import Topology
from relaydrill.verbatim import fitted

_OF: Final = "="
_EXIT: Final[dict[LintStatus, int]] = {"pass": 0, "fail": 1, "unreadable": 2, "unknown": 3}


@click.command("lint")
@click.argument("sources", metavar="SOURCE...", nargs=-1, shell_complete=completing.topologies)
@click.option(
    "--as",
    "kinds",
    metavar="KIND[=FILE]",
    multiple=True,
    help=f"Read FILE, or every SOURCE, as one of: {', '.join(KINDS)}.",
)
@click.option(
    "--failover",
    metavar="DURATION",
    help="How long mail may be gone after a loss; by default what the topologies promise.",
)
@click.option(
    "--fail-on",
    type=click.Choice([str(each) for each in Severity]),
    default=str(Severity.ERROR),
    show_default=True,
    help="The lowest severity with exit status 1.",
)
@click.option("--rules", is_flag=True, help="List the rules and their sources.")
@options.json
@click.option(
    "--sarif", "as_sarif", is_flag=True, help="Print one SARIF 2.1.0 log and nothing else."
)
def lint(
    sources: tuple[str, ...],
    kinds: tuple[str, ...],
    failover: str | None,
    fail_on: str,
    rules: bool,
    as_json: bool,
    as_sarif: bool,
) -> int:
    """Check each SOURCE against design rules.

    A SOURCE is a topology (a file or a built-in's name) or a configuration file of your own, such
    as haproxy.cfg. A folder is read as its program would; a.cfg+b.cfg are files of one process.

    Starts nothing. Exit status: 0 if nothing as severe as --fail-on is found, 1 if something is, 2
    if a file cannot be read, 3 if no rule found anything to look at.
    """
    if as_json and as_sarif:
        raise UsageError("--json and --sarif do not go together; choose one")
    if rules:
        return _show_rules(sources, as_json=as_json, as_sarif=as_sarif)
    asked = _asked(sources, kinds)
    if not asked.topologies and not asked.files:
        raise UsageError("no topology or file given; name a file, or a built-in such as sharepoint")
    found, problems = _read(asked, None if failover is None else _duration(failover))
    least = Severity(fail_on)
    if as_sarif:
        print_json(sarif(found, problems))
    elif as_json:
        print_json(words.document(found, problems, least))
    else:
        words.show_lint(found, problems, least, console())
    return _EXIT[words.status_of(found, problems, least)]


def _show_rules(sources: tuple[str, ...], *, as_json: bool, as_sarif: bool) -> int:
    if sources or as_sarif:
        raise UsageError("--rules lists all rules; it takes no topology, no file and no --sarif")
    if as_json:
        print_json(words.rules_document())
    else:
        words.show_rules(console())
    return 0


def _duration(text: str) -> float:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--failover {text}: {error}") from None


@dataclass
class _Asked:
    """What is to be looked at, in the order of the command line."""

    topologies: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    """The kind that each shall have; empty: it is to be found out."""


def _asked(sources: tuple[str, ...], kinds: tuple[str, ...]) -> _Asked:
    asked = _Asked()
    every = [kind for kind in kinds if _OF not in kind]
    if len({*every}) > 1:
        raise UsageError("--as names two kinds for every file; write --as KIND=FILE for each")
    for kind in (*every, *(each.partition(_OF)[0] for each in kinds if _OF in each)):
        if kind not in KINDS:
            raise UsageError(f"--as {kind}: no such kind (allowed: {', '.join(KINDS)})")
    for source in sources:
        if every or is_own_file(source):
            asked.files[source] = every[0] if every else ""
        elif source not in asked.topologies:
            asked.topologies.append(source)
    for each in kinds:
        kind, of, source = each.partition(_OF)
        if of:
            asked.files[source] = kind
    return asked


def _read(asked: _Asked, failover: float | None) -> tuple[list[words.Linted], list[str]]:
    """What was found in each that can be read, and why the others cannot, which is told at once."""
    found: list[words.Linted] = []
    problems: list[str] = []
    promised: list[float] = [] if failover is None else [failover]
    for source in asked.topologies:
        try:
            located = topology_files.load_located(source)
            # What a lab would refuse of a file that it is to run as it is.
            fitted(located.topology, (CONTROL_PORT,))
        except (TopologyError, UsageError) as error:
            problems.append(f"{source}: {error}")
            continue
        found.append(words.linted(located))
        if failover is None:
            promised += _promised(located.topology)
    gathered = Gathered()
    for source, kind in asked.files.items():
        gathered.add(source, kind)
    problems += [
        why if source in why else f"{source}: {why}" for source, why in gathered.problems.items()
    ]
    for problem in problems:
        click.echo(f"relaydrill: {problem}", err=True)
    files = gathered.files(min(promised, default=None))
    return [*found, *words.linted_files(files)], problems


def _promised(topology: Topology) -> list[float]:
    """How long each flow may fail after a loss."""
    return [topology.expectation(key).degraded_s for key in topology.flows]
