"""What is not the same on both sides of a row: its verdict, its checks, its times, its mail."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from relaydrill.documents.comparison import What
from relaydrill.drills.comparison.counts import Counted, compare_counts
from relaydrill.drills.comparison.result import Difference, Outcome
from relaydrill.drills.comparison.times import compare_times
from relaydrill.drills.measured import Measured
from relaydrill.drills.result import ACCEPTED, FlowVerdict
from relaydrill.sentences import listed
from relaydrill.verdict import Status, Verdict

_RANK: Final = {str(Status.PASS): 0, ACCEPTED: 1, str(Status.FAIL): 2}
"""What is accepted is between: a failure that somebody has agreed to."""

_WORTH_TELLING_S: Final = 0.1

_ON_TIMES: Final = ("gap", "degraded")
"""Checks that find a time."""

_BROKEN_PROMISES: Final = ("lost", "discarded", "phantom", "altered")
"""Accounts of mail that was promised and is not where it should be."""

_COUNTED_AS: Final = {"duplicated": "duplicated", "stuck": "queued", "stranded": "queued"}
"""What fails an account where the topology promises it, and in which account that is counted."""


def differences(
    base: FlowVerdict, change: FlowVerdict, before: Outcome, after: Outcome
) -> Iterator[Difference]:
    """All that is not the same, the verdict first.

    Where a side is unknown its checks prove nothing; and its times only if it is they alone that
    were too close to tell.

    Args:
        base: The flow's verdict before.
        change: And after.
        before: How the row came out before.
        after: And after.
    """
    is_other = base.shown_status != change.shown_status
    if is_other:
        yield _of_status(before, after)
    if Status.UNKNOWN not in (base.status, change.status):
        # What decided the verdict has been told with it.
        decisive = {base.worst.check, change.worst.check} if is_other else set[str]()
        yield from _of_checks(base, change, decisive)
        yield from _of_accounts(base, change)
        yield from _of_failed(base, change, before.degraded, after.degraded)
    elif not (_are_times_sound(base) and _are_times_sound(change)):
        return
    yield from _of_times("gap", "nothing accepted for", before.gap, after.gap)
    yield from _of_times("degraded", "attempts failed for", before.degraded, after.degraded)


def _are_times_sound(flow: FlowVerdict) -> bool:
    """Whether nothing is unknown but whether a time was within what is promised."""
    doubtful = [each for each in flow.checks if each.status is Status.UNKNOWN]
    return not flow.holes and all(each.check in _ON_TIMES for each in doubtful)


def compare_statuses(base: str, change: str) -> What:
    """Whether a status is worse than another, as a report shows them.

    Args:
        base: ``pass``, ``accepted``, ``fail`` or ``unknown``, before.
        change: And after.
    """
    if base == change:
        return "same"
    if Status.UNKNOWN in (base, change):
        return "unclear"
    return "worse" if _RANK[change] > _RANK[base] else "better"


def _of_status(before: Outcome, after: Outcome) -> Difference:
    what = compare_statuses(before.status, after.status)
    told = f"{before.status} → {after.status}"
    if what == "unclear":
        sides = {"BASE": before, "CHANGE": after}
        blind = "BASE" if before.status == "unknown" else "CHANGE"
        told += f": nothing was proven in {blind}: {sides.pop(blind).said}"
        told += "".join(f"; {name}: {side.said}" for name, side in sides.items() if side.said)
    elif what == "worse":
        told += f": {after.said}"
    else:
        told += f"; it was {before.said}"
    # What passes now is worse than nothing that was before.
    return Difference(what, "status", told, what == "unclear" and after.status != "pass")


def _of_checks(
    base: FlowVerdict, change: FlowVerdict, told: Collection[str]
) -> Iterator[Difference]:
    """Checks that came out otherwise: another thing fails now, or not any more.

    Args:
        base: Before.
        change: After.
        told: Those of which enough has been said.
    """
    for name in dict.fromkeys(each.check for each in (*change.checks, *base.checks)):
        before, after = base.check(name), change.check(name)
        if name in told:
            continue
        if before is not None and after is not None:
            yield from _of_check(before, after)
        elif (alone := before or after) and alone.status is not Status.PASS:
            side = "BASE" if after is None else "CHANGE"
            said = f"only {side} has this check, {_shown(alone)}: {alone.summary}"
            yield Difference("unclear", name, f"{name}: {said}", after is not None)


def _of_check(before: Verdict, after: Verdict) -> Iterator[Difference]:
    old, new = _shown(before), _shown(after)
    what = compare_statuses(old, new)
    if what != "same":
        said = f"it was: {before.summary}" if what == "better" else after.summary
        told = f"{after.check} {old} → {new}: {said}"
        yield Difference(what, after.check, told, what == "unclear" and new != "pass")


def _shown(check: Verdict) -> str:
    return ACCEPTED if check.accepted and check.status is Status.FAIL else str(check.status)


def _of_accounts(base: FlowVerdict, change: FlowVerdict) -> Iterator[Difference]:
    """Mail that is not where it should be on one side alone, or is more there, allowed or not."""
    old, new = base.check("account"), change.check("account")
    if old is None or new is None:
        return
    failed_for = {_COUNTED_AS[each] for each in _failed_for(old) | _failed_for(new)}
    if old.status is not new.status:  # that has been told
        failed_for = set()
    for account in (*_BROKEN_PROMISES, *sorted(failed_for)):
        yield from _of_counts(account, _counted(base, account), _counted(change, account))
    rejected, again = base.check("rejected"), change.check("rejected")
    if rejected and again and rejected.status is again.status is Status.FAIL:
        counts = [
            Counted(each.figures["rejected"], each.figures["of"]) for each in (rejected, again)
        ]
        yield from _of_counts("rejected", *counts)


def _of_failed(
    base: FlowVerdict, change: FlowVerdict, before: Measured | None, after: Measured | None
) -> Iterator[Difference]:
    """How many attempts failed, where they did until the heal, after as long a time, both times.

    Else how many they were follows from how long it took.
    """
    old, new = base.check("degraded"), change.check("degraded")
    if not (old and new and before and after and before.is_cut and after.is_cut):
        return
    if abs(before.found_s - after.found_s) <= before.give_s + after.give_s:
        figures = [each.figures for each in (old, new)]
        counts = [Counted(each.get("failed", 0), each.get("attempts", 0)) for each in figures]
        yield from _of_counts("failed", *counts)


def _failed_for(account: Verdict) -> set[str]:
    """What an account's check names that fails only where it is promised."""
    if account.status is not Status.FAIL:
        return set()
    return {*account.summary.partition(":")[0].split(" and ")} & {*_COUNTED_AS}


def _counted(flow: FlowVerdict, account: str) -> Counted:
    return Counted(flow.account.get(account, 0), sum(flow.account.values()))


def _of_counts(about: str, before: Counted, after: Counted) -> Iterator[Difference]:
    what = compare_counts(before, after)
    if what != "same":
        of = "" if before.of == after.of else f" of {before.of}"
        told = f"{about}: {before.found}{of} → {after.found}"
        yield Difference(what, about, told + (f" of {after.of}" if of else ""))


def _of_times(
    about: str, words: str, before: Measured | None, after: Measured | None
) -> Iterator[Difference]:
    if before is None or after is None:
        return
    what = compare_times(before, after)
    if what == "same":
        return
    told = f"{words} {before} → {after}"
    excuses = [
        f"{each.excused_s:.1f} s of it in {side}"
        for side, each in (("BASE", before), ("CHANGE", after))
        if each.excused_s >= _WORTH_TELLING_S
    ]
    if excuses:
        told += f" (the machine starved, and may have added {listed(excuses)})"
    if what == "unclear":
        side = "BASE" if before.is_cut else "CHANGE"
        told += f": in {side} it lasted as long as the fault did, so that nobody knows how long"
        told += " it would have lasted"
    yield Difference(what, about, told, what == "unclear" and after.is_cut)
