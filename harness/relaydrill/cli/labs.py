"""Commands about what labs are made of, and what they leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relaydrill import topology_files
from relaydrill.cli import options
from relaydrill.cli.options import HARNESS_FAILED
from relaydrill.cli.records import MendedHooks, drop
from relaydrill.drivers.attach.mending import describe_heal, mend
from relaydrill.drivers.docker.installed import docker_installed
from relaydrill.drivers.registry import Registry
from relaydrill.drivers.undo import Left, UndoLog
from relaydrill.errors import RelaydrillError, UsageError
from relaydrill.sentences import number_of

if TYPE_CHECKING:
    from relaydrill.drivers.docker.leftovers import Kept, Removed


@click.command()
@options.topology
@click.option("--subnet", default="10.213.25.0/24", show_default=True, help="The lab's subnet.")
def compose(topology: str, subnet: str) -> int:
    """Print TOPOLOGY as a compose file, for bringing its lab up by hand.

    TOPOLOGY is a file or the name of a built-in one; by default sharepoint.
    """
    design = topology_files.load(topology)
    with docker_installed():
        from relaydrill.drivers.docker.compose import compose_file
    mounted = topology not in topology_files.builtins()
    source = str(Path(topology).resolve()) if mounted else topology
    click.echo(compose_file(design, source, subnet=subnet, mounted=mounted), nl=False)
    return 0


@click.group()
def images() -> None:
    """The images of the Docker lab."""


@images.command("build", short_help="Build images that are missing or out of date.")
@click.argument("names", nargs=-1)
@click.option("--base", default="", help="Base image. Default: Debian, pulled or built.")
@click.option(
    "--bootstrap", is_flag=True, help="Build the base image with mmdebstrap; use no registry."
)
@click.option("--install", is_flag=True, help="Install mmdebstrap if it is needed (Debian, root).")
@click.option("--force", is_flag=True, help="Rebuild images that are up to date, too.")
def images_build(
    names: tuple[str, ...], base: str, bootstrap: bool, install: bool, force: bool
) -> int:
    """Build those of the images NAMES (default: all) that are missing or out of date."""
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
    count = len(built)
    told = f"Built {count} {number_of(count, 'image', 'images')}."
    click.echo(told if built else "All images are up to date.")
    return 0


@images.command("prune", short_help="Remove images of deleted checkouts.")
def images_prune() -> int:
    """Remove the images of deleted checkouts, and those that belong to no checkout.

    Images that this checkout would run are kept, and so are those of others that still exist. Only
    your own checkouts are known.
    """
    with docker_installed():
        from relaydrill.drivers.docker.engine import connect
        from relaydrill.images.claims import Checkouts, prune
    removed = prune(connect(), Checkouts.default(), click.echo)
    for tag in removed:
        click.echo(tag)
    count = len(removed)
    told = f"Removed {count} {number_of(count, 'tag', 'tags')}."
    click.echo(told if removed else "Nothing to remove.")
    return 0


@click.command()
@click.option(
    "--force",
    "forced",
    metavar="RUN",
    multiple=True,
    help="Remove this run's containers even if its harness may live; all: those of every run."
    " Also takes the name of a record, to forget it. May be repeated.",
)
def clean(forced: tuple[str, ...]) -> int:
    """Clean up after killed runs; labs that still run are left alone, and named."""
    registry = Registry.default()
    ended = registry.clean(forced)
    for problem in (strange := registry.strange()):
        click.echo(f"relaydrill: {problem}", err=True)
    for lab in ended:
        killed = ", ".join(lab.killed) or "no process was left"
        click.echo(f"{lab.lab} in {lab.directory}: {killed}")
    for spared in (in_use := registry.spared()):
        remedy = f". To forget it all the same: relaydrill clean --force {spared.note}"
        click.echo(
            f"{spared.lab} in {spared.directory} is left alone: {spared.why}"
            + (remedy if spared.may_be_forgotten else "")
        )
    removed, kept, problem = _clean_engine(forced)
    for run in removed:
        containers = ", ".join(run.containers) or "no container was left"
        click.echo(f"{run.lab} in the Docker engine: {containers}")
    for left in kept:
        count = f"{left.containers} {number_of(left.containers, 'container', 'containers')}"
        click.echo(
            f"{left.lab} in the Docker engine is left alone, {count}: {left.why}. To remove it"
            f" all the same: {left.remedy}"
        )
    if problem:
        click.echo(f"What runs left in the Docker engine is not known: {problem}", err=True)
        return HARNESS_FAILED
    known = {"all", *(run.run for run in removed), *(lab.note for lab in ended)}
    if unknown := sorted({*forced} - known):
        raise UsageError(f"the Docker engine has no run called {', '.join(unknown)}")
    if not ended and not removed and not strange:
        spares = kept or in_use
        click.echo("Nothing else was left behind." if spares else "Nothing was left behind.")
    return UsageError.exit_status if strange else 0


@click.command()
@click.option("--dry-run", is_flag=True, help="Only print what would be done.")
@click.option(
    "--with",
    "mended",
    metavar="FILE",
    default="",
    help="Use the hooks of this topology file instead of the recorded ones.",
)
@click.option(
    "--drop",
    "drops",
    metavar="KIND:NODE",
    multiple=True,
    help="Repair nothing: only forget this record of a node that you know to work. May be"
    " repeated; also takes a record's file name.",
)
@click.option("--yes", is_flag=True, help="With --drop: do not ask whether the node works.")
def heal(dry_run: bool, mended: str, drops: tuple[str, ...], yes: bool) -> int:
    """Repair what a crashed run left broken in a lab that runs already, or that compose brought up.

    How to undo a fault was written to disk before the fault began. Where that fails, the record is
    kept and the exit status is 4, unless HAProxy, Docker or the hook's check says that the node
    works.
    """
    if drops and (mended or dry_run):
        raise UsageError("--drop heals nothing: leave out --with and --dry-run")
    if yes and not drops:
        raise UsageError("--yes is for --drop")
    log = UndoLog.default()
    if drops:
        return drop(log, drops, is_sure=yes)
    left, problems = log.left()
    for problem in problems:
        click.echo(problem, err=True)
    hooks = MendedHooks.of(mended, left) if mended else None
    healed = [_heal_one(log, each, hooks, dry_run=dry_run) for each in left]
    if not left and not problems:
        click.echo("Nothing is left to heal.")
    return HARNESS_FAILED if problems or not all(healed) else 0


def _heal_one(log: UndoLog, left: Left, hooks: MendedHooks | None, *, dry_run: bool) -> bool:
    """Undo one thing, and say so; whether it is as it should be."""
    undo, also_broken_by = hooks.applied_to(left.undo) if hooks else (left.undo, None)
    told = describe_heal(undo)
    if left.is_under_way:
        click.echo(f"{undo}: in use by a run that is still going (process {left.owner})")
        return True
    if dry_run:
        click.echo(f"{undo}: {told}")
        return True
    with log.claim(left) as is_ours:
        if not is_ours:
            return True
        try:
            done = mend(undo, options.ask_at_the_terminal(), also_broken_by=also_broken_by)
        except RelaydrillError as error:
            click.echo(
                f"{undo} IS STILL BROKEN: {error}\n  tried: {told}\n  With a corrected topology"
                " file: relaydrill heal --with FILE; if you know that it works: relaydrill"
                f" heal --drop {undo.label}",
                err=True,
            )
            return False
        log.close(left.path)
    click.echo(f"{undo}: {done}")
    return True


def _clean_engine(forced: tuple[str, ...]) -> tuple[list[Removed], list[Kept], str]:
    """What was removed from the Docker engine, what was left alone, and why nobody knows."""
    try:
        with docker_installed():
            from relaydrill.drivers.docker.engine import connect, is_expected
            from relaydrill.drivers.docker.leftovers import clean as clean_engine
    except RelaydrillError:  # so this installation has never made a container
        return [], [], ""
    try:
        return *clean_engine(connect(), forced), ""
    except RelaydrillError as error:
        return [], [], str(error) if is_expected() else ""
