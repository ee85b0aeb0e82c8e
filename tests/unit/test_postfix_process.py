"""What the keeper does to Postfix's spool, and sees in it."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from relaydrill.nodes.postfix import process


def test_what_a_kill_left_is_taken_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A half-written message and a dead master's number go; a message that was promised stays."""
    monkeypatch.setattr(process, "_SPOOL", tmp_path)
    for folder in ("incoming", "pid"):
        (tmp_path / folder).mkdir()
    promised = tmp_path / "incoming" / "4c7qJm5tL2z9sT"
    promised.touch()
    for left in ("incoming/421285.109", "pid/master.pid"):
        (tmp_path / left).touch()
    process.Postfix._tidy()
    assert [each for each in tmp_path.rglob("*") if each.is_file()] == [promised]


def test_what_is_accepted_is_taken_in_before_a_fault_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mail with a queue id is waited for until the queue manager has it; half a file is not."""
    monkeypatch.setattr(process, "_SPOOL", tmp_path)
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "421285.109").touch()
    accepted = tmp_path / "incoming" / "4c7qJm5tL2z9sT"
    accepted.touch()
    began = time.monotonic()
    threading.Timer(0.2, accepted.unlink).start()
    asyncio.run(process.Postfix.has_taken_in(object.__new__(process.Postfix)))
    assert time.monotonic() - began >= 0.2
