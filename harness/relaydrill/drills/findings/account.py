"""Mail that was promised, and is not where it should be."""

from __future__ import annotations

from collections import Counter
from typing import Final

from relaydrill.drills.finding import Said
from relaydrill.drills.findings.wording import broken, row_title
from relaydrill.drills.judgement import FlowVerdict, Judgement
from relaydrill.ledger import Account, Entry
from relaydrill.sentences import listed, number_of

STRANDED: Final = "stranded"

_PROMISED: Final = (Account.LOST, Account.PHANTOM, Account.ALTERED, Account.DUPLICATED)
"""What an `Expect` promises of, in the order of its weight."""

KINDS: Final = frozenset({*map(str, _PROMISED), STRANDED})
"""Every kind of a finding about mail that is not where it should be."""


def kind_of(judgement: Judgement, flow: str) -> str:
    """The first thing that an account fails for: ``lost``."""
    counts = judgement.ledger.accounts(flow)
    expect = judgement.topology.expectation(flow)
    allowed = (expect.lost, expect.phantom, expect.altered, expect.duplicated)
    for account, most in zip(_PROMISED, allowed, strict=True):
        if most is not None and counts.get(account, 0) > most:
            return str(account)
    return STRANDED


def said(judgement: Judgement, kind: str, flows: list[FlowVerdict]) -> Said:
    """How many messages, by whom they were promised, and what would keep them."""
    names = listed(flow.flow for flow in flows)
    if kind == STRANDED:
        return _stranded(judgement, names)
    entries = [
        entry
        for flow in flows
        for entry in judgement.ledger.unusual(flow.flow)
        if entry.account is Account(kind)
    ]
    count = len(entries)
    by = Counter(entry.accepted[0][1] for entry in entries if entry.accepted)
    who = listed(f"{node} ({number})" for node, number in by.most_common(4))
    messages = f"{count} {number_of(count, 'message', 'messages')} of {names}"
    when = row_title(judgement)
    match kind:
        case "lost":
            return _lost(f"{when}: {messages} had been promised with 250", who, entries)
        case "phantom":
            return Said(
                f"{when}: {messages} had been refused and were delivered all the same",
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
                f"{when}: {messages} arrived more than once; accepted by {who}",
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


def _stranded(judgement: Judgement, names: str) -> Said:
    nodes = broken(judgement)
    where = listed(nodes)
    return Said(
        f"accepted mail of {names} lies on {where}, which "
        f"{number_of(len(nodes), 'is', 'are')} gone for good, and nobody else has a copy",
        "hubs that have a second one copy what they take (ack: shadow; Exchange 2013 and later), "
        "or a queue on storage that another server can take over",
    )
