"""The tables of `relaydrill account`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console

from relaydrill.exchange_logs.fates import Fate
from relaydrill.exchange_logs.log_account import LogAccount
from relaydrill.exchange_logs.steps import Step
from relaydrill.ledger import counted
from relaydrill.report.tables import Column, row, show_table
from relaydrill.sentences import messages_accounted

_ALWAYS: Final = ("received", "sent", "delivered", "failed", "deferred")
_MOST_SHOWN: Final = 50
_MOST_COPIED: Final = 5
_COLUMNS: Final = {
    "received": ("RECEIVE",),
    "sent": ("SEND", "SENDEXTERNAL"),
    "delivered": ("DELIVER",),
    "failed": ("FAIL",),
    "deferred": ("DEFER",),
    "discarded": ("DROP", "SUPPRESSED", "MODERATORREJECT", "MODERATIONEXPIRE"),
}


def show_account(found: LogAccount, on: Console) -> None:
    """What each server did, what became of every message, and what was not delivered by name."""
    _show_servers(found, on)
    if found.tracking.has_protocol:
        on.print("Refused: replies 4xx and 5xx. Broken off: sessions that ended in or after DATA.")
    notes = [*found.tracking.remarks, *found.tracking.clocks.notes]
    if found.tracking.coverage.is_whole:
        notes += found.tracking.coverage.notes
    _some("Note", notes, on)
    _some("Not whole", [*found.tracking.unread, *found.missing], on)
    _tally("Passed over", found.tracking.passed_over, on)
    _tally("Unknown events", found.tracking.strange, on)
    _tally("Not ours", found.tracking.not_ours, on)
    if found.tracking.left_out:
        on.print(f"Left out: {found.tracking.left_out} that were not selected", soft_wrap=True)
    for fate in found.undelivered[:_MOST_SHOWN]:
        on.print(f"  {_line(fate)}", soft_wrap=True, markup=False)
    if (more := len(found.undelivered) - _MOST_SHOWN) > 0:
        on.print(f"  and {more} more; --json shows all")
    _copies(found, on)
    counts = counted(found.counts) or "none"
    on.print(f"{messages_accounted(len(found.fates))}: {counts}", soft_wrap=True)
    on.print(f"account: {found.status}")


def _some(label: str, lines: Sequence[str], on: Console) -> None:
    for each in lines[:_MOST_SHOWN]:
        on.print(f"{label}: {each}", soft_wrap=True, markup=False)
    if (more := len(lines) - _MOST_SHOWN) > 0:
        on.print(f"  and {more} more; --json shows all")


def _tally(label: str, counts: Counter[str], on: Console) -> None:
    text = ", ".join(f"{count} {each}" for each, count in counts.most_common() if count)
    if text:
        on.print(f"{label}: {text}", soft_wrap=True, markup=False)


def _copies(found: LogAccount, on: Console) -> None:
    """Who got copies, the most first."""
    copies = found.tracking.copies.most_common()
    if not copies:
        return
    text = ", ".join(f"{count} to {each}" for each, count in copies[:_MOST_COPIED])
    more = f", and {len(copies) - _MOST_COPIED} more" if len(copies) > _MOST_COPIED else ""
    on.print(f"Copies, which nobody sent there: {text}{more}", soft_wrap=True, markup=False)


def _show_servers(found: LogAccount, on: Console) -> None:
    headings = [heading for heading in _COLUMNS if heading in _ALWAYS or _any(found, heading)]
    if found.tracking.has_protocol:
        headings += ["sessions", "refused", "broken off"]
    rows = []
    for name, tally in found.tracking.tallies.items():
        figures = [
            sum(tally.counts[event] for event in _COLUMNS[heading])
            for heading in headings
            if heading in _COLUMNS
        ]
        if found.tracking.has_protocol:
            figures += [tally.sessions, tally.refused, tally.broken_off]
        rows.append(row(name, *(str(figure) for figure in figures)))
    columns = [Column("server", is_key=True), *(Column(each, justify="right") for each in headings)]
    show_table(columns, rows, on)


def _any(found: LogAccount, heading: str) -> bool:
    return any(
        tally.counts[event]
        for tally in found.tracking.tallies.values()
        for event in _COLUMNS[heading]
    )


def _line(fate: Fate) -> str:
    entry = fate.entry
    queued = f", queued on {', '.join(entry.queued_on)}" if entry.queued_on else ""
    times = f", arrived {len(entry.arrived)} times" if len(entry.arrived) > 1 else ""
    last = f"; last seen {_seen(fate.last)}" if fate.last else ""
    why = f" ({fate.why})" if fate.why else ""
    return f"{fate.account}{why}: {entry.message} to {entry.recipient}{queued}{times}{last}"


def _seen(step: Step) -> str:
    when = datetime.fromtimestamp(step.time, UTC).isoformat(" ", "milliseconds")[:-6]
    to = f" to {step.to}" if step.to else ""
    said = f" ({step.said})" if step.said else ""
    return f"on {step.server}, {when} UTC: {step.event}{to}{said}"
