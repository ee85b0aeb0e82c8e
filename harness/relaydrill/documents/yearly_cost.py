"""What failures cost a year: a part of the documents of ``audit --json`` and ``plan --json``."""

from __future__ import annotations

from typing_extensions import TypedDict


class ContributorDocument(TypedDict):
    """What a part has to do with a flow's time out of service."""

    part: str
    """A node or a site, by name."""
    saved_s: float
    """By how much less the flow would be out in a year if this never failed, seconds; of
    `at_least_s`."""
    every_s: float
    """Mean time from one failure of it to the next, seconds."""
    repair_s: float
    """Mean time until it is repaired, seconds."""
    is_default: bool
    """Whether that is a default of the topology, and nothing that was said of this part alone."""


class WithStandbyDocument(TypedDict):
    """What would be left with a standby for a balancer that has none."""

    balancer: str
    """Which one."""
    at_least_s: float
    """How long the flow would be out in a year then, at least, seconds."""
    at_most_s: float | None
    """And at most; null: something is left out."""
    gap_s: float
    """What a failover is taken to cost, seconds: all that the flow promises."""


class FlowCostDocument(TypedDict):
    """How long a flow is out of service in a year, as expected in the long run."""

    flow: str
    """The flow."""
    unknown: str
    """Why nothing can be said; empty where something can."""
    at_least_s: float | None
    """So long at least, seconds of a year of 365 days; null: nothing can be said."""
    at_most_s: float | None
    """So long at most, seconds; null: something is left out."""
    availability_at_most: float | None
    """The part of all time in which it is served, at most: of 1; null: nothing can be said."""
    availability_at_least: float | None
    """And at least; null: something is left out."""
    contributors: list[ContributorDocument]
    """Whose part of it is how large, the largest first. They do not add up."""
    with_standby: list[WithStandbyDocument]
    """What would be left with a standby, for each balancer that stops the flow alone."""
    not_counted: list[str]
    """What is left out, for nobody said how often it fails."""
    open: list[str]
    """What was not shown: it is in `at_most_s`, and not in `at_least_s`."""
    parts: int
    """How many nodes and sites are counted."""
    at_once: int
    """How many of them are away at a time in the states that are looked at; fewer than `parts`
    where there are too many states: then all others are between the bounds."""


class YearlyCostDocument(TypedDict):
    """What failures cost a year."""

    flows: list[FlowCostDocument]
    """Every flow, in the order of the topology."""
    assumptions: list[str]
    """What is taken for granted, a sentence each."""
