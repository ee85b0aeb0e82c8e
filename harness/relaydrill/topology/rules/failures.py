"""Rules of failures: a repair ends before the next one, and a site is one that there is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.marks import Mistake
from relaydrill.scalars import show_duration
from relaydrill.topology.failures import Failure
from relaydrill.topology.hosts import Node
from relaydrill.topology.rules.draft import Draft, Rule, of_each


def repaired_before_the_next(
    draft: Draft, path: tuple[str, ...], failure: Failure
) -> Iterator[Mistake]:
    """What is not repaired before its next failure would be away for good."""
    if failure.repair >= failure.every:
        text = f"the repair takes as long as from one failure to the next ({_told(failure.every)})"
        yield draft.mistake((*path, "repair"), text, "shorter than every")


def _told(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:g}h" if hours >= 1 else show_duration(seconds)


def node_repaired(draft: Draft, name: str, node: Node) -> Iterator[Mistake]:
    """As of anything that fails; a sender that is away sends nothing that could wait."""
    if node.failure:
        yield from repaired_before_the_next(draft, ("nodes", name, "failure"), node.failure)


def site_there(draft: Draft, site: str, _failure: Failure) -> Iterator[Mistake]:
    """What fails as a site is one that some node stands in."""
    draft.ask_for_all("nodes")
    here = ("failures", "sites", site)
    yield from draft.undeclared(here, "site", site, draft.topology.sites)


RULES: Final[tuple[Rule, ...]] = (
    of_each(lambda topology: topology.nodes, node_repaired),
    of_each(
        lambda topology: {
            ("failures", *path): failure for path, failure in topology.failures.declared
        },
        repaired_before_the_next,
    ),
    of_each(lambda topology: topology.failures.sites, site_there),
)
