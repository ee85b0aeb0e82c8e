"""The harness itself did its part."""

from __future__ import annotations

from relaydrill.drills.checks.case import Case
from relaydrill.smtp import Result
from relaydrill.verdict import Verdict, passed, unknown


def check_harness(case: Case) -> Verdict | None:
    """The harness itself did its part: schedule kept, nothing of its own broken."""
    if case.holes or case.problems:
        return unknown("harness", "; ".join([*case.holes, *case.problems]))
    if not case.attempts:
        return unknown("harness", "no attempt was made")
    unsent = case.attempts.matching(lambda attempt: attempt.result is Result.UNSENT)
    if unsent:
        return unknown(
            "harness",
            f"{len(unsent)} attempts failed on the sender's own machine: {unsent[0].reason}",
            unsent=len(unsent),
        )
    untold = len(case.attempts.matching(lambda attempt: attempt.result is None))
    if untold:
        gone = case.ledger.gone_workers
        who = f" (gone: the Locust worker {', '.join(gone)})" if gone else ""
        text = f"{untold} attempts have no outcome: their sender ended first{who}"
        return unknown("harness", text, untold=untold)
    late = case.attempts.latest_s
    return passed(
        "harness",
        f"{len(case.attempts)} attempts on schedule, the latest {late * 1000:.0f} ms behind",
        attempts=len(case.attempts),
        late_ms=round(late * 1000, 1),
    )
