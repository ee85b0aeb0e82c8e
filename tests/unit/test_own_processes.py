"""The processes that the harness starts for itself, and what they say at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from relaydrill.drills.stall import watching
from relaydrill.drivers.fork_server_client import ForkServerClient
from relaydrill.drivers.local_nodes import LocalNodes
from relaydrill.drivers.registry import Registry
from relaydrill.ledger.halves import read_in_halves
from relaydrill.nodes.control import ControlClient


@pytest.fixture(autouse=True)
def _a_folder_with_a_namesake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own folder has a file that is called like a module of Python's."""
    (tmp_path / "json.py").write_text("raise SystemExit('a file of the user was imported')\n")
    monkeypatch.chdir(tmp_path)


def test_the_fork_server_imports_no_file_of_the_users(tmp_path: Path) -> None:
    """It forks a node; that this one has no configuration is the node's own trouble."""
    with ForkServerClient() as server:
        assert server.start("ht1", {}, tmp_path / "ht1.log")


def test_the_watch_imports_no_file_of_the_users(tmp_path: Path) -> None:
    """It watches."""
    with watching(tmp_path / "machine.jsonl") as watcher:
        assert watcher.poll() is None


def test_the_second_reader_of_journals_imports_no_file_of_the_users(tmp_path: Path) -> None:
    """It reads its half, of nothing here."""
    journal = tmp_path / "app.jsonl"
    journal.touch()
    read_in_halves([journal])


def test_how_a_real_program_ended_is_told_with_its_last_words(tmp_path: Path) -> None:
    """The line that says how stands before as many last words as are kept."""
    ended = ["lb1: HAProxy ended by itself (SIGSEGV)", *(f"  word {number}" for number in range(6))]
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/lb1.log").write_text("\n".join(["much", "before", *ended]) + "\n")

    def control(_node: str) -> ControlClient:
        raise NotImplementedError

    nodes = LocalNodes("lab", tmp_path, {}, control, Registry(tmp_path / "state"))
    assert all(line in nodes._last_words("lb1") for line in ended)
