"""A sender whose load is shared: what a topology may say of it, and what a drill makes of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from tests.histories import History
from tests.unit.test_checks import KILL, PASS, UNKNOWN, case, drilled, found

from relaydrill import topology_files
from relaydrill.drills.checks import run_checks
from relaydrill.drivers.docker.compose import compose_file
from relaydrill.errors import LabError, TopologyError
from relaydrill.journal import Event
from relaydrill.ledger import Account, join
from relaydrill.verdict import Status


def shared(folder: Path, **app: object) -> Path:
    """The built-in topology, with something said of its application server."""
    path = folder / "shared.yaml"
    path.write_text(
        yaml.safe_dump({"extends": "sharepoint", "name": "shared", "nodes": {"app": app}})
    )
    return path


def test_a_master_listens_on_this_machine_alone_unless_told_otherwise(tmp_path: Path) -> None:
    """What master and workers speak is open to whoever reaches the port."""
    design = topology_files.load(shared(tmp_path, load={"workers": 2}))
    load = design.senders["app"].load
    assert load
    assert (load.workers, load.address, load.port) == (2, "127.0.0.1", 5557)


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ({"load": {"workers": 0}}, "0 is too small"),
        ({"load": {"workers": 2, "address": "here"}}, "'here' is not an address"),
        ({"load": {"workers": 2}, "kind": "exim"}, "shares its load with no worker"),
    ],
)
def test_a_load_that_cannot_be_shared_is_refused(
    app: dict[str, object], words: str, tmp_path: Path
) -> None:
    """No workers, no address, and a real program that sends by itself."""
    with pytest.raises(TopologyError, match=words):
        topology_files.load(shared(tmp_path, **app))


def test_a_docker_lab_refuses_it_in_words(tmp_path: Path) -> None:
    """Its images have no Locust; that is said before anything starts."""
    path = shared(tmp_path, load={"workers": 2})
    with pytest.raises(LabError, match="app shares its load among Locust workers"):
        compose_file(topology_files.load(path), str(path), subnet="10.9.0.0/24", mounted=True)


class TestTheAccount:
    """What a drill comes to where a worker took part."""

    def test_attempts_of_a_dead_worker_are_unknown_and_blame_nobody(self) -> None:
        """They fail no check: nobody knows what the tier said. The worker is named."""
        history = drilled()
        for number in range(3):
            history.attempt(f"<x{number}@app>", None, at=1.0 + number / 100)
        history.write("app", "worker", worker="w1_3f9c21", state="gone", at=3.0)
        harness = found(case(history, KILL), "harness")
        assert harness
        assert harness.status is UNKNOWN
        assert "3 attempts have no outcome" in harness.summary
        assert "w1_3f9c21" in harness.summary
        checked = {each.check: each.status for each in run_checks(case(history, KILL))}
        assert Status.FAIL not in checked.values()
        assert join(history.events).accounts("relay")[Account.UNKNOWN] == 3

    def test_a_failure_beside_them_is_unknown(self) -> None:
        """In a steady state they might be the cause of it, and the verdict says so."""
        history = History()
        history.delivered("<1@app>", at=1.0)
        history.attempt("<2@app>", None, at=2.0)
        steady = next(each for each in run_checks(case(history)) if each.check == "steady")
        assert steady.status is UNKNOWN
        assert "the senders of 1 attempts ended first" in steady.summary

    def test_the_road_to_a_worker_counts_as_lateness_and_not_as_the_tier_s_slowness(self) -> None:
        """Twenty seconds on the way there and back: the message was accepted at once, but late."""
        history = History()
        history.delivered("<1@app>", at=1.0)
        history.attempt("<2@app>", at=2.0, took=20.001)
        last = history.events.pop()
        slow = {**last.detail, "slack_s": 20.0}
        history.events.append(
            Event(last.mono, last.wall, last.node, last.kind, last.message, last.recipient, slow)
        )
        steady = found(case(history), "steady")
        harness = found(case(history), "harness")
        assert steady
        assert harness
        assert steady.status is PASS
        assert harness.figures["late_ms"] == 20_000.0
