"""The command `relaydrill account`: logs of mail servers in, the account of their mail out."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import click

from relaydrill.api.logs import LogAccounts, account
from relaydrill.cli import options
from relaydrill.cli.json_output import print_json
from relaydrill.errors import UsageError
from relaydrill.report.log_account import show_account
from relaydrill.report.terminal import console

_PATH: Final = click.Path()  # as text: an empty one is no folder, as a Path it would be this one


@click.command("account")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True, type=_PATH)
@click.option("--run", type=_PATH, help="A run directory: adds what its senders saw (Exchange).")
@click.option("--recipient", "recipients", multiple=True, help="Only mail for ADDRESS or @DOMAIN.")
@click.option("--sender", "senders", multiple=True, help="Only mail from ADDRESS or @DOMAIN.")
@click.option("--since", help="Only mail first seen since then: 2026-02-03T10:00, UTC.")
@click.option("--until", help="Only mail first seen before that.")
@click.option("--copy", "copies", multiple=True, help="ADDRESS only gets copies (always_bcc).")
@click.option(
    "--mailbox", "mailboxes", multiple=True, help="Count this relay or program as a mailbox."
)
@click.option(
    "--filter", "filters", multiple=True, help="Do not count this relay or program as a mailbox."
)
@options.json
def account_command(
    logs: tuple[str, ...],
    run: str | None,
    recipients: tuple[str, ...],
    senders: tuple[str, ...],
    since: str | None,
    until: str | None,
    copies: tuple[str, ...],
    mailboxes: tuple[str, ...],
    filters: tuple[str, ...],
    as_json: bool,
) -> int:
    """Account for the mail in logs of Postfix, Exim and Exchange, of one or several servers.

    Each LOG is a file or a folder of files, which may be packed as gz or zip; the content tells
    which server wrote it. Of Exchange, message tracking logs, SmtpReceive and SmtpSend logs and the
    output of Get-MessageTrackingLog | Export-Csv are read; HAProxy's logs add the sessions that
    each server got. Exit status: 0 if all mail was delivered; 1 if
    some was lost, failed, discarded or delivered twice; 3 if some is queued, if its end is not in
    these logs, or if something could not be read completely.
    """
    found = account(
        logs,
        recipients=recipients,
        senders=senders,
        since=_moment("--since", since),
        until=_moment("--until", until),
        copies=copies,
        mailboxes=mailboxes,
        filters=filters,
        run=run,
    )
    if as_json:
        print_json(found.document())
    else:
        _show(found)
    return found.status.exit_status


def _show(found: LogAccounts) -> None:
    if found.servers:
        # It loads numpy, which no other command has to wait for.
        from relaydrill.report.mail_account import show_mail_account

        show_mail_account(found.servers, console())
    if found.exchange:
        show_account(found.exchange, console())


def _moment(option: str, text: str | None) -> datetime | None:
    """A time that was given; in UTC if it has no time zone.

    Raises:
        UsageError: It is no time.
    """
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"{option} {text}: no time; write it as 2026-02-03 or 2026-02-03T10:00:00, in UTC"
        ) from None
