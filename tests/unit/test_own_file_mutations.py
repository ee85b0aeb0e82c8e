"""Files that were damaged in any way are read, or refused in a sentence: never a traceback."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from tests.own_files import STYLES

from relaydrill.errors import UsageError
from relaydrill.lint.own_files import lint_files
from relaydrill.own_configuration.gathering import Gathered, Named
from relaydrill.own_configuration.recognising import by_content, by_name
from relaydrill.own_configuration.text import text_of

MUTATIONS: Final = 2000
_BITS: Final = (
    *(b"'", b'"', b"\\", b"{", b"}", b"(", b")", b"[", b"]", b"$", b"${", b"\n", b"\r\n", b"\t"),
    *(b"#", b";", b":", b"-", b"%", b"0", b"99999999999999999999", b"\xff", b"\xc3\xbc", b"\xef"),
    *(b"-1", b"::", b"1.2.3.4/99", b"include /x\n", b"@", b" ", b"\0"),
)


def _cut(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def _inserted(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + rng.choice(_BITS) + data[at:]


def _removed(data: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.randrange(1, 30) :]


def _word_swapped(data: bytes, rng: random.Random) -> bytes:
    words = data.split(b" ")
    first, second = rng.randrange(len(words)), rng.randrange(len(words))
    words[first], words[second] = words[second], words[first]
    return b" ".join(words)


def _line_doubled(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    lines.insert(rng.randrange(len(lines)), rng.choice(lines))
    return b"\n".join(lines)


def _line_shortened(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    at = rng.randrange(len(lines))
    words = lines[at].split()
    lines[at] = b" ".join(words[: rng.randrange(len(words) + 1)])
    return b"\n".join(lines)


def _utf_16(data: bytes, _rng: random.Random) -> bytes:
    return data.decode("utf-8", "replace").encode("utf-16")


DAMAGES: Final[tuple[Callable[[bytes, random.Random], bytes], ...]] = (
    *(_cut, _inserted, _removed, _word_swapped, _line_doubled, _line_shortened),
    *(_inserted, _line_shortened, _removed, _utf_16),
)


@pytest.mark.parametrize("part", range(4))
def test_damaged_files_give_no_traceback(part: int) -> None:
    """2,000 of them, of every style and with up to three damages, each by its own seed."""
    styles = [*STYLES.values()]
    understood = 0
    for seed in range(part, MUTATIONS, 4):
        rng = random.Random(seed)
        gathered = Gathered()
        for name, text in rng.choice(styles).items():
            data = text.encode()
            for _ in range(rng.randrange(1, 4)):
                data = rng.choice(DAMAGES)(data, rng) if data else data
            try:
                texts = (text_of(data, name),)
            except UsageError:
                continue
            kind = by_name(Path(name)) or by_content(text_of(text.encode(), name))
            gathered.named.append(Named(name, kind, texts))
        try:
            lint_files(gathered.files(60.0))
        except UsageError:
            continue
        understood += 1
    assert understood > MUTATIONS / 4 * 0.7
