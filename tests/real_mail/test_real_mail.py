"""What is said of labs of real mail servers is what is true of them, by the files on disk."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import pytest

from tests.real_mail import filters, gateways, recipients, tiers, watching
from tests.real_mail.lab import Case, Seen, drilled
from tests.real_mail.listening import Networks
from tests.real_mail.programs import why_not

CASES: Final = (*recipients.ALL, *filters.ALL, *gateways.ALL, *tiers.ALL, *watching.ALL)
_AT_ONCE: Final = 6
_STATUS: Final = {
    "pass": (0,),
    "fail": (1,),
    "unknown": (3,),
    "not pass": (1, 3),
    "stuck": (1, 3),
    "not fail": (0, 3),
}

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Seen]]]:
    """What each of the chosen cases came to, some at a time: most of a drill is waiting."""
    chosen = [_case_of(each) for each in request.session.items]
    pool, networks = ThreadPoolExecutor(_AT_ONCE), Networks()
    try:
        yield {
            case.name: pool.submit(_drilled, case, networks)
            for case in CASES
            if case in chosen and not why_not("postfix", *case.needs)
        }
    finally:
        pool.shutdown(cancel_futures=True)


def _drilled(case: Case, networks: Networks) -> Seen:
    with networks.one() as number:
        return drilled(case, number)


def _case_of(item: pytest.Item) -> object:
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("case") if callspec else None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_said_is_what_is_true(case: Case, seen: dict[str, Future[Seen]]) -> None:
    """The verdict, its account and who is named are right, and counts equal the files on disk."""
    if reason := why_not("postfix", *case.needs):
        pytest.skip(reason)
    found = seen[case.name].result()
    assert found.status in _STATUS[case.verdict], found.text
    counts = found.counts()
    if case.accounts:
        assert set(counts) == set(case.accounts), found.text
    # What a queue waits for is told of those that had the time to settle.
    for word in case.says if "starved" not in found.text or case.verdict != "stuck" else ():
        assert word in found.text, found.text
    for word in case.never:
        assert counts.get(word, 0) == 0, found.text
    on_disk = {message for each in found.on_disk.values() for message in each}
    if case.verdict == "pass":
        assert len(on_disk) == counts["delivered"], found.text
    if case.copies:
        assert sum(found.copies.values()) == sum(counts.values()) * case.copies, found.text
