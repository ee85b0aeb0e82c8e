"""Arrivals: whose they are, and what became of mail that did not come to be one."""

from __future__ import annotations

from typing import Final

from relaydrill.verdict import Status

from .course import Happens, Judged
from .defect import Defect, Finding

ARCHIVE: Final = "archive@contoso.com"
ANNA: Final = "anna@contoso.com"
BEN: Final = "ben@contoso.com"

_LOG_IS_GONE: Final = "mail.log was rotated away"
_NO_DUPLICATES: Final = "expect: {duplicated: 0, gap: 15s}"


def _of(
    name: str, wrong: str, way: Judged, *said: str, change: str = "", is_known: bool = True
) -> Defect:
    """One that the account must tell in these words: a failure, or what cannot be known."""
    status = Status.FAIL if is_known else Status.UNKNOWN
    return Defect(
        id=name,
        subject="arrivals",
        wrong=wrong,
        change=change,
        way=way,
        findings=(Finding("account", said, "relay", status),),
    )


DEFECTS: Final = (
    _of(
        "archive-alone-gets-the-mail",
        "a transport throws away every user's mail, and an archive gets its copies",
        Judged(happens=(Happens(leaves="discarded", whither="discard", seen_at=(ARCHIVE,)),)),
        "discarded by discard on ht",
        f"to {ARCHIVE}",
    ),
    _of(
        "known-archive-alone-gets-the-mail",
        "nobody tells what became of the users' mail, and a known archive gets its copies",
        Judged(happens=(Happens(copies=0, seen_at=(ARCHIVE,), declared=True),)),
        "lost: ",
        f"to {ARCHIVE}",
    ),
    _of(
        "archive-gets-what-one-user-in-ten-does-not",
        "what an archive gets in addition nine times of ten is a copy the tenth time, too",
        Judged(
            happens=(
                Happens(every=10, copies=0, seen_at=(ARCHIVE,)),
                Happens(seen_at=(ARCHIVE,)),
            )
        ),
        "lost: ",
    ),
    _of(
        "archive-or-alias",
        "mail was seen at another address only, and nobody has said whose that is",
        Judged(happens=(Happens(copies=0, seen_at=(ANNA,)),)),
        f"seen only at {ANNA}",
        f"copies: [{ANNA}]",
        is_known=False,
    ),
    _of(
        "marks-of-two-messages",
        "of one message in ten something arrives under the name of another one",
        Judged(happens=(Happens(every=10, copies=0, mixed_with="<another@app>"),)),
        "seen only at a mailbox of mbx",
        "<another@app>",
        is_known=False,
    ),
    _of(
        "one-of-two-mailboxes",
        "of two people behind one address one never gets the mail",
        Judged(happens=(Happens(mailboxes=(ANNA,), needs=(ANNA, BEN)),)),
        "lost: ",
        f"did not come to {BEN}",
    ),
    _of(
        "one-mailbox-of-two-twice",
        "one of two mailboxes behind an address gets the mail twice",
        Judged(happens=(Happens(copies=3, mailboxes=(ANNA, BEN, BEN), needs=(ANNA, BEN)),)),
        "duplicated: ",
        change=_NO_DUPLICATES,
    ),
    _of(
        "one-in-ten-thrown-away",
        "a filter throws away one message of ten",
        Judged(happens=(Happens(every=10, leaves="discarded", whither="a filter"),)),
        "discarded by a filter on ht",
    ),
    _of(
        "bin-for-all",
        "all mail is thrown away, and all of it may be lost: nothing was delivered at all",
        Judged(happens=(Happens(leaves="discarded", whither="a filter"),)),
        "nothing arrived: ",
        change="expect: {lost: 99999}",
    ),
    _of(
        "quarantine-holds-it",
        "a filter holds one message of ten until a person looks: nobody does in a drill",
        Judged(happens=(Happens(every=10, leaves="held", whither="a milter"),)),
        "stuck on ht",
        "held there until a person moves it on",
        "a milter",
    ),
    _of(
        "filter-without-a-log",
        "a content filter takes all mail, and nothing is seen of it any more",
        Judged(happens=(Happens(leaves="handed-on", whither="spamcheck"),)),
        "handed on to spamcheck by ht",
        "its own log is not at hand",
        is_known=False,
    ),
    _of(
        "log-rotated-away",
        "a log was turned over twice between two looks: what stood in it is not known",
        Judged(happens=(Happens(every=10, copies=0),), unread=(_LOG_IS_GONE,)),
        _LOG_IS_GONE,
        is_known=False,
    ),
    _of(
        "second-copy-in-a-log-that-is-gone",
        "no duplicates are promised, and a log in which one may stand was not read whole",
        Judged(unread=(_LOG_IS_GONE,)),
        "a second copy might still come",
        _LOG_IS_GONE,
        change=_NO_DUPLICATES,
        is_known=False,
    ),
)
