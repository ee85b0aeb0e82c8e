"""Finding log files, and reading them in pieces: plain or packed, by what is in them."""

from __future__ import annotations

import codecs
import hashlib
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from io import BufferedIOBase
from pathlib import Path
from typing import Final, cast

from relaydrill.errors import MailLogError
from relaydrill.mail_account.archives import (
    ZIP,
    CannotUnpack,
    Opens,
    is_tar,
    members_of_tar,
    unpacked,
)

PIECE: Final = 1 << 19
LONGEST_LINE: Final = 1 << 16
_HEAD: Final = 1 << 16
_ERRORS: Final = (
    *(OSError, EOFError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, RuntimeError),
    *(tarfile.TarError, CannotUnpack),
)
"""What a file that cannot be read, or unpacked, comes to."""

_PROBE: Final = 1 << 12
_ROTATED: Final = re.compile(r"(?:\.gz|\.zip|\.bz2|\.xz|\.old|[.-]\d{1,14}(?=\.|$))", re.I)
_NUMBER: Final = re.compile(r"\.(\d{1,3})(?:\.gz|\.zip|\.bz2|\.xz)?$")
_EXCHANGE: Final = re.compile(
    rb"#(?:Software: Microsoft Exchange|Log-type:|Fields: ?date-time)|^\W{0,8}#TYPE"
    rb"|^[^\n]{0,400}\"?(?:event-id|EventId)\b",
    re.I,
)
_FIRST: Final = b""
_SOUNDS_LIKE_MAIL: Final = re.compile(r"mail|postfix|exim|haproxy|maillog|mainlog|syslog", re.I)


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log, wherever its bytes lie.

    Attributes:
        name: How people call it.
        folder: Where it lies.
        root: Its name without what rotation has put on it.
        number: That rotation has given it; None if it has none.
        ends: When it was last written, seconds since the epoch.
        is_named: Whether it was given itself, and not found in a folder.
        open: Opens it; the stream gives what is in it, unpacked.
    """

    name: str
    folder: str
    root: str
    number: int | None
    ends: float
    size: int
    is_named: bool
    open: Callable[[], BufferedIOBase]

    @property
    def is_packed(self) -> bool:
        """Whether it grows when it is read, by its name."""
        return self.name.lower().endswith((".gz", ".bz2", ".xz"))

    @property
    def sounds_like_mail(self) -> bool:
        """Whether its name says that it is a mail server's log."""
        return bool(_SOUNDS_LIKE_MAIL.search(self.root))


@dataclass(frozen=True, slots=True)
class Found:
    """What was found.

    Attributes:
        logs: Those of mail servers, or of nobody that is known.
        exchange: Files of Exchange's.
        remarks: What was passed over, and why.
        unread: What could not be read.
    """

    logs: tuple[LogFile, ...]
    exchange: tuple[Path, ...]
    remarks: tuple[str, ...]
    unread: tuple[str, ...]


def find_logs(paths: Iterable[Path]) -> Found:
    """All logs that are named, or lie in folders that are.

    Raises:
        MailLogError: A path is not there, or cannot be read.
    """
    logs: list[LogFile] = []
    exchange: list[Path] = []
    remarks: list[str] = []
    unread: list[str] = []
    seen: set[Path] = set()
    for path in paths:
        for each in _files(path):
            if (resolved := each.resolve()) in seen:
                continue
            seen.add(resolved)
            try:
                found = list(_logs_in(each, is_named=each == path))
                others = [log for log in found if not _is_exchange(log)]
                if len(others) < len(found):
                    if is_tar(unpacked(partial(_plain, each))):
                        raise CannotUnpack("it is a tar with logs of Exchange; unpack it first")
                    exchange.append(each)
                logs += others
            except _ERRORS as error:
                told = getattr(error, "strerror", None) or error
                if each == path:
                    raise MailLogError(f"{path} cannot be read: {told}") from None
                unread.append(f"{each} cannot be read: {told}")
    logs = list(_once(logs, remarks))
    return Found(tuple(logs), tuple(exchange), tuple(remarks), tuple(unread))


def _files(path: Path) -> Iterator[Path]:
    try:
        if not path.is_dir():
            if not path.exists():
                raise MailLogError(f"{path} is not there")
            if not path.is_file():
                raise MailLogError(f"{path} is no file: save what comes out of it, and name that")
            yield path
            return
        found = sorted(each for each in path.rglob("*") if each.is_file())
    except OSError as error:
        raise MailLogError(f"{path} cannot be looked through: {error.strerror}") from None
    if not found:
        raise MailLogError(f"{path} holds no file")
    yield from found


def _logs_in(path: Path, *, is_named: bool) -> Iterator[LogFile]:
    status = path.stat()
    plain = partial(_plain, path)
    with plain() as file:
        is_zip = file.read(len(ZIP)) == ZIP
    if is_zip:
        yield from _in_archive(path, is_named, _members_of_zip(path))
        return
    opens = unpacked(plain)
    if is_tar(opens):
        yield from _in_archive(path, is_named, members_of_tar(opens))
        return
    name, ends = str(path), status.st_mtime
    yield _log(name, path.parent.name, path.name, ends, status.st_size, is_named, opens)


def _plain(path: Path) -> BufferedIOBase:
    return path.open("rb")


def _in_archive(
    path: Path, is_named: bool, members: Iterable[tuple[str, int, float, Opens]]
) -> Iterator[LogFile]:
    for name, size, ends, opens in members:
        inner = Path(name)
        folder = inner.parent.name or path.stem.removesuffix(".tar")
        try:
            opens = unpacked(opens, is_within=True)
        except CannotUnpack as strange:
            opens = partial(_refused, str(strange))
        yield _log(f"{path}:{name}", folder, inner.name, ends, size, is_named, opens)


def _refused(why: str) -> BufferedIOBase:
    raise CannotUnpack(why)


def _members_of_zip(path: Path) -> Iterator[tuple[str, int, float, Opens]]:
    with zipfile.ZipFile(path) as archive:
        members = [each for each in archive.infolist() if not each.is_dir()]
    for member in members:
        try:
            ends = datetime(*member.date_time).timestamp()
        except (ValueError, OverflowError, OSError):
            ends = path.stat().st_mtime
        yield member.filename, member.file_size, ends, _opens_member(path, member.filename)


def _opens_member(path: Path, name: str) -> Opens:
    return lambda: cast(BufferedIOBase, zipfile.ZipFile(path).open(name))


def _log(
    name: str,
    folder: str,
    base: str,
    ends: float,
    size: int,
    is_named: bool,
    opens: Callable[[], BufferedIOBase],
) -> LogFile:
    number = _NUMBER.search(base)
    root = _ROTATED.sub("", base) or base
    rotated = int(number[1]) if number else None
    return LogFile(name, folder, root, rotated, ends, size, is_named, opens)


def head_of(log: LogFile, size: int = _HEAD) -> bytes:
    """Its first bytes, as UTF-8."""
    head = b""
    with suppress(*_ERRORS), log.open() as stream:
        while len(head) < size and (piece := stream.read1(size - len(head))):
            head += piece
    encoding = _wide(head)
    return head.decode(encoding, "replace").encode() if encoding else head


def _is_exchange(log: LogFile) -> bool:
    return bool(_EXCHANGE.search(head_of(log, _PROBE)))


def _once(logs: list[LogFile], remarks: list[str]) -> Iterator[LogFile]:
    """Each once: copies to the byte are found before they are read twice.

    Ten thousand files of one size are not compared each with each.
    """
    alike: dict[tuple[int, bytes], dict[bytes, LogFile]] = {}
    # Of two, the one that rotation has given a number tells more by its name.
    for log in sorted(logs, key=lambda log: log.number is None):
        if not log.size:
            yield log
            continue
        begin = log.size, hashlib.blake2b(head_of(log)).digest()
        twins = alike.setdefault(begin, {})
        # The first of its kind has nobody to be compared with yet.
        if _FIRST in twins:
            first = twins.pop(_FIRST)
            twins[_digest(first)] = first
        mark = _digest(log) if twins else _FIRST
        if twin := twins.get(mark):
            remarks.append(f"{log.name} is the same as {twin.name}; it is read once")
            continue
        twins[mark] = log
        yield log


def _digest(log: LogFile) -> bytes:
    digest = hashlib.blake2b()
    with suppress(*_ERRORS), log.open() as stream:
        while piece := stream.read1(PIECE):
            digest.update(piece)
    return digest.digest()


class Torn(Exception):
    """A file cannot be read to its end; what came before has been."""


def pieces(log: LogFile) -> Iterator[tuple[list[bytes], bool]]:
    """Its lines without their ends, some thousands at a time, and whether they are plain ASCII.

    Of a line that is longer than any mail server's, what is beyond is left out.

    Raises:
        Torn: It breaks off, or cannot be read.
    """
    rest = b""
    for piece in _bytes_of(log):
        piece = rest + piece
        if b"\r" in piece:
            piece = piece.replace(b"\r\n", b"\n")
        lines = piece.split(b"\n")
        rest = lines.pop()
        if len(rest) > LONGEST_LINE:
            # One byte more than a line may have: whoever takes it apart sees that it is none.
            rest = rest[: LONGEST_LINE + 1]
        yield lines, piece.isascii() and b"\0" not in piece
    if rest:
        yield [rest.rstrip(b"\r")], False


def _bytes_of(log: LogFile) -> Iterator[bytes]:
    try:
        with log.open() as stream:
            # Of a packed file that breaks off, `read` would lose what came before the break.
            piece = stream.read1(PIECE)
            decoder = codecs.getincrementaldecoder(_wide(piece) or "utf-8")("replace")
            is_wide = bool(_wide(piece))
            while piece:
                yield decoder.decode(piece).encode() if is_wide else piece
                piece = stream.read1(PIECE)
    except _ERRORS as error:
        raise Torn(getattr(error, "strerror", None) or str(error)) from None


def _wide(head: bytes) -> str:
    """The encoding of two bytes a character that a file is in; empty if it is in none."""
    if head.startswith(b"\xff\xfe"):
        return "utf-16-le"
    if head.startswith(b"\xfe\xff"):
        return "utf-16-be"
    # Zeroes at the begin are what a file that was emptied under its writer has there.
    sample = head[len(head) - len(head.lstrip(b"\0")) & ~1 :][:400]
    if len(sample) <= 20 or sample.count(0) > len(sample) * 0.55:
        return ""
    if sample[1::2].count(0) > len(sample) * 0.45:
        return "utf-16-le"
    if sample[0::2].count(0) > len(sample) * 0.45:
        return "utf-16-be"
    return ""
