"""Real Postfix and Exim as the application's own mail server, behind a relay tier that breaks."""

from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_relaydrill.asserting import assert_passed
from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.errors import LabError, TopologyError
from relaydrill.journal import read_events
from relaydrill.ledger import Account
from relaydrill.planning import shares
from relaydrill.topology import Topology
from relaydrill.verdict import Status, interval
from tests.docker_engine import why_no_docker

needs_senders = pytest.mark.skipif(
    bool(why_no_docker("postfix", "exim")), reason=why_no_docker("postfix", "exim")
)

FLOWS = {
    "postfix": {"from": "pf", "to": "mail.contoso.com", "rate": "20/s"},
    "exim": {"from": "ex", "to": "mail.contoso.com", "rate": "10/s"},
}


def topology(folder: Path, flows: dict[str, Any] = FLOWS, **balancer: Any) -> Topology:
    """Two real mail servers that send to a VIP before three hubs."""
    check = {"kind": "smtp", "interval": "2s", "timeout": "1s", "fall": 3, "rise": 2}
    path = folder / "senders.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "name": "sending-mtas",
                "clock": 20,
                "nodes": {
                    **{hub: {"role": "hub"} for hub in ("ht1", "ht2", "ht3")},
                    "lb1": {
                        "role": "balancer",
                        "backends": ["ht1", "ht2", "ht3"],
                        "vips": {"mail": {"ports": [25]}},
                        "check": check,
                        **balancer,
                    },
                    "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
                    "pf": {"role": "sender", "kind": "postfix"},
                    "ex": {"role": "sender", "kind": "exim"},
                },
                "names": {"mail.contoso.com": "mail"},
                "connectors": {"relay": {"port": 25, "remote": ["pf", "ex"], "relay": True}},
                "flows": flows,
                "expect": {"gap": "30s"},
            }
        )
    )
    return topology_files.load(path)


def drill(
    folder: Path, design: Topology, *faults: str, settle: bool = True, **options: Any
) -> Judgement:
    """Run one drill on a lab of its own; without ``settle`` nobody waits for the queues."""
    planned = plan(design, faults=faults, **options)
    if not settle:
        planned = dataclasses.replace(planned, settle_s=0.0)
    with DockerLab(design, folder / "lab") as lab:
        return run_drill(lab, planned, folder / "run")


@needs_senders
def test_real_senders_ride_out_a_refusing_hub(tmp_path: Path) -> None:
    """Where the balancer goes on to the next hub, neither program notices that one refuses."""
    found = drill(tmp_path, topology(tmp_path, redispatch=True), "refuse:ht1")
    assert_passed(found)
    for flow in FLOWS:
        assert set(found.ledger.accounts(flow)) == {Account.DELIVERED}


@needs_senders
def test_postfix_tries_again_what_a_dying_hub_dropped(tmp_path: Path) -> None:
    """Without redispatch the dead hub's share fails once, is queued by Postfix, and arrives.

    Every try is an attempt of the journal, so the same message has one that failed and one that
    was accepted, at least its retry time apart.
    """
    found = drill(tmp_path, topology(tmp_path), "kill:ht1", flows=("postfix",))
    assert set(found.ledger.accounts("postfix")) <= {Account.DELIVERED, Account.DUPLICATED}
    again = [entry for entry in found.ledger.of_flow("postfix") if len(entry.attempts) > 1]
    assert again
    for entry in again:
        first, *_, last = entry.attempts
        assert not first.accepted
        assert last.accepted
        assert last.started - first.started > 300.0 / 20 / 2  # Postfix's queue scan, on the clock


@needs_senders
def test_one_lost_connection_silences_an_exim_with_one_smart_host(tmp_path: Path) -> None:
    """Exim's retry data are of the host: after one cut it leaves the VIP alone for its retry time.

    The VIP answers all the time and Postfix's mail flows; the gap of Exim's is a finding. Without
    checks the balancer goes on to give out the dead hub, so that Exim is sure to meet it.
    """
    design = topology(tmp_path, check={"kind": "none"})
    found = drill(tmp_path, design, "kill:ht1", settle=False)
    exim = found.flow("exim")
    gap = exim.check("gap")
    assert gap
    assert gap.status is Status.FAIL
    reasons = {attempt.reason for attempt in found.ledger.attempts("exim")}
    assert any(reason.startswith("not tried: retry time not reached") for reason in reasons)
    kept = set(found.ledger.accounts("exim")) - {Account.DELIVERED, Account.DUPLICATED}
    assert kept == {Account.NOT_ACCEPTED}  # Exim queues them, and has told nobody otherwise


@needs_senders
def test_a_real_sender_without_anywhere_to_send_keeps_its_mail(tmp_path: Path) -> None:
    """With the balancer gone nothing is accepted and nothing is lost: it waits with the senders."""
    design = topology(tmp_path, flows={"postfix": FLOWS["postfix"]})
    with DockerLab(design, tmp_path / "lab") as lab:
        lab.kill("lb1")
        planned = dataclasses.replace(plan(design), settle_s=0.0)
        found = run_drill(lab, planned, tmp_path / "run")
        assert found.status is not Status.PASS
        assert set(found.ledger.accounts("postfix")) == {Account.NOT_ACCEPTED}
        assert lab.control("pf")("queue_length") == len(list(found.ledger.of_flow("postfix")))
        queues = [e for e in read_events(lab.journal("pf")) if e.kind == "queue"]
        assert {message for message, _ in queues[-1].detail["items"]} == {
            entry.message for entry in found.ledger.of_flow("postfix")
        }


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        ({**FLOWS["exim"], "from": "pf", "to": "ht1"}, "one smart host for all its flows"),
        ({**FLOWS["postfix"], "persona": "mail_client"}, "sends as that does"),
    ],
)
def test_a_flow_that_a_real_sender_cannot_send_is_refused(
    flow: dict[str, str], words: str, tmp_path: Path
) -> None:
    """A real program has no persona but its own, and one smart host."""
    with pytest.raises(TopologyError, match=words):
        topology(tmp_path, flows={**FLOWS, "wrong": flow})


def test_a_real_sender_wants_a_container(tmp_path: Path) -> None:
    """On the process driver it is refused in words, before anything starts."""
    from relaydrill.drivers.process import ProcessLab

    with pytest.raises(LabError, match="ex, pf: a node of kind exim or postfix wants a machine"):
        ProcessLab(topology(tmp_path), tmp_path / "lab").__enter__()


@needs_senders
def test_real_programs_pick_servers_as_their_personas_do(tmp_path: Path) -> None:
    """A zone that tells hosts from addresses: Postfix gives thirds, Exim a half and two quarters.

    The shares are those of the arithmetic of `relaydrill.planning`, within exact intervals that
    miss one in a thousand. The rate is low, for a Postfix with a backlog sends on over connections
    that are open, and so to whichever server is the slowest (CONNECTION_CACHE_README).
    """
    path = tmp_path / "zone.yaml"
    flow = {"to": "contoso.com", "rate": "8/s"}
    path.write_text(
        yaml.safe_dump(
            {
                "name": "lopsided",
                "clock": 10,
                "nodes": {
                    **{f"edge{n}": {"role": "edge"} for n in (1, 2, 3)},
                    "ht1": {"role": "hub"},
                    "mbx": {"role": "mailbox", "domains": ["contoso.com"]},
                    "ns1": {"role": "dns"},
                    "pf": {"role": "sender", "kind": "postfix"},
                    "ex": {"role": "sender", "kind": "exim"},
                },
                "zones": {
                    "contoso.com": {
                        "mx": [
                            {"host": "maila.contoso.com", "addresses": ["edge1", "edge2"]},
                            {"host": "mailb.contoso.com", "addresses": ["edge3"]},
                        ]
                    }
                },
                "flows": {"postfix": {**flow, "from": "pf"}, "exim": {**flow, "from": "ex"}},
                "expect": {"gap": "60s"},
            }
        )
    )
    design = topology_files.load(path)
    planned = dataclasses.replace(plan(design), length_s=350.0)
    with DockerLab(design, tmp_path / "lab") as lab:
        found = run_drill(lab, planned, tmp_path / "run")
    assert_passed(found)
    for flow_name in ("postfix", "exim"):
        counts = Counter(attempt.choice for attempt in found.ledger.attempts(flow_name))
        total = counts.total()
        assert total > 200
        for node, share in shares(design, flow_name, frozenset()).items():
            low, high = interval(counts[node], total, 0.001)
            assert low <= share <= high, f"{flow_name}: {node} {counts[node]} of {total}"
