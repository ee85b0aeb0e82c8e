"""Receive connectors: who may send, how much of it, and who may relay."""

from __future__ import annotations

from typing import Final

from .defect import Asked, Defect, Drilled, Finding, Linted

_OPEN: Final = "an open relay at ht"

DEFECTS: Final = (
    Defect(
        id="relay-for-the-whole-world",
        subject="connectors",
        wrong="the relay connector's range is 0.0.0.0/0: every hub and the VIP are open relays",
        change="connectors: {relay: {port: 25, remote: [app, 0.0.0.0/0], relay: true}}",
        way=Asked(),
        findings=tuple(
            Finding("policy", (_OPEN,), f"guest must not relay through {entry_point} port 25")
            for entry_point in ("mail", "ht1", "ht2", "ht3")
        ),
        lints=("open-relay",),
    ),
    Defect(
        id="relay-for-a-whole-subnet",
        subject="connectors",
        wrong="a range of a subnet where single servers were meant: the guest network is in it",
        change="connectors: {relay: {port: 25, remote: [app, 127.0.0.0/8], relay: true}}",
        way=Asked(),
        findings=(Finding("policy", (_OPEN,), "guest must not relay through ht1 port 25"),),
    ),
    Defect(
        id="relay-once-starttls-is-said",
        subject="connectors",
        wrong="a connector that wants TLS lets everybody relay; in clear it refuses them all",
        change="""
connectors:
  relay: {port: 25, remote: [app], relay: true, tls: offered}
  world: {port: 25, remote: [127.0.0.0/8], tls: required, relay: true}
""",
        way=Asked(),
        findings=(
            Finding("policy", (_OPEN, "over TLS"), "guest must not relay through mail port 25"),
            Finding("policy", (_OPEN, "over TLS"), "guest must not relay through ht1 port 25"),
        ),
    ),
    Defect(
        id="one-hub-relays-for-the-balancer",
        subject="connectors",
        wrong="behind SNAT one hub of three lets the balancer relay: every third connection is its",
        change="""
nodes: {lb1: {source: snat}}
connectors:
  internet: {port: 25}
  forgotten: {port: 25, nodes: [ht3], remote: [lb1], relay: true}
""",
        way=Asked(),
        findings=(
            Finding(
                "policy", ("an open relay at ht3",), "guest must not relay through mail port 25"
            ),
        ),
        lints=("snat-open-relay",),
    ),
    Defect(
        id="relay-for-all-but-one-network",
        subject="connectors",
        wrong="ranges that hold the whole world but the network in which it was tried",
        change="""
connectors: {relay: {port: 25, remote: [app, 0.0.0.0-126.255.255.255, 128.0.0.0/1], relay: true}}
""",
        way=Linted(),
        findings=(Finding("open-relay", ("relay lets 99.6 % of all addresses relay",)),),
    ),
    Defect(
        id="application-not-in-the-range",
        subject="connectors",
        wrong="the application server was moved, and the relay range still has its old address",
        change="connectors: {relay: {port: 25, remote: [192.0.2.25/32], relay: true}}",
        way=Drilled((), ("relay",)),
        findings=(Finding("steady", ("530 at mail",), "relay"),),
    ),
    Defect(
        id="smaller-range-without-relay",
        subject="connectors",
        wrong="a connector without relay for the application alone: the smallest range wins",
        change="""
connectors:
  relay: {port: 25, remote: [127.0.0.0/8], relay: true}
  application: {port: 25, remote: [app], relay: false}
flows: {relay: {recipient: somebody@fabrikam.com}}
""",
        way=Drilled((), ("relay",)),
        findings=(Finding("steady", ("550 at rcpt",), "relay"),),
    ),
    Defect(
        id="message-size-too-small",
        subject="connectors",
        wrong="the connector takes 1 kB, and the application sends reports of 20 kB",
        change="""
connectors: {relay: {port: 25, remote: [app, 127.0.0.1/32], relay: true, size: 1000}}
flows: {relay: {size: 20000}}
""",
        way=Drilled((), ("relay",)),
        findings=(Finding("steady", ("552 at",), "relay"),),
    ),
    Defect(
        id="snat-shares-one-source-cap",
        subject="connectors",
        wrong="behind SNAT all clients are one source, and share the connections that one may have",
        change="""
nodes: {lb1: {source: snat, backends: [ht1]}, ht2: null, ht3: null}
connectors: {relay: {port: 25, remote: [app, lb1], relay: true, per_source: 1}}
flows: {relay: {rate: 100/s}}
""",
        way=Drilled((), ("relay",)),
        findings=(Finding("steady", ("421 at banner",), "relay"),),
        lints=(
            "snat-shared-cap",
            "snat-open-relay",
        ),
    ),
    Defect(
        id="connection-cap-too-low",
        subject="connectors",
        wrong="a hub takes one session at a time, and the application opens several",
        change="""
nodes: {lb1: {backends: [ht1]}, ht2: null, ht3: null}
connectors: {relay: {port: 25, remote: [app, 127.0.0.1/32], relay: true, connections: 1}}
flows: {relay: {rate: 100/s}}
""",
        way=Drilled((), ("relay",)),
        findings=(Finding("steady", ("421 at banner",), "relay"),),
    ),
    Defect(
        id="relay-wants-a-login",
        subject="connectors",
        wrong="port 25 was made to want a login, and the application has none",
        change="connectors: {relay: {port: 25, tls: required, auth: required}}",
        way=Drilled((), ("relay",)),
        findings=(Finding("steady", ("530 at mail",), "relay"),),
    ),
    Defect(
        id="open-relay-of-postfix",
        subject="connectors",
        wrong="a real Postfix whose mynetworks is the whole world",
        change="""
clock: 5
nodes: {ht1: {kind: postfix}, ht2: null, ht3: null, lb1: {backends: [ht1]}}
connectors: {relay: {port: 25, remote: [app, 0.0.0.0/0], relay: true}}
""",
        way=Asked(),
        # The hub itself wants a PROXY header from everybody, and so cannot be asked.
        findings=(Finding("policy", (_OPEN,), "guest must not relay through mail port 25"),),
        containers=True,
    ),
)
