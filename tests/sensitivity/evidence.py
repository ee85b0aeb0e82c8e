"""Evidence: journals that are not whole. Whatever they seem to say, nothing is known."""

from __future__ import annotations

from typing import Final

from relaydrill.verdict import Status

from .course import Happens, Hole, Judged
from .defect import Defect, Finding

_KILL: Final = ("kill:ht1",)


def _lacking(name: str, wrong: str, said: str, *holes: Hole, **way: object) -> Defect:
    """One whose evidence has holes: each check is unknown, and the harness's names what lacks."""
    return Defect(
        id=name,
        subject="evidence",
        wrong=wrong,
        change="",
        way=Judged(holes=holes, **{"faults": _KILL, **way}),  # type: ignore[arg-type]
        findings=(
            Finding("harness", (said,), "relay", Status.UNKNOWN),
            Finding("account", ("not whole", said), "relay", Status.UNKNOWN),
            Finding("gap", ("not whole", said), "relay", Status.UNKNOWN),
        ),
    )


DEFECTS: Final = (
    _lacking(
        "journal-of-the-mailbox-missing",
        "the mailbox server's journal was not copied: all of its mail seems lost",
        "journals/mbx.jsonl is missing",
        Hole("mbx", gone=True),
    ),
    _lacking(
        "journal-of-the-balancer-missing",
        "the balancer's journal was not copied: what it believed is not known",
        "journals/lb1.jsonl is missing",
        Hole("lb1", gone=True),
    ),
    _lacking(
        "journal-of-the-mailbox-halved",
        "half of the mailbox server's journal was cut off after the drill",
        "something was taken out of it",
        Hole("mbx", part=0.5),
    ),
    _lacking(
        "journal-of-a-hub-halved",
        "a hub's journal lost its promises on the way: what they hold is not known",
        "journals/ht2.jsonl has",
        Hole("ht2", kind="accepted", part=0.5),
    ),
    _lacking(
        "disk-of-the-sender-full",
        "the sender's disk was full: half of its attempts were never noted, and none failed",
        "attempts of relay's schedule",
        Hole("app", part=0.5, closed=True),
        faults=(),
    ),
    _lacking(
        "sender-notes-only-what-went-well",
        "a sender that stopped noting attempts while the tier was down",
        "attempts of relay's schedule",
        Hole("app", part=0.6, closed=True),
        faults=("kill:lb1",),
    ),
    _lacking(
        "drill-cut-short",
        "the drill was interrupted, and judged afterwards as if it had run to its end",
        "the drill was cut short",
        Hole("harness", kind="over", closed=True),
    ),
    _lacking(
        "fault-never-healed",
        "nobody knows whether what was broken was ever healed",
        "there is no sign that kill:ht1",
        Hole("harness", kind="healed", closed=True),
    ),
    _lacking(
        "fault-never-injected",
        "the harness never came to its fault: a pass would be one of an unbroken tier",
        "was never injected",
        Hole("harness", kind="inject", closed=True),
    ),
    _lacking(
        "machine-not-watched",
        "nobody watched the machine: whether it starved is not known",
        "the load watcher did not run",
        Hole("machine", kind="watched", closed=True),
    ),
    Defect(
        id="queue-not-looked-into",
        subject="evidence",
        wrong="duplicates are forbidden, and nobody looked into one hub's queue at the end",
        change="expect: {duplicated: 0, gap: 15s}",
        way=Judged(holes=(Hole("ht3", kind="queue", closed=True),)),
        findings=(
            Finding(
                "account",
                ("a second copy might still come", "the queue of ht3 was not looked into"),
                "relay",
                Status.UNKNOWN,
            ),
        ),
    ),
    Defect(
        id="missing-mail-and-a-queue-unseen",
        subject="evidence",
        wrong="mail is missing, and may lie in a queue that nobody looked into: lost is a guess",
        change="",
        way=Judged(
            happens=(Happens(turn="ht3", every=20, copies=0),),
            holes=(Hole("ht3", kind="queue", closed=True),),
        ),
        findings=(
            Finding("account", ("the queue of ht3 was not looked into",), "relay", Status.UNKNOWN),
        ),
    ),
)
