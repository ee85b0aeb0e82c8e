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
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Table
from rich.text import Text

from relaydrill.drills.audit import Audit
from relaydrill.drills.judgement import Judgement
from relaydrill.drills.model import Drill
from relaydrill.drills.runner import Observer, Step
from relaydrill.report import words
from relaydrill.verdict import Status

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

    def added(name: str) -> TaskID:
        return bars.add_task(name, total=1.0, shown=escape(f"{name:<{width}}"), stage="waiting")

    tasks = {drill.name: added(drill.name) for drill in drills}
    lock = threading.Lock()

    def observe(step: Step) -> None:
        with lock:
            if step.drill not in tasks:  # one that follows from those before it
                tasks[step.drill] = added(step.drill)
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
        judged = {flow.flow: flow for flow in row.flows}
        for column in audit.rows[0].flows:
            flow = judged.get(column.flow)
            cells += (
                [status_text(flow.shown_status), escape(words.cell(flow))]
                if flow
                else [words.NOT_CONCERNED, ""]
            )
        table.add_row(*cells)
    on.print(
        f"Audit of {audit.topology.name}: {audit.driver} driver, clock {audit.topology.clock:g}, "
        f"seed {audit.seed}. Times are field seconds."
    )
    on.print(table)
    if legend := words.legend(audit.rows):
        on.print(Text(legend, style="dim"), soft_wrap=True)
        on.print()
    for remark in audit.remarks:
        on.print(f"Note: {remark}", soft_wrap=True, markup=False)
    _show_remarks(audit.rows, on)
    _show_findings(audit.rows, on)
    if len(audit.rows) == 1 and audit.status is not Status.PASS:
        on.print("Nothing was broken: mail does not flow as it is.")
    if any(len(row.flows) < len(audit.rows[0].flows) for row in audit.rows):
        on.print(f"{words.NOT_CONCERNED} {words.WHY_NOT_CONCERNED}")
    on.print(f"{audit.false_alarm.sentence}.", soft_wrap=True, markup=False)
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
    _show_findings((judgement,), on, with_evidence=False)  # that is what the table shows
    on.print(words.totals((judgement,)), soft_wrap=True)
    on.print(Text(words.drill_conclusion(judgement), style=_STYLE[str(judgement.status)]))
    _show_again(str(judgement.directory), on)


def _show_remarks(rows: tuple[Judgement, ...], on: Console) -> None:
    """What a person should know of how the labs ran, each thing once."""
    for remark in dict.fromkeys(remark for row in rows for remark in row.remarks):
        on.print(f"Note: {remark}", soft_wrap=True, markup=False)


def _show_findings(rows: tuple[Judgement, ...], on: Console, *, with_evidence: bool = True) -> None:
    told = [finding for row in rows for finding in row.findings]
    if not told:
        return
    on.print("Findings")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in told:
        table.add_row(
            Text.assemble("  ", status_text(finding.status)), f"{escape(finding.sentence)}."
        )
        if finding.remedy:
            table.add_row("", f"remedy: {escape(finding.remedy)}.")
        if finding.accepted:
            table.add_row("", f"accepted because: {escape(finding.accepted)}")
        for flow, text in finding.evidence if with_evidence else ():
            table.add_row("", Text.assemble((flow, "bold"), f"  {text}"))
    on.print(table)
    on.print()


def _show_again(directory: str, on: Console) -> None:
    for told in (
        f"Evidence in {directory}",
        f"The same verdict again: relaydrill judge {directory}",
        f"As a page to show:      relaydrill report {directory}",
    ):
        on.print(told, soft_wrap=True, markup=False)
