"""What a drill would do to a lab that runs already, in words: hosts, mail, and commands."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from relaydrill.drivers.attach.actions import describe
from relaydrill.errors import UsageError
from relaydrill.scalars import show_duration
from relaydrill.topology import Topology
from relaydrill.topology.attach import Attach

if TYPE_CHECKING:
    from collections.abc import Sequence


class Fault(Protocol):
    """One fault of a plan; see `relaydrill.drills.model.FaultSpec`."""

    @property
    def kind_text(self) -> str:
        """Kind and phase."""

    @property
    def node(self) -> str:
        """What is broken."""

    @property
    def start_s(self) -> float:
        """When, field seconds from the begin of the workload."""

    @property
    def end_s(self) -> float:
        """When it is healed; infinite where that is not before all mail is accounted for."""


class Plan(Protocol):
    """A drill; see `relaydrill.drills.model.Drill`."""

    @property
    def name(self) -> str:
        """For people."""

    @property
    def flows(self) -> Sequence[str]:
        """Which flows send."""

    @property
    def faults(self) -> Sequence[Fault]:
        """What is broken."""

    @property
    def length_s(self) -> float:
        """How long the flows send, field seconds."""


def refuse_faults(topology: Topology, *, allowed: bool) -> None:
    """Make sure that the lab may be broken at all.

    Raises:
        UsageError: It is marked as production, or nobody has allowed it.
    """
    attach = inventory_of(topology)
    if attach.production:
        raise UsageError(
            f"{topology.name} is marked production: true, and nothing of it is ever broken; drill"
            " the steady state, or another lab"
        )
    if not allowed:
        raise UsageError(
            f"this would break parts of {topology.name}: look at it with --dry-run, and then say"
            " --allow-faults"
        )


def rehearse(topology: Topology, drills: Sequence[Plan]) -> Iterator[str]:
    """What drills would do, line by line.

    Raises:
        UsageError: The topology does not say where it stands.
    """
    attach = inventory_of(topology)
    yield "Hosts"
    for name, node in attach.nodes.items():
        yield f"  {name:<12} {node.address}"
    for name, vip in attach.vips.items():
        yield f"  {name:<12} {vip.address}"
    for drill in drills:
        seconds = drill.length_s / topology.clock
        yield f"Drill {drill.name}: {show_duration(round(seconds, 1))} of mail"
        for flow in drill.flows:
            settings = topology.flows[flow]
            yield (
                f"  {flow}: about {settings.rate * seconds:.0f} messages to"
                f" {topology.recipient(flow)}, to port {settings.port} of {settings.to},"
                f" {settings.rate:g}/s"
            )
        for fault in drill.faults:
            yield from _done_to(topology, attach, fault)
    yield "Nothing was done."


def _done_to(topology: Topology, attach: Attach, fault: Fault) -> Iterator[str]:
    node, kind = fault.node, fault.kind_text
    hook = attach.nodes[node].hooks.get(kind) if node in attach.nodes else None
    if hook is None:
        yield f"  {kind}:{node}: cannot be done, there is no attach.nodes.{node}.hooks.{kind}"
        return
    words = {"node": node, "address": attach.nodes[node].address, "fault": kind}
    begin, end = fault.start_s / topology.clock, fault.end_s / topology.clock
    yield f"  {kind}:{node}, {begin:.0f} s after the begin: {describe(hook.inject, **words)}"
    when = "when all mail is accounted for" if math.isinf(end) else f"{end - begin:.0f} s later"
    yield f"  healed {when}: {describe(hook.heal, **words)}"


def inventory_of(topology: Topology) -> Attach:
    """Where a topology stands.

    Raises:
        UsageError: It does not say so.
    """
    if topology.attach is None:
        raise UsageError(
            f"topology {topology.name} does not say where it stands: add attach: with the address"
            " of every node (docs/real-labs.md)"
        )
    return topology.attach
