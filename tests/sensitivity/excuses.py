"""Excuses: a machine that starved a little, and attempts that were not sent, excuse no more."""

from __future__ import annotations

from typing import Final

from relaydrill.smtp import Phase, Result
from relaydrill.verdict import Status

from .course import NOBODY, Happens, Judged, refused
from .defect import Defect, Finding

_NOT_SENT: Final = Happens(
    20, 20.3, result=Result.UNSENT, code=0, phase=Phase.CONNECT, reason="no port", by=NOBODY
)

DEFECTS: Final = (
    Defect(
        id="attempt-not-sent-in-an-outage",
        subject="excuses",
        wrong="an attempt was not sent in the middle of an outage of 40 s: the rest is the tier's",
        change="",
        way=Judged(("kill:lb1@10s+40s",), happens=(_NOT_SENT,)),
        findings=(
            Finding("gap", ("nothing accepted", "allowed 15 s"), "relay"),
            Finding("harness", ("failed on the sender's own machine",), "relay", Status.UNKNOWN),
        ),
    ),
    Defect(
        id="attempt-without-outcome-in-an-outage",
        subject="excuses",
        wrong="the sender noted no outcome of an attempt in the middle of an outage of 40 s",
        change="",
        way=Judged(("kill:lb1@10s+40s",), happens=(Happens(20, 20.3, result=None),)),
        findings=(
            Finding("gap", ("nothing accepted", "allowed 15 s"), "relay"),
            Finding("harness", ("have no outcome",), "relay", Status.UNKNOWN),
        ),
    ),
    Defect(
        id="slight-load-in-a-freeze",
        subject="excuses",
        wrong="the machine was busy for six seconds of a freeze of sixty",
        change="",
        way=Judged(("pause:lb1@10s+60s",), stalls=((30, 36, 0.6),)),
        findings=(Finding("gap", ("nothing accepted", "which excuses"), "relay"),),
    ),
    Defect(
        id="stall-before-the-fault",
        subject="excuses",
        wrong="the machine stood still for a moment, five seconds before a hub died unnoticed",
        change="",
        way=Judged(("kill:ht1@10s+40s",), noticed=None, stalls=((5, 5.2, 0.2),)),
        findings=(Finding("degraded", ("dropped at banner",), "relay"),),
    ),
    Defect(
        id="stall-in-the-steady-state",
        subject="excuses",
        wrong="the machine stood still for a second; a hub refuses each third message all the time",
        change="",
        way=Judged(happens=(refused(452, Phase.MAIL, turn="ht2"),), stalls=((10, 11, 1.0),)),
        findings=(Finding("steady", ("452 at mail",), "relay"),),
    ),
    Defect(
        id="lost-while-the-machine-starved",
        subject="excuses",
        wrong="mail that was accepted while the machine starved, and is nowhere: it was promised",
        change="",
        way=Judged(happens=(Happens(20, 21, copies=0),), stalls=((18, 24, 5.0),)),
        findings=(Finding("account", ("lost",), "relay"),),
    ),
    Defect(
        id="outage-with-the-machine-starved-through",
        subject="excuses",
        wrong="the machine starved through the whole of an outage: whose it was, nobody can say",
        change="",
        way=Judged(("pause:lb1@10s+40s",), stalls=((9, 51, 42.0),)),
        findings=(Finding("gap", ("the machine itself starved",), "relay", Status.UNKNOWN),),
    ),
    Defect(
        id="machine-a-little-busy-all-the-time",
        subject="excuses",
        wrong="a machine that was a little busy from begin to end, and an outage of 40 s",
        change="",
        way=Judged(("kill:lb1@10s+40s",), stalls=((0, 65, 6.0),)),
        findings=(Finding("gap", ("nothing accepted", "which excuses"), "relay"),),
    ),
)
