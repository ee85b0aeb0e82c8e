"""Relaydrill: if this machine dies, does mail still flow, and is any of it lost?

What this module offers is the Python API, told in docs/python/api.md. Importing it costs nothing;
each name is loaded when it is first asked for.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from relaydrill.api.designs import (
        lint_files,
        lint_topology,
        plan_capacity,
        plan_yearly_cost,
    )
    from relaydrill.api.drilling import audit, drill, policy, run
    from relaydrill.api.experiments import Experiment, experiment
    from relaydrill.api.exploring import explore
    from relaydrill.api.labs import lab
    from relaydrill.api.logs import LogAccounts, account
    from relaydrill.api.results import compare, history, html_report, judge, judge_audit
    from relaydrill.api.topologies import builtin_topologies, load, parse
    from relaydrill.drills.audit import Audit
    from relaydrill.drills.comparison.result import Comparison
    from relaydrill.drills.exploring.exploration import Exploration, Found
    from relaydrill.drills.exploring.search import Progress
    from relaydrill.drills.history import History
    from relaydrill.drills.model import Drill
    from relaydrill.drills.policy import Policy
    from relaydrill.drills.result import Finding, FlowVerdict, Judgement
    from relaydrill.drills.runner import Step
    from relaydrill.drivers.base import Lab
    from relaydrill.errors import (
        CapabilityMissing,
        HarnessError,
        LabError,
        RelaydrillError,
        TopologyError,
        UsageError,
    )
    from relaydrill.exchange_logs.log_account import LogAccount
    from relaydrill.faults import FaultSpec
    from relaydrill.ledger import FOREIGN, Account, Entry, Ledger
    from relaydrill.lint import LintFinding, Severity
    from relaydrill.lint.own_files import FileFinding, FilesLinted
    from relaydrill.mail_account.result import MailAccount
    from relaydrill.marks import Mark, Mistake
    from relaydrill.planning import Outlook, Share
    from relaydrill.topology import Topology
    from relaydrill.verdict import Status, Verdict
    from relaydrill.yearly_cost.cost import FlowCost, YearlyCost

# Where each name is to be found. The imports above say the same to type checkers.
_HOMES = {
    "Account": "ledger",
    "Audit": "drills.audit",
    "CapabilityMissing": "errors",
    "Comparison": "drills.comparison.result",
    "Drill": "drills.model",
    "Entry": "ledger",
    "Experiment": "api.experiments",
    "Exploration": "drills.exploring.exploration",
    "FOREIGN": "ledger",
    "FaultSpec": "faults",
    "FileFinding": "lint.own_files",
    "FilesLinted": "lint.own_files",
    "Finding": "drills.result",
    "FlowVerdict": "drills.result",
    "Found": "drills.exploring.exploration",
    "HarnessError": "errors",
    "History": "drills.history",
    "TopologyError": "errors",
    "Judgement": "drills.result",
    "Lab": "drivers.base",
    "LabError": "errors",
    "Ledger": "ledger",
    "LintFinding": "lint",
    "LogAccount": "exchange_logs.log_account",
    "LogAccounts": "api.logs",
    "MailAccount": "mail_account.result",
    "Mark": "marks",
    "Mistake": "marks",
    "Outlook": "planning",
    "Policy": "drills.policy",
    "Progress": "drills.exploring.search",
    "RelaydrillError": "errors",
    "Severity": "lint",
    "Share": "planning",
    "Status": "verdict",
    "Step": "drills.runner",
    "Topology": "topology",
    "UsageError": "errors",
    "Verdict": "verdict",
    "YearlyCost": "yearly_cost.cost",
    "FlowCost": "yearly_cost.cost",
    "account": "api.logs",
    "audit": "api.drilling",
    "builtin_topologies": "api.topologies",
    "compare": "api.results",
    "drill": "api.drilling",
    "experiment": "api.experiments",
    "explore": "api.exploring",
    "history": "api.results",
    "html_report": "api.results",
    "judge": "api.results",
    "judge_audit": "api.results",
    "lab": "api.labs",
    "lint_files": "api.designs",
    "lint_topology": "api.designs",
    "load": "api.topologies",
    "parse": "api.topologies",
    "plan_capacity": "api.designs",
    "plan_yearly_cost": "api.designs",
    "policy": "api.drilling",
    "run": "api.drilling",
}

__all__ = [
    "FOREIGN",
    "Account",
    "Audit",
    "CapabilityMissing",
    "Comparison",
    "Drill",
    "Entry",
    "Experiment",
    "Exploration",
    "FaultSpec",
    "FileFinding",
    "FilesLinted",
    "Finding",
    "FlowCost",
    "FlowVerdict",
    "Found",
    "HarnessError",
    "History",
    "Judgement",
    "Lab",
    "LabError",
    "Ledger",
    "LintFinding",
    "LogAccount",
    "LogAccounts",
    "MailAccount",
    "Mark",
    "Mistake",
    "Outlook",
    "Policy",
    "Progress",
    "RelaydrillError",
    "Severity",
    "Share",
    "Status",
    "Step",
    "Topology",
    "TopologyError",
    "UsageError",
    "Verdict",
    "YearlyCost",
    "__version__",
    "account",
    "audit",
    "builtin_topologies",
    "compare",
    "drill",
    "experiment",
    "explore",
    "history",
    "html_report",
    "judge",
    "judge_audit",
    "lab",
    "lint_files",
    "lint_topology",
    "load",
    "parse",
    "plan_capacity",
    "plan_yearly_cost",
    "policy",
    "run",
]


if not TYPE_CHECKING:  # which would take any name at all for one that there is

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
        return found


def __dir__() -> list[str]:
    return [*__all__]
