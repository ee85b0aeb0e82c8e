"""IPv6 addresses of process labs: on the loopback interface while a lab is there, and no longer."""

from __future__ import annotations

import ipaddress
import socket
import subprocess
from pathlib import Path

import pytest
import yaml
from tests.ipv6 import NEEDS_LOCAL_IPV6

from relaydrill import topology_files
from relaydrill.dead_end import dead_end
from relaydrill.drivers import local_ipv6
from relaydrill.drivers.configure import Paths, configure
from relaydrill.drivers.docker.compose import compose_file
from relaydrill.drivers.docker.seating import address_in, seats, second_address_in
from relaydrill.drivers.loopback import network
from relaydrill.endpoint import Credentials
from relaydrill.errors import LabError, TopologyError
from relaydrill.placement import Placement

HOSTS = {"ht1": frozenset({25}), "mbx": frozenset({25}), "app": frozenset[int]()}
WITH = frozenset({"ht1", "app"})


def on_lo() -> str:
    """The addresses that the interface has."""
    return subprocess.run(
        ["ip", "-6", "address", "show", "dev", "lo"], capture_output=True, text=True, check=True
    ).stdout


@NEEDS_LOCAL_IPV6
def test_each_host_has_an_address_that_ends_with_the_lab() -> None:
    """Only those that want one; all differ between two labs, and none is left."""
    with network(HOSTS, with_ipv6=WITH) as one, network(HOSTS, with_ipv6=WITH) as two:
        found = [net.seats[host].second for net in (one, two) for host in HOSTS]
        assert found.count("") == 2  # mbx
        assert len(set(found)) == 5
        for net in (one, two):
            seat = net.seats["ht1"]
            with socket.create_server((seat.second, seat.ports[25]), family=socket.AF_INET6):
                pass
        assert all(each in on_lo() for each in found if each)
    assert not any(each in on_lo() for each in found if each)


@NEEDS_LOCAL_IPV6
def test_what_a_killed_lab_left_goes_with_the_next() -> None:
    """Its claim is free; the addresses of a lab that lives stay."""
    left = "fd72:656c:6179:10ff::9"  # of 127.16.255, say
    subprocess.run(["ip", "-6", "address", "add", f"{left}/128", "dev", "lo"], check=True)
    with network(HOSTS, with_ipv6=WITH) as living, network(HOSTS, with_ipv6=WITH):
        assert left not in on_lo()
        assert living.seats["ht1"].second in on_lo()


@NEEDS_LOCAL_IPV6
def test_what_another_lab_has_taken_off_meanwhile_is_in_nobodys_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two labs that start at once both tidy up after a killed one; the other leftovers go, too."""
    left = "fd72:656c:6179:10ff::9"
    subprocess.run(["ip", "-6", "address", "add", f"{left}/128", "dev", "lo"], check=True)
    monkeypatch.setattr(local_ipv6, "_present", lambda: ["fd72:656c:6179:10ff::8", left])
    with network(HOSTS, with_ipv6=WITH) as net:
        assert left not in on_lo()
        assert net.seats["ht1"].second in on_lo()
    subprocess.run(
        ["ip", "-6", "address", "flush", "dev", "lo", "to", f"{net.seats['ht1'].second}/64"],
        check=True,
    )


@NEEDS_LOCAL_IPV6
def test_a_dead_end_neither_refuses_nor_answers() -> None:
    """Connecting times out, more than once; when it is over nothing is there."""
    with network(HOSTS, with_ipv6=WITH) as net:
        where = (net.seats["ht1"].second, net.seats["ht1"].ports[25])
        with dead_end(*where):
            for _ in range(2):
                with socket.socket(socket.AF_INET6) as client:
                    client.settimeout(0.3)
                    with pytest.raises(TimeoutError):
                        client.connect(where)
        with socket.socket(socket.AF_INET6) as client, pytest.raises(ConnectionRefusedError):
            client.connect(where)


@pytest.mark.parametrize("lack", ["kernel", "program"])
def test_a_system_that_cannot_is_told_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lack: str
) -> None:
    """With the reason, and what to do; IPv4 alone needs none of it."""
    if lack == "kernel":
        monkeypatch.setattr(local_ipv6, "_TABLE", tmp_path / "not-there")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(local_ipv6, "_TABLE", tmp_path)
        monkeypatch.setattr(local_ipv6, "_present", list)
    told = r"IPv6 addresses .* cannot be had here: .*; run it as root"
    with pytest.raises(LabError, match=told), network(HOSTS, with_ipv6=WITH):
        pass
    with network(HOSTS) as net:
        assert net.seats["ht1"].second == ""


DESIGN = """\
name: dual
nodes:
  ht1: {role: hub, ip: dual}
  ht2: {role: hub, ip: ipv6-dead}
  lb1: {role: balancer, ip: dual, backends: [ht1, ht2], vips: {mail: {ports: [25]}}}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  app: {role: sender, ip: dual}
names: {mail.contoso.com: [mail], hubs.contoso.com: [ht1, ht2], old.contoso.com: [mbx]}
flows: {mail: {from: app, to: mail.contoso.com}}
"""


def test_in_a_container_the_node_keeps_its_dead_path_dead() -> None:
    """Where each node is a machine of its own; elsewhere the lab does it for all."""
    design = topology_files.parse(DESIGN, "dual.yaml")
    at = seats(design, "10.0.0.{}".format, "fd00::{}".format)
    assert {name for name, seat in at.items() if seat.second} == {
        *("ht1", "ht2", "lb1", "app", "mail"),
    }
    assert at["mail"].second == at["lb1"].second
    for own, expected in ((True, [[at["ht2"].second, 25]]), (False, [])):
        placement = Placement(at, Credentials("u", "p"), "t", "ca", own_kernels=own)
        made = configure(design, placement, Paths(str, str, str, str, str, str, ca="ca.pem"))
        assert made["ht2"]["dead_ends"] == expected
        assert {name for name, each in made.items() if each["dead_ends"]} <= {"ht2"}
        assert made["ht1"]["second_address"] == at["ht1"].second


def test_a_compose_file_gives_ipv6_to_those_who_have_it() -> None:
    """The address of each is that which its configuration names; without any there is no range."""
    design = topology_files.parse(DESIGN, "dual.yaml")
    subnet = "172.20.0.0/24"
    made = yaml.safe_load(compose_file(design, "dual.yaml", subnet=subnet, mounted=True))
    six = made["networks"]["mail"]
    assert six["enable_ipv6"]
    ranges = [ipaddress.ip_network(each["subnet"]) for each in six["ipam"]["config"]]
    assert [each.version for each in ranges] == [4, 6]
    at = seats(
        design,
        lambda number: address_in(subnet, number),
        second_address_in(design, subnet),
    )
    for name in design.nodes:
        told = made["services"][name]["networks"]["mail"]
        assert told["ipv4_address"] == at[name].address
        assert told.get("ipv6_address", "") == at[name].second
    assert ipaddress.ip_address(at["ht1"].second) in ranges[1]
    plain = topology_files.parse(
        DESIGN.replace(", ip: dual", "").replace(", ip: ipv6-dead", ""), "x"
    )
    assert "ipv6" not in compose_file(plain, "plain.yaml", subnet=subnet, mounted=True)


def problems(old: str, new: str) -> list[str]:
    """What is wrong with the design when something of it is written otherwise."""
    assert old in DESIGN
    try:
        topology_files.parse(DESIGN.replace(old, new), "dual.yaml")
    except TopologyError as error:
        return [str(each) for each in error.mistakes]
    return []


@pytest.mark.parametrize(
    ("old", "new", "line", "told"),
    [
        ("ns1: {role: dns", "ns1: {role: dns, ip: dual", 7, "name servers are asked by IPv4 alone"),
        ("sender, ip: dual", "sender, ip: ipv6-dead", 8, "nobody connects to a sender"),
        ("ip: dual}\n  ht2", "ip: dual, kind: postfix}\n  ht2", 3, "a real postfix is given IPv4"),
        (
            "balancer, ip",
            "balancer, mode: wnlb, ip",
            5,
            "a VIP that several machines hold has IPv4",
        ),
        ("[ht1, ht2], old", "[ht1, mbx], old", 9, "ht1 has IPv6, and mbx has not"),
    ],
)
def test_what_has_no_ipv6_is_told_by_its_line(old: str, new: str, line: int, told: str) -> None:
    """What is written and would not be done is a mistake, with what may be written."""
    assert problems(" ip", " ip") == []
    found = problems(old, new)
    assert any(each.startswith(f"dual.yaml:{line}:") and told in each for each in found), found
