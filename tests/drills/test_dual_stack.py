"""Nodes with both IP versions: who tries IPv6 first, and what a dead IPv6 path costs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.catalogue import lab_maker
from tests.docker_engine import why_no_docker
from tests.ipv6 import NEEDS_LOCAL_IPV6

Details = Callable[[str, str], list[dict[str, Any]]]
"""What a node's journal says of each event of a kind."""

_DOCKER: Final = pytest.mark.skipif(
    bool(why_no_docker("node")), reason=why_no_docker("node") or "there is an engine"
)


def _on_processes(*case: Any) -> Any:
    return pytest.param("process", *case, marks=NEEDS_LOCAL_IPV6)


def _in_containers(*case: Any) -> Any:
    return pytest.param("docker", *case, marks=_DOCKER)


_SILENCE_S: Final = 30.0 / 20
"""How long connecting may take, wall seconds: by the clock of `design`."""

Run = Callable[..., Details]
"""Run a drill of a design with a driver."""


def design(ip: str, sender_ip: str, persona: str, *, asks: bool) -> dict[str, Any]:
    """A name with two hubs behind it, and one sender.

    Args:
        ip: Of the hubs.
        sender_ip: Of the sender.
        persona: The sender's.
        asks: Whether it asks a name server; else it knows the name by itself.
    """
    nodes = {
        "ht1": {"role": "hub", "ip": ip},
        "ht2": {"role": "hub", "ip": ip},
        "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
        "app": {"role": "sender", "ip": sender_ip},
        **({"ns1": {"role": "dns"}} if asks else {}),
    }
    return {
        "name": "dual",
        "clock": 20,
        "nodes": nodes,
        "names": {"mail.contoso.com": ["ht1", "ht2"]},
        "connectors": {"relay": {"port": 25, "remote": ["app"]}},
        "flows": {"mail": {"from": "app", "persona": persona, "to": "mail.contoso.com"}},
    }


@pytest.fixture
def journals(tmp_path: Path) -> Run:
    """Run a drill of a design; gives the details of a node's events of a kind."""

    def run(document: dict[str, Any], driver: str, fault: str = "") -> Details:
        path = tmp_path / "dual.yaml"
        path.write_text(yaml.safe_dump(document))
        topology = topology_files.load(path)
        drill = plan(topology, faults=(fault,) if fault else ())
        with lab_maker(driver)(topology, tmp_path / "lab") as lab:
            run_drill(lab, drill, tmp_path / "run")

        def details(node: str, kind: str) -> list[dict[str, Any]]:
            lines = (tmp_path / "run" / "journals" / f"{node}.jsonl").read_text().splitlines()
            found = [each for each in map(json.loads, lines) if each["kind"] == kind]
            more = ("mono", "message")
            return [each["detail"] | {key: each.get(key) for key in more} for each in found]

        return details

    return run


def versions(outcomes: list[dict[str, Any]]) -> Counter[tuple[int, str]]:
    """How often an attempt ended by which IP version, and how."""
    return Counter((6 if "[" in each["address"] else 4, each["result"]) for each in outcomes)


@pytest.mark.parametrize(
    ("driver", "ip", "sender_ip", "persona", "asks", "expected"),
    [
        _on_processes("dual", "dual", "rfc5321", False, {(6, "accepted")}),
        _on_processes("dual", "dual", "postfix", True, {(6, "accepted"), (4, "accepted")}),
        _on_processes("dual", "ipv4", "single_host", True, {(4, "accepted")}),
        _on_processes("ipv6-dead", "dual", "single_host", True, {(6, "unreachable")}),
        _on_processes("ipv6-dead", "dual", "rfc5321", True, {(4, "accepted")}),
        _on_processes("dual", "dual", "happy_eyeballs", True, {(6, "accepted")}),
        _in_containers("dual", "dual", "postfix", True, {(6, "accepted"), (4, "accepted")}),
        _in_containers("ipv6-dead", "dual", "rfc5321", True, {(4, "accepted")}),
    ],
)
def test_the_version_that_mail_goes_by(
    journals: Run,
    driver: str,
    ip: str,
    sender_ip: str,
    persona: str,
    asks: bool,
    expected: set[tuple[int, str]],
) -> None:
    """IPv6 first where both ends have it; with its path dead, only who goes on is served.

    The connectors serve the sender by its address of either version, and nobody else.
    """
    found = journals(design(ip, sender_ip, persona, asks=asks), driver)
    assert set(versions(found("app", "outcome"))) == expected


@pytest.mark.parametrize("driver", [_on_processes(), _in_containers()])
def test_a_balancer_tells_the_hubs_of_clients_with_ipv6(journals: Run, driver: str) -> None:
    """Its VIP has both versions, and the hubs IPv4 alone; they know the client all the same."""
    document = design("ipv4", "dual", "single_host", asks=True)
    vips = {"mail": {"ports": [25]}}
    document["nodes"]["lb1"] = {
        "role": "balancer",
        "ip": "dual",
        "backends": ["ht1", "ht2"],
        "vips": vips,
    }
    document["names"] = {"mail.contoso.com": ["mail"]}
    found = journals(document, driver)
    assert set(versions(found("app", "outcome"))) == {(6, "accepted")}
    assert {":" in each["client"] for each in found("lb1", "connected")} == {True}


@pytest.mark.parametrize(
    "driver",
    [
        pytest.param(each, marks=m)
        for each, m in (("process", NEEDS_LOCAL_IPV6), ("docker", _DOCKER))
    ],
)
def test_who_tries_all_at_once_loses_a_moment_by_a_dead_path(journals: Run, driver: str) -> None:
    """A quarter of a second of field time, where others wait for half a minute."""
    found = journals(design("ipv6-dead", "dual", "happy_eyeballs", asks=True), driver)
    assert set(versions(found("app", "outcome"))) == {(4, "accepted")}
    begun = {each["message"]: each["mono"] for each in found("app", "attempt")}
    longest_s = max(each["mono"] - begun[each["message"]] for each in found("app", "outcome"))
    assert longest_s < _SILENCE_S / 2


@_DOCKER
def test_a_container_that_is_back_on_its_network_has_both_addresses(journals: Run) -> None:
    """A hub that was cut off takes mail by IPv6 again."""
    found = journals(design("dual", "dual", "rfc5321", asks=False), "docker", "isolate:ht1")
    (healed,) = (each["mono"] for each in found("harness", "healed"))
    later = [each for each in found("app", "outcome") if each["mono"] > healed]
    taken = {(each["server"], version) for each in later for version, _ in versions([each])}
    assert {("ht1.contoso.com", 6), ("ht2.contoso.com", 6)} <= taken
