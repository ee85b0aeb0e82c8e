"""The account of the mail in servers' own logs: Postfix, Exim, HAProxy and Exchange."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

from relaydrill.api.boundary import StrPath, a_path, own_errors, several, shown, texts
from relaydrill.documents.account import AccountDocument
from relaydrill.drills import record
from relaydrill.drills.judge import missing_of_senders
from relaydrill.errors import UsageError
from relaydrill.exchange_logs.files import read_all
from relaydrill.exchange_logs.log_account import LogAccount
from relaydrill.exchange_logs.log_account import account as account_of_tracking
from relaydrill.exchange_logs.selection import Selection
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.verdict import Status, merge

if TYPE_CHECKING:
    from relaydrill.mail_account.result import MailAccount


@dataclass(frozen=True)
class LogAccounts:
    """What became of the mail, by the logs that told it.

    Attributes:
        servers: By those of Postfix, Exim and HAProxy, joined across hosts; None: there were none.
        exchange: By those of Exchange; None: there were none.
    """

    servers: MailAccount | None
    exchange: LogAccount | None

    @property
    def parts(self) -> tuple[MailAccount | LogAccount, ...]:
        """Those that there are."""
        return tuple(part for part in (self.servers, self.exchange) if part is not None)

    @property
    def status(self) -> Status:
        """Fail if a message that was taken did not arrive, or arrived twice; pass if all did."""
        return merge(part.status for part in self.parts)

    @property
    def counts(self) -> dict[str, int]:
        """How many messages, each for one recipient, ended in each account."""
        found = Counter[str]()
        for part in self.parts:
            found.update(part.counts)
        return {account: count for account, count in found.items() if count}

    def document(self) -> AccountDocument:
        """Plain JSON values: what ``--json`` prints."""
        return {
            "format": "relaydrill.account",
            "version": 1,
            "status": self.status,
            "mail": self.servers.document() if self.servers else None,
            "exchange": self.exchange.document() if self.exchange else None,
        }


def account(
    logs: StrPath | Iterable[StrPath],
    *,
    recipients: str | Iterable[str] = (),
    senders: str | Iterable[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
    copies: str | Iterable[str] = (),
    mailboxes: str | Iterable[str] = (),
    filters: str | Iterable[str] = (),
    run: StrPath | None = None,
) -> LogAccounts:
    """Account for all mail in servers' logs; which server's each is, its content says.

    Args:
        logs: Files and folders; packed ones (gz, zip) are read, too.
        recipients: Only mail for these addresses or ``@DOMAIN``.
        senders: Only mail from these addresses or ``@DOMAIN``.
        since: Only mail first seen from then on; in UTC, if it has no time zone.
        until: Only mail first seen before that; in UTC, if it has no time zone.
        copies: Addresses that only get copies, as those of ``always_bcc``.
        mailboxes: Relays and programs behind which a mailbox is.
        filters: Relays and programs behind which none is.
        run: With Exchange's logs: a run directory, for what its senders saw.

    Raises:
        UsageError: A path is not there or cannot be read, holds no log, or `run` goes with other
            servers' logs only.
        HarnessError: A process that read some of them was ended.
    """
    paths = [a_path(each) for each in several(logs, "logs", PathLike)]
    if not paths:
        raise UsageError("there are no logs to account for; name files or folders")
    asked = _Asked(
        recipients=_lower(_named(recipients, "recipients")),
        senders=_lower(_named(senders, "senders")),
        since=_seconds(since, "since"),
        until=_seconds(until, "until"),
        copies=_lower(_named(copies, "copies")),
        mailboxes=_named(mailboxes, "mailboxes"),
        filters=_named(filters, "filters"),
    )
    run = None if run is None else a_path(run)
    with own_errors():
        servers, of_exchange = _of_mail_servers(paths, asked)
        if servers is not None and run is not None:
            raise UsageError("a run directory goes with Exchange's logs only; leave out run")
        if servers is not None and not of_exchange:
            return LogAccounts(servers, None)
        # Where nothing is known to be Exchange's, its reader says what is wrong with the files.
        exchange = _of_exchange(paths if servers is None else of_exchange, asked, run)
        return LogAccounts(servers, exchange)


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which mail is asked for, and what is declared; the attributes are `account`'s arguments."""

    recipients: tuple[str, ...]
    senders: tuple[str, ...]
    since: float | None
    until: float | None
    copies: tuple[str, ...]
    mailboxes: tuple[str, ...]
    filters: tuple[str, ...]


def _of_mail_servers(
    paths: list[Path], asked: _Asked
) -> tuple[MailAccount | None, tuple[Path, ...]]:
    """The account of those logs that are of mail servers; and Exchange's files.

    None if all are Exchange's, or there is no log of a mail server's beside Exchange's.
    """
    # They load numpy, which nothing else has to wait for.
    from relaydrill.mail_account.files import find_logs
    from relaydrill.mail_account.joining import Filters
    from relaydrill.mail_account.reading import account_of, is_of_mail
    from relaydrill.mail_account.under_way import Wanted
    from relaydrill.mail_logs.reading import Takers

    found = find_logs(paths)
    logs = found.logs
    if found.exchange:
        logs = tuple(log for log in logs if log.sounds_like_mail or is_of_mail(log))
        if not (logs or found.unread):
            return None, found.exchange
    account = account_of(
        logs,
        Wanted(_bare(asked.recipients), _bare(asked.senders), _bare(asked.copies)),
        Filters(
            bool(asked.recipients),
            bool(asked.senders),
            -float("inf") if asked.since is None else asked.since,
            float("inf") if asked.until is None else asked.until,
        ),
        Takers(asked.mailboxes, asked.filters),
    )
    account.remarks[:0] = found.remarks
    account.unread[:0] = found.unread
    return account, found.exchange


def _of_exchange(paths: Iterable[Path], asked: _Asked, run: Path | None) -> LogAccount:
    wanted = Selection(asked.recipients, asked.senders, asked.since, asked.until)
    sent = record.load(run).sent() if run is not None else iter(())
    missing = missing_of_senders(run) if run is not None else ()
    return account_of_tracking(Tracking(read_all(paths), wanted), sent, missing)


def _named(given: str | Iterable[str], what: str) -> tuple[str, ...]:
    """Names and addresses, none of them empty: as that of a variable that was never set.

    Args:
        given: One or several.
        what: What they are, for the message.

    Raises:
        UsageError: One of them is no text, or empty.
    """
    found = texts(given, what)
    if not all(found):
        raise UsageError(f"{what}: one is empty; name one, or leave it out")
    for each in found:
        try:
            _bare((each,))
        except UnicodeEncodeError:
            raise UsageError(f"{what}: {shown(each)} is no text that a log can hold") from None
    return found


def _seconds(moment: datetime | None, what: str) -> float | None:
    """Since the epoch.

    Args:
        moment: When; None: never mind.
        what: What it is, for the message.

    Raises:
        UsageError: It is no moment.
    """
    if moment is None:
        return None
    if not isinstance(moment, datetime):
        raise UsageError(f"{what}: {shown(moment)} is no datetime.datetime")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _lower(addresses: Iterable[str]) -> tuple[str, ...]:
    return tuple(each.lower() for each in addresses)


def _bare(addresses: Iterable[str]) -> frozenset[bytes]:
    """Addresses as logs of mail servers have them."""
    return frozenset(
        address.strip("<>").encode("utf-8", "surrogateescape") for address in addresses
    )
