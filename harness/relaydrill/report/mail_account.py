"""The tables of the account of Postfix's, Exim's and HAProxy's logs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console

from relaydrill.ledger import counted
from relaydrill.mail_account.result import Fate, MailAccount
from relaydrill.report.tables import Column, row, show_table
from relaydrill.sentences import messages_accounted

_MOST_SHOWN: Final = 50
_ALWAYS: Final = {
    "messages": "messages",
    "delivered": "delivered",
    "handed on": "handed_on",
    "queued": "queued",
    "failed": "failed",
}
_IF_ANY: Final = {
    "discarded": "discarded",
    "held": "held",
    "refused": "refused",
    "untold": "untold",
    "put off": "deferrals",
}


def show_mail_account(found: MailAccount, on: Console) -> None:
    """What each server did, what became of every message, and what was not delivered by name."""
    if found.servers:
        _show_servers(found, on)
    for name, sessions in found.balancers.items():
        _show_balanced(name, sessions, on)
    for name, changes in found.changes.items():
        _some(name, changes, on)
    _some("Note", found.remarks, on)
    _some("Not whole", found.unread, on)
    for fate in found.undelivered[:_MOST_SHOWN]:
        on.print(f"  {_line(fate)}", soft_wrap=True, markup=False)
    listed = sum(found.counts[name] for name in found.ordered if name not in _NOT_LISTED)
    if (more := listed - min(len(found.undelivered), _MOST_SHOWN)) > 0:
        on.print(f"  and {more} more; --json shows up to 10,000")
    if any(found.copies.values()):
        counts = counted({name: count for name, count in found.copies.items() if count})
        on.print(f"Copies for others, not judged: {counts}", soft_wrap=True, markup=False)
    counts = counted(found.ordered) or "none"
    on.print(f"{messages_accounted(found.total)}: {counts}", soft_wrap=True)
    on.print(f"account: {found.status}")


_NOT_LISTED: Final = ("delivered", "refused")


def _some(label: str, lines: Sequence[str], on: Console) -> None:
    for each in lines[:_MOST_SHOWN]:
        on.print(f"{label}: {each}", soft_wrap=True, markup=False)
    if (more := len(lines) - _MOST_SHOWN) > 0:
        on.print(f"  and {more} more; --json shows all")


def _show_servers(found: MailAccount, on: Console) -> None:
    shown = dict(_ALWAYS)
    for heading, key in _IF_ANY.items():
        if any(counts[key] for counts in found.servers.values()):
            shown[heading] = key
    columns = [Column("server", is_key=True), *(Column(each, justify="right") for each in shown)]
    rows = [
        row(name, *(str(counts[key]) for key in shown.values()))
        for name, counts in found.servers.items()
    ]
    show_table(columns, rows, on)


def _show_balanced(name: str, sessions: dict[str, Counter[str]], on: Console) -> None:
    columns = [
        Column(f"by {name} to", is_key=True),
        *(Column(each, justify="right") for each in ("sessions", "broken off")),
    ]
    rows = [
        row(server, str(counts["sessions"]), str(counts["broken_off"]))
        for server, counts in sorted(sessions.items())
    ]
    show_table(columns, rows, on)


def _line(fate: Fate) -> str:
    leg = fate.leg
    what = leg.message or f"queue id {leg.queue_id}"
    whom = leg.recipient or "recipients whom no line names"
    alias = f" (sent to {leg.original})" if leg.original and leg.original != leg.recipient else ""
    by = f" by {leg.by}" if leg.by and fate.account in _BY else ""
    to = f" to {leg.by}" if leg.by and fate.account in _TO else ""
    times = f", arrived {fate.arrived} times" if fate.arrived > 1 else ""
    note = f"; {fate.note}" if fate.note else ""
    said = f" ({leg.said})" if leg.said else ""
    when = f", {_time(fate.at)}" if fate.at else ""
    seen = f"last seen on {fate.host}{when}, {leg.where}"
    return f"{fate.account}{by}{to}: {what} to {whom}{alias}{times}{note}; {seen}{said}"


_BY: Final = ("discarded", "held")
_TO: Final = ("handed on", "lost")


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
