"""Finding log files: those that are named, those in folders, and what is packed in zip or gz."""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from relaydrill.errors import ExchangeLogError
from relaydrill.exchange_logs import NEVER, READ_TYPES, ExchangeLog, exports, parse_log
from relaydrill.exchange_logs.coverage import kind_by_name
from relaydrill.exchange_logs.decoding import lines

_NAMED_SO: Final = re.compile(
    r"(MSGTRK|RECV|SEND).*\.(log|csv)(\.gz)?$|(MSGTRK|RECV|SEND).*\.log", re.I
)
_PERHAPS: Final = (".log", ".csv", ".txt", ".gz")
_GZ: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_PROBE: Final = 4096
_STEP: Final = 1 << 20


def read_all(paths: Iterable[Path]) -> tuple[ExchangeLog, ...]:
    """Read files, and from folders whatever is named as Exchange names these logs or begins so.

    Of the same content in several files, packed or not, the first file counts.

    Raises:
        ExchangeLogError: A path does not exist, a folder holds none, or a file that was named is no
            log of Exchange's. In a folder or an archive such a file is passed over with a remark,
            unless there is no other.
    """
    found: dict[Path, ExchangeLog] = {}
    seen: dict[bytes, Path] = {}
    for path in paths:
        if path.is_dir():
            for each in _in_folder(path):
                if each.resolve() not in found:
                    found |= _logs(each, seen, is_named=False)
        elif path.resolve() not in found:
            found |= _logs(path, seen, is_named=True)
    logs = tuple(found.values())
    if all(log.is_empty for log in logs):
        remarks = [remark for log in logs for remark in log.remarks]
        raise ExchangeLogError("\n  ".join(["there is not one row in what was named", *remarks]))
    return logs


def _in_folder(folder: Path) -> Iterator[Path]:
    try:
        found = sorted(path for path in folder.rglob("*") if path.is_file() and _is_one(path))
    except OSError as error:
        raise ExchangeLogError(f"{folder} cannot be looked through: {error}") from None
    if not found:
        raise ExchangeLogError(
            f"{folder} holds no file named MSGTRK….LOG or RECV….LOG; name the files themselves, or"
            " the folder that they were copied to"
        )
    yield from found


def _is_one(path: Path) -> bool:
    if _NAMED_SO.search(path.name) or path.suffix.lower() == ".zip":
        return True
    if path.suffix.lower() not in _PERHAPS:
        return False
    try:
        with path.open("rb") as file:
            probe = file.read(_PROBE)
    except OSError:
        return False
    return _begins_so(_unpacked(probe)[0][:_PROBE] if probe.startswith(_GZ) else probe)


def _begins_so(probe: bytes) -> bool:
    for line in lines(probe):
        if line and not exports.is_type_line(line):
            is_log = line.startswith("#") and "Microsoft Exchange" in line
            return is_log or exports.heading(line) is not None
    return False


def _logs(path: Path, seen: dict[bytes, Path], *, is_named: bool) -> dict[Path, ExchangeLog]:
    """The logs in one file: itself, or the members of an archive, by their paths."""
    try:
        content = path.read_bytes()
        if content.startswith(_ZIP):
            return {
                name: log
                for name, inner in _members(path, content)
                if (log := _once(name, inner, seen, is_named=False))
            }
    except OSError as error:
        told = f"{path} cannot be read: {error.strerror or error}"
        if is_named:
            raise ExchangeLogError(told) from None
        return {path.resolve(): _unread(path, told)}
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, zlib.error, EOFError) as error:
        told = f"{path} is an archive that cannot be unpacked: {error}"
        if is_named:
            raise ExchangeLogError(told) from None
        return {path.resolve(): _unread(path, told)}
    log = _once(path, content, seen, is_named=is_named)
    return {path.resolve(): log} if log else {}


def _members(path: Path, content: bytes) -> Iterator[tuple[Path, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        for name in sorted(archive.namelist()):
            inner = b"" if name.endswith("/") else archive.read(name)
            probe = _unpacked(inner)[0][:_PROBE] if inner.startswith(_GZ) else inner[:_PROBE]
            if _NAMED_SO.search(Path(name).name) or (inner and _begins_so(probe)):
                yield path / name, inner


def _once(
    path: Path, content: bytes, seen: dict[bytes, Path], *, is_named: bool
) -> ExchangeLog | None:
    content, torn = _unpacked(content) if content.startswith(_GZ) else (content, "")
    kind = kind_by_name(path.name).encode()
    first = seen.setdefault(hashlib.blake2b(content, person=kind).digest(), path)
    if first is not path and content:
        return ExchangeLog(path, (), (), (), (f"{path} holds what {first} holds; it counts once",))
    try:
        log = parse_log(path, content)
    except ExchangeLogError as error:
        if is_named:
            raise
        return _unread(path, str(error))
    strange = [f"{path}: a {kind} is not read" for kind in log.kinds if kind not in READ_TYPES]
    if torn:
        strange.append(f"{path}: {torn}; what stood behind is missing")
        times = [*(row.time for row in log.tracking), *(row.time for row in log.protocol)]
        holes = (*log.holes, (max(times, default=-NEVER), NEVER))
        log = replace(log, holes=holes, is_cut=True)
    return replace(log, remarks=(*log.remarks, *strange))


def _unread(path: Path, told: str) -> ExchangeLog:
    return ExchangeLog(path, (), (), (), (told,), unread=told)


def _unpacked(content: bytes) -> tuple[bytes, str]:
    """What a gz holds, as far as it can be read, and why not further."""
    parts: list[bytes] = []
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
            while part := file.read1(_STEP):
                parts.append(part)
    except (EOFError, OSError, zlib.error):
        return b"".join(parts), "the packed file is cut off or damaged"
    return b"".join(parts), ""
