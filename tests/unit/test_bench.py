"""What stays of a session's lab in pytest: what may tell why a test failed, and no more."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_relaydrill.bench import Bench
from relaydrill import topology_files
from relaydrill.drivers import catalogue
from relaydrill.errors import LabError

_PARTS = ("journals/ht1.jsonl", "queues/ht1.sqlite", "tls/ht1.key", "work/log", "exchange-logs/a")


class Lab:
    """A lab that leaves files."""

    remarks = ()

    def __init__(self, folder: Path) -> None:
        for part in _PARTS:
            (folder / part).parent.mkdir(parents=True)
            (folder / part).touch()


@pytest.fixture(name="bench")
def a_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """One whose labs are such."""

    @contextlib.contextmanager
    def make(_topology: object, folder: Path) -> Iterator[Any]:
        yield Lab(folder)

    monkeypatch.setattr(catalogue, "lab_maker", lambda _driver, **_: make)
    return Bench("process", "main", tmp_path)


def left(bench: Bench, *, failed: bool = False) -> set[str]:
    """What is left of a lab."""
    with bench.running(topology_files.load("sharepoint")):
        bench.has_failed |= failed
    labs = bench.root / "labs"
    return {
        str(path.relative_to(labs).as_posix()).partition("/")[2]
        for path in labs.rglob("*")
        if path.is_file()
    }


def test_of_a_lab_in_which_nothing_failed_stays_what_was_asked_for(bench: Bench) -> None:
    """The logs that a topology asks for; and no key of it, ever."""
    assert left(bench) == {"exchange-logs/a"}


def test_of_one_in_which_a_test_failed_stays_what_may_tell_why(bench: Bench) -> None:
    """Its journals too: what a test breaks by hand is in no run directory."""
    assert left(bench, failed=True) == {*_PARTS} - {"queues/ht1.sqlite", "tls/ht1.key"}
    bench.root /= "second"
    assert left(bench) == {"exchange-logs/a"}  # each lab for itself


def test_whoever_asks_for_it_keeps_everything(bench: Bench) -> None:
    """As with ``--relaydrill-keep``."""
    bench.keep = True
    assert left(bench) == {*_PARTS}


def test_nothing_stays_of_a_lab_that_did_not_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told why; there is nothing else to see."""

    class Failing:
        """Fails when everything is there."""

        def __init__(self, _topology: object, folder: Path) -> None:
            self._folder = folder

        def __enter__(self) -> None:
            Lab(self._folder)
            raise LabError("no")

        def __exit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(catalogue, "lab_maker", lambda _driver, **_: Failing)
    with pytest.raises(LabError, match="no"):
        left(bench)
    assert [*(bench.root / "labs").iterdir()] == []
