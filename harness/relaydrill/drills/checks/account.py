"""What became of every message."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Any, Final

from relaydrill.drills.checks import exits
from relaydrill.drills.checks.blame import fault_of
from relaydrill.drills.checks.case import Case
from relaydrill.drills.checks.queues import (
    Remains,
    reasons_of,
    remains_of,
    second_copies,
    where,
    why_stuck,
)
from relaydrill.drills.checks.rewriting import rewriting
from relaydrill.faults import MachineFault, Power
from relaydrill.ledger import Account, Entry, FaultWindow
from relaydrill.sentences import listed, number_of
from relaydrill.smtp import Result
from relaydrill.verdict import Verdict, failed, passed, unknown

STRANDED: Final = "stranded"
STUCK: Final = "stuck"
NOTHING_ARRIVED: Final = "nothing arrived"

_PROMISED: Final = (Account.LOST, Account.PHANTOM, Account.ALTERED, Account.DUPLICATED)

_GONE: Final = (Account.LOST, Account.DISCARDED)
"""Both count as lost: nobody will have it."""


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
        self.copies = exits.copies(case)
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
        gone = sum(len(self.found[each]) for each in _GONE)
        broken = [str(each) for each in _GONE if self.found[each] and gone > expect.lost]
        broken += [
            str(what)
            for what, most in allowed.items()
            if what not in _GONE and most is not None and len(self.found[what]) > most
        ]
        if broken or not case.attempts.acceptances or self.has_arrived:
            return broken
        # However much of it is allowed: a flow that delivers nothing has not been held up.
        lost, discarded = (self.found[each] for each in _GONE)
        nowhere = {*map(id, (*lost, *discarded, *self.remains.stuck))}
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
            # Of a flow whose mail is to be refused, nothing was to be.
            return self._what_may_hide() if expect.refusal else "nothing was accepted"
        if counts.get(Account.UNOBSERVED):
            return self._why_unobserved()
        if handed := self.found[Account.HANDED_ON]:
            to = exits.whither(handed, " by ")
            return f"{len(handed)} handed on to {to}, and its own log is not at hand"
        if counts.get(Account.MISSING):
            return "what is missing has not arrived by the end, and not every queue could be seen"
        for known, doubtful, most in (
            (self.remains.stuck, self.remains.unsettled, expect.stuck),
            (self.remains.stranded, self.remains.kept, expect.stranded),
        ):
            if most is not None and doubtful and len(known) + len(doubtful) > most:
                still = number_of(len(doubtful), "is", "are")
                return f"{len(doubtful)} {still} still queued: {reasons_of(doubtful)}"
        if expect.stuck is not None and len(kept := self._kept_by_senders) > expect.stuck:
            on = listed(sorted({node for each in kept for node in each.waits_on}))
            return f"{len(kept)} of them had not left {on} by the end"
        if not self.has_arrived:
            return "nothing that was accepted arrived"
        if expect.duplicated is not None and (coming := second_copies(case)):
            return f"a second copy might still come: {'; '.join(coming)}"
        return exits.of_several(case) or self._what_may_hide()

    @property
    def _kept_by_senders(self) -> list[Entry]:
        """What its own sender still keeps at the end, and nobody else has: nobody knows its end."""
        return [
            each
            for each in self.entries
            if each.waits_on and not each.has_arrived and not each.queued_on
        ]

    def _why_unobserved(self) -> str:
        """Why mail was not seen to arrive that may well have arrived."""
        if elsewhere := [each for each in self.found[Account.UNOBSERVED] if exits.seen_at(each)]:
            return exits.open_told(elsewhere, self._case.ledger.copies_of(self._case.flow))
        if unread := self._case.ledger.unread:
            count = self.counts[Account.UNOBSERVED]
            return f"{count} not seen to arrive, and not all was read: {'; '.join(unread)}"
        return "accepted, delivery not observed"

    def _what_may_hide(self) -> str:
        """What may stand in a log that was not read whole, where all that was accepted arrived."""
        unread = "; ".join(self._case.ledger.unread)
        refused = (Account.REFUSED, Account.NOT_ACCEPTED)
        if unread and any(self.counts.get(each) for each in refused):
            return f"what was refused may have arrived where not all was read: {unread}"
        return ""

    @cached_property
    def text(self) -> str:
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
        told += rewriting(self.entries)
        if resubmitted := sum(entry.is_resubmitted for entry in self.entries):
            told.append(f"{resubmitted} of them sent from shadow copies")
        return "; ".join(filter(None, (*told, *self._exits_told(), exits.copies_told(self.copies))))

    def _exits_told(self) -> Iterator[str]:
        """Who lost mail, threw it away or has it now, and which of several mailboxes lack it."""
        if lost := self.found[Account.LOST]:
            for whom, came in exits.astray(self._case.ledger, lost).items():
                yield f"{len(came)} of the lost came to {whom}, to whom they were not sent"
            for taker, count in exits.last_with(self._case, lost).items():
                yield f"{count} of the lost had been passed on to {taker}"
            for node, count in self._lost_with_disks(lost).items():
                yield f"{count} of the lost lay on {node} when its disk was lost"
        if discarded := self.found[Account.DISCARDED]:
            yield f"discarded by {exits.whither(discarded)}{exits.why(discarded)}"
        if handed := self.found[Account.HANDED_ON]:
            yield f"handed on to {exits.whither(handed, ' by ')}{exits.why(handed)}"
        if some := [entry for entry in self.entries if entry.needs and entry.lacking]:
            lacking = listed(sorted({box for entry in some for box in entry.lacking}))
            yield f"{len(some)} of them did not come to {lacking}, who must get them, too"

    def _lost_with_disks(self, lost: Iterable[Entry]) -> Counter[str]:
        """How many messages nodes had taken, and not passed on, when they lost their disks."""
        gone = {
            each.node: each.injected
            for each in self._case.ledger.faults
            if each.injected is not None and _is_a_lost_disk(each)
        }
        return Counter(
            taker
            for entry in lost
            for moment, taker in entry.accepted[-1:]
            if moment <= gone.get(taker, float("-inf"))
            and taker not in {node for node, _ in entry.relayed}
        )


def _is_a_lost_disk(window: FaultWindow) -> bool:
    fault = fault_of(window)
    return isinstance(fault, MachineFault) and fault.power is Power.LOSE_DISK


def nobody_known(entries: Iterable[Entry]) -> str:
    """Who promised messages that no node tells of having: ``no node (a banner said gw.corp)``."""
    tried = (each for entry in entries for each in entry.attempts if each.accepted)
    banners = [*dict.fromkeys(each.server for each in tried if each.server)]
    return "no node" + (f" (a banner said {listed(banners[:2])})" if banners else "")


def check_account(case: Case) -> Verdict | None:
    """Every accepted message is accounted for.

    None is lost, discarded, phantom, altered, stranded or stuck, and some were delivered.
    """
    accounts = Accounts(case)
    told = accounts.text
    figures: dict[str, Any] = {str(what): count for what, count in accounts.counts.items()}
    if accounts.copies:
        figures["copies"] = accounts.copies
    if accounts.broken:
        example = accounts.found[accounts.broken[0]][0]
        trail = ", ".join(dict.fromkeys(node for _, node in example.accepted))
        trail = trail or nobody_known([example])
        text = f"{' and '.join(accounts.broken)}: {told}; one of them is {example.message}"
        bounce = f", {example.bounce}" if example.bounce else ""
        return failed("account", f"{text}, accepted by {trail}{bounce}", **figures)
    if accounts.doubt:
        return unknown("account", f"{accounts.doubt}: {told or 'no messages'}", **figures)
    return passed("account", told, **figures)
