"""A Docker lab on Podman's socket: what is claimed of it is done to its nodes, and is undone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.docker import leftovers
from relaydrill.drivers.docker.lab import DockerLab
from relaydrill.faults import FAULTS, MachineFault, Power, breaks_nothing
from relaydrill.injection import deed_of
from relaydrill.ledger import Account
from relaydrill.verdict import Status
from relaydrill.wait import wait_for
from tests.docker_engine import TWO_HUBS, why_no_docker
from tests.mail import Mail
from tests.podman import podman, why_no_podman

_WHY_NOT = why_no_docker("node") or why_no_podman()

pytestmark = [
    pytest.mark.skipif(bool(_WHY_NOT), reason=_WHY_NOT or "there is Podman"),
    pytest.mark.timeout(300),
]


@pytest.fixture(name="url", scope="module")
def a_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where Podman answers; it is the engine, as a user says it."""
    with podman() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", url)
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield url


@pytest.fixture(name="lab", scope="module")
def a_lab(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerLab]:
    """A lab in its containers, of which nothing is left in the end."""
    design = TWO_HUBS.replace("NAME", "pod").replace("gap: 60s", "gap: 60s, late: 150s")
    with DockerLab(
        topology_files.parse(design, "x"), tmp_path_factory.mktemp("pod") / "lab"
    ) as lab:
        yield lab
    with closing(docker.DockerClient(base_url=url)) as engine:
        assert engine.containers.list(all=True) == []
        assert [each for each in engine.networks.list() if "relaydrill" in str(each.name)] == []


def test_every_fault_of_a_machine_is_done_and_healed(lab: DockerLab, url: str) -> None:
    """Broken, a node is reached by nobody; healed, it takes mail where it was; none is lost.

    Meanwhile ``clean`` sees that the lab is in use.
    """
    faults = [
        each
        for each in FAULTS.values()
        # What a container's disk held is there again when it is started: no lab loses it.
        if isinstance(each, MachineFault) and each.power is not Power.LOSE_DISK
    ]
    mail = Mail(lab)
    mail.start()
    for fault in (each for each in faults if not breaks_nothing(each)):
        where, deed = str(lab.reachable("ht1", 2500)), deed_of(lab, fault)
        deed.inject(lab, "ht1")
        assert not lab.control("ht1").answers(), fault.kind
        deed.heal(lab, "ht1")
        wait_for(lab.control("ht1").answers, what=f"ht1 after {fault.kind}", deadline_s=20)
        assert str(lab.reachable("ht1", 2500)) == where
        assert lab.deaths() == []
    with closing(docker.DockerClient(base_url=url)) as engine:
        removed, kept = leftovers.clean(engine)
    assert (removed, [each.lab for each in kept]) == ([], ["pod"])
    mail.stop()
    assert mail.accepted() > 0
    assert not {Account.LOST, Account.QUEUED, Account.PHANTOM} & {*mail.accounts()}


def test_a_drill_that_cuts_a_node_off_passes(lab: DockerLab, tmp_path: Path) -> None:
    """The node was silent, and had its share again: neither unknown nor a fail."""
    found = run_drill(lab, plan(lab.topology, faults=("isolate:ht1",)), tmp_path / "run")
    assert found.status is Status.PASS, [each.doubtful for each in found.flows]
