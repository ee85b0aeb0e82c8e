"""What several logs are packed into: tar, plain or packed itself; and what cannot be unpacked."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final, cast

Opens = Callable[[], io.BufferedIOBase]
"""Opens something at its begin."""

_UNPACKED_BY: Final[tuple[tuple[bytes, Callable[..., Any]], ...]] = (
    (b"\x1f\x8b", gzip.open),
    (b"BZh", bz2.open),
    (b"\xfd7zXZ\0", lzma.open),
    (b"\x5d\0\0", lzma.open),
)
"""How a packed file begins, and what opens it: all that logrotate is told to pack with."""

_UNKNOWN: Final = (
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x1f\x9d", "compress"),
    (b"\x89LZO", "lzop"),
    (b"LZIP", "lzip"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!", "RAR"),
)
"""How that begins which Python 3.11 cannot unpack."""

ZIP: Final = b"PK\x03\x04"
_TAR: Final = b"ustar"
_TAR_AT: Final = 257
"""Where the header of a tar's first member bears that mark (POSIX.1, pax)."""


class CannotUnpack(Exception):
    """It is packed in a way that is not known here."""


def unpacked(opens: Opens, *, is_within: bool = False) -> Opens:
    """What opens the content of something, packed or not.

    Args:
        opens: Opens it as it lies there.
        is_within: Whether it lies in an archive: no other is looked for in it.

    Raises:
        CannotUnpack: It is packed by something that is not known here.
    """
    with opens() as stream:
        head = stream.read(8)
    if strange := next((name for begin, name in _UNKNOWN if head.startswith(begin)), ""):
        raise CannotUnpack(f"it is packed by {strange}; unpack it first")
    if is_within and head.startswith(ZIP):
        raise CannotUnpack("it is a zip in another archive; unpack it first")
    by = next((by for begin, by in _UNPACKED_BY if head.startswith(begin)), None)
    return opens if by is None else lambda: _Unpacking(opens(), by)


def is_tar(opens: Opens) -> bool:
    """Whether what this opens is a tar."""
    head = b""
    with suppress(OSError, EOFError, lzma.LZMAError), opens() as stream:
        while len(head) <= _TAR_AT + len(_TAR) and (piece := stream.read1(512)):
            head += piece
    return head[_TAR_AT:].startswith(_TAR)


def members_of_tar(opens: Opens) -> Iterator[tuple[str, int, float, Opens]]:
    """The files in a tar: name, size, when it was written, and what opens it.

    Raises:
        tarfile.TarError: It breaks off.
        OSError: It cannot be read.
    """
    with opens() as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
        for each in archive:
            if each.isreg():
                opens_it = _part(opens, each.offset_data, each.size)
                yield each.name, each.size, float(each.mtime), opens_it


def _part(opens: Opens, begin: int, size: int) -> Opens:
    return lambda: io.BufferedReader(_Part(opens(), begin, size))


class _Unpacking(io.BufferedIOBase):
    """What is in a packed stream, which is closed with it."""

    def __init__(self, packed: io.BufferedIOBase, by: Callable[..., Any]) -> None:
        self._packed = packed
        self._stream = by(packed, "rb")

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        return cast(bytes, self._stream.read(size))

    def read1(self, size: int = -1, /) -> bytes:
        return cast(bytes, self._stream.read1(size))

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return cast(int, self._stream.seek(offset, whence))

    def close(self) -> None:
        self._stream.close()
        self._packed.close()
        super().close()


class _Part(io.RawIOBase):
    """A part of a stream."""

    def __init__(self, stream: io.BufferedIOBase, begin: int, size: int) -> None:
        self._stream, self._left = stream, size
        stream.seek(begin)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read1(min(len(buffer), self._left))
        buffer[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()
