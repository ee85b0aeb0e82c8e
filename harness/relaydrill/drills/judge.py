"""From a run directory to verdicts, offline: the same journals give the same verdict, always."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from relaydrill import extensions
from relaydrill.drills import record
from relaydrill.drills.checks import Case, run_checks
from relaydrill.drills.closing import Look
from relaydrill.drills.coverage import cover, cover_senders
from relaydrill.drills.evidence import changes_since_judged, digests, look_at_all
from relaydrill.drills.findings import findings
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.errors import UsageError
from relaydrill.ledger import MANY_BYTES, join_journals
from relaydrill.verdict import Verdict, unknown


def judge(directory: Path, *, many_bytes: int = MANY_BYTES) -> Judgement:
    """Judge a run directory.

    Args:
        directory: Where the run lies.
        many_bytes: As of `join_journals`.

    Raises:
        UsageError, TopologyError: It is no run directory, or one that makes no sense.
        HarnessError: As of `join_journals`.
    """
    run = record.load(directory)
    _must_fit(run)
    looks = look_at_all(run.journals())
    _must_be_read(run, looks)
    readable = [path for path in run.journals() if isinstance(looks[path.stem], Look)]
    harmless = {flow: run.topology.harmless_changes(flow) for flow in run.drill.flows}
    ledger = join_journals(readable, many_bytes=many_bytes, harmless=harmless)
    covered = cover(run, ledger, looks)
    cases = (
        Case(run.topology, run.drill, flow, ledger, run.problems, holes=covered.of(flow))
        for flow in run.drill.flows
    )
    lacking = tuple(_not_at_hand(run))
    flows = tuple(
        FlowVerdict(case.flow, (*run_checks(case), *lacking), covered.of(case.flow))
        for case in cases
    )
    evidence = digests(directory, looks)
    changes = changes_since_judged(directory, evidence, knows_inputs=covered.knows_inputs)
    remarks = (*run.remarks, *changes)
    judged = Judgement(
        run.drill, run.topology, run.driver, directory, flows, ledger, remarks, evidence=evidence
    )
    return replace(judged, findings=tuple(findings(judged)))


def _not_at_hand(run: record.Recorded) -> Iterator[Verdict]:
    """The checks of other packages that there were when the drill ran, and are not here."""
    for name in run.checks:
        if name not in extensions.added(extensions.CHECKS):
            text = "this check is of another package, which was there when the drill ran and is not"
            yield unknown(name, f"{text} installed here")


def missing_of_senders(directory: Path) -> tuple[str, ...]:
    """What is missing of what the senders of a run tell, a sentence each.

    The journals of others, which may be large, are left alone.

    Raises:
        UsageError, TopologyError, HarnessError: As of `judge`.
    """
    run = record.load(directory)
    _must_fit(run)
    own = (*run.topology.senders, record.HARNESS, record.MACHINE)
    looks = look_at_all([path for path in run.journals() if path.stem in own])
    _must_be_read(run, looks)
    paths = [path for path in run.journals() if isinstance(looks.get(path.stem), Look)]
    return cover_senders(run, join_journals(paths), looks)


def _must_be_read(run: record.Recorded, looks: Mapping[str, Look | str]) -> None:
    """Make sure that this version reads all journals.

    Raises:
        UsageError: One is of another format, or of a newer version.
    """
    for path in run.journals():
        if isinstance(look := looks.get(path.stem), Look):
            look.must_be_read(path)


def _must_fit(run: record.Recorded) -> None:
    """Make sure that the drill is one of the topology that lies beside it.

    Raises:
        UsageError, TopologyError: It is not, or the topology cannot be read.
    """
    topology, drill = run.topology, run.drill
    where = f"{run.directory / record.DRILL} does not fit {record.TOPOLOGY}"
    if not drill.flows:
        raise UsageError(f"{run.directory / record.DRILL} drills no flow")
    if len({*drill.flows}) < len(drill.flows):
        raise UsageError(f"{run.directory / record.DRILL} names a flow twice")
    for flow in drill.flows:
        if flow not in topology.flows:
            raise UsageError(f"{where}: there is no flow {flow!r}")
    for spec in drill.faults:
        if spec.node not in topology.nodes:
            raise UsageError(f"{where}: there is no node {spec.node!r} to break")
