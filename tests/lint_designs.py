"""Small designs for the linter: for each rule one that breaks it, and the same one mended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from relaydrill import topology_files
from relaydrill.topology import Topology

BASES: Final = {
    # Two balancers, each with a VIP, behind one name; hubs that know who may relay.
    "balanced": """
name: balanced
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  lb1:
    {role: balancer, backends: [ht1, ht2], vips: {mail-a: {ports: [25, 587]}}, check: {kind: mail}}
  lb2:
    {role: balancer, backends: [ht1, ht2], vips: {mail-b: {ports: [25, 587]}}, check: {kind: mail}}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
names: {mail.contoso.com: [mail-a, mail-b]}
connectors:
  relay: {port: 25, remote: [app], relay: true}
  client: {port: 587, tls: required, auth: required}
flows: {relay: {from: app, persona: rfc5321, to: mail.contoso.com, rate: 10/s}}
expect: {gap: 15s}
""",
    # Two MX hosts, two addresses behind each, in two sites; two name servers; a hub in each site.
    "inbound": """
name: inbound
nodes:
  edge1: {role: edge, site: redmond}
  edge2: {role: edge, site: redmond}
  edge3: {role: edge, site: dublin}
  edge4: {role: edge, site: dublin}
  ht1: {role: hub, site: redmond}
  ht2: {role: hub, site: dublin}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  ns2: {role: dns}
  world: {role: sender}
zones:
  contoso.com:
    mx:
    - {host: maila.contoso.com, addresses: [edge1, edge3]}
    - {host: mailb.contoso.com, addresses: [edge2, edge4]}
flows:
  inbound:
    from: world
    persona: rfc5321
    to: contoso.com
    rate: 40/s
    expect: {spread: [edge1, edge2, edge3, edge4]}
""",
    # Mailbox servers and what replicates between them; domain controllers.
    "boxes": """
name: boxes
nodes:
  ht1: {role: hub}
  mbx1: {role: mailbox, domains: [contoso.com], version: 2007 SP1}
  mbx2: {role: mailbox, domains: [contoso.com], version: 2007 SP1}
  mbx3: {role: mailbox, domains: [contoso.com], version: 2007 SP1}
replication:
  sg1: {source: mbx1, targets: [mbx2], paths: {mbx1: 'D:\\SG1', mbx2: 'd:\\sg1\\'}}
directory:
  controllers: {dc1: {windows: 2008}, dc2: {windows: 2008, read_only: true}}
  rus: dc1
""",
}
"""Designs in which nothing is found."""

_TWO_HOSTS: Final = (
    "{host: maila.contoso.com, addresses: [edge1, edge3]},"
    " {host: mailb.contoso.com, addresses: [edge2, edge4]}"
)
"""The MX records of a zone as it should be."""


WNLB: Final = "mode: wnlb, check: {kind: none}, cluster: {rules: [{vip: mail-a}]}"
_THREE: Final = "flows: {inbound: {expect: {spread: [edge1, edge2, edge3]}}}"
_BLIND_BY_NATURE: Final = """
lint: [{rule: blind-check, reason: WNLB looks at no service}]
"""


@dataclass(frozen=True, slots=True)
class Design:
    """A design that breaks one rule.

    Attributes:
        base: What it builds on.
        broken: What is changed there.
        at: Where the finding is.
        says: Words of its summary.
        mended: What is changed again, so that nothing is found.
        forgives: Suppressions, for what comes with the change and is not its point.
    """

    base: str
    broken: str
    at: str
    says: str
    mended: str
    forgives: str = ""

    def topology(self, folder: Path, *, mended: bool = False) -> Topology:
        """The design, or its mended twin, read from files in a folder."""
        (folder / "base.yaml").write_text(BASES[self.base])
        broken = f"extends: ./base.yaml\n{self.broken}\n{self.forgives}"
        (folder / "broken.yaml").write_text(broken)
        (folder / "mended.yaml").write_text(f"extends: ./broken.yaml\n{self.mended}\n")
        return topology_files.load(folder / ("mended.yaml" if mended else "broken.yaml"))


DESIGNS: Final = {
    "balanced-2007-rtm": Design(
        "balanced",
        "nodes: {ht2: {version: 2007}, ht1: {version: 2007 SP1}}",
        "nodes.ht2.version",
        "ht2 is an Exchange 2007 without Service Pack 1, and stands behind lb1",
        "nodes: {ht2: {version: 2007 SP1}}",
    ),
    "balanced-hub-to-hub": Design(
        "balanced",
        "nodes: {app: {stands_for: hub}}",
        "flows.relay.to",
        "the hub app sends flow relay through mail-a, a VIP of lb1",
        "names: {hubs.contoso.com: [ht1, ht2]}\n"
        "flows: {relay: {to: hubs.contoso.com, persona: rotated_list}}",
    ),
    "balanced-mailbox-to-hub": Design(
        "balanced",
        "nodes: {app: {stands_for: mailbox}}",
        "flows.relay.to",
        "the mailbox server app sends flow relay through mail-b",
        "nodes: {app: {stands_for: client}}",
    ),
    "port-rule-all": Design(
        "balanced",
        f"nodes: {{lb1: {{{WNLB.replace('mail-a', 'all')}}}}}",
        "nodes.lb1.cluster.rules[0]",
        "rule 1 of lb1 is bound to all addresses, and not to mail-a",
        "nodes: {lb1: {cluster: {rules: [{vip: mail-a}]}}}",
        _BLIND_BY_NATURE,
    ),
    "vip-lacks-port": Design(
        "balanced",
        "nodes: {lb2: {vips: {mail-b: {ports: [587]}}}}",
        "nodes.lb2.vips.mail-b.ports",
        "flow relay needs port 25, and mail-b of lb2 serves 587",
        "nodes: {lb2: {vips: {mail-b: {ports: [587, 25]}}}}",
    ),
    "lone-balancer": Design(
        "balanced",
        "names: {mail.contoso.com: mail-a, other.contoso.com: [mail-a, mail-b]}",
        "nodes.lb1",
        "lb1 stands alone before ht1 and ht2; with it mail-a is gone",
        "names: {mail.contoso.com: [mail-a, mail-b]}",
    ),
    "blind-check": Design(
        "balanced",
        "nodes: {lb2: {check: {kind: smtp}}}",
        "nodes.lb2.check.kind",
        "lb2 checks by smtp, which cannot see a hub's back pressure",
        "nodes: {lb2: {check: {kind: mail}}}",
    ),
    "slow-check": Design(
        "balanced",
        "flows: {relay: {expect: {gap: 11s}}}",
        "nodes.lb2.check",
        "lb2 may take 12 s to notice a dead hub, and flow relay may fail for 11 s",
        "nodes: {lb1: {check: {interval: 1s}}, lb2: {check: {fall: 2}}}",
    ),
    "no-check": Design(
        "balanced",
        "nodes: {lb2: {check: {kind: none}}}",
        "nodes.lb2.check",
        "lb2 never checks whether ht1 and ht2 can take mail",
        "nodes: {lb2: {check: {kind: mail}}}",
    ),
    "wnlb-on-failover-cluster": Design(
        "balanced",
        f"nodes: {{lb1: {{{WNLB}}}, ht1: {{failover_cluster: c1}}}}",
        "nodes.ht1.failover_cluster",
        "ht1 is a host of the WNLB cluster lb1 and of failover cluster c1",
        "nodes: {ht1: {failover_cluster: null}}",
        _BLIND_BY_NATURE,
    ),
    "hub-on-clustered-mailbox": Design(
        "boxes",
        "nodes: {ht1: {failover_cluster: c1}, mbx1: {failover_cluster: c1, clustered: true}}",
        "nodes.ht1.failover_cluster",
        "ht1 holds the hub role in c1, the failover cluster of mbx1",
        "nodes: {ht1: {version: 2010}}",
    ),
    "default-connector-on-vip": Design(
        "balanced",
        "connectors: {relay: null, client: null}",
        "nodes.lb1.vips.mail-a",
        "mail-a of lb1 leads port 25 to the Default connector of ht1 and ht2",
        "connectors: {relay: {port: 25, remote: [app], relay: true}}",
    ),
    "open-relay": Design(
        "balanced",
        "connectors: {relay: {remote: [0.0.0.0/1, 128.0.0.0-255.255.255.255]}}",
        "connectors.relay.remote",
        "relay lets everybody relay to any domain on port 25",
        "connectors: {relay: {remote: [0.0.0.0/1]}}",
    ),
    "snat-open-relay": Design(
        "balanced",
        "nodes: {lb1: {source: snat}}\nconnectors: {relay: {remote: [app, lb1]}}",
        "connectors.relay.remote[1]",
        "lb1 shows its own address in place of the clients', and relay lets lb1 relay",
        "nodes: {lb1: {source: proxy}}",
    ),
    "snat-hides-clients": Design(
        "balanced",
        "nodes: {lb1: {source: snat}}",
        "nodes.lb1.source",
        "relay lets app relay by address, and behind lb1 the hubs see the balancer's",
        "nodes: {lb1: {source: proxy}}",
    ),
    "snat-shared-cap": Design(
        "balanced",
        "nodes: {lb1: {source: snat}}\n"
        "connectors: {relay: null, client: {per_source: 20}, in: {port: 25}}",
        "connectors.client.per_source",
        "all clients behind lb1 share the 20 sessions that client allows one source",
        "nodes: {lb1: {source: proxy}}",
    ),
    "source-rate": Design(
        "balanced",
        "connectors: {relay: {rate_limit: {messages: 50}}}\nflows: {relay: {peak: 2/s}}",
        "connectors.relay.rate_limit.messages",
        "with nothing lost ht1 gets 60 messages in 60 s from app at the peak, and relay takes 50",
        "connectors: {relay: {rate_limit: {messages: 120}}}",
    ),
    "source-rate-node-lost": Design(
        "balanced",
        "connectors: {relay: {rate_limit: {messages: 80}}}\nflows: {relay: {peak: 2/s}}",
        "connectors.relay.rate_limit.messages",
        "with ht1 lost ht2 gets 120 messages in 60 s from app at the peak, and relay takes 80",
        "connectors: {relay: {rate_limit: {messages: 120}}}",
    ),
    "greylist-no-retry": Design(
        "balanced",
        "connectors: {relay: {greylist: {delay: 10s}}}",
        "flows.relay",
        "app does not try again, and relay of ht1 and ht2 puts its mail off at first",
        "flows: {relay: {retry: 5min}}",
    ),
    "greylist-per-server": Design(
        "balanced",
        "connectors: {relay: {greylist: {delay: 1min}}}\nflows: {relay: {retry: 5min}}",
        "flows.relay",
        "after a failover mail of relay may wait 60 s",
        "connectors: {relay: {greylist: {delay: 10s}}}",
    ),
    "overlapping-ranges": Design(
        "balanced",
        "connectors: {relay: {remote: [app, 10.0.0.1-10.0.0.20]},"
        " more: {port: 25, remote: [10.0.0.10-10.0.0.30]}}",
        "connectors.more.remote[0]",
        "10.0.0.10-10.0.0.30 of more and 10.0.0.1-10.0.0.20 of relay overlap on port 25 of ht1",
        "connectors: {more: {remote: [10.0.0.0/24]}}",
    ),
    "one-mx": Design(
        "inbound",
        "zones: {contoso.com: {mx: [{host: maila.contoso.com,"
        " addresses: [edge1, edge2, edge3, edge4]}]}}",
        "zones.contoso.com.mx",
        "contoso.com has one MX, maila.contoso.com",
        "zones: {contoso.com: {mx: [{host: maila.contoso.com, addresses: [edge1, edge3]},"
        " {host: mailb.contoso.com, addresses: [edge2, edge4]}]}}",
    ),
    "one-address-behind-mx": Design(
        "inbound",
        "zones: {contoso.com: {mx: [{host: maila.contoso.com, addresses: [edge1, edge3]},"
        " {host: mailb.contoso.com, addresses: [edge2, nowhere]}]}}\n" + _THREE,
        "zones.contoso.com.mx[1].addresses",
        "behind mailb.contoso.com is edge2 alone",
        "zones: {contoso.com: {mx: [{host: maila.contoso.com, addresses: [edge1, edge3]},"
        " {host: mailb.contoso.com, addresses: [edge2, edge4]}]}}",
    ),
    "mx-shared-address": Design(
        "inbound",
        "zones: {contoso.com: {mx: [{host: maila.contoso.com, addresses: [edge1, edge3]},"
        " {host: mailb.contoso.com, addresses: [edge2, edge3]}]}}\n" + _THREE,
        "zones.contoso.com.mx[1].addresses",
        "mailb.contoso.com leads to edge3, and so does maila.contoso.com",
        "zones: {contoso.com: {mx: [{host: maila.contoso.com, addresses: [edge1, edge3]},"
        " {host: mailb.contoso.com, addresses: [edge2, edge4]}]}}",
    ),
    "mx-unequal": Design(
        "inbound",
        "zones: {contoso.com: {mx: [{host: maila.contoso.com, addresses: [edge1, edge3]},"
        " {host: mailb.contoso.com, preference: 20, addresses: [edge2, edge4]}]}}",
        "flows.inbound.expect.spread",
        "flow inbound is to spread over edge2 and edge4, which are no first choice for contoso.com",
        "flows: {inbound: {expect: {spread: [edge1, edge3]}}}",
    ),
    "spread-unreached": Design(
        "inbound",
        "flows: {inbound: {expect: {spread: [edge1, edge2, edge3, edge4, ht1]}}}",
        "flows.inbound.expect.spread",
        "flow inbound is to spread over ht1, where contoso.com does not lead",
        "flows: {inbound: {expect: {spread: [edge1, edge2, edge3, edge4]}}}",
    ),
    "zone-in-one-site": Design(
        "inbound",
        "nodes: {edge3: {site: redmond}, edge4: {site: redmond}}",
        "zones.contoso.com.mx",
        "all servers of contoso.com stand in redmond",
        "nodes: {edge4: {site: dublin}}",
    ),
    "one-name-server": Design(
        "inbound",
        "nodes: {ns2: null}",
        "nodes.ns1",
        "ns1 is the only name server",
        "nodes: {ns3: {role: dns}}",
    ),
    "null-mx-with-mail": Design(
        "inbound",
        "zones: {fabrikam.com: {mx: [{host: ., preference: 0}]}}\n"
        "flows: {out: {from: world, persona: rfc5321, to: fabrikam.com}}",
        "flows.out.to",
        "flow out goes to fabrikam.com, which has a null MX",
        "flows: {out: {to: contoso.com}}",
    ),
    "null-mx-not-alone": Design(
        "inbound",
        f"zones: {{contoso.com: {{mx: [{_TWO_HOSTS}, {{host: ., preference: 0}}]}}}}",
        "zones.contoso.com.mx[2]",
        "contoso.com has a null MX, and maila.contoso.com and mailb.contoso.com beside it",
        f"zones: {{contoso.com: {{mx: [{_TWO_HOSTS}]}}}}",
    ),
    "mx-is-alias": Design(
        "inbound",
        "zones: {contoso.com: {mx: [{host: maila.contoso.com, addresses: [edge1, edge3]},"
        " {host: mailc.contoso.com}]}}\n"
        "aliases: {mailc.contoso.com: b.contoso.com}\n"
        "names: {b.contoso.com: [edge2, edge4]}",
        "zones.contoso.com.mx[1].host",
        "the MX of contoso.com is mailc.contoso.com, an alias of b.contoso.com",
        f"zones: {{contoso.com: {{mx: [{_TWO_HOSTS}]}}}}",
    ),
    "mx-is-address": Design(
        "inbound",
        f"zones: {{contoso.com: {{mx: [{_TWO_HOSTS}, {{host: '[edge1]'}}]}}}}",
        "zones.contoso.com.mx[2].host",
        "an MX of contoso.com is the address of edge1 in place of a name",
        f"zones: {{contoso.com: {{mx: [{_TWO_HOSTS}]}}}}",
    ),
    "mx-without-address": Design(
        "inbound",
        f"zones: {{contoso.com: {{mx: [{_TWO_HOSTS}, {{host: old.contoso.com, addresses: []}}]}}}}",
        "zones.contoso.com.mx[2]",
        "the MX host old.contoso.com of contoso.com has no address",
        f"zones: {{contoso.com: {{mx: [{_TWO_HOSTS}]}}}}",
    ),
    "alias-leads-nowhere": Design(
        "inbound",
        "aliases: {smtp.contoso.com: gone.contoso.com}",
        "aliases.smtp.contoso.com",
        "smtp.contoso.com leads to gone.contoso.com, and there is no such name",
        "aliases: {smtp.contoso.com: maila.contoso.com}",
    ),
    "ttl-longer-than-gap": Design(
        "inbound",
        "nodes: {cache1: {role: dns, upstream: [ns1]}, cache2: {role: dns, upstream: [ns2]}}",
        "zones.contoso.com.ttl",
        "contoso.com is kept for 3600s, and flow inbound promises a gap of 10s",
        "zones: {contoso.com: {ttl: 5s}}",
    ),
    "certificate-lacks-name": Design(
        "balanced",
        "nodes: {ht1: {certificate: [ht1.contoso.com]}, ht2: {certificate: ['*.contoso.com']}}",
        "nodes.ht1.certificate",
        "the certificate of ht1 lacks mail.contoso.com, where clients log in",
        "nodes: {ht1: {certificate: [ht1.contoso.com, mail.contoso.com]}}",
    ),
    "scr-source-version": Design(
        "boxes",
        "nodes: {mbx1: {version: 2007}}",
        "replication.sg1.source",
        "mbx1, the source of sg1, is an Exchange 2007",
        "nodes: {mbx1: {version: 2007 SP1}}",
    ),
    "scr-target-clustered": Design(
        "boxes",
        "nodes: {mbx2: {failover_cluster: c1, clustered: true}}",
        "replication.sg1.targets[0]",
        "mbx2, a target of sg1, is a clustered mailbox server",
        "nodes: {mbx2: {clustered: false}}",
    ),
    "scr-target-lcr": Design(
        "boxes",
        "nodes: {mbx1: {lcr: true}, mbx2: {lcr: true}}",
        "replication.sg1.targets[0]",
        "mbx2, a target of sg1, has local continuous replication of its own",
        "nodes: {mbx2: {lcr: false}}",
    ),
    "scr-target-cluster": Design(
        "boxes",
        "nodes: {mbx2: {failover_cluster: c1}, mbx3: {failover_cluster: c1, clustered: true}}",
        "replication.sg1.targets[0]",
        "mbx2, a target of sg1, stands in c1, which holds the clustered mailbox server mbx3",
        "nodes: {mbx3: {failover_cluster: c2}}",
    ),
    "scr-paths": Design(
        "boxes",
        "replication: {sg1: {paths: {mbx2: 'E:\\SG1'}}}",
        "replication.sg1.paths.mbx2",
        "sg1 lies in E:\\SG1 on mbx2, and in D:\\SG1 on mbx1",
        "replication: {sg1: {paths: {mbx2: 'D:\\SG1'}}}",
    ),
    "scr-many-targets": Design(
        "boxes",
        "nodes:\n"
        + "".join(
            f"  far{number}: {{role: mailbox, domains: [contoso.com]}}\n" for number in range(1, 6)
        )
        + "replication: {sg1: {targets: [far1, far2, far3, far4, far5], paths: {mbx2: null}}}",
        "replication.sg1.targets",
        "sg1 goes from mbx1 to 5 targets",
        "replication: {sg1: {targets: [far1, far2, far3, far4]}}",
    ),
    "exchange-2003-sp2": Design(
        "boxes",
        "nodes: {mbx3: {version: 2003}}",
        "nodes.mbx3.version",
        "mbx3 is an Exchange 2003 without Service Pack 2, and dc1 and dc2 runs",
        "nodes: {mbx3: {version: 2003 SP2}}",
    ),
    "rus-read-only": Design(
        "boxes",
        "directory: {rus: dc2}",
        "directory.rus",
        "the Recipient Update Service uses dc2, which is read-only",
        "directory: {rus: dc1}",
    ),
    "capacity": Design(
        "inbound",
        "nodes: {edge1: {capacity: 9/s}}",
        "nodes.edge1.capacity",
        "with nothing lost edge1 gets 10.0/s at the peak, more than it bears",
        "nodes: {edge1: {capacity: 25/s}}",
    ),
    "capacity-node-lost": Design(
        "balanced",
        "nodes: {ht1: {capacity: 25/s}, ht2: {capacity: 25/s}}\nflows: {relay: {peak: 40/s}}",
        "nodes.ht1.capacity",
        "with ht2 lost ht1 gets 40.0/s at the peak, more than it bears",
        "flows: {relay: {peak: 25/s}}",
    ),
    "capacity-site-lost": Design(
        "inbound",
        "nodes: {edge1: {capacity: 15/s}}\nflows: {inbound: {persona: postfix}}",
        "nodes.edge1.capacity",
        "with site dublin lost edge1 gets 20.0/s at the peak, more than it bears",
        "nodes: {edge1: {capacity: 20/s}}",
    ),
    "unused-suppression": Design(
        "balanced",
        "lint: [{rule: one-mx, at: zones.contoso.com, reason: there is no zone at all}]",
        "lint[0]",
        "nothing of one-mx is found at zones.contoso.com",
        "lint: []",
    ),
}
"""For each rule a design that breaks it, and nothing else."""
