"""A WNLB cluster, a mode of the balancer: its timers, its hosts and its port rules. Pure data.

Windows Network Load Balancing has no machine of its own. Every host sees every packet that is sent
to a VIP and keeps its share of them; who is there is settled by heartbeats among the hosts.
"""

from __future__ import annotations

from typing import Final

from pydantic import Field

from relaydrill.model import Model
from relaydrill.node_settings import ClusterTiming, PortRuleSettings
from relaydrill.scalars import Name, Port

ALL: Final = "all"
"""What a port rule names in place of one VIP."""

MOST_HOSTS: Final = 32
"""Of one cluster, and the highest priority (Microsoft: "up to 32")."""

_WEIGHT: Final = 50


class WnlbHost(Model):
    """What one host of a cluster is set to.

    Attributes:
        priority: Unique; the live host with the lowest takes what no port rule covers. By default
            the hosts have theirs in the order of the balancer's backends.
        weight: Its load weight in rules that name none.
    """

    priority: int | None = Field(default=None, ge=1, le=MOST_HOSTS)
    weight: int = Field(default=_WEIGHT, ge=0, le=100)


class PortRule(PortRuleSettings):
    """Who among the live hosts serves which connections.

    Attributes:
        vip: One VIP, or ``all``.
        ports: By default all ports of it.
        weights: By host, for ``multiple``.
        priorities: By host, for ``single``.
    """

    vip: Name = ALL
    ports: tuple[Port, ...] | None = Field(default=None, min_length=1)
    weights: dict[Name, int] = Field(default_factory=dict)
    priorities: dict[Name, int] = Field(default_factory=dict)


class Cluster(ClusterTiming):
    """The settings that all hosts of a cluster share.

    Attributes:
        hosts: Settings of single ones.
        rules: Port rules; what none covers goes to one host.
    """

    hosts: dict[Name, WnlbHost] = Field(default_factory=dict)
    rules: tuple[PortRule, ...] = (PortRule(),)

    @property
    def detection_s(self) -> float:
        """Longest field time from a host's death until the others share without it."""
        return self.patience + self.convergence

    @property
    def recovery_s(self) -> float:
        """Longest field time from a host's return until it has its share again."""
        return self.heartbeat + self.convergence

    def priorities(self, backends: tuple[str, ...]) -> dict[str, int]:
        """The host priorities: those that are set, and the lowest that are free."""
        told = {name: host.priority for name, host in self.hosts.items() if host.priority}
        free = iter(sorted(set(range(1, MOST_HOSTS + 1)) - set(told.values())))
        return {name: told.get(name) or next(free, MOST_HOSTS) for name in backends}

    def weights(self, rule: PortRule, backends: tuple[str, ...]) -> dict[str, int]:
        """The load weights under a rule."""
        usual = {name: self.hosts.get(name, WnlbHost()).weight for name in backends}
        return {name: rule.weights.get(name, usual[name]) for name in backends}

    def rule_for(self, vip: str, port: int) -> PortRule | None:
        """The rule that covers a port of a VIP."""
        for rule in self.rules:
            if rule.vip in (ALL, vip) and (rule.ports is None or port in rule.ports):
                return rule
        return None
