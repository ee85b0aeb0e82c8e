"""Commands that drill a topology, and those that look at it again."""

from __future__ import annotations

import contextlib
import functools
import json
import threading
from pathlib import Path
from typing import Final

import click

from relaydrill import inventory, playground
from relaydrill.cli import options
from relaydrill.drills.audit import Audit, judge_either, run_audit
from relaydrill.drills.audit_plan import plan_audit, plan_pairs
from relaydrill.drills.judgement import Judgement
from relaydrill.drills.model import plan
from relaydrill.drills.policy import judge_policy
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.catalogue import ATTACH, lab_maker, labs_at_once
from relaydrill.errors import UsageError
from relaydrill.planning import outlooks
from relaydrill.report import html, terminal
from relaydrill.report import plan as plan_table
from relaydrill.report.faults import faults_document, show_faults
from relaydrill.report.policy import show_policy
from relaydrill.verdict import Status

_PAIRS_TOO: Final = "then the same with two of these at a time, of those that hold alone"


@click.command()
@options.topology
@options.driver
@options.project
@options.allow_faults
@options.dry_run
@options.flow
@click.option(
    "--node", "units", multiple=True, help="Only this node, MX host or site; may be repeated."
)
@click.option("--pairs", is_flag=True, help="Then two at a time, of those that hold alone.")
@click.option(
    "--fault",
    default="kill",
    show_default=True,
    help="What each node suffers; see: relaydrill faults.",
)
@click.option("--jobs", type=click.IntRange(0), default=0, help="Labs at a time; 0: as suits.")
@options.seed
@options.out
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
    pairs: bool,
    fault: str,
    jobs: int,
    seed: int,
    out: Path | None,
    html_file: Path | None,
    as_json: bool,
) -> int:
    """Break every node, MX host and site of TOPOLOGY in turn; show for each flow whether it holds.

    TOPOLOGY is a file or the name of a built-in one (see: relaydrill topologies).
    """
    html.must_be_writable(html_file)
    located = inventory.load_located(topology)
    design = located.topology
    drills = plan_audit(design, units=units, flows=flows, kind=fault, seed=seed)
    two = functools.partial(plan_pairs, design, kind=fault, seed=seed)
    if dry_run:
        return options.show_rehearsal(
            located, driver, drills, as_json=as_json, more=_PAIRS_TOO if pairs else ""
        )
    make = options.maker(located, driver, project=project, drills=drills, allow_faults=allow_faults)
    console = terminal.console(stderr=as_json)
    cancelled = threading.Event()
    with terminal.progress(drills, console) as observe:
        found = run_audit(
            design,
            drills,
            make,
            out or options.fresh_directory(design, "audit"),
            at_once=jobs or labs_at_once(driver, design),
            steady_first=driver == ATTACH,
            then=two if pairs else None,
            observe=observe,
            cancelled=cancelled,
        )
    return _told(found, as_json=as_json, html_file=html_file)


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
    metavar="KIND[.PHASE]:NODE[@START][+DURATION]",
    help="What breaks, when, for how long (see: relaydrill faults); may be repeated."
    " None: the steady state.",
)
@options.seed
@options.out
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
    seed: int,
    out: Path | None,
    html_file: Path | None,
    as_json: bool,
) -> int:
    """Run one drill on TOPOLOGY and show every check with its evidence."""
    html.must_be_writable(html_file)
    located = inventory.load_located(topology)
    design = located.topology
    planned = plan(design, faults=faults, flows=flows, seed=seed)
    if dry_run:
        return options.show_rehearsal(located, driver, (planned,), as_json=as_json)
    make = options.maker(
        located, driver, project=project, drills=(planned,), allow_faults=allow_faults
    )
    directory = out or options.fresh_directory(design, "drill")
    console = terminal.console(stderr=as_json)
    lab_directory = directory.with_name(directory.name + ".lab")
    with (
        terminal.progress((planned,), console) as observe,
        make(design, lab_directory) as lab,
    ):
        found = run_drill(lab, planned, directory, observe)
    return _told(found, as_json=as_json, html_file=html_file)


@click.command("faults")
@options.json
def faults_command(as_json: bool) -> int:
    """List every fault for drill --fault and audit --fault: what it does, and to what."""
    if as_json:
        options.print_json(faults_document())
    else:
        show_faults(terminal.console())
    return 0


@click.command()
@options.topology
@options.driver
@options.out
def up(topology: str, driver: str, out: Path | None) -> int:
    """Bring TOPOLOGY up as a lab to play with, until Ctrl-C; then account for all mail in it."""
    design = inventory.load(topology)
    directory = out or options.fresh_directory(design, "up")
    console = terminal.console()
    if driver == ATTACH:
        raise UsageError(f"{design.name} is up already, where its attach: says")
    with lab_maker(driver)(design, directory) as lab:
        try:
            with contextlib.suppress(KeyboardInterrupt):  # which is how it ends
                playground.show_endpoints(lab, console)
                playground.play(lab, console)
        finally:
            playground.show_account(lab, console)
    return 0


@click.command("plan")
@click.argument("topology", required=False, default="microsoft")
@options.json
def plan_command(topology: str, as_json: bool) -> int:
    """What-if arithmetic for the inbound mail of TOPOLOGY, without any lab.

    Shows which server gets what share of the mail, with each server and each site gone, against
    the flows' peak and the servers' capacity. Ends with 1 where something does not hold.
    """
    design = inventory.load(topology)
    found = outlooks(design)
    if as_json:
        click.echo(json.dumps(plan_table.as_json(found), indent=2))
    else:
        plan_table.show_outlooks(design.name, found, terminal.console())
    return 0 if all(each.holds for each in found) else Status.FAIL.exit_status


@click.command("policy")
@options.topology
@options.driver
@options.project
@options.out
@options.json
def policy(topology: str, driver: str, project: str, out: Path | None, as_json: bool) -> int:
    """Ask every door of TOPOLOGY who may relay, and what it wants of those who submit.

    Each sender asks each VIP, hub and Edge server, as far as RCPT; no mail is sent. Shows where the
    answer is not what the connectors declare: an open relay, a refusal, a certificate without the
    name.
    """
    located = inventory.load_located(topology)
    design = located.topology
    console = terminal.console(stderr=as_json)
    with options.maker(located, driver, project=project)(
        design, out or options.fresh_directory(design, "lab")
    ) as lab:
        found = judge_policy(lab)
    if as_json:
        options.print_json(found.document())
    else:
        show_policy(found, console)
    return found.status.exit_status


@click.command("judge")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@options.json
def judge_command(run: Path, as_json: bool) -> int:
    """Judge the run directory RUN again, offline, from its journals alone."""
    return _told(judge_either(run), as_json=as_json)


def _told(found: Audit | Judgement, *, as_json: bool, html_file: Path | None = None) -> int:
    """Show an audit or a drill as it was asked for, and return what the command ends with."""
    if as_json:
        options.print_json(found.document())
    elif isinstance(found, Audit):
        terminal.show_audit(found, terminal.console())
    else:
        terminal.show_drill(found, terminal.console())
    if html_file:
        html.save(html.render(found), html_file)
    return found.status.exit_status


@click.command("report")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The file to write; replaced if it is there. Default: RUN/report.html.",
)
def report_command(run: Path, out: Path | None) -> int:
    """Write the HTML report of the run directory RUN, of a drill or an audit.

    One file that needs nothing else. It is judged again from the journals alone, as by judge; the
    command ends with 0 whatever the verdict.
    """
    file = out or run / html.FILE
    html.save(html.report(run), file)
    click.echo(f"Wrote {file}")
    return 0
