"""The command `relaydrill account`: Exchange's own logs in, the account of their mail out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import click

from relaydrill.drills import record
from relaydrill.drills.judge import missing_of_senders
from relaydrill.exchange_logs.account import account
from relaydrill.exchange_logs.files import read_all
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.report.account import show_account
from relaydrill.report.terminal import console

_PATH: Final = click.Path(path_type=Path)


@click.command("account")
@click.argument("logs", metavar="LOG...", nargs=-1, required=True, type=_PATH)
@click.option("--run", type=_PATH, help="A run directory, for what its senders saw.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document, nothing else.")
def account_command(logs: tuple[Path, ...], run: Path | None, as_json: bool) -> int:
    """Account for the mail in Exchange's own logs: message tracking, and SmtpReceive.

    Each LOG is a file, or a folder that holds some, of one or several servers. Ends with 0 where
    all mail was delivered, 1 where some was lost, failed or came twice, 3 where some is queued, or
    where its end is not in these logs, or where RUN is not whole.
    """
    sent = record.load(run).sent() if run else iter(())
    missing = missing_of_senders(run) if run else ()
    found = account(Tracking(read_all(logs)), sent, missing)
    if as_json:
        click.echo(json.dumps(found.document(), indent=2))
    else:
        show_account(found, console())
    return found.status.exit_status
