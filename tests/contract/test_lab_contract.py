"""The contract of a lab, whatever driver runs it: the same calls do the same to the same nodes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from relaydrill import topology_files
from relaydrill.drivers.base import (
    CanBlackhole,
    CanIsolate,
    CanKill,
    CanLoseDisk,
    CanPause,
    CanRestart,
    CanStop,
    Lab,
)
from relaydrill.drivers.catalogue import DRIVERS, SIMULATE, lab_maker
from relaydrill.errors import CapabilityMissing, ControlError, LabError
from relaydrill.faults import fault_called
from relaydrill.injection import deed_of
from relaydrill.journal import Event, read_events
from relaydrill.ledger import Account
from relaydrill.wait import wait_for
from tests.contract.conftest import murder, why_not
from tests.mail import Mail


@pytest.fixture(scope="session", params=(*DRIVERS, SIMULATE))
def driver(request: pytest.FixtureRequest) -> str:
    """Each driver that brings a lab up, by name."""
    name = str(request.param)
    if reason := why_not(name):
        pytest.skip(reason)
    return name


class Breakable(Lab, CanKill, CanStop, CanRestart, CanPause, CanBlackhole, Protocol):
    """A lab with every power that both drivers have."""


def breakable(lab: Lab) -> Breakable:
    """The lab, seen through all its powers."""
    for capability in (CanKill, CanStop, CanRestart, CanPause, CanBlackhole):
        assert isinstance(lab, capability)
    return lab  # type: ignore[return-value]


def _by(outcome: Event, node: str) -> bool:
    """Whether a node's banner began the session of an attempt."""
    return str(outcome.detail.get("server", "")).startswith(node)


def until(condition: Callable[[], Any], what: str, deadline_s: float = 20.0) -> None:
    """Wait for something in a lab."""
    wait_for(condition, what=what, deadline_s=deadline_s)


def test_every_node_answers_when_the_lab_is_up(shared_lab: Lab) -> None:
    """Within ``with`` all nodes run, answer on their control channels, and have journalled so."""
    for node in shared_lab.topology.nodes:
        assert shared_lab.alive(node)
        assert shared_lab.control(node)("ping") == node
        assert "ready" in {event.kind for event in read_events(shared_lab.journal(node))}
    assert shared_lab.deaths() == []


def test_balancers_believe_in_their_backends_when_the_lab_is_up(shared_lab: Lab) -> None:
    """The first message of a drill finds the whole tier."""
    states = shared_lab.control("lb1")("backends")
    assert {each["backend"] for each in states} == {"ht1", "ht2", "ht3"}
    assert {each["state"] for each in states} == {"up"}


@pytest.mark.parametrize("flow", ["relay", "submission"])
def test_mail_goes_from_the_sender_to_the_mailbox(shared_lab: Lab, flow: str) -> None:
    """On 25 as on 587 every message is accepted, and arrives once."""
    mail = Mail(shared_lab, flow)
    mail.start()
    until(lambda: mail.accepted() >= 30, "thirty messages to be accepted")
    mail.stop()
    accounts = mail.accounts()
    assert set(accounts) == {Account.DELIVERED}


def test_a_journal_holds_all_that_was_written_by_now(shared_lab: Lab) -> None:
    """What a node has journalled is in the file as soon as the file is asked for."""
    for number in range(50):
        shared_lab.control("ht1")("queue")
        found = [e for e in read_events(shared_lab.journal("ht1")) if e.kind == "queue"]
        assert len(found) >= number + 1


def test_a_name_that_is_no_node_is_a_journal_of_the_harness(shared_lab: Lab) -> None:
    """Whoever drives the lab may journal beside the nodes."""
    path = shared_lab.journal("harness")
    assert path.parent == shared_lab.journal("ht1").parent


def test_what_cannot_be_done_is_refused_in_words(shared_lab: Lab) -> None:
    """A running node cannot be started, and what is not there cannot be killed."""
    lab = breakable(shared_lab)
    with pytest.raises(LabError, match="ht1 is running already"):
        lab.restart("ht1")
    with pytest.raises(LabError, match="ht9"):
        lab.kill("ht9")


def test_a_killed_node_keeps_every_promise(own_lab: Lab) -> None:
    """After a kill under load its journal has a line for every 250, and a restart delivers all."""
    lab = breakable(own_lab)
    lab.kill("mbx")  # so that the queues fill
    mail = Mail(lab)
    mail.start()
    until(lambda: mail.accepted() >= 60, "the queues to fill")
    lab.kill("ht1")
    assert not lab.alive("ht1")
    with pytest.raises(ControlError):
        lab.control("ht1")("ping", timeout_s=2.0)
    mail.stop()
    with pytest.raises(LabError, match="ht1 is not running"):
        lab.kill("ht1")
    promised = {e.message for e in read_events(lab.journal("ht1")) if e.kind == "accepted"}
    told = {
        e.message for e in mail.outcomes() if e.detail["result"] == "accepted" and _by(e, "ht1")
    }
    assert told
    assert told <= promised
    lab.restart("mbx")
    lab.restart("ht1")
    accounts = mail.accounts()
    assert accounts[Account.DELIVERED] >= 60
    assert not {Account.LOST, Account.QUEUED, Account.PHANTOM} & set(accounts)
    assert lab.deaths() == []


def test_a_node_ends_in_good_order_and_comes_back(own_lab: Lab) -> None:
    """Told to stop, a node says so in its journal, and is the same one after its restart."""
    lab = breakable(own_lab)
    lab.stop("ht2")
    assert not lab.alive("ht2")
    assert [e.kind for e in read_events(lab.journal("ht2"))][-1] == "stopping"
    lab.restart("ht2")
    assert lab.control("ht2")("ping") == "ht2"
    assert [e.kind for e in read_events(lab.journal("ht2"))].count("ready") == 2
    assert lab.deaths() == []


def test_a_paused_node_is_silent_and_goes_on(own_lab: Lab) -> None:
    """A frozen node answers nobody and still counts as alive; afterwards it is as it was."""
    lab = breakable(own_lab)
    lab.pause("ht1")
    assert lab.alive("ht1")
    assert not lab.control("ht1").answers()
    assert lab.journal("ht1").exists()
    lab.resume("ht1")
    until(lab.control("ht1").answers, "ht1 to answer again")
    assert [e.kind for e in read_events(lab.journal("ht1"))].count("ready") == 1


def test_a_black_hole_answers_nothing_and_refuses_nothing(own_lab: Lab) -> None:
    """Connecting to a host that is gone times out; brought back, it takes mail again."""
    lab = breakable(own_lab)
    lab.blackhole("lb1")
    mail = Mail(lab)
    mail.start()
    until(lambda: len(mail.outcomes()) >= 5, "attempts to fail")
    mail.stop()
    assert {event.detail["result"] for event in mail.outcomes()} == {"unreachable"}
    assert not any("refused" in str(e.detail.get("reason")) for e in mail.outcomes()[:5])
    lab.unblackhole("lb1")
    again = Mail(lab)
    again.start()
    until(lambda: again.accepted() >= 10, "mail to flow again")
    again.stop()
    assert again.accounts()[Account.DELIVERED] >= 10


@pytest.mark.parametrize("kind", ["kill", "stop", "lost-disk", "pause", "blackhole", "isolate"])
def test_healing_leaves_a_whole_node_as_it_is(shared_lab: Lab, kind: str) -> None:
    """Whoever was cut short before anything broke may heal, and heal again: the node goes on."""
    if kind == "isolate" and not isinstance(shared_lab, CanIsolate):
        pytest.skip("processes cannot be cut off; containers are")
    began = [e for e in read_events(shared_lab.journal("ht1")) if e.kind == "ready"]
    deed = deed_of(shared_lab, fault_called(kind))
    deed.heal(shared_lab, "ht1")
    deed.heal(shared_lab, "ht1")
    assert shared_lab.control("ht1")("ping") == "ht1"
    assert [e for e in read_events(shared_lab.journal("ht1")) if e.kind == "ready"] == began


def test_a_lost_disk_is_an_empty_queue(own_lab: Lab) -> None:
    """What a hub could not pass on is gone when it is back; another keeps its own."""
    deed = deed_of(own_lab, fault_called("lost-disk"))
    if not isinstance(own_lab, CanLoseDisk):
        with pytest.raises(CapabilityMissing, match="cannot lose the disk of ht1"):
            deed.inject(own_lab, "ht1")
        return
    lab = breakable(own_lab)
    lab.pause("mbx")
    mail = Mail(lab)
    mail.start()
    until(
        lambda: all(lab.control(hub)("queue_length") for hub in ("ht1", "ht2")), "mail to be queued"
    )
    mail.stop()
    deed.inject(lab, "ht1")
    assert not lab.alive("ht1")
    deed.heal(lab, "ht1")
    assert lab.control("ht1")("queue_length") == 0
    assert lab.control("ht2")("queue_length")
    lab.resume("mbx")


def test_an_isolated_node_runs_on(own_lab: Lab) -> None:
    """Cut off, a hub keeps what it has, and delivers it when it is connected again."""
    if not isinstance(own_lab, CanIsolate):
        with pytest.raises(CapabilityMissing, match=f"{own_lab.driver} driver cannot isolate ht1"):
            deed_of(own_lab, fault_called("isolate")).inject(own_lab, "ht1")
        return
    lab = breakable(own_lab)
    before = lab.placement.seats["ht1"].address
    own_lab.isolate("ht1")
    assert lab.alive("ht1")
    mail = Mail(lab)
    mail.start()
    until(lambda: mail.accepted() >= 20, "the other hubs to take mail")
    own_lab.rejoin("ht1")
    assert lab.control("ht1")("ping") == "ht1"
    assert lab.placement.seats["ht1"].address == before
    mail.stop()
    assert not {Account.LOST, Account.QUEUED, Account.PHANTOM} & set(mail.accounts())


def test_a_death_that_nobody_ordered_is_told(own_lab: Lab) -> None:
    """A node that ends by itself is told of with how; one that was told to end is not."""
    lab = breakable(own_lab)
    lab.kill("ht3")
    assert lab.deaths() == []
    murder(lab, "ht2")
    until(lambda: lab.deaths(), "the death to be noticed")
    assert len(lab.deaths()) == 1
    assert lab.deaths()[0].startswith("ht2: ")


def test_two_labs_do_not_disturb_each_other(driver: str, shared_lab: Lab, tmp_path: Path) -> None:
    """A node that is killed in one lab goes on in the other; a thread simulates one at a time."""
    if driver == SIMULATE:
        other_lab = lab_maker(driver)(shared_lab.topology, tmp_path / "other")
        with pytest.raises(LabError, match="already"), other_lab:
            pytest.fail("a second world began in this thread")
        assert shared_lab.control("ht1")("ping") == "ht1"
        return
    with lab_maker(driver)(shared_lab.topology, tmp_path / "other") as other:
        theirs = {seat.address for seat in other.placement.seats.values()}
        assert not theirs & {seat.address for seat in shared_lab.placement.seats.values()}
        breakable(other).kill("ht1")
        assert shared_lab.control("ht1")("ping") == "ht1"


def test_nothing_is_left_of_a_lab(driver: str, tmp_path: Path) -> None:
    """After ``with`` no node answers any more, whatever state it was in."""
    with lab_maker(driver)(topology_files.load("sharepoint"), tmp_path / "gone") as lab:
        breakable(lab).pause("ht1")
        breakable(lab).kill("ht2")
        channels = {node: lab.control(node) for node in lab.topology.nodes}
    assert [node for node, channel in channels.items() if channel.answers()] == []
    with pytest.raises(ControlError, match="ht3"):
        channels["ht3"]("ping", timeout_s=2.0)
