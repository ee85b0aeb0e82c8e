"""The table of `relaydrill policy`."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from relaydrill.drills.policy import Policy
from relaydrill.report.terminal import status_text
from relaydrill.verdict import Status


def show_policy(policy: Policy, on: Console) -> None:
    """Every door and what it said, what is wrong first in words."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("who", "door", "port", "rule", "verdict", "what it said"):
        table.add_column(heading, no_wrap=heading != "what it said")
    for question, verdict in policy.answers:
        rule = f"{question.rule} {question.name}".rstrip()
        table.add_row(
            question.client,
            question.door,
            str(question.port),
            rule,
            status_text(verdict.status),
            escape(f"{verdict.figures['said']} at {verdict.figures['phase']}"),
        )
    on.print(table)
    for _, verdict in policy.answers:
        if verdict.status is not Status.PASS:
            on.print(escape(f"{verdict.status}: {verdict.summary}"), soft_wrap=True)
    if policy.lacking:
        on.print(escape(f"unknown: {policy.lacking}"), soft_wrap=True)
    on.print(f"policy: {policy.status}")
