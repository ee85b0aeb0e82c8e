"""Records of ``relaydrill heal`` whose own heal does not work: mended, or dropped by a person."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import click

from relaydrill import topology_files
from relaydrill.cli.options import HARNESS_FAILED
from relaydrill.drivers.attach.inventory import inventory_of
from relaydrill.drivers.attach.mending import describe_heal, found_to_be
from relaydrill.drivers.undo import Left, Repair, Undo, UndoLog
from relaydrill.errors import UsageError
from relaydrill.sentences import listed
from relaydrill.topology.attach import Action, AttachedNode, Hook


@dataclass(frozen=True, slots=True)
class MendedHooks:
    """The hooks of an inventory that was mended after a record had been written.

    Attributes:
        lab: Its name.
        nodes: What it says of each node.
        hosts: The hosts of its fence.
        ports: The ports of its fence.
    """

    lab: str
    nodes: Mapping[str, AttachedNode]
    hosts: tuple[str, ...]
    ports: tuple[int, ...]

    @classmethod
    def of(cls, file: str, left: Sequence[Left]) -> Self:
        """Those of a file.

        Raises:
            TopologyError: It is wrong.
            UsageError: No record is of its lab, or it has no hook for one.
        """
        design = topology_files.load(file)
        attach = inventory_of(design)
        found = cls(design.name, attach.nodes, attach.allow.hosts, attach.allow.ports)
        if not any(each.undo.lab == design.name for each in left):
            labs = listed(dict.fromkeys(each.undo.lab for each in left)) or "no lab"
            raise UsageError(f"{file} is the lab {design.name}, but the records are of {labs}")
        for each in left:
            found.applied_to(each.undo)
        return found

    def applied_to(self, undo: Undo) -> tuple[Undo, Action | None]:
        """A record with the heal of this inventory, and what breaks the node by this inventory.

        Raises:
            UsageError: It has no hook for it.
        """
        if undo.lab != self.lab or isinstance(undo.heal, Repair):
            return undo, None
        node = self.nodes.get(undo.node)
        hook: Hook | None = node.hooks.get(undo.fault) if node else None
        if node is None or hook is None:
            raise UsageError(
                f"{self.lab} has no attach.nodes.{undo.node}.hooks.{undo.fault}, which would heal"
                f" {undo.label}"
            )
        mended = replace(
            undo,
            address=node.address,
            heal=hook.heal,
            check=hook.check or undo.check,
            hosts=self.hosts,
            ports=self.ports,
        )
        return mended, hook.inject


def drop(log: UndoLog, names: Sequence[str], *, is_sure: bool) -> int:
    """Forget records of nodes that a person says are whole; what the command ends with.

    Args:
        log: Where the records are.
        names: ``KIND:NODE``, or the name of a record's file.
        is_sure: Whether not to ask.

    Raises:
        UsageError: There is no such record, its run is under way, or nobody is there to ask.
    """
    left, problems = log.left()
    chosen = [_chosen(log, name, left, problems) for name in names]
    if not is_sure and not sys.stdin.isatty():
        raise UsageError("no terminal to ask at; if you know that the node works, add --yes")
    status = 0
    for path, known in dict.fromkeys(pair for pairs in chosen for pair in pairs):
        if is_sure:
            click.echo(known)
        elif not click.confirm(
            f"{known}\nDoes the node work, and may the record be removed?", err=True
        ):
            click.echo("kept")
            status = HARNESS_FAILED
            continue
        log.close(path)
        click.echo(f"{path.name}: dropped")
    return status


def _chosen(
    log: UndoLog, name: str, left: Sequence[Left], problems: Sequence[str]
) -> list[tuple[Path, str]]:
    """The records that a name stands for, each with what is known of it."""
    found = [each for each in left if name in (each.undo.label, each.path.name, each.path.stem)]
    if busy := next((each for each in found if each.is_under_way), None):
        raise UsageError(f"{busy.undo} is in use by process {busy.owner}: end that run first")
    if found:
        return [(each.path, _known_of(each.undo)) for each in found]
    unread = next((each for each in problems if each.startswith(str(log.directory / name))), None)
    if unread:
        return [(log.directory / name, unread)]
    there = listed(dict.fromkeys(each.undo.label for each in left)) or "nothing"
    raise UsageError(f"no record is called {name}; there are: {there}")


def _known_of(undo: Undo) -> str:
    found = found_to_be(undo)
    return f"{undo}: its heal is {describe_heal(undo)}\n  {found.text}"
