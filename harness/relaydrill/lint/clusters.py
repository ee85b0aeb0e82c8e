"""Failover clusters: what their machines must not be as well."""

from __future__ import annotations

from collections.abc import Iterator

from relaydrill.lint.rule import Found, Severity, rule
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.organisation import exchange_since


@rule(
    "wnlb-on-failover-cluster",
    Severity.ERROR,
    fact="Windows does not support Network Load Balancing and failover clustering on one host"
    ' (Microsoft knowledge base 223157, "Integrating WLBS and MSCS").',
    remedy="Put a hardware or software balancer before these hubs, or take them out of the"
    " failover cluster.",
)
def wnlb_on_failover_cluster(topology: Topology) -> Iterator[Found]:
    """Hubs that are hosts of both kinds of cluster."""
    for name, balancer in topology.clusters.items():
        for hub in balancer.backends:
            cluster = topology.hubs[hub].failover_cluster
            if cluster:
                text = (
                    f"{hub} is a host of the WNLB cluster {name} and of failover cluster {cluster}"
                )
                yield ("nodes", hub, "failover_cluster"), text


@rule(
    "hub-on-clustered-mailbox",
    Severity.ERROR,
    fact="In Exchange 2007 a machine of a failover cluster that holds a mailbox server can have no"
    " other role (Exchange 2007 documentation on clustered mailbox servers); from"
    " 2010 on members of a database availability group can.",
    remedy="Give the hub role a machine of its own.",
)
def hub_on_clustered_mailbox(topology: Topology) -> Iterator[Found]:
    """Hubs on a machine of the mailbox servers' failover cluster."""
    for hub, settings in topology.hubs.items():
        boxes = [
            name
            for name, box in topology.mailboxes.items()
            if settings.failover_cluster and box.failover_cluster == settings.failover_cluster
        ]
        if boxes and not exchange_since(settings.version, "2010"):
            cluster = settings.failover_cluster
            text = f"{hub} holds the hub role in {cluster}, the failover cluster of {listed(boxes)}"
            yield ("nodes", hub, "failover_cluster"), text


RULES = (wnlb_on_failover_cluster, hub_on_clustered_mailbox)
