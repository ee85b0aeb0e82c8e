"""What-if arithmetic: it agrees with the personas themselves, and with what people expect."""

from __future__ import annotations

import io
import random
import time
from collections import Counter
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from rich.console import Console

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.errors import UsageError
from relaydrill.personas import PERSONAS, SenderSettings
from relaydrill.planning import Outlook, Share, outlooks, shares
from relaydrill.report.plan import show_outlooks
from relaydrill.topology import Topology

TRIES = 6000

ZONES = {
    "even": [("maila", 10, "12"), ("mailb", 10, "34"), ("mailc", 10, "56")],
    "lopsided": [("maila", 10, "123"), ("mailb", 10, "4"), ("mailc", 20, "56")],
    "one host": [("maila", 10, "123456")],
}


def design(zone: str, persona: str, order: str = "rotate", **flow: Any) -> Topology:
    """Six servers behind the MX hosts of one of the zones."""
    text = yaml.safe_dump(
        {
            "name": "planned",
            "nodes": {
                **{
                    f"edge{number}": {"role": "edge", "site": "odd" if number % 2 else "even"}
                    for number in range(1, 7)
                },
                "ns1": {"role": "dns", "order": order},
                "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
                "world": {"role": "sender"},
            },
            "zones": {
                "contoso.com": {
                    "mx": [
                        {
                            "host": f"{host}.contoso.com",
                            "preference": preference,
                            "addresses": [f"edge{number}" for number in numbers],
                        }
                        for host, preference, numbers in ZONES[zone]
                    ]
                }
            },
            "flows": {
                "inbound": {"from": "world", "to": "contoso.com", "persona": persona, **flow}
            },
        }
    )
    return topology_files.parse(text)


class Answers:
    """A name server of the topology, asked directly: what it says is the node's own name."""

    def __init__(self, topology: Topology) -> None:
        [self._zone] = topology.zones.values()
        self._order = topology.name_servers["ns1"].order
        self._chance = random.Random(7)
        self._turns: dict[str, Any] = {}

    def _arranged(self, name: str, records: list[Any]) -> tuple[Any, ...]:
        if self._order == "random":
            return tuple(self._chance.sample(records, len(records)))
        turn = next(self._turns.setdefault(name, count())) if self._order == "rotate" else 0
        first = turn % len(records)
        return (*records[first:], *records[:first])

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """The MX records."""
        return self._arranged(domain, [(mx.preference, mx.host) for mx in self._zone.mx])

    def addresses(self, host: str) -> tuple[str, ...]:
        """The nodes behind a host."""
        [found] = [mx for mx in self._zone.mx if mx.host == host]
        return self._arranged(host, [*(found.addresses or ())])


@pytest.mark.parametrize("gone", [(), ("edge1",), ("edge1", "edge3", "edge5"), ("edge4",)])
@pytest.mark.parametrize("order", ["rotate", "random", "fixed"])
@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize(
    "persona", ["pinned_mx", "lowest_mx", "rfc5321", "postfix", "exim", "rotated_list"]
)
def test_the_arithmetic_agrees_with_the_personas(
    persona: str, zone: str, order: str, gone: tuple[str, ...]
) -> None:
    """The closed form is what thousands of the personas' own choices come to."""
    topology = design(zone, persona, order)
    answers = Answers(topology)
    senders = [
        PERSONAS[persona].new_sender(SenderSettings(random.Random(n))) for n in range(TRIES // 2)
    ]
    counts: Counter[str] = Counter()
    for turn in range(TRIES):
        tried = senders[turn % len(senders)].addresses("contoso.com", answers)
        counts[next((node for node in tried if node not in gone), "")] += 1
    expected = shares(topology, "inbound", frozenset(gone))
    assert set(counts) - {""} <= set(expected)
    for node in topology.edges:
        assert counts[node] / TRIES == pytest.approx(expected.get(node, 0.0), abs=0.035)


def test_what_has_no_way_in_is_told() -> None:
    """Senders pinned to a host all of whose addresses are gone lose their mail."""
    pinned = design("even", "pinned_mx", pin="maila.contoso.com", rate="60/s")
    [gone] = [each for each in outlooks(pinned) if each.gone == "edge1"]
    assert (gone.lost, gone.nodes["edge2"].rate) == (0.0, 60.0)
    assert shares(pinned, "inbound", frozenset({"edge1", "edge2"})) == {}


def test_a_site_too_many_is_too_much(tmp_path: Path) -> None:
    """Six servers bear 185 a second with one gone, and not with three; the command says so."""
    topology = design("even", "rfc5321", peak="185/s")
    nodes = {name: {"role": "edge", "capacity": "50/s"} for name in topology.edges}
    text = topology_files.dump(topology)
    path = tmp_path / "planned.yaml"
    path.write_text(text)
    limited = tmp_path / "limited.yaml"
    limited.write_text(
        yaml.safe_dump({"extends": "./planned.yaml", "name": "limited", "nodes": nodes})
    )
    found = {each.gone: each for each in outlooks(topology_files.load(limited))}
    assert found["nothing"].holds
    assert not found["site odd"].holds
    assert found["site odd"].nodes["edge2"].overloaded
    shown = CliRunner().invoke(cli, ["plan", str(limited)], standalone_mode=False)
    assert shown.return_value == 1
    assert "!61.7" in shown.output


def test_exim_gives_up_after_five_hosts() -> None:
    """With six of seven hosts gone, two orders of seven end before the one that is left."""
    names = [f"edge{number}" for number in range(1, 8)]
    data = yaml.safe_load(topology_files.dump(design("even", "exim")))
    data["nodes"]["edge7"] = {"role": "edge"}
    hosts = [{"host": f"{name}.contoso.com", "addresses": [name]} for name in names]
    data["zones"]["contoso.com"]["mx"] = hosts
    topology = topology_files.parse(yaml.safe_dump(data))
    assert shares(topology, "inbound", frozenset(names[:-1])) == {
        "edge7": pytest.approx(5 / 7),
    }
    assert shares(topology, "inbound", frozenset()) == pytest.approx(dict.fromkeys(names, 1 / 7))


def test_a_million_senders_take_no_time() -> None:
    """The arithmetic does not depend on the number of senders."""
    begin = time.process_time()
    [nothing, *_] = outlooks(design("even", "pinned_mx", population=1_000_000))
    assert time.process_time() - begin < 1.0
    assert nothing.nodes["edge1"].spread < 0.001


ROUND_ROBIN = """
name: round-robin
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  app: {role: sender, sorts_near: NEAR}
names: {mail.contoso.com: [ht1, ht2]}
flows:
  relay: {from: app, to: mail.contoso.com, persona: PERSONA, rate: 10/s}
"""


@pytest.mark.parametrize(
    ("persona", "near", "expected"),
    [
        ("single_host", "false", {"ht2": 0.5}),
        ("single_host", "true", {}),
        ("mail_client", "false", {"ht2": 1.0}),
    ],
)
def test_a_name_of_several_addresses_can_be_planned(
    persona: str, near: str, expected: dict[str, float]
) -> None:
    """With one of two hubs gone a client of one address loses half of its mail, or all of it.

    All of it, where it stands in the hubs' subnet and its own address picks the dead one.
    """
    text = ROUND_ROBIN.replace("NEAR", near).replace("PERSONA", persona)
    topology = topology_files.parse(text, "rr.yaml")
    assert shares(topology, "relay", frozenset({"ht1"})) == expected
    assert {each.gone for each in outlooks(topology)} == {"nothing", "ht1", "ht2"}


def test_a_topology_without_inbound_mail_cannot_be_planned() -> None:
    """It says what is missing."""
    with pytest.raises(UsageError, match="no flow to a domain with MX records"):
        outlooks(topology_files.load("sharepoint"))


@pytest.mark.parametrize(
    ("capacities", "bounds"),
    [
        ((None, None), "; capacity unchecked: none is declared"),
        ((8.0, None), ", as far as capacities are declared"),
        ((8.0, 8.0), ""),
    ],
)
def test_a_plan_passes_as_far_as_capacities_are_declared(
    capacities: tuple[float | None, ...], bounds: str
) -> None:
    """What bears everything because nobody has said what it bears is no proof of room."""
    names = ("edge1", "edge2")
    nodes = {
        name: Share(1.0, share, 0.0, most)
        for name, share, most in zip(names, (0.125, 0.75), capacities, strict=True)
    }
    shown = io.StringIO()
    show_outlooks("made-up", (Outlook("nothing", nodes, 0.0),), Console(file=shown, width=120))
    assert shown.getvalue().splitlines()[-1] == f"PASS: survives the loss of any one{bounds}"
    assert "1.0 12.5%" in shown.getvalue()
    assert "1.0 75%" in shown.getvalue()


@pytest.mark.parametrize(("standby_in", "stays"), [("north", False), ("south", True)])
def test_a_site_takes_the_vips_with_it_whose_machines_stand_there(
    standby_in: str, stays: bool, tmp_path: Path
) -> None:
    """A pair in one site is lost with it; with its standby elsewhere the VIP goes on."""
    path = tmp_path / "pairs.yaml"
    north, south = {"site": "north"}, {"site": "south"}
    nodes = {
        "lb1": north,
        "lb2": {"role": "standby", "standby_of": "lb1", "site": standby_in},
        "lb3": {
            **south,
            "role": "balancer",
            "backends": ["ht1", "ht2", "ht3"],
            "vips": {"mail-b": {"ports": [25, 587]}},
        },
    }
    names = {"mail.contoso.com": ["mail", "mail-b"]}
    path.write_text(
        yaml.safe_dump({"extends": "sharepoint", "name": "p", "nodes": nodes, "names": names})
    )
    found = {each.gone: each for each in outlooks(topology_files.load(path))}
    usual, lost = found["nothing"].nodes["mail"].rate, found["site north"]
    assert lost.nodes["mail"].rate == (usual if stays else 0.0)
    assert (lost.lost == 0.0) is stays
