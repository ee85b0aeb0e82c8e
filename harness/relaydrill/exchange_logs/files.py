"""Finding log files: those that are named, and those in folders."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from relaydrill.errors import ExchangeLogError
from relaydrill.exchange_logs import READ_TYPES, ExchangeLog, read_log

_NAMED_SO: Final = re.compile(r"(MSGTRK|RECV).*\.log", re.I)


def read_all(paths: Iterable[Path]) -> tuple[ExchangeLog, ...]:
    """Read files, and from folders whatever is named as Exchange names these logs.

    Raises:
        ExchangeLogError: A path does not exist, a folder holds none, or a file that was named is no
            log of Exchange's. In a folder such a file is passed over with a remark, unless there is
            no other.
    """
    found: dict[Path, ExchangeLog] = {}
    for path in paths:
        if not path.is_dir():
            found[path.resolve()] = _read(path)
            continue
        for each in _in_folder(path):
            found.setdefault(each.resolve(), _read_or_remark(each))
    logs = tuple(found.values())
    if not any(log.tracking or log.protocol for log in logs):
        remarks = [remark for log in logs for remark in log.remarks]
        raise ExchangeLogError("\n  ".join(["there is not one row in what was named", *remarks]))
    return logs


def _in_folder(folder: Path) -> Iterator[Path]:
    try:
        found = sorted(
            path for path in folder.rglob("*") if _NAMED_SO.search(path.name) and path.is_file()
        )
    except OSError as error:
        raise ExchangeLogError(f"{folder} cannot be looked through: {error}") from None
    if not found:
        raise ExchangeLogError(
            f"{folder} holds no file named MSGTRK….LOG or RECV….LOG; name the files themselves, or"
            " the folder that they were copied to"
        )
    yield from found


def _read(path: Path) -> ExchangeLog:
    log = read_log(path)
    strange = [kind for kind in log.kinds if kind not in READ_TYPES]
    remarks = tuple(f"{path}: a {kind} is not read" for kind in strange)
    return replace(log, remarks=(*log.remarks, *remarks))


def _read_or_remark(path: Path) -> ExchangeLog:
    try:
        return _read(path)
    except ExchangeLogError as error:
        return ExchangeLog(path, (), (), (), (str(error),))
