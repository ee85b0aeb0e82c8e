"""WNLB in a topology: what one has to write, and what is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.recovery import recovery_of
from relaydrill.drivers.docker.compose import compose_file
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.drivers.docker.seating import seats
from relaydrill.errors import LabError, TopologyError, UsageError
from relaydrill.topology import Topology


def wnlb(folder: Path, *, hubs: int = 3, **balancer: Any) -> Topology:
    """``sharepoint`` with its balancer changed."""
    settings = {"mode": "wnlb", "check": {"kind": "none"}, **balancer}
    nodes: dict[str, Any] = {"lb1": settings}
    nodes |= {f"ht{number}": {"role": "hub"} for number in range(1, hubs + 1)}
    path = folder / "wnlb.yaml"
    path.write_text(yaml.safe_dump({"extends": "sharepoint", "name": "wnlb", "nodes": nodes}))
    return topology_files.load(path)


def test_mode_and_no_check_are_all_one_has_to_write(tmp_path: Path) -> None:
    """One rule for every port, affinity Single, equal weights, priorities in the hubs' order."""
    balancer = wnlb(tmp_path).balancers["lb1"]
    cluster = balancer.cluster
    [rule] = cluster.rules
    assert (rule.filtering, rule.affinity) == ("multiple", "single")
    assert cluster.weights(rule, balancer.backends) == {"ht1": 50, "ht2": 50, "ht3": 50}
    assert cluster.priorities(balancer.backends) == {"ht1": 1, "ht2": 2, "ht3": 3}
    assert (cluster.detection_s, cluster.recovery_s) == (7.5, 3.5)


def test_a_check_is_none_without_a_word(tmp_path: Path) -> None:
    """Where nothing is extended, not even ``check`` has to be written."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "name: own\nnodes:\n"
        "  ht1: {role: hub}\n"
        "  lb1: {role: balancer, mode: wnlb, backends: [ht1], vips: {mail: {ports: [25]}}}\n"
    )
    assert topology_files.load(path).balancers["lb1"].check.kind == "none"


def test_what_was_read_can_be_written_and_read_again(tmp_path: Path) -> None:
    """A run directory's topology, in which every default is written out, is none that is wrong."""
    first = wnlb(tmp_path, cluster={"hosts": {"ht2": {"priority": 1, "weight": 10}}})
    again = tmp_path / "again.yaml"
    again.write_text(topology_files.dump(first))
    assert topology_files.load(again) == first


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"check": {"kind": "smtp"}}, "check: WNLB watches hosts, not services (check: {kind: no"),
        ({"source": "snat"}, "source: WNLB is no proxy: hubs always see the client's address"),
        ({"redispatch": True}, "redispatch: WNLB never sees that a connection is refused"),
        ({"on_marked_down": "shutdown"}, "on_marked_down: with WNLB connections are lost with t"),
        ({"method": "leastconn"}, "method: WNLB shares by port rules"),
        ({"kind": "haproxy"}, "kind: haproxy is a proxy, and WNLB is none"),
        ({"mode": "proxy", "cluster": {"missed": 3}}, "cluster: only a WNLB cluster has these s"),
        ({"cluster": {"missed": 1}}, "cluster.missed: 1 is too small"),
        ({"cluster": {"heartbeat": "0s"}}, "cluster.heartbeat"),
        (
            {"cluster": {"hosts": {"ht9": {"weight": 1}}}},
            "cluster.hosts.ht9: 'ht9' is none of its backends (one of: ht1, ht2, ht3)",
        ),
        ({"cluster": {"hosts": {"ht1": {"priority": 33}}}}, "hosts.ht1.priority: 33 is too big"),
        ({"cluster": {"hosts": {"ht1": {"weight": 101}}}}, "hosts.ht1.weight: 101 is too big"),
        (
            {"cluster": {"hosts": {"ht1": {"priority": 2}, "ht2": {"priority": 2}}}},
            "hosts.ht2.priority: ht1 has the priority 2 already (a priority of its own)",
        ),
        (
            {"cluster": {"rules": [{"ports": [25]}, {"vip": "mail"}]}},
            "cluster.rules[1]: rule 1 covers port 25 of mail as well (one rule for each port",
        ),
        ({"cluster": {"rules": [{"vip": "post"}]}}, "no VIP of it is called 'post' (one of: mail"),
        ({"cluster": {"rules": [{"ports": [26]}]}}, "rules[0].ports[0]: all has no port 26 (25, 5"),
        ({"cluster": {"rules": [{"weights": {"ht1": 101}}]}}, "weights.ht1: 101 is out of range"),
        (
            {"cluster": {"rules": [{"filtering": "single", "weights": {"ht1": 1}}]}},
            "weights: filtering single shares nothing",
        ),
        (
            {"cluster": {"rules": [{"priorities": {"ht1": 1, "ht2": 2, "ht3": 3}}]}},
            "priorities: filtering multiple has no handling priorities",
        ),
        (
            {"cluster": {"rules": [{"filtering": "single", "priorities": {"ht1": 1, "ht2": 1}}]}},
            "priorities: two hosts have the same",
        ),
        (
            {"cluster": {"rules": [{"filtering": "single", "priorities": {"ht1": 1}}]}},
            "priorities: ht2, ht3 has none",
        ),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    """With its place, and with what would be right."""
    with pytest.raises(TopologyError) as error:
        wnlb(tmp_path, **change)
    assert said in str(error.value)


def test_a_hub_is_a_host_of_one_cluster(tmp_path: Path) -> None:
    """A second cluster with the same hub is refused."""
    second = {
        "role": "balancer",
        "mode": "wnlb",
        "backends": ["ht1"],
        "vips": {"v": {"ports": [25]}},
    }
    path = tmp_path / "two.yaml"
    nodes = {"lb1": {"mode": "wnlb", "check": {"kind": "none"}}, "lb2": second}
    path.write_text(yaml.safe_dump({"extends": "sharepoint", "name": "two", "nodes": nodes}))
    with pytest.raises(TopologyError, match="'ht1' is a host of the cluster lb1 already"):
        topology_files.load(path)


def test_33_hosts_are_too_many(tmp_path: Path) -> None:
    """WNLB has up to 32."""
    backends = [f"ht{number}" for number in range(1, 34)]
    with pytest.raises(TopologyError, match="33 hosts are too many for a WNLB cluster"):
        wnlb(tmp_path, hubs=33, backends=backends)


def test_a_cluster_is_no_machine(tmp_path: Path) -> None:
    """It cannot be broken, in words, and an audit breaks its hosts."""
    topology = wnlb(tmp_path)
    assert topology.tier == ("ht1", "ht2", "ht3", "mbx")
    said = "lb1 is a WNLB cluster and no machine; break one of its hosts: ht1, ht2, ht3"
    with pytest.raises(UsageError, match=said):
        plan(topology, faults=("kill:lb1",))
    with pytest.raises(UsageError, match=said):
        plan_audit(topology, units=("lb1",))
    assert [drill.name for drill in plan_audit(topology)][1:] == [
        "kill:ht1",
        "kill:ht2",
        "kill:ht3",
        "kill:mbx",
    ]


def test_a_healed_host_is_judged_by_its_weight_where_each_connection_is_a_choice(
    tmp_path: Path,
) -> None:
    """With affinity None by own weight over the sum; else it has only to take something."""
    weights = {"ht1": 60, "ht2": 20, "ht3": 20}
    shared = wnlb(tmp_path, cluster={"rules": [{"affinity": "none", "weights": weights}]})
    test = recovery_of(shared, "ht2", "relay").test
    assert test is not None
    assert test.fair == pytest.approx(0.2)
    assert recovery_of(wnlb(tmp_path), "ht2", "relay").test is None


def test_between_containers_a_vip_has_an_address_of_its_own(tmp_path: Path) -> None:
    """No container has it, this machine does not reach it, and a person is told so."""
    topology = wnlb(tmp_path)
    addresses = {host: seat.address for host, seat in seats(topology, "10.0.0.{}".format).items()}
    assert len({*addresses.values()}) == len(addresses)
    with pytest.raises(LabError, match="mail is the VIP of the WNLB cluster lb1: it is no contain"):
        DockerLab(topology, tmp_path / "lab").reachable("mail", 25)


def test_a_compose_file_lets_the_hosts_and_nobody_else_change_their_network(
    tmp_path: Path,
) -> None:
    """NET_ADMIN for the hubs; and of the cluster's node only the control channel is published."""
    text = compose_file(wnlb(tmp_path), "wnlb.yaml", subnet="10.0.0.0/24", mounted=True)
    services = yaml.safe_load(text)["services"]
    admins = [name for name, service in services.items() if service.get("cap_add")]
    assert admins == ["ht1", "ht2", "ht3"]
    assert [port.rpartition(":")[2] for port in services["lb1"]["ports"]] == ["2500"]
