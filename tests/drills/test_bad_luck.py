"""Bad luck: full disks, ports in use, no privileges, and a harness that dies at any moment."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from relaydrill import topology_files
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.judge import judge
from relaydrill.drills.runner import run_drill
from relaydrill.drivers.configure import configure
from relaydrill.drivers.process import ProcessLab
from relaydrill.drivers.simulate import lab as simulated
from relaydrill.journal import read_events
from relaydrill.ledger import Account
from relaydrill.process_identity import ProcessIdentity
from relaydrill.wait import wait_for
from tests.leftovers import processes_in
from tests.mail import Mail

_RUN = [sys.executable, "-c", "from relaydrill.cli import main; main()"]
_ROOT_ONLY = pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("unshare"),
    reason="needs root and unshare, for a namespace of its own; run the tests as root",
)


def test_a_full_queue_refuses_and_never_loses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hubs whose disks fill up while the mailbox server is dead answer 452; nothing is lost."""

    def cramped(*arguments: Any) -> dict[str, Any]:
        made = configure(*arguments)
        hubs = ("ht1", "ht2", "ht3")
        return {n: {**each, "queue_pages": 24} if n in hubs else each for n, each in made.items()}

    monkeypatch.setattr(simulated, "configure", cramped)
    topology = topology_files.load("sharepoint")
    with simulated.SimulatedLab(topology, tmp_path / "lab") as lab:
        drill = plan(topology, faults=("kill:mbx",), flows=("relay",))
        found = run_drill(lab, drill, tmp_path / "run")
    accounts = found.ledger.accounts("relay")
    assert accounts[Account.REFUSED] > 0
    assert set(accounts) == {Account.DELIVERED, Account.REFUSED}
    degraded = found.flow("relay").check("degraded")
    assert degraded
    assert "452 at reply" in degraded.summary


def inside(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a drill in namespaces of its own, after a preparation by the shell."""
    command = " ".join([*map(_quoted, _RUN), *map(_quoted, arguments)])
    return subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", f"ip link set lo up; {script}; {command}"],
        cwd=folder,
        env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def _quoted(word: str) -> str:
    return "'" + word.replace("'", "'\\''") + "'"


@_ROOT_ONLY
def test_a_full_disk_under_the_run_directory_is_told(tmp_path: Path) -> None:
    """The harness cannot write its journals: a clear line, status 4, and no process is left."""
    full = tmp_path / "full"
    full.mkdir()
    done = inside(
        tmp_path,
        f"mount -t tmpfs -o size=200k none {full}",
        *("drill", "sharepoint", "--fault", "kill:ht1", "--out", str(full / "run")),
    )
    assert done.returncode == 4, done.stdout + done.stderr
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert nodes_of(tmp_path) == []


@_ROOT_ONLY
def test_a_port_in_use_on_every_address_is_gone_around(tmp_path: Path) -> None:
    """A mail server of the machine's own does not keep a lab from starting; a note says where."""
    server = (
        "import socket, time; s = socket.create_server(('0.0.0.0', 25)); "
        "print('there', flush=True); time.sleep(90)"
    )
    listen = f"{_quoted(sys.executable)} -c {_quoted(server)} > {tmp_path}/there & mine=$!; "
    wait = f"until grep -q there {tmp_path}/there; do :; done; trap 'kill $mine' EXIT"
    done = inside(tmp_path, listen + wait, "drill", "sharepoint", "--flow", "relay", "--out", "run")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "another program already listens on port 25 of every address" in done.stdout


@pytest.mark.skipif(
    os.geteuid() != 0 or not shutil.which("setpriv"),
    reason="needs root, to give a privilege up; run the tests as root",
)
def test_who_may_not_bind_low_ports_drills_on_mapped_ones(tmp_path: Path) -> None:
    """Without the privilege 25 and 587 stand on other ports: the drill passes and says so."""
    drop = ["setpriv", "--bounding-set=-net_bind_service", "--inh-caps=-net_bind_service"]
    done = subprocess.run(
        [*drop, *_RUN, "drill", "sharepoint", "--fault", "kill:ht1", "--out", "run"],
        cwd=tmp_path,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "this user may not bind ports below 1024" in done.stdout


def test_kills_under_load_break_no_promise(tmp_path: Path) -> None:
    """Killed ten times at any moment under load, a hub's journal has every 250 it gave."""
    chance = random.Random(25)
    with ProcessLab(topology_files.load("sharepoint"), tmp_path / "lab") as lab:
        mail = Mail(lab, rate=200.0)
        mail.start()
        for round_number in range(10):
            hub = chance.choice(list(lab.topology.hubs))
            enough = mail.accepted() + chance.randint(5, 40)
            wait_for(
                lambda enough=enough: mail.accepted() >= enough,  # type: ignore[misc]
                what=f"mail to flow in round {round_number}",
                deadline_s=20.0,
            )
            lab.kill(hub)
            lab.restart(hub)
        mail.stop()
        accounts = mail.accounts()
        promised = {
            event.message
            for hub in lab.topology.hubs
            for event in read_events(lab.journal(hub))
            if event.kind == "accepted"
        }
        told = {e.message for e in mail.outcomes() if e.detail["result"] == "accepted"}
        assert told <= promised
        assert not {Account.LOST, Account.PHANTOM, Account.ALTERED, Account.QUEUED} & set(accounts)


def test_a_node_that_ends_at_once_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is gone before it can be woken to hear of its end has ended, and that is all."""
    killpg = os.killpg

    def and_is_gone(pid: int, number: signal.Signals) -> None:
        killpg(pid, number)
        if number is signal.SIGTERM:
            wait_for(lambda: not psutil.pid_exists(pid), what="its end", deadline_s=10.0)

    with ProcessLab(topology_files.load("sharepoint"), tmp_path / "lab") as lab:
        monkeypatch.setattr(os, "killpg", and_is_gone)
        lab.stop("ht1")
        monkeypatch.undo()
        assert not lab.alive("ht1")
        lab.restart("ht1")


def nodes_of(folder: Path) -> list[psutil.Process]:
    """Processes noted down in a folder's registry that still run."""
    return list(_noted(folder))


def _noted(folder: Path) -> Iterator[psutil.Process]:
    for record in (folder / "state").rglob("*.json"):
        for noted in json.loads(record.read_text())["processes"]:
            if found := ProcessIdentity(noted["pid"], noted["born"], noted["table"]).find():
                yield found


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("moment", range(4))
def test_a_harness_that_ends_at_any_moment_leaves_nothing(
    number: signal.Signals, moment: int, tmp_path: Path
) -> None:
    """Killed or interrupted at a random moment of a drill: no node lives on, journals can be read.

    What a kill -9 leaves in the registry, ``clean`` tidies up once and for all.
    """
    after_s = random.Random(f"{number}{moment}").uniform(0.1, 4.0)
    drill = subprocess.Popen(
        [*_RUN, "drill", "sharepoint", "--fault", "kill:ht1", "--out", "run"],
        cwd=tmp_path,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        drill.wait(after_s)
    except subprocess.TimeoutExpired:
        drill.send_signal(number)
    try:
        said, errors = drill.communicate(timeout=30)
    finally:
        drill.kill()
    assert "Traceback" not in errors
    wanted = (-9,) if number is signal.SIGKILL else (130, -number)
    assert drill.returncode in wanted, said + errors
    cleaned = subprocess.run(
        [*_RUN, "clean"],
        cwd=tmp_path,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "Traceback" not in cleaned.stderr
    assert nodes_of(tmp_path) == []
    assert processes_in(tmp_path) == []  # what no record tells of, either
    for journal in tmp_path.rglob("*.jsonl"):
        list(read_events(journal))


def test_a_run_that_was_cut_short_is_judged_unknown(tmp_path: Path) -> None:
    """A run directory without its end proves nothing: never a pass."""
    topology = topology_files.load("sharepoint")
    with simulated.SimulatedLab(topology, tmp_path / "lab") as lab:
        drill = plan(topology, faults=("kill:ht1",), flows=("relay",))
        run_drill(lab, drill, tmp_path / "run")
    for journal in (tmp_path / "run" / "journals").glob("*.jsonl"):
        text = journal.read_bytes()
        journal.write_bytes(text[: len(text) // 4])
    assert judge(tmp_path / "run").status != "pass"
