"""Drills in simulated labs: the verdicts of labs of processes, and the same journals each time."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import relaydrill
from relaydrill import clock
from relaydrill.cli.commands import cli
from relaydrill.drills.own_lab import run_in_own_lab
from relaydrill.drills.result import Judgement
from relaydrill.drivers.simulate.lab import SimulatedLab
from relaydrill.errors import CapabilityMissing, LabError, RelaydrillError
from relaydrill.journal import read_events
from relaydrill.verdict import Status

_MOMENTS = 80


def judged(folder: Path, topology: str, *faults: str, seed: int = 1) -> Judgement:
    """The judgement of a drill in a simulated lab."""
    design = relaydrill.load(topology)
    drill = relaydrill.drill(design, faults, seed=seed)
    return run_in_own_lab(SimulatedLab, design, drill, folder / "run", lambda _step: None)


def failed(judgement: Judgement) -> set[str]:
    """The checks that did not pass, of all flows."""
    document = judgement.document()
    return {
        f"{check['check']} {check['status']}"
        for flow in document["flows"].values()
        for check in flow["checks"]
        if check["status"] != "pass"
    }


DEGRADED = {"degraded fail"}
EXPECTED = (
    ("sharepoint", "", Status.PASS, set[str]()),
    ("sharepoint", "kill:ht2", Status.PASS, set[str]()),
    ("sharepoint", "stop:ht1", Status.PASS, set[str]()),
    ("sharepoint", "pause:ht2", Status.PASS, set[str]()),
    ("sharepoint", "blackhole:ht3", Status.PASS, set[str]()),
    ("sharepoint", "refuse:ht2", Status.PASS, set[str]()),
    ("sharepoint", "hang:ht2", Status.PASS, set[str]()),
    ("sharepoint", "tempfail:ht2", Status.FAIL, DEGRADED),
    ("sharepoint", "busy%30:ht2", Status.FAIL, DEGRADED),
    ("sharepoint", "drain:ht2", Status.FAIL, DEGRADED),
    ("sharepoint", "certificate-expired:ht2", Status.FAIL, {"bite unknown", *DEGRADED}),
    ("sharepoint", "drop-after-store:ht2", Status.FAIL, DEGRADED),
    ("sharepoint", "kill:lb1", Status.PASS, {"gap fail", "degraded fail"}),
    ("sharepoint", "pause:lb1", Status.PASS, {"gap fail", "degraded fail"}),
    ("sharepoint", "blackhole:mbx", Status.PASS, set[str]()),
    ("twosites", "kill:ht1", Status.PASS, set[str]()),
    # Hubs use no TLS among themselves.
    ("twosites", "starttls-hidden:ht3", Status.UNKNOWN, {"bite unknown"}),
)
"""Topology, fault, verdict, and the checks that do not pass.

Labs of processes came to the same of kill, stop, pause and refuse, check by check. The others are
what the design lets expect; no check that a lab of processes could decide said otherwise.
"""


@pytest.mark.parametrize(("topology", "fault", "status", "checks"), EXPECTED)
def test_a_simulated_lab_comes_to_the_verdict_that_is_due(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    topology: str,
    fault: str,
    status: Status,
    checks: set[str],
) -> None:
    """The verdict, and just those checks fail that have a reason to; and no node's log is seen."""
    judgement = judged(tmp_path, topology, *filter(None, [fault]))
    assert (judgement.status, failed(judgement)) == (status, checks)
    assert caplog.records == []


def test_a_drill_takes_no_time_but_the_processor_s(tmp_path: Path) -> None:
    """A minute of the field with hundreds of messages costs seconds of CPU at most."""
    begun = time.thread_time()
    assert judged(tmp_path, "sharepoint", "kill:ht2").status is Status.PASS
    assert time.thread_time() - begun < 10.0


_ONCE = """
import sys
from pathlib import Path
import relaydrill
from relaydrill import clock
from relaydrill.drills.own_lab import run_in_own_lab
from relaydrill.drivers.simulate.lab import SimulatedLab
design = relaydrill.load("sharepoint")
drill = relaydrill.drill(design, "kill:ht2", seed=int(sys.argv[2]))
run_in_own_lab(SimulatedLab, design, drill, Path(sys.argv[1]), lambda _step: None)
"""


def journals(folder: Path, hash_seed: str, seed: int) -> dict[str, bytes]:
    """All journals of a drill that an interpreter of its own has run."""
    told = {**os.environ, "PYTHONHASHSEED": hash_seed}
    subprocess.run([sys.executable, "-c", _ONCE, str(folder), str(seed)], env=told, check=True)
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*.jsonl"))}


def test_the_same_seed_gives_the_same_journals_byte_by_byte(tmp_path: Path) -> None:
    """In another interpreter, under another PYTHONHASHSEED; and another seed gives others."""
    one, again = (journals(tmp_path / name, name, 1) for name in ("1", "2"))
    assert len(one) > 7
    assert one == again
    assert journals(tmp_path / "3", "1", 2) != one


def test_a_run_prints_a_digest_of_its_journals(tmp_path: Path) -> None:
    """The same for the same seed, whichever folder the run is in; another for another."""

    def told(name: str, seed: int) -> str:
        arguments = ["drill", "sharepoint", "--driver", "simulate", "--fault", "kill:ht2"]
        arguments += ["--flow", "relay", "--seed", str(seed), "--out", str(tmp_path / name)]
        done = CliRunner().invoke(cli, arguments, standalone_mode=False)
        [line] = [each for each in done.output.splitlines() if each.startswith("The same each")]
        assert relaydrill.judge(tmp_path / name).digest.startswith(line.split()[-1])
        return line

    assert told("one", 1) == told("again", 1)
    assert told("other", 2) != told("one more", 1)


def test_a_lab_can_be_looked_into(tmp_path: Path) -> None:
    """Nodes answer, are broken and come back; their journals are there, by the lab's own clock."""
    with SimulatedLab(relaydrill.load("sharepoint"), tmp_path / "lab") as lab:
        assert lab.control("ht1")("ping") == "ht1"
        lab.pause("ht1")
        assert not lab.control("ht1").answers()
        lab.resume("ht1")
        assert lab.control("ht1").answers()
        lab.kill("ht1")
        assert not lab.alive("ht1")
        with pytest.raises(LabError, match="ht1 is not running"):
            lab.pause("ht1")
        lab.restart("ht1")
        with pytest.raises(LabError, match="ht1 is running already"):
            lab.restart("ht1")
        with pytest.raises(CapabilityMissing, match="fly"):
            lab.control("ht1")("fly")
        with pytest.raises(LabError, match="no program of this machine reaches its port 25"):
            lab.reachable("ht1", 25)
        assert lab.deaths() == []
        ready = [event for event in read_events(lab.journal("ht1")) if event.kind == "ready"]
    assert len(ready) == 2
    assert ready[0].mono < ready[1].mono < 1100.0


def test_another_thread_cannot_ask(tmp_path: Path) -> None:
    """A simulated lab is one thread's: another one's call would tear its order apart."""
    errors = list[RelaydrillError]()
    with SimulatedLab(relaydrill.load("sharepoint"), tmp_path / "lab") as lab:

        def ask() -> None:
            try:
                lab.control("ht1")("ping")
            except RelaydrillError as error:
                errors.append(error)

        other = threading.Thread(target=ask)
        other.start()
        other.join()
    assert "by the thread that it was started in alone" in str(errors[0])


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("nodes: {ht1: {kind: postfix}}", "cannot simulate a postfix ht1"),
        ("nodes: {lb1: {mode: wnlb, check: {kind: none}}}", "cannot simulate a WNLB cluster lb1"),
        ("nodes: {app: {load: {workers: 2}}}", "cannot simulate Locust workers app"),
    ],
)
def test_what_cannot_be_simulated_is_refused_in_a_sentence(
    tmp_path: Path, change: str, what: str
) -> None:
    """Real programs, clusters and Locust's workers have no simulated twin."""
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: sharepoint\nname: mine\n{change}\n")
    with (
        pytest.raises(CapabilityMissing, match=what),
        SimulatedLab(relaydrill.load(path), tmp_path / "lab"),
    ):
        pass
    assert not (tmp_path / "lab").exists()


def test_a_capability_that_is_missing_leaves_the_verdict_open(tmp_path: Path) -> None:
    """A fault that this driver cannot do is not injected, and nothing passes because of that."""
    judgement = judged(tmp_path, "sharepoint", "isolate:ht2")
    assert judgement.status is Status.UNKNOWN


def open_in(folder: Path) -> list[str]:
    """The files in a folder that this process has open, those that are gone from it, too."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # what lists them was one of them
            found.append(str(link.readlink()))
    return [each for each in found if str(folder) in each]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="only Linux tells what is open")
def test_nothing_of_a_lab_stays_when_it_is_over(tmp_path: Path) -> None:
    """Neither a file of a hub that was killed, nor what waited in one: a search has thousands."""
    for name in ("one", "two", "three", "four"):
        (tmp_path / name).mkdir()
    judged(tmp_path / "one", "sharepoint", "kill:ht1@5s+5s")  # what is loaded once is loaded
    gc.collect()
    objects = len(gc.get_objects())
    for name in ("two", "three", "four"):
        judged(tmp_path / name, "sharepoint", "kill:ht1@5s+5s", "stop:ht2@30s+5s")
    gc.collect()
    assert open_in(tmp_path) == []
    # One such lab is 40,000.
    assert len(gc.get_objects()) - objects < 20_000


def test_a_lab_may_end_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the middle of health checks and deliveries, too: nobody hears of what was under way."""
    told = list[str]()
    monkeypatch.setattr(sys, "unraisablehook", lambda each: told.append(str(each.exc_value)))
    for number in range(_MOMENTS):
        with SimulatedLab(relaydrill.load("sharepoint"), tmp_path / str(number)):
            clock.sleep(0.01 + 0.0137 * number)
    gc.collect()
    assert told == []
