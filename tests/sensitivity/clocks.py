"""Time: several faults, each with its own clock; and default drills that are able to fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from relaydrill.smtp import Phase, Result

from .course import NOBODY, Happens, Judged, cut, refused
from .defect import Defect, Drilled, Finding

_AGREED: Final = "accept: [{node: lb1, reason: an outage of minutes is agreed}]"


def _at_mail(begin: float, end: float) -> Happens:
    return refused(451, Phase.MAIL, begin=begin, end=end, turn="ht2", bitten="tempfail")


_SEVERAL: Final = (
    Defect(
        id="control-restarts-no-clock",
        subject="time",
        wrong="a control that breaks nothing, twice in the outage of a dead hub: no fresh start",
        change="",
        way=Judged(("kill:ht1@10s+40s", "none:mbx@20s+1s", "none:mbx@35s+1s"), noticed=None),
        findings=(Finding("degraded", ("the last of them 39.",), "relay"),),
    ),
    Defect(
        id="later-fault-restarts-no-clock",
        subject="time",
        wrong="a second hub begins to refuse while the first is dead, and still given mail",
        change="",
        way=Judged(
            ("kill:ht1@10s+40s", "tempfail.mail:ht2@30s+30s"),
            noticed=None,
            happens=(_at_mail(30, 40),),
        ),
        findings=(Finding("degraded", ("the last of them 39.",), "relay"),),
    ),
    Defect(
        id="acceptance-covers-no-other-fault",
        subject="time",
        wrong="a balancer's half-second, which is agreed, beside a hub that refuses for a minute",
        change=_AGREED,
        way=Judged(
            ("pause:lb1@10s+0.5s", "tempfail.mail:ht2@20s+60s"), happens=(_at_mail(20, 80),)
        ),
        findings=(Finding("degraded", ("451 at mail", "by ht2"), "relay"),),
    ),
    Defect(
        id="acceptance-covers-no-other-fault-in-a-lab",
        subject="time",
        wrong="the same in a lab",
        change=_AGREED,
        way=Drilled(("pause:lb1@10s+0.5s", "tempfail.mail:ht2@20s+60s"), ("relay",)),
        findings=(Finding("degraded", ("451 at mail", "by ht2"), "relay"),),
    ),
    Defect(
        id="acceptance-ends-with-its-fault",
        subject="time",
        wrong="long after the heal of a balancer, whose outage is agreed, a hub refuses its mail",
        change=_AGREED,
        way=Judged(
            ("kill:lb1@10s+10s", "none:mbx@60s+5s"),
            happens=(refused(452, Phase.MAIL, begin=20, end=60, turn="ht2"),),
        ),
        findings=(Finding("degraded", ("452 at mail", "by ht2"), "relay"),),
    ),
    Defect(
        id="balancer-is-back-and-cuts",
        subject="time",
        wrong="a balancer that is healed and still cuts everything: agreed was its outage alone",
        change=_AGREED,
        way=Judged(
            ("kill:lb1@10s+10s", "none:mbx@60s+5s"),
            happens=(cut(Phase.BANNER, begin=20, end=60, by=NOBODY),),
        ),
        findings=(Finding("degraded", ("dropped at banner",), "relay"),),
    ),
    Defect(
        id="not-back-before-its-next-fault",
        subject="time",
        wrong="a hub gets nothing between its first fault and its second, after which it is well",
        change="",
        way=Judged(
            ("kill:ht1@10s+20s", "kill:ht1@80s+20s"),
            happens=(Happens(30, 80, turn="ht1", by="ht2"),),
        ),
        findings=(Finding("return", ("ht1 took 0 of",), "relay"),),
    ),
    Defect(
        id="healed-hub-goes-on-failing",
        subject="time",
        wrong="a hub is healed, another is broken, and the first one goes on refusing",
        change="",
        way=Judged(
            ("kill:ht1@10s+10s", "kill:ht3@30s+40s"),
            happens=(refused(452, Phase.MAIL, begin=20, end=70, turn="ht1"),),
        ),
        findings=(Finding("degraded", ("452 at mail",), "relay"),),
    ),
)

_DEFAULTS: Final[tuple[tuple[str, Happens], ...]] = (
    ("kill", cut(Phase.BANNER, by=NOBODY)),
    ("pause", cut(Phase.BANNER, by=NOBODY, took=5.0)),
    ("hang", cut(Phase.BANNER, by=NOBODY, took=6.0, bitten="hang")),
    ("busy", refused(421, Phase.BANNER, by=NOBODY, bitten="busy")),
    ("drain", refused(421, Phase.MAIL, bitten="drain")),
    ("reject.rcpt", refused(550, Phase.RCPT, bitten="reject")),
    ("slow", Happens(took=5.1, bitten="slow")),
    ("drop-mid-data", cut(Phase.BODY, bitten="drop-mid-data")),
    (
        "drop-before-store",
        Happens(result=Result.UNANSWERED, code=0, bitten="drop-before-store"),
    ),
)
"""What attempts are told by a hub that is broken, of a tier that does nothing about it."""

_THRESHOLDS: Final = tuple(
    Defect(
        id=f"default-{kind.partition('.')[0]}-rides-out-nothing",
        subject="time",
        wrong=f"a tier that does nothing about {kind}: of default length, the drill must fail",
        change="",
        way=Judged(
            (f"{kind}:ht1",),
            happens=(replace(what, turn="ht1", broken=True),),
            noticed=None,
        ),
        findings=(Finding("degraded", ("after a change, allowed 15 s",), "relay"),),
    )
    for kind, what in _DEFAULTS
)

_ASKS: Final = "nodes: {ns1: {role: dns}}"
_WAITS: Final = "nodes: {ht1: {ack: delayed}, ht2: {ack: delayed}, ht3: {ack: delayed}}"
_PAIR: Final = "nodes: {lb2: {role: standby, standby_of: lb1}}"

_HELD: Final = tuple(
    Defect(
        id=id_,
        subject="time",
        wrong=f"{what}: the heal serves what nobody else would have, and no session shows it",
        change=change,
        way=Judged(
            faults, happens=(Happens(20, 40, every=2, until=40.02), Happens()), noticed=None
        ),
        findings=(Finding("degraded", ("accepted late", "allowed 15 s"), "relay"),),
    )
    for id_, what, change, faults in (
        ("name-server-holds-until-its-heal", "a frozen name server", _ASKS, ("pause:ns1@20s+20s",)),
        (
            "mailbox-holds-hubs-until-its-heal",
            "a frozen mailbox server for which hubs wait",
            _WAITS,
            ("pause:mbx@20s+20s",),
        ),
        (
            "standby-holds-until-its-heal",
            "the standby of a dead balancer, frozen",
            _PAIR,
            ("kill:lb1@10s+60s", "pause:lb2@20s+20s"),
        ),
    )
)

_DEFERRED: Final = Defect(
    id="greylisting-and-senders-that-do-not-retry",
    subject="time",
    wrong="a tier puts mail off in its steady state, and its senders never come back",
    change="",
    way=Judged(happens=(refused(451, Phase.RCPT, every=5),)),
    findings=(Finding("steady", ("451 at rcpt",), "relay"),),
)

DEFECTS: Final = (*_SEVERAL, *_THRESHOLDS, *_HELD, _DEFERRED)
