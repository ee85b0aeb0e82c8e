"""Where things lie that outlive a run."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from relaydrill import state
from relaydrill.drivers.registry import Registry
from relaydrill.drivers.undo import UndoLog
from relaydrill.errors import LabError, UsageError
from relaydrill.state import state_folder, state_note, unreadable


@pytest.fixture(autouse=True)
def _nothing_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A user with a home, and nothing said of where state goes."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)


@pytest.mark.parametrize(
    ("told", "folder"),
    [
        (None, "HOME/.local/state/relaydrill/labs"),
        ("", "HOME/.local/state/relaydrill/labs"),
        ("/var/state", "/var/state/relaydrill/labs"),
        ("state", "HOME/.local/state/relaydrill/labs"),
    ],
)
def test_the_state_directory(
    told: str | None, folder: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environment names it, unless by a path that is not absolute; else it is in the home."""
    if told is not None:
        monkeypatch.setenv("XDG_STATE_HOME", told)
    assert state_folder("labs") == Path(folder.replace("HOME", str(tmp_path)))
    assert state_note() == ""


def _no_entry() -> Path:
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize("home", ["none", "a file", "nothing that may be written to", "relative"])
def test_a_user_without_a_home_has_a_private_folder(
    home: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without a home that can be written to, state is in a private folder, and a note says so."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    match home:
        case "none":
            monkeypatch.setattr(Path, "home", _no_entry)
        case "a file":
            (tmp_path / "file").touch()
            monkeypatch.setenv("HOME", str(tmp_path / "file"))
        case "relative":
            monkeypatch.setenv("HOME", "home")
        case _:  # these tests may run as root, who may write everywhere
            monkeypatch.setattr(state, "_is_writable", lambda _folder: False)
    folder = tmp_path / "tmp" / f"relaydrill-{os.getuid()}"
    assert state_folder("labs") == folder / "relaydrill" / "labs"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert str(folder) in state_note()
    assert "XDG_STATE_HOME" in state_note()


@pytest.mark.parametrize("trap", ["a link", "written to by others", "a file"])
def test_a_folder_that_somebody_else_prepared_is_refused(
    trap: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What lies in the temporary directory under our name is used only if it is ours alone."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(Path, "home", _no_entry)
    folder = tmp_path / f"relaydrill-{os.getuid()}"
    match trap:
        case "a link":
            (tmp_path / "theirs").mkdir()
            folder.symlink_to(tmp_path / "theirs")
        case "a file":
            folder.touch()
        case _:
            folder.mkdir()
            folder.chmod(0o777)
    with pytest.raises(UsageError, match="XDG_STATE_HOME"):
        state_folder("labs")


def test_a_temporary_directory_that_cannot_be_written_to_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where nothing at all can be written, one sentence names the folder and the remedy."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    monkeypatch.setattr(Path, "home", _no_entry)
    with pytest.raises(UsageError, match="cannot be made .* XDG_STATE_HOME"):
        state_folder("labs")


def test_the_docker_engine_is_asked_without_a_home(tmp_path: Path) -> None:
    """A library that looks for its settings in the home, while it is imported, finds none there."""
    code = (
        "import pwd, sys\n"
        "def nobody(_): raise KeyError('no such user')\n"
        "pwd.getpwuid = nobody\n"
        "from relaydrill.cli import main\n"
        "main(['clean'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={
            "PATH": os.defpath,
            "DOCKER_HOST": f"unix://{tmp_path}/no.sock",
            "TMPDIR": str(tmp_path),
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert f"records of labs and heals are in {tmp_path}/relaydrill-{os.getuid()}" in done.stderr


def test_records_that_cannot_be_looked_at_are_not_taken_for_none(tmp_path: Path) -> None:
    """A folder that is not there has none in it; one that may not be read may have any."""
    assert unreadable(tmp_path / "gone") == []
    assert unreadable(tmp_path) == []
    (tmp_path / "undo").touch()
    (told,) = unreadable(tmp_path / "undo")
    assert told.startswith(
        f"{tmp_path}/undo cannot be read: Not a directory; run this as its owner, or name"
    )
    assert UndoLog(tmp_path / "undo").left() == ([], [told])
    assert Registry(tmp_path / "undo").strange() == [told]


def test_a_lab_whose_record_cannot_be_written_does_not_start(tmp_path: Path) -> None:
    """After a kill nobody would find its processes; the path and the remedy are told."""
    (tmp_path / "labs").touch()
    with (
        pytest.raises(LabError, match=r"/labs: .*; name another with XDG_STATE_HOME"),
        Registry(tmp_path / "labs").record("lab", tmp_path),
    ):
        pass
