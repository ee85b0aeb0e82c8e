"""What is said of a directory that holds no run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relaydrill.drills.audit import judge_either
from relaydrill.drills.record import DRILL, VERDICT
from relaydrill.errors import UsageError
from relaydrill.report.html import report


def laid(folder: Path, *files: str) -> Path:
    """A directory with these files, all of them empty; of those that end in / the directory."""
    for name in files:
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.touch()
    return folder


def said_of(directory: Path) -> str:
    """What both commands say of it, without its own path."""
    told = set()
    for look in (judge_either, report):
        with pytest.raises(UsageError) as refused:
            look(directory)
        told.add(str(refused.value))
    [sentence] = told
    return sentence.replace(f"{directory}/", "").replace(f"{directory} ", "")


def test_an_interrupted_audit_names_its_drills_that_are_over(tmp_path: Path) -> None:
    """They have verdicts of their own; the one that was under way has none."""
    rows = [f"{row}/{file}" for row in ("steady", "kill-ht1") for file in (DRILL, VERDICT)]
    audit = laid(tmp_path, *rows, f"kill-ht2/{DRILL}", "kill-ht2.lab/", "kill-ht3.lab/")
    assert said_of(audit) == (
        "is no run directory: it is of an audit that was interrupted or is not over, without a"
        " verdict; of its drills these are over: kill-ht1, steady; look at one:"
        " relaydrill judge kill-ht1"
    )


def test_an_audit_that_was_interrupted_at_once_has_nothing_to_look_at(tmp_path: Path) -> None:
    """It is told as what it is, though."""
    assert "none of its drills was over" in said_of(laid(tmp_path, "steady.lab/journals/"))


def test_a_folder_of_runs_names_them(tmp_path: Path) -> None:
    """Such as relaydrill-runs; its runs are no rows of an audit."""
    found = said_of(laid(tmp_path, f"one/{DRILL}", f"one/{VERDICT}", "one.lab/", f"two/{DRILL}"))
    assert "it is a folder of runs; of its drills these are over: one;" in found
    assert "two" not in found


def test_a_lab_without_a_drill_has_no_verdict(tmp_path: Path) -> None:
    """As ``relaydrill up`` leaves it."""
    found = said_of(laid(tmp_path, "journals/ht1.jsonl", "queues/", "tls/"))
    assert found.endswith(
        "it is of a lab without a drill (relaydrill up, or policy), and has no verdict"
    )


def test_the_lab_of_a_drill_leads_to_the_drill(tmp_path: Path) -> None:
    """They stand side by side, and differ by the end of their names."""
    laid(tmp_path, f"run/{DRILL}", "run.lab/journals/")
    found = said_of(tmp_path / "run.lab")
    assert found.endswith(f"look at the drill: relaydrill judge {tmp_path / 'run'}")


@pytest.mark.parametrize(
    ("name", "said"), [("", f"{DRILL} is missing"), ("nowhere", "there is no such directory")]
)
def test_other_directories_are_told_plainly(
    name: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing is named, however the directory is."""
    assert re.search(said, said_of(tmp_path / name))
    monkeypatch.chdir(tmp_path)
    assert re.search(said, said_of(Path(name or ".")))
