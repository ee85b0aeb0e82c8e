"""Where labs run: simulated, for that is quick and never starves; else where they can."""

from __future__ import annotations

import contextlib
from typing import Final, Literal

from relaydrill import clock
from relaydrill.drivers.base import Lab
from relaydrill.drivers.catalogue import SIMULATE
from relaydrill.drivers.readiness import await_backends
from relaydrill.drivers.simulate.lab import not_to_be_simulated
from relaydrill.errors import WaitTimeout
from relaydrill.topology import Topology

from .defect import Defect

World = Literal["simulate", "process", "docker"]
"""The driver of a lab."""

WORLD: Final[World] = "simulate"
"""Where labs run unless somebody says otherwise."""


def world_of(topology: Topology, wanted: World = WORLD) -> World:
    """Where a design is run: where it is wanted, or as processes where it cannot be simulated."""
    return "process" if wanted == SIMULATE and not_to_be_simulated(topology) else wanted


def world_of_defect(defect: Defect, wanted: World = WORLD) -> World | None:
    """Where the lab of a defect runs; None: no lab does."""
    if not defect.needs_lab:
        return None
    return "docker" if defect.containers else world_of(defect.topology(), wanted)


def told(defect: Defect) -> str:
    """Where the lab of a defect runs, and why it is not simulated: for a list."""
    match world_of_defect(defect):
        case None:
            return "no lab"
        case "simulate" as world:
            return world
        case world:
            return f"{world}: {not_to_be_simulated(defect.topology())}"


def make_whole(lab: Lab) -> None:
    """Wait until a lab that has served a drill is as it was at its start.

    In a simulated one no time passes between two drills, and what was healed at the end of one
    would be out still when the next begins.
    """
    # A balancer that never finds them is the design's own trouble, as at the start of a lab.
    with contextlib.suppress(WaitTimeout):
        await_backends(lab)
    # And what servers have counted of an address counts until its time is over.
    limits = (each.rate_limit for each in lab.topology.connectors.values())
    longest_s = max((each.per for each in limits if each), default=0.0)
    clock.sleep(longest_s / lab.topology.clock)
