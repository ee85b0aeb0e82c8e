"""Identity: mail that arrives changed, and is recognised all the same."""

from __future__ import annotations

from typing import Final

from .course import Happens, Judged
from .defect import Defect, Drilled, Finding

_OTHER_BODY: Final = "0" * 64
_RENAMED: Final = ("message_id",)


def _by_a_hub(*changed: str, digest: str = "", known_by: str = "") -> Judged:
    """A drill in which one hub writes something anew in what it takes."""
    happens = Happens(turn="ht2", changed=changed, digest=digest, known_by=known_by)
    return Judged(happens=(happens,))


DEFECTS: Final = (
    Defect(
        id="subject-written-anew",
        subject="identity",
        wrong="a hub puts a text before each subject, and nobody has said that it should",
        change="",
        way=_by_a_hub("subject_prefix"),
        findings=(Finding("account", ("altered: subject (text before it)",), "relay"),),
    ),
    Defect(
        id="written-anew-in-a-lab",
        subject="identity",
        wrong="a hub in a lab writes Message-IDs anew, and puts a text before each subject",
        change="nodes: {ht2: {rewrites: [message_id, subject_prefix]}}",
        way=Drilled((), ("relay",)),
        findings=(
            Finding(
                "account",
                ("altered: subject (text before it)", "known by their X-Relaydrill-Id"),
                "relay",
            ),
        ),
    ),
    Defect(
        id="sender-written-anew",
        subject="identity",
        wrong="a hub writes From anew, where only subjects were declared",
        change="changes: [subject]",
        way=_by_a_hub("from"),
        findings=(Finding("account", ("altered: From",), "relay"),),
    ),
    Defect(
        id="cut-under-a-disclaimer",
        subject="identity",
        wrong="a hub that adds a disclaimer, as declared, cuts the body",
        change="changes: [disclaimer]",
        way=_by_a_hub(digest=_OTHER_BODY),
        findings=(Finding("account", ("altered: body (",), "relay"),),
    ),
    Defect(
        id="renamed-and-altered",
        subject="identity",
        wrong="a hub writes Message-IDs anew, and the body with them: it is not lost, but altered",
        change="",
        way=_by_a_hub(*_RENAMED, digest=_OTHER_BODY, known_by="header"),
        findings=(
            Finding("account", ("altered: body (", "known by their X-Relaydrill-Id"), "relay"),
        ),
    ),
    Defect(
        id="declared-for-another-flow",
        subject="identity",
        wrong="a hub adds a disclaimer to mail of a flow that is to have none",
        change="""
changes: [disclaimer]
flows: {relay: {changes: []}}
""",
        way=_by_a_hub("disclaimer"),
        findings=(Finding("account", ("altered: body (text added to it)",), "relay"),),
    ),
    Defect(
        id="renamed-and-doubled",
        subject="identity",
        wrong="a hub sends mail twice, under two Message-IDs of its own; duplicates are forbidden",
        change="expect: {duplicated: 0}",
        way=Judged(happens=(Happens(turn="ht2", copies=2, changed=_RENAMED, known_by="subject"),)),
        findings=(Finding("account", ("duplicated", "known by their subject"), "relay"),),
    ),
)
