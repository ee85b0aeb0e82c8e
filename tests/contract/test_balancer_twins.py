"""The fake balancer and HAProxy are twins: one suite holds both to the same behaviour."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.process import ProcessLab
from relaydrill.journal import Event, read_events
from relaydrill.ledger import Account
from relaydrill.topology import Topology
from relaydrill.verdict import Status
from relaydrill.wait import wait_for
from tests.mail import Mail

_HAPROXY = shutil.which("haproxy", path="/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin")
_SLACK_S = 0.25
"""Wall seconds by which a busy machine may delay a check."""

Make = Callable[..., Topology]


@pytest.fixture(
    params=[
        "fake",
        pytest.param(
            "haproxy",
            marks=pytest.mark.skipif(not _HAPROXY, reason="to run this: apt-get install haproxy"),
        ),
    ]
)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make the built-in topology with a balancer of each kind, changed as a test wants it."""

    def topology(**change: Any) -> Topology:
        path = tmp_path / "twins.yaml"
        balancer = {"kind": request.param, **change}
        document = {"extends": "sharepoint", "name": "twins", "nodes": {"lb1": balancer}}
        path.write_text(yaml.safe_dump(document))
        return topology_files.load(path)

    return topology


def sent(lab: ProcessLab, count: int, flow: str = "relay") -> Mail:
    """Send so many messages, and wait until they are all accounted for."""
    mail = Mail(lab, flow)
    mail.start()
    wait_for(lambda: len(mail.outcomes()) >= count, what=f"{count} attempts", deadline_s=20.0)
    mail.stop()
    return mail


def taken(lab: ProcessLab) -> Counter[str]:
    """How many messages each hub has taken."""
    return Counter(
        {
            hub: sum(event.kind == "accepted" for event in read_events(lab.journal(hub)))
            for hub in lab.topology.hubs
        }
    )


def beliefs(lab: ProcessLab, backend: str, state: str) -> list[Event]:
    """When the balancer came to believe something of a backend on port 25."""
    return [
        event
        for event in read_events(lab.journal("lb1"))
        if event.kind == "backend"
        and event.detail["backend"] == backend
        and event.detail["port"] == 25
        and event.detail["state"] == state
    ]


@pytest.mark.parametrize("source", ["proxy", "snat"])
def test_hubs_see_the_client_or_the_balancer(make: Make, source: str, tmp_path: Path) -> None:
    """With the PROXY protocol the hubs see the client's own address, with SNAT the balancer's."""
    with ProcessLab(make(source=source), tmp_path / "lab") as lab:
        sent(lab, 6, "submission")
        seen = {
            event.detail["client"]
            for hub in lab.topology.hubs
            for event in read_events(lab.journal(hub))
            if event.kind == "accepted"
        }
        expected = "app" if source == "proxy" else "lb1"
        assert seen == {lab.placement.seats[expected].address}


def test_round_robin_is_even(make: Make, tmp_path: Path) -> None:
    """Every hub gets its turn: of 60 messages 20, but for one."""
    with ProcessLab(make(), tmp_path / "lab") as lab:
        sent(lab, 60)
        counts = taken(lab)
        assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize("how", ["kill", "pause"])
def test_a_dead_backend_is_marked_down_in_time_and_up_again(
    make: Make, how: str, tmp_path: Path
) -> None:
    """Not before the checks in a row that it takes, and within the time that was promised."""
    topology = make()
    check = topology.balancers["lb1"].check
    with ProcessLab(topology, tmp_path / "lab") as lab:
        # A second of mail, in which every backend passes a check: until then one bad is enough.
        sent(lab, 50)
        (lab.kill if how == "kill" else lab.pause)("ht1")
        begin = read_clock(lab)
        wait_for(lambda: beliefs(lab, "ht1", "down"), what="ht1 to be down", deadline_s=10.0)
        down_s = beliefs(lab, "ht1", "down")[0].mono - begin
        earliest_s = (check.fall - 1) * check.interval / topology.clock
        assert earliest_s - 0.05 <= down_s <= check.detection_s / topology.clock + _SLACK_S
        (lab.restart if how == "kill" else lab.resume)("ht1")
        back = read_clock(lab)
        wait_for(lambda: beliefs(lab, "ht1", "up"), what="ht1 to be up", deadline_s=10.0)
        up_s = beliefs(lab, "ht1", "up")[-1].mono - back
        assert up_s <= check.recovery_s / topology.clock + _SLACK_S


def read_clock(lab: ProcessLab) -> float:
    """The time of the lab's clock."""
    return float(lab.control("mbx")("mark", mark="now"))


def test_a_drained_backend_gets_nothing_new(make: Make, tmp_path: Path) -> None:
    """Drain and maintenance keep new connections away; ready brings them back."""
    with ProcessLab(make(), tmp_path / "lab") as lab:
        balancer = lab.control("lb1")
        for state in ("drain", "maint"):
            balancer("state", backend="ht2", state=state)
            assert {e["state"] for e in balancer("backends") if e["backend"] == "ht2"} == {state}
            before = taken(lab)["ht2"]
            assert set(sent(lab, 12).accounts()) == {Account.DELIVERED}
            assert taken(lab)["ht2"] == before
        balancer("state", backend="ht2", state="ready")
        wait_for(
            lambda: all(e["state"] == "up" for e in balancer("backends")),
            what="ht2 to be up",
            deadline_s=5.0,
        )
        before = taken(lab)["ht2"]
        sent(lab, 12)
        assert taken(lab)["ht2"] > before


def test_without_any_backend_clients_are_turned_away(make: Make, tmp_path: Path) -> None:
    """When all are down a connection is closed before a banner, and journalled as unserved."""
    with ProcessLab(make(), tmp_path / "lab") as lab:
        for hub in lab.topology.hubs:
            lab.kill(hub)
        wait_for(
            lambda: all(beliefs(lab, hub, "down") for hub in lab.topology.hubs),
            what="all hubs to be down",
            deadline_s=10.0,
        )
        mail = sent(lab, 5)
        assert {event.detail["result"] for event in mail.outcomes()} == {"dropped"}
        assert {event.detail["phase"] for event in mail.outcomes()} == {"banner"}
        unserved = [e for e in read_events(lab.journal("lb1")) if e.kind == "unserved"]
        assert len(unserved) >= 5


@pytest.mark.parametrize("redispatch", [True, False])
def test_redispatch_saves_the_connection(make: Make, redispatch: bool, tmp_path: Path) -> None:
    """A refused connection goes to the next backend, if it may; nobody checks health here."""
    topology = make(check={"kind": "none"}, redispatch=redispatch)
    with ProcessLab(topology, tmp_path / "lab") as lab:
        lab.kill("ht3")
        mail = sent(lab, 30)
        failed = sum(event.detail["result"] != "accepted" for event in mail.outcomes())
        if redispatch:
            assert failed == 0
        else:
            assert abs(failed - len(mail.outcomes()) / 3) <= 1


@pytest.mark.parametrize(("kind", "sees"), [("tcp", False), ("smtp", False), ("mail", True)])
def test_only_a_check_that_says_mail_sees_back_pressure(
    make: Make, kind: str, sees: bool, tmp_path: Path
) -> None:
    """A banner and EHLO are healthy on a hub that answers 452 at MAIL."""
    found = drilled(make(check={"kind": kind}), "backpressure:ht1", tmp_path)
    degraded = found.flow("relay").check("degraded")
    assert degraded
    assert degraded.status is (Status.PASS if sees else Status.FAIL), degraded.summary
    assert "452 at mail" in degraded.summary


@pytest.mark.parametrize("sessions", ["keep", "shutdown"])
def test_sessions_of_a_backend_that_is_marked_down(
    make: Make, sessions: str, tmp_path: Path
) -> None:
    """They hang until the hub is healed, or are cut, as the design says."""
    found = drilled(make(on_marked_down=sessions), "hang:ht1", tmp_path)
    degraded = found.flow("relay").check("degraded")
    assert degraded
    told = "accepted late" if sessions == "keep" else "dropped at banner"
    other = "dropped at banner" if sessions == "keep" else "accepted late"
    assert told in degraded.summary
    assert other not in degraded.summary


def drilled(topology: Topology, fault: str, folder: Path) -> Judgement:
    """The judgement of one drill of the relay flow."""
    with ProcessLab(topology, folder / "lab") as lab:
        return run_drill(lab, plan(topology, faults=(fault,), flows=("relay",)), folder / "run")
