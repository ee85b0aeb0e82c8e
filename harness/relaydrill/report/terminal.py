"""What the terminal shows of an audit and of a drill: tables. Plain text in a pipe."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from relaydrill.drills.audit import Audit
from relaydrill.drills.result import Judgement, digest_of
from relaydrill.report import tables, words
from relaydrill.report.tables import Column, Row, show_table
from relaydrill.report.yearly_cost import show_yearly_cost
from relaydrill.verdict import Status

_STYLE: Final = {"pass": "green", "fail": "bold red", "unknown": "yellow", words.ACCEPTED: "cyan"}
_WIDTH_IN_A_PIPE: Final = 160
_SIMULATE: Final = "simulate"
"""The name of the driver whose runs are the same each time, as a run directory has it."""


def console(*, stderr: bool = False) -> Console:
    """A console for this process: wide enough in a pipe that tables keep their lines."""
    found = Console(stderr=stderr, highlight=False)
    if not found.is_terminal:
        found = Console(stderr=stderr, highlight=False, width=_WIDTH_IN_A_PIPE)
    return found


def status_text(status: str) -> Text:
    """A status in its colour; colour never says what the word does not."""
    return Text(status, style=_STYLE.get(status, ""))


def show_audit(audit: Audit, on: Console) -> None:
    """The matrix, the findings, the account, and how to look again."""
    on.print(
        f"Audit of {audit.topology.name}: {audit.driver} driver, clock {audit.topology.clock:g}, "
        f"seed {audit.seed}. Times are field seconds."
    )
    show_table(*_matrix(audit), on)
    if legend := words.legend(audit.rows):
        on.print(Text(legend, style="dim"), soft_wrap=True)
        on.print()
    _show_smallest_sets(audit, on)
    show_yearly_cost(audit.yearly_cost, on)
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
    _show_again(audit.rows, str(audit.directory), on)


def _show_smallest_sets(audit: Audit, on: Console) -> None:
    """Where more than one was lost at a time; single ones stand in the matrix."""
    if audit.depth < 2:
        return
    on.print(words.smallest_heading(audit))
    table = Table.grid(padding=(0, 2))
    for wraps in (False, False, True):
        table.add_column(no_wrap=not wraps, overflow="fold")
    last = ""
    for each in words.smallest_sets(audit):
        flow, last = "" if each.flow == last else each.flow, each.flow
        table.add_row(Text(f"  {flow}"), status_text(each.status), Text(each.text))
    on.print(table)
    on.print()


def _matrix(audit: Audit) -> tuple[list[Column], list[Row]]:
    """What was broken, and for each flow its verdict beside the figure that says most."""
    names = [judged.flow for judged in audit.rows[0].flows]
    columns = [Column("broken", is_key=True)]
    for name in names:
        columns += [Column(name), Column("", wraps=True)]
    rows = []
    for each in audit.rows:
        judged = {flow.flow: flow for flow in each.flows}
        cells: list[str | Text] = []
        for name in names:
            flow = judged.get(name)
            status = status_text(flow.shown_status) if flow else words.NOT_CONCERNED
            cells += [status, words.cell(flow) if flow else ""]
        rows.append(tables.row(words.row_title(each), *cells))
    return columns, rows


_FAULTS_SHOWN: Final = 8


def show_drill(judgement: Judgement, on: Console) -> None:
    """Every check of every flow, with what it found."""
    faults = ", ".join(str(fault) for fault in judgement.drill.faults[:_FAULTS_SHOWN])
    faults = faults or "nothing broken"
    if more := len(judgement.drill.faults[_FAULTS_SHOWN:]):
        faults += f" and {more} more"
    on.print(
        f"Drill {judgement.drill.name} on {judgement.topology.name}: {judgement.driver} driver, "
        f"clock {judgement.topology.clock:g}, seed {judgement.drill.seed}; {faults}. "
        "Times are field seconds.",
        soft_wrap=True,
    )
    show_table(_CHECKS, [*_checks(judgement)], on)
    _show_remarks((judgement,), on)
    _show_findings((judgement,), on, with_evidence=False)  # that is what the table shows
    on.print(words.totals((judgement,)), soft_wrap=True)
    on.print(Text(words.drill_conclusion(judgement), style=_STYLE[str(judgement.status)]))
    _show_again((judgement,), str(judgement.directory), on)


_CHECKS: Final = (
    *(Column(each, is_key=True) for each in ("flow", "check", "verdict")),
    Column("evidence", wraps=True),
)


def _checks(judgement: Judgement) -> Iterator[Row]:
    for flow in judgement.flows:
        for number, check in enumerate(flow.checks):
            shown = words.ACCEPTED if check.accepted else str(check.status)
            evidence = check.summary + (f". Accepted: {check.accepted}" if check.accepted else "")
            yield tables.row(
                flow.flow if number == 0 else "", check.check, status_text(shown), evidence
            )


def _show_remarks(rows: tuple[Judgement, ...], on: Console) -> None:
    """What a person should know of how the labs ran, each thing once."""
    for remark in dict.fromkeys(remark for row in rows for remark in row.remarks):
        on.print(f"Note: {remark}", soft_wrap=True, markup=False)


def _show_findings(rows: tuple[Judgement, ...], on: Console, *, with_evidence: bool = True) -> None:
    findings = [finding for row in rows for finding in row.findings]
    if not findings:
        return
    on.print("Findings")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
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


def _show_again(rows: tuple[Judgement, ...], directory: str, on: Console) -> None:
    if rows and all(row.driver == _SIMULATE for row in rows):
        digest = digest_of(row.digest for row in rows) if len(rows) > 1 else rows[0].digest
        on.print(f"The same each time: journals {digest[:16]}", soft_wrap=True, markup=False)
    for line in (
        f"Evidence in {directory}",
        f"Judge it again: relaydrill judge {directory}",
        f"As HTML report: relaydrill report {directory}",
    ):
        on.print(line, soft_wrap=True, markup=False)
