"""Directories that belong to one run alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from relaydrill.errors import UsageError
from relaydrill.fresh import make_fresh, make_numbered, must_be_fresh


def test_many_at_one_moment_get_a_directory_each(tmp_path: Path) -> None:
    """However many begin in the same second, no two share a directory."""
    start = threading.Barrier(20)

    def make(_: int) -> Path:
        start.wait()
        return make_numbered(tmp_path / "runs", "20300101-000000-mine-drill")

    with ThreadPoolExecutor(20) as pool:
        made = list(pool.map(make, range(20)))
    assert len(set(made)) == 20
    assert all(each.is_dir() for each in made)
    assert tmp_path / "runs" / "20300101-000000-mine-drill" in made


@pytest.mark.parametrize("make", [make_fresh, lambda path: make_numbered(path, "run")])
def test_what_cannot_be_made_is_told_with_the_path_and_a_remedy(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    """A file in the way, or a folder that may not be written to: a sentence, and no traceback."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match=rf"{path}.* --out"):
            make(path)


def test_what_holds_something_is_not_fresh(tmp_path: Path) -> None:
    """What an earlier run left there could be mistaken for new."""
    (tmp_path / "old").touch()
    for look in (make_fresh, must_be_fresh):
        with pytest.raises(UsageError, match="is not empty"):
            look(tmp_path)


def test_a_look_makes_nothing(tmp_path: Path) -> None:
    """What is free is left as it is; what could not be made is refused already."""
    must_be_fresh(tmp_path / "new" / "run")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="cannot be made"):
            must_be_fresh(path)
