"""What a drill would do to a lab that runs already, in words: hosts, mail, and commands."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from relaydrill.drills.model import Drill
from relaydrill.drivers.attach import touched
from relaydrill.drivers.attach.actions import describe, fill
from relaydrill.drivers.attach.inventory import inventory_of
from relaydrill.errors import UsageError
from relaydrill.faults import FaultSpec
from relaydrill.faults.from_here import told_to
from relaydrill.faults.reach import is_from_here
from relaydrill.scalars import show_duration
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.attach import Attach

_WIDEST: Final = 40


def refuse_faults(topology: Topology, *, allowed: bool) -> None:
    """Make sure that the lab may be broken at all.

    Raises:
        UsageError: It is marked as production, or nobody has allowed it.
    """
    attach = inventory_of(topology)
    if attach.production:
        raise UsageError(
            f"{topology.name} is marked production: true, so nothing in it may be broken; drill"
            " the steady state, or another lab"
        )
    if not allowed:
        raise UsageError(
            f"this would break parts of {topology.name}: check with --dry-run, then add"
            " --allow-faults"
        )


def touches_the_lab(drills: Iterable[Drill]) -> bool:
    """Whether drills break anything of a lab, and not only what its senders see of it."""
    return any(not is_from_here(fault.kind) for drill in drills for fault in drill.faults)


def rehearse(topology: Topology, drills: Sequence[Drill]) -> Iterator[str]:
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
    flows = dict.fromkeys(flow for drill in drills for flow in drill.flows)
    yield from _under("Connections", touched.connections(topology, flows))
    yield from _under("Commands, beside the faults' hooks", touched.commands(attach))
    yield from _under("Read on this machine", touched.files(attach))
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


def _under(heading: str, lines: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Each line once, with what it is for; nothing at all where there is none."""
    found: dict[str, list[str]] = {}
    for what, why in lines:
        found.setdefault(what, []).append(why)
    if found:
        yield heading
        width = min(_WIDEST, max(map(len, found)))
        for what, reasons in found.items():
            yield f"  {what:<{width}} {', '.join(dict.fromkeys(reasons))}"


def _done_to(topology: Topology, attach: Attach, fault: FaultSpec) -> Iterator[str]:
    node, kind = fault.node, fault.kind_text
    begin, end = fault.start_s / topology.clock, fault.end_s / topology.clock
    when = "when all mail is accounted for" if math.isinf(end) else f"{end - begin:.0f} s later"
    if is_from_here(fault.kind):
        senders = listed(told_to(topology, fault.origin, node))
        yield (
            f"  {fault.label}, {begin:.0f} s after the begin: from here only, done to {senders} on"
            f" this machine; nothing is done to {node}, and it needs no --allow-faults"
        )
        yield f"  healed {when}, on this machine"
        return
    hook = attach.nodes[node].hooks.get(kind) if node in attach.nodes else None
    if hook is None:
        yield f"  {kind}:{node}: cannot be done, there is no attach.nodes.{node}.hooks.{kind}"
        return
    words = {"node": node, "address": attach.nodes[node].address, "fault": kind}
    yield f"  {kind}:{node}, {begin:.0f} s after the begin: {describe(hook.inject, **words)}"
    yield f"  healed {when}: {describe(hook.heal, **words)}"
    if hook.check:
        asked = shlex.join(fill(word, words) for word in hook.check.run)
        yield f"  works again if this exits with 0: {asked}"
