"""A hub's queue: what it has stored outlives the hub; what it has not stored leaves no trace."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.nodes.transport.queue import Queue, QueueFull
from relaydrill.wait import wait_for

CONTENT = b"Subject: x\r\n\r\nbody\r\n"


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[Queue]:
    """An empty queue."""
    made = Queue(tmp_path / "q.sqlite")
    yield made
    made.close()


def put(queue: Queue, message: str, *recipients: str, release: bool = True) -> range:
    """Store a message and, unless told otherwise, release it for delivery."""
    rows = queue.put(message, "app@contoso.com", recipients or ("user@contoso.com",), CONTENT)
    if release:
        for row in rows:
            queue.put_off(row)
    return rows


def test_a_message_comes_out_as_it_went_in(queue: Queue) -> None:
    """Id, envelope and content are kept to the byte."""
    content = bytes(range(256)) * 20
    rows = queue.put("<1@app>", "ä@contoso.com", ("u@contoso.com",), content)
    queue.put_off(rows[0])
    (item,) = queue.claim(5)
    assert (item.message, item.sender, item.recipient) == (
        "<1@app>",
        "ä@contoso.com",
        "u@contoso.com",
    )
    assert (item.row, item.content) == (rows[0], content)


def test_one_row_for_each_recipient(queue: Queue) -> None:
    """Each recipient is delivered to, and done with, on its own; with copies, that often."""
    rows = put(queue, "<1@app>", "a@x", "b@x")
    assert queue.items() == [("<1@app>", "a@x"), ("<1@app>", "b@x")]
    queue.done(rows[0])
    assert queue.items() == [("<1@app>", "b@x")]
    copies = queue.put("<2@app>", "s@x", ("c@x", "d@x"), CONTENT, copies=2)
    assert len(copies) == 4
    assert len(queue) == 5


def test_rows_are_claimed_until_they_are_released(queue: Queue) -> None:
    """What has been stored but not promised is not delivered."""
    rows = put(queue, "<1@app>", release=False)
    assert queue.claim(10) == []
    queue.put_off(rows[0])
    assert [item.row for item in queue.claim(10)] == list(rows)


def test_withdrawn_rows_are_gone(queue: Queue) -> None:
    """A promise that could not be made leaves nothing behind."""
    queue.withdraw(put(queue, "<1@app>", "a@x", "b@x", release=False))
    assert (len(queue), queue.items(), queue.claim(10)) == (0, [], [])


def test_no_row_is_claimed_twice(queue: Queue) -> None:
    """Of many claimants at once each gets rows of its own, and together they get all."""
    for number in range(200):
        put(queue, f"<{number}@app>")
    claimed: list[int] = []

    def claim() -> None:
        while items := queue.claim(3):
            claimed.extend(item.row for item in items)

    threads = [threading.Thread(target=claim) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(claimed) == list(range(1, 201))


def test_a_claim_takes_the_oldest_first(queue: Queue) -> None:
    """Messages leave in the order in which they came, as far as none is put off."""
    for number in range(5):
        put(queue, f"<{number}@app>")
    first = queue.claim(2)
    assert [item.message for item in first] == ["<0@app>", "<1@app>"]
    queue.put_off(first[0].row)
    assert [item.message for item in queue.claim(2)] == ["<0@app>", "<2@app>"]


def test_what_is_put_off_comes_back_when_it_is_due(queue: Queue) -> None:
    """A deferred row is passed over until its time, and holds up nobody behind it."""
    late = put(queue, "<late@app>")[0]
    assert len(queue.claim(1)) == 1
    queue.put_off(late, 0.3)
    put(queue, "<next@app>")
    assert [item.message for item in queue.claim(5)] == ["<next@app>"]
    (item,) = wait_for(lambda: queue.claim(5), what="the row to be due", deadline_s=5.0)
    assert item.row == late


def test_putting_off_for_ever_does_not_hide_what_is_behind(queue: Queue) -> None:
    """However many rows wait, a claim finds the ones that do not."""
    for number in range(50):
        row = put(queue, f"<{number}@app>")[0]
        queue.claim(1)
        queue.put_off(row, 1000.0)
    put(queue, "<new@app>")
    assert [item.message for item in queue.claim(1)] == ["<new@app>"]


def test_a_queue_is_gone_on_with(tmp_path: Path) -> None:
    """A hub that comes back tries everything at once: claims and deferrals die with it."""
    first = Queue(tmp_path / "q.sqlite")
    put(first, "<claimed@app>", release=False)
    put(first, "<deferred@app>")
    first.put_off(2, 1000.0)
    first.close()
    second = Queue(tmp_path / "q.sqlite")
    assert [item.message for item in second.claim(10)] == ["<claimed@app>", "<deferred@app>"]
    second.close()


def test_row_numbers_are_never_used_again(tmp_path: Path) -> None:
    """A row number stands for one message for ever, also over a restart of an emptied queue."""
    first = Queue(tmp_path / "q.sqlite")
    first.done(put(first, "<1@app>")[0])
    first.close()
    second = Queue(tmp_path / "q.sqlite")
    assert list(put(second, "<2@app>")) == [2]
    second.close()


STORER = """
import sys
from pathlib import Path
from relaydrill.nodes.transport.queue import Queue
queue = Queue(Path(sys.argv[1]))
number = 0
while True:
    queue.put(f"<{number}@app>", "s@x", ("a@x", "b@x"), b"x" * 3000)
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    number += 1
"""


def test_what_was_stored_outlives_a_kill(tmp_path: Path) -> None:
    """Every message whose put has returned is there after a kill -9, for all its recipients.

    And no message is there for some of its recipients only.
    """
    path = tmp_path / "q.sqlite"
    for _ in range(3):
        path.unlink(missing_ok=True)
        storer = subprocess.Popen(
            [sys.executable, "-c", STORER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert storer.stdout
        told = [storer.stdout.readline() for _ in range(60)]
        storer.send_signal(signal.SIGKILL)
        told += storer.stdout.read().splitlines(keepends=True)
        storer.stdout.close()
        storer.wait()
        promised = sum(line.endswith("\n") for line in told)
        queue = Queue(path)
        kept = queue.items()
        queue.close()
        for number in range(promised):
            assert (f"<{number}@app>", "a@x") in kept
            assert (f"<{number}@app>", "b@x") in kept
        assert len(kept) in (2 * promised, 2 * promised + 2)


def test_a_full_queue_takes_nothing_of_what_it_refuses(tmp_path: Path) -> None:
    """Back pressure: a message that does not fit is not stored, for no recipient at all."""
    queue = Queue(tmp_path / "q.sqlite", most_pages=20)
    stored = 0
    with pytest.raises(QueueFull):
        for number in range(100):
            queue.put(f"<{number}@app>", "s@x", ("a@x", "b@x"), b"x" * 5000)
            stored += 1
    assert 0 < stored < 40
    assert len(queue) == 2 * stored
    assert {message for message, _ in queue.items()} == {f"<{n}@app>" for n in range(stored)}
    queue.close()


def test_a_queue_that_was_full_takes_mail_again(tmp_path: Path) -> None:
    """As messages leave, there is room for others."""
    queue = Queue(tmp_path / "q.sqlite", most_pages=20)
    rows: list[int] = []
    with pytest.raises(QueueFull):
        for number in range(100):
            rows += queue.put(f"<{number}@app>", "s@x", ("a@x",), b"x" * 5000)
    for row in rows:
        queue.done(row)
    assert len(queue) == 0
    assert len(queue.put("<again@app>", "s@x", ("a@x",), b"x" * 5000)) == 1
    queue.close()


class FullDisk:
    """A connection to the database whose disk is full: it reads, and cannot write."""

    def __init__(self, real: sqlite3.Connection) -> None:
        self._real = real
        self.full = True

    @property
    def in_transaction(self) -> bool:
        """As the real one has it."""
        return self._real.in_transaction

    def execute(self, statement: str, *rest: object) -> object:
        """Read, or fail."""
        if self.full and not statement.startswith("SELECT"):
            raise sqlite3.OperationalError("database or disk is full")
        return self._real.execute(statement, *rest)  # type: ignore[arg-type]

    def executemany(self, *rest: object) -> object:
        """Fail, or write."""
        return self._real.executemany(*rest)  # type: ignore[arg-type]

    def close(self) -> None:
        """Close the real one."""
        self._real.close()


def test_a_full_disk_does_not_bring_back_what_is_done(queue: Queue) -> None:
    """A row that cannot be deleted for want of room is not delivered again, and goes later."""
    rows = put(queue, "<1@app>", "a@x", "b@x")
    queue.claim(2)
    disk = FullDisk(queue._db)
    queue._db = disk  # type: ignore[assignment]
    queue.done(rows[0])
    queue.put_off(rows[1])
    assert [item.row for item in queue.claim(5)] == [rows[1]]
    assert (len(queue), queue.items()) == (1, [("<1@app>", "b@x")])
    disk.full = False
    assert len(queue) == 1
    found = disk.execute("SELECT row FROM queue")
    assert isinstance(found, sqlite3.Cursor)
    assert found.fetchall() == [(rows[1],)]


def test_a_closed_queue_refuses(tmp_path: Path) -> None:
    """A session that goes on while the hub ends gets back pressure, and no broken promise."""
    queue = Queue(tmp_path / "q.sqlite")
    queue.close()
    with pytest.raises(QueueFull):
        put(queue, "<1@app>")


actions = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 3)),
        st.tuples(st.just("claim"), st.integers(1, 3)),
        st.tuples(st.just("done"), st.integers(0, 9)),
        st.tuples(st.just("back"), st.integers(0, 9)),
    ),
    max_size=30,
)


@given(actions)
def test_a_queue_behaves_like_a_list(steps: list[tuple[str, int]]) -> None:
    """Whatever is stored, claimed, done and given back: what is left is what a list would hold."""
    queue = Queue(Path(":memory:"))
    waiting: list[int] = []
    claimed: list[int] = []
    for action, number in steps:
        match action:
            case "put":
                waiting += put(queue, "<m@app>", *(f"{n}@x" for n in range(number)))
            case "claim":
                got = [item.row for item in queue.claim(number)]
                assert got == sorted(waiting)[:number]
                waiting = [row for row in waiting if row not in got]
                claimed += got
            case "done" if claimed:
                queue.done(claimed.pop(number % len(claimed)))
            case "back" if claimed:
                row = claimed.pop(number % len(claimed))
                queue.put_off(row)
                waiting.append(row)
        assert len(queue) == len(waiting) + len(claimed)
    queue.close()


def test_a_destination_s_rows_are_claimed_by_it_alone(queue: Queue) -> None:
    """What waits for one destination is invisible to the others; each recipient has its own."""
    rows = queue.put("<1@app>", "s@x", ("a@x", "b@y"), CONTENT, destinations=("x", "y"))
    for row in rows:
        queue.put_off(row)
    assert queue.claim(10, "z") == []
    assert [item.recipient for item in queue.claim(10, "y")] == ["b@y"]
    assert [item.recipient for item in queue.claim(10, "x")] == ["a@x"]
    assert len(queue) == 2


def test_rows_are_held_until_the_last_of_them_has_left(queue: Queue) -> None:
    """A message has left when all of its recipients have; who asks for others is not misled."""
    rows = put(queue, "<1@app>", "a@x", "b@x")
    other = put(queue, "<2@app>")
    assert queue.holds(rows[0], rows[-1])
    queue.done(rows[0])
    assert queue.holds(rows[0], rows[-1])
    queue.done(rows[1])
    assert not queue.holds(rows[0], rows[-1])
    assert queue.holds(other[0], other[-1])


def test_whoever_waits_is_told_of_each_row_that_leaves(tmp_path: Path) -> None:
    """Delivered, bounced or withdrawn: each row is told once."""
    left: list[int] = []
    queue = Queue(tmp_path / "q.sqlite", on_done=left.append)
    rows = put(queue, "<1@app>", "a@x", "b@x")
    assert left == []
    queue.done(rows[1])
    queue.withdraw(range(rows[0], rows[0] + 1))
    assert left == [rows[1], rows[0]]
    queue.close()
