"""Standby continuous replication (SCR): what may be a source, and what a target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.lint.rule import COLUMN, Found, Severity, rule
from relaydrill.sentences import listed
from relaydrill.topology import Mailbox, Topology

_MOST_TARGETS: Final = 4
_SCR: Final = 'Exchange 2007 SP1 documentation, "Standby Continuous Replication"'
_TARGETS: Final = (
    "A target of SCR is a standalone mailbox server without LCR on any storage group, or a passive"
    f" node with the mailbox role in a failover cluster, and never a clustered mailbox server"
    f" ({COLUMN})."
)


def _targets(topology: Topology) -> Iterator[tuple[str, int, str, Mailbox]]:
    """Every target: its storage group, its place in the list, its name, and the server."""
    for group, each in topology.replication.items():
        for at, name in enumerate(each.targets):
            yield group, at, name, topology.mailboxes[name]


@rule(
    "scr-source-version",
    Severity.ERROR,
    fact=f"SCR came with Exchange 2007 SP1; no source is older ({_SCR}).",
    remedy="Bring the source to Service Pack 1 first.",
)
def scr_source_version(topology: Topology) -> Iterator[Found]:
    """Sources that know nothing of SCR."""
    for group, each in topology.replication.items():
        version = topology.mailboxes[each.source].version
        if version in ("2003", "2003 SP2", "2007"):
            text = f"{each.source}, the source of {group}, is an Exchange {version}"
            yield ("replication", group, "source"), text


@rule(
    "scr-target-clustered",
    Severity.ERROR,
    fact=_TARGETS,
    remedy="Replicate to a standalone mailbox server, or to a passive node of another cluster.",
)
def scr_target_clustered(topology: Topology) -> Iterator[Found]:
    """Targets that are clustered mailbox servers."""
    for group, at, name, box in _targets(topology):
        if box.clustered:
            text = f"{name}, a target of {group}, is a clustered mailbox server"
            yield ("replication", group, "targets", at), text


@rule(
    "scr-target-lcr",
    Severity.ERROR,
    fact=_TARGETS,
    remedy="Turn LCR off on every storage group of the target.",
)
def scr_target_lcr(topology: Topology) -> Iterator[Found]:
    """Targets with local continuous replication."""
    for group, at, name, box in _targets(topology):
        if box.lcr:
            text = f"{name}, a target of {group}, has local continuous replication of its own"
            yield ("replication", group, "targets", at), text


@rule(
    "scr-target-cluster",
    Severity.ERROR,
    fact="A passive node is a target of SCR only in a failover cluster that holds no clustered"
    f" mailbox server ({_SCR}).",
    remedy="Move the clustered mailbox server, or replicate to another cluster.",
)
def scr_target_cluster(topology: Topology) -> Iterator[Found]:
    """Passive nodes beside a clustered mailbox server."""
    for group, at, name, box in _targets(topology):
        if box.failover_cluster is None or box.clustered:
            continue
        beside = [
            other
            for other, each in topology.mailboxes.items()
            if each.clustered and each.failover_cluster == box.failover_cluster
        ]
        if beside:
            text = f"{name}, a target of {group}, stands in {box.failover_cluster}, which holds"
            where = ("replication", group, "targets", at)
            yield where, f"{text} the clustered mailbox server {listed(beside)}"


@rule(
    "scr-paths",
    Severity.ERROR,
    fact=f"A storage group's files lie under the same paths on the source and on every target"
    f" ({_SCR}).",
    remedy="Use the source's path on the target.",
)
def scr_paths(topology: Topology) -> Iterator[Found]:
    """Targets whose files lie elsewhere than the source's."""
    for group, each in topology.replication.items():
        source = each.paths.get(each.source)
        for name, path in each.paths.items() if source is not None else ():
            if _plain(path) != _plain(str(source)):
                text = f"{group} lies in {path} on {name}, and in {source} on {each.source}"
                yield ("replication", group, "paths", name), text


def _plain(path: str) -> str:
    """A Windows path as Windows compares it."""
    return path.replace("/", "\\").rstrip("\\").lower()


@rule(
    "scr-many-targets",
    Severity.WARNING,
    fact=f"More than four targets of one source are advised against ({_SCR}).",
    remedy="Keep four targets at most.",
)
def scr_many_targets(topology: Topology) -> Iterator[Found]:
    """Storage groups with too many copies."""
    for group, each in topology.replication.items():
        if len(each.targets) > _MOST_TARGETS:
            text = f"{group} goes from {each.source} to {len(each.targets)} targets"
            yield ("replication", group, "targets"), text


RULES = (
    *(scr_source_version, scr_target_clustered, scr_target_lcr),
    *(scr_target_cluster, scr_paths, scr_many_targets),
)
