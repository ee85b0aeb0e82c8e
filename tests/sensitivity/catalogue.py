"""The catalogue of defects: all of them, from one module for each subject."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import Final

from . import (
    arrivals,
    attribution,
    balancers,
    capacity,
    causes,
    certificates,
    chance,
    clocks,
    connectors,
    dns,
    durability,
    edge,
    evidence,
    excuses,
    gray,
    health_checks,
    hubs,
    identity,
    queues,
    recovery,
    sites,
    wnlb,
)
from .defect import Defect

_DEFECTS: Final[tuple[Defect, ...]] = tuple(
    chain.from_iterable(
        module.DEFECTS
        for module in (
            balancers,
            health_checks,
            connectors,
            dns,
            edge,
            hubs,
            identity,
            queues,
            certificates,
            capacity,
            recovery,
            wnlb,
            sites,
            durability,
            evidence,
            chance,
            attribution,
            clocks,
            excuses,
            causes,
            arrivals,
            gray,
        )
    )
)

CATALOGUE: Final = (*_DEFECTS, *(each.read() for each in _DEFECTS if each.lints))
"""All of them; designs that the linter must name, too, are in it once more, to be read."""

BY_ID: Final[Mapping[str, Defect]] = MappingProxyType({each.id: each for each in CATALOGUE})
