"""Mail that is to be refused was refused."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from relaydrill.documents.checks import FilteredSort
from relaydrill.drills.checks.blame import fault_of
from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.kinds_of_attempts import is_a_keeper_s
from relaydrill.drills.opportunity import LEVEL, silence_by_chance
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
    Each server that took wanted mail must have been seen to refuse each sort; or chance alone would
    have led all of that sort past it more seldom than it may: else nobody knows what it would do.
    """
    unwanted = case.ledger.attempts(case.flow, wanted=False)
    if not unwanted:
        return None
    sorts = Counter(attempt.sort for attempt in unwanted)
    filtered = [attempt for attempt in unwanted if _is_filtered(case, attempt)]
    refused = Counter(attempt.sort for attempt in filtered)
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
    if untried := next(_untried(case, filtered), None):
        return unknown("filter", untried, **figures)
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


def _untried(case: Case, filtered: Sequence[Attempt]) -> Iterator[str]:
    """Which servers may have been spared which sort of mail by chance, a sentence each.

    What sort a message is has nothing to do with where it goes. So if a server took b of all n
    wanted messages, and m of a sort came to a decision, none of those m came to it with the
    probability C(n, b) / C(n + m, b); see `relaydrill.drills.opportunity`.
    """
    by_sort: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in filtered:
        by_sort[attempt.sort].append(attempt)
    servers = (by for _, by in case.ledger.acceptances(case.flow, case.named))
    taken = Counter(by for by in servers if by)
    for sort, attempts in by_sort.items():
        refusers = {_refuser(case, attempt) for attempt in attempts}
        decisions = _decisions(case, sort, attempts)
        for server in sorted(taken.keys() - refusers):
            chance = silence_by_chance(taken[server], taken.total(), decisions)
            if chance >= LEVEL:
                yield (
                    f"chance may have led all {sort} mail past {server} ({chance:.0%}), which took"
                    f" {taken[server]} of {taken.total()} wanted messages: it takes more than"
                    f" {len(attempts)} {sort}"
                )


def _refuser(case: Case, attempt: Attempt) -> str:
    """The server that refused a message; a banner that refuses bears no name."""
    if attempt.phase == Phase.BANNER:
        return attempt.choice
    return case.answered_by(attempt) or attempt.server or attempt.choice


def _decisions(case: Case, sort: str, attempts: Sequence[Attempt]) -> int:
    """How many choices of a server there were behind messages of a sort that were refused.

    Wanted mail and what its own sender mixes into it go the same ways. A sender of its own that
    keeps to its choice has made one, however much it sends.
    """
    is_own_sender_s = sort == BLOCKED and case.topology.flows[case.flow].blocked_from
    if is_own_sender_s and any(is_a_keeper_s(attempt) for attempt in attempts):
        return len({(attempt.choice, attempt.member) for attempt in attempts})
    return len(attempts)


def _refuses_for_good(window: FaultWindow) -> bool:
    """Whether a fault makes a server answer 5xx to whatever comes."""
    fault = fault_of(window)
    reply = fault.reply if isinstance(fault, ServiceFault) else None
    return reply is not None and not reply.transient
