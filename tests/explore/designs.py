"""Designs that pass every single fault of their audit, and fail when two or three meet.

Each is as small as it can be, so that a drill of it costs a second of processor time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill import topology_files
from relaydrill.topology import Topology


@dataclass(frozen=True)
class Combination:
    """A defect that needs more than one fault to be seen.

    Attributes:
        name: Of the design.
        why: What happens, in a sentence.
        text: The design, without name and clock.
        kinds: The faults that its author thinks of, all of which it survives alone.
        nodes: What they are done to; empty: everything.
        for_good: Whether they may also stay.
        spares: Those that get no mail as long as nothing is broken.
        breaks: The checks of which one at least fails.
    """

    name: str
    why: str
    text: str
    kinds: tuple[str, ...] = ("kill",)
    nodes: tuple[str, ...] = ()
    for_good: bool = False
    spares: tuple[str, ...] = ()
    breaks: tuple[str, ...] = ("gap", "degraded", "account")

    @property
    def topology(self) -> Topology:
        """The design, read as a file is."""
        text = f"name: {self.name}\nclock: 10\n{self.text}"
        return topology_files.parse(text, f"{self.name}.yaml")


_MX: Final = """\
nodes:
  ht1: {{role: hub}}
  ht2: {{role: hub}}
  mbx: {{role: mailbox, domains: [contoso.com]}}
  ns1: {{role: dns}}
  world: {{role: sender}}
zones:
  contoso.com:
    mx:
      - {{host: a.contoso.com, preference: 10, addresses: [ht1]}}
      - {{host: b.contoso.com, preference: {second}, addresses: [ht2]}}
flows:
  inbound: {{from: world, persona: {persona}, to: contoso.com, rate: 20/s, expect: {{{expect}}}}}
"""

_BALANCED: Final = """\
nodes:
  ht1: {{role: hub}}
  ht2: {{role: hub}}
  lb1:
    role: balancer
    backends: [ht1, ht2]
    vips: {{mail: {{ports: [25]}}}}
    check: {{{check}}}
  mbx: {{role: mailbox, domains: [contoso.com]}}
  app: {{role: sender}}
names: {{mail.contoso.com: mail}}
connectors:
  relay: {{port: 25, remote: [app, 127.0.0.1/32], relay: true}}
flows:
  relay: {{from: app, persona: single_host, to: mail.contoso.com, rate: 20/s, expect: {{{expect}}}}}
accept:
  - {{node: lb1, reason: one balancer until the second is bought}}
"""

_SITES: Final = """\
nodes:
  ht1: {role: hub, site: redmond}
  ht2: {role: hub, site: redmond}
  ht3: {role: hub, site: dublin}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  world: {role: sender}
zones:
  contoso.com:
    mx:
      - {host: a.contoso.com, preference: 10, addresses: [ht1]}
      - {host: b.contoso.com, preference: 10, addresses: [ht2]}
      - {host: c.contoso.com, preference: 10, addresses: [ht3]}
flows:
  inbound: {from: world, persona: rfc5321, to: contoso.com, rate: 20/s, expect: {gap: 10s}}
"""

_SHADOW: Final = """\
nodes:
  ht1: &hub {{role: hub, ack: shadow, shadow: {{heartbeat: 2s, resubmit: 10s}}}}
  ht2: *hub
  ht3: *hub
  mbx: {{role: mailbox, domains: [contoso.com]}}
  ns1: {{role: dns}}
  world: {{role: sender}}
zones:
  contoso.com:
    mx:
      - {{host: a.contoso.com, preference: 10, addresses: [ht1]}}
      - {{host: b.contoso.com, preference: 10, addresses: [ht2]}}
      - {{host: c.contoso.com, preference: 10, addresses: [ht3]}}
flows:
  inbound:
    {{from: world, persona: rfc5321, to: contoso.com, rate: 20/s, expect: {{gap: 15s, {expect}}}}}
"""

_NAMES: Final = """\
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  ns2: {role: dns}
  world: {role: sender, dns: [ns1, ns2]}
zones:
  contoso.com:
    ttl: 5s
    mx:
      - {host: a.contoso.com, preference: 10, addresses: [ht1]}
      - {host: b.contoso.com, preference: 10, addresses: [ht2]}
flows:
  inbound:
    {from: world, persona: rfc5321, to: contoso.com, rate: 20/s, expect: {gap: 15s, degraded: 30s}}
"""

_EDGES: Final = """\
nodes:
  edge1: {role: edge}
  edge2: {role: edge}
  ht1: {role: hub}
  ht2: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  world: {role: sender}
zones:
  contoso.com:
    mx:
      - {host: a.contoso.com, preference: 10, addresses: [edge1]}
      - {host: b.contoso.com, preference: 10, addresses: [edge2]}
flows:
  inbound: {from: world, persona: rfc5321, to: contoso.com, rate: 20/s, expect: {gap: 10s}}
"""

COMBINATIONS: Final = (
    Combination(
        "site-pair",
        "both nodes of a pair are down at once",
        _MX.format(second=10, persona="rfc5321", expect="gap: 10s"),
        nodes=("ht1", "ht2"),
    ),
    Combination(
        "broken-spare",
        "the spare of higher preference puts every recipient off, which nobody sees before it is"
        " needed",
        _MX.format(second=20, persona="rfc5321", expect="gap: 10s"),
        kinds=("kill", "tempfail.rcpt"),
        nodes=("ht1", "ht2"),
        spares=("ht2",),
    ),
    Combination(
        "share-and-kill",
        "a hub puts off a third of its sessions, which its peer makes good until it is killed",
        _MX.format(second=10, persona="rfc5321", expect="gap: 10s"),
        kinds=("kill", "tempfail.rcpt%30"),
        nodes=("ht1", "ht2"),
    ),
    Combination(
        "drain-in-a-site-loss",
        "the last hub is drained while the other site is lost",
        _SITES,
        kinds=("kill", "drain"),
        nodes=("ht1", "ht2", "ht3", "redmond"),
    ),
    Combination(
        "back-to-back",
        "both hubs are out at once: the second is killed with the first, or before checks have"
        " brought that back",
        _BALANCED.format(
            check="kind: smtp, interval: 2s, timeout: 1s, fall: 2, rise: 9",
            expect="gap: 12s, degraded: 15s",
        ),
        nodes=("ht1", "ht2"),
    ),
    Combination(
        "two-half-dead",
        "one hub takes no sender, the other no recipient: both greet, and no mail gets through",
        _MX.format(second=10, persona="rfc5321", expect="gap: 10s"),
        kinds=("backpressure", "directory-down"),
        nodes=("ht1", "ht2"),
    ),
    Combination(
        "shadow-dies-too",
        "mail waits for its mailbox, and its hub is lost for good with the copy's keeper",
        _SHADOW.format(expect="stuck: null"),
        nodes=("ht1", "ht2", "mbx"),
        for_good=True,
        breaks=("account",),
    ),
    Combination(
        "twice-after-takeover",
        "mail waits for its mailbox; its hub falls silent, another stands in for it, and both"
        " deliver",
        _SHADOW.format(expect="duplicated: 3"),
        nodes=("ht1", "mbx"),
        breaks=("account",),
    ),
    Combination(
        "name-servers",
        "one name server is down, and the other fails every question",
        _NAMES,
        kinds=("kill", "servfail"),
        nodes=("ns1", "ns2"),
        spares=("ns2",),
    ),
    Combination(
        "edge-and-edge",
        "one Edge server is under back pressure while the other is down",
        _EDGES,
        kinds=("kill", "backpressure"),
        nodes=("edge1", "edge2"),
    ),
)
"""In no order."""
