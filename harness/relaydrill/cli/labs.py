"""Commands about what labs are made of, and what they leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from relaydrill import inventory
from relaydrill.cli import options
from relaydrill.cli.options import HARNESS_FAILED
from relaydrill.drivers.attach.actions import Actions, describe
from relaydrill.drivers.docker.installed import docker_installed
from relaydrill.drivers.registry import Registry
from relaydrill.drivers.undo import Left, UndoLog
from relaydrill.errors import RelaydrillError
from relaydrill.sentences import number_of

if TYPE_CHECKING:
    from relaydrill.drivers.docker.leftovers import Removed


@click.command()
@options.topology
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


@click.group()
def images() -> None:
    """The images of the Docker lab."""


@images.command("build", short_help="Build those that are missing or out of date.")
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
    count = len(built)
    told = f"Built {count} {number_of(count, 'image', 'images')}."
    click.echo(told if built else "All images are up to date.")
    return 0


@images.command("prune", short_help="Take away those of checkouts that are gone.")
def images_prune() -> int:
    """Take away the images of checkouts that are gone, and those that nobody claims.

    What this installation would run stays, and so does what another one, that is still there, has
    built. Where checkouts lie is known of the user's own.
    """
    with docker_installed():
        from relaydrill.drivers.docker.engine import connect
        from relaydrill.images.claims import Checkouts, prune
    removed = prune(connect(), Checkouts.default(), click.echo)
    for tag in removed:
        click.echo(tag)
    count = len(removed)
    told = f"Removed {count} {number_of(count, 'tag', 'tags')}."
    click.echo(told if removed else "Nothing is to be removed.")
    return 0


@click.command()
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


@click.command()
@click.option("--dry-run", is_flag=True, help="Print what would be done, and do nothing.")
def heal(dry_run: bool) -> int:
    """Undo what a crashed run left broken on a lab that runs already.

    Each fault's heal was on disk before the fault was injected. One that fails keeps its record,
    and the command ends with 4.
    """
    log = UndoLog.default()
    left, problems = log.left()
    for problem in problems:
        click.echo(problem, err=True)
    healed = [_heal_one(log, each, dry_run=dry_run) for each in left]
    if not left and not problems:
        click.echo("Nothing is left to heal.")
    return HARNESS_FAILED if problems or not all(healed) else 0


def _heal_one(log: UndoLog, left: Left, *, dry_run: bool) -> bool:
    """Undo one thing, and say so; whether it is as it should be."""
    undo = left.undo
    told = describe(undo.heal, node=undo.node, address=undo.address, fault=undo.fault)
    if left.is_under_way:
        click.echo(f"{undo}: left to the run that is under way (process {left.owner})")
        return True
    if dry_run:
        click.echo(f"{undo}: {told}")
        return True
    with log.claim(left) as is_ours:
        if not is_ours:
            return True
        try:
            Actions(options.ask_at_the_terminal()).do(
                undo.heal, node=undo.node, address=undo.address, fault=undo.fault
            )
        except RelaydrillError as error:
            click.echo(f"{undo} IS STILL BROKEN: {error}\n  tried: {told}", err=True)
            return False
        log.close(left.path)
    click.echo(f"{undo}: healed ({told})")
    return True


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
