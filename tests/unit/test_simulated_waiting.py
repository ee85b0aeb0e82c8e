"""Blocking code that a loop carries: it waits as threads do, and holds nobody up."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import TypeVar

import pytest

from relaydrill import clock
from relaydrill.drivers.simulate.program import Program
from relaydrill.drivers.simulate.world import BEGIN_S, World
from relaydrill.fibres.waiting import begin, new_event, new_permits, new_pool, result_of

T = TypeVar("T")

Run = Callable[[Callable[[], T]], T]


@pytest.fixture
def run() -> Iterator[Callable[[Callable[[], object]], object]]:
    """Have code run in a program of a world of its own."""
    world = World()
    program = Program(world, "program")
    with clock.given(world):
        yield lambda work: world.call(program, work)


def passed_s() -> float:
    """How long the world has lasted."""
    return clock.monotonic() - BEGIN_S


def test_an_event_lets_all_go_at_once(run: Run[list[str]]) -> None:
    """Everybody who waits for it goes on when it is set, in their order, and later comers too."""

    def work() -> list[str]:
        told, event = list[str](), new_event()

        def wait(name: str) -> None:
            assert event.wait()
            told.append(f"{name} after {passed_s():g} s")

        waiting = [begin(lambda name=name: wait(name), name=name) for name in ("one", "two")]  # type: ignore[misc]
        clock.sleep(3.0)
        assert not event.is_set()
        event.set()
        for each in waiting:
            each.join()
        wait("three")
        return told

    assert run(work) == ["one after 3 s", "two after 3 s", "three after 3 s"]


def test_whoever_waits_in_vain_goes_on_after_his_time(run: Run[tuple[bool, bool, float]]) -> None:
    """An event that nobody sets, and a permit that nobody gives, are waited for no longer."""

    def work() -> tuple[bool, bool, float]:
        return new_event().wait(2.0), new_permits().acquire(timeout=5.0), passed_s()

    assert run(work) == (False, False, 7.0)


def test_each_permit_is_taken_once(run: Run[list[bool]]) -> None:
    """Two permits let two go on, though one of them was waiting and one came later."""

    def work() -> list[bool]:
        permits, taken = new_permits(), list[bool]()

        def take() -> None:
            taken.append(permits.acquire(timeout=10.0))

        first = begin(take, name="first")
        clock.sleep(1.0)
        permits.release()
        permits.release()
        first.join()
        take()
        take()
        return taken

    assert run(work) == [True, True, False]


def test_a_pool_keeps_to_its_bound_and_hands_results_over(
    run: Run[tuple[list[int], float]],
) -> None:
    """Ten jobs of a second each, five at a time, take two."""

    def job(number: int) -> int:
        clock.sleep(1.0)
        return number

    def work() -> tuple[list[int], float]:
        pool = new_pool(5, name="pool")
        jobs = [pool.submit(job, number) for number in range(10)]
        return [result_of(each) for each in jobs], passed_s()

    assert run(work) == ([*range(10)], 2.0)


def test_a_job_s_error_comes_to_whoever_asks(run: Run[None]) -> None:
    """As with any executor."""

    def fail() -> None:
        clock.sleep(1.0)
        raise ValueError("of the job")

    def work() -> None:
        result_of(new_pool(1, name="pool").submit(fail))

    with pytest.raises(ValueError, match="of the job"):
        run(work)


def test_a_pool_that_is_shut_gives_up_what_is_under_way(run: Run[list[str]]) -> None:
    """Its jobs end where they wait, and those that wait for their turn do not begin."""

    def work() -> list[str]:
        told, pool = list[str](), new_pool(1, name="pool")

        def job() -> None:
            try:
                told.append("begun")
                clock.sleep(60.0)
                told.append("over")
            finally:
                told.append("ended")

        jobs = [pool.submit(job), pool.submit(job)]
        clock.sleep(1.0)
        pool.shutdown(cancel_futures=True)
        clock.sleep(1.0)
        for each in jobs:
            with pytest.raises(CancelledError):
                each.result(timeout=0)
        return told

    assert run(work) == ["begun", "ended"]
