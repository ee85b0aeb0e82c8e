"""How much of a fault of the network: ``200ms~50ms``, ``8kB/s``, ``2000B``, ``30%``."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

from pydantic_core import PydanticCustomError

from relaydrill.errors import UsageError
from relaydrill.scalars import parse_duration

_SIZE: Final = re.compile(r"([0-9]{1,9})\s*(B|kB|MB)")
_FACTORS: Final = {"B": 1, "kB": 1_000, "MB": 1_000_000}
_PERCENT: Final = re.compile(r"([0-9]{1,2}(?:\.[0-9]{1,3})?)%")


class Form(enum.StrEnum):
    """How an amount is written."""

    NONE = ""
    TIME = "TIME"
    AROUND = "TIME~JITTER"
    SIZE = "SIZE"
    RATE = "SIZE/TIME"
    PART = "PERCENT%"


EXAMPLES: Final = {
    Form.TIME: "5s",
    Form.AROUND: "200ms or 200ms~50ms",
    Form.SIZE: "2000B or 2kB",
    Form.RATE: "8kB/s or 20B/10ms",
    Form.PART: "30%, above 0 and below 100",
}
"""An amount of each form, for those who wrote something else."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much.

    Attributes:
        text: As it is written.
        time_s: The time in it, field seconds.
        jitter_s: By how much that is more or less, field seconds.
        size: The bytes in it.
        part: Of a whole.
    """

    text: str = ""
    time_s: float = 0.0
    jitter_s: float = 0.0
    size: int = 0
    part: float = 0.0


def parse_amount(kind: str, form: Form, text: str) -> Amount:
    """Read an amount.

    Args:
        kind: The fault that it is of, for messages.
        form: How it must be written.
        text: As a person wrote it.

    Raises:
        UsageError: It is written otherwise, or the fault takes none.
    """
    if form is Form.NONE:
        raise UsageError(f"{kind} takes no amount; write {kind}, not {kind}={text}")
    found = _read(form, text)
    if found is None:
        raise UsageError(f"{kind}={text}: {text!r} is no {form}; write {EXAMPLES[form]}")
    return found


def _read(form: Form, text: str) -> Amount | None:
    match form:
        case Form.AROUND:
            mean, tilde, jitter = text.partition("~")
            times = _time(mean), _time(jitter) if tilde else 0.0
            if not times[0] or times[1] is None or times[1] > times[0]:
                return None
            return Amount(text, time_s=times[0], jitter_s=times[1])
        case Form.TIME:
            time_s = _time(text)
            return Amount(text, time_s=time_s) if time_s else None
        case Form.SIZE:
            size = _size(text)
            return Amount(text, size=size) if size else None
        case Form.RATE:
            first, _, each = text.partition("/")
            size, time_s = _size(first), _time("1s" if each == "s" else each)
            return Amount(text, size=size, time_s=time_s) if size and time_s else None
        case _:
            found = _PERCENT.fullmatch(text)
            part = float(found[1]) / 100 if found else 0.0
            return Amount(text, part=part) if part else None


def _time(text: str) -> float | None:
    try:
        return parse_duration(text)
    except PydanticCustomError:
        return None


def _size(text: str) -> int:
    found = _SIZE.fullmatch(text)
    return int(found[1]) * _FACTORS[found[2]] if found else 0
