"""A log file for each day: where its rows go at midnight, after a restart, and on a full disk."""

from __future__ import annotations

import resource
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.unit.test_exchange_logs import read_log

from relaydrill.exchange_logs import TRACKING_FIELDS, TRACKING_TYPE
from relaydrill.nodes.exchange_log_writers import DailyLog, ReceiveLog

_MIDNIGHT = datetime(2026, 11, 25, tzinfo=UTC).timestamp()


class Clock:
    """A clock that stands where it was put."""

    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        """What it shows."""
        return self.now


def opened(folder: Path, clock: Clock) -> DailyLog:
    """A tracking log of that folder."""
    return DailyLog(folder, "MSGTRK", TRACKING_TYPE, TRACKING_FIELDS, wall=clock)


def write(log: DailyLog, subject: str) -> None:
    """Append a row that bears a subject."""
    values = dict.fromkeys(TRACKING_FIELDS[1:], "") | {"message-subject": subject}
    log.write(*values.values())


def subjects(path: Path) -> list[str]:
    """The subjects of a file's rows."""
    return [row.values["message-subject"] for row in read_log(path).tracking]


def test_at_midnight_utc_a_new_file_begins(tmp_path: Path) -> None:
    """Each day's rows lie in that day's file, under a header of its own."""
    clock = Clock(_MIDNIGHT - 0.001)
    log = opened(tmp_path, clock)
    write(log, "late")
    clock.now = _MIDNIGHT
    write(log, "early")
    log.close()
    assert subjects(tmp_path / "MSGTRK20261124-1.LOG") == ["late"]
    assert subjects(tmp_path / "MSGTRK20261125-1.LOG") == ["early"]
    (row,) = read_log(tmp_path / "MSGTRK20261124-1.LOG").tracking
    assert row.values["date-time"] == "2026-11-24T23:59:59.999Z"


@pytest.mark.parametrize("end", ["", "2026-11-24T12:00:00.000Z,half a r", '2026-11-24T12:00,"q'])
def test_after_a_restart_the_days_file_goes_on(tmp_path: Path, end: str) -> None:
    """A second life appends to the file, also behind half a row, which alone is lost."""
    path = tmp_path / "MSGTRK20261124-1.LOG"
    for subject in ("first", "second"):
        log = opened(tmp_path, Clock(_MIDNIGHT - 1))
        write(log, subject)
        log.close()
        with path.open("a") as file:
            file.write(end)
    assert subjects(path) == ["first", "second"]
    assert path.read_text().count("#Fields") == 1
    assert len(read_log(path).remarks) == (2 if end else 0)


def test_a_full_disk_harms_nobody(tmp_path: Path) -> None:
    """What does not fit is left out, half a row at most, and logging goes on when there is room."""
    log = opened(tmp_path, Clock(_MIDNIGHT - 1))
    write(log, "fits")
    path = tmp_path / "MSGTRK20261124-1.LOG"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 30, hard))
    try:
        write(log, "does not fit")
        write(log, "nor does this")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    write(log, "fits again")
    log.close()
    assert subjects(path) == ["fits", "fits again"]


def test_a_folder_that_cannot_be_made_harms_nobody(tmp_path: Path) -> None:
    """A log that cannot be opened is not kept."""
    (tmp_path / "file").touch()
    write(opened(tmp_path / "file" / "folder", Clock(_MIDNIGHT)), "nowhere")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_rows_of_several_threads_stay_whole(tmp_path: Path) -> None:
    """No row is lost or mixed with another, whoever writes."""
    log = opened(tmp_path, Clock(_MIDNIGHT))

    def many(name: str) -> None:
        for number in range(200):
            write(log, f'{name}, "{number}"')

    threads = [threading.Thread(target=many, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    read = read_log(tmp_path / "MSGTRK20261125-1.LOG")
    assert read.remarks == ()
    told = {row.values["message-subject"] for row in read.tracking}
    assert told == {f'{name}, "{number}"' for name in "abcd" for number in range(200)}


def test_no_two_sessions_have_one_identity(tmp_path: Path) -> None:
    """Also where a server starts again a moment later."""
    begun = ReceiveLog(tmp_path, "ht1", wall=Clock(_MIDNIGHT))
    first = [begun.session() for _ in range(1000)]
    second = ReceiveLog(tmp_path, "ht1", wall=Clock(_MIDNIGHT + 0.001)).session()
    assert len({*first, second}) == 1001
    assert all(len(each) == 16 for each in first)
    assert [*tmp_path.iterdir()] == []
