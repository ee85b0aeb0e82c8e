"""Mail between sites, and out of the organisation."""

from __future__ import annotations

from typing import Final

from .defect import GONE, Defect, Drilled, Finding

DEFECTS: Final = (
    Defect(
        id="insists-on-its-own-hub",
        subject="sites",
        wrong="a mailbox server that holds the hub role, too, never asks another hub",
        change="accept: []",
        way=Drilled((f"kill:ht2{GONE}",), ("own-hub",)),
        findings=(Finding("gap", ("nothing accepted",), "own-hub"),),
        base="twosites",
    ),
    Defect(
        id="one-hub-in-the-list",
        subject="sites",
        wrong="the site has two hubs, and the mailbox server's list names one of them",
        change="names: {hubs.contoso.com: [ht1]}",
        way=Drilled((f"kill:ht1{GONE}",), ("intra-site",)),
        findings=(Finding("gap", ("nothing accepted",), "intra-site"),),
        base="twosites",
    ),
    Defect(
        id="connector-missing-on-one-hub",
        subject="sites",
        wrong="the connector for the mailbox servers was made on one hub of two",
        change="""
connectors:
  mailbox-servers: {nodes: [ht1]}
  internet: {port: 25, nodes: [ht2]}
""",
        way=Drilled((), ("outbound",)),
        findings=(Finding("steady", ("550 at rcpt",), "outbound"),),
        base="twosites",
    ),
    Defect(
        id="one-site-for-all-exchangers",
        subject="sites",
        wrong="every MX leads to one site, and that site is lost",
        change="""
zones:
  contoso.com:
    mx:
      - {host: maila.contoso.com, preference: 10, addresses: [edge1, edge2]}
      - {host: mailb.contoso.com, preference: 10, addresses: [edge2, edge3]}
flows:
  inbound:
    rate: 60/s
    mix: {blocked: 0.1, unknown: 0.1, spam: 0.1}
    expect: {gap: 15s, spread: []}
  pinned: {expect: {spread: []}}
""",
        way=Drilled((f"kill:redmond{GONE}",), ("inbound",)),
        findings=(Finding("gap", ("nothing accepted",), "inbound"),),
        base="microsoft",
        lints=(
            "zone-in-one-site",
            "mx-shared-address",
        ),
    ),
)
