"""Mail that was promised, and is not where it should be."""

from __future__ import annotations

from collections import Counter
from typing import Final

from relaydrill.drills.checks import Case
from relaydrill.drills.checks.account import (
    NOTHING_ARRIVED,
    STRANDED,
    STUCK,
    Accounts,
    nobody_known,
)
from relaydrill.drills.checks.exits import astray, last_with, whither, why
from relaydrill.drills.checks.queues import where, why_stuck
from relaydrill.drills.checks.rewriting import how_altered, to_declare
from relaydrill.drills.findings.wording import Wording, row_title
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.ledger import Account, Entry
from relaydrill.sentences import listed, number_of

_PROMISED: Final = (
    *(Account.LOST, Account.DISCARDED, Account.PHANTOM, Account.ALTERED, Account.DUPLICATED),
)

_TWICE: Final = 2

KINDS: Final = frozenset({*map(str, _PROMISED), STRANDED, STUCK, NOTHING_ARRIVED})
"""Every kind of a finding about mail that is not where it should be."""


def kind_of(judgement: Judgement, flow: str) -> str:
    """The first thing that an account fails for: ``lost``."""
    return next(iter(Accounts(_case(judgement, flow)).broken), NOTHING_ARRIVED)


def describe(judgement: Judgement, kind: str, flows: list[FlowVerdict]) -> Wording:
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
    who = listed(f"{node} ({number})" for node, number in by.most_common(4))
    who = who or nobody_known(entries)
    messages = f"{count} {number_of(count, 'message', 'messages')} of {names}"
    when = row_title(judgement)
    match kind:
        case "lost":
            case = _case(judgement, flows[0].flow)
            return _lost(case, f"{when}: {messages} had been promised with 250", who, entries)
        case "discarded":
            was = number_of(count, "was", "were")
            return Wording(
                f"{when}: {messages} had been promised with 250 and {was} thrown away on purpose "
                f"by {whither(entries)}{why(entries)}; accepted by {who}",
                "fix the rule, filter or transport that throws it away; if it should throw it"
                " away, give the flow a recipient whose mail is delivered",
            )
        case "phantom":
            return Wording(
                f"{when}: {messages} had been refused and {_fate_of_phantoms(entries)}",
                "a server that refuses before it keeps anything: what the sender tries again comes "
                "twice",
            )
        case "altered":
            return Wording(
                f"{when}: {messages} arrived {how_altered(entries)}; accepted by {who}",
                "look for what rewrites mail on the way: a gateway, a disclaimer, a filter, a"
                f" broken queue{to_declare(entries)}",
            )
        case _:
            return Wording(
                f"{when}: {messages} {_fate_of_doubles(entries)}; accepted by {who}",
                "a mailbox that detects duplicates by Message-ID, or fewer servers that resend "
                "what they are not sure of",
            )


def _lost(case: Case, promised: str, who: str, entries: list[Entry]) -> Wording:
    """Mail that is nowhere, or with others, and mail that a server gave up: its sender has it."""
    bounced = [entry for entry in entries if entry.bounce]
    told, remedies = [], []
    strangers = astray(case.ledger, entries)
    for whom, came in strangers.items():
        told.append(f"{_of(len(came), entries)}came to {whom}, to whom they were not sent")
    if strangers:
        remedies.append("find out what puts another recipient in: a rule, an alias, a catch-all")
    elsewhere = set[str]().union(*strangers.values())
    if gone := sum(not entry.bounce and entry.message not in elsewhere for entry in entries):
        told.append(f"{_of(gone, entries)}{number_of(gone, 'is', 'are')} nowhere")
        remedies.append(
            "servers that store a message, or have a second server copy it, before they answer"
        )
    if given_up := len(bounced):
        was = number_of(given_up, "was", "were")
        told.append(f"{_of(given_up, entries)}{was} given up, the first {bounced[0].bounce}")
        remedies.append("find out why they were given up: no route to the domain, or a refusal")
    if takers := last_with(case, entries):
        took = (f"{_of(count, entries)}passed on to {taker}" for taker, count in takers.items())
        who = f"{who}, {', '.join(took)}"
    return Wording(f"{promised} and {' and '.join(told)}; accepted by {who}", "; ".join(remedies))


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


def _undelivered(judgement: Judgement, kind: str, flows: list[FlowVerdict]) -> Wording:
    """Mail that was promised and lies in a queue, or of which nothing arrived."""
    names = listed(flow.flow for flow in flows)
    cases = [_case(judgement, flow.flow) for flow in flows]
    accounts = [Accounts(case) for case in cases]
    entries = [entry for each in accounts for entry in each.found[kind]]
    lie = where(entries)
    are = "are" if " and " in lie else "is"
    match kind:
        case "stranded":
            return Wording(
                f"accepted mail of {names} lies on {lie}, which {are} gone for good, and nobody "
                "else has a copy",
                "hubs that have a second one copy what they take (ack: shadow; Exchange 2013 and "
                "later), or a queue on storage that another server can take over",
            )
        case "stuck":
            messages = f"{len(entries)} {number_of(len(entries), 'message', 'messages')}"
            waits = number_of(len(entries), "waits", "wait")
            return Wording(
                f"{row_title(judgement)}: {messages} of {names} still {waits} on {lie}, which "
                f"{are} up, after the time to settle, {why_stuck(cases[0], entries)}",
                "a second route for this mail, or a fix of what refuses it; where mail may wait"
                " for long: expect: {stuck: null}",
            )
        case _:
            return Wording(
                f"{row_title(judgement)}: of {names} nothing was delivered of all that was "
                "accepted",
                "fix this first: a tier that delivers nothing has not been tested",
            )


def _case(judgement: Judgement, flow: str) -> Case:
    return Case(judgement.topology, judgement.drill, flow, judgement.ledger)
