"""Runs that are over: judged again, as a page, and side by side."""

from __future__ import annotations

from relaydrill.api.boundary import StrPath, a_path, own_errors, shown
from relaydrill.drills.archive import read_history
from relaydrill.drills.audit import Audit, is_audit, judge_either
from relaydrill.drills.audit import judge_audit as judge_rows
from relaydrill.drills.comparison import compare_results
from relaydrill.drills.comparison.result import Comparison
from relaydrill.drills.history import History
from relaydrill.drills.judge import judge as judge_run
from relaydrill.drills.result import Judgement
from relaydrill.errors import UsageError


def judge(directory: StrPath) -> Judgement:
    """Judge a drill again from its run directory alone; the same evidence gives the same verdict.

    Args:
        directory: Of the run.

    Raises:
        UsageError: It is none of a drill, or makes no sense.
        TopologyError: Its topology is wrong.
    """
    path = a_path(directory)
    with own_errors():
        if is_audit(path):
            raise UsageError(f"{path} is the directory of an audit; use relaydrill.judge_audit")
        return judge_run(path)


def judge_audit(directory: StrPath) -> Audit:
    """Judge all drills of an audit again, from its directory alone.

    Args:
        directory: Of the audit.

    Raises:
        UsageError: It is none of an audit, or a drill of it makes no sense.
        TopologyError: A topology in it is wrong.
    """
    with own_errors():
        return judge_rows(a_path(directory))


def html_report(found: Judgement | Audit | Comparison) -> str:
    """A page that tells of a drill, an audit or a comparison, and needs nothing else.

    Args:
        found: What to tell of.

    Raises:
        UsageError: It is none of them.
    """
    if not isinstance(found, Judgement | Audit | Comparison):
        raise UsageError(f"{shown(found)} is no drill's result, no audit's and no comparison")
    from relaydrill.report.html import render

    return render(found)


def history(folder: StrPath) -> History:
    """All runs that lie below a folder, each beside its like before it; nothing is judged again.

    Args:
        folder: Where they lie.

    Raises:
        UsageError: There is no such folder, or no run in it.
    """
    with own_errors():
        return read_history(a_path(folder))


def compare(base: StrPath | Judgement | Audit, change: StrPath | Judgement | Audit) -> Comparison:
    """What a change did to failover: which rows became worse, which better, what cannot be told.

    Args:
        base: What was before: a result, or the run directory of a drill or an audit, which is
            judged again.
        change: What is after.

    Raises:
        UsageError: One is no run directory, or makes no sense, or they have no row in common.
        TopologyError: A topology in one is wrong.
    """
    with own_errors():
        return compare_results(_either(base), _either(change))


def _either(given: StrPath | Judgement | Audit) -> Judgement | Audit:
    return given if isinstance(given, Judgement | Audit) else judge_either(a_path(given))
