"""Mail that should be taken is not refused for good."""

from __future__ import annotations

from typing import Final

from relaydrill.documents.checks import RejectedFigures
from relaydrill.drills.checks.case import Case, replies_of
from relaydrill.drills.checks.encounters import by_whom, named
from relaydrill.ledger import Attempt
from relaydrill.sentences import number_of
from relaydrill.smtp import Phase
from relaydrill.verdict import Verdict, failed, passed

_OF_A_MESSAGE: Final = frozenset({Phase.MAIL, Phase.RCPT, Phase.DATA, Phase.BODY, Phase.REPLY})
"""Where a 5xx is the end of a message. Before that a mail server tries another host, or keeps it:
after a banner of 554 (RFC 5321 §3.1), or a login that fails (Postfix: smtp_sasl_auth_soft_bounce).
"""


def check_rejected(case: Case) -> Verdict | None:
    """No more of the flow's mail is refused for good than may be (`Expect.most_rejected`).

    A 5xx is the last word (RFC 5321 §4.2.1): a mail server returns the message to its author, who
    reads that there is no such recipient. However short the fault was, that mail does not come.
    """
    most = case.expect.most_rejected
    if most is None:
        return None
    found = case.attempts.matching(_is_rejected)
    figures: RejectedFigures = {"rejected": len(found), "of": len(case.attempts), "allowed": most}
    if not found:
        return passed("rejected", f"none of {len(case.attempts)} was refused for good", **figures)
    were = number_of(len(found), "was", "were")
    text = f"{len(found)} of {len(case.attempts)} {were} refused for good ({replies_of(found)})"
    if who := named(by_whom(case, found), len(found)):
        text += f", {who}"
    verdict = failed if len(found) > most else passed
    return verdict("rejected", f"{text}; allowed {most}: their senders give them up", **figures)


def _is_rejected(attempt: Attempt) -> bool:
    return attempt.refused_for_good and attempt.phase in _OF_A_MESSAGE
