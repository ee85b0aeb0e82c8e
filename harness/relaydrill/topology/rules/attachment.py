"""Rules of a lab that runs already: it is the design's, and all that is needed of it is said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel

from relaydrill.kinds import FAKE
from relaydrill.marks import Mistake
from relaydrill.topology.attach import Action, Arrivals
from relaydrill.topology.contacts import Keys, parts
from relaydrill.topology.design import Topology
from relaydrill.topology.log_source import LogSource
from relaydrill.topology.rules.draft import Draft, Rule, of_each


def known_to_the_design(draft: Draft) -> Iterator[Mistake]:
    """Whatever runs already is a node or a VIP of it."""
    topology, attach = draft.topology, draft.topology.attach
    for name in attach.nodes if attach else ():
        yield from draft.undeclared(("attach", "nodes", name), "node", name, topology.nodes)
    for vip in attach.vips if attach else ():
        yield from draft.undeclared(("attach", "vips", vip), "VIP", vip, topology.vips)


def addresses(draft: Draft) -> Iterator[Mistake]:
    """Whatever does not run here has one."""
    topology, attach = draft.topology, draft.topology.attach
    if attach is None:
        return
    runs_here = _run_here(topology) | topology.clusters.keys()
    machines = [name for name in topology.nodes if name not in runs_here]
    for section, needed, said in (
        ("nodes", machines, {*attach.nodes}),
        ("vips", topology.vips, {*attach.vips}),
    ):
        for name in needed:
            if name not in said | draft.lost:
                text = f"{name} has no address"
                yield draft.mistake(("attach", section), text, f"{name}: {{address: …}}")


def real_programs(draft: Draft) -> Iterator[Mistake]:
    """What runs here, beside a real lab, is a fake."""
    attach = draft.topology.attach
    for name in sorted(_run_here(draft.topology)) if attach else ():
        kind = draft.topology.nodes[name].kind
        if attach and name not in {*attach.nodes} | draft.lost and kind != FAKE:
            text = f"a real {kind} does not run beside a lab that stands already"
            allowed = f"kind: fake, or an address of it under attach.nodes.{name}"
            yield draft.mistake(("nodes", name, "kind"), text, allowed)


def one_thing(draft: Draft, keys: Keys, part: BaseModel) -> Iterator[Mistake]:
    """An action is one, arrivals are seen in one way, and a log is in one place."""
    match part:
        case Action():
            count, told, allowed = part.ways, "ways to act", "run, haproxy, docker, ask"
        case Arrivals():
            count, told = part.ways, "ways to see arrivals"
            allowed = "imap, log, postfix_log, exim_log, tracking_logs, journal"
        case LogSource():
            count, told, allowed = part.places, "places for a log", "file, run, journald, docker"
        case _:
            return
    if count != 1 and keys not in draft.unclear:
        yield draft.mistake(keys, f"{count or 'no'} {told}", f"exactly one of {allowed}")


def _run_here(topology: Topology) -> set[str]:
    """The nodes that need no address: they may run on this machine."""
    return {*topology.senders, *topology.mailboxes, *topology.sinks}


def _parts(topology: Topology) -> dict[Keys, BaseModel]:
    return dict(parts(topology.attach, ("attach",))) if topology.attach else {}


RULES: Final[tuple[Rule, ...]] = (
    known_to_the_design,
    addresses,
    real_programs,
    of_each(_parts, one_thing),
)
