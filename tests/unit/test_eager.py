"""A coroutine that goes on inside the call that lets it: what it may await, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from relaydrill.nodes.lean.eager import MORE, Eager


def begun(coroutine: Coroutine[Any, Any, None]) -> Eager:
    """Started on the loop that runs."""
    made = Eager(coroutine, asyncio.get_running_loop())
    made.start()
    return made


def test_it_goes_on_inside_the_call_that_brings_more() -> None:
    """No round of the loop lies between the data and what is made of them."""
    seen: list[int] = []

    async def session() -> None:
        while True:
            await MORE
            seen.append(len(seen))

    async def scene() -> None:
        running = begun(session())
        running.more()
        assert seen == [0]
        running.more()
        assert seen == [0, 1]

    asyncio.run(scene())


def test_more_does_not_wake_it_from_another_wait() -> None:
    """Data that come while it waits for something else are left until it asks for them."""
    seen: list[str] = []

    async def scene() -> None:
        future = asyncio.get_running_loop().create_future()

        async def session() -> None:
            seen.append(await future)
            await MORE
            seen.append("more")

        running = begun(session())
        running.more()
        assert seen == []
        future.set_result("future")
        await asyncio.sleep(0)
        assert seen == ["future"]
        running.more()
        assert seen == ["future", "more"]

    asyncio.run(scene())


def test_it_may_sleep() -> None:
    """asyncio.sleep works, for no time too: the loop comes round before it goes on."""
    seen: list[str] = []

    async def session() -> None:
        await asyncio.sleep(0)
        seen.append("round")
        await asyncio.sleep(0.001)
        seen.append("slept")

    async def scene() -> None:
        begun(session())
        assert seen == []
        await asyncio.sleep(0.05)
        assert seen == ["round", "slept"]

    asyncio.run(scene())


@pytest.mark.parametrize("wait", ["more", "future", "sleep"])
def test_cancelling_ends_it_where_it_waits(wait: str) -> None:
    """It sees CancelledError at its wait, cleans up, and is over; what it awaited is cancelled."""
    seen: list[str] = []

    async def scene() -> None:
        future = asyncio.get_running_loop().create_future()

        async def session() -> None:
            try:
                match wait:
                    case "more":
                        await MORE
                    case "future":
                        await future
                    case _:
                        await asyncio.sleep(60)
            except asyncio.CancelledError:
                seen.append("cancelled")
                raise
            seen.append("went on")

        running = begun(session())
        running.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert seen == ["cancelled"]
        assert future.cancelled() is (wait == "future")
        running.cancel()
        running.more()
        assert seen == ["cancelled"]

    asyncio.run(scene())


def test_cancelling_itself_ends_it_at_the_next_wait() -> None:
    """As QUIT does: what stands before the next wait is still done."""
    seen: list[str] = []

    async def scene() -> None:
        async def session() -> None:
            await MORE
            running.cancel()
            seen.append("bye")
            await MORE
            seen.append("went on")

        running = begun(session())
        running.more()
        running.more()
        assert seen == ["bye"]

    asyncio.run(scene())


def test_a_task_within_may_be_timed() -> None:
    """asyncio.timeout insists on a task: one made for it serves, and cancelling reaches it."""
    seen: list[str] = []

    async def slow() -> None:
        try:
            async with asyncio.timeout(60):
                await asyncio.sleep(60)
        finally:
            seen.append("ended")

    async def scene() -> None:
        async def session() -> None:
            await asyncio.create_task(slow())

        running = begun(session())
        await asyncio.sleep(0)
        running.cancel()
        for _ in range(4):
            await asyncio.sleep(0)
        assert seen == ["ended"]

    asyncio.run(scene())


def test_a_defect_reaches_the_caller() -> None:
    """What the session does not catch is raised where it was let go on, and ends it."""

    async def session() -> None:
        await MORE
        raise ZeroDivisionError

    async def scene() -> None:
        running = begun(session())
        with pytest.raises(ZeroDivisionError):
            running.more()
        running.more()

    asyncio.run(scene())


def test_a_client_that_is_gone_is_no_defect() -> None:
    """A reset connection ends the session without a word."""

    async def session() -> None:
        await MORE
        raise ConnectionResetError

    async def scene() -> None:
        running = begun(session())
        running.more()
        running.more()

    asyncio.run(scene())
