"""VRRP is keepalived's between containers and a stand-in's among processes; one suite for both.

Times are field seconds unless a name says otherwise; the labs' clock is 10.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drivers.base import Lab
from relaydrill.drivers.catalogue import lab_maker
from relaydrill.faults import fault_called
from relaydrill.injection import deed_of
from relaydrill.journal import read_events
from relaydrill.topology import Topology
from relaydrill.wait import wait_for
from tests.caller import caller

_SLACK_S = 1.0
"""Wall seconds by which a busy machine, or an engine, may delay what is measured."""

_HUBS = {"ht1", "ht2", "ht3"}


def pair(folder: Path, **vrrp: Any) -> Topology:
    """The built-in ``sharepoint`` with a standby, and such settings of VRRP."""
    nodes = {"lb1": {"vrrp": vrrp}, "lb2": {"role": "standby", "standby_of": "lb1"}}
    path = folder / "pair.yaml"
    path.write_text(yaml.safe_dump({"extends": "sharepoint", "name": "pair", "nodes": nodes}))
    return topology_files.load(path)


@pytest.fixture(scope="module")
def lab(driver: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab with a pair, for tests that leave it as they found it."""
    folder = tmp_path_factory.mktemp("pair")
    with lab_maker(driver)(pair(folder), folder / "lab") as made:
        yield made


def await_master(lab: Lab, master: str, *backups: str) -> None:
    """Wait until a machine holds the VIPs, and says so; and those that are there do not."""
    wanted = {master: "master", **dict.fromkeys(backups, "backup")}
    wait_for(
        lambda: {node: lab.control(node)("vrrp") for node in wanted} == wanted,
        what=f"{master} to hold the VIPs",
        deadline_s=15.0,
    )


def master_since(lab: Lab, node: str) -> float:
    """When a machine became master for the last time."""
    events = [each for each in read_events(lab.journal(node)) if each.kind == "vrrp"]
    return [each.mono for each in events if each.detail["state"] == "master"][-1]


def takers(lab: Lab, after: float) -> set[str]:
    """The machines that gave a connection to a hub since a moment."""
    return {
        node
        for node in ("lb1", "lb2")
        for each in read_events(lab.journal(node))
        if each.kind == "connected" and each.mono > after
    }


@contextlib.contextmanager
def broken(lab: Lab, kind: str, node: str) -> Iterator[None]:
    """A node is broken meanwhile."""
    fault = deed_of(lab, fault_called(kind))
    fault.inject(lab, node)
    try:
        yield
    finally:
        fault.heal(lab, node)


@pytest.mark.parametrize("kind", ["kill", "stop", "pause", "blackhole"])
def test_the_standby_takes_over_and_the_balancer_takes_back(kind: str, lab: Lab) -> None:
    """Who holds the VIP gets every connection: the balancer, its standby, the balancer again.

    A balancer that ends in good order is followed at once.
    """
    with caller(lab) as client:
        vrrp, clock = lab.topology.balancers["lb1"].vrrp, lab.topology.clock
        await_master(lab, "lb1", "lb2")
        begun = time.monotonic()
        assert {*client.greeted(20)} == _HUBS
        assert takers(lab, begun) == {"lb1"}
        with broken(lab, kind, "lb1"):
            lost = time.monotonic()
            await_master(lab, "lb2")
            allowed_s = vrrp.advert if kind == "stop" else vrrp.takeover_s
            assert master_since(lab, "lb2") <= lost + allowed_s / clock + _SLACK_S
            settled = time.monotonic()
            assert {*client.greeted(20)} == _HUBS
            assert takers(lab, settled) == {"lb2"}
        await_master(lab, "lb1", "lb2")
        settled = time.monotonic()
        assert {*client.greeted(20)} == _HUBS
        assert takers(lab, settled) == {"lb1"}


def test_both_check_the_hubs_all_the_time(lab: Lab) -> None:
    """The standby knows a dead hub before it holds the VIP, and gives it nothing."""
    with caller(lab) as client:
        await_master(lab, "lb1", "lb2")
        with broken(lab, "kill", "ht2"):
            for machine in ("lb1", "lb2"):
                wait_for(
                    lambda machine=machine: "ht2" in down(lab, machine),  # type: ignore[misc]
                    what=f"{machine} to mark ht2 down",
                    deadline_s=15.0,
                )
            with broken(lab, "kill", "lb1"):
                await_master(lab, "lb2")
                assert {*client.greeted(20)} == {"ht1", "ht3"}


def down(lab: Lab, machine: str) -> set[str]:
    """The hubs that a machine believes to be down, on every port."""
    told = lab.control(machine)("backends")
    return _HUBS - {each["backend"] for each in told if each["state"] != "down"}


def test_who_does_not_preempt_stays_a_backup(driver: str, tmp_path: Path) -> None:
    """The standby keeps the VIP after the balancer's return, until it is lost itself."""
    topology = pair(tmp_path, preempt=False)
    with lab_maker(driver)(topology, tmp_path / "lab") as lab, caller(lab) as client:
        await_master(lab, "lb1", "lb2")
        with broken(lab, "kill", "lb1"):
            await_master(lab, "lb2")
        took_over = master_since(lab, "lb2")
        await_master(lab, "lb2", "lb1")
        time.sleep(2 * lab.topology.balancers["lb1"].vrrp.takeover_s / lab.topology.clock)
        assert master_since(lab, "lb2") == took_over
        begun = time.monotonic()
        assert {*client.greeted(20)} == _HUBS
        assert takers(lab, begun) == {"lb2"}
        with broken(lab, "kill", "lb2"):
            await_master(lab, "lb1")
            begun = time.monotonic()
            assert {*client.greeted(20)} == _HUBS
            assert takers(lab, begun) == {"lb1"}
