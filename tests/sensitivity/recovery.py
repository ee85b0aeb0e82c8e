"""Recovery: what is back, and does not work."""

from __future__ import annotations

from typing import Final

from relaydrill.smtp import Phase

from .course import Happens, Judged, refused
from .defect import Defect, Drilled, Finding

DEFECTS: Final = (
    Defect(
        id="service-not-started-with-its-host",
        subject="recovery",
        wrong="a hub's machine is back, and its transport service is not: it is started by hand",
        change="",
        way=Judged(("kill:ht1@10s+20s",), back=False),
        findings=(Finding("return", ("ht1 took 0 of", "fair share 33%"), "relay"),),
    ),
    Defect(
        id="left-in-maintenance",
        subject="recovery",
        wrong="a hub is back from maintenance, and was never set active: it greets and refuses",
        change="",
        way=Judged(
            ("stop:ht2@10s+20s",), happens=(refused(421, Phase.MAIL, begin=30, turn="ht2"),)
        ),
        findings=(
            Finding("return", ("ht2 took 0 of", "fair share 33%"), "relay"),
            Finding("degraded", ("421 at mail", "by ht2"), "relay"),
        ),
    ),
    Defect(
        id="back-under-back-pressure",
        subject="recovery",
        wrong="a hub comes back to a full disk, and a check by EHLO gives it mail at once",
        change="",
        way=Judged(
            ("kill:ht3@10s+20s",), happens=(refused(452, Phase.MAIL, begin=30, turn="ht3"),)
        ),
        findings=(
            Finding("return", ("ht3 took 0 of", "fair share 33%"), "relay"),
            Finding("degraded", ("452 at mail", "by ht3"), "relay"),
        ),
    ),
    Defect(
        id="broken-again-before-it-is-back",
        subject="recovery",
        wrong="a hub that is healed drains soon: what it refuses is told",
        change="",
        # It drains a second later: at the very moment of its heal it would never have been well.
        way=Drilled(("stop:ht2@10s+10s", "drain:ht2@21s+39s"), ("relay",)),
        findings=(
            # Its return is judged after the second fault: there was no time before it.
            Finding("degraded", ("421 at mail",), "relay"),
        ),
    ),
    Defect(
        id="never-comes-back",
        subject="recovery",
        wrong="the only hub is lost for good, and no other stands ready",
        change="nodes: {ht2: null, ht3: null, lb1: {backends: [ht1]}}",
        way=Drilled(("kill:ht1@10s+forever",), ("relay",)),
        findings=(Finding("gap", ("nothing accepted for over",), "relay"),),
    ),
    Defect(
        id="back-and-refusing",
        subject="recovery",
        wrong="a healed hub is tried as often as ever, and refuses all of it",
        change="",
        way=Judged(("kill:ht1",), happens=(refused(452, Phase.MAIL, begin=42, turn="ht1"),)),
        findings=(Finding("return", ("ht1 took 0 of", "it did not accept"), "relay"),),
    ),
    Defect(
        id="back-and-refusing-each-third",
        subject="recovery",
        wrong="a healed hub takes most of what comes to it: the rest is refused for good",
        change="",
        way=Judged(
            ("stop:ht1",), happens=(refused(550, Phase.RCPT, begin=42, turn="ht1", every=3),)
        ),
        findings=(Finding("return", ("it did not accept", "550 at rcpt"), "relay"),),
    ),
    Defect(
        id="back-and-slow",
        subject="recovery",
        wrong="a healed hub takes all that comes to it, each of it later than is promised",
        change="",
        way=Judged(("kill:ht1@10s+20s",), happens=(Happens(38, turn="ht1", took=16.0),)),
        findings=(
            Finding("degraded", ("accepted late", "by ht1"), "relay"),
            Finding("cause", ("killed and healed, and yet", "were late", "after the heal")),
        ),
    ),
)
