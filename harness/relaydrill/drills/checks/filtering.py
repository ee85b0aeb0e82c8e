"""Mail that is to be refused was refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from relaydrill.documents.checks import FilteredSort
from relaydrill.drills.checks.blame import fault_of
from relaydrill.drills.checks.case import Case
from relaydrill.faults import ServiceFault
from relaydrill.ledger import Attempt, FaultWindow
from relaydrill.message import BLOCKED, SPAM, UNKNOWN
from relaydrill.smtp import Phase
from relaydrill.verdict import Verdict, failed, passed, unknown

_OF_THE_MESSAGE: Final = frozenset({Phase.REPLY})
_OF_THE_RECIPIENT: Final = frozenset({Phase.RCPT, Phase.DATA, Phase.REPLY})
_OF_THE_CLIENT: Final = frozenset({Phase.BANNER, Phase.EHLO, Phase.MAIL, *_OF_THE_RECIPIENT})

_SHOWN_AT: Final[Mapping[str, frozenset[Phase]]] = MappingProxyType(
    {SPAM: _OF_THE_MESSAGE, UNKNOWN: _OF_THE_RECIPIENT, BLOCKED: _OF_THE_CLIENT}
)
"""The phases at which a server can know what is wrong with each sort of mail."""


def check_filter(case: Case) -> Verdict | None:
    """Of the mail that is to be refused, whatever came through to a decision got a 5xx.

    That is a 5xx at a phase at which its own fault shows, and of no server that was made to refuse.
    """
    unwanted = case.ledger.attempts(case.flow, wanted=False)
    if not unwanted:
        return None
    sorts = Counter(attempt.sort for attempt in unwanted)
    refused = Counter(attempt.sort for attempt in unwanted if _is_filtered(case, attempt))
    accepted = Counter(attempt.sort for attempt in unwanted if attempt.accepted)
    figures: dict[str, FilteredSort] = {
        sort: {"sent": sorts[sort], "refused": refused[sort]} for sort in sorts
    }
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


def _is_filtered(case: Case, attempt: Attempt) -> bool:
    """Whether a message was refused for good, and for what it was."""
    if not attempt.refused_for_good:
        return False
    if attempt.phase not in _SHOWN_AT.get(attempt.sort, _OF_THE_CLIENT):
        return False
    name = case.answered_by(attempt)
    return not any(
        _refuses_for_good(window)
        and window.node in (name or window.node, attempt.choice)
        and window.inject <= (attempt.ended or attempt.started)
        and attempt.started < (window.healed or float("inf"))
        for window in case.ledger.faults
    )


def _refuses_for_good(window: FaultWindow) -> bool:
    """Whether a fault makes a server answer 5xx to whatever comes."""
    fault = fault_of(window)
    reply = fault.reply if isinstance(fault, ServiceFault) else None
    return reply is not None and not reply.transient
