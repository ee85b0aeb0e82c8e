"""What became of every message."""

from __future__ import annotations

from relaydrill.drills.checks.case import Case
from relaydrill.ledger import Account
from relaydrill.verdict import Verdict, failed, passed, unknown


def check_account(case: Case) -> Verdict | None:
    """Every accepted message is accounted for, and none is lost, phantom or altered."""
    counts = case.ledger.accounts(case.flow)
    figures = {str(account): count for account, count in counts.items()}
    expect = case.expect
    allowed = {
        Account.LOST: expect.lost,
        Account.PHANTOM: expect.phantom,
        Account.ALTERED: expect.altered,
        Account.DUPLICATED: expect.duplicated,
    }
    told = ", ".join(f"{count} {account}" for account, count in counts.items())
    broken = [
        account
        for account, most in allowed.items()
        if most is not None and counts.get(account, 0) > most
    ]
    if broken:
        names = " and ".join(broken)
        example = next(e for e in case.ledger.of_flow(case.flow) if e.account is broken[0])
        trail = ", ".join(dict.fromkeys(node for _, node in example.accepted)) or "no node"
        text = f"{names}: {told}; one of them is {example.message}, accepted by {trail}"
        return failed("account", text, **figures)
    if not any(attempt.accepted for attempt in case.attempts):
        return unknown("account", f"nothing was accepted: {told or 'no messages'}", **figures)
    return passed("account", told, **figures)
