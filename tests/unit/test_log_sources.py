"""Where the lines of a server's log are to be had, and what is told where some of them are not."""

from __future__ import annotations

import gzip
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill.drivers.attach.observers import log_observer_of, observer_of
from relaydrill.drivers.attach.observers.container import ContainerLog
from relaydrill.drivers.attach.observers.folder import Folder
from relaydrill.drivers.attach.observers.growing import GrowingFile
from relaydrill.drivers.attach.observers.mail_log import Lines, MailLogObserver
from relaydrill.drivers.attach.observers.sources import command_of, lines_of
from relaydrill.drivers.attach.observers.splitting import Splitter
from relaydrill.errors import UsageError
from relaydrill.mail_logs.framing import LONGEST
from relaydrill.topology.attach import Arrivals
from relaydrill.topology.log_source import LogSource
from relaydrill.wait import wait_for

HEAD = "".join(f"an old line, number {number}\n" for number in range(40))


def add(path: Path, text: str) -> None:
    """Write at the end of a file."""
    with path.open("a") as file:
        file.write(text)


def new(source: Lines) -> list[str]:
    """The lines that have come since the last look."""
    return [line.decode() for line in source.lines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log that has been written for a while."""
    found = tmp_path / "mail.log"
    found.write_text(HEAD)
    return found


@pytest.fixture
def log(path: Path) -> Iterator[GrowingFile]:
    """It, read from here on."""
    found = GrowingFile(path)
    yield found
    found.close()


def test_what_is_added_is_read_on_in_the_old_file_until_its_writer_knows(
    path: Path, log: GrowingFile
) -> None:
    """Logrotate renames; the logger writes into the old file until it is told of the new one."""
    add(path, "1\n")
    path.rename(path.with_name("mail.log.1"))
    path.write_text("")
    assert new(log) == ["1"]
    add(path.with_name("mail.log.1"), "2\n")
    assert new(log) == ["2"]
    add(path, "3\n")
    assert new(log) == ["3"]
    assert list(log.unread()) == []


@pytest.mark.parametrize("packed", [False, True])
def test_a_file_that_lay_between_two_looks_is_read(
    packed: bool, path: Path, log: GrowingFile
) -> None:
    """Turned over twice: what stands in the middle file is not missed, packed or not."""
    add(path, "1\n")
    os.utime(path, (1000, 1000))
    path.rename(path.with_name("mail.log.2"))
    middle = path.with_name("mail.log.1")
    if packed:
        middle = path.with_name("mail.log.1.gz")
        middle.write_bytes(gzip.compress(b"2\n"))
    else:
        middle.write_text("2\n")
    path.write_text("3\n")
    assert new(log) == ["1", "2", "3"]
    assert list(log.unread()) == []


def test_a_file_that_was_packed_meanwhile_is_known_again(path: Path, log: GrowingFile) -> None:
    """Gzip keeps the time of what it packs: nothing is read twice, and no gap is told."""
    add(path, "1\n")
    stat = path.stat()
    packed = path.with_name("mail.log.1.gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    os.utime(packed, (stat.st_atime, stat.st_mtime))
    path.unlink()
    path.write_text("2\n")
    assert new(log) == ["1", "2"]
    assert list(log.unread()) == []


def test_a_file_that_is_nowhere_is_a_gap(path: Path, log: GrowingFile) -> None:
    """Where the file that was read is not beside the new one, another may have come and gone."""
    path.unlink()
    path.write_text("2\n")
    assert new(log) == ["2"]
    [said] = log.unread()
    assert "mail.log: it was turned over, and the file that was read until then" in said
    log.begin()
    assert list(log.unread()) == []


@pytest.mark.parametrize("longer", [False, True])
def test_a_file_that_is_emptied_is_read_on_in_its_copy(
    longer: bool, path: Path, log: GrowingFile
) -> None:
    """copytruncate: what stands in the copy is read, and that something may be lost is told."""
    add(path, "1\n2\nhal")
    assert new(log) == ["1", "2"]
    add(path, "f\n3\n")
    path.with_name("mail.log.1").write_bytes(path.read_bytes())
    others = [f"{number}" for number in range(2000 if longer else 1)]
    path.write_text("".join(f"{each}\n" for each in others))
    assert new(log) == ["half", "3", *others]
    [said] = log.unread()
    assert "it was emptied while it was read (copytruncate)" in said


def test_a_file_that_is_not_there_any_more_is_told_for_as_long(
    path: Path, log: GrowingFile
) -> None:
    """A log that vanished is not one that says nothing; when it is back, all is well."""
    path.rename(path.with_name("mail.log.1"))
    assert new(log) == []
    assert list(log.unread()) == [f"{path}: it is not there any more"]
    path.write_text("1\n")
    assert new(log) == ["1"]
    assert list(log.unread()) == []


@pytest.mark.parametrize("way", ["renamed", "written"])
def test_a_copy_that_is_brought_up_to_date_is_read_on(
    way: str, path: Path, log: GrowingFile
) -> None:
    """Rsync renames a new copy into place, scp writes the file anew: each line is read once."""
    add(path, "1\n")
    assert new(log) == ["1"]
    text = path.read_text() + "2\n"
    if way == "renamed":
        copy = path.with_name(".mail.log.x")
        copy.write_text(text)
        copy.rename(path)
    else:
        path.write_text(text[:300])
        assert new(log) == []
        assert list(log.unread()) == [f"{path}: it is written anew, and not yet what it was"]
        path.write_text(text)
    assert new(log) == ["2"]
    assert new(log) == []
    assert list(log.unread()) == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_wide_text_is_read_with_its_mark_and_without(encoding: str, tmp_path: Path) -> None:
    """Logs that were copied by way of a Windows host."""
    path = tmp_path / "mail.log"
    path.write_bytes(f"an old line that is long enough\n{'x' * 40}\n".encode(encoding))
    log = GrowingFile(path)
    bare = "utf-16-le" if encoding == "utf-16" else encoding
    with path.open("ab") as file:
        file.write("größer\nhal".encode(bare))
    assert new(log) == ["größer"]
    with path.open("ab") as file:
        file.write("f\n".encode(bare))
    assert new(log) == ["half"]
    log.close()


def test_a_folder_is_read_whatever_its_files_are_called(tmp_path: Path) -> None:
    """New files, files that are renamed, and copies: each line once."""
    one = tmp_path / "mail.log"
    one.write_text(HEAD)
    folder = lines_of(LogSource(file=str(tmp_path)), time.time())
    add(one, "1\n")
    assert new(folder) == ["1"]
    one.rename(tmp_path / "mail.log.1")
    add(tmp_path / "mail.log.1", "2\n")
    one.write_text("3\n")
    (tmp_path / "mail.log.2.gz").write_bytes(gzip.compress(HEAD.encode() + b"1\n"))
    (tmp_path / "wtmp").write_bytes(b"\0\1\2\3\n")
    assert sorted(new(folder)) == ["2", "3"]
    assert new(folder) == []
    assert list(folder.unread()) == []
    folder.close()


def test_a_copy_in_a_folder_is_not_read_twice(tmp_path: Path) -> None:
    """copytruncate: the copy goes on where the file ended, and the gap is told."""
    one = tmp_path / "mail.log"
    one.write_text(HEAD)
    folder = Folder(tmp_path)
    add(one, "1\n")
    assert new(folder) == ["1"]
    add(one, "2\n")
    (tmp_path / "mail.log.1").write_bytes(one.read_bytes())
    one.write_text("3\n")
    assert sorted(new(folder)) == ["2", "3"]
    [said] = folder.unread()
    assert "mail.log: it was emptied while it was read" in said


def test_no_file_of_a_folder_tells_of_what_another_has_yet_to_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store writes before the mail server does: whoever reads both sees that, in each look."""
    logs = [tmp_path / name for name in ("dovecot.log", "mail.log")]
    for log in logs:
        log.write_text(HEAD)
    folder, read, numbers = Folder(tmp_path), os.pread, iter(range(5))

    def of_a_busy_host(file: int, size: int, offset: int) -> bytes:
        """Both files go on as soon as one has been read to its end."""
        found = read(file, size, offset)
        if not found and (number := next(numbers, None)) is not None:
            for log in logs:
                add(log, f"{number} {log.name}\n")
        return found

    for log in logs:
        add(log, f"first {log.name}\n")
    monkeypatch.setattr(os, "pread", of_a_busy_host)
    told = new(folder)
    kept, sent = ([each for each in told if each.endswith(log.name)] for log in logs)
    assert sent
    assert {each.split()[0] for each in sent} <= {each.split()[0] for each in kept}


def test_a_fifo_is_read_while_somebody_writes_into_it(tmp_path: Path) -> None:
    """Whole lines as they come; and that nobody writes is told."""
    path = tmp_path / "mail.fifo"
    os.mkfifo(path)
    fifo = lines_of(LogSource(file=str(path)), time.time())
    assert new(fifo) == []
    assert list(fifo.unread()) == [f"{path}: nobody writes into this FIFO"]
    with path.open("w") as writer:
        writer.write("1\nhal")
        writer.flush()
        assert new(fifo) == ["1"]
        assert list(fifo.unread()) == []
        writer.write("f\n")
    assert new(fifo) == ["half"]
    assert list(fifo.unread()) == [f"{path}: nobody writes into this FIFO any more"]
    fifo.close()


def command(program: str) -> Lines:
    """What a program of Python's prints."""
    return lines_of(LogSource(run=(sys.executable, "-u", "-c", program)), time.time())


def awaited(source: Lines, enough: Callable[[list[str]], bool]) -> list[str]:
    """The lines that have come when there are enough."""
    found: list[str] = []

    def come() -> bool:
        found.extend(new(source))
        return enough(found)

    wait_for(come, what="lines", deadline_s=20)
    return found


def test_a_command_is_read_while_it_runs() -> None:
    """What it prints and complains of, as it comes; it is ended with all that it started."""
    source = command("import sys; print('1'); sys.stderr.write('2\\n'); sys.stdin.read(); input()")
    assert awaited(source, lambda found: len(found) >= 2)[:2] == ["1", "2"]
    wait_for(lambda: list(source.unread()), what="its end", deadline_s=20)
    source.close()
    running = command("import time; print('here', flush=True); time.sleep(600)")
    assert awaited(running, bool) == ["here"]
    assert list(running.unread()) == []
    running.close()


def test_a_command_that_ends_is_told_with_its_last_words() -> None:
    """``docker logs`` of no container says so and ends: that is no empty log."""
    source = command("print('Error: No such container: mx'); raise SystemExit(3)")
    awaited(source, bool)
    [said] = wait_for(lambda: list(source.unread()), what="its end", deadline_s=20)
    wait_for(lambda: "ended with 3" in next(iter(source.unread())), what="status", deadline_s=20)
    assert "what was logged from then on was not seen; its last line: 'Error: No such" in said
    source.close()


def test_a_container_is_read_on_past_its_end(tmp_path: Path) -> None:
    """A container that is killed and started again: each line once, and nothing is missed."""
    stamp = "2026-11-30T02:00:0{}.000000001Z"
    said = [f"{stamp.format(number)} {number}" for number in range(5)]
    state, engine = tmp_path / "printed", tmp_path / "engine"
    state.write_text("\n".join(said[:2]) + "\n")
    engine.write_text(f"#!/bin/sh\ncat {state}\n")
    engine.chmod(0o755)
    log = ContainerLog("mx1", 0, str(engine))
    found = awaited(log, lambda found: len(found) >= 2)
    assert any("ended" in each for each in wait_for(lambda: list(log.unread()), **SOON))
    state.write_text("\n".join(said[1:]) + "\n")
    found += awaited(log, lambda found: len(found) >= 3)
    assert found == said
    log.close()


SOON: dict[str, Any] = {"what": "its end", "deadline_s": 20}


def test_places_become_commands() -> None:
    """A unit is read from the begin of the drill on, so that nothing is missed."""
    assert command_of(LogSource(journald="postfix*"), 1e9) == (
        *("journalctl", "--unit", "postfix*", "--follow", "--no-tail"),
        *("--since", "@1000000000", "--output", "json"),
    )


def test_what_is_not_there_is_a_mistake_of_the_inventory(tmp_path: Path) -> None:
    """A file or a program that is missing is told before anything is sent."""
    for place in (LogSource(file=str(tmp_path / "nowhere")), LogSource(run=("no-such-program",))):
        with pytest.raises(UsageError, match=r"nowhere: No such file|cannot be started"):
            log_observer_of(place)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no line has come since the drill began"),
        (["Nov 24 04:25:01 mx1 sshd[1]: hello"] * 1400, "none of its 1,400 lines is one of Post"),
        (
            [
                "Nov 24 04:25:01 mx1 postfix/smtp[1]: A1B2C3: to=<u@x>, relay=none, delay=0.",
                "Nov 24 04:25:01 mx1 postfix/qmgr[1]: A1B2C3: removed",
            ],
            "1 line was not understood; the first is",
        ),
        (
            ["Nov 24 04:25:01 mx1 postfix/qmgr[1]: A1B2C3: removed", "x\0y"],
            "1 line is torn or too long",
        ),
        (
            [
                "Nov 24 04:25:01 mx1 postfix/qmgr[1]: A1B2C3: removed",
                "Nov 24 04:25:01 mx1 systemd-journald[1]: Suppressed 99 messages from postfix",
            ],
            "the system's logger has dropped lines: Suppressed 99 messages",
        ),
        (["Nov 24 04:25:01 mx1 postfix/qmgr[1]: A1B2C3: removed"], ""),
    ],
)
def test_what_was_not_understood_is_told(words: list[str], said: str, tmp_path: Path) -> None:
    """An empty log, another program's, torn lines, dropped ones: each is told with its name.

    To the next drill only that is told which would hide its mail, too.
    """
    path = tmp_path / "mail.log"
    path.write_text("")
    observer = observer_of(Arrivals(log=LogSource(file=str(path))), "")
    assert isinstance(observer, MailLogObserver)
    add(path, "".join(f"{line}\n" for line in words))
    assert list(observer.new()) == [] or words
    told = list(observer.unread())
    assert all(each.startswith(str(path)) for each in told)
    assert said in (told[0] if told else "")
    assert len(told) == bool(said)
    observer.begin()
    assert list(observer.unread()) == (told if said.startswith(("no line", "none of")) else [])
    observer.close()


@pytest.mark.parametrize(
    ("after_s", "count", "is_told"), [(9, 6, True), (9, 4, False), (4, 6, False)]
)
def test_a_log_that_went_quiet_while_mail_was_taken_is_told(
    after_s: float, count: int, is_told: bool, path: Path
) -> None:
    """A copy that stopped: much mail, for long, without a line; a little at the end is none."""
    observer = log_observer_of(LogSource(file=str(path)))
    add(path, "Nov 24 04:25:01 mx1 postfix/qmgr[1]: A1B2C3: removed\n")
    before = time.monotonic()
    assert list(observer.quiet([before])) == []
    assert len(list(observer.new())) == 0
    missing = [before, *(time.monotonic() + after_s for _ in range(count))]
    told = list(observer.quiet(missing))
    assert [f"its last line came {after_s} s before mail was last" in each for each in told] == (
        [True] if is_told else []
    )
    observer.close()


@settings(deadline=None)
@given(st.lists(st.binary(max_size=9), max_size=20), st.data())
def test_lines_are_whole_however_they_come(lines: list[bytes], data: st.DataObject) -> None:
    """Cut anywhere into chunks, a text is the same lines."""
    text = b"".join(line.replace(b"\n", b"") + b"\n" for line in [b"#" * 64, *lines])
    split, found, at = Splitter(), [], 0
    while at < len(text):
        size = data.draw(st.integers(1, 200))
        found += list(split.lines(text[at : at + size]))
        at += size
    assert b"".join(line + b"\n" for line in found) == text


def test_a_line_without_end_takes_no_memory() -> None:
    """What is far too long is kept in part, and stays too long to be taken for a line."""
    split = Splitter()
    for _ in range(64):
        assert list(split.lines(b"x" * LONGEST)) == []
    assert len(split.rest) <= 5 * LONGEST
    [line] = split.lines(b"\n")
    assert len(line) > LONGEST


def test_a_log_without_names_tells_queue_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two looks, some seconds apart: then it is the queue id that tells which message it is."""
    line = (
        b"Nov 24 04:25:01 mx1 postfix/discard[7]: A1B2C3: to=<u@x.test>, relay=none, delay=0,"
        b" delays=0/0/0/0, dsn=2.0.0, status=sent (silently)\n"
    )
    clock = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    observer = MailLogObserver(Once([line]))
    found = []
    for _ in range(4):
        found.append([deed.queue_id for deed in observer.new()])
        clock[0] += 2.0
    assert found == [[], ["A1B2C3"], [], []]


class Once:
    """A source that has some lines, once."""

    name = "mail.log"

    def __init__(self, lines: list[bytes]) -> None:
        self._lines = lines

    def lines(self) -> Iterator[bytes]:
        """All of them, the first time."""
        lines, self._lines = self._lines, []
        yield from lines

    def begin(self) -> None:
        """Nothing was missed."""

    def unread(self) -> Iterator[str]:
        """Everything was read."""
        return iter(())

    def close(self) -> None:
        """Nothing to let go of."""
