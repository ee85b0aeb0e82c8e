"""Chance: silence that proves nothing, and shares that are too small to be luck."""

from __future__ import annotations

from typing import Final

from relaydrill.smtp import Phase
from relaydrill.verdict import Status

from .course import Happens, Judged, refused
from .defect import Defect, Finding

_AUDIT: Final = 250
"""Statistical tests of one audit."""

_CHOOSING: Final = """
names: {hubs.contoso.com: [ht1, ht2, ht3]}
flows: {direct: {from: app, persona: rotated_list, to: hubs.contoso.com, rate: 40/s}}
"""
_SPREAD: Final = f"{_CHOOSING}expect: {{gap: 15s, spread: [ht1, ht2, ht3]}}"


def _unproven(name: str, wrong: str, way: Judged, *said: str, change: str = "") -> Defect:
    """A drill whose fault is not shown to have done anything."""
    return Defect(
        id=name,
        subject="chance",
        wrong=wrong,
        change=change,
        way=way,
        findings=(Finding("bite", said, status=Status.UNKNOWN),),
    )


_OPPORTUNITY: Final = (
    _unproven(
        "silence-of-a-hub-that-had-two",
        "an injection that does nothing, on a hub that had two messages before, then none",
        Judged(
            ("kill:ht3@10s+20s",),
            happens=(Happens(end=10, turn="ht3", every=7), Happens(turn="ht3", by="ht1")),
            inert=True,
        ),
        "ht3 had 2 of",
        "leave its silence to chance",
    ),
    _unproven(
        "silence-of-a-second",
        "an injection that does nothing for a second, in which no mail happens to come there",
        Judged(
            ("kill:ht3@10s+1s",),
            happens=(Happens(begin=10, end=11, turn="ht3", by="ht1"),),
            inert=True,
        ),
        "leave its silence to chance",
        "at this rate",
    ),
    _unproven(
        "kill-that-does-nothing",
        "the wrong process was killed: the hub goes on taking mail",
        Judged(("kill:ht1",), inert=True),
        "ht1 still took",
    ),
    _unproven(
        "freeze-that-does-nothing",
        "the mailbox server was to be frozen, and mail goes on arriving there",
        Judged(("pause:mbx",), inert=True),
        "mbx still took",
    ),
    _unproven(
        "refusals-that-nobody-met",
        "a hub was to refuse recipients, and refused none",
        Judged(("tempfail.rcpt:ht1",)),
        "no attempt of relay met tempfail.rcpt:ht1",
    ),
    _unproven(
        "fault-on-a-hub-without-mail",
        "the hub that is broken had no mail of the flow before: its loss tests nothing",
        Judged(("kill:ht3",), happens=(Happens(turn="ht3", by="ht1"),)),
        "ht3 took no relay mail before the fault",
    ),
)

_SHARES: Final = (
    Defect(
        id="audit-of-a-hub-that-gets-nothing",
        subject="chance",
        wrong="a healed hub gets nothing any more: no audit is so large that this were chance",
        change="",
        way=Judged(("kill:ht1",), happens=(Happens(42, turn="ht1", by="ht2"),), tests=_AUDIT),
        findings=(Finding("return", ("ht1 took 0 of",), "relay"),),
    ),
    Defect(
        id="audit-of-a-hub-that-gets-little",
        subject="chance",
        wrong="a healed hub gets half its share: in an audit of 250 tests one look does not decide",
        change="",
        way=Judged(
            ("kill:ht1",), happens=(Happens(42, turn="ht1", every=2, by="ht2"),), tests=_AUDIT
        ),
        findings=(Finding("return", ("a second look has to decide",), "relay", Status.UNKNOWN),),
    ),
    Defect(
        id="drill-of-a-hub-that-gets-little",
        subject="chance",
        wrong="the same in a drill that stands for itself: there it is told as a failure",
        change="",
        way=Judged(("kill:ht1",), happens=(Happens(42, turn="ht1", every=2, by="ht2"),)),
        findings=(Finding("return", ("ht1 took", "fair share 33%"), "relay"),),
    ),
    Defect(
        id="audit-of-an-uneven-spread",
        subject="chance",
        wrong="one of three servers gets nothing of what it should have in equal parts",
        change=_SPREAD,
        way=Judged(flows=("direct",), happens=(Happens(turn="ht3", by="ht1"),), tests=_AUDIT),
        findings=(Finding("spread", ("ht3 gets less than its share",), "direct"),),
    ),
)

_OUTCOMES: Final = (
    Defect(
        id="balancer-that-leaves-one-out",
        subject="chance",
        wrong="a balancer gives one hub of three nothing, though it believes in it",
        change="expect: {gap: 15s, spread: [ht1, ht2, ht3]}",
        way=Judged(happens=(Happens(turn="ht3", by="ht1"),)),
        findings=(Finding("spread", ("ht3 gets less than its share",), "relay"),),
    ),
    Defect(
        id="tried-first-and-taken-elsewhere",
        subject="chance",
        wrong="senders try a server first as often as they should, and it takes nothing",
        change=_SPREAD,
        way=Judged(flows=("direct",), happens=(Happens(turn="ht3", by="ht1"),)),
        findings=(
            Finding(
                "spread",
                ("ht3 gets less than its share", "was tried first by", "accepted 0"),
                "direct",
            ),
        ),
    ),
    Defect(
        id="tried-first-and-refused",
        subject="chance",
        wrong="one server of three refuses what it is given, as often as its share is",
        change=_SPREAD,
        way=Judged(flows=("direct",), happens=(refused(452, Phase.MAIL, turn="ht2"),)),
        findings=(Finding("spread", ("ht2 gets less than its share", "accepted 0"), "direct"),),
    ),
    Defect(
        id="back-and-taken-elsewhere",
        subject="chance",
        wrong="a healed hub is tried first again, turns all of it away, and others take it",
        change=_CHOOSING,
        way=Judged(("kill:ht1",), ("direct",), happens=(Happens(42, turn="ht1", by="ht2"),)),
        findings=(
            Finding("return", ("ht1 took 0 of", "it did not accept", "others took"), "direct"),
        ),
    ),
)

DEFECTS: Final = (*_OPPORTUNITY, *_SHARES, *_OUTCOMES)
