"""The table of `relaydrill policy`."""

from __future__ import annotations

from typing import Final

from rich.console import Console
from rich.markup import escape

from relaydrill.drills.policy import Policy
from relaydrill.report.tables import Column, row, show_table
from relaydrill.report.terminal import status_text
from relaydrill.verdict import Status

_COLUMNS: Final = (
    *(Column(each, is_key=True) for each in ("who", "entry point", "port", "rule", "verdict")),
    Column("what it said", wraps=True),
)


def show_policy(policy: Policy, on: Console) -> None:
    """Every entry point and what it said, what is wrong first in words."""
    rows = []
    for question, verdict in policy.answers:
        said = f"{verdict.figures['said']} at {verdict.figures['phase']}"
        rule = f"{question.rule} {question.name}".rstrip()
        asked = (question.client, question.entry_point, str(question.port), rule)
        rows.append(row(*asked, status_text(verdict.status), said))
    show_table(_COLUMNS, rows, on)
    for _, verdict in policy.answers:
        if verdict.status is not Status.PASS:
            on.print(escape(f"{verdict.status}: {verdict.summary}"), soft_wrap=True)
    if policy.lacking:
        on.print(escape(f"unknown: {policy.lacking}"), soft_wrap=True)
    on.print(f"policy: {policy.status}")
