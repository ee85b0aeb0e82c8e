"""Load balancers: alone, half configured, or trusted with what they cannot do."""

from __future__ import annotations

from typing import Final

from relaydrill.verdict import Status

from .defect import GONE, Asked, Defect, Drilled, Finding

_NAMED_TWICE: Final = """
nodes:
  lb2: {role: balancer, backends: [ht1, ht2, ht3], vips: {mail2: {ports: [25, 587]}}}
names: {mail.contoso.com: [mail, mail2]}
accept: []
"""

DEFECTS: Final = (
    Defect(
        id="lone-balancer",
        subject="balancers",
        wrong="the balancer is alone, and nobody has accepted that: when it dies nothing is taken",
        change="accept: []",
        way=Drilled((f"kill:lb1{GONE}",), ("relay",)),
        findings=(Finding("gap", ("nothing accepted",), "relay"),),
        lints=("lone-balancer",),
    ),
    Defect(
        id="second-balancer-never-tried",
        subject="balancers",
        wrong="a second balancer behind the same name, and a client that takes the first address",
        change=_NAMED_TWICE,
        way=Drilled((f"kill:lb1{GONE}",), ("relay",)),
        findings=(Finding("gap", ("nothing accepted",), "relay"),),
        lints=("lone-balancer",),
    ),
    Defect(
        id="port-not-forwarded",
        subject="balancers",
        wrong="587 is missing from the port rules of the VIP",
        change="nodes: {lb1: {vips: {mail: {ports: [25]}}}}",
        way=Drilled(),
        findings=(Finding("steady", ("connection refused",), "submission"),),
        lints=("vip-lacks-port",),
    ),
    Defect(
        id="port-not-forwarded-under-a-fault",
        subject="balancers",
        wrong="587 never worked, so that a dead hub proves nothing about it",
        change="nodes: {lb1: {vips: {mail: {ports: [25]}}}}",
        way=Drilled((f"kill:ht1{GONE}",), ("submission",)),
        findings=tuple(
            Finding(check, (words,), "submission", Status.UNKNOWN)
            for check, words in (
                ("steady", "mail did not flow before the fault"),
                ("bite", "took no submission mail"),
                ("account", "nothing was accepted"),
            )
        ),
    ),
    Defect(
        id="port-not-forwarded-haproxy",
        subject="balancers",
        wrong="587 has no frontend in a real HAProxy",
        change="nodes: {lb1: {kind: haproxy, vips: {mail: {ports: [25]}}}}",
        way=Drilled(),
        findings=(Finding("steady", ("connection refused",), "submission"),),
    ),
    Defect(
        id="hub-forgotten",
        subject="balancers",
        wrong="a third hub was bought, and the balancer was never told of it",
        change="nodes: {lb1: {backends: [ht1, ht2]}}",
        way=Drilled((f"kill:ht3{GONE}",), ("relay",)),
        findings=(
            Finding("bite", ("took no relay mail before the fault",), "relay", Status.UNKNOWN),
        ),
    ),
    Defect(
        id="hub-forgotten-spread",
        subject="balancers",
        wrong="the same, where each hub is to have its share: nothing needs to be broken",
        change="""
nodes: {lb1: {backends: [ht1, ht2]}}
expect: {gap: 15s, spread: [ht1, ht2, ht3]}
""",
        way=Drilled((), ("relay",)),
        findings=(Finding("spread", ("ht3 gets less than its share",), "relay"),),
        lints=("spread-unreached",),
    ),
    Defect(
        id="fault-that-the-lab-cannot-do",
        subject="balancers",
        wrong="a balancer is to be cut off its network, which a lab of processes cannot do",
        change="",
        way=Drilled(("isolate:lb1",), ("relay",)),
        findings=(Finding("bite", ("not injected",), "relay", Status.UNKNOWN),),
    ),
    Defect(
        id="redispatch-for-health-checks",
        subject="balancers",
        wrong="redispatch stands in for health checks: a hub that hangs refuses no connection",
        change="nodes: {lb1: {check: {kind: none}, redispatch: true}}",
        way=Drilled(("hang:ht1@10s+40s",), ("relay",)),
        findings=(Finding("degraded", ("accepted late",), "relay"),),
    ),
    Defect(
        id="snat-open-relay",
        subject="balancers",
        wrong="SNAT, and the balancer itself in the relay range: whoever finds the VIP may relay",
        change="""
nodes: {lb1: {source: snat}}
connectors: {relay: {port: 25, remote: [app, lb1], relay: true}}
""",
        way=Asked(),
        findings=(
            Finding(
                "policy", ("an open relay at ht",), "guest must not relay through mail port 25"
            ),
        ),
        lints=("snat-open-relay",),
    ),
    Defect(
        id="snat-open-relay-haproxy",
        subject="balancers",
        wrong="the same with a real HAProxy",
        change="""
nodes: {lb1: {kind: haproxy, source: snat}}
connectors: {relay: {port: 25, remote: [app, lb1], relay: true}}
""",
        way=Asked(),
        findings=(
            Finding(
                "policy", ("an open relay at ht",), "guest must not relay through mail port 25"
            ),
        ),
    ),
    Defect(
        id="snat-keeps-the-application-out",
        subject="balancers",
        wrong="SNAT, and a relay range of real clients: the hubs never see one of them",
        change="nodes: {lb1: {source: snat}}",
        way=Drilled((), ("relay",)),
        findings=(Finding("steady", ("530 at mail",), "relay"),),
        lints=("snat-hides-clients",),
    ),
    Defect(
        id="snat-keeps-the-application-out-policy",
        subject="balancers",
        wrong="the same, asked of the entry points before any mail",
        change="nodes: {lb1: {source: snat}}",
        way=Asked(),
        findings=(
            Finding(
                "policy",
                ("530 5.7.1 Client was not authenticated at mail",),
                "app may relay through mail port 25",
            ),
        ),
    ),
)
