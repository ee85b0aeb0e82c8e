"""The older files of a log that is turned over: ``mail.log.1``, ``mail.log-20261130.gz``."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relaydrill.drivers.attach.observers.place import Place

_CHUNK: Final = 1 << 20
_PACKED: Final = (".gz", ".xz", ".bz2", ".zst")


def siblings(path: Path) -> list[tuple[Path, os.stat_result]]:
    """The older files of a log, the oldest first."""
    name = re.escape(path.name)
    stem, suffix = re.escape(path.stem), re.escape(path.suffix)
    is_older = re.compile(rf"(?:{name}[.-].+|{stem}[.-]\d.*{suffix})(?:\.gz)?").fullmatch
    found = []
    for each in path.parent.iterdir():
        if each.name != path.name and is_older(each.name):
            try:
                found.append((each, each.stat()))
            except OSError:
                continue  # it was turned over again just now
    return sorted(found, key=lambda one: one[1].st_mtime)


def between(path: Path, ours: os.stat_result) -> list[Path] | None:
    """The files that lay between one that was read and the one that is there now, oldest first.

    Args:
        path: Where the log is.
        ours: The file that was read, which is somewhere beside it.

    Returns:
        None where it cannot be told: the one that was read is not there, not packed either.
    """
    found = siblings(path)
    names = {each.name for each, _ in found}
    whole = [
        (each, stat)
        for each, stat in found
        if not (each.suffix in _PACKED and each.stem in names)  # it is being packed
    ]
    is_known = any(
        (stat.st_dev, stat.st_ino) == (ours.st_dev, ours.st_ino)
        # gzip(1) gives what it writes the time of what it read.
        or (each.suffix in _PACKED and int(stat.st_mtime) == int(ours.st_mtime))
        for each, stat in whole
    )
    if not is_known:
        return None
    later = [
        each for each, stat in whole if stat.st_mtime > ours.st_mtime and stat.st_ino != ours.st_ino
    ]
    return None if any(each.suffix in _PACKED[1:] for each in later) else later


def chunks(path: Path) -> Iterator[bytes]:
    """What stands in one of them, packed or not; as far as it can be read."""
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                yield chunk
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return


def copied_since(path: Path, place: Place) -> Iterator[bytes]:
    """What stands behind a place in the copy of a file that was emptied (copytruncate)."""
    for copy, _ in reversed(siblings(path)):
        if copy.suffix in _PACKED or not place.mark:
            continue
        with copy.open("rb") as file:
            if not place.is_in(file.fileno()):
                continue
            file.seek(place.offset)
            while chunk := file.read(_CHUNK):
                yield chunk
            return
