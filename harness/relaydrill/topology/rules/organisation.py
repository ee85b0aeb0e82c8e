"""Rules of what is said of an organisation: replication and directory name what there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.marks import Mistake
from relaydrill.topology.organisation import WINDOWS, Controller, StorageGroup
from relaydrill.topology.rules.draft import Draft, Rule, of_each, one_of


def source(draft: Draft, group: str, each: StorageGroup) -> Iterator[Mistake]:
    """A mailbox server holds it."""
    here = ("replication", group, "source")
    yield from draft.undeclared(here, "mailbox server", each.source, draft.topology.mailboxes)


def copies(draft: Draft, group: str, each: StorageGroup) -> Iterator[Mistake]:
    """Other mailbox servers keep copies, one each."""
    boxes = draft.topology.mailboxes
    for at, target in enumerate(each.targets):
        here = ("replication", group, "targets", at)
        yield from draft.undeclared(here, "mailbox server", target, boxes)
        if target in boxes and (target == each.source or target in each.targets[:at]):
            text = f"{target!r} holds this storage group already"
            yield draft.mistake(here, text, "every mailbox server once")


def paths(draft: Draft, group: str, each: StorageGroup) -> Iterator[Mistake]:
    """Files lie on servers that hold it."""
    holders = {each.source, *each.targets}
    for name in each.paths:
        if name not in holders:
            text = f"{name!r} is neither its source nor a target"
            yield draft.mistake(("replication", group, "paths", name), text, one_of(holders))


def read_only_since_2008(draft: Draft, name: str, controller: Controller) -> Iterator[Mistake]:
    """Windows had no read-only domain controllers before."""
    if controller.read_only and WINDOWS.index(controller.windows) < WINDOWS.index("2008"):
        here = ("directory", "controllers", name, "read_only")
        text = f"Windows {controller.windows} has no read-only domain controllers"
        yield draft.mistake(here, text, "windows: 2008 or later")


def update_service(draft: Draft) -> Iterator[Mistake]:
    """The Recipient Update Service writes to a domain controller."""
    directory = draft.topology.directory
    if directory and directory.rus is not None:
        here = ("directory", "rus")
        known = directory.controllers
        yield from draft.undeclared(here, "domain controller", directory.rus, known)


RULES: Final[tuple[Rule, ...]] = (
    of_each(lambda topology: topology.replication, source, copies, paths),
    of_each(
        lambda topology: topology.directory.controllers if topology.directory else {},
        read_only_since_2008,
    ),
    update_service,
)
