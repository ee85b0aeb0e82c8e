"""The DNS node, the fake one and BIND: what resolvers and senders may rely on.

Asked by dig and by our own client.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drivers.base import CanKill, CanRestart, Lab
from relaydrill.drivers.catalogue import lab_maker
from relaydrill.faults import fault_called
from relaydrill.injection import deed_of
from relaydrill.personas import Unresolved
from relaydrill.personas.directories import NameServers
from tests.docker_engine import why_no_docker

DNS_PORT = 53
_SHORT_S = 4.0
"""The shorter TTLs below, by the clock: an engine takes a second to break a name server."""

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
    "names": {"www.contoso.com": "ht1", "web.fabrikam.net": "ht1"},
    "aliases": {
        "smtp.contoso.com": "maila.contoso.com",
        "far.contoso.com": "web.fabrikam.net",
        "gone.contoso.com": "nobody.contoso.com",
        "one.contoso.com": "two.contoso.com",
        "two.contoso.com": "one.contoso.com",
    },
    "ttls": {"www.contoso.com": "200s", "maila.contoso.com": "80s", "smtp.contoso.com": "200s"},
    "zones": {
        "fabrikam.com": {"ttl": "100s", "mx": [{"host": ".", "preference": 0}]},
        "tailspin.com": {
            "mx": [
                {"host": "[edge1]", "preference": 10},
                {"host": "smtp.contoso.com", "preference": 20},
                {"host": "empty.tailspin.com", "preference": 30, "addresses": []},
            ]
        },
        "contoso.com": {
            "ttl": "60s",
            "negative_ttl": "80s",
            "mx": [
                {"host": "maila.contoso.com", "preference": 10, "addresses": ["edge1", "edge2"]},
                {"host": "mailb.contoso.com", "preference": 20, "addresses": ["edge2"]},
            ],
        },
    },
}


def bind(design: dict[str, Any]) -> dict[str, Any]:
    """The same with BIND for every name server that it can be."""
    nodes = {
        name: {**node, "kind": "bind"}
        if node["role"] == "dns" and not node.get("netmask_ordering")
        else node
        for name, node in design["nodes"].items()
    }
    return {**design, "nodes": nodes}


@pytest.fixture(scope="module", params=["fake", "bind"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Name servers of every kind."""
    folder, is_bind = tmp_path_factory.mktemp("names"), request.param == "bind"
    if is_bind and (reason := why_no_docker("bind", "node")):
        pytest.skip(reason)
    (folder / "names.yaml").write_text(yaml.safe_dump(bind(DESIGN) if is_bind else DESIGN))
    make = lab_maker("docker" if is_bind else "process")
    with make(topology_files.load(folder / "names.yaml"), folder / "lab") as running:
        yield running


def ask(lab: Lab, *servers: str, answer_s: float = 0.5) -> NameServers:
    """A stub resolver that asks these."""
    endpoints = [lab.placement.seats[server].endpoint(DNS_PORT) for server in servers]
    own = (lab.placement.seats["world"].address,) if lab.driver == "process" else ()
    return NameServers(endpoints, answer_s, {}, own)


def address(lab: Lab, node: str) -> str:
    """A node's address."""
    return lab.placement.seats[node].address


@pytest.mark.skipif(shutil.which("dig") is None, reason="dig is not installed: dnsutils")
@pytest.mark.parametrize("way", ["+notcp", "+tcp"])
def test_dig_reads_the_zone(lab: Lab, way: str) -> None:
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


def said(lab: Lab, server: str, name: str, kind: str) -> dns.message.Message:
    """What a name server says, as it comes over the wire."""
    where = lab.placement.seats[server].endpoint(DNS_PORT)
    query = dns.message.make_query(name, kind)
    return dns.query.udp(query, where.address, timeout=5.0, port=where.port)


def sections(reply: dns.message.Message) -> tuple[str, list[str], list[str]]:
    """Result, answer, and the SOA of a denial, without addresses and names of servers."""
    answer = [
        f"{each.name} {each.ttl} {dns.rdatatype.to_text(each.rdtype)}"
        + (f" {each[0].target}" if each.rdtype == dns.rdatatype.CNAME else "")
        for each in reply.answer
    ]
    soa = [
        f"{each.name} {each.ttl} {each[0].minimum}"
        for each in reply.authority
        if each.rdtype == dns.rdatatype.SOA
    ]
    return dns.rcode.to_text(reply.rcode()), answer, soa


ALIAS = "smtp.contoso.com. 10 CNAME maila.contoso.com."
ONE, TWO = "one.contoso.com. 3 CNAME two.contoso.com.", "two.contoso.com. 3 CNAME one.contoso.com."


@pytest.mark.parametrize(
    ("name", "kind", "rcode", "answer", "soa"),
    [
        ("fabrikam.com", "MX", "NOERROR", ["fabrikam.com. 5 MX"], []),
        ("www.contoso.com", "A", "NOERROR", ["www.contoso.com. 10 A"], []),
        ("web.fabrikam.net", "A", "NOERROR", ["web.fabrikam.net. 180 A"], []),
        ("smtp.contoso.com", "A", "NOERROR", [ALIAS, "maila.contoso.com. 4 A"], []),
        ("smtp.contoso.com", "CNAME", "NOERROR", [ALIAS], []),
        ("smtp.contoso.com", "MX", "NOERROR", [ALIAS], ["contoso.com. 3 4"]),
        ("www.contoso.com", "MX", "NOERROR", [], ["contoso.com. 3 4"]),
        ("nobody.contoso.com", "A", "NXDOMAIN", [], ["contoso.com. 3 4"]),
        (
            *("gone.contoso.com", "A", "NXDOMAIN"),
            *(["gone.contoso.com. 3 CNAME nobody.contoso.com."], ["contoso.com. 3 4"]),
        ),
        (
            *("far.contoso.com", "A", "NOERROR"),
            *(["far.contoso.com. 3 CNAME web.fabrikam.net."], []),
        ),
        ("one.contoso.com", "A", "SERVFAIL", [ONE, TWO], []),
        ("empty.tailspin.com", "A", "NXDOMAIN", [], ["tailspin.com. 0 0"]),
        ("fabrikam.net", "A", "NOERROR", [], [". 4 4"]),
        ("nobody.example", "A", "NXDOMAIN", [], [". 4 4"]),
    ],
)
def test_aliases_ttls_and_denials(
    lab: Lab, name: str, kind: str, rcode: str, answer: list[str], soa: list[str]
) -> None:
    """Each name has its own TTL; an alias is followed within its zone; a denial bears the SOA."""
    assert sections(said(lab, "ns1", name, kind)) == (rcode, answer, soa)


def test_exchangers_that_are_none(lab: Lab) -> None:
    """A null MX is a lone dot; an address in place of a name is served as it was written."""
    asked = ask(lab, "fixed")
    assert asked.mx("fabrikam.com") == ((0, ""),)
    hosts = dict(asked.mx("tailspin.com"))
    assert hosts == {
        10: address(lab, "edge1"),
        20: "smtp.contoso.com",
        30: "empty.tailspin.com",
    }
    assert set(asked.addresses("smtp.contoso.com")) == {
        address(lab, "edge1"),
        address(lab, "edge2"),
    }
    assert asked.addresses("far.contoso.com") == (address(lab, "ht1"),)


def test_a_resolver_keeps_each_part_for_its_own_time(lab: Lab) -> None:
    """What is left of each TTL is told, and what is not there is kept for as long as the SOA says.

    An alias is followed to its end, into whichever zone that leads.
    """
    deed = deed_of(lab, fault_called("servfail"))
    asked = ("smtp.contoso.com", "A"), ("www.contoso.com", "A"), ("nobody.contoso.com", "A")
    assert isinstance(lab, CanKill)
    assert isinstance(lab, CanRestart)
    lab.kill("cache")
    lab.restart("cache")
    rcode, answer, _ = sections(said(lab, "cache", "far.contoso.com", "A"))
    assert (rcode, [each.split()[0] for each in answer]) == (
        "NOERROR",
        ["far.contoso.com.", "web.fabrikam.net."],
    )
    told_at = time.monotonic()
    for name, kind in asked:
        said(lab, "cache", name, kind)
    deed.inject(lab, "ns1")
    try:
        for (name, kind), rcode, ttl_s in zip(
            asked, ("NOERROR", "NOERROR", "NXDOMAIN"), (4, 10, 3), strict=True
        ):
            kept, lines, _ = sections(said(lab, "cache", name, kind))
            too_late = time.monotonic() - told_at > ttl_s - 1  # it is told in whole seconds
            assert kept == rcode or too_late, name
            assert all(int(line.split()[1]) <= 10 for line in lines)
        time.sleep(max(0.0, told_at + _SHORT_S + 0.2 - time.monotonic()))
        later = [sections(said(lab, "cache", name, kind))[0] for name, kind in asked]
        assert later == ["SERVFAIL", "NOERROR", "SERVFAIL"]
    finally:
        deed.heal(lab, "ns1")


@pytest.mark.parametrize(
    ("server", "firsts"),
    [("ns1", {1, 2}), ("fixed", {1}), ("mixed", {1, 2})],
)
def test_the_order_of_answers(lab: Lab, server: str, firsts: set[int]) -> None:
    """Rotated and random answers begin with every address, fixed ones always with the same."""
    asked = ask(lab, server)
    seen = Counter(asked.addresses("maila.contoso.com")[0] for _ in range(40))
    assert set(seen) == {address(lab, f"edge{number}") for number in firsts}
    if server == "ns1":
        assert set(seen.values()) == {20}


def test_netmask_ordering_puts_the_own_network_first(lab: Lab) -> None:
    """All of the lab is one /24, so nothing is nearer than anything else, and rotation stays."""
    asked = ask(lab, "near")
    firsts = {asked.addresses("maila.contoso.com")[0] for _ in range(4)}
    assert firsts == {address(lab, "edge1"), address(lab, "edge2")}


def test_a_resolver_keeps_answers_for_their_ttl(lab: Lab) -> None:
    """With its server dead a resolver answers from memory until the TTL is over, and then no more.

    The fake says SERVFAIL; BIND first asks for ten seconds, and no client waits so long.
    """
    assert isinstance(lab, CanKill)
    assert isinstance(lab, CanRestart)
    lab.kill("cache")
    lab.restart("cache")
    asked = ask(lab, "cache")
    before = set(asked.addresses("mailb.contoso.com"))
    lab.kill("ns1")
    try:
        assert set(asked.addresses("mailb.contoso.com")) == before
        time.sleep(3.2)
        with pytest.raises(Unresolved, match="SERVFAIL|no name server answers"):
            ask(lab, "cache", answer_s=2.0).addresses("mailb.contoso.com")
    finally:
        lab.restart("ns1")


@pytest.mark.parametrize(
    ("fault", "words"),
    [("nxdomain", "NXDOMAIN"), ("servfail", "SERVFAIL"), ("hang", "no name server answers")],
)
def test_a_broken_server_is_told_by_its_kind(lab: Lab, fault: str, words: str) -> None:
    """Each fault looks to a client as the real one does, and ends when it is healed."""
    asked, broken = ask(lab, "ns1", answer_s=0.2), deed_of(lab, fault_called(fault))
    broken.inject(lab, "ns1")
    try:
        with pytest.raises(Unresolved, match=words):
            asked.mx("contoso.com")
    finally:
        broken.heal(lab, "ns1")
    assert len(asked.mx("contoso.com")) == 2


def test_a_server_that_is_down_costs_no_time(lab: Lab) -> None:
    """Its host says so, and the client asks the next one at once, as with glibc."""
    assert isinstance(lab, CanKill)
    assert isinstance(lab, CanRestart)
    if lab.driver == "docker":
        pytest.skip("a container's address goes with its program; on the process driver it stays")
    asked = ask(lab, "fixed", "ns1", answer_s=5.0)
    lab.kill("fixed")
    try:
        begun = time.monotonic()
        assert len(asked.mx("contoso.com")) == 2
        assert time.monotonic() - begun < 1.0
    finally:
        lab.restart("fixed")


@pytest.mark.parametrize("fault", ["servfail", "hang"])
def test_a_client_goes_on_to_its_next_server(lab: Lab, fault: str) -> None:
    """One of two servers broken is no outage: silence and SERVFAIL send a client to the next."""
    asked, broken = ask(lab, "ns1", "fixed", answer_s=0.2), deed_of(lab, fault_called(fault))
    broken.inject(lab, "ns1")
    try:
        assert len(asked.mx("contoso.com")) == 2
    finally:
        broken.heal(lab, "ns1")


def test_a_stale_record_is_an_address_that_nobody_has(lab: Lab) -> None:
    """Every question for an address gets one of the lab's network at which nobody answers."""
    asked, broken = ask(lab, "ns1"), deed_of(lab, fault_called("stale"))
    broken.inject(lab, "ns1")
    try:
        [found] = asked.addresses("maila.contoso.com")
        assert found not in {
            seat.address for name, seat in lab.placement.seats.items() if name in lab.topology.nodes
        }
    finally:
        broken.heal(lab, "ns1")


def test_noise_is_no_question(lab: Lab, tmp_path: Path) -> None:
    """What is no DNS message gets no answer, and the server goes on."""
    import socket

    server = lab.placement.seats["ns1"].endpoint(DNS_PORT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        for noise in (b"", b"\0", b"hello", bytes(12), b"\xff" * 600):
            client.sendto(noise, (server.address, server.port))
    assert len(ask(lab, "ns1").mx("contoso.com")) == 2
