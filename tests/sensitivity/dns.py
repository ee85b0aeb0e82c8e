"""Names: exchangers that are not what they look like, servers that lie, clients that sort."""

from __future__ import annotations

from typing import Final

from relaydrill.verdict import Status

from .defect import GONE, Defect, Drilled, Finding

_QUICK: Final = """
flows:
  inbound: {rate: 90/s, mix: {blocked: 0.1, unknown: 0.05, spam: 0.05}, expect: {gap: 15s}}
"""
"""A spread over six servers wants hundreds of choices: mail comes quicker than in the built-in."""


def _zone(maila: str, mailb: str, mailc: str) -> str:
    """A zone of three MX hosts; each as ``PREFERENCE: ADDRESS ADDRESS``; none is accepted."""
    lines = ["accept: []", "zones:", "  contoso.com:", "    mx:"]
    for host, told in (("maila", maila), ("mailb", mailb), ("mailc", mailc)):
        preference, _, addresses = told.partition(": ")
        listed = ", ".join(addresses.split())
        lines.append(
            f"      - {{host: {host}.contoso.com, preference: {preference}, addresses: [{listed}]}}"
        )
    return "\n".join(lines) + "\n"


ONE_ADDRESS_EACH: Final = _zone("10: edge1", "10: edge2", "10: edge3")
UNEQUAL: Final = _zone("10: edge1 edge4", "20: edge2 edge5", "20: edge3 edge6")
SAME_ADDRESS: Final = _zone("10: edge1 edge4", "10: edge1 edge5", "10: edge3 edge6")
STALE: Final = _zone("10: edge1 nowhere", "10: edge2 edge5", "10: edge3 edge6")

_ROUND_ROBIN: Final = """
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  app: {role: sender, sorts_near: NEAR}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns, order: ORDER}
names: {mail.contoso.com: [ht1, ht2]}
flows:
  relay: {from: app, to: mail.contoso.com, persona: PERSONA, rate: 40/s}
expect: {gap: 15s, spread: [ht1, ht2]}
"""


def _round_robin(persona: str, *, order: str = "rotate", near: str = "false") -> str:
    """A name of two addresses in place of a balancer."""
    text = _ROUND_ROBIN.replace("PERSONA", persona).replace("ORDER", order)
    return text.replace("NEAR", near)


_NAMED: Final = "nodes: {ns1: {role: dns}}"
_NAMED_TWICE: Final = "nodes: {ns1: {role: dns}, ns2: {role: dns}}"

DEFECTS: Final = (
    *(
        Defect(
            id=name,
            subject="DNS",
            wrong=wrong,
            change=zone + _QUICK,
            way=Drilled((), ("inbound",)),
            findings=(Finding("spread", (words,), "inbound"),),
            base="microsoft",
            lints=lints,
        )
        for name, wrong, zone, words, lints in (
            (
                "unequal-preferences",
                "one MX is preferred to the others: its servers get everything",
                UNEQUAL,
                "edge1 gets more than its share",
                ("mx-unequal",),
            ),
            (
                "two-names-of-one-address",
                "two MX hosts have one address in common: the redundancy is on paper",
                SAME_ADDRESS,
                "edge2 gets less than its share",
                ("mx-shared-address",),
            ),
            (
                "stale-address",
                "an MX host still has the address of a server that is gone",
                STALE,
                "edge4 gets less than its share",
                (),
            ),
        )
    ),
    Defect(
        id="one-address-behind-each-mx",
        subject="DNS",
        wrong="three MX of one address each: senders that always pick the same have no other way",
        change=ONE_ADDRESS_EACH + "flows: {pinned: {rate: 40/s, expect: {gap: 15s, spread: []}}}",
        way=Drilled((f"kill:edge1{GONE}",), ("pinned",)),
        findings=(Finding("gap", ("nothing accepted",), "pinned"),),
        base="microsoft",
        lints=("one-address-behind-mx",),
    ),
    Defect(
        id="fixed-order-of-answers",
        subject="DNS",
        wrong="the name server does not turn its answers, and clients take the first address",
        change="""
nodes: {ns1: {order: fixed}, ns2: {order: fixed}}
flows:
  first:
    from: world
    persona: first_address
    to: maila.contoso.com
    rate: 60/s
    expect: {gap: 15s, spread: [edge1, edge4]}
""",
        way=Drilled((), ("first",)),
        findings=(Finding("spread", ("edge4 gets less than its share of 50%: 0%",), "first"),),
        base="microsoft",
    ),
    Defect(
        id="clients-sort-by-nearness",
        subject="DNS",
        wrong="clients in the hubs' own subnet put the nearest address first (RFC 6724 rule 9)",
        change=_round_robin("single_host", near="true"),
        way=Drilled(),
        findings=(Finding("spread", ("its share of 50%",), "relay"),),
        base="",
    ),
    Defect(
        id="round-robin-for-a-balancer",
        subject="DNS",
        wrong="a name of two addresses in place of a balancer, and a client of one address",
        change=_round_robin("single_host"),
        way=Drilled((f"kill:ht1{GONE}",)),
        findings=(Finding("degraded", ("connection refused",), "relay"),),
        base="",
    ),
    Defect(
        id="client-that-keeps-addresses",
        subject="DNS",
        wrong="the client resolves once and keeps the answer, whatever its TTL: a hub dies with it",
        change=_round_robin("caching_client", order="fixed").replace("spread: [ht1, ht2]", ""),
        way=Drilled((f"kill:ht1{GONE}",)),
        findings=(Finding("gap", ("nothing accepted",), "relay"),),
        base="",
    ),
    Defect(
        id="one-name-server",
        subject="DNS",
        wrong="one name server: with it the name is gone, and the relay behind it",
        change=_NAMED,
        way=Drilled((f"kill:ns1{GONE}",), ("relay",)),
        findings=(Finding("gap", ("nothing accepted",), "relay"),),
        lints=("one-name-server",),
    ),
    Defect(
        id="name-server-without-its-zone",
        subject="DNS",
        wrong="a name server has lost its zone: NXDOMAIN is an answer, and nobody asks the second",
        change=_NAMED_TWICE,
        way=Drilled((f"nxdomain:ns1{GONE}",), ("relay",)),
        findings=(Finding("degraded", ("attempts failed",), "relay"),),
    ),
    Defect(
        id="stale-name-server",
        subject="DNS",
        wrong="the first name server gives an address of old, and nobody asks the second",
        change=_NAMED_TWICE,
        way=Drilled((f"stale:ns1{GONE}",), ("relay",)),
        findings=(Finding("degraded", ("attempts failed",), "relay"),),
    ),
    Defect(
        id="too-few-senders-to-tell",
        subject="DNS",
        wrong="ten senders that always pick the same MX: their thousand messages are ten choices",
        change="""
flows:
  few:
    from: world
    persona: pinned_mx
    to: contoso.com
    rate: 60/s
    population: 10
    expect: {gap: 10s, spread: [edge1, edge2, edge3, edge4, edge5, edge6]}
""",
        way=Drilled((), ("few",)),
        findings=(Finding("spread", ("only 10 independent choices",), "few", Status.UNKNOWN),),
        base="microsoft",
    ),
)
