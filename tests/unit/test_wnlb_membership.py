"""Who is in a WNLB cluster: heartbeats in, views out, on a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill.node_settings import ClusterTiming
from relaydrill.nodes.wnlb.membership import HostState, Membership

TIMING = ClusterTiming(heartbeat=1.0, missed=5, convergence=2.5)
LOOK_S = 0.2
HOSTS = ("ht1", "ht2", "ht3")


class Observed:
    """A view, looked at five times in each heartbeat, with hosts that beat once in each."""

    def __init__(self, me: str = "") -> None:
        self.membership = Membership(TIMING, 0.0, me)
        self.now = 0.0
        self.changes: list[tuple[float, frozenset[str]]] = []
        self._looks = 0

    def run(
        self, seconds: float, beating: Iterable[str], states: dict[str, HostState] | None = None
    ) -> None:
        """Let time pass."""
        for _ in range(round(seconds / LOOK_S)):
            self.now += LOOK_S
            self._looks += 1
            if self._looks % 5 == 0:
                for host in beating:
                    state = (states or {}).get(host, HostState.STARTED)
                    self.membership.heard(host, state)
            self.look()

    def sleep(self, seconds: float) -> None:
        """Let time pass without a look."""
        self.now += seconds

    def look(self) -> None:
        """Look once."""
        if self.membership.look(self.now):
            self.changes.append((self.now, self.membership.view))


def whole(me: str = "") -> Observed:
    """A cluster of three that has converged."""
    observed = Observed(me)
    observed.run(10.0, HOSTS)
    assert observed.membership.view == {*HOSTS}
    observed.changes.clear()
    return observed


def test_a_dead_host_is_out_after_its_heartbeats_and_a_convergence() -> None:
    """Five missed heartbeats and 2.5 s; until then the view is the old one."""
    observed = whole()
    begun = observed.now
    observed.run(20.0, ("ht1", "ht3"))
    [(changed, view)] = observed.changes
    assert view == {"ht1", "ht3"}
    assert 7.0 <= changed - begun <= 7.5 + 2 * LOOK_S


def test_a_host_that_misses_four_heartbeats_stays() -> None:
    """No convergence for less than five."""
    observed = whole()
    observed.run(4.0, ("ht1", "ht3"))
    observed.run(10.0, HOSTS)
    assert not observed.changes


def test_a_host_that_returns_takes_its_share_after_the_others_gave_it_up() -> None:
    """Its own convergence lasts half a heartbeat longer: two never answer the same client."""
    others, itself = whole("ht1"), Observed("ht2")
    others.run(20.0, ("ht1", "ht3"))
    others.changes.clear()
    itself.now = others.now
    itself.membership = Membership(TIMING, others.now, "ht2")
    for each in (others, itself):
        each.run(10.0, HOSTS)
    [(gave_up, view)] = others.changes
    [(took, own)] = itself.changes
    assert view == own == {*HOSTS}
    assert 0 < took - gave_up <= 1.0


def test_a_host_that_drains_gives_up_its_share_before_the_others_take_it() -> None:
    """Theirs lasts half a heartbeat longer: two never answer the same client."""
    others, itself = whole("ht1"), whole("ht2")
    for each in (others, itself):
        each.run(10.0, HOSTS, {"ht2": HostState.DRAINING})
    [(took, view)] = others.changes
    [(gave_up, own)] = itself.changes
    assert view == own == {"ht1", "ht3"}
    assert 0 < took - gave_up <= 1.0


@pytest.mark.parametrize("state", [HostState.DRAINING, HostState.STOPPED])
def test_a_host_that_wants_out_is_out_after_a_convergence(state: HostState) -> None:
    """It is heard, and shares no more; when it starts again, it does."""
    observed = whole()
    observed.run(10.0, HOSTS, {"ht2": state})
    [(_, view)] = observed.changes
    assert view == {"ht1", "ht3"}
    assert observed.membership.state_of("ht2") is state
    observed.run(10.0, HOSTS)
    assert observed.membership.view == {*HOSTS}


def test_a_change_during_a_convergence_starts_it_anew() -> None:
    """Two hosts that go one after the other leave with one view."""
    observed = whole()
    observed.run(2.0, ("ht1", "ht3"))
    observed.run(20.0, ("ht1",))
    [(_, view)] = observed.changes
    assert view == {"ht1"}


def test_whoever_overslept_blames_nobody() -> None:
    """A machine that was busy for long did not hear the others, who were there all the time."""
    observed = whole()
    observed.sleep(30.0)
    observed.look()
    observed.run(10.0, HOSTS)
    assert not observed.changes


def test_a_host_that_was_given_up_meanwhile_does_not_go_on_as_before() -> None:
    """One that was frozen for so long leaves its share to the others until all have converged."""
    observed = whole("ht2")
    observed.sleep(8.0)
    observed.run(10.0, HOSTS)
    (first, without), (again, view) = observed.changes
    assert without == {"ht1", "ht3"}
    assert view == {*HOSTS}
    assert again - first >= TIMING.convergence


def test_a_host_whose_network_is_gone_is_no_host_in_its_own_eyes() -> None:
    """It hears nobody, not even itself, and does not take everything for its own."""
    observed = whole("ht2")
    observed.run(20.0, ())
    assert observed.membership.view == frozenset()


steps = st.lists(
    st.tuples(st.floats(0.2, 12.0), st.sets(st.sampled_from(HOSTS))), min_size=1, max_size=6
)


@settings(deadline=None)
@given(steps)
def test_a_view_that_lasts_is_of_those_who_beat(course: list[tuple[float, set[str]]]) -> None:
    """Whatever came before, those who beat for long enough are the view, and nobody else."""
    observed = Observed()
    beating: set[str] = set()
    for seconds, beating in course:
        observed.run(seconds, beating)
    observed.run(TIMING.patience + TIMING.convergence + 2.0, beating)
    assert observed.membership.view == beating


@settings(deadline=None)
@given(steps)
def test_all_who_hear_the_same_come_to_the_same_view(
    course: list[tuple[float, set[str]]],
) -> None:
    """Two that looked on at the same heartbeats have had the same views in the same order."""
    first, second = Observed(), Observed()
    for seconds, beating in course:
        first.run(seconds, beating)
        second.run(seconds, beating)
    assert first.changes == second.changes


@settings(deadline=None)
@given(st.lists(st.floats(0.2, 60.0), max_size=5))
def test_no_sleep_makes_a_host_that_beats_look_dead(sleeps: list[float]) -> None:
    """However often and long the one who listens sleeps, nobody else leaves his view."""
    observed = whole()
    for seconds in sleeps:
        observed.sleep(seconds)
        observed.look()
        observed.run(1.0, HOSTS)
    assert not observed.changes
