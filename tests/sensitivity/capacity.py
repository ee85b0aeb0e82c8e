"""Capacity: what is left must bear the peak."""

from __future__ import annotations

from typing import Final

from .defect import Defect, Finding, Planned
from .dns import ONE_ADDRESS_EACH, UNEQUAL

_EDGES: Final = tuple(f"edge{number}" for number in range(1, 7))


def _each(capacity: str) -> str:
    return "nodes: {" + ", ".join(f"{edge}: {{capacity: {capacity}}}" for edge in _EDGES) + "}\n"


def _planned(
    name: str, wrong: str, change: str, gone: str, *says: str, lints: tuple[str, ...] = ()
) -> Defect:
    return Defect(
        id=name,
        subject="capacity",
        wrong=wrong,
        change=change,
        way=Planned(),
        findings=(Finding("plan", says, gone),),
        base="microsoft",
        lints=lints,
    )


_PEAK: Final = "flows: {inbound: {peak: 185/s}, pinned: {peak: 1/s}}\n"
"""The mean of sixteen million messages a day."""

DEFECTS: Final = (
    _planned(
        "one-edge-more-than-it-bears",
        "with one Edge lost, the other one of its MX host gets all that it had, not a fifth of it",
        _each("35/s") + _PEAK,
        "edge1",
        "edge4 gets",
        "bears 35/s",
        lints=("capacity-node-lost",),
    ),
    _planned(
        "one-site-more-than-it-bears",
        "the Edges of one site do not bear the mail of both",
        _each("50/s") + _PEAK,
        "site dublin",
        "edge1 gets",
        "bears 50/s",
    ),
    _planned(
        "preferred-exchanger-bears-all",
        "unequal preferences: the two servers of the best MX get all of the mail",
        _each("60/s") + _PEAK + UNEQUAL,
        "nothing",
        "edge1 gets",
        "edge4 gets",
        lints=("capacity", "mx-unequal"),
    ),
    _planned(
        "pinned-senders-have-no-other-way",
        "one address behind each MX: with it gone, those who always pick it find no way in",
        ONE_ADDRESS_EACH + "flows: {pinned: {expect: {spread: []}}}",
        "edge1",
        "find no way in",
        lints=("one-address-behind-mx",),
    ),
    _planned(
        "all-addresses-in-one-site",
        "all Edges of the zone stand in one site",
        "nodes: {" + ", ".join(f"{edge}: {{site: redmond}}" for edge in _EDGES) + "}\n",
        "site redmond",
        "find no way in",
        lints=("zone-in-one-site",),
    ),
)
