"""What a fault of the senders' own side proves, and what it does not: the tier was whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from relaydrill.drills.checks.blame import is_harmless
from relaydrill.drills.findings.wording import row_title
from relaydrill.drills.result import NOTE, Finding, Judgement
from relaydrill.faults import FaultSpec, SenderFault
from relaydrill.faults.from_here import told_to
from relaydrill.hindrance import HindranceEffect
from relaydrill.sentences import listed, number_of
from relaydrill.topology import Topology

_SHOWN: Final[Mapping[HindranceEffect, str]] = MappingProxyType(
    {
        "silent": "cannot be reached from there, and nothing answers",
        "refused": "cannot be reached from there, and refuses",
        "reset": "cannot be reached from there, and connections are reset",
        "late": "is heard late there",
        "servfail": "is heard to fail there",
        "stale": "is heard with an old address there",
    }
)
"""What a sender met, in words."""


def notes(judgement: Judgement) -> Iterator[Finding]:
    """One for each such fault of the plan that was injected."""
    windows = {each.label: each for each in judgement.ledger.faults if not is_harmless(each)}
    specs = {spec.label: spec for spec in judgement.drill.faults}
    for label, spec in specs.items():
        window = windows.get(label)
        if isinstance(spec.fault, SenderFault) and window and window.injected is not None:
            yield Finding(
                kind="from here",
                status=NOTE,
                title=row_title(judgement),
                sentence=_scope(judgement.topology, spec, spec.fault),
                remedy="",
                evidence=tuple(
                    (flow.flow, bite.summary)
                    for flow in judgement.flows
                    if (bite := flow.check("bite"))
                ),
            )


def _scope(topology: Topology, spec: FaultSpec, fault: SenderFault) -> str:
    """``it shows what app does …; ht1 was whole: … is not shown``."""
    senders, node = told_to(topology, spec.origin, spec.node), spec.node
    does = f"{listed(senders)} {number_of(len(senders), 'does', 'do')}"
    what = f"when {node} {_SHOWN[fault.effect]}"
    other = "whether its own death is noticed, by a balancer or by other clients,"
    if node in topology.name_servers:
        other = "what it does when it fails itself, and how others cope,"
    return f"this shows what {does} {what}; {node} itself was whole: {other} is not shown"
