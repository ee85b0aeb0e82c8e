"""Healthy drills: designs that ride out what is done to them. A fail is a false alarm.

The built-in topologies, with both balancers where there is one. So that two hundred fit into half
an hour, faults last 20 s of field time, just longer than the designs may be degraded, and inbound
mail comes quicker than in the built-in; a lab serves several drills, one after the other.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from relaydrill import inventory
from relaydrill.drills.judgement import Judgement
from relaydrill.drills.model import plan
from relaydrill.drills.runner import Observer, run_drill
from relaydrill.drivers.process import ProcessLab
from relaydrill.topology import Topology
from relaydrill.verdict import Status

_OF_ONE_LAB: Final = 10
_GONE: Final = "@10s+20s"


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to a healthy design: faults, and the flows that send; none named: all."""

    faults: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Design:
    """A healthy design.

    Attributes:
        name: For the table. base, change: As of a defect. weight: Its part of all drills.
        cases: What is done to it, in turns.
    """

    name: str
    base: str
    change: str
    weight: int
    cases: tuple[Case, ...]

    def topology(self) -> Topology:
        """The design itself."""
        text = f"extends: {self.base}\nname: healthy-{self.base}\n{self.change}"
        return inventory.parse(text, f"{self.name}.yaml")


def _gone(*faults: str, flows: tuple[str, ...] = ()) -> tuple[Case, ...]:
    return tuple(Case((f"{fault}{_GONE}",), flows) for fault in faults)


_HUB_CASES: Final = (
    Case(),
    *_gone("kill:ht1", "kill:mbx"),
    *_gone("stop:ht2", "refuse:ht3", "hang:ht1", "pause:ht2", flows=("relay",)),
    Case(),
    *_gone("blackhole:ht3", "refuse:ht1", "kill:ht3", flows=("relay",)),
)

DESIGNS: Final = (
    Design("sharepoint", "sharepoint", "", 5, _HUB_CASES),
    Design("sharepoint, haproxy", "sharepoint", "nodes: {lb1: {kind: haproxy}}", 5, _HUB_CASES),
    Design(
        "twosites",
        "twosites",
        "",
        6,
        (
            Case(),
            *_gone("kill:ht1", "stop:ht3", "kill:edge1", "refuse:ht4", "kill:mbx-r", "kill:edge2"),
        ),
    ),
    Design(
        "microsoft",
        "microsoft",
        """
flows:
  inbound:
    rate: 70/s
    mix: {blocked: 0.2, unknown: 0.1, spam: 0.1}
    expect: {gap: 15s, spread: []}
  pinned: {rate: 40/s, expect: {gap: 15s}}
""",
        3,
        (
            Case(flows=("pinned",)),
            *_gone("kill:edge1", "kill:edge4", "kill:ns1", flows=("pinned",)),
            *_gone("kill:edge2", "refuse:edge3", flows=("inbound",)),
        ),
    ),
    Design(
        "microsoft, spread of six",
        "microsoft",
        """
flows:
  inbound: {rate: 90/s, mix: {blocked: 0.1, unknown: 0.05, spam: 0.05}, expect: {gap: 15s}}
""",
        1,
        (Case(flows=("inbound",)),),
    ),
)
"""All of them; with weights, for a spread over six servers takes as long as two other drills."""


@dataclass(frozen=True, slots=True)
class Quiet:
    """What became of one healthy drill.

    Attributes:
        said: The check that decided, where the drill did not pass.
        starved_s: For how long the machine starved while it ran, wall seconds.
    """

    design: str
    drill: str
    seed: int
    status: Status
    said: str
    starved_s: float

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def shares(count: int) -> dict[Design, int]:
    """How many drills each design gets of so many, by its weight."""
    whole, found, left = sum(each.weight for each in DESIGNS), {}, count
    for each in DESIGNS:
        found[each] = min(left, round(count * each.weight / whole))
        left -= found[each]
    found[DESIGNS[0]] += left
    return found


def run_healthy(
    count: int, first_seed: int, folder: Path, observe: Observer = lambda _step: None
) -> Iterator[Quiet]:
    """Run so many healthy drills, each with a seed of its own; a lab of each design in turns.

    Args:
        folder: Where labs and runs are written; what passed is removed again.

    Raises:
        HarnessError: A lab failed.
    """
    seeds = itertools.count(first_seed)
    parts = [_labs(design, part) for design, part in shares(count).items()]
    for labs in itertools.zip_longest(*parts):
        for lab in labs:
            if lab:
                design, cases = lab
                yield from _on_one_lab(design, [(c, next(seeds)) for c in cases], folder, observe)


def _labs(design: Design, count: int) -> list[tuple[Design, list[Case]]]:
    """So many cases of a design, as labs take them."""
    cases = [design.cases[turn % len(design.cases)] for turn in range(count)]
    return [(design, [*part]) for part in _batches(cases)]


def _batches(cases: list[Case]) -> Iterator[list[Case]]:
    for begin in range(0, len(cases), _OF_ONE_LAB):
        yield cases[begin : begin + _OF_ONE_LAB]


def _on_one_lab(
    design: Design, cases: list[tuple[Case, int]], folder: Path, observe: Observer
) -> Iterator[Quiet]:
    topology = design.topology()
    directory = folder / f"healthy-lab-{cases[0][1]}"
    with ProcessLab(topology, directory) as lab:
        for case, seed in cases:
            drill = plan(topology, faults=case.faults, flows=case.flows, seed=seed)
            found = run_drill(lab, drill, folder / f"healthy-{seed}", observe)
            yield quiet_of(design.name, found)
            if found.status is Status.PASS:
                shutil.rmtree(found.directory)
    shutil.rmtree(directory)


def quiet_of(design: str, found: Judgement) -> Quiet:
    """What became of a healthy drill of some design."""
    said = [
        f"{flow.flow} {flow.worst.check}: {flow.worst.summary}"
        for flow in found.flows
        if flow.status is not Status.PASS
    ]
    starved_s = sum(stall.end - stall.begin for stall in found.ledger.stalls)
    return Quiet(
        design,
        found.drill.name,
        found.drill.seed,
        found.status,
        "; ".join(said),
        round(starved_s, 3),
    )
