"""Heals on disk: written before anything is broken, there until they are done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from relaydrill.drivers.undo import Undo, UndoLog
from relaydrill.errors import LabError
from relaydrill.topology.attach import Action

_UNDO = Undo("staging", "ht1", "kill", "10.0.0.1", Action(run=("true",)), inject_s=0.3)


def test_a_record_is_this_run_s_until_it_is_done(tmp_path: Path) -> None:
    """While the fault is in force it is under way; afterwards it is gone."""
    log = UndoLog(tmp_path / "undo")
    record = log.open(_UNDO)
    [left], problems = log.left()
    assert (left.undo, left.owner, left.is_under_way) == (_UNDO, os.getpid(), True)
    assert problems == []
    assert json.loads(left.path.read_text())["heal"] == {"run": ["true"], "timeout": "30s"}
    record.done()
    assert log.left() == ([], [])


def test_a_heal_that_failed_is_anybody_s(tmp_path: Path) -> None:
    """Its record is let go, though its run lives on; whoever claims it has it alone."""
    log = UndoLog(tmp_path / "undo")
    log.open(_UNDO).leave()
    [left], _ = log.left()
    assert not left.is_under_way
    with log.claim(left) as is_ours:
        assert is_ours
        log.close(left.path)
    with log.claim(left) as is_ours:
        assert not is_ours


def test_what_another_heals_first_is_left_alone(tmp_path: Path) -> None:
    """Two people who heal at once do not do it one after the other."""
    log = UndoLog(tmp_path / "undo")
    record = log.open(_UNDO)
    [left], _ = log.left()
    file = left.path.open()  # the other one found it in time
    record.done()
    with log.claim(left) as is_ours:
        assert not is_ours
    file.close()


def test_a_command_that_holds_the_record_is_waited_for_no_longer_than_it_was_given(
    tmp_path: Path,
) -> None:
    """What it leaves running may hold on for ever; then healing goes on all the same."""
    log = UndoLog(tmp_path / "undo")
    record = log.open(_UNDO)
    holding = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(record.lock,)
    )
    record.leave()
    [left], _ = log.left()
    began = time.monotonic()
    with log.claim(left) as is_ours:
        assert is_ours
    assert time.monotonic() - began >= 0.3
    holding.communicate(b"\n")
    began = time.monotonic()
    with log.claim(left) as is_ours:
        assert is_ours
    assert time.monotonic() - began < 0.3


def test_a_record_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    """It is told with its path; the others are there."""
    log = UndoLog(tmp_path / "undo")
    log.open(_UNDO).leave()
    (tmp_path / "undo" / "x.json").write_text('{"lab": ')
    found, [problem] = log.left()
    assert [each.undo for each in found] == [_UNDO]
    assert "x.json cannot be read" in problem


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[]", "it is no record"),
        ("[" * 100_000, "recursion"),
        ({"lab": None}, "it says nothing of 'lab'"),
        ({"heal": {"run": "true"}}, "its heal is no action"),
        ({"heal": {}}, "its heal is no action"),
        ({"inject": {"run": ["true"], "ask": "Do it."}}, "its inject is no action"),
        ({"check": {"ask": "Is it whole?"}}, "its check is none"),
        ({"owner": {"pid": float("inf"), "born": 1.0}}, "infinity"),
    ],
    ids=lambda each: str(each)[:60],
)
def test_a_record_that_makes_no_sense_is_told_in_one_sentence(
    tmp_path: Path, text: str | dict[str, object], told: str
) -> None:
    """Whatever is wrong in it: nothing of it is done, and the others are there."""
    log = UndoLog(tmp_path / "undo")
    opened = log.open(_UNDO)
    if isinstance(text, dict):
        document = json.loads(opened.path.read_text()) | text
        text = json.dumps({key: each for key, each in document.items() if each is not None})
    (tmp_path / "undo" / "x.json").write_text(text)
    found, [problem] = log.left()
    opened.leave()
    assert [each.undo for each in found] == [_UNDO]
    assert "x.json cannot be read: " in problem
    assert told in problem
    assert "\n" not in problem


def test_without_a_record_nothing_is_broken(tmp_path: Path) -> None:
    """Where it cannot be written, the error says that nothing was done."""
    (tmp_path / "undo").write_text("a file in its way")
    with pytest.raises(LabError, match="so nothing is broken"):
        UndoLog(tmp_path / "undo").open(_UNDO)
