"""How often parts of a tier fail, and how long they stay away: what a year is reckoned from.

No drill looks at it. The figures are the author's own, of the field: a lab cannot measure them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Final

from pydantic import BeforeValidator, Field, PlainSerializer

from relaydrill.model import Model
from relaydrill.scalars import Name, show_duration, wrong

_SPAN: Final = re.compile(r"^(\d+(?:\.\d+)?)\s*(s|min|h|d|y)$")
_SECONDS: Final = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "y": 365 * 86400.0}

YEAR_S: Final = _SECONDS["y"]
"""A year of 365 days, 8760 hours."""

_LONGEST_YEARS: Final = 1000


def parse_span(value: object) -> float:
    """Seconds of ``90d``, ``4h``, ``5y``; a year has 365 days. A number alone is refused.

    Raises:
        PydanticCustomError: It is none of these, zero, or longer than a thousand years.
    """
    found = _SPAN.match(value.strip()) if isinstance(value, str) else None
    if not found:
        raise wrong(
            "span", "not a span of time; allowed: a number and s, min, h, d or y: 90d, 4h, 5y"
        )
    seconds = float(found.group(1)) * _SECONDS[found.group(2)]
    if not 0 < seconds <= _LONGEST_YEARS * YEAR_S:
        raise wrong("span", f"span out of range; allowed: above 0s, up to {_LONGEST_YEARS}y")
    return seconds


Span = Annotated[
    float,
    BeforeValidator(parse_span, json_schema_input_type=str),
    PlainSerializer(show_duration, return_type=str),
]


class Failure(Model):
    """How often something fails, and how long it is away then.

    Attributes:
        every: Mean time from one failure to the next, repair included: 90d, 5y.
        repair: Mean time from a failure until it works again: 4h.
    """

    every: Span
    repair: Span

    @property
    def unavailability(self) -> float:
        """The part of all time for which it is away, in the long run: of 1."""
        return self.repair / self.every

    @property
    def per_year(self) -> float:
        """How often it fails in a year of 365 days."""
        return YEAR_S / self.every


class Failures(Model):
    """How often what says nothing of its own fails; only what a year costs is reckoned from it.

    Attributes:
        default: Of every node without a ``failure`` of its own.
        site_default: Of every site that is not named under ``sites``: all of its nodes at once.
        sites: Of a site, by name: all of its nodes at once.
    """

    default: Failure | None = None
    site_default: Failure | None = None
    sites: dict[Name, Failure] = Field(default_factory=dict)

    @property
    def declared(self) -> Iterator[tuple[tuple[str, ...], Failure]]:
        """All of them, each with the keys that lead to it."""
        if self.default:
            yield ("default",), self.default
        if self.site_default:
            yield ("site_default",), self.site_default
        for site, failure in self.sites.items():
            yield ("sites", site), failure
