"""The Python API with labs of local processes: verdicts, folders, and what is left afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import smtplib
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import relaydrill
from relaydrill import Lab, Status, Step
from relaydrill.drivers.process import ProcessLab
from relaydrill.wait import wait_for
from tests.standing_lab import standing

PAGE = Path(__file__).parents[2] / "docs" / "python" / "api.md"
SHAREPOINT = relaydrill.load("sharepoint")
STEADY = relaydrill.drill(SHAREPOINT, flows="relay")
KILL = relaydrill.drill(SHAREPOINT, "kill:ht1", flows="relay")
UNACCEPTED = relaydrill.load({"extends": "sharepoint", "name": "unaccepted", "accept": []})


class Enough(OSError):
    """A caller's own error; of a kind that the API would tell in its own words."""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where folders for temporary files go."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for the tests that leave it whole."""
    folder = tmp_path_factory.mktemp("api")
    with relaydrill.lab(SHAREPOINT, directory=folder) as running:
        yield running


def programs(lab: Lab) -> list[psutil.Process]:
    """What runs a lab."""
    assert isinstance(lab, ProcessLab)
    return [psutil.Process(lab.pid(node)) for node in lab.topology.nodes]


def test_a_drill_passes_and_its_evidence_is_kept(lab: Lab) -> None:
    """A hub that is lost behind a balancer: pass, and the same when it is judged again."""
    steps: list[Step] = []
    found = relaydrill.run(lab, KILL, on_step=steps.append)
    assert found.status is Status.PASS
    account = found.flow("relay").account
    assert account["delivered"] > 100
    assert "lost" not in account
    assert found.directory == lab.directory.with_name("kill-ht1")
    assert {step.drill for step in steps} == {"kill:ht1"}
    assert relaydrill.judge(found.directory).status is Status.PASS
    assert "kill" in relaydrill.html_report(found)
    with pytest.raises(relaydrill.UsageError, match="is not empty"):
        relaydrill.run(lab, KILL, directory=found.directory)


def test_a_callback_that_fails_ends_the_drill_and_leaves_the_lab_whole(lab: Lab) -> None:
    """With the hub dead: it runs again before the caller's own error arrives, as it was raised."""
    [fault] = KILL.faults
    broken_from = fault.start_s / KILL.length_s

    def stop(step: Step) -> None:
        if step.done > broken_from + 0.05 and not lab.alive("ht1"):
            raise Enough("seen enough")

    with pytest.raises(Enough, match="seen enough"):
        relaydrill.run(lab, KILL, on_step=stop)
    assert lab.alive("ht1")
    assert relaydrill.run(lab, STEADY).status is Status.PASS


def test_runs_of_one_name_lie_side_by_side(lab: Lab, tmp_path: Path) -> None:
    """No folder is to be chosen; one that is chosen is taken."""
    steady = relaydrill.drill(SHAREPOINT, flows="relay", name="again")
    found = [relaydrill.run(lab, steady).directory.name for _ in range(2)]
    assert found == ["again", "again-2"]
    chosen = relaydrill.run(lab, steady, directory=tmp_path / "chosen")
    assert chosen.directory == tmp_path / "chosen"
    history = relaydrill.history(lab.directory.parent)
    assert {len(each.runs) for each in history.series if each.likeness.drill == "again"} == {2}


def test_who_may_relay_is_asked(lab: Lab) -> None:
    """The built-in topology's doors do as it declares."""
    found = relaydrill.policy(lab)
    assert found.status is Status.PASS
    assert found.answers


def send(lab: Lab, subject: str) -> None:
    """A message by a program that Relaydrill does not know; it tries until a server takes it."""
    to = lab.reachable("mail", 25)
    text = f"Subject: {subject}\r\n\r\n{subject}\r\n"

    def is_taken() -> bool:
        with (
            contextlib.suppress(OSError, smtplib.SMTPException),
            smtplib.SMTP(to.address, to.port) as server,
        ):
            server.sendmail("me@contoso.com", ["user@contoso.com"], text)
            return True
        return False

    wait_for(is_taken, what="a hub to take it", deadline_s=20.0)


def test_own_mail_is_accounted_for_while_a_person_breaks_things(lab: Lab) -> None:
    """Faults by hand, one within the other; what cannot be, or not beside another, is refused."""
    with relaydrill.experiment(lab) as experiment:
        with experiment.broken("kill:ht1"):
            assert not lab.alive("ht1")
            with (
                experiment.broken("tempfail.rcpt:ht2"),
                pytest.raises(relaydrill.UsageError, match="broken by kill already"),
                experiment.broken("pause:ht1"),
            ):
                pytest.fail("a dead hub was frozen")
            send(lab, "one hub is gone")
        assert lab.alive("ht1")
        with pytest.raises(relaydrill.UsageError, match="no node is called"):
            experiment.broken("kill:ht9")
        with pytest.raises(relaydrill.CapabilityMissing, match="was not injected"):
            experiment.broken("isolate:ht1").__enter__()
        found = experiment.ledger()
    assert found.accounts(relaydrill.FOREIGN) == {relaydrill.Account.DELIVERED: 1}


def test_an_exception_in_an_experiment_heals_what_it_broke(lab: Lab) -> None:
    """However deep in its blocks; and an earlier experiment's mail is not the next one's."""
    with (
        pytest.raises(Enough),
        relaydrill.experiment(lab) as experiment,
        experiment.broken("kill:ht1"),
        experiment.broken("pause:ht2"),
    ):
        raise Enough
    assert lab.alive("ht1")
    assert lab.control("ht2").answers()
    with relaydrill.experiment(lab) as experiment:
        send(lab, "all are well")
        [entry] = experiment.ledger().entries.values()
    assert entry.account is relaydrill.Account.DELIVERED


def test_labs_are_used_one_after_the_other(temporary: Path) -> None:
    """Each has its own folder, and nothing of the first is left when the second is up."""
    first, second = relaydrill.lab(UNACCEPTED), relaydrill.lab(SHAREPOINT)
    with first as one:
        left = programs(one)
        assert stat.S_IMODE(one.directory.parent.stat().st_mode) == 0o700
        broken = relaydrill.run(one, relaydrill.drill(UNACCEPTED, "kill:lb1", flows="relay"))
    assert broken.status is Status.FAIL
    assert broken.flow("relay").worst.check in ("gap", "degraded")
    with second as other:
        assert not any(each.is_running() for each in left)
        assert relaydrill.run(other, STEADY).status is Status.PASS
        with pytest.raises(relaydrill.UsageError, match="of another topology"):
            relaydrill.run(other, relaydrill.drill(relaydrill.load("twosites")))
    with pytest.raises(relaydrill.UsageError, match="with block has ended"):
        relaydrill.run(other, STEADY)
    folders = {one.directory.parent, other.directory.parent}
    assert len(folders) == 2
    assert {folder.parent for folder in folders} == {temporary}


def test_an_exception_in_the_block_takes_the_lab_down() -> None:
    """It arrives as it was raised, and nothing runs any more; nor is the lab up a second time."""
    running = []
    lab = relaydrill.lab(SHAREPOINT)
    with pytest.raises(Enough), lab as up:
        running = programs(up)
        assert all(each.is_running() for each in running)
        raise Enough
    assert running
    assert not any(each.is_running() for each in running)
    with pytest.raises(relaydrill.UsageError, match="for one with block"):
        lab.__enter__()


def test_a_lab_that_runs_already_is_broken_by_its_hooks_if_that_is_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its heal is on disk for as long as it is broken; without permission it stays whole."""
    (tmp_path / "standing").mkdir()
    with standing(tmp_path / "standing") as there:
        for name, value in there.environment.items():
            monkeypatch.setenv(name, value)
        topology = relaydrill.load(there.inventory())
        with (
            relaydrill.lab(topology, driver="attach") as lab,
            relaydrill.experiment(lab) as experiment,
            pytest.raises(relaydrill.CapabilityMissing, match="was not injected"),
            experiment.broken("kill:ht1"),
        ):
            pytest.fail("it was broken")
        with relaydrill.lab(topology, driver="attach", allow_faults=True) as lab:
            with relaydrill.experiment(lab) as experiment:
                with experiment.broken("kill:ht1"):
                    assert there.undo_records
                assert not there.undo_records
            steady = relaydrill.drill(topology, flows="relay")
            assert relaydrill.run(lab, steady).status is Status.PASS


def test_an_audit_has_a_row_for_each_loss(temporary: Path) -> None:
    """The steady state, and the hub; under one folder that nobody had to choose."""
    found = relaydrill.audit(SHAREPOINT, nodes=["ht2"], flows=["relay"], driver="simulate")
    assert [(row.drill.name, row.status) for row in found.rows] == [
        ("steady", Status.PASS),
        ("kill:ht2", Status.PASS),
    ]
    assert found.status is Status.PASS
    assert found.directory.parent == temporary
    assert relaydrill.judge_audit(found.directory).status is Status.PASS
    with pytest.raises(relaydrill.UsageError, match="use relaydrill.judge_audit"):
        relaydrill.judge(found.directory)


def test_a_callback_that_fails_ends_an_audit(temporary: Path) -> None:
    """Its labs are down when the caller's own error arrives."""

    def stop(step: Step) -> None:
        if step.done > 0:
            raise Enough("seen enough")

    before = {*psutil.Process().children(recursive=True)}
    with pytest.raises(Enough, match="seen enough"):
        relaydrill.audit(SHAREPOINT, nodes="ht2", flows="relay", on_step=stop)
    assert {*psutil.Process().children(recursive=True)} <= before


def test_the_first_program_of_the_page_needs_no_pytest(tmp_path: Path) -> None:
    """It runs as a script where pytest, click and the Docker libraries are not installed."""
    [program] = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), re.M | re.S)[:1]
    hidden = 'dict.fromkeys(("pytest", "_pytest", "click", "docker", "testcontainers"))'
    script = tmp_path / "script.py"
    script.write_text(f"import sys\nsys.modules |= {hidden}\n{program}")
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kill:ht1 pass\n")
    assert "The evidence is in /" in done.stdout
