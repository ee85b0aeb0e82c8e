"""Attribution: what others did, or met, is no evidence of a flow."""

from __future__ import annotations

from typing import Final

from relaydrill.smtp import Phase
from relaydrill.verdict import Status

from .course import Happens, Judged, refused
from .defect import Defect, Finding

_TWO_BALANCERS: Final = """
nodes:
  lb2:
    role: balancer
    backends: [ht1, ht2, ht3]
    source: proxy
    vips: {other: {ports: [25]}}
flows: {second: {from: app, to: other, rate: 50/s}}
"""
_ASIDE: Final = "flows: {aside: {from: app, to: ht2, rate: 50/s}}"


def _not_met(name: str, wrong: str, faults: str, happens: Happens, said: str) -> Defect:
    """A fault that met somebody else than the flow."""
    return Defect(
        id=name,
        subject="attribution",
        wrong=wrong,
        change="",
        way=Judged((faults,), ("relay", "submission"), happens=(happens,)),
        findings=(Finding("bite", (said,), "relay", Status.UNKNOWN),),
    )


DEFECTS: Final = (
    _not_met(
        "met-by-the-other-port-alone",
        "a hub refused what came by 587, and nothing that came by 25",
        "tempfail.rcpt:ht1",
        refused(451, Phase.RCPT, begin=12, turn="ht1", flow="submission", bitten="tempfail"),
        "no attempt of relay met tempfail.rcpt:ht1",
    ),
    _not_met(
        "met-by-health-checks-alone",
        "a hub was slow to health checks alone: the flow was served as ever",
        "slow:ht1",
        Happens(begin=12, turn="ht1", flow="relay", bitten="slow", probe=True),
        "health checks did",
    ),
    _not_met(
        "met-by-sessions-of-others",
        "a hub says that it refused somebody, and none of the flow's attempts was refused",
        "tempfail.rcpt:ht1",
        Happens(begin=12, turn="ht1", flow="relay", bitten="tempfail", phase=Phase.RCPT),
        "sessions of others did",
    ),
    _not_met(
        "slow-to-nobody",
        "a hub says that it was slow, and it answered the flow as fast as ever",
        "slow:ht1",
        Happens(begin=12, turn="ht1", flow="relay", bitten="slow", took=0.2),
        "no attempt of relay met slow:ht1",
    ),
    Defect(
        id="another-hub-refuses",
        subject="attribution",
        wrong="one hub was to refuse, and another did: that one is named, and no fault has bitten",
        change="",
        way=Judged(
            ("tempfail.rcpt:ht1",),
            happens=(refused(451, Phase.RCPT, begin=12, end=40, turn="ht2", bitten="tempfail"),),
        ),
        findings=(
            Finding("bite", ("no attempt of relay met",), "relay", Status.UNKNOWN),
            Finding("degraded", ("451 at rcpt", "by ht2"), "relay"),
            Finding("cause", ("by ht2",), never=("believed ht1 to be up while it refused",)),
        ),
    ),
    Defect(
        id="flow-that-does-not-pass-the-fault",
        subject="attribution",
        wrong="a flow that goes to another hub is not concerned by the fault: that is no pass",
        change=_ASIDE,
        way=Judged(("kill:ht1",), ("relay", "aside")),
        findings=(
            Finding(
                "bite",
                ("ht1 took no aside mail", "aside does not pass it, and is not concerned"),
                "aside",
                Status.UNKNOWN,
            ),
        ),
    ),
    Defect(
        id="dead-on-one-port-alone",
        subject="attribution",
        wrong="the hub that was killed goes on taking what comes by 587",
        change="",
        way=Judged(
            ("kill:ht1",),
            ("relay", "submission"),
            happens=(Happens(10, 40, turn="ht1", flow="submission"),),
        ),
        findings=(Finding("bite", ("ht1 still took",), "submission", Status.UNKNOWN),),
    ),
    Defect(
        id="back-behind-the-other-balancer-alone",
        subject="attribution",
        wrong="a healed hub gets its share of one balancer, and nothing of the flow's own",
        change=_TWO_BALANCERS,
        way=Judged(
            ("kill:ht1",),
            ("relay", "second"),
            happens=(Happens(42, turn="ht1", flow="relay", by="ht2"),),
        ),
        findings=(Finding("return", ("ht1 took 0 of",), "relay"),),
    ),
    Defect(
        id="refuses-behind-one-of-two-balancers",
        subject="attribution",
        wrong="a hub refuses what comes by one of two balancers: the other's flow is no excuse",
        change=_TWO_BALANCERS,
        way=Judged(
            ("tempfail.mail:ht1",),
            ("relay", "second"),
            happens=(
                refused(
                    451, Phase.MAIL, begin=10, end=40, turn="ht1", flow="second", bitten="tempfail"
                ),
            ),
        ),
        findings=(
            Finding("degraded", ("451 at mail", "by ht1"), "second"),
            Finding("bite", ("no attempt of relay met",), "relay", Status.UNKNOWN),
        ),
    ),
)
