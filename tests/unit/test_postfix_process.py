"""What the keeper does to Postfix's spool, and sees in it."""

from __future__ import annotations

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


def test_the_configuration_is_not_hot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Postfix need not wait for a file that somebody might be writing still: it looks old."""
    monkeypatch.setattr(process, "_CONFIGURATION", tmp_path)
    monkeypatch.setattr(process, "main_cf", lambda _settings, *, overrides: "a = b\n")
    monkeypatch.setattr(process, "master_cf", lambda _settings, *, listening: "")
    postfix = object.__new__(process.Postfix)
    postfix._settings, postfix._overrides, postfix._listening = None, {}, True  # type: ignore[assignment]
    postfix._configure()
    assert (tmp_path / "main.cf").read_text() == "a = b\n"
    assert (tmp_path / "main.cf").stat().st_mtime < time.time() - 2


def test_mail_that_is_coming_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has a queue id is coming in; a half-written file is not."""
    monkeypatch.setattr(process, "_SPOOL", tmp_path)
    (tmp_path / "incoming").mkdir()
    for name in ("421285.109", "4c7qJm5tL2z9sT"):
        (tmp_path / "incoming" / name).touch()
    assert process.Postfix.coming_in() == {"4c7qJm5tL2z9sT"}
