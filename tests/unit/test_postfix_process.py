"""What the keeper does to Postfix's spool before it starts it."""

from __future__ import annotations

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
