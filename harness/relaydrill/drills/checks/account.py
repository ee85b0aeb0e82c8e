"""What became of every message."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Final

from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.queues import (
    Remains,
    reasons_of,
    remains_of,
    second_copies,
    where,
    why_stuck,
)
from relaydrill.ledger import Account, Entry
from relaydrill.sentences import listed, number_of
from relaydrill.smtp import Result
from relaydrill.verdict import Verdict, failed, passed, unknown

STRANDED: Final = "stranded"
STUCK: Final = "stuck"
NOTHING_ARRIVED: Final = "nothing arrived"

_PROMISED: Final = (Account.LOST, Account.PHANTOM, Account.ALTERED, Account.DUPLICATED)


class Accounts:
    """The accounts of one flow, and which of them break a promise."""

    def __init__(self, case: Case) -> None:
        self._case = case
        self.entries = [*case.ledger.unusual(case.flow)]
        self.counts = case.ledger.accounts(case.flow)
        self.found: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.entries:
            self.found[entry.account].append(entry)
        self.remains: Remains = remains_of(case)
        self.found[STRANDED] = self.remains.stranded
        self.found[STUCK] = self.remains.stuck

    @cached_property
    def broken(self) -> list[str]:
        """What the flow promises and does not keep, the gravest first."""
        case, expect = self._case, self._case.expect
        bounds = (expect.lost, expect.phantom, expect.altered, expect.duplicated)
        allowed: dict[str, int | None] = {
            **dict(zip(_PROMISED, bounds, strict=True)),
            STRANDED: expect.stranded,
            STUCK: expect.stuck,
        }
        broken = [
            str(what)
            for what, most in allowed.items()
            if most is not None and len(self.found[what]) > most
        ]
        if broken or not case.attempts.acceptances or self.has_arrived:
            return broken
        # However much of it is allowed: a flow that delivers nothing has not been held up.
        nowhere = {*map(id, (*self.found[Account.LOST], *self.remains.stuck))}
        promised = [each for each in self.entries if each.saw is Result.ACCEPTED]
        self.found[NOTHING_ARRIVED] = promised
        return [NOTHING_ARRIVED] if all(id(each) in nowhere for each in promised) else []

    @cached_property
    def has_arrived(self) -> bool:
        """Whether anything arrived that was accepted."""
        if self.counts.get(Account.DELIVERED) or self.counts.get(Account.ALTERED):
            return True
        return any(each.arrived for each in self.found[Account.DUPLICATED])

    @cached_property
    def doubt(self) -> str:
        """Why what the flow promises is not shown to be kept, though nothing shows it broken."""
        case, counts, expect = self._case, self.counts, self._case.expect
        if not case.attempts.acceptances:
            return "nothing was accepted"
        if counts.get(Account.UNOBSERVED):
            return "accepted, delivery not observed"
        if counts.get(Account.MISSING):
            return "what is missing has not arrived by the end, and not every queue could be seen"
        for known, doubtful, most in (
            (self.remains.stuck, self.remains.unsettled, expect.stuck),
            (self.remains.stranded, self.remains.kept, expect.stranded),
        ):
            if most is not None and doubtful and len(known) + len(doubtful) > most:
                still = number_of(len(doubtful), "is", "are")
                return f"{len(doubtful)} {still} still queued: {reasons_of(doubtful)}"
        if not self.has_arrived:
            return "nothing of what was accepted arrived"
        if expect.duplicated is not None and (coming := second_copies(case)):
            return f"a second copy might still come: {'; '.join(coming)}"
        return ""

    @cached_property
    def told(self) -> str:
        """How many messages ended in each account, and where those lie that are in queues."""
        told = [", ".join(f"{count} {account}" for account, count in self.counts.items())]
        if stranded := self.remains.stranded:
            gone = where(stranded)
            are = "are" if " and " in gone else "is"
            told.append(f"{len(stranded)} of them stranded on {gone}, which {are} gone for good")
        if stuck := self.remains.stuck:
            why = why_stuck(self._case, stuck)
            told.append(f"{len(stuck)} of them stuck on {where(stuck)}, {why}")
        phantoms = [each for each in self.found[Account.PHANTOM] if each.queued_on]
        copies = [each for each in self.found[Account.DUPLICATED] if each.queued_on]
        for kind, queued in (("phantom", phantoms), ("duplicated", copies)):
            if queued:
                told.append(f"{len(queued)} of the {kind} queued on {where(queued)}")
        if waiting := [each for each in self.entries if each.waits_on]:
            on = listed(dict.fromkeys(node for each in waiting for node in each.waits_on))
            told.append(f"{len(waiting)} of them not sent yet by {on}")
        if resubmitted := sum(entry.is_resubmitted for entry in self.entries):
            told.append(f"{resubmitted} of them sent from shadow copies")
        return "; ".join(told)


def check_account(case: Case) -> Verdict | None:
    """Every accepted message is accounted for.

    None is lost, phantom, altered, stranded or stuck, and some were delivered.
    """
    accounts = Accounts(case)
    told = accounts.told
    figures = {str(account): count for account, count in accounts.counts.items()}
    if accounts.broken:
        example = accounts.found[accounts.broken[0]][0]
        trail = ", ".join(dict.fromkeys(node for _, node in example.accepted)) or "no node"
        text = f"{' and '.join(accounts.broken)}: {told}; one of them is {example.message}"
        bounce = f", {example.bounce}" if example.bounce else ""
        return failed("account", f"{text}, accepted by {trail}{bounce}", **figures)
    if accounts.doubt:
        return unknown("account", f"{accounts.doubt}: {told or 'no messages'}", **figures)
    return passed("account", told, **figures)
