"""What type checkers see of the Python API: mypy holds every line; nothing here is run."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import assert_type

import relaydrill
from relaydrill import Account, Drill, FlowVerdict, Judgement, Lab, Status, Step, Topology


def topologies(values: Mapping[str, object], file: Path) -> Topology:
    """Each comes to a topology."""
    assert_type(relaydrill.builtin_topologies(), dict[str, str])
    assert_type(relaydrill.parse("name: mine", where="mine", folder=file), Topology)
    assert_type(relaydrill.load(values), Topology)
    assert_type(relaydrill.load(file), Topology)
    return assert_type(relaydrill.load("sharepoint"), Topology)


def drills(topology: Topology) -> Judgement:
    """From a lab to a verdict."""
    assert_type(relaydrill.lab(topology), AbstractContextManager[Lab, bool | None])
    with relaydrill.lab(topology, driver="process", directory="out") as lab:
        assert_type(lab, Lab)
        assert_type(lab.directory, Path)
        assert_type(relaydrill.policy(lab), relaydrill.Policy)
        planned = assert_type(relaydrill.drill(topology, ["kill:ht1"], flows="relay"), Drill)
        assert_type(planned.faults, tuple[relaydrill.FaultSpec, ...])
        return assert_type(relaydrill.run(lab, planned, on_step=show), Judgement)


def by_hand(lab: Lab) -> None:
    """Faults by hand."""
    with relaydrill.experiment(lab) as experiment:
        assert_type(experiment, relaydrill.Experiment)
        with experiment.broken("kill:ht1"):
            pass
        found = assert_type(experiment.ledger(settle_s=60.0), relaydrill.Ledger)
        assert_type(found.accounts(relaydrill.FOREIGN), dict[Account, int])


def show(step: Step) -> None:
    """A callback."""
    assert_type(step.stage, str)
    assert_type(step.done, float)


def verdicts(found: Judgement) -> None:
    """What a drill came to."""
    assert_type(found.status, Status)
    assert_type(found.directory, Path)
    assert_type(found.flows, tuple[FlowVerdict, ...])
    assert_type(found.flow("relay").status, Status)
    assert_type(found.flow("relay").check("gap"), relaydrill.Verdict | None)
    assert_type(found.findings, tuple[relaydrill.Finding, ...])
    assert_type(found.ledger, relaydrill.Ledger)
    for entry in found.ledger.entries.values():
        assert_type(entry, relaydrill.Entry)
        assert_type(entry.account, Account)


def results(topology: Topology, run: Path) -> None:
    """Audits, and runs that are over."""
    audit = assert_type(relaydrill.audit(topology, nodes=["ht1"], depth=2), relaydrill.Audit)
    assert_type(audit.rows, tuple[Judgement, ...])
    searched = assert_type(relaydrill.explore(topology, faults=2), relaydrill.Exploration)
    assert_type(searched.found, relaydrill.Found | None)
    assert_type(relaydrill.judge(run), Judgement)
    assert_type(relaydrill.judge_audit(str(run)), relaydrill.Audit)
    assert_type(relaydrill.html_report(audit), str)
    assert_type(relaydrill.history(run), relaydrill.History)
    compared = assert_type(relaydrill.compare(str(run), audit), relaydrill.Comparison)
    assert_type(compared.summary, str)


def designs(topology: Topology) -> None:
    """What needs no lab."""
    assert_type(relaydrill.lint_topology(topology), tuple[relaydrill.LintFinding, ...])
    found = assert_type(relaydrill.lint_files("haproxy.cfg"), relaydrill.FilesLinted)
    assert_type(found.findings, tuple[relaydrill.FileFinding, ...])
    outlooks = assert_type(relaydrill.plan_capacity(topology), tuple[relaydrill.Outlook, ...])
    assert_type(outlooks[0].nodes, dict[str, relaydrill.Share])
    cost = assert_type(relaydrill.plan_yearly_cost(topology), relaydrill.YearlyCost | None)
    if cost:
        assert_type(cost.flows, tuple[relaydrill.FlowCost, ...])


def logs(files: list[Path], since: datetime) -> None:
    """Accounts of servers' own logs."""
    found = assert_type(relaydrill.account(files, since=since), relaydrill.LogAccounts)
    assert_type(found.servers, relaydrill.MailAccount | None)
    assert_type(found.exchange, relaydrill.LogAccount | None)
    assert_type(found.counts, dict[str, int])


def mistakes() -> None:
    """A name that there is not is found by the type checker, and not when it runs."""
    relaydrill.nonsense()  # type: ignore[attr-defined]
    relaydrill.load(3)  # type: ignore[arg-type]
    relaydrill.drill("sharepoint", "kill:ht1")  # type: ignore[arg-type]


def errors(error: relaydrill.RelaydrillError) -> None:
    """What may be raised."""
    if isinstance(error, relaydrill.TopologyError):
        assert_type(error.mistakes, tuple[relaydrill.Mistake, ...])
