"""Which messages came to somebody to whom they were not sent, and what that leaves open. Pure.

Such an arrival is either a copy for somebody else (an archive, a Bcc), or the recipient's own
mailbox under a name that nobody told us (an alias). Which of the two, the evidence tells in two
ways: it is declared; or the address got mail, time and again, that had arrived for all of its own
recipients as well: what comes in addition is a copy. Of any other it is not known, and so it is not
known, either, what became of a message that was seen only there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Final

from relaydrill.smtp import Result

if TYPE_CHECKING:
    from relaydrill.ledger.book import Ledger
    from relaydrill.ledger.entries import Entry

_TIMES: Final = 3
"""So many messages that an address got in addition are no message that came twice by mistake."""


def find_elsewhere(ledger: Ledger) -> None:
    """Leave out of a ledger's copies what was an arrival, and tell each entry of the others."""
    if not ledger.copies and not ledger.queues.looks:
        return
    own = {
        (entry.message, box) for entry in ledger.whole.values() for box in entry.mailboxes if box
    }
    ledger.copies = [each for each in ledger.copies if (each.message, each.recipient) not in own]
    seen, nameless = _seen(ledger), _nameless(ledger)
    if not seen and not nameless:
        return
    known = _in_addition(ledger, seen)
    for entry in ledger.whole.values():
        if entry.saw is Result.ACCEPTED and not entry.has_arrived and not entry.queued_on:
            queues = nameless.get(entry.recipient, ())
            entry.elsewhere = (*_open(entry, seen, known), *queues)


def _nameless(ledger: Ledger) -> dict[str, list[str]]:
    """By recipient: the queues in which something lies for them of which nobody knows what it is.

    A queue tells its own ids, and not every server has told ours in its replies.
    """
    found: dict[str, list[str]] = defaultdict(list)
    for node, look in sorted(ledger.queues.looks.items()):
        for message, recipient in look.items:
            if not message:
                found[recipient].append(f"the queue of {node}, under an unknown queue id")
    return found


def _seen(ledger: Ledger) -> dict[str, dict[str, str]]:
    """By message: at whom it was seen that may be its recipient, and the words for that."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for each in ledger.copies:
        if not each.is_declared:
            found[each.message][each.recipient] = each.recipient or f"a mailbox of {each.node}"
    declared = {(each.message, each.recipient) for each in ledger.copies if each.is_declared}
    messages = {entry.message for entry in ledger.whole.values()}
    for look in ledger.queues.looks.values():
        for message, recipient in look.items:
            key = (message, recipient)
            if message in messages and key not in ledger.whole and key not in declared:
                found[message][recipient] = recipient
    return found


def _in_addition(ledger: Ledger, seen: dict[str, dict[str, str]]) -> set[str]:
    """The addresses that got what had arrived for all of its own recipients as well."""
    times = Counter(
        recipient
        for message, recipients in seen.items()
        if ledger.has_all_arrived(message)
        for recipient in recipients
        if recipient
    )
    return {recipient for recipient, count in times.items() if count >= _TIMES}


def _open(entry: Entry, seen: dict[str, dict[str, str]], known: set[str]) -> tuple[str, ...]:
    found = seen.get(entry.message, {})
    boxes = {*entry.mailboxes, *entry.needs}
    return tuple(
        sorted(
            word
            for recipient, word in found.items()
            if recipient not in known and recipient not in boxes
        )
    )
