"""The command line: parse, call, render. Exit statuses are in `main`'s docstring."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

import relaydrill
from relaydrill import inventory, playground
from relaydrill.drills.audit import is_audit, judge_audit, plan_audit, run_audit
from relaydrill.drills.judge import judge as judge_run
from relaydrill.drills.model import plan
from relaydrill.drills.policy import judge_policy
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.catalogue import DRIVERS, docker_installed, lab_maker, labs_at_once
from relaydrill.drivers.registry import Registry
from relaydrill.errors import RelaydrillError, UsageError
from relaydrill.planning import outlooks
from relaydrill.report import plan as plan_table
from relaydrill.report import terminal
from relaydrill.report.policy import show_policy
from relaydrill.topology import Topology
from relaydrill.verdict import Status

if TYPE_CHECKING:
    from relaydrill.drivers.docker.leftovers import Removed

_EXIT: Final = {Status.PASS: 0, Status.FAIL: 1, Status.UNKNOWN: 3}
_INTERRUPTED: Final = 130
_HARNESS_FAILED: Final = 4

_topology = click.argument("topology", required=False, default="sharepoint")
_flow = click.option("--flow", "flows", multiple=True, help="Only this flow; may be repeated.")
_seed = click.option("--seed", type=int, default=1, show_default=True, help="Of all chance.")
_out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Run directory; must not exist yet. Default: relaydrill-runs/TIME-NAME.",
)
_json = click.option("--json", "as_json", is_flag=True, help="One JSON document, nothing else.")
_driver = click.option(
    "--driver",
    type=click.Choice(DRIVERS),
    default=DRIVERS[0],
    show_default=True,
    help="What runs the topology.",
)


_project = click.option(
    "--project",
    default="",
    help="Use the lab that docker compose brought up under this project name.",
)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(relaydrill.__version__, prog_name="relaydrill")
def cli() -> None:
    """If this machine dies, does mail still flow, and is any of it lost?

    Exit status: 0 pass; 1 a check failed; 2 the input is wrong; 3 unknown: nothing was proven;
    4 the harness failed; 130 interrupted, after healing.
    """


@cli.command()
@_topology
@_driver
@_project
@_flow
@click.option("--node", "nodes", multiple=True, help="Only this node; may be repeated.")
@click.option("--fault", default="kill", show_default=True, help="What each node suffers.")
@click.option("--jobs", type=click.IntRange(0), default=0, help="Labs at a time; 0: as suits.")
@_seed
@_out
@_json
def audit(
    topology: str,
    driver: str,
    project: str,
    flows: tuple[str, ...],
    nodes: tuple[str, ...],
    fault: str,
    jobs: int,
    seed: int,
    out: Path | None,
    as_json: bool,
) -> int:
    """Break every node of TOPOLOGY in turn, and show for each flow whether it holds.

    TOPOLOGY is a file or the name of a built-in one (see: relaydrill topologies).
    """
    design = inventory.load(topology)
    drills = plan_audit(design, nodes=nodes, flows=flows, kind=fault, seed=seed)
    console = terminal.console(stderr=as_json)
    cancelled = threading.Event()
    with terminal.progress(drills, console) as observe:
        found = run_audit(
            design,
            drills,
            lab_maker(driver, project=project),
            out or _fresh_directory(design, "audit"),
            at_once=jobs or labs_at_once(driver),
            observe=observe,
            cancelled=cancelled,
        )
    if as_json:
        _print_json(found.document())
    else:
        terminal.show_audit(found, console)
    return _EXIT[found.status]


@cli.command()
@_topology
@_driver
@_project
@_flow
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[.PHASE]:NODE[@START][+DURATION]",
    help="What breaks, when, for how long; may be repeated. None: the steady state.",
)
@_seed
@_out
@_json
def drill(
    topology: str,
    driver: str,
    project: str,
    flows: tuple[str, ...],
    faults: tuple[str, ...],
    seed: int,
    out: Path | None,
    as_json: bool,
) -> int:
    """Run one drill on TOPOLOGY and show every check with its evidence."""
    design = inventory.load(topology)
    planned = plan(design, faults=faults, flows=flows, seed=seed)
    directory = out or _fresh_directory(design, "drill")
    console = terminal.console(stderr=as_json)
    lab_directory = directory.with_name(directory.name + ".lab")
    with (
        terminal.progress((planned,), console) as observe,
        lab_maker(driver, project=project)(design, lab_directory) as lab,
    ):
        found = run_drill(lab, planned, directory, observe)
    if as_json:
        _print_json(found.document())
    else:
        terminal.show_drill(found, console)
    return _EXIT[found.status]


@cli.command()
@_topology
@_driver
@_out
def up(topology: str, driver: str, out: Path | None) -> int:
    """Bring TOPOLOGY up as a lab to play with, until Ctrl-C; then account for all mail in it."""
    design = inventory.load(topology)
    directory = out or _fresh_directory(design, "up")
    console = terminal.console()
    with lab_maker(driver)(design, directory) as lab:
        try:
            playground.show_endpoints(lab, console)
            playground.play(lab, console)
        finally:
            playground.show_account(lab, console)
    return 0


@cli.command("plan")
@click.argument("topology", required=False, default="microsoft")
@_json
def plan_command(topology: str, as_json: bool) -> int:
    """What-if arithmetic for the inbound mail of TOPOLOGY, without any lab.

    Shows which server gets what share of the mail, with each server and each site gone, against
    the flows' peak and the servers' capacity. Ends with 1 where something does not hold.
    """
    found = outlooks(inventory.load(topology))
    if as_json:
        click.echo(json.dumps(plan_table.as_json(found), indent=2))
    else:
        plan_table.show_outlooks(found, terminal.console())
    return 0 if all(each.holds for each in found) else _EXIT[Status.FAIL]


@cli.command("policy")
@_topology
@_driver
@_project
@_out
@_json
def policy_command(
    topology: str, driver: str, project: str, out: Path | None, as_json: bool
) -> int:
    """Ask every door of TOPOLOGY who may relay, and what it wants of those who submit.

    Each sender asks each VIP, hub and Edge server, as far as RCPT; no mail is sent. Shows where the
    answer is not what the connectors declare: an open relay, a refusal, a certificate without the
    name.
    """
    design = inventory.load(topology)
    console = terminal.console(stderr=as_json)
    with lab_maker(driver, project=project)(design, out or _fresh_directory(design, "lab")) as lab:
        found = judge_policy(lab)
    if as_json:
        _print_json(found.document())
    else:
        show_policy(found, console)
    return _EXIT[found.status]


@cli.command("judge")
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@_json
def judge_command(run: Path, as_json: bool) -> int:
    """Judge the run directory RUN again, offline, from its journals alone."""
    console = terminal.console(stderr=as_json)
    if is_audit(run):
        matrix = judge_audit(run)
        status, document = matrix.status, matrix.document()
        if not as_json:
            terminal.show_audit(matrix, console)
    else:
        found = judge_run(run)
        status, document = found.status, found.document()
        if not as_json:
            terminal.show_drill(found, console)
    if as_json:
        _print_json(document)
    return _EXIT[status]


@cli.command()
def topologies() -> int:
    """List the built-in topologies."""
    for name, summary in inventory.builtins().items():
        click.echo(f"{name:<16} {summary}")
    return 0


@cli.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "source", default="sharepoint", show_default=True, help="A built-in one.")
def init(file: Path, source: str) -> int:
    """Write a built-in topology to FILE, as a start for your own."""
    text = inventory.builtin_text(source)
    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(text)
    except FileExistsError:
        raise UsageError(f"{file} exists already; name a file that does not") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
    click.echo(f"Wrote {file}. Next: relaydrill audit {file}")
    return 0


@cli.command()
def schema() -> int:
    """Print the JSON Schema of topology files, for editors."""
    _print_json(inventory.schema())
    return 0


@cli.command()
@_topology
@click.option("--subnet", default="10.213.25.0/24", show_default=True, help="Of its network.")
def compose(topology: str, subnet: str) -> int:
    """Print TOPOLOGY as a compose file, for bringing its lab up by hand."""
    design = inventory.load(topology)
    with docker_installed():
        from relaydrill.drivers.docker.compose import compose_file
    mounted = topology not in inventory.builtins()
    source = str(Path(topology).resolve()) if mounted else topology
    click.echo(compose_file(design, source, subnet=subnet, mounted=mounted), nl=False)
    return 0


@cli.group()
def images() -> None:
    """The images of the Docker lab."""


@images.command("build")
@click.argument("names", nargs=-1)
@click.option("--base", default="", help="Start from this image. Default: Debian, pulled or made.")
@click.option("--bootstrap", is_flag=True, help="Make the base with mmdebstrap; ask no registry.")
@click.option("--install", is_flag=True, help="Install mmdebstrap if it is needed (Debian, root).")
@click.option("--force", is_flag=True, help="Build what is up to date, too.")
def images_build(
    names: tuple[str, ...], base: str, bootstrap: bool, install: bool, force: bool
) -> int:
    """Build the images NAMES, default all, as far as they are missing or out of date."""
    with docker_installed():
        from relaydrill.drivers.docker.engine import connect
        from relaydrill.images.build import build
    built = build(
        connect(),
        click.echo,
        names=names,
        base=base,
        bootstrap=bootstrap,
        install=install,
        force=force,
    )
    click.echo(f"Built {len(built)} images." if built else "All images are up to date.")
    return 0


@cli.command()
def clean() -> int:
    """End what a run left behind whose harness was killed; a run that lives is left alone."""
    ended = Registry.default().clean()
    for lab in ended:
        killed = ", ".join(lab.killed) or "no process was left"
        click.echo(f"{lab.lab} in {lab.directory}: {killed}")
    removed = _clean_engine()
    for run in removed:
        containers = ", ".join(run.containers) or "no container was left"
        click.echo(f"{run.lab} in the Docker engine: {containers}")
    if not ended and not removed:
        click.echo("Nothing was left behind.")
    return 0


def _clean_engine() -> list[Removed]:
    """What was removed from the Docker engine; nothing where there is none."""
    try:
        with docker_installed():
            from relaydrill.drivers.docker.engine import connect
            from relaydrill.drivers.docker.leftovers import clean as clean_engine
        engine = connect()
    except RelaydrillError:
        return []
    return clean_engine(engine)


def _fresh_directory(topology: Topology, what: str) -> Path:
    stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
    base = Path("relaydrill-runs")
    wanted = base / f"{stamp}-{topology.name}-{what}"
    number = 2
    while wanted.exists():
        wanted = base / f"{stamp}-{topology.name}-{what}-{number}"
        number += 1
    return wanted


def _print_json(document: dict[str, Any]) -> None:
    click.echo(json.dumps(document, indent=2))


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line, and exit.

    0 pass; 1 a check failed; 2 the input is wrong; 3 unknown: nothing was proven; 4 the harness
    failed; 130 interrupted (by Ctrl-C or SIGTERM), after everything was healed.
    """
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(_run(arguments))


def _run(arguments: list[str] | None) -> int:
    command: Callable[..., Any] = cli.main
    try:
        return int(command(arguments, prog_name="relaydrill", standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("Interrupted; everything was healed and taken down.", err=True)
        return _INTERRUPTED
    except RelaydrillError as error:
        click.echo(f"relaydrill: {error}", err=True)
        return error.exit_status
    except OSError as error:
        click.echo(f"relaydrill: {error}", err=True)
        return _HARNESS_FAILED
