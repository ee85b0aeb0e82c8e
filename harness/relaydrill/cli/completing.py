"""What a shell may complete: topologies, nodes, flows and faults; and what sets it up."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click
from click.shell_completion import CompletionItem, get_completion_class

from relaydrill import topology_files
from relaydrill.drills.sequences import builtins as built_in_sequences
from relaydrill.errors import RelaydrillError
from relaydrill.faults import kinds as kinds_of_faults
from relaydrill.faults.aiming import why_not
from relaydrill.faults.reach import phases_of
from relaydrill.topology import Topology
from relaydrill.topology.units import units_of

_VARIABLE: Final = "_RELAYDRILL_COMPLETE"
_SHELLS: Final = ("bash", "zsh", "fish")
_WHOLE_FAULTS: Final = 'COMP_WORDBREAKS="${COMP_WORDBREAKS//:/}"\n'
"""Bash ends a word at a colon, and would complete ``kill:ht1`` as if ``kill`` were done."""


def topologies(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The built-in topologies, and files: the shell looks for these itself."""
    names = [
        CompletionItem(name, help=summary)
        for name, summary in topology_files.builtins().items()
        if name.startswith(incomplete)
    ]
    return names or [CompletionItem(incomplete, type="file")]


def units(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """What an audit breaks as one: nodes, MX hosts and sites."""
    design = _design(context)
    return _beginning(incomplete, (unit.name for unit in units_of(design)) if design else ())


def flows(
    context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The flows of the topology."""
    design = _design(context)
    return _beginning(incomplete, design.flows if design else ())


def kinds(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Every fault, with its phases once a point stands there."""
    return _beginning(incomplete, _kinds(incomplete))


def faults(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """``KIND:NODE``: first the kind, then the nodes that it can be done to."""
    kind, colon, _ = incomplete.partition(":")
    if not colon:
        return kinds(context, parameter, incomplete)
    design = _design(context)
    if design is None or not _is_known(kind):
        return []
    try:
        able = [name for name in design.tier if not why_not(design, kind, name)]
    except RelaydrillError:  # of a package that cannot be loaded
        return []
    return _beginning(incomplete, (f"{kind}:{name}" for name in (*able, *design.sites)))


def sequences(
    _context: click.Context, _parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The built-in sequences, and files."""
    found = [
        CompletionItem(each.name, help=each.summary)
        for each in built_in_sequences()
        if each.name.startswith(incomplete)
    ]
    return found or [CompletionItem(incomplete, type="file")]


@click.command(short_help="Print what makes a shell complete commands.")
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    """Print a script that makes a shell complete commands, options, topologies, nodes and faults.

    \b
    bash:  eval "$(relaydrill completion bash)"   in ~/.bashrc
    zsh:   eval "$(relaydrill completion zsh)"    in ~/.zshrc, after compinit
    fish:  relaydrill completion fish | source    in ~/.config/fish/config.fish
    """  # noqa: D301 (click takes the character itself)
    kind = get_completion_class(shell)
    assert kind is not None, shell
    script = kind(context.find_root().command, {}, "relaydrill", _VARIABLE).source()
    click.echo((_WHOLE_FAULTS if shell == "bash" else "") + script, nl=False)
    return 0


def _kinds(incomplete: str) -> Iterable[str]:
    with contextlib.suppress(RelaydrillError):  # a package that cannot be loaded completes nothing
        for kind in kinds_of_faults():
            yield kind
            if incomplete.startswith(f"{kind}."):
                yield from (f"{kind}.{phase}" for phase in phases_of(kind))


def _is_known(kind: str) -> bool:
    known, _, _ = kind.partition("%")
    return known in {*_kinds(known)}


def _beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _design(context: click.Context) -> Topology | None:
    """The topology of the command line so far; None where it cannot be read."""
    # An option whose value is still to come ends click's parsing: what stands before it is left.
    named = next(iter(context.args), None)
    named = named or context.params.get("topology") or context.params.get("base")
    try:
        return topology_files.load(named) if isinstance(named, str | Path) else None
    except RelaydrillError:
        return None
