"""The journal: on disk before the reply that an event describes, and never garbled."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.journal import Event, Journal, read_events
from relaydrill.wait import wait_for

texts = st.text(max_size=30)
plain: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
times = st.floats(min_value=0, max_value=4e9).map(lambda seconds: round(seconds, 6))
events = st.builds(
    Event, times, times, texts, texts, texts, texts, st.dictionaries(texts, plain, max_size=4)
)


@given(events)
def test_an_event_comes_back_from_its_line(event: Event) -> None:
    """Whatever an event holds, it is one line, and reads back as it was, to the microsecond."""
    line = event.to_line()
    assert "\n" not in line
    assert Event.from_line(line) == event
    assert Event.from_line(line.encode()) == event


@given(events, st.data())
def test_a_torn_line_is_no_event(event: Event, data: st.DataObject) -> None:
    """No part of a line, short of the whole, is taken for an event."""
    line = event.to_line()
    cut = data.draw(st.integers(0, len(line) - 1))
    with pytest.raises(ValueError, match="not a journal line"):
        Event.from_line(line[:cut])


@given(st.one_of(st.binary(max_size=80), plain.map(lambda value: json.dumps(value).encode())))
def test_any_other_line_is_no_event(line: bytes) -> None:
    """Garbage, and JSON of another kind, is refused as such and with no other error."""
    with pytest.raises(ValueError, match="not a journal line"):
        Event.from_line(line)


@pytest.mark.parametrize("end", ["", "\n", " \n", "\r\n", "}\n", ",", "\n{}", "\x00", "\v\n"])
@pytest.mark.parametrize("begin", ["", " ", "\ufeff", "\x00"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-32-be"])
def test_a_line_of_bytes_reads_as_json_does(begin: str, end: str, encoding: str) -> None:
    """Whatever stands before and behind it, and in whatever encoding of JSON."""
    line = f'{begin}{{"mono": 1, "detail": {{"reason": "Größe"}}, {WHOLE}}}{end}'.encode(encoding)
    try:
        detail = json.loads(line)["detail"]
    except ValueError:
        with pytest.raises(ValueError, match="not a journal line"):
            Event.from_line(line)
    else:
        assert Event.from_line(line).detail == detail


WHOLE = '"wall": 1, "node": "ht1", "kind": "ready"'


@pytest.mark.parametrize(
    "line",
    [
        '{"mono": 1}',
        f'{{"mono": NaN, {WHOLE}}}',
        f'{{"mono": 1e999, {WHOLE}}}',
        f'{{"mono": {10**400}, {WHOLE}}}',
        f'{{"mono": null, {WHOLE}}}',
        f'{{"mono": 1, {WHOLE}, "detail": 5}}',
        f'{{"mono": 1, {WHOLE}, "detail": null}}',
        f"[{{{WHOLE}}}]",
        "[" * 100_000,
    ],
)
def test_what_is_nearly_an_event_is_none(line: str) -> None:
    """An event without a time, or with a detail that is no mapping, would crash who uses it."""
    with pytest.raises(ValueError, match="not a journal line"):
        Event.from_line(line)


def test_one_write_for_each_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each event is a single write(2) of a whole line, so no crash can come in between."""
    journal = Journal.open("ht1", tmp_path / "j")
    written: list[bytes] = []
    real = os.write

    def spy(descriptor: int, data: bytes) -> int:
        written.append(data)
        return real(descriptor, data)

    monkeypatch.setattr(os, "write", spy)
    for number in range(5):
        journal.write("accepted", f"<{number}@app>", "user@contoso.com", port=25)
    journal.close()
    assert len(written) == 5
    assert all(data.endswith(b"\n") and data.count(b"\n") == 1 for data in written)
    assert b"".join(written) == (tmp_path / "j").read_bytes()


def test_an_event_bears_the_clocks_and_the_node(tmp_path: Path) -> None:
    """Both clocks are read at the write, and the time that is returned is the written one."""
    clock = iter([1.5, 2.5])
    descriptor = os.open(tmp_path / "j", os.O_RDWR | os.O_CREAT | os.O_APPEND)
    journal = Journal("ht1", descriptor, mono=lambda: next(clock), wall=lambda: 1e9)
    returned = [journal.write("ready", pid=1), journal.write("stopping")]
    journal.close()
    assert returned == [1.5, 2.5]
    assert [(event.mono, event.wall, event.node) for event in read_events(tmp_path / "j")] == [
        (1.5, 1e9, "ht1"),
        (2.5, 1e9, "ht1"),
    ]


def test_events_of_many_threads_do_not_mix(tmp_path: Path) -> None:
    """A node journals from several threads; every event stays a line of its own, in its order."""
    journal = Journal.open("ht1", tmp_path / "j")

    def write(writer: int) -> None:
        for number in range(300):
            journal.write("accepted", f"<{writer}.{number}@app>", padding="x" * (number % 97))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    found = [event.message for event in read_events(tmp_path / "j")]
    assert len(found) == 1200
    for writer in range(4):
        mine = [message for message in found if message.startswith(f"<{writer}.")]
        assert mine == [f"<{writer}.{number}@app>" for number in range(300)]


WRITER = """
import sys
from pathlib import Path
from relaydrill.journal import Journal
journal = Journal.open("ht1", Path(sys.argv[1]))
number = 0
while True:
    journal.write("accepted", f"<{number}@app>", "user@contoso.com")
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
    number += 1
"""


def test_what_was_written_outlives_a_kill(tmp_path: Path) -> None:
    """Once `write` has returned, a kill -9 of the writer takes nothing of it back."""
    path = tmp_path / "j"
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert writer.stdout
    for _ in range(200):
        promised = int(writer.stdout.readline())
    writer.send_signal(signal.SIGKILL)
    rest = [line for line in writer.stdout.read().splitlines(keepends=True) if "\n" in line]
    writer.stdout.close()
    writer.wait()
    promised = int(rest[-1]) if rest else promised
    kept = [event.message for event in read_events(path)]
    assert kept[: promised + 1] == [f"<{number}@app>" for number in range(promised + 1)]
    assert len(kept) <= promised + 2


def full_disk(path: Path, room: int) -> subprocess.CompletedProcess[str]:
    """Write events in a process that may make its file only so large; its output tells of each."""
    program = (
        "import sys, signal, resource\n"
        "from pathlib import Path\n"
        "from relaydrill.journal import Journal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal = Journal.open('ht1', Path(sys.argv[1]))\n"
        "def limit(size):\n"
        "    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))\n"
        "limit(int(sys.argv[2]))\n"
        "for number in range(12):\n"
        "    if number == 8:\n"
        "        limit(resource.RLIM_INFINITY)\n"
        "    try:\n"
        "        journal.write('accepted', f'<{number}@app>')\n"
        "        print(number)\n"
        "    except OSError:\n"
        "        pass\n"
    )
    return subprocess.run(
        [sys.executable, "-c", program, str(path), str(room)],
        capture_output=True,
        text=True,
        check=True,
    )


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on file sizes here")
def test_a_full_disk_promises_nothing_and_loses_nothing_else(tmp_path: Path) -> None:
    """However much room is left, what raised is not in the journal, and what did not raise is.

    Half a line must not swallow the next event once there is room again, nor count as an event
    where only its line end is missing.
    """
    line = len(Event(1e5 + 0.123456, 1764000000.123456, "ht1", "accepted", "<1@app>").to_line())
    for room in (0, 1, 2 * line - 9, *range(3 * line, 3 * line + 9), 4 * line + 30):
        path = tmp_path / f"j{room}"
        promised = [int(number) for number in full_disk(path, room).stdout.split()]
        kept = [int(event.message[1:].split("@")[0]) for event in read_events(path)]
        assert kept == promised
        assert set(range(8, 12)) <= set(promised)
        assert len(promised) < 12


def tearing(real: Callable[[int, bytes], int], missing: int) -> Callable[[int, bytes], int]:
    """A write(2) that leaves so many bytes of its first line unwritten."""
    cuts = [missing]

    def write(descriptor: int, data: bytes) -> int:
        return real(descriptor, data[: -cuts.pop()] if cuts else data)

    return write


@pytest.mark.parametrize("missing", [1, 2, 3, 30])
def test_after_a_torn_line_no_event_is_merged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: int
) -> None:
    """The event after a torn one is whole; the torn one is none, if only its end is missing."""
    path = tmp_path / "j"
    journal = Journal.open("ht1", path)
    journal.write("accepted", "<0@app>")
    monkeypatch.setattr(os, "write", tearing(os.write, missing))
    with pytest.raises(OSError, match=r"only \d+ of \d+ bytes written"):
        journal.write("accepted", "<1@app>")
    journal.write("accepted", "<2@app>")
    journal.write("accepted", "<3@app>")
    journal.close()
    assert [event.message for event in read_events(path)] == ["<0@app>", "<2@app>", "<3@app>"]


@pytest.mark.parametrize("missing", [1, 20])
def test_a_torn_line_of_an_earlier_life_is_closed(tmp_path: Path, missing: int) -> None:
    """A node that comes back after a full disk does not lose its first event to the torn line."""
    path = tmp_path / "j"
    torn = Event(1.0, 1.0, "ht1", "accepted", "<1@app>").to_line() + "\n"
    path.write_text(torn + torn[:-missing])
    journal = Journal.open("ht1", path)
    journal.write("ready", pid=1)
    journal.close()
    assert [event.kind for event in read_events(path)] == ["accepted", "ready"]


def test_a_journal_is_gone_on_with(tmp_path: Path) -> None:
    """A restarted node appends to what its earlier life has written."""
    for number in range(3):
        journal = Journal.open("ht1", tmp_path / "j")
        journal.write("ready", pid=number)
        journal.close()
    assert [event.detail["pid"] for event in read_events(tmp_path / "j")] == [0, 1, 2]


def test_a_line_without_its_end_is_not_read_yet(tmp_path: Path) -> None:
    """A reader that comes while a line is being written takes it the next time, whole."""
    path = tmp_path / "j"
    line = Event(1.0, 1.0, "ht1", "accepted", "<1@app>").to_line()
    path.write_text(line)
    assert list(read_events(path)) == []
    path.write_text(line + "\n")
    assert len(list(read_events(path))) == 1


def test_a_journal_is_its_owner_s_alone(tmp_path: Path) -> None:
    """Journals hold addresses of people: nobody else may read them."""
    Journal.open("ht1", tmp_path / "j").close()
    assert (tmp_path / "j").stat().st_mode & 0o777 == 0o600


def test_a_reader_beside_a_writer_sees_whole_events(tmp_path: Path) -> None:
    """A journal can be read while it grows: only whole events, and never fewer than before."""
    path = tmp_path / "j"
    journal = Journal.open("ht1", path)
    done = threading.Event()

    def write() -> None:
        for number in range(2000):
            journal.write("accepted", f"<{number}@app>")
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = [0]

    def grown() -> bool:
        count = sum(1 for _ in read_events(path))
        assert count >= seen[-1]
        seen.append(count)
        return done.is_set()

    wait_for(grown, what="the writer to end", deadline_s=30.0, every_s=0.001)
    thread.join()
    journal.close()
    assert sum(1 for _ in read_events(path)) == 2000
