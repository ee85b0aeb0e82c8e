"""The command `relaydrill lint`: rules of the design, read off topologies without a lab."""

from __future__ import annotations

import click

from relaydrill import inventory
from relaydrill.cli import options
from relaydrill.errors import InventoryError, UsageError
from relaydrill.lint import Severity
from relaydrill.report import lint as words
from relaydrill.report.sarif import sarif
from relaydrill.report.terminal import console


@click.command("lint")
@click.argument("topologies", metavar="TOPOLOGY...", nargs=-1)
@click.option(
    "--fail-on",
    type=click.Choice([str(each) for each in Severity]),
    default=str(Severity.ERROR),
    show_default=True,
    help="The mildest severity that ends with 1.",
)
@click.option("--rules", is_flag=True, help="List the rules with the facts behind them.")
@options.json
@click.option("--sarif", "as_sarif", is_flag=True, help="One SARIF 2.1.0 log, nothing else.")
def lint(
    topologies: tuple[str, ...], fail_on: str, rules: bool, as_json: bool, as_sarif: bool
) -> int:
    """Check each TOPOLOGY, a built-in's name or a file, against the rules of the design.

    Nothing is started. Ends with 0 where nothing is found that is as bad as --fail-on, else with 1;
    with 2 where a file cannot be read.
    """
    if as_json and as_sarif:
        raise UsageError("--json and --sarif are two documents; ask for one of them")
    if rules:
        return _show_rules(topologies, as_json=as_json, as_sarif=as_sarif)
    if not topologies:
        raise UsageError("no topology to look at; name a file or a built-in, such as sharepoint")
    found, problems = _read(topologies)
    least = Severity(fail_on)
    if as_sarif:
        options.print_json(sarif(found, problems))
    elif as_json:
        options.print_json(words.document(found, problems, least))
    else:
        words.show_lint(found, problems, least, console())
    if problems:
        return 2
    return 1 if any(each.fails(least) for each in found) else 0


def _show_rules(topologies: tuple[str, ...], *, as_json: bool, as_sarif: bool) -> int:
    if topologies or as_sarif:
        raise UsageError("--rules lists all rules; it takes no topology and no --sarif")
    if as_json:
        options.print_json({"rules": words.rules_document()})
    else:
        words.show_rules(console())
    return 0


def _read(topologies: tuple[str, ...]) -> tuple[list[words.Linted], list[str]]:
    """What was found in each that can be read, and why the others cannot, which is told at once."""
    found: list[words.Linted] = []
    problems: list[str] = []
    for source in dict.fromkeys(topologies):
        try:
            found.append(words.linted(inventory.load_located(source)))
        except (InventoryError, UsageError) as error:
            problems.append(f"{source}: {error}")
            click.echo(f"relaydrill: {source}: {error}", err=True)
    return found, problems
