"""The search for what breaks a design: plans of several faults, in simulated labs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Final

from relaydrill.api.boundary import (
    Listener,
    StrPath,
    a_number,
    a_path,
    must_hold,
    own_errors,
    private_folder,
    shown,
    texts,
)
from relaydrill.drills.exploring import Exploration, Limits, Progress, search
from relaydrill.drills.exploring.space import space_of
from relaydrill.errors import UsageError
from relaydrill.topology import Topology

BUDGET_S: Final = 300.0
"""For how long a search goes on by default, seconds of the wall clock."""

MOST_FAULTS: Final = 3
"""Faults of a plan at most, by default."""


def explore(
    topology: Topology,
    *,
    budget_s: float = BUDGET_S,
    plans: int | None = None,
    faults: int = MOST_FAULTS,
    kinds: str | Iterable[str] = (),
    nodes: str | Iterable[str] = (),
    flows: str | Iterable[str] = (),
    for_good: bool = False,
    seed: int = 1,
    directory: StrPath | None = None,
    at_once: int | None = None,
    on_progress: Callable[[Progress], object] | None = None,
) -> Exploration:
    """Search for the smallest plan of faults that breaks a promise, in simulated labs.

    Args:
        topology: Whose promises.
        budget_s: When it is over, seconds of the wall clock.
        plans: After how many plans it is over; by default with the time. The same number and the
            same seed find the same, on every machine that has time for them.
        faults: How many a plan has at most.
        kinds: What is drawn, each ``KIND[.PHASE][%SHARE]``; by default what a whole server suffers.
        nodes: Only these nodes and sites; by default all whose loss the author does not accept.
        flows: Only these flows; by default those whose mail passes what is broken.
        for_good: Whether what is broken may also stay so until all mail is accounted for.
        seed: Of the search, and of every drill.
        directory: Where to keep the evidence; a folder that is empty or does not exist. By default
            one for temporary files, which is kept: see `Exploration.directory`.
        at_once: How many programs beside this one try plans; by default two, or one for each core.
        on_progress: Called with each plan that was tried. What it raises ends the search.

    Raises:
        TopologyError: The topology was made without a file, and breaks rules.
        UsageError: Hypothesis is not installed, there is no such fault, node, site or flow, or a
            number makes no sense.
        CapabilityMissing: The topology has what cannot be simulated.
        HarnessError: A drill could not be run.
    """
    must_hold(topology)
    counts = {"faults": faults, "plans": plans, "at_once": at_once}
    for name, number in counts.items():
        if number is not None and a_number(number, name) < 1:
            raise UsageError(f"{name} is {number}; it must be at least 1")
    told: object = budget_s
    if not isinstance(told, int | float) or not told > 0:
        raise UsageError(f"budget_s is {shown(budget_s)}; write seconds, more than 0")
    space = space_of(
        topology,
        kinds=texts(kinds, "kinds"),
        units=texts(nodes, "nodes"),
        flows=texts(flows, "flows"),
        most=faults,
        for_good=for_good,
    )
    folder = None if directory is None else a_path(directory)
    listener = Listener(on_progress)
    with own_errors(listener):
        return search.explore(
            topology,
            space,
            Limits(budget_s, plans),
            folder or private_folder(topology.name),
            seed=a_number(seed, "seed"),
            at_once=at_once or programs(),
            observe=listener,
        )


def programs() -> int:
    """How many programs try plans side by side by default."""
    return min(2, os.cpu_count() or 1)
