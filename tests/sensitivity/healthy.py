"""Healthy drills: designs that ride out what is done to them. A fail is a false alarm.

The built-in topologies, with both balancers where there is one, and some of them again with more
mail, or with faults of all kinds. Faults last 20 s of field time, just longer than the designs may
be degraded, those that no health check sees for less than that; and inbound mail comes quicker than
in the built-in. A lab serves several drills, one after the other.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import Observer, run_drill
from relaydrill.drivers.catalogue import lab_maker
from relaydrill.topology import Topology
from relaydrill.verdict import Status

from .worlds import WORLD, World, make_whole, world_of

_OF_ONE_LAB: Final = 10
_GONE: Final = "@10s+20s"
_BRIEFLY: Final = "@10s+10s"
"""For less long than attempts may fail: what no check sees is ridden out so."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is done to a healthy design: faults, and the flows that send; none named: all."""

    faults: tuple[str, ...] = ()
    flows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Design:
    """A healthy design.

    Attributes:
        name: For the table.
        base: As of a defect.
        change: As of a defect.
        weight: Its part of all drills.
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
        return topology_files.parse(text, f"{self.name}.yaml")


def _gone(*faults: str, flows: tuple[str, ...] = (), when: str = _GONE) -> tuple[Case, ...]:
    return tuple(Case((f"{fault}{when}",), flows) for fault in faults)


_HUB_CASES: Final = (
    Case(),
    *_gone("kill:ht1", "kill:mbx"),
    *_gone("stop:ht2", "refuse:ht3", "hang:ht1", "pause:ht2", flows=("relay",)),
    Case(),
    *_gone("blackhole:ht3", "refuse:ht1", "kill:ht3", flows=("relay",)),
)

_ALL_KINDS: Final = (
    *_gone("blackhole:ht1", "reset:ht2", "busy:ht3", "hang.ehlo:ht1"),
    *_gone("backpressure:ht2", "drain:ht3", "tempfail:ht1", "reject.mail:ht2", when=_BRIEFLY),
    *_gone("hang.rcpt:ht1", "reset.mail%40:ht3", "tempfail.rcpt%50:ht2", when=_BRIEFLY),
    *_gone("auth-down:ht1", "auth-refused:ht3", flows=("submission",), when=_BRIEFLY),
    *_gone("directory-down:ht2", "slow:ht2", when=_BRIEFLY),
    *_gone("certificate-expired:ht1", "certificate-name:ht2", flows=("submission",), when=_BRIEFLY),
    *_gone("starttls-hidden:ht3", "handshake-fails:ht1", flows=("submission",), when=_BRIEFLY),
    Case((f"kill:ht1{_GONE}", "kill:mbx@60s+20s")),
    Case((f"stop:ht2{_GONE}", "pause:ht3@65s+20s"), ("relay",)),
    Case(("kill:ht1@10s+30s", "kill:ht2@80s+30s", "kill:ht3@150s+30s"), ("relay",)),
    Case((f"backpressure:ht1{_BRIEFLY}", "kill:mbx@12s+20s")),
    Case((f"pause:mbx{_GONE}",)),
)
"""What three hubs behind a balancer ride out, of all kinds."""

_CHOOSING: Final = """
nodes: {ns1: {role: dns}, ns2: {role: dns}}
names: {hubs.contoso.com: [ht1, ht2, ht3]}
flows: {direct: {from: app, persona: rotated_list, to: hubs.contoso.com, rate: 40/s}}
"""

_OUT_OF_REACH: Final = (
    *_gone("unreachable-refused:ht1", "unreachable-reset:ht2", flows=("direct",)),
    *_gone("failing-dns:ns1", "unreachable-refused:ns1", "late-dns=1s:ns1", flows=("direct",)),
)
"""What a sender that has a choice rides out on its own side."""

_AMONG_THEMSELVES: Final = (
    *_gone("pause:ht1", "blackhole:ht3", "busy:ht4", "hang:ht4", "refuse:edge1", "pause:mbx-r"),
    *_gone("backpressure:ht1", "drain:ht3", "tempfail:edge2", "reset.mail%40:ht4", "slow:ht1"),
    Case((f"kill:ht1{_GONE}", "kill:ht3@60s+20s")),
    Case((f"stop:edge1{_GONE}", "stop:edge2@80s+20s"), ("outbound",)),
)
"""What two sites ride out, of all kinds: their servers try another one."""

DESIGNS: Final = (
    Design("sharepoint", "sharepoint", "", 3, _HUB_CASES),
    Design("sharepoint, haproxy", "sharepoint", "nodes: {lb1: {kind: haproxy}}", 2, _HUB_CASES),
    Design("sharepoint, out of reach from here", "sharepoint", _CHOOSING, 1, _OUT_OF_REACH),
    Design("sharepoint, faults of all kinds", "sharepoint", "", 4, _ALL_KINDS),
    Design(
        "sharepoint, three times the mail",
        "sharepoint",
        "flows: {relay: {rate: 150/s}, submission: {rate: 75/s}}",
        2,
        _HUB_CASES,
    ),
    Design("twosites, faults of all kinds", "twosites", "", 3, _AMONG_THEMSELVES),
    Design(
        "twosites",
        "twosites",
        "",
        3,
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
        world: The driver of its lab; empty: it had none.
    """

    design: str
    drill: str
    seed: int
    status: Status
    said: str
    starved_s: float
    world: str = ""

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def shares(count: int, designs: tuple[Design, ...] = DESIGNS) -> dict[Design, int]:
    """How many drills each design gets of so many, by its weight."""
    whole, found, left = sum(each.weight for each in designs), {}, count
    for each in designs:
        found[each] = min(left, round(count * each.weight / whole))
        left -= found[each]
    found[designs[0]] += left
    return found


def run_healthy(
    count: int,
    first_seed: int,
    folder: Path,
    observe: Observer = lambda _step: None,
    *,
    wanted: World = WORLD,
    designs: tuple[Design, ...] = DESIGNS,
) -> Iterator[Quiet]:
    """Run so many healthy drills, each with a seed of its own; a lab of each design in turns.

    Args:
        count: How many.
        first_seed: Seed of the first drill; the next ones count on.
        folder: Where labs and runs are written; what passed is removed again.
        observe: Called with what happens.
        wanted: The driver of the labs; what cannot be simulated runs as processes then.
        designs: Which of them.

    Raises:
        HarnessError: A lab failed.
    """
    seeds = itertools.count(first_seed)
    parts = [_labs(design, part) for design, part in shares(count, designs).items()]
    for labs in itertools.zip_longest(*parts):
        for lab in labs:
            if lab:
                design, cases = lab
                seeded = [(case, next(seeds)) for case in cases]
                yield from _on_one_lab(design, seeded, folder, observe, wanted)


def _labs(design: Design, count: int) -> list[tuple[Design, list[Case]]]:
    """So many cases of a design, as labs take them."""
    cases = [design.cases[turn % len(design.cases)] for turn in range(count)]
    return [(design, [*part]) for part in _batches(cases)]


def _batches(cases: list[Case]) -> Iterator[list[Case]]:
    for begin in range(0, len(cases), _OF_ONE_LAB):
        yield cases[begin : begin + _OF_ONE_LAB]


def _on_one_lab(
    design: Design,
    cases: list[tuple[Case, int]],
    folder: Path,
    observe: Observer,
    wanted: World,
) -> Iterator[Quiet]:
    topology = design.topology()
    directory = folder / f"healthy-lab-{cases[0][1]}"
    world = world_of(topology, wanted)
    with lab_maker(world)(topology, directory) as lab:
        for case, seed in cases:
            make_whole(lab)
            drill = plan(topology, faults=case.faults, flows=case.flows, seed=seed)
            found = run_drill(lab, drill, folder / f"healthy-{seed}", observe)
            yield quiet_of(design.name, found, world)
            if found.status is Status.PASS:
                shutil.rmtree(found.directory)
    shutil.rmtree(directory)


def quiet_of(design: str, found: Judgement, world: str = "") -> Quiet:
    """What became of a healthy drill of some design, in a lab of some driver."""
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
        world,
    )
