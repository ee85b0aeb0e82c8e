"""What stands on a page, out of the same judgements that the terminal and the JSON show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from relaydrill.drills import record
from relaydrill.drills.audit import Audit
from relaydrill.drills.checks import Case
from relaydrill.drills.findings import Finding
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.ledger import Account
from relaydrill.report import words, yearly_cost
from relaydrill.report.html import repeat
from relaydrill.report.html.chart import Chart, Tick, draw, percent_ticks
from relaydrill.report.html.latency import Latency, latencies_of
from relaydrill.report.html.shares import Shares, shares_of
from relaydrill.report.html.timeline import Period, Timeline, period_of, timeline_of
from relaydrill.sentences import number_of
from relaydrill.verdict import Status, Verdict, merge

_MOST_BUCKETS: Final = 90
_FEWEST_BUCKETS: Final = 30
_BUCKETS_OF_ALL: Final = 3000
"""Of all charts together: what many drills cost in detail keeps the file small."""

_SENTENCES: Final = {
    "pass": "Every check held: mail kept flowing as the topology promises, whatever was broken.",
    words.ACCEPTED: "Every check held, but for weaknesses that the topology's author accepts.",
    "fail": "The design breaks its promises; the findings say where.",
    "unknown": "Something was not proven, so the design does not pass.",
}
_STEADY_SENTENCE: Final = (
    "Every check held: mail flows as the topology promises. Nothing was broken."
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One verdict of the matrix; ``anchor`` is where its drill stands on the page."""

    flow: str
    status: str
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class FlowView:
    """One flow of one drill.

    Attributes:
        shares_ticks: Of the axis of shares.
    """

    anchor: str
    flow: str
    status: str
    text: str
    checks: tuple[Verdict, ...]
    account: dict[str, int]
    gap: Verdict | None
    timeline: Timeline | None
    chart: Chart | None
    latencies: tuple[Latency, ...]
    shares: Shares | None
    shares_ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class DrillView:
    """One drill: a row of the matrix.

    Attributes:
        cells: By flow; a flow that the drill does not concern has none.
        command: What runs it again.
    """

    anchor: str
    title: str
    name: str
    status: str
    faults: tuple[str, ...]
    flows: tuple[FlowView, ...]
    cells: dict[str, Cell]
    command: str
    directory: str
    at: str


@dataclass(frozen=True, slots=True)
class Longest:
    """The longest gap of all."""

    gap: Verdict
    drill: str
    flow: str


@dataclass(frozen=True, slots=True)
class Page:
    """A whole report.

    Attributes:
        status: Pass, fail or unknown.
        sentence: The same, for somebody who reads nothing else.
        findings: Each with the anchor of its drill.
        all_held: Whether no check failed, accepted or not, or was left open.
        accounts: Those that occur, in the order of the ledger.
        nodes: Those that took mail, in the order of the topology: a node has one colour on the
            whole page.
        legend: What the cells of the matrix say.
        loss: What is known of lost mail, a sentence.
        document: What ``--json`` prints.
        smallest_sets: Of an audit that lost several at a time; else none.
        smallest_heading: What stands over them.
        yearly_cost: Of an audit of a topology that says how often things fail: a line for each
            flow; else none.
        cost_assumptions: What these take for granted.
    """

    title: str
    what: str
    status: str
    sentence: str
    conclusion: str
    topology: str
    summary: str
    driver: str
    clock: float
    seed: int
    at: str
    versions: dict[str, str]
    directory: str
    judging: str
    remarks: tuple[str, ...]
    findings: tuple[tuple[Finding, str], ...]
    all_held: bool
    flows: tuple[str, ...]
    drills: tuple[DrillView, ...]
    accounts: tuple[str, ...]
    totals: str
    legend: str
    messages: int
    lost: int
    loss: str
    longest: Longest | None
    nodes: tuple[str, ...]
    topology_yaml: str
    document: Mapping[str, object]
    smallest_sets: tuple[words.Smallest, ...] = ()
    smallest_heading: str = ""
    yearly_cost: tuple[yearly_cost.Told, ...] = ()
    cost_assumptions: tuple[str, ...] = ()


def page_of_audit(audit: Audit) -> Page:
    """The report of an audit."""
    title = f"Audit of {audit.topology.name}"
    page = _page(title, "audit", audit.rows, audit.directory, audit.document())
    text = f"{audit.false_alarm.sentence}."
    page = replace(page, remarks=(*audit.remarks, *page.remarks, text))
    if cost := audit.yearly_cost:
        told = yearly_cost.told(cost)
        page = replace(page, yearly_cost=told, cost_assumptions=cost.assumptions)
    if audit.depth < 2:
        return page
    return replace(
        page,
        smallest_sets=tuple(words.smallest_sets(audit)),
        smallest_heading=words.smallest_heading(audit),
    )


def page_of_drill(judgement: Judgement) -> Page:
    """The report of one drill."""
    title = f"Drill {judgement.drill.name} on {judgement.topology.name}"
    return _page(title, "drill", (judgement,), judgement.directory, judgement.document())


def _page(
    title: str,
    what: str,
    rows: tuple[Judgement, ...],
    directory: Path,
    document: Mapping[str, object],
) -> Page:
    first = rows[0]
    run = record.load(first.directory)
    charts = sum(len(row.flows) for row in rows)
    most = max(_FEWEST_BUCKETS, min(_MOST_BUCKETS, _BUCKETS_OF_ALL // max(1, charts)))
    drills = tuple(_drill(number, row, most) for number, row in enumerate(rows, 1))
    counts = words.accounted(rows)
    shown = _status(rows)
    steady = not any(row.drill.faults for row in rows)
    topology_path = first.directory / "topology.yaml"
    took = {
        series.node
        for drill in drills
        for flow in drill.flows
        if flow.timeline
        for series in flow.timeline.series
    }
    known = [node for node in first.topology.nodes if node in took]
    return Page(
        title=title,
        what=what,
        status=str(merge(row.status for row in rows)),
        sentence=_STEADY_SENTENCE if shown == "pass" and steady else _SENTENCES[shown],
        conclusion=words.statuses(rows),
        topology=first.topology.name,
        summary=first.topology.summary,
        driver=first.driver,
        clock=first.topology.clock,
        seed=first.drill.seed,
        at=_moment(run.at),
        versions={"Relaydrill": run.relaydrill, "Python": run.python},
        directory=str(directory),
        judging=repeat.judging(directory),
        remarks=tuple(dict.fromkeys(remark for row in rows for remark in row.remarks)),
        findings=tuple(
            (finding, drill.anchor)
            for row, drill in zip(rows, drills, strict=True)
            for finding in row.findings
        ),
        all_held=not any(flow.doubtful for flow in _flows(rows)),
        flows=tuple(dict.fromkeys(flow for row in rows for flow in row.drill.flows)),
        drills=drills,
        accounts=tuple(str(account) for account in Account if counts[account]),
        totals=words.totals(rows),
        legend=words.legend(rows),
        messages=sum(counts.values()),
        lost=counts[Account.LOST] + counts[Account.DISCARDED],
        loss=_loss(counts),
        longest=_longest(drills),
        nodes=(*known, *sorted(took - {*known})),
        topology_yaml=topology_path.read_text(encoding="utf-8"),
        document=document,
    )


def _flows(rows: Iterable[Judgement]) -> Iterable[FlowVerdict]:
    return (flow for row in rows for flow in row.flows)


def _status(rows: tuple[Judgement, ...]) -> str:
    """The worst of all; accepted where that is a pass and a weakness was accepted."""
    shown = {flow.shown_status for flow in _flows(rows)}
    order = (str(Status.FAIL), str(Status.UNKNOWN), words.ACCEPTED, str(Status.PASS))
    return next((status for status in order if status in shown), str(Status.UNKNOWN))


def _loss(counts: Counter[str]) -> str:
    """What is known of lost mail; nothing is claimed of what nobody could see."""
    messages = sum(counts.values())
    unseen = sum(counts[each] for each in (Account.MISSING, Account.UNOBSERVED, Account.HANDED_ON))
    for gone, how in ((Account.LOST, "lost"), (Account.DISCARDED, "thrown away on purpose")):
        if count := counts[gone]:
            return f"{count} of {messages} messages {number_of(count, 'was', 'were')} {how}."
    if unseen:
        return f"Whether mail was lost is not known: {unseen} messages were not seen to arrive."
    promised = messages - counts[Account.NOT_ACCEPTED] - counts[Account.REFUSED]
    if messages and not promised:
        return "Nothing was accepted, so nothing could be lost."
    if queued := counts[Account.QUEUED]:
        lay = f"{queued} still lay in queues at the end"
        return f"None of {messages} messages was lost; {lay}."
    return f"None of {messages} messages was lost." if messages else "No mail was sent."


def _moment(at: str) -> str:
    """A time for a person; empty where none is known."""
    try:
        return f"{datetime.fromisoformat(at).astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else ""
    except ValueError:
        return at


def _drill(number: int, row: Judgement, most: int) -> DrillView:
    anchor, run = f"d{number}", record.load(row.directory)
    cases = [Case(row.topology, row.drill, flow.flow, row.ledger) for flow in row.flows]
    period = period_of(cases, run.begun)
    flows = tuple(
        _flow(f"{anchor}f{place}", verdict, case, period, most)
        for place, (verdict, case) in enumerate(zip(row.flows, cases, strict=True), 1)
    )
    return DrillView(
        anchor=anchor,
        title=words.row_title(row),
        name=row.drill.name,
        status=_status((row,)),
        faults=tuple(str(fault) for fault in row.drill.faults),
        flows=flows,
        cells={each.flow: Cell(each.flow, each.status, each.text, each.anchor) for each in flows},
        command=repeat.command(row.drill, row.driver, row.directory / "topology.yaml"),
        directory=str(row.directory),
        at=_moment(run.at),
    )


def _flow(anchor: str, found: FlowVerdict, case: Case, period: Period, most: int) -> FlowView:
    gap, shares = found.check("gap"), shares_of(found.check("spread"))
    timeline = timeline_of(case, period, gap, most) if case.attempts else None
    return FlowView(
        anchor=anchor,
        flow=found.flow,
        status=found.shown_status,
        text=words.cell(found),
        checks=found.checks,
        account=found.account,
        gap=gap,
        timeline=timeline,
        chart=draw(timeline) if timeline else None,
        latencies=latencies_of(case),
        shares=shares,
        shares_ticks=percent_ticks(shares.top) if shares else (),
    )


def _longest(drills: tuple[DrillView, ...]) -> Longest | None:
    found = [
        Longest(flow.gap, drill.title, flow.flow)
        for drill in drills
        for flow in drill.flows
        if flow.gap and "gap_s" in flow.gap.figures  # a check that proves nothing has none
    ]
    return max(found, key=lambda each: float(each.gap.figures["gap_s"]), default=None)
