"""The state machine of VRRP (RFC 5798 §6.4), told the time and what came."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.nodes.vrrp.router import RESIGNS, Router, Terms, VrrpState
from relaydrill.topology import Vrrp
from relaydrill.topology.hosts import MASTER_PRIORITY, STANDBY_PRIORITY

FIRST = Terms(MASTER_PRIORITY, 1.0, preempt=True)
SECOND = Terms(STANDBY_PRIORITY, 1.0, preempt=True)
STEP_S = 0.05


def backup(terms: Terms) -> Router:
    """A router that has just begun, at 0."""
    return Router(terms, 0.0)


def until(router: Router, begin: float, end: float) -> list[float]:
    """Look often until a moment; when it advertised."""
    sent, now = [], begin
    while now <= end:
        if router.look(now):
            sent.append(now)
        now = round(now + STEP_S, 6)
    return sent


def test_a_silent_master_is_followed_after_three_adverts_and_the_skew() -> None:
    """Not earlier, and not later than a look; what the topology promises is the same time."""
    router = backup(SECOND)
    sent = until(router, 0.0, 10.0)
    assert router.state is VrrpState.MASTER
    assert SECOND.master_down_s <= sent[0] <= SECOND.master_down_s + STEP_S
    assert SECOND.master_down_s == pytest.approx(3.609375)
    assert Vrrp(advert=1.0).takeover_s == pytest.approx(SECOND.master_down_s)


def test_a_master_advertises_at_each_interval() -> None:
    """Once a second, from the moment at which it becomes master."""
    sent = until(backup(FIRST), 0.0, 10.0)
    steps = [later - earlier for earlier, later in pairwise(sent)]
    assert len(steps) >= 5
    assert all(step == pytest.approx(1.0, abs=STEP_S) for step in steps)


def test_a_master_that_is_heard_is_left_alone() -> None:
    """Each advertisement of a higher priority begins the wait anew."""
    router = backup(SECOND)
    for second in range(1, 20):
        until(router, second - 1, second)
        router.hear(MASTER_PRIORITY, float(second))
    assert router.state is VrrpState.BACKUP


def test_a_master_that_resigns_is_followed_within_the_skew() -> None:
    """Priority 0 says that the master ends: nobody waits for three advertisements."""
    router = backup(SECOND)
    until(router, 0.0, 1.0)
    router.hear(RESIGNS, 1.0)
    sent = until(router, 1.0, 3.0)
    assert 1.0 + SECOND.skew_s <= sent[0] <= 1.0 + SECOND.skew_s + STEP_S


@pytest.mark.parametrize(("preempts", "ends"), [(True, "master"), (False, "backup")])
def test_only_who_preempts_takes_over_from_a_lower_priority(preempts: bool, ends: str) -> None:
    """A lower priority keeps no router that preempts from becoming master."""
    router = backup(Terms(MASTER_PRIORITY, 1.0, preempts))
    for second in range(1, 10):
        until(router, second - 1, second)
        if router.state is VrrpState.BACKUP:
            router.hear(STANDBY_PRIORITY, float(second))
    assert router.state == ends


def test_a_master_gives_way_to_a_higher_priority_and_to_no_lower_one() -> None:
    """The lower one is passed over, whether it preempts or not."""
    first, second = backup(FIRST), backup(SECOND)
    for router in (first, second):
        until(router, 0.0, 4.0)
    first.hear(STANDBY_PRIORITY, 4.0)
    second.hear(MASTER_PRIORITY, 4.0)
    assert (first.state, second.state) == (VrrpState.MASTER, VrrpState.BACKUP)


def test_who_was_not_run_blames_nobody() -> None:
    """A backup that slept for long has heard nothing, and waits on from then."""
    router = backup(SECOND)
    until(router, 0.0, 1.0)
    assert not router.look(60.0)
    sent = until(router, 60.0, 70.0)
    assert sent[0] == pytest.approx(60.0 + SECOND.master_down_s - 1.0, abs=2 * STEP_S)


def test_a_master_that_was_frozen_goes_on_at_once() -> None:
    """It knows nothing of the time that it slept: it advertises, and the other gives way."""
    router = backup(FIRST)
    until(router, 0.0, 5.0)
    assert router.look(60.0)
    assert router.state is VrrpState.MASTER


def test_who_begins_later_waits_longer_for_a_first_sign() -> None:
    """A standby may leave the first word to its balancer; after that, all is as usual."""
    late = Router(SECOND, 0.0, later_s=3.0)
    assert until(late, 0.0, 10.0)[0] == pytest.approx(3.0 + SECOND.master_down_s, abs=STEP_S)
    told = Router(SECOND, 0.0, later_s=3.0)
    told.hear(MASTER_PRIORITY, 1.0)
    assert until(told, 0.0, 10.0)[0] == pytest.approx(1.0 + SECOND.master_down_s, abs=STEP_S)


@given(
    seed=st.integers(0, 1 << 32),
    advert_s=st.sampled_from([0.1, 1.0, 7.0]),
    preempts=st.booleans(),
    loss=st.sampled_from([0.0, 0.3]),
)
def test_two_routers_agree_on_one_master_once_they_hear_each_other(
    seed: int, advert_s: float, preempts: bool, loss: float
) -> None:
    """Whatever was lost before: a takeover's time later one is master, and one backup."""
    chance = random.Random(seed)
    terms = [Terms(each, advert_s, preempts) for each in (MASTER_PRIORITY, STANDBY_PRIORITY)]
    routers = [Router(each, 0.0) for each in terms]
    step, quiet_from = advert_s / 20, 20 * advert_s
    now, end = 0.0, quiet_from + 2 * terms[1].master_down_s
    while now < end:
        for at, router in enumerate(routers):
            lost = now < quiet_from and chance.random() < loss
            if router.look(now) and not lost:
                routers[1 - at].hear(terms[at].priority, now)
        now += step
    assert sorted(each.state for each in routers) == [VrrpState.BACKUP, VrrpState.MASTER]
    if preempts:
        assert routers[0].state is VrrpState.MASTER
