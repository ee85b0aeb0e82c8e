"""The text of a file that a person named, or why there is none."""

from __future__ import annotations

from pathlib import Path

from relaydrill.marks import Mark, Mistake
from relaydrill.topology_files.yaml_text import MOST_BYTES, NotYaml, too_big


def is_there(path: Path) -> bool:
    """Whether there is anything of that name.

    Raises:
        NotYaml: That cannot be said.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return False  # ValueError: a NUL, or what the file system's encoding does not have
    except OSError as error:
        raise _unreadable(path, error) from None
    return True


def text_of(path: Path) -> str:
    """The text of a file.

    Raises:
        NotYaml: It cannot be read, is too big, or is no UTF-8.
    """
    return _decoded(_bytes(path), str(path))


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            # Never more than needed to know: the path may be a device without end.
            return file.read(MOST_BYTES + 1)
    except IsADirectoryError:
        raise NotYaml(Mistake(Mark(str(path), 0), "a directory", "a file")) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> NotYaml:
    reason = error.strerror or type(error).__name__
    return NotYaml(Mistake(Mark(str(path), 0), f"cannot be read: {reason}"))


def _decoded(data: bytes, name: str) -> str:
    if len(data) > MOST_BYTES:
        raise NotYaml(too_big(name))
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"byte 0x{data[error.start]:02x} is not UTF-8"
        raise NotYaml(Mistake(Mark(name, line), what, "a file saved as UTF-8")) from None
