"""Shadow copies and late acknowledgements: what is kept, what is waited for, and for how long."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from relaydrill.nodes.transport.departures import Departures
from relaydrill.nodes.transport.shadow import Copy, ShadowQueue

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


def copy(primary: str, message: str, *recipients: str, content: bytes = b"x") -> Copy:
    """A copy of some rows of a primary's."""
    return Copy(0, primary, 4, 5, message, "s@x", recipients or ("a@x",), content)


def test_copies_outlive_the_hub_that_keeps_them(tmp_path: Path) -> None:
    """Whatever was kept is there again after a restart, oldest first, each with its primary."""
    path = tmp_path / "shadow.sqlite"
    first = ShadowQueue(path)
    first.keep(copy("ht1", "<1@app>", "a@x", "ä@x", content=bytes(range(256))))
    first.keep(copy("ht2", "<2@app>"))
    first.keep(copy("ht1", "<3@app>"))
    first.close()
    second = ShadowQueue(path)
    kept = second.of("ht1")
    assert [each.message for each in kept] == ["<1@app>", "<3@app>"]
    assert kept[0].recipients == ("a@x", "ä@x")
    assert (kept[0].content, kept[0].first, kept[0].last) == (bytes(range(256)), 4, 5)
    assert second.counts() == {"ht1": 2, "ht2": 1}
    second.discard(kept[0])
    assert second.counts() == {"ht1": 1, "ht2": 1}
    second.close()


@given(messages=st.lists(st.tuples(_TEXT, st.lists(_TEXT, min_size=1, max_size=3), st.binary())))
def test_a_copy_comes_out_as_it_went_in(messages: list[tuple[str, list[str], bytes]]) -> None:
    """Whatever its envelope and content are."""
    queue = ShadowQueue(Path(":memory:"))
    for message, recipients, content in messages:
        queue.keep(copy("ht1", message, *recipients, content=content))
    found = [(each.message, list(each.recipients), each.content) for each in queue.of("ht1")]
    assert found == messages
    queue.close()


def test_a_wait_ends_when_the_last_row_has_left() -> None:
    """Rows that leave in other threads are told to the waiting hub; others change nothing."""

    async def scene() -> bool:
        departures = Departures()
        departure = departures.expect(range(7, 9))
        for row in (8, 3, 7):
            thread = threading.Thread(target=departures.gone, args=(row,))
            thread.start()
            thread.join()
        return await departure.wait(60.0)

    assert asyncio.run(scene())


def test_a_wait_is_over_when_its_time_is() -> None:
    """A row that stays is no reason to wait for ever; nothing is remembered of it."""

    async def scene() -> bool:
        departures = Departures()
        departure = departures.expect(range(7, 9))
        departures.gone(7)
        left = await departure.wait(0.01)
        departures.forget(range(7, 9))
        departures.gone(8)
        return left

    assert not asyncio.run(scene())
