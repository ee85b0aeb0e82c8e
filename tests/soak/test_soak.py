"""A short soak holds, and each of its parts finds what it is for."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from relaydrill.drills.runner import Step
from relaydrill.faults import FAULTS
from tests.soak import run
from tests.soak.plan import KINDS, NOT_TRIED, design, schedule
from tests.soak.watch import Look, leaks

MIB = 2**20


def nobody(_step: Step) -> None:
    """Is told where a drill stands."""


@pytest.mark.timeout(300)
def test_faults_of_all_kinds_lose_nothing(tmp_path: Path) -> None:
    """A fault every few seconds: an exact account, no process grows, the schedule is kept."""
    assert [*run.faults(tmp_path / "soak", wall_s=40.0, seed=1, observe=nobody)] == []


@pytest.mark.timeout(300)
def test_forty_kills_of_hubs_lose_no_promise(tmp_path: Path) -> None:
    """Whatever a sender was promised stands in a journal, and arrives."""
    assert [*run.kills(tmp_path / "soak", kills=40, seed=1, observe=nobody)] == []


@pytest.mark.timeout(300)
def test_hubs_that_promise_before_they_store_are_found(tmp_path: Path) -> None:
    """The same kills on hubs that store late: mail is lost, and the soak says so."""
    topology = design()
    hubs = {
        name: hub.model_copy(update={"ack": "before_store"}) for name, hub in topology.hubs.items()
    }
    sabotaged = topology.model_copy(update={"nodes": {**topology.nodes, **hubs}})
    found = [
        *run.kills(tmp_path / "soak", kills=12, seed=1, observe=nobody, topology=sabotaged),
    ]
    assert any("lost" in each for each in found)


def test_a_schedule_never_breaks_what_is_broken() -> None:
    """No two faults of one node at once, and every one begins and ends while mail is sent."""
    topology = design()
    faults = [*schedule(topology, wall_s=3600.0, seed=3)]
    assert len(faults) > 1000
    for node in topology.tier:
        mine = sorted((each for each in faults if each.node == node), key=lambda each: each.start_s)
        assert all(one.end_s < other.start_s for one, other in pairwise(mine))
    assert max(each.end_s for each in faults) < 36_000.0


def test_an_hour_tries_everything() -> None:
    """Every kind of fault on every node that knows it, but those that are told to be left out."""
    topology = design()
    tried = Counter(
        (each.node, each.kind_text) for each in schedule(topology, wall_s=3600.0, seed=1)
    )
    wanted = {(node, kind) for node in topology.tier for kind in KINDS[topology.nodes[node].role]}
    assert set(tried) == wanted
    kinds = {kind.partition(".")[0] for _, kind in wanted}
    assert kinds == set(FAULTS) - {"none"} - NOT_TRIED


def test_the_same_seed_is_the_same_soak() -> None:
    """And another seed another one."""
    one, again, other = ([*schedule(design(), wall_s=60.0, seed=seed)] for seed in (1, 1, 2))
    assert one == again != other


def test_what_grows_is_named() -> None:
    """Memory or open files that rise all the while; what fills at first and stays is no leak."""
    flat = [Look(50 * MIB, 20)] * 60
    filling = [Look((30 + min(number, 20)) * MIB, 20) for number in range(60)]
    growing = [Look((50 + number) * MIB, 20) for number in range(60)]
    opening = [Look(50 * MIB, 20 + number) for number in range(60)]
    young = growing[:20]
    found = [
        *leaks({("ht1", 1): flat, ("ht2", 2): filling, ("ht3", 3): growing}),
        *leaks({("lb1", 4): opening, ("mbx", 5): young}),
    ]
    assert [each.split(" ")[0] for each in found] == ["ht3", "lb1"]
