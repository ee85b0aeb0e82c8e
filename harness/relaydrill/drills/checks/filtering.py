"""Mail that is to be refused was refused."""

from __future__ import annotations

from collections import Counter

from relaydrill.drills.checks.case import Case
from relaydrill.smtp import Result
from relaydrill.verdict import Verdict, failed, passed, unknown


def check_filter(case: Case) -> Verdict | None:
    """Of the mail that is to be refused, whatever came through to a decision got a 5xx."""
    unwanted = case.ledger.attempts(case.flow, wanted=False)
    if not unwanted:
        return None
    sorts = Counter(attempt.sort for attempt in unwanted)
    refused = Counter(
        attempt.sort
        for attempt in unwanted
        if attempt.result is Result.REFUSED and attempt.code >= 500
    )
    accepted = Counter(attempt.sort for attempt in unwanted if attempt.accepted)
    figures = {sort: {"sent": sorts[sort], "refused": refused[sort]} for sort in sorts}
    if accepted:
        told = ", ".join(f"{accepted[sort]} of {sorts[sort]} {sort}" for sort in accepted)
        return failed("filter", f"taken, though it was to be refused: {told}", **figures)
    unseen = [sort for sort in sorts if not refused[sort]]
    if unseen:
        return unknown("filter", f"no {' and no '.join(unseen)} mail was refused", **figures)
    told = ", ".join(f"{refused[sort]} of {sorts[sort]} {sort}" for sort in sorts)
    undecided = len(unwanted) - refused.total()
    text = f"refused for good: {told}"
    if undecided:
        text += f"; {undecided} came to no decision"
    return passed("filter", text, **figures)
