"""The tables of `relaydrill account`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from relaydrill.exchange_logs.account import Fate, LogAccount
from relaydrill.exchange_logs.tracking import Step
from relaydrill.ledger import counted
from relaydrill.sentences import messages_accounted

_MOST_SHOWN: Final = 50
_COLUMNS: Final = {
    "received": "RECEIVE",
    "sent": "SEND",
    "delivered": "DELIVER",
    "failed": "FAIL",
    "deferred": "DEFER",
}


def show_account(found: LogAccount, on: Console) -> None:
    """What each server did, what became of every message, and what was not delivered by name."""
    on.print(_servers(found))
    if found.tracking.has_protocol:
        on.print("Refused are replies, 4xx and 5xx; broken off are sessions in or after DATA.")
    for remark in found.tracking.remarks:
        on.print(f"Note: {remark}", soft_wrap=True, markup=False)
    for each in found.missing:
        on.print(f"Not whole: {each}", soft_wrap=True, markup=False)
    if found.tracking.passed_over:
        told = ", ".join(f"{n} {event}" for event, n in found.tracking.passed_over.most_common())
        on.print(f"Passed over: {told}", soft_wrap=True, markup=False)
    for fate in found.undelivered[:_MOST_SHOWN]:
        on.print(f"  {_line(fate)}", soft_wrap=True, markup=False)
    if (more := len(found.undelivered) - _MOST_SHOWN) > 0:
        on.print(f"  and {more} more; --json shows all")
    told = counted(found.counts) or "none"
    on.print(f"{messages_accounted(len(found.fates))}: {told}", soft_wrap=True)
    on.print(f"account: {found.status}")


def _servers(found: LogAccount) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    headings = [*_COLUMNS]
    if found.tracking.has_protocol:
        headings += ["sessions", "refused", "broken off"]
    table.add_column("server", no_wrap=True)
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for name, tally in found.tracking.tallies.items():
        figures = [tally.counts[event] for event in _COLUMNS.values()]
        if found.tracking.has_protocol:
            figures += [tally.sessions, tally.refused, tally.broken_off]
        table.add_row(escape(name), *(str(figure) for figure in figures))
    return table


def _line(fate: Fate) -> str:
    entry = fate.entry
    queued = f", queued on {', '.join(entry.queued_on)}" if entry.queued_on else ""
    times = f", arrived {len(entry.arrived)} times" if len(entry.arrived) > 1 else ""
    last = f"; last seen {_seen(fate.last)}" if fate.last else ""
    return f"{fate.account}: {entry.message} to {entry.recipient}{queued}{times}{last}"


def _seen(step: Step) -> str:
    when = datetime.fromtimestamp(step.time, UTC).isoformat(" ", "milliseconds")[:-6]
    to = f" to {step.to}" if step.to else ""
    said = f" ({step.said})" if step.said else ""
    return f"on {step.server}, {when} UTC: {step.event}{to}{said}"
