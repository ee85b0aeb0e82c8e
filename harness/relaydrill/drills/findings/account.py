"""Mail that was promised, and is not where it should be."""

from __future__ import annotations

from collections import Counter
from typing import Final

from relaydrill.drills.checks import Case
from relaydrill.drills.checks.account import NOTHING_ARRIVED, STRANDED, STUCK, Accounts
from relaydrill.drills.checks.queues import where, why_stuck
from relaydrill.drills.finding import Said
from relaydrill.drills.findings.wording import row_title
from relaydrill.drills.judgement import FlowVerdict, Judgement
from relaydrill.ledger import Account, Entry
from relaydrill.sentences import listed, number_of

_PROMISED: Final = (Account.LOST, Account.PHANTOM, Account.ALTERED, Account.DUPLICATED)

_TWICE: Final = 2

KINDS: Final = frozenset({*map(str, _PROMISED), STRANDED, STUCK, NOTHING_ARRIVED})
"""Every kind of a finding about mail that is not where it should be."""


def kind_of(judgement: Judgement, flow: str) -> str:
    """The first thing that an account fails for: ``lost``."""
    return next(iter(Accounts(_case(judgement, flow)).broken), NOTHING_ARRIVED)


def said(judgement: Judgement, kind: str, flows: list[FlowVerdict]) -> Said:
    """How many messages, by whom they were promised, and what would keep them."""
    names = listed(flow.flow for flow in flows)
    if kind in (STRANDED, STUCK, NOTHING_ARRIVED):
        return _undelivered(judgement, kind, flows)
    entries = [
        entry
        for flow in flows
        for entry in judgement.ledger.unusual(flow.flow)
        if entry.account is Account(kind)
    ]
    count = len(entries)
    by = Counter(entry.accepted[0][1] for entry in entries if entry.accepted)
    who = listed(f"{node} ({number})" for node, number in by.most_common(4)) or "no node"
    messages = f"{count} {number_of(count, 'message', 'messages')} of {names}"
    when = row_title(judgement)
    match kind:
        case "lost":
            return _lost(f"{when}: {messages} had been promised with 250", who, entries)
        case "phantom":
            return Said(
                f"{when}: {messages} had been refused and {_fate_of_phantoms(entries)}",
                "a server that refuses before it keeps anything: what the sender tries again comes "
                "twice",
            )
        case "altered":
            return Said(
                f"{when}: {messages} arrived with another body than was sent; accepted by {who}",
                "look for what rewrites bodies on the way: a disclaimer, a filter, a broken queue",
            )
        case _:
            return Said(
                f"{when}: {messages} {_fate_of_doubles(entries)}; accepted by {who}",
                "a mailbox that detects duplicates by Message-ID, or fewer servers that resend "
                "what they are not sure of",
            )


def _lost(promised: str, who: str, entries: list[Entry]) -> Said:
    """Mail that is nowhere, and mail that a server gave up, which went back to its sender."""
    bounced = [entry for entry in entries if entry.bounce]
    told, remedies = [], []
    if gone := len(entries) - len(bounced):
        told.append(f"{_of(gone, entries)}{number_of(gone, 'is', 'are')} nowhere")
        remedies.append(
            "servers that store a message, or have a second server copy it, before they answer"
        )
    if given_up := len(bounced):
        was = number_of(given_up, "was", "were")
        told.append(f"{_of(given_up, entries)}{was} given up, the first {bounced[0].bounce}")
        remedies.append("look at why they were given up: no route to the domain, or a refusal")
    return Said(f"{promised} and {' and '.join(told)}; accepted by {who}", "; ".join(remedies))


def _of(some: int, entries: list[Entry]) -> str:
    """``2 of them``, where it is not all of them."""
    return "" if some == len(entries) else f"{some} of them "


def _fate_of_phantoms(entries: list[Entry]) -> str:
    """Delivered all the same, or still in a queue."""
    queued = [entry for entry in entries if not entry.arrived]
    if not queued:
        return "were delivered all the same"
    some = "" if len(queued) == len(entries) else f"{len(queued)} of them "
    lie = f"{some}{number_of(len(queued), 'lies', 'lie')} queued on {where(queued)} all the same"
    return lie if len(queued) == len(entries) else f"were delivered all the same, or {lie}"


def _fate_of_doubles(entries: list[Entry]) -> str:
    """Arrived more than once, or about to."""
    queued = [entry for entry in entries if len(entry.arrived) < _TWICE]
    if not queued:
        return "arrived more than once"
    if len(queued) == len(entries):
        return f"are there more than once, with a copy queued on {where(queued)}"
    return f"arrived more than once, {len(queued)} of them with a copy queued on {where(queued)}"


def _undelivered(judgement: Judgement, kind: str, flows: list[FlowVerdict]) -> Said:
    """Mail that was promised and lies in a queue, or of which nothing arrived."""
    names = listed(flow.flow for flow in flows)
    cases = [_case(judgement, flow.flow) for flow in flows]
    accounts = [Accounts(case) for case in cases]
    entries = [entry for each in accounts for entry in each.found[kind]]
    lie = where(entries)
    are = "are" if " and " in lie else "is"
    match kind:
        case "stranded":
            return Said(
                f"accepted mail of {names} lies on {lie}, which {are} gone for good, and nobody "
                "else has a copy",
                "hubs that have a second one copy what they take (ack: shadow; Exchange 2013 and "
                "later), or a queue on storage that another server can take over",
            )
        case "stuck":
            messages = f"{len(entries)} {number_of(len(entries), 'message', 'messages')}"
            waits = number_of(len(entries), "waits", "wait")
            return Said(
                f"{row_title(judgement)}: {messages} of {names} still {waits} on {lie}, which "
                f"{are} up, after the time to settle, {why_stuck(cases[0], entries)}",
                "a second way to where the mail goes, or mending what turns it away; where mail "
                "may wait for long: expect: {stuck: null}",
            )
        case _:
            return Said(
                f"{row_title(judgement)}: of {names} nothing was delivered of all that was "
                "accepted",
                "mend this first: what delivers nothing at all has not been drilled",
            )


def _case(judgement: Judgement, flow: str) -> Case:
    return Case(judgement.topology, judgement.drill, flow, judgement.ledger)
