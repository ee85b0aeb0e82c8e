"""Mail that left what can be seen, and copies for others: who has it, in words."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from relaydrill.drills.checks.case import Case
from relaydrill.ledger import Copy, Entry, Ledger
from relaydrill.sentences import listed, number_of
from relaydrill.topology.routing import routes_for

_SHOWN: Final = 3
"""So many names say enough in a sentence."""


def whither(entries: Iterable[Entry], at: str = " on ") -> str:
    """``discard on ht1 (43) and a milter on ht2``: who threw mail away, or has it now.

    Args:
        entries: Messages of one account.
        at: What stands before the server whose word it is.
    """
    counts = Counter(
        (entry.exit.to, entry.exit.node) for entry in entries if entry.exit is not None
    )
    names = [
        at.join(filter(None, who)) + (f" ({count})" if len(counts) > 1 else "")
        for who, count in counts.most_common(_SHOWN)
    ]
    return listed(names)


def why(entries: Iterable[Entry]) -> str:
    """What was said of it most often, for the end of a sentence; empty where nothing was."""
    counts = Counter(entry.exit.said for entry in entries if entry.exit and entry.exit.said)
    return f": {counts.most_common(1)[0][0]}" if counts else ""


def astray(ledger: Ledger, entries: Iterable[Entry]) -> dict[str, set[str]]:
    """Which of some messages came to somebody else in place of their recipient, by whom.

    Args:
        ledger: All mail.
        entries: Those that did not arrive.
    """
    missing = {entry.message for entry in entries}
    found: dict[str, set[str]] = defaultdict(set)
    for other in ledger.whole.values():
        if other.message in missing and other.arrived and not other.attempts:
            found[other.recipient].add(other.message)
    return dict(sorted(found.items()))


def last_with(case: Case, entries: Iterable[Entry]) -> dict[str, int]:
    """How many of some messages were passed on by whoever accepted them, by what took them next.

    As far as routes say it: the names of a server's next hops, joined where there are several.

    Args:
        case: The flow of a drill.
        entries: Those that did not arrive.
    """
    found = Counter[str]()
    for entry in entries:
        if entry.relayed and not entry.bounced:
            by, domain = entry.relayed[-1][0], entry.recipient.rpartition("@")[2]
            routes = routes_for(case.topology, by, domain) if by in case.topology.nodes else ()
            found[" or ".join(dict.fromkeys(hop for each in routes for hop in each.hops))] += 1
    return {taker: count for taker, count in found.items() if taker}


def copies(case: Case) -> dict[str, int]:
    """How many copies of a flow's messages came to each of those to whom they were not sent."""
    found = Counter(
        each.recipient or f"a mailbox of {each.node}"
        for each in case.ledger.copies_of(case.flow)
        if not each.marks
    )
    return dict(sorted(found.items()))


def of_several(case: Case) -> str:
    """That what arrived bears the marks of several messages, one of them a flow's.

    It is one of them, and was changed on its way; which one, nobody can tell.

    Returns:
        A sentence; empty where nothing is like that.
    """
    marks = [*dict.fromkeys(each.marks for each in case.ledger.copies_of(case.flow) if each.marks)]
    if not marks:
        return ""
    more = f", and {len(marks) - 1} more like it" if len(marks) > 1 else ""
    return f"what arrived bears the marks of {listed(marks[0])}{more}: nobody can tell which it is"


def copies_told(counts: dict[str, int]) -> str:
    """``44 copies to archive@contoso.com``; empty for none."""
    return ", ".join(
        f"{count} {number_of(count, 'copy', 'copies')} to {whom}" for whom, count in counts.items()
    )


def seen_at(entry: Entry) -> tuple[str, ...]:
    """Where a message was seen without its account being known for it."""
    return entry.elsewhere or tuple(dict.fromkeys(filter(None, entry.mailboxes)))


def open_told(entries: list[Entry], copies_: Iterable[Copy]) -> str:
    """Where messages were seen of which nobody knows whether they arrived, and what to declare.

    Args:
        entries: Messages whose end is not known.
        copies_: What came to somebody to whom it was not sent, or to nobody knows whom.
    """
    places = [*dict.fromkeys(place for entry in entries for place in seen_at(entry))]
    were = number_of(len(entries), "was", "were")
    said = f"{len(entries)} {were} seen only at {listed(places[:_SHOWN])}"
    named = [place for place in places if "@" in place][:_SHOWN]
    if not named:
        hint = next((each.said for each in copies_ if each.said), "")
        return f"{said}" + (f": {hint}" if hint else "")
    to = listed(dict.fromkeys(box for each in entries for box in each.lacking or [each.recipient]))
    first = entries[0].recipient
    flow = ", ".join(named)
    return (
        f"{said}, and not at {to}: if that is where it is to arrive, declare under attach:"
        f" recipients: {{{first}: [{flow}]}}; if it only gets copies, copies: [{flow}]"
    )
