"""Where things lie that outlive a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from relaydrill.state import state_folder


@pytest.mark.parametrize(
    ("told", "folder"),
    [
        (None, "/home/me/.local/state/relaydrill/labs"),
        ("", "/home/me/.local/state/relaydrill/labs"),
        ("/var/state", "/var/state/relaydrill/labs"),
        ("state", "/home/me/.local/state/relaydrill/labs"),
    ],
)
def test_the_state_directory(
    told: str | None, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment names it, unless by a path that is not absolute; else it is in the home."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    if told is not None:
        monkeypatch.setenv("XDG_STATE_HOME", told)
    assert state_folder("labs") == Path(folder)
