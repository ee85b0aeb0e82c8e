"""The declared design of a mail tier: pure data, frozen, no I/O.

Models say what fields there are; `relaydrill.topology.rules` says what must hold between them.

Every duration in a topology is *field time*: what the timer would be on the real system. A lab
divides it by ``clock``. Rates are not timers: 50/s is fifty attempts in each second of the wall
clock, whatever the clock.
"""

from __future__ import annotations

from relaydrill.node_settings import BALANCER_CONNECT_S, Filters, HealthCheck
from relaydrill.topology.attach import Attach
from relaydrill.topology.cluster import ALL, Cluster, PortRule, WnlbHost
from relaydrill.topology.design import Topology
from relaydrill.topology.failures import YEAR_S, Failure, Failures
from relaydrill.topology.hosts import (
    Balancer,
    Dns,
    Edge,
    Hub,
    Mailbox,
    Node,
    Role,
    Sender,
    Standby,
    Vip,
    Vrrp,
)
from relaydrill.topology.organisation import Controller, Directory, StorageGroup
from relaydrill.topology.suppression import Suppression
from relaydrill.topology.traffic import BY_MX, Acceptance, Connector, Expect, Flow, Mix
from relaydrill.topology.zone import NOWHERE, NULL_MX, Mx, Zone

__all__ = [
    "ALL",
    "BALANCER_CONNECT_S",
    "BY_MX",
    "NOWHERE",
    "NULL_MX",
    "YEAR_S",
    "Acceptance",
    "Attach",
    "Balancer",
    "Cluster",
    "Connector",
    "Controller",
    "Directory",
    "Dns",
    "Edge",
    "Expect",
    "Failure",
    "Failures",
    "Filters",
    "Flow",
    "HealthCheck",
    "Hub",
    "Mailbox",
    "Mix",
    "Mx",
    "Node",
    "PortRule",
    "Role",
    "Sender",
    "Standby",
    "StorageGroup",
    "Suppression",
    "Topology",
    "Vip",
    "Vrrp",
    "WnlbHost",
    "Zone",
]
