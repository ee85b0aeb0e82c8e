"""Drills in simulated labs of their own, and the small designs that several tests drill."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from relaydrill.drills.drill_plan import plan
from relaydrill.drills.own_lab import run_in_own_lab
from relaydrill.drills.result import Judgement
from relaydrill.drivers.simulate.lab import SimulatedLab
from relaydrill.topology import Topology

TWO_MX: Final = """\
name: mx
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  world: {role: sender}
zones:
  contoso.com:
    mx:
      - {host: a.contoso.com, preference: 10, addresses: [ht1]}
      - {host: b.contoso.com, preference: 10, addresses: [ht2]}
flows:
  inbound: {from: world, persona: rfc5321, to: contoso.com, rate: 40/s, expect: {gap: 10s}}
"""
"""Two exchangers of one preference, a hub behind each."""

INTRA_ORG: Final = """\
name: intra-org
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  ht3: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  mbx-a: {role: sender}
  mbx-b: {role: sender}
names: {hubs.contoso.com: [ht1, ht2, ht3]}
flows:
  intra-org: {from: mbx-a, persona: rotated_list, to: hubs.contoso.com, rate: 40/s}
  own-hub: {from: mbx-b, persona: single_host, to: ht1, rate: 20/s}
expect: {gap: 15s}
"""
"""Two mailbox servers that send: one with hubs to choose from, one that is a hub itself."""


class RunDrill:
    """Runs a drill in a simulated lab of its own.

    Args:
        folder: Where to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, design: Topology, *faults: str, **options: Any) -> Judgement:
        """Run it."""
        drill = plan(design, faults=faults, **options)
        return run_in_own_lab(SimulatedLab, design, drill, self._folder / "run", lambda _: None)
