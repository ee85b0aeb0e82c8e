"""WNLB is the kernel's own between containers and a stand-in before processes; one suite for both.

Times are field seconds unless a name says otherwise; the labs' clock is 10.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drivers.base import CanKill, CanRestart, Lab, require
from relaydrill.drivers.catalogue import lab_maker
from relaydrill.faults import fault_called
from relaydrill.injection import deed_of
from relaydrill.journal import Event, read_events
from relaydrill.verdict import interval
from relaydrill.wait import wait_for
from tests.caller import Called, Caller, caller
from tests.mail import Mail

_HOSTS = ("ht1", "ht2", "ht3")
_MISSED_BY_CHANCE = 1e-6
_SLACK_S = 0.25
"""Wall seconds by which a busy machine may delay what is measured."""

PATIENT = {"missed": 20}
"""Time enough to see a dead host's share vanish, also where killing takes a container its while."""

MakeLab = Callable[..., AbstractContextManager[Lab]]


@pytest.fixture
def lab_with(driver: str, tmp_path: Path) -> MakeLab:
    """Make a lab of ``sharepoint`` with a WNLB cluster of such settings in place of its proxy."""

    @contextlib.contextmanager
    def make(**cluster: Any) -> Iterator[Lab]:
        path = tmp_path / "wnlb.yaml"
        balancer = {"mode": "wnlb", "check": {"kind": "none"}, "cluster": cluster}
        document = {"extends": "sharepoint", "name": "wnlb", "nodes": {"lb1": balancer}}
        path.write_text(yaml.safe_dump(document))
        with lab_maker(driver)(topology_files.load(path), tmp_path / "lab") as lab:
            converged(lab)
            yield lab

    return make


def converged(lab: Lab, *without: str, dead: bool = True) -> None:
    """Wait until every host that runs shares among all but these, and the cluster's node, too.

    The node tells what a host says of itself at once, but a stand-in goes by the node's own view.
    Those who are not dead have to agree that they do not share.
    """
    wanted = sorted({*_HOSTS} - {*without})
    asked = wanted if dead else _HOSTS

    def all_agree() -> bool:
        states = {each["backend"]: each["state"] for each in lab.control("lb1")("backends")}
        return lab.control("lb1")("cluster") == wanted and all(
            (states[host] == "up") is (host in wanted)
            and (host not in asked or lab.control(host)("cluster") == wanted)
            for host in _HOSTS
        )

    wait_for(all_agree, what=f"a view of {', '.join(wanted)}", deadline_s=15.0)


def kill(lab: Lab, node: str) -> None:
    """Kill a node."""
    require(lab, CanKill, "kill", node).kill(node)


def restart(lab: Lab, node: str) -> None:
    """Start a node again."""
    require(lab, CanRestart, "restart", node).restart(node)


def hold_one_on_each(client: Caller) -> None:
    """Open connections until each host has one, called after it."""
    found: dict[str, str] = {}

    def have_all() -> bool:
        key = f"c{len(found)}-{time.monotonic_ns()}"
        found.setdefault(client.hold(key), key)
        return {*found} >= {*_HOSTS}

    wait_for(have_all, what="a connection to each host", deadline_s=20.0)
    for host in _HOSTS:
        client.rename(found[host], host)


def assert_shares(counts: Counter[str], weights: dict[str, int]) -> None:
    """What each host has got does not contradict its weight."""
    total = sum(counts.values())
    assert {*counts} == {host for host, weight in weights.items() if weight}, counts
    for host, weight in weights.items():
        low, high = interval(counts[host], total, _MISSED_BY_CHANCE)
        assert low <= weight / sum(weights.values()) <= high, (host, counts)


def beliefs(lab: Lab, host: str, state: str) -> list[Event]:
    """When the cluster's node came to believe something of a host on port 25."""
    return [
        event
        for event in read_events(lab.journal("lb1"))
        if event.kind == "backend"
        and (event.detail["backend"], event.detail["port"]) == (host, 25)
        and event.detail["state"] == state
    ]


def test_shares_follow_the_load_weights(lab_with: MakeLab) -> None:
    """With affinity None each connection falls on a host by its load weight; 0 gets nothing."""
    weights = {"ht1": 50, "ht2": 25, "ht3": 0}
    with lab_with(rules=[{"affinity": "none", "weights": weights}]) as lab, caller(lab) as client:
        assert_shares(client.greeted(250), weights)


def test_one_address_keeps_to_one_hub_which_sees_it(lab_with: MakeLab) -> None:
    """With affinity Single, the default, an address always meets the same hub, on both ports.

    The hub sees the client's own address, not the balancer's.
    """
    with lab_with() as lab:
        for sender in ("app", "guest"):
            with caller(lab, sender) as client:
                assert len(client.greeted(30)) == 1
                assert client.greeted(10) == client.greeted(10, port=587)
        mail = Mail(lab)
        mail.start()
        wait_for(lambda: mail.accepted() >= 5, what="mail", deadline_s=20.0)
        mail.stop()
        taken = [
            event
            for hub in _HOSTS
            for event in read_events(lab.journal(hub))
            if event.kind == "accepted"
        ]
        assert {event.detail["client"] for event in taken} == {lab.placement.seats["app"].address}
        assert len({event.node for event in taken}) == 1


def test_a_class_c_keeps_to_one_hub(lab_with: MakeLab) -> None:
    """With affinity Network all clients of one class C meet the same hub."""
    with (
        lab_with(rules=[{"affinity": "network"}]) as lab,
        caller(lab) as app,
        caller(lab, "guest") as guest,
    ):
        assert len(app.greeted(10) + guest.greeted(10)) == 1


def test_a_dead_host_is_noticed_in_five_heartbeats(lab_with: MakeLab) -> None:
    """Five missed heartbeats and a convergence: not earlier, and not later."""
    with lab_with() as lab:
        cluster, clock = lab.topology.balancers["lb1"].cluster, lab.topology.clock
        before = time.monotonic()
        kill(lab, "ht2")
        after = time.monotonic()
        wait_for(lambda: beliefs(lab, "ht2", "down"), what="ht2 to be gone", deadline_s=10.0)
        gone = beliefs(lab, "ht2", "down")[0].mono
        earliest_s = (cluster.detection_s - cluster.heartbeat) / clock
        assert before + earliest_s <= gone <= after + cluster.detection_s / clock + _SLACK_S


def test_a_dead_hosts_share_is_lost_until_the_others_converge(lab_with: MakeLab) -> None:
    """Its share is neither refused nor served by others before, and all is served after.

    Connections to the others go on through that convergence and the next, when it is back; those
    to the dead host never speak again.
    """
    with (
        lab_with(rules=[{"affinity": "none"}], **PATIENT) as lab,
        caller(lab) as client,
    ):
        hold_one_on_each(client)
        kill(lab, "ht2")
        calls = client.burst(90)
        converged(lab, "ht2")
        down = beliefs(lab, "ht2", "down")[0].mono
        assert calls[0].begun < down, "too late to see anything"
        assert {call.said for call in calls} == {"ht1", "ht3"}
        waited = sum(call.ended > down - 0.05 for call in calls)
        low, high = interval(waited, len(calls), _MISSED_BY_CHANCE)
        assert low <= 1 / 3 <= high, waited
        assert {client.say(host, "NOOP") for host in ("ht1", "ht3")} == {"250"}
        assert_shares(client.greeted(100), {"ht1": 1, "ht3": 1})
        restart(lab, "ht2")
        converged(lab)
        assert {client.say(host, "NOOP") for host in ("ht1", "ht3")} == {"250"}
        assert client.say("ht2", "NOOP", deadline_s=1.0) != "250"
        assert_shares(client.greeted(150), dict.fromkeys(_HOSTS, 1))


def test_a_stopped_service_refuses_its_share_for_as_long_as_it_lasts(lab_with: MakeLab) -> None:
    """WNLB watches hosts: the host whose service is gone keeps its share, and nothing converges."""
    with lab_with(rules=[{"affinity": "none"}]) as lab, caller(lab) as client:
        detection_s = lab.topology.balancers["lb1"].cluster.detection_s / lab.topology.clock
        fault = deed_of(lab, fault_called("refuse"))
        fault.inject(lab, "ht2")
        begun = time.monotonic()
        calls: list[Called] = []
        while time.monotonic() < begun + 2 * detection_s:
            calls = client.burst(60)
        said = Counter(
            "refused" if call.said in ("refused", "reset") else call.said for call in calls
        )
        assert_shares(said, {"ht1": 1, "ht3": 1, "refused": 1})
        assert not beliefs(lab, "ht2", "down")
        converged(lab)
        fault.heal(lab, "ht2")
        assert {*client.greeted(60)} == {*_HOSTS}


def test_drainstop_lets_connections_end(lab_with: MakeLab) -> None:
    """A host that drains gets nothing new once it has converged, and keeps what it has."""
    with lab_with(rules=[{"affinity": "none"}]) as lab, caller(lab) as client:
        hold_one_on_each(client)
        lab.control("lb1")("state", backend="ht2", state="drain")
        converged(lab, "ht2", dead=False)
        wait_for(lambda: beliefs(lab, "ht2", "drain"), what="ht2 to drain", deadline_s=5.0)
        assert_shares(client.greeted(60), {"ht1": 1, "ht3": 1})
        assert {client.say(host, "NOOP") for host in _HOSTS} == {"250"}
        lab.control("lb1")("state", backend="ht2", state="ready")
        converged(lab)
        assert {*client.greeted(60)} == {*_HOSTS}
        assert client.say("ht2", "NOOP") == "250"


def test_stop_cuts_connections(lab_with: MakeLab) -> None:
    """A host that stops answers nobody any more, those whom it has included."""
    with lab_with(rules=[{"affinity": "none"}]) as lab, caller(lab) as client:
        hold_one_on_each(client)
        lab.control("lb1")("state", backend="ht2", state="maint")
        converged(lab, "ht2", dead=False)
        assert client.say("ht2", "NOOP", deadline_s=1.0) != "250"
        assert {client.say(host, "NOOP") for host in ("ht1", "ht3")} == {"250"}
        assert_shares(client.greeted(60), {"ht1": 1, "ht3": 1})
        lab.control("lb1")("state", backend="ht2", state="ready")
        converged(lab)
        assert {*client.greeted(60)} == {*_HOSTS}


def test_a_single_host_takes_everything(lab_with: MakeLab) -> None:
    """Filtering Single: the live host with the lowest handling priority, whoever calls."""
    rule = {"filtering": "single", "priorities": {"ht1": 3, "ht2": 1, "ht3": 2}}
    with lab_with(rules=[rule]) as lab, caller(lab) as client:
        assert client.greeted(20) == {"ht2": 20}
        kill(lab, "ht2")
        assert client.greeted(20) == {"ht3": 20}


def test_a_disabled_port_is_silent_and_one_without_a_rule_is_one_hosts(lab_with: MakeLab) -> None:
    """Disabled answers nobody; what no rule covers goes to the lowest host priority."""
    rule = {"vip": "mail", "ports": [25], "filtering": "disabled"}
    with lab_with(rules=[rule], hosts={"ht3": {"priority": 1}}) as lab, caller(lab) as client:
        assert client.greeted(5, deadline_s=1.0) == {"silence": 5}
        assert client.greeted(20, port=587) == {"ht3": 20}


def test_a_frozen_host_is_gone(lab_with: MakeLab) -> None:
    """A program that is frozen sends no heartbeats: the others take its share, and give it back."""
    with lab_with(rules=[{"affinity": "none"}]) as lab, caller(lab) as client:
        fault = deed_of(lab, fault_called("pause"))
        fault.inject(lab, "ht2")
        try:
            wait_for(lambda: beliefs(lab, "ht2", "down"), what="ht2 to be gone", deadline_s=10.0)
            assert_shares(client.greeted(60), {"ht1": 1, "ht3": 1})
        finally:
            fault.heal(lab, "ht2")
        converged(lab)
        assert_shares(client.greeted(150), dict.fromkeys(_HOSTS, 1))
