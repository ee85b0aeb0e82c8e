"""The command line as a person meets it: statuses, streams, interruption, and what is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from relaydrill import topology_files
from relaydrill.wait import wait_for
from tests.documents import misfits, misfits_of_run

_RUN = [sys.executable, "-c", "from relaydrill.cli import main; main()"]


def run(folder: Path, *arguments: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder of its own, and check its exit status."""
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    done = subprocess.run(
        [*_RUN, *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a command that goes on until it is ended."""
    environment = {**os.environ, "XDG_STATE_HOME": str(folder / "state")}
    return subprocess.Popen(
        [*_RUN, *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def nodes_of(folder: Path) -> list[psutil.Process]:
    """Processes noted down in a folder's registry that still run."""
    found = []
    for record in (folder / "state").rglob("*.json"):
        for noted in json.loads(record.read_text())["processes"]:
            if psutil.pid_exists(noted["pid"]):
                found.append(psutil.Process(noted["pid"]))
    return found


def test_an_audit_of_one_node_passes_and_can_be_judged_again(tmp_path: Path) -> None:
    """``audit --json`` prints one document; ``judge`` says the same from the directory alone.

    It fits its schema, and so does every file that the audit has left.
    """
    done = run(tmp_path, "audit", "--node", "ht1", "--out", "out", "--json")
    document = json.loads(done.stdout)
    assert misfits(document) == []
    assert misfits(json.loads((tmp_path / "out" / "audit.json").read_text())) == []
    for row in ("steady", "kill-ht1"):
        assert misfits_of_run(tmp_path / "out" / row) == []
    assert document["status"] == "pass"
    assert [row["drill"] for row in document["rows"]] == ["steady", "kill:ht1"]
    again = json.loads(run(tmp_path, "judge", "out", "--json").stdout)
    assert again == document
    one = run(tmp_path, "judge", "out/kill-ht1")
    assert "PASS" in one.stdout


def test_a_drill_that_fails_exits_with_1_and_names_the_check(tmp_path: Path) -> None:
    """A failed check is status 1, with its evidence on standard output."""
    done = run(tmp_path, "drill", "--fault", "backpressure:ht1", "--flow", "relay", status=1)
    assert "452 at mail" in done.stdout
    assert "FAIL" in done.stdout


def test_a_drill_that_proves_nothing_exits_with_3(tmp_path: Path) -> None:
    """What could not be injected is unknown, and status 3."""
    done = run(tmp_path, "drill", "--fault", "isolate:lb1", "--flow", "relay", status=3)
    assert "not injected" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit", "nowhere"], "nowhere"),
        (["audit", "--node", "ht9"], "nothing of the tier is called 'ht9'"),
        (["audit", "--flow", "fax"], "no flow is called 'fax'"),
        (["drill", "--fault", "melt:ht1"], "no fault is called 'melt'"),
        (["drill", "--fault", "kill:app"], "app only sends mail; break what the mail passes"),
        (["drill", "--fault", "hang:lb1"], "lb1 is a balancer"),
        (["drill", "--fault", "kill:ht1", "--fault", "kill:ht1"], "ht1 is broken twice at once"),
        (["drill", "--fault", "kill:ht1+soon"], "not a duration"),
        (["drill", "--fault", "tempfail.lunch:ht1"], "'lunch' is no phase"),
        (["judge", "."], "is no run directory"),
        (["audit", "--html", "no/such.html"], "no/such.html cannot be written"),
        (["drill", "--html", "."], "is a directory"),
        (["audit", "--driver", "magic"], "magic"),
    ],
)
def test_wrong_input_exits_with_2_and_says_what_is_allowed(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    """A user's mistake is status 2 and a sentence, never a traceback; nothing is started."""
    done = run(tmp_path, *arguments, status=2)
    assert said in done.stderr
    assert not (tmp_path / "relaydrill-runs").exists()


def test_a_broken_file_shows_every_mistake_with_its_line(tmp_path: Path) -> None:
    """All problems of a topology come at once, each with file and line."""
    (tmp_path / "bad.yaml").write_text(
        "name: bad\nclock: 0\nnodes:\n"
        "  lb1: {role: balancer, backends: [], vips: {v: {ports: []}}}\n"
        "  x: {role: toaster}\n"
    )
    done = run(tmp_path, "audit", "bad.yaml", status=2)
    for line in (2, 4, 5):
        assert f"bad.yaml:{line}: " in done.stderr


def test_init_writes_a_topology_that_works_and_overwrites_nothing(tmp_path: Path) -> None:
    """``init`` gives a start that loads; a file that exists is left alone."""
    run(tmp_path, "init", "mine.yaml")
    design = topology_files.load(tmp_path / "mine.yaml")
    assert design.name == "mine"
    assert design.accept == ()  # another author's excuse
    run(tmp_path, "init", "mine.yaml", status=2)
    assert "sharepoint" in run(tmp_path, "topologies").stdout
    assert json.loads(run(tmp_path, "schema", "--of", "topology").stdout)["type"] == "object"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("after_s", [0.05, 0.6, 2.0, 3.5])
def test_an_interrupted_audit_leaves_nothing_behind(
    number: signal.Signals, after_s: float, tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM at any moment end with status 130 and no process left."""
    audit = start(tmp_path, "audit", "--out", "out")
    try:
        wait_for(lambda: (tmp_path / "out").exists(), what="the audit to begin", deadline_s=20.0)
        deadline = time.monotonic() + after_s
        wait_for(lambda: time.monotonic() > deadline, what="the moment", deadline_s=10.0)
        audit.send_signal(number)
        _, said = audit.communicate(timeout=30)
    finally:
        audit.kill()
        audit.wait()
    assert audit.returncode == 130, said
    assert "Traceback" not in said
    assert nodes_of(tmp_path) == []


def test_a_killed_harness_leaves_nothing_that_clean_does_not_end(tmp_path: Path) -> None:
    """After kill -9 of the harness its nodes end by themselves, and ``clean`` tidies the rest."""
    up = start(tmp_path, "up", "--out", "out")
    try:
        wait_for(lambda: len(nodes_of(tmp_path)) == 8, what="the lab to be up", deadline_s=20.0)
        left = nodes_of(tmp_path)
    finally:
        up.kill()
        up.communicate()
    cleaned = run(tmp_path, "clean")
    assert "sharepoint" in cleaned.stdout
    psutil.wait_procs(left, timeout=5)
    assert nodes_of(tmp_path) == []
    *others, last = run(tmp_path, "clean").stdout.splitlines()
    assert all(" in the Docker engine " in each for each in others), others  # of other tests
    assert last == f"Nothing {'else ' if others else ''}was left behind."


def test_up_shows_endpoints_and_accounts_for_mail_at_its_end(tmp_path: Path) -> None:
    """``up`` prints where the lab is reached, and at SIGTERM what became of the mail in it.

    That is how it is to end: nothing was interrupted.
    """
    up = start(tmp_path, "up", "--out", "out")
    try:
        wait_for(lambda: len(nodes_of(tmp_path)) == 8, what="the lab to be up", deadline_s=20.0)
        assert up.stdout
        lines = [up.stdout.readline() for _ in range(14)]
        up.send_signal(signal.SIGTERM)
        rest, _ = up.communicate(timeout=20)
    finally:
        up.kill()
        up.wait()
    assert any("mail (mail.contoso.com)" in line for line in lines)
    assert "0 messages accounted for: none yet" in "".join(lines) + rest
    assert up.returncode == 0


def test_what_an_earlier_lab_left_is_never_taken_for_new(tmp_path: Path) -> None:
    """A lab's directory that is not empty is refused before anything starts: it may hold mail."""
    left = tmp_path / "run.lab" / "queues"
    left.mkdir(parents=True)
    (left / "ht1.sqlite").touch()
    done = run(tmp_path, "drill", "sharepoint", "--out", "run", status=2)
    assert "run.lab is not empty" in " ".join(done.stderr.split())
