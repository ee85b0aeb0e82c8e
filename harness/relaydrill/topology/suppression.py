"""Findings of `relaydrill.lint` that a topology's author has looked at. Pure data."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from relaydrill.model import Model

RuleId = Literal[
    "balanced-2007-rtm",
    "balanced-hub-to-hub",
    "balanced-mailbox-to-hub",
    "port-rule-all",
    "vip-lacks-port",
    "lone-balancer",
    "blind-check",
    "no-check",
    "slow-check",
    "wnlb-on-failover-cluster",
    "hub-on-clustered-mailbox",
    "default-connector-on-vip",
    "open-relay",
    "snat-open-relay",
    "snat-hides-clients",
    "snat-shared-cap",
    "overlapping-ranges",
    "one-mx",
    "one-address-behind-mx",
    "mx-shared-address",
    "mx-unequal",
    "spread-unreached",
    "zone-in-one-site",
    "one-name-server",
    "null-mx-with-mail",
    "null-mx-not-alone",
    "mx-is-alias",
    "mx-is-address",
    "mx-without-address",
    "alias-leads-nowhere",
    "ttl-longer-than-gap",
    "certificate-lacks-name",
    "capacity",
    "capacity-node-lost",
    "capacity-site-lost",
    "source-rate",
    "source-rate-node-lost",
    "greylist-no-retry",
    "greylist-per-server",
    "scr-source-version",
    "scr-target-clustered",
    "scr-target-lcr",
    "scr-target-cluster",
    "scr-paths",
    "scr-many-targets",
    "exchange-2003-sp2",
    "rus-read-only",
]
"""Every rule that can be suppressed. `relaydrill.lint` says what each is about."""


class Suppression(Model):
    """A finding that is known, and why it stands.

    Attributes:
        rule: Which rule found it.
        at: Where: a path of keys, and all below it (``nodes.lb1``); by default everywhere.
        reason: Shown with the finding, which then fails nothing.
    """

    rule: RuleId
    at: str | None = Field(default=None, min_length=1)
    reason: str = Field(min_length=10)
