"""What became of every message."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from relaydrill.drills.checks.case import Case
from relaydrill.ledger import Account, Entry
from relaydrill.smtp import Result
from relaydrill.verdict import Verdict, failed, passed, unknown

_STRANDED: Final = "stranded"


def check_account(case: Case) -> Verdict | None:
    """Every accepted message is accounted for, and none is lost, phantom, altered or stranded."""
    entries = list(case.ledger.unusual(case.flow))
    by_account: dict[Account, list[Entry]] = defaultdict(list)
    for entry in entries:
        by_account[entry.account].append(entry)
    stranded = [entry for entry in by_account[Account.QUEUED] if _is_stranded(case, entry)]
    counts = case.ledger.accounts(case.flow)
    figures = {str(account): count for account, count in counts.items()}
    told = ", ".join(f"{count} {account}" for account, count in counts.items())
    if stranded:
        where = ", ".join(dict.fromkeys(node for entry in stranded for node in entry.queued_on))
        told += f"; {len(stranded)} of them stranded on {where}, which is gone for good"
    if resubmitted := sum(entry.is_resubmitted for entry in entries):
        told += f"; {resubmitted} of them sent from shadow copies"
    expect = case.expect
    found: dict[str, list[Entry]] = {
        account: by_account[account]
        for account in (Account.LOST, Account.PHANTOM, Account.ALTERED, Account.DUPLICATED)
    }
    found[_STRANDED] = stranded
    allowed = (
        (Account.LOST, expect.lost),
        (Account.PHANTOM, expect.phantom),
        (Account.ALTERED, expect.altered),
        (Account.DUPLICATED, expect.duplicated),
        (_STRANDED, expect.stranded),
    )
    broken = [what for what, most in allowed if most is not None and len(found[what]) > most]
    if broken:
        example = found[broken[0]][0]
        trail = ", ".join(dict.fromkeys(node for _, node in example.accepted)) or "no node"
        text = f"{' and '.join(broken)}: {told}; one of them is {example.message}"
        bounce = f", {example.bounce}" if example.bounce else ""
        return failed("account", f"{text}, accepted by {trail}{bounce}", **figures)
    if not case.attempts.acceptances:
        return unknown("account", f"nothing was accepted: {told or 'no messages'}", **figures)
    if counts.get(Account.UNOBSERVED):
        return unknown("account", f"accepted, delivery not observed: {told}", **figures)
    if counts.get(Account.MISSING):
        text = "not arrived by the end, and not every queue could be looked into"
        return unknown("account", f"{told}; what is missing has {text}", **figures)
    return passed("account", told, **figures)


def _is_stranded(case: Case, entry: Entry) -> bool:
    """Whether a message that was promised, and is queued, lies only where nobody will send it."""
    gone = {spec.node for spec in case.drill.faults if spec.for_good}
    return set(entry.queued_on) <= gone and entry.saw is Result.ACCEPTED
