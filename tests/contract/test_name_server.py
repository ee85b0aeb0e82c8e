"""The DNS node: what resolvers and senders may rely on, asked by dig and by our own client."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from relaydrill import inventory
from relaydrill.drivers.process import ProcessLab
from relaydrill.faults import make
from relaydrill.personas import Unresolved
from relaydrill.personas.directories import NameServers

DNS_PORT = 53

DESIGN = {
    "name": "names",
    "clock": 20,
    "nodes": {
        "edge1": {"role": "edge"},
        "edge2": {"role": "edge"},
        "ht1": {"role": "hub"},
        "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
        "ns1": {"role": "dns"},
        "fixed": {"role": "dns", "order": "fixed"},
        "mixed": {"role": "dns", "order": "random"},
        "near": {"role": "dns", "order": "rotate", "netmask_ordering": True},
        "cache": {"role": "dns", "upstream": ["ns1"]},
        "world": {"role": "sender"},
    },
    "names": {"www.contoso.com": "ht1"},
    "zones": {
        "contoso.com": {
            "ttl": "60s",
            "mx": [
                {"host": "maila.contoso.com", "preference": 10, "addresses": ["edge1", "edge2"]},
                {"host": "mailb.contoso.com", "preference": 20, "addresses": ["edge2"]},
            ],
        }
    },
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessLab]:
    """Name servers of every kind."""
    folder = tmp_path_factory.mktemp("names")
    (folder / "names.yaml").write_text(yaml.safe_dump(DESIGN))
    with ProcessLab(inventory.load(folder / "names.yaml"), folder / "lab") as running:
        yield running


def ask(lab: ProcessLab, *servers: str, answer_s: float = 0.5) -> NameServers:
    """A stub resolver that asks these."""
    endpoints = [lab.placement.seats[server].endpoint(DNS_PORT) for server in servers]
    return NameServers(endpoints, answer_s, {}, lab.placement.seats["world"].address)


def address(lab: ProcessLab, node: str) -> str:
    """A node's address."""
    return lab.placement.seats[node].address


@pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed: dnsutils")
@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
def test_dig_reads_the_zone(lab: ProcessLab, way: str) -> None:
    """Dig gets the MX records, the addresses, the status of what is not there, and the TTL."""
    server = lab.placement.seats["fixed"].endpoint(DNS_PORT)

    def dig(*question: str) -> str:
        asked = ["dig", way, f"@{server.address}", "-p", str(server.port), *question]
        return subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout

    assert dig("+short", "contoso.com", "MX").split("\n")[:2] == [
        "10 maila.contoso.com.",
        "20 mailb.contoso.com.",
    ]
    assert dig("+short", "maila.contoso.com").split() == [
        address(lab, "edge1"),
        address(lab, "edge2"),
    ]
    assert dig("+short", "www.contoso.com").split() == [address(lab, "ht1")]
    whole = dig("contoso.com", "MX")
    assert "status: NOERROR" in whole
    assert "flags: qr aa rd" in whole
    assert "\t3\tIN\tMX\t10 maila" in whole  # a minute of field time, by the clock
    assert "status: NXDOMAIN" in dig("nobody.contoso.com")
    assert "ANSWER: 0" in dig("contoso.com", "TXT")


@pytest.mark.parametrize(
    ("server", "firsts"),
    [("ns1", {1, 2}), ("fixed", {1}), ("mixed", {1, 2})],
)
def test_the_order_of_answers(lab: ProcessLab, server: str, firsts: set[int]) -> None:
    """Rotated and random answers begin with every address, fixed ones always with the same."""
    asked = ask(lab, server)
    seen = Counter(asked.addresses("maila.contoso.com")[0] for _ in range(40))
    assert set(seen) == {address(lab, f"edge{number}") for number in firsts}
    if server == "ns1":
        assert set(seen.values()) == {20}


def test_netmask_ordering_puts_the_own_network_first(lab: ProcessLab) -> None:
    """All of the lab is one /24, so nothing is nearer than anything else, and rotation stays."""
    asked = ask(lab, "near")
    firsts = {asked.addresses("maila.contoso.com")[0] for _ in range(4)}
    assert firsts == {address(lab, "edge1"), address(lab, "edge2")}


def test_a_resolver_keeps_answers_for_their_ttl(lab: ProcessLab) -> None:
    """With its server dead a resolver answers from memory until the TTL is over, then SERVFAIL."""
    asked = ask(lab, "cache")
    lab.control("cache")("flush")
    before = set(asked.addresses("maila.contoso.com"))
    lab.kill("ns1")
    try:
        assert set(asked.addresses("maila.contoso.com")) == before
        time.sleep(3.2)
        with pytest.raises(Unresolved, match="SERVFAIL"):
            ask(lab, "cache", answer_s=2.0).addresses("maila.contoso.com")
    finally:
        lab.restart("ns1")


@pytest.mark.parametrize(
    ("fault", "words"),
    [("nxdomain", "NXDOMAIN"), ("servfail", "SERVFAIL"), ("hang", "no name server answers")],
)
def test_a_broken_server_is_told_by_its_kind(lab: ProcessLab, fault: str, words: str) -> None:
    """Each fault looks to a client as the real one does, and ends when it is healed."""
    asked, broken = ask(lab, "ns1", answer_s=0.2), make(fault)
    broken.inject(lab, "ns1")
    try:
        with pytest.raises(Unresolved, match=words):
            asked.mx("contoso.com")
    finally:
        broken.heal(lab, "ns1")
    assert len(asked.mx("contoso.com")) == 2


@pytest.mark.parametrize("fault", ["servfail", "hang"])
def test_a_client_goes_on_to_its_next_server(lab: ProcessLab, fault: str) -> None:
    """One of two servers broken is no outage: silence and SERVFAIL send a client to the next."""
    asked, broken = ask(lab, "ns1", "fixed", answer_s=0.2), make(fault)
    broken.inject(lab, "ns1")
    try:
        assert len(asked.mx("contoso.com")) == 2
    finally:
        broken.heal(lab, "ns1")


def test_a_stale_record_is_an_address_that_nobody_has(lab: ProcessLab) -> None:
    """Every question for an address gets one of the lab's network at which nobody answers."""
    asked, broken = ask(lab, "ns1"), make("stale")
    broken.inject(lab, "ns1")
    try:
        [found] = asked.addresses("maila.contoso.com")
        assert found not in {
            seat.address for name, seat in lab.placement.seats.items() if name in lab.topology.nodes
        }
    finally:
        broken.heal(lab, "ns1")


def test_noise_is_no_question(lab: ProcessLab, tmp_path: Path) -> None:
    """What is no DNS message gets no answer, and the server goes on."""
    import socket

    server = lab.placement.seats["ns1"].endpoint(DNS_PORT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for noise in (b"", b"\0", b"hello", bytes(12), b"\xff" * 600):
            client.sendto(noise, (server.address, server.port))
    assert len(ask(lab, "ns1").mx("contoso.com")) == 2
