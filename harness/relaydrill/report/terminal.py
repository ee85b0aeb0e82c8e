"""What the terminal shows: live progress while drills run, then tables. Plain text in a pipe."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from relaydrill.drills.audit import Audit
from relaydrill.drills.judge import Judgement
from relaydrill.drills.model import Drill
from relaydrill.drills.runner import Observer, Step
from relaydrill.report import words

_STYLE: Final = {"pass": "green", "fail": "bold red", "unknown": "yellow", words.ACCEPTED: "cyan"}
_WIDTH_IN_A_PIPE: Final = 160


def console(*, stderr: bool = False) -> Console:
    """A console for this process: wide enough in a pipe that tables keep their lines."""
    found = Console(stderr=stderr, highlight=False)
    if not found.is_terminal:
        found = Console(stderr=stderr, highlight=False, width=_WIDTH_IN_A_PIPE)
    return found


def status_text(status: str) -> Text:
    """A status in its colour; colour never says what the word does not."""
    return Text(status, style=_STYLE.get(status, ""))


@contextmanager
def progress(drills: tuple[Drill, ...], on: Console) -> Iterator[Observer]:
    """Show where each drill stands, on a terminal; in a pipe, nothing."""
    if not on.is_terminal:
        yield lambda _step: None
        return
    bars = Progress(
        TextColumn("{task.fields[shown]}"),
        BarColumn(bar_width=24),
        TextColumn("[dim]{task.fields[stage]}"),
        console=on,
    )
    width = max(len(drill.name) for drill in drills)
    tasks = {
        drill.name: bars.add_task(
            drill.name, total=1.0, shown=escape(f"{drill.name:<{width}}"), stage="waiting"
        )
        for drill in drills
    }
    lock = threading.Lock()

    def observe(step: Step) -> None:
        with lock:
            bars.update(tasks[step.drill], completed=step.done)
            if step.stage:
                bars.update(tasks[step.drill], stage=escape(step.stage))

    with Live(bars, console=on, refresh_per_second=10, transient=True):
        yield observe


def show_audit(audit: Audit, on: Console) -> None:
    """The matrix, the findings, the account, and how to look again."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("broken", no_wrap=True)
    for column in audit.rows[0].flows:
        table.add_column(column.flow, no_wrap=True)
        table.add_column("")
    for row in audit.rows:
        cells: list[Text | str] = [words.row_title(row)]
        for flow in row.flows:
            cells += [status_text(words.shown_status(flow)), escape(words.cell(flow))]
        table.add_row(*cells)
    on.print(
        f"Audit of {audit.topology.name}: {audit.driver} driver, clock {audit.topology.clock:g}, "
        f"seed {audit.seed}. Times are field seconds."
    )
    on.print(table)
    _show_remarks(audit.rows, on)
    _show_findings(audit.rows, on)
    on.print(words.totals(audit.rows), soft_wrap=True)
    on.print(Text(words.conclusion(audit), style=_STYLE[str(audit.status)]), soft_wrap=True)
    _show_again(str(audit.directory), on)


def show_drill(judgement: Judgement, on: Console) -> None:
    """Every check of every flow, with what it found."""
    faults = ", ".join(str(fault) for fault in judgement.drill.faults) or "nothing broken"
    on.print(
        f"Drill {judgement.drill.name} on {judgement.topology.name}: {judgement.driver} driver, "
        f"clock {judgement.topology.clock:g}, seed {judgement.drill.seed}; {faults}. "
        "Times are field seconds.",
        soft_wrap=True,
    )
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in ("flow", "check", "verdict", "evidence"):
        table.add_column(heading, overflow="fold")
    for flow in judgement.flows:
        for number, check in enumerate(flow.checks):
            shown = words.ACCEPTED if check.accepted else str(check.status)
            evidence = check.summary + (f". Accepted: {check.accepted}" if check.accepted else "")
            name = flow.flow if number == 0 else ""
            table.add_row(name, check.check, status_text(shown), escape(evidence))
    on.print(table)
    _show_remarks((judgement,), on)
    on.print(words.totals((judgement,)), soft_wrap=True)
    status = str(judgement.status)
    on.print(Text(status.upper(), style=_STYLE[status]))
    _show_again(str(judgement.directory), on)


def _show_remarks(rows: tuple[Judgement, ...], on: Console) -> None:
    """What a person should know of how the labs ran, each thing once."""
    for remark in dict.fromkeys(remark for row in rows for remark in row.remarks):
        on.print(f"Note: {remark}", soft_wrap=True, markup=False)


def _show_findings(rows: tuple[Judgement, ...], on: Console) -> None:
    told = [finding for row in rows for finding in words.findings(row)]
    if not told:
        return
    on.print("Findings")
    for finding in told:
        on.print(Text.assemble("  ", status_text(finding.status), f"  {finding.title}"))
        width = max(len(flow) for flow, _ in finding.evidence)
        for flow, text in finding.evidence:
            on.print(
                Padding(f"[bold]{flow:<{width}}[/]  {escape(text)}", (0, 0, 0, 4), expand=False)
            )
        if finding.accepted:
            on.print(
                Padding(f"accepted because: {escape(finding.accepted)}", (0, 0, 0, 4), expand=False)
            )
    on.print()


def _show_again(directory: str, on: Console) -> None:
    on.print(
        f"Evidence in {directory}; the same verdict again: relaydrill judge {directory}",
        soft_wrap=True,
    )
