"""The mark that ends a journal: what was taken out, put in or changed after it is noticed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.histories import History

from relaydrill.drills.closing import close, look
from relaydrill.journal import read_events

NAME = "journals/mbx.jsonl"


def journal(folder: Path, count: int, half: bytes = b"") -> Path:
    """A closed journal of so many arrivals, and perhaps half a line."""
    history = History()
    for number in range(count):
        history.arrived(f"<{number}@app>")
    path = folder / "mbx.jsonl"
    path.write_bytes("".join(each.to_line() + "\n" for each in history.events).encode() + half)
    close(path)
    return path


def test_a_closed_journal_is_whole(tmp_path: Path) -> None:
    """However long it is; and what its node wrote is read as before."""
    for count in (0, 1, 50):
        path = journal(tmp_path, count)
        assert look(path).missing(NAME) == ""
        assert [each.kind for each in read_events(path)] == ["arrived"] * count + ["closed"]


def test_half_a_line_is_no_event_and_no_hole(tmp_path: Path) -> None:
    """A node that was killed while it wrote promised nothing by what it did not finish."""
    path = journal(tmp_path, 3, b'{"mono":1.0,"wall":1.0,"node":"mbx","kind":"arri')
    assert look(path).missing(NAME) == ""
    assert [each.kind for each in read_events(path)] == ["arrived"] * 3 + ["closed"]


def test_to_close_again_is_to_say_that_it_is_whole(tmp_path: Path) -> None:
    """Whoever writes a lie of a node's into its journal closes it again: there is one mark."""
    path = journal(tmp_path, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[1:]))
    assert look(path).missing(NAME)
    close(path)
    close(path)
    assert look(path).missing(NAME) == ""
    assert [each.kind for each in read_events(path)] == ["arrived"] * 4 + ["closed"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """By the file, and how many lines it has and should have."""
    path = journal(tmp_path, 5)
    lines = path.read_bytes().splitlines(keepends=True)
    for changed, said in (
        (lines[1:], f"{NAME} has 4 lines, and was closed with 5: something was taken out of it"),
        (lines[:1] + lines, f"{NAME} has 6 lines, and was closed with 5: something was put into"),
        (lines[:-1], f"{NAME} was not closed: its end is missing"),
        ([lines[1], lines[0], *lines[2:]], f"{NAME} was changed after it was closed"),
    ):
        path.write_bytes(b"".join(changed))
        assert look(path).missing(NAME).startswith(said)


def test_a_mark_whose_count_alone_was_changed_is_noticed(tmp_path: Path) -> None:
    """It says two things of what stands before it, and both must be true."""
    path = journal(tmp_path, 5)
    path.write_bytes(path.read_bytes().replace(b'"lines":5', b'"lines":6'))
    assert look(path).missing(NAME).startswith(f"{NAME} has 5 lines, and was closed with 6")


@given(st.data())
@settings(deadline=None)
def test_any_other_bytes_are_noticed(data: st.DataObject) -> None:
    """Whatever is done to any part of what stands before the mark, they agree no more."""
    with tempfile.TemporaryDirectory() as folder:
        path = journal(Path(folder), 4)
        whole = path.read_bytes()
        mark = whole.splitlines(keepends=True)[-1]
        told = whole[: -len(mark)]
        begin = data.draw(st.integers(0, len(told)))
        end = data.draw(st.integers(begin, min(len(told), begin + 40)))
        changed = told[:begin] + data.draw(st.binary(max_size=20)) + told[end:]
        assume(changed != told)
        path.write_bytes(changed + mark)
        assert look(path).missing(NAME)
