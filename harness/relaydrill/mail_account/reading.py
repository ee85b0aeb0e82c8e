"""From logs to the account: whose each is, in which order they are read, what was not whole."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from relaydrill.mail_account.accounting import Accounting
from relaydrill.mail_account.files import LogFile, head_of
from relaydrill.mail_account.joining import Filters
from relaydrill.mail_account.legs import Legs
from relaydrill.mail_account.reader import Read
from relaydrill.mail_account.result import MailAccount
from relaydrill.mail_account.sharing import Task, read_all, shares
from relaydrill.mail_account.under_way import Wanted
from relaydrill.mail_logs import postfix
from relaydrill.mail_logs.framing import Framer
from relaydrill.mail_logs.reading import Takers

_MOST_LOOKED_AT: Final = 50
_MANY: Final = 10
"""Lines; fewer are cut off where files are turned over."""


def account_of(
    logs: Iterable[LogFile],
    wanted: Wanted | None = None,
    filters: Filters | None = None,
    takers: Takers | None = None,
) -> MailAccount:
    """Read logs, and account for the mail in them.

    Args:
        logs: The files.
        wanted: What was asked for; by default all.
        filters: Which of it is told; by default all.
        takers: What is declared of who takes mail over.

    Raises:
        HarnessError: A process that reads some of them was ended.
    """
    logs = list(logs)
    begins = {log.name: _begin(log) for log in logs}
    # Of a rotated set, what was rotated more often comes first where seconds do not tell.
    logs.sort(key=lambda log: (int(begins[log.name]), -(log.number or 0), -log.size))
    places = _hosts_by_place(logs)
    with ExitStack() as stack:
        tasks = [
            Task(stack.enter_context(Legs()), share, places, wanted or Wanted(), takers or Takers())
            for share in shares(logs, places)
        ]
        hosts, gathered, reads = read_all(tasks)
        found = Accounting(gathered, hosts, filters or Filters()).account()
    found.reads = reads
    _tell_what_is_missing(found, logs)
    found.unread += [
        f"{host.name}: its mail store did not keep {host.nameless} of the messages without a"
        " Message-ID; which of those that it took is not known"
        for host in hosts
        if host.nameless
    ]
    return found


def _begin(log: LogFile) -> float:
    """The time of its first line that bears one."""
    framer = Framer(log.name, log.ends)
    for line in head_of(log).split(b"\n")[:_MOST_LOOKED_AT]:
        framed = framer.frame(line)
        if framed and framed.wall is not None:
            return framed.wall
    return log.ends


def is_of_mail(log: LogFile) -> bool:
    """Whether its first lines are of a mail server."""
    framer = Framer(log.name, log.ends)
    framed = (framer.frame(line) for line in head_of(log).split(b"\n")[:_MOST_LOOKED_AT])
    return any(
        postfix.program_of(each.program) or each.program.startswith(("exim", "haproxy", "dovecot"))
        for each in framed
        if each
    )


def _hosts_by_place(logs: list[LogFile]) -> dict[str, str]:
    """Whose a log is if its lines name no host: by its folder, if that tells them apart."""
    folders = {log.folder for log in logs}
    return {log.name: log.folder if len(folders) > 1 and log.folder else log.root for log in logs}


def _tell_what_is_missing(found: MailAccount, logs: list[LogFile]) -> None:
    for read in found.reads:
        _tell_of(found, read)
    if empty := [read.log.name for read in found.reads if not read.lines and not read.torn]:
        more = f" and {len(empty) - 1} more are" if len(empty) > 1 else " is"
        found.remarks.append(f"{empty[0]}{more} empty")
    for gap in _gaps(logs):
        found.unread.append(gap)


def _tell_of(found: MailAccount, read: Read) -> None:
    log = read.log
    if read.torn:
        found.unread.append(f"{log.name} cannot be read to its end: {read.torn}")
    if read.doubtful >= _MANY:
        found.unread.append(
            f"{log.name}: {read.doubtful} of its {read.lines} lines tell of deliveries,"
            " and none of these was understood"
        )
    if read.mail:
        if read.odd:
            found.remarks.append(
                f"{log.name}: {read.odd} of {read.lines} lines were not understood"
            )
        return
    if not read.lines:
        return
    if log.is_named or log.sounds_like_mail:
        found.unread.append(
            f"{log.name}: none of its {read.lines} lines was understood as one of Postfix's,"
            " Exim's or HAProxy's"
        )
    else:
        found.remarks.append(f"{log.name} is not a mail log; skipped")


def _gaps(logs: list[LogFile]) -> Iterable[str]:
    """Rotated logs that are missing between others, by their numbers."""
    sets: dict[tuple[str, str], set[int]] = defaultdict(set)
    for log in logs:
        sets[re.sub(r"[^/]*$", "", log.name), log.root].add(log.number or 0)
    for (place, root), numbers in sets.items():
        missing = sorted(set(range(min(numbers), max(numbers))) - numbers)
        if missing:
            told = ", ".join(f"{root}.{number}" if number else root for number in missing)
            yield f"{place}{told} is missing between others of its kind"
