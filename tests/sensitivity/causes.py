"""Causes: what a person is told must be what explains the attempts that failed."""

from __future__ import annotations

from typing import Final

from relaydrill.smtp import Phase

from .course import Happens, Judged, cut, refused
from .defect import Defect, Finding

_NO_CHECK_SEEN: Final = ("lb1 does not behave as declared", "compare the configuration of lb1")
_ONE_AFTER_ANOTHER: Final = ("kill:ht1@10s+30s", "kill:ht2@80s+30s", "kill:ht3@150s+30s")


def _told(
    name: str,
    wrong: str,
    way: Judged,
    *says: str,
    never: tuple[str, ...] = (),
) -> Defect:
    """One of which a person must be told these words, and none of those."""
    return Defect(
        id=name,
        subject="causes",
        wrong=wrong,
        change="",
        way=way,
        findings=(Finding("cause", says, never=never),),
    )


DEFECTS: Final = (
    _told(
        "check-that-the-balancer-does-not-have",
        "the topology declares a check, and the balancer goes on giving a dead hub mail",
        Judged(("kill:ht1@10s+40s",), noticed=None),
        *_NO_CHECK_SEEN,
    ),
    _told(
        "hubs-one-after-another",
        "each hub died once, the others there each time, behind a balancer that sees none of it",
        Judged(_ONE_AFTER_ANOTHER, noticed=None),
        *_NO_CHECK_SEEN,
        never=("alone", "are all that carries"),
    ),
    _told(
        "refusals-behind-a-check-by-ehlo",
        "a hub refuses at MAIL, and the check goes only as far as EHLO",
        Judged(
            ("backpressure:ht2",),
            happens=(refused(452, Phase.MAIL, turn="ht2", broken=True, bitten="backpressure"),),
        ),
        "lb1 believed ht2 to be up while it refused",
        "a check on lb1 that goes as far as MAIL FROM",
        never=("does not behave as declared", "gone for good"),
    ),
    _told(
        "no-check-goes-as-far-as-rcpt",
        "a hub refuses each recipient: a better check would not help, senders that retry would",
        Judged(
            ("tempfail.rcpt:ht2",),
            happens=(refused(451, Phase.RCPT, turn="ht2", broken=True, bitten="tempfail"),),
        ),
        "lb1 believed ht2 to be up while it refused",
        "senders that try again later",
    ),
    _told(
        "late-by-one-hub",
        "one hub is slow, and it is named for what was late",
        Judged(
            ("slow:ht3",),
            happens=(Happens(turn="ht3", broken=True, took=20.0, bitten="slow"),),
        ),
        "ht3",
        "late",
        never=("ht1 was slow", "gone for good"),
    ),
    _told(
        "tls-cut-by-one-hub",
        "one hub fails each handshake: it is named, and nothing is said to be broken",
        Judged(
            flows=("submission",),
            happens=(cut(Phase.STARTTLS, turn="ht2", by="ht2", reason="certificate expired"),),
        ),
        "dropped at starttls",
        "by ht2",
        never=("killed", "gone for good"),
    ),
    _told(
        "lost-by-a-hub-that-came-back",
        "a hub answers before it stores, and is healed: it lost mail, and is not gone for good",
        Judged(("kill:ht1",), happens=(Happens(9, 10, turn="ht1", copies=0),)),
        "had been promised with 250 and",
        "accepted by ht1",
        never=("gone for good",),
    ),
    _told(
        "healed-and-refusing",
        "a healed hub refuses: it is that hub's return, and no lack of another",
        Judged(("kill:ht1",), happens=(refused(452, Phase.MAIL, begin=42, turn="ht1"),)),
        "killed and healed, and yet",
        "after the heal",
        never=("carries relay alone", "gone for good"),
    ),
    _told(
        "never-flowed-before-the-fault",
        "a hub refused before anything was broken: no fault is to blame for what fails later",
        Judged(("kill:ht1",), happens=(refused(530, Phase.MAIL, turn="ht3"),)),
        "did not flow before anything was broken",
        "530 at mail",
        never=("carries relay alone", "does not behave as declared"),
    ),
    _told(
        "balancer-alone",
        "the only balancer dies: it carries everything, and a second one is the remedy",
        Judged(("kill:lb1@10s+40s",)),
        "lb1 carries relay alone",
        "a second balancer",
    ),
)
