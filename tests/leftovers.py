"""What a run may leave behind."""

from __future__ import annotations

from pathlib import Path

import psutil


def processes_in(folder: Path) -> list[int]:
    """Processes that have a file of a folder open: a node its journal, whoever started it."""
    return [each.pid for each in psutil.process_iter() if _has_open(each, folder)]


def _has_open(process: psutil.Process, folder: Path) -> bool:
    try:
        return any(Path(file.path).is_relative_to(folder) for file in process.open_files())
    except (psutil.Error, OSError):
        return False
