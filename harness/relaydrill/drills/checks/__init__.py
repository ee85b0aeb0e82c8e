"""The checks of a drill, one a file: each looks at the ledger of one flow and gives one verdict.

A check knows journals only through the ledger, and nothing of nodes or drivers. One that crashes
is unknown (see `run_checks`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint
from typing import Final

from relaydrill import extensions
from relaydrill.drills.checks.account import check_account
from relaydrill.drills.checks.bite import check_bite
from relaydrill.drills.checks.case import Case, Check
from relaydrill.drills.checks.degraded import check_degraded
from relaydrill.drills.checks.filtering import check_filter
from relaydrill.drills.checks.gap import check_gap
from relaydrill.drills.checks.harness import check_harness
from relaydrill.drills.checks.refusal import check_refusal
from relaydrill.drills.checks.rejection import check_rejected
from relaydrill.drills.checks.returning import check_return
from relaydrill.drills.checks.spread import check_spread
from relaydrill.drills.checks.steady import check_steady
from relaydrill.errors import UsageError
from relaydrill.verdict import Status, Verdict, unknown

CHECKS: Final[tuple[Check, ...]] = (
    check_harness,
    check_steady,
    check_bite,
    check_account,
    check_rejected,
    check_gap,
    check_degraded,
    check_return,
    check_spread,
    check_filter,
    check_refusal,
)
"""Those that come with Relaydrill, in the order in which a report shows them."""

_OWN: Final = (
    *("harness", "steady", "bite", "account", "rejected"),
    *("gap", "degraded", "return", "spread", "filter", "refusal"),
)
"""Their names."""


def all_checks() -> tuple[Check, ...]:
    """All checks, in the order in which a report shows them; those of other packages come last.

    Raises:
        UsageError: What a package adds cannot be loaded, or is no check.
    """
    return (*CHECKS, *_added())


@cache
def _added() -> tuple[Check, ...]:
    entries = extensions.added(extensions.CHECKS, _OWN)
    return tuple(_loaded(entry) for entry in entries.values())


def _loaded(entry: EntryPoint) -> Check:
    """A check of another package; its verdict bears the entry's name, or is unknown."""
    found = extensions.load(entry)
    if not callable(found):
        raise UsageError(f"{extensions.told(entry)}: {found!r} is no function, and so no check")

    def check(case: Case) -> Verdict | None:
        verdict = found(case)
        if verdict is None or (isinstance(verdict, Verdict) and verdict.check == entry.name):
            return verdict
        return unknown(entry.name, f"the check gave no verdict of its own name: {verdict!r}")

    check.__name__ = f"check_{entry.name}"
    return check


_OF_REFUSED_MAIL: Final = (check_harness, check_bite, check_account, check_refusal)
"""Those that a flow has none of whose mail is to be accepted; the others ask who accepted it."""

_ABOUT_TIME: Final = frozenset({"gap", "degraded"})
"""Checks whose failure the topology's author may accept: mail waits, but none is lost."""


def run_checks(case: Case) -> tuple[Verdict, ...]:
    """All checks that apply to a case; one that crashes is unknown, with what it died of.

    Of a flow that nothing was sent of, only why is worth a line.
    """
    verdicts = []
    for check in _that_apply(case):
        try:
            verdict = check(case)
            if verdict is not None:
                verdicts.append(_accepted(case, check, verdict))
        except Exception as error:  # a broken check proves nothing, and must not hide the others
            name = check.__name__.removeprefix("check_")
            text = f"the check crashed: {type(error).__name__}: {error}"
            verdicts.append(unknown(name, text))
    return tuple(_whole(case, verdict) for verdict in verdicts)


def _that_apply(case: Case) -> tuple[Check, ...]:
    if not case.attempts:
        return (check_harness,)
    return (*_OF_REFUSED_MAIL, *_added()) if case.expect.refusal else all_checks()


def _whole(case: Case, verdict: Verdict) -> Verdict:
    """The verdict; unknown where it rests on evidence that is not whole, its figures left out."""
    if not case.holes or verdict.check == "harness":
        return verdict
    return unknown(verdict.check, f"not whole: {case.holes[0]}")


def _accepted(case: Case, check: Check, verdict: Verdict) -> Verdict:
    """The verdict, marked as accepted where the topology's author accepts this weakness.

    Only what the accepted faults caused is accepted: with that counted as served, the check must
    hold. And then it is all one whether tier or machine did the rest.
    """
    is_open = verdict.status is not Status.PASS and verdict.check in _ABOUT_TIME
    if not is_open or not case.accepted_faults:
        return verdict
    rest = check(replace(case, accepting=True))
    if rest is not None and rest.status is not Status.PASS:
        return rest
    plain = check(replace(case, minds_machine=False)) or verdict
    return plain.accept(case.acceptance) if plain.status is Status.FAIL else verdict


__all__ = [
    "CHECKS",
    "Case",
    "Check",
    "all_checks",
    "check_account",
    "check_bite",
    "check_degraded",
    "check_filter",
    "check_gap",
    "check_harness",
    "check_refusal",
    "check_rejected",
    "check_return",
    "check_spread",
    "check_steady",
    "run_checks",
]
