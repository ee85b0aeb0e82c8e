"""The mail of a flow that takes none was refused, all of it."""

from __future__ import annotations

from typing import Final

from relaydrill.documents.checks import RefusalFigures
from relaydrill.drills.checks.case import Case, replies_of
from relaydrill.ledger import Attempt
from relaydrill.smtp import Phase
from relaydrill.verdict import Verdict, failed, passed, unknown

_OF_THE_CLIENT: Final = frozenset({Phase.STARTTLS, Phase.AUTH})
"""Where a 5xx says that the client may not, and nothing of its mail."""


def check_refusal(case: Case) -> Verdict | None:
    """Every attempt was refused for good, and at once, where that is what the flow promises.

    A domain with a null MX takes no mail: its senders give it back (RFC 7505 §3), with 556 5.1.10.
    A server that takes no mail at all may say so as early as its greeting (RFC 7504 §3).
    What a fault kept from any decision is no failure, for as long as attempts may fail: nothing was
    to arrive. What was accepted is one, at any time.
    """
    if not case.expect.refusal:
        return None
    refused = [each for each in case.attempts if _is_refused_for_good(each)]
    taken = [each for each in case.attempts if each.accepted]
    left = [each for each in case.attempts if not _is_refused_for_good(each) and not each.accepted]
    open_ = [each for each in left if not _is_excused(case, each)]
    figures: RefusalFigures = {
        "attempts": len(case.attempts),
        "refused": len(refused),
        "accepted": len(taken),
        "undecided": len(left),
    }
    if taken:
        text = f"{len(taken)} of {len(case.attempts)} attempts were accepted"
        return failed("refusal", f"{text}, though all were to be refused", **figures)
    told = f"{len(refused)} of {len(case.attempts)} attempts were refused for good"
    if open_:
        text = f"{told}, the others not ({replies_of(open_)})"
        doubtful = [each for each in open_ if case.doubt.covers(each)]
        if len(doubtful) == len(open_):
            return unknown("refusal", text + case.doubt.reasons_for(doubtful), **figures)
        return failed("refusal", text, **figures)
    if not refused:
        return unknown("refusal", "no attempt came to a decision", **figures)
    said = f"{told} ({replies_of(refused)})"
    if left:
        said += f"; while something was broken {len(left)} came to no decision"
    return passed("refusal", said, **figures)


def _is_refused_for_good(attempt: Attempt) -> bool:
    return attempt.refused_for_good and attempt.phase not in _OF_THE_CLIENT


def _is_excused(case: Case, attempt: Attempt) -> bool:
    """Whether something was broken, or had been until a moment ago."""
    allowed_s = case.expect.degraded_s / case.clock
    return any(each.is_live(attempt, allowed_s) for each in case.blame.suspects)
