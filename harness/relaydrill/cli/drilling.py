"""Commands that drill a topology, and those that look at it again."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import click

from relaydrill import playground, topology_files
from relaydrill.api.drilling import run_planned
from relaydrill.cli import completing, options
from relaydrill.cli.json_output import print_json
from relaydrill.drills import sequences
from relaydrill.drills.audit import Audit, judge_either
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.own_lab import own_lab, run_in_own_lab
from relaydrill.drills.policy import judge_policy
from relaydrill.drills.result import Judgement
from relaydrill.drills.yearly_by_design import yearly_cost_by_design
from relaydrill.drivers.catalogue import ATTACH, SIMULATE, lab_maker
from relaydrill.errors import UsageError
from relaydrill.planning import has_inbound, outlooks
from relaydrill.report import html, terminal
from relaydrill.report import plan as plan_table
from relaydrill.report.faults import faults_document, show_faults
from relaydrill.report.policy import show_policy
from relaydrill.report.progress import progress
from relaydrill.report.sequences import show_sequences
from relaydrill.report.yearly_cost import show_yearly_cost
from relaydrill.verdict import Status

_SETS_TOO: Final = (
    "then sets of up to {} nodes, MX hosts and sites, of those that survive in every smaller one"
)


@click.command()
@options.topology
@options.driver
@options.project
@options.allow_faults
@options.dry_run
@options.flow
@options.units
@options.depth
@options.fault_of_an_audit
@options.jobs
@options.seed
@options.out
@options.keep_lab
@options.html
@options.json
def audit(
    topology: str,
    driver: str,
    project: str,
    allow_faults: bool,
    dry_run: bool,
    flows: tuple[str, ...],
    units: tuple[str, ...],
    depth: int,
    fault: str,
    jobs: int,
    seed: int,
    out: Path | None,
    keep_lab: bool,
    html_file: Path | None,
    as_json: bool,
) -> int:
    """Break each node, MX host and site of TOPOLOGY in turn; show which flows survive.

    With --depth 2 or more, then also several at a time.

    TOPOLOGY is a file or the name of a built-in one (see: relaydrill topologies); by default
    sharepoint.
    """
    html.must_be_writable(html_file)
    located = topology_files.load_located(topology)
    design = located.topology
    drills = plan_audit(design, units=units, flows=flows, kind=fault, seed=seed)
    if dry_run:
        more = _SETS_TOO.format(depth) if depth > 1 else ""
        return options.show_rehearsal(located, driver, drills, as_json=as_json, more=more)
    make = options.maker(located, driver, project=project, drills=drills, allow_faults=allow_faults)
    options.tell_if_long(design, drills, driver)
    console = terminal.console(stderr=as_json)
    with (
        options.run_directory(out, design, "audit") as directory,
        progress(drills, console) as observe,
    ):
        found = run_planned(
            design,
            drills,
            make,
            directory,
            driver=driver,
            fault=fault,
            depth=depth,
            at_once=jobs or None,
            observe=observe,
            keep_labs=keep_lab,
        )
    return _show(found, as_json=as_json, html_file=html_file)


@click.command()
@options.topology
@options.driver
@options.project
@options.allow_faults
@options.dry_run
@options.flow
@click.option(
    "--fault",
    "faults",
    multiple=True,
    shell_complete=completing.faults,
    metavar="KIND[.PHASE][%SHARE]:NODE[@START][+DURATION]",
    help="What to break, when and for how long (see: relaydrill faults); may be repeated."
    " Without it nothing is broken.",
)
@click.option(
    "--sequence",
    metavar="FILE",
    default="",
    shell_complete=completing.sequences,
    help="Break what this file says, one after another: a file, or the name of a built-in one (see:"
    " relaydrill sequences).",
)
@options.seed
@options.out
@options.keep_lab
@options.html
@options.json
def drill(
    topology: str,
    driver: str,
    project: str,
    allow_faults: bool,
    dry_run: bool,
    flows: tuple[str, ...],
    faults: tuple[str, ...],
    sequence: str,
    seed: int,
    out: Path | None,
    keep_lab: bool,
    html_file: Path | None,
    as_json: bool,
) -> int:
    """Run one drill on TOPOLOGY and show every check with its evidence.

    TOPOLOGY is a file or the name of a built-in one; by default sharepoint.
    """
    html.must_be_writable(html_file)
    located = topology_files.load_located(topology)
    design = located.topology
    written = sequences.load(sequence) if sequence else None
    planned = plan(design, faults=faults, sequence=written, flows=flows, seed=seed)
    if dry_run:
        return options.show_rehearsal(located, driver, (planned,), as_json=as_json)
    make = options.maker(
        located, driver, project=project, drills=(planned,), allow_faults=allow_faults
    )
    options.tell_if_long(design, (planned,), driver, always=bool(sequence))
    console = terminal.console(stderr=as_json)
    with (
        options.run_directory(out, design, "drill") as directory,
        progress((planned,), console) as observe,
    ):
        found = run_in_own_lab(make, design, planned, directory, observe, keep_lab=keep_lab)
    return _show(found, as_json=as_json, html_file=html_file)


@click.command("faults")
@options.json
def faults_command(as_json: bool) -> int:
    """List every fault for drill --fault and audit --fault: what it does, and to what."""
    if as_json:
        print_json(faults_document())
    else:
        show_faults(terminal.console())
    return 0


@click.command("sequences")
@click.argument("name", required=False, default="", shell_complete=completing.sequences)
def sequences_command(name: str) -> int:
    """List the built-in sequences for drill --sequence, or print the file of one: NAME.

    Printed, one is a start for your own: relaydrill sequences patch-night > mine.yaml
    """
    if name:
        click.echo(sequences.builtin_text(name), nl=False)
    else:
        show_sequences(terminal.console())
    return 0


@click.command()
@options.topology
@options.driver
@options.out
def up(topology: str, driver: str, out: Path | None) -> int:
    """Run TOPOLOGY as a lab to play with, until Ctrl-C; then account for all its mail.

    TOPOLOGY is a file or the name of a built-in one; by default sharepoint.
    """
    design = topology_files.load(topology)
    if driver == ATTACH:
        raise UsageError("--driver attach is for a lab that already runs: nothing to bring up")
    if driver == SIMULATE:
        raise UsageError(
            "--driver simulate has no time but a drill's, and no port that a program of this"
            " machine could reach; bring the lab up with --driver process"
        )
    console = terminal.console()
    with (
        options.run_directory(out, design, "up") as directory,
        own_lab(lab_maker(driver), design, directory) as lab,
    ):
        try:
            with contextlib.suppress(KeyboardInterrupt):  # which is how it ends
                playground.show_endpoints(lab, console)
                playground.play(lab, console)
        finally:
            playground.show_account(lab, console)
    return 0


@click.command("plan")
@click.argument(
    "topology", required=False, default="microsoft", shell_complete=completing.topologies
)
@options.json
def plan_command(topology: str, as_json: bool) -> int:
    """Compute each server's share of the inbound mail of TOPOLOGY, without a lab.

    Shows the shares as they are, and for the loss of each server and each site, compared with the
    peak load and the servers' capacity. Where the topology says how often things fail, shows how
    long each flow is out of service in a year, by the design alone. TOPOLOGY is a file or the name
    of a built-in one; by default microsoft. Exit status 1 if a loss is not survived.
    """
    design = topology_files.load(topology)
    cost = yearly_cost_by_design(design)
    # Of a tier that takes no inbound mail there may still be something to say.
    found = outlooks(design) if cost is None or has_inbound(design) else ()
    if as_json:
        print_json(plan_table.plan_document(design.name, found, cost))
    else:
        console = terminal.console()
        if found:
            plan_table.show_outlooks(design.name, found, console)
        show_yearly_cost(cost, console)
    return 0 if all(each.holds for each in found) else Status.FAIL.exit_status


@click.command("policy")
@options.topology
@options.driver
@options.project
@options.out
@options.json
def policy(topology: str, driver: str, project: str, out: Path | None, as_json: bool) -> int:
    """Ask every server of TOPOLOGY who may relay, and what it requires of mail clients.

    Each sender asks each VIP, hub and Edge server, as far as RCPT; no mail is sent. Shows where the
    answer differs from the declared connectors: an open relay, a refusal, a certificate without
    the name. TOPOLOGY is a file or the name of a built-in one; by default sharepoint.
    """
    located = topology_files.load_located(topology)
    design = located.topology
    console = terminal.console(stderr=as_json)
    make = options.maker(located, driver, project=project)
    with (
        options.run_directory(out, design, "lab", is_kept=False) as directory,
        own_lab(make, design, directory) as lab,
    ):
        found = judge_policy(lab)
    if as_json:
        print_json(found.document())
    else:
        show_policy(found, console)
    return found.status.exit_status


@click.command("judge")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@options.json
def judge_command(run: Path, as_json: bool) -> int:
    """Judge the run directory RUN again, from its journals alone."""
    return _show(judge_either(run), as_json=as_json)


def _show(found: Audit | Judgement, *, as_json: bool, html_file: Path | None = None) -> int:
    """Show an audit or a drill as it was asked for, and return what the command ends with."""
    if html_file:  # first, for with --json nothing follows the document
        html.save(html.render(found), html_file)
    if as_json:
        print_json(found.document())
    elif isinstance(found, Audit):
        terminal.show_audit(found, terminal.console())
    else:
        terminal.show_drill(found, terminal.console())
    return found.status.exit_status


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write or overwrite. Default: RUN/report.html.",
)
def report_command(run: Path, out: Path | None) -> int:
    """Write the HTML report of the run directory RUN, of a drill or an audit.

    One self-contained file. The run is judged again from its journals, as by judge; the exit
    status is 0 whatever the verdict.
    """
    file = out or run / html.FILE
    html.save(html.report(run), file)
    click.echo(f"Wrote {file}")
    return 0
