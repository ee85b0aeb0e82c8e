"""What ``Get-MessageTrackingLog | Export-Csv`` writes: the same rows under other names. Pure.

Properties are the log's fields without dashes and with capitals; four have names of their own
(Microsoft, "Get-MessageTrackingLog"). Lists become text in whatever way the person who exported
them has chosen, times are written as that person's culture writes them, in that shell's time zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from relaydrill.exchange_logs import quoting
from relaydrill.exchange_logs.rows import TRACKING_FIELDS

_OWN_NAMES: Final = {name.replace("-", ""): name for name in TRACKING_FIELDS} | {
    "networkmessageid": "network-message-id",
    "timestamp": "date-time",
    "recipients": "recipient-address",
    "sender": "sender-address",
    "eventdata": "custom-data",
}
_NEEDED: Final = {"timestamp", "eventid", "messageid"}
_DELIMITERS: Final = (",", ";", "\t", "|")
_NO_LIST: Final = re.compile(r"^(System\.|Microsoft\.).*\[\]$|(\.\.\.|…)\}?$")
_SEPARATORS: Final = (";", "|", ",", r"\s")
"""Between addresses; of several the first that there is: only quotes hold any of an address's own,
and an old name of Exchange's (``/o=…/cn=…``) spaces."""

_NUMBERS: Final = re.compile(r"\d{1,9}")
_WORDS: Final = re.compile(r"[^\W\d_]+(?:[.\s]{1,2}[^\W\d_]+)*")
_MORNING: Final = frozenset({"AM", "上午", "午前", "오전", "ΠΜ", "ÖÖ", "SA", "PD", "ص", "قظ"})
_AFTERNOON: Final = frozenset(
    {"PM", "下午", "午後", "오후", "\u039c\u039c", "ÖS", "CH", "MD", "م", "بظ"}
)
"""How cultures write the halves of a day, in capitals, without dots and spaces."""

_NO_PART: Final = (
    frozenset({"Г", "KLO", "KL", "UHR", "H", "ORA"})
    | {
        name
        for day in ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
        for name in (day, f"{day}DAY")
    }
    | {"TUESDAY", "WEDNESDAY", "THURSDAY", "SATURDAY"}
)
"""Words that say that a number is a year, or an hour; and days of the week."""

_ZONE: Final = re.compile(
    r"\s{0,9}(?<=[\s\w.])\(?(?:(?:UTC|GMT|Z)\b|(?=[+-]\d\d?:\d\d))\s?"
    r"(?:(?P<sign>[+-])(?P<hours>\d\d?)(?::?(?P<minutes>\d\d))?)?\)?\s{0,9}$",
    re.I,
)
"""Behind a time: a word for UTC, how far the zone is from that, or both."""

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"), 1
    )
}
_BUDDHIST: Final = 543
"""Years by which Thailand's calendar is ahead."""

_YEARS: Final = range(1990, 2101)
_ISO: Final = re.compile(r"\s*\d{4}-\d\d-\d\dT")

HOW_TO: Final = (
    "export with  | Select-Object *,@{n='Recipients';e={$_.Recipients -join ';'}}"
    " -ExcludeProperty Recipients | Export-Csv -NoTypeInformation"
)
"""What to add to the command, for an export that names its recipients."""


@dataclass(frozen=True, slots=True)
class Heading:
    """An export's line of property names.

    Attributes:
        delimiter: Between values.
        fields: Names as a tracking log has them.
    """

    delimiter: str
    fields: tuple[str, ...]


def heading(line: str) -> Heading | None:
    """The heading of an export, or None where the line is none."""
    for delimiter in _DELIMITERS:
        names = [each.strip().strip('"') for each in line.split(delimiter)]
        if {name.lower() for name in names} >= _NEEDED:
            return Heading(delimiter, tuple(_field(name) for name in names))
    return None


def is_type_line(line: str) -> bool:
    """Whether it is the line by which Export-Csv says what kind of object it has written."""
    return line.startswith("#TYPE ")


def _field(name: str) -> str:
    return _OWN_NAMES.get(name.lower(), name.lower())


def addresses(text: str) -> tuple[str, ...] | None:
    """The addresses in a list that was written as text; None where it is no list any more."""
    text = text.strip()
    if _NO_LIST.search(text):
        return None
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1]
    outside = quoting.bare(text)
    between = next((each for each in _SEPARATORS if re.search(f"[{each}]", outside)), r"\s")
    parts = quoting.parted(text, between)
    is_one = between == _SEPARATORS[-1] and not all("@" in part for part in parts)
    return (text,) if is_one else parts


def statuses(text: str) -> tuple[str, ...]:
    """The recipients' statuses, as far as they were written out."""
    if _NO_LIST.search(text.strip()):
        return ()
    return tuple(part for each in text.strip().strip("{}").split(";") if (part := each.strip()))


def clock_of(texts: Sequence[str]) -> tuple[Callable[[str], float], str]:
    """How the times of one export are to be read: seconds since the epoch, as if in UTC.

    Args:
        texts: All of them, for one alone may be read in two ways.

    Returns:
        The way, which raises ValueError for what is no time; and what is to be said of it, empty
        where nothing is.
    """
    if any(_ISO.match(text) for text in texts):
        return _iso, ""
    zones = [_ahead(text) for text in texts]
    texts = [_ZONE.sub("", text) for text in texts]
    said = (
        ""
        if zones and None not in zones
        else "its times are those of the shell that wrote it, in its time zone"
    )
    month_first, doubt = _month_first(texts)
    if doubt:
        order = "month first" if month_first else "day first"
        said += "; " if said else ""
        said += f"its dates can be read in two ways, and are read {order}"

    def read(text: str) -> float:
        local = _local(_ZONE.sub("", text), month_first=month_first)
        return local - (_ahead(text) or 0.0)

    return read, said


def _ahead(text: str) -> float | None:
    """By how many seconds the zone that a time names is ahead of UTC; None if it names none."""
    found = _ZONE.search(text)
    if not found:
        return None
    ahead = int(found["hours"] or 0) * 3600.0 + int(found["minutes"] or 0) * 60.0
    return -ahead if found["sign"] == "-" else ahead


def _iso(text: str) -> float:
    found = datetime.fromisoformat(text.strip())
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _month_first(texts: Iterable[str]) -> tuple[bool, bool]:
    """Whether months stand before days, and whether that had to be guessed."""
    pairs: set[tuple[int, int]] = set()
    halves, dotted = False, False
    for text in texts:
        numbers = [int(each) for each in _NUMBERS.findall(text)[:3]]
        if len(numbers) < 3 or numbers[0] > 31 or any(word in _MONTHS for word in _words(text)):
            continue  # the year stands first: year, month, day everywhere
        pairs.add((numbers[0], numbers[1]))
        halves = halves or any(word in _MORNING | _AFTERNOON for word in _words(text))
        dotted = dotted or bool(re.match(r"\s*\d+[.-]", text))
    if any(first > 12 for first, _ in pairs):
        return False, False
    if any(second > 12 for _, second in pairs):
        return True, False
    if dotted or not pairs:
        return False, False  # 3.2.2026 and 3-2-2026 are of countries that put the day first
    if len({second for _, second in pairs}) != len({first for first, _ in pairs}):
        # A query covers days that follow each other rather than the same day of many months.
        firsts, seconds = ({pair[at] for pair in pairs} for at in (0, 1))
        return len(firsts) < len(seconds), False
    return halves, any(first != second for first, second in pairs)


def _words(text: str) -> list[str]:
    """Its words in capitals; of ``a. m.`` the letters alone."""
    return [re.sub(r"[.\s]", "", each).upper() for each in _WORDS.findall(text)]


def _local(text: str, *, month_first: bool) -> float:
    words = [each for each in _words(text) if each not in _NO_PART]
    halves = [each for each in words if each in _MORNING | _AFTERNOON]
    months = [_MONTHS[each[:3]] for each in words if each[:3] in _MONTHS and each not in halves]
    if len(halves) + len(months) < len(words) or max(len(halves), len(months)) > 1:
        raise ValueError(text)  # it may be an afternoon, or a month, or a day of the week
    numbers = [int(each) for each in _NUMBERS.findall(text)]
    if len(numbers) < 5 - len(months):
        raise ValueError(text)
    if months:
        numbers.insert(1, months[0])
    if numbers[0] > 31:
        year, month, day = numbers[:3]
    else:
        year = numbers[2] + (2000 if numbers[2] < 100 else 0)
        is_first = month_first and not months
        month, day = numbers[:2] if is_first else (numbers[1], numbers[0])
    if year - _BUDDHIST in _YEARS:
        year -= _BUDDHIST
    if year not in _YEARS:
        raise ValueError(text)
    hour, minute, second = (*numbers[3:6], 0)[:3]
    if halves:
        if halves[0] in _MORNING and hour > 12:
            raise ValueError(text)  # a word of that look that is no half of a day
        hour = hour % 12 + (12 if halves[0] in _AFTERNOON else 0)
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
