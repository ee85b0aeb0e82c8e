"""A balancer with a standby, as a design: what may be said, and which way mail then goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.recovery import recovery_of
from relaydrill.drivers.docker.compose import compose_file
from relaydrill.drivers.docker.seating import address_in, published_ports, seats
from relaydrill.drivers.process import ProcessLab
from relaydrill.errors import LabError, TopologyError, UsageError
from relaydrill.lint import lint
from relaydrill.placement import CONTROL_PORT
from relaydrill.topology import Topology
from relaydrill.topology.paths import entry_points_of, flows_through, path_of, takers_of

STANDBY = {"lb2": {"role": "standby", "standby_of": "lb1"}}


def load(tmp_path: Path, nodes: dict[str, Any], **more: Any) -> Topology:
    """The built-in ``sharepoint`` with such nodes in addition."""
    path = tmp_path / "pair.yaml"
    path.write_text(
        yaml.safe_dump({"extends": "sharepoint", "name": "pair", "nodes": nodes, **more})
    )
    return topology_files.load(path)


@pytest.fixture
def pair(tmp_path: Path) -> Topology:
    """The built-in, with a standby."""
    return load(tmp_path, STANDBY, accept=[])


def test_mail_may_pass_either_of_a_pair(pair: Topology) -> None:
    """Both are on the way; with one lost all hubs are still reached, with both none."""
    assert [*entry_points_of(pair, "relay")] == ["lb1", "lb2"]
    assert path_of(pair, "relay") >= {"lb1", "lb2", "ht1", "mbx"}
    for one in ("lb1", "lb2"):
        assert takers_of(pair, "relay", frozenset({one})) == {"ht1", "ht2", "ht3"}
    assert not takers_of(pair, "relay", frozenset({"lb1", "lb2"}))
    assert flows_through(pair, ("lb2",)) == ("relay", "submission")


def test_an_audit_tries_the_balancer_and_not_its_standby(pair: Topology) -> None:
    """A standby carries nothing, so its loss proves nothing; asked for, one is told why."""
    tried = [spec.node for drill in plan_audit(pair) for spec in drill.faults]
    assert "lb1" in tried
    assert "lb2" not in tried
    with pytest.raises(UsageError, match="lb2 carries nothing while lb1 lives; audit that"):
        plan_audit(pair, units=("lb2",))


def test_a_site_is_lost_with_the_standby_in_it(tmp_path: Path) -> None:
    """Whoever breaks a site breaks all that stands there."""
    at = {"site": "north"}
    topology = load(tmp_path, {"lb1": at, "lb2": {**STANDBY["lb2"], **at}})
    lost = [{spec.node for spec in drill.faults} for drill in plan_audit(topology)]
    assert {"lb1", "lb2"} in lost


def test_no_linter_calls_it_alone(pair: Topology, tmp_path: Path) -> None:
    """A pair is what the finding ``lone-balancer`` asks for."""
    assert "lone-balancer" not in {each.rule for each in lint(pair)}
    alone = load(tmp_path, {}, accept=[])
    assert "lone-balancer" in {each.rule for each in lint(alone)}


def test_what_is_wanted_of_a_balancer_that_is_back(pair: Topology, tmp_path: Path) -> None:
    """It takes its VIPs back within a takeover; where it does not preempt, the other keeps them."""
    assert recovery_of(pair, "lb1", "relay").allowance_s == pytest.approx(3.609375)
    stays = load(tmp_path, {**STANDBY, "lb1": {"vrrp": {"preempt": False}}})
    assert recovery_of(stays, "lb1", "relay").instead == "lb2"


def test_a_standby_is_of_its_balancers_kind(tmp_path: Path) -> None:
    """Unless it says something of its own; the run directory's copy says the same."""
    real = load(tmp_path, {**STANDBY, "lb1": {"kind": "haproxy"}})
    assert real.standbys["lb2"].kind == "haproxy"
    assert Topology.model_validate(real.model_dump(mode="json", by_alias=True)) == real
    mixed = load(tmp_path, {"lb1": {"kind": "haproxy"}, "lb2": {**STANDBY["lb2"], "kind": "fake"}})
    assert mixed.standbys["lb2"].kind == "fake"


def test_a_vip_of_a_pair_is_no_containers(pair: Topology) -> None:
    """It has an address of its own, and nothing of it is published on this machine."""
    at = seats(pair, lambda number: address_in("172.20.0.0/24", number))
    assert len({at[each].address for each in ("lb1", "lb2", "mail")}) == 3
    for machine in ("lb1", "lb2"):
        assert [*published_ports(pair, machine)] == [CONTROL_PORT]


def test_compose_lets_both_take_the_address(pair: Topology) -> None:
    """They may change their own network, and listen on what they do not have."""
    text = compose_file(pair, "pair.yaml", subnet="172.20.0.0/24", mounted=True)
    services = yaml.safe_load(text)["services"]
    for machine in ("lb1", "lb2"):
        assert services[machine]["cap_add"] == ["NET_ADMIN"]
        assert services[machine]["sysctls"] == {"net.ipv4.ip_nonlocal_bind": "1"}
    assert "sysctls" not in services["ht1"]


def test_a_real_pair_wants_networks_of_its_own(tmp_path: Path) -> None:
    """On the process driver nothing moves the address of a real HAProxy: told before any start."""
    real = load(tmp_path, {**STANDBY, "lb1": {"kind": "haproxy"}})
    with (
        pytest.raises(LabError, match="lb1, lb2: a haproxy of a pair .* --driver docker"),
        ProcessLab(real, tmp_path / "lab"),
    ):
        pass


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ({"lb2": {"role": "standby", "standby_of": "lb9"}}, "no balancer is called 'lb9'"),
        ({"lb2": {"role": "standby", "standby_of": "ht1"}}, "no balancer is called 'ht1'"),
        ({**STANDBY, "lb3": STANDBY["lb2"]}, "lb1 has the standby lb2 already"),
        (
            {**STANDBY, "lb1": {"mode": "wnlb", "check": {"kind": "none"}, "source": "proxy"}},
            "lb1 is a WNLB cluster: its hosts stand in for each other",
        ),
        ({"lb1": {"vrrp": {"advert": "2s"}}}, "lb1 has no standby, and speaks VRRP with nobody"),
        ({**STANDBY, "lb1": {"vrrp": {"advert": "1ms"}}}, "is too small (0.05 or more)"),
        ({"lb2": {"role": "standby"}}, "standby_of"),
        ({"lb2": {**STANDBY["lb2"], "backends": ["ht1"]}}, "backends"),
    ],
)
def test_a_mistake_is_told_with_its_place(nodes: dict[str, Any], said: str, tmp_path: Path) -> None:
    """What is wrong, in which line, and what is allowed."""
    with pytest.raises(TopologyError) as told:
        load(tmp_path, nodes)
    assert said in str(told.value)
    assert "pair.yaml:" in str(told.value)
