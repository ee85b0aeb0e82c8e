"""Labs that run already: ``relaydrill up`` in another process, attached to by address."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from relaydrill.wait import wait_for
from tests.documents import misfits, misfits_of_run
from tests.standing_lab import RUN, StandingLab, standing

_DRILL = ("--driver", "attach", "--allow-faults", "--json")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingLab]:
    """The built-in ``sharepoint``, brought up by somebody else; whole after each test."""
    with standing(tmp_path_factory.mktemp("standing")) as lab:
        yield lab


@pytest.fixture
def sabotaged(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StandingLab]:
    """A lab that is not as its inventory says; the parameter is what is wrong with it."""
    with standing(tmp_path, request.param) as lab:
        yield lab


def checks(document: dict[str, Any], flow: str) -> dict[str, tuple[str, str]]:
    """Status and summary of each check of a flow."""
    return {
        each["check"]: (each["status"], each["summary"])
        for each in document["flows"][flow]["checks"]
    }


def test_an_audit_passes(lab: StandingLab, tmp_path: Path) -> None:
    """Steady, and a hub killed by its hook: as with labs of one's own, arrivals and all."""
    out = str(tmp_path / "out")
    done = lab.run("audit", str(lab.inventory()), *_DRILL, "--node", "ht2", "--out", out)
    document = json.loads(done.stdout)
    assert misfits(document) == []
    for row in ("steady", "kill-ht2"):
        assert misfits_of_run(tmp_path / "out" / row) == []
    rows = document["rows"]
    assert [(row["drill"], row["status"]) for row in rows] == [
        ("steady", "pass"),
        ("kill:ht2", "pass"),
    ]
    killed = checks(rows[1], "relay")
    assert "ht2 had taken" in killed["bite"][1]
    assert "delivered" in killed["account"][1]
    assert "ht2 took" in killed["return"][1]
    assert not lab.undo_records
    again = json.loads(lab.run("judge", out, "--json").stdout)
    assert [row["status"] for row in again["rows"]] == ["pass", "pass"]


@pytest.mark.parametrize(
    "sabotaged", [{"nodes": {"lb1": {"check": {"kind": "none"}}}}], indirect=True
)
def test_a_balancer_without_checks_fails(sabotaged: StandingLab) -> None:
    """A third of the mail fails for as long as the hub is dead, whatever the inventory believes."""
    done = sabotaged.run(
        "drill", str(sabotaged.inventory()), *_DRILL, "--fault", "kill:ht1", status=1
    )
    status, said = checks(json.loads(done.stdout), "relay")["degraded"]
    assert status == "fail", said
    assert not sabotaged.undo_records


@pytest.mark.parametrize(
    "sabotaged",
    [{"nodes": {"ht1": {"ack": "before_store", "ack_lag": "5s"}}}],
    indirect=True,
)
def test_a_hub_that_answers_before_storing_loses_mail(sabotaged: StandingLab) -> None:
    """What was promised, and is neither in a mailbox nor in a queue that can be seen, is lost."""
    design = sabotaged.inventory(settle="40s")  # nothing that can still arrive takes so long
    done = sabotaged.run("drill", str(design), *_DRILL, "--fault", "kill:ht1", status=1)
    status, said = checks(json.loads(done.stdout), "relay")["account"]
    assert status == "fail"
    assert "lost" in said
    assert "accepted by ht1" in said


def test_what_is_missing_is_not_called_lost_where_a_queue_cannot_be_seen(
    lab: StandingLab, tmp_path: Path
) -> None:
    """A mailbox that shows nothing, behind hubs that cannot be looked into: unknown, never lost."""
    empty = tmp_path / "mbx.jsonl"
    empty.touch()
    design = lab.inventory(
        nodes={"ht1": {"queue": None}, "mbx": {"arrivals": {"journal": str(empty)}}}, settle="10s"
    )
    done = lab.run(
        *("drill", str(design), "--driver", "attach", "--json", "--flow", "relay"), status=3
    )
    status, said = checks(json.loads(done.stdout), "relay")["account"]
    assert status == "unknown"
    assert "missing" in said
    assert "lost" not in said


def test_without_arrivals_nothing_is_a_full_pass(lab: StandingLab) -> None:
    """Accepted is not delivered: the verdict says so, and is unknown."""
    design = lab.inventory(nodes={"mbx": {"arrivals": None}})
    done = lab.run(
        *("drill", str(design), "--driver", "attach", "--json", "--flow", "relay"), status=3
    )
    document = json.loads(done.stdout)
    status, said = checks(document, "relay")["account"]
    assert status == "unknown"
    assert "accepted, delivery not observed" in said
    assert any("nothing observes deliveries" in remark for remark in document["remarks"])


def test_production_is_never_broken(lab: StandingLab) -> None:
    """``production: true`` refuses faults whatever the command line says; status 2."""
    design = str(lab.inventory(production=True))
    killed = lab.said.count("is killed")
    done = lab.run("drill", design, *_DRILL, "--fault", "kill:ht1", status=2)
    assert "production: true" in done.stderr
    assert lab.said.count("is killed") == killed


def test_nothing_is_broken_unless_it_is_allowed(lab: StandingLab) -> None:
    """Without ``--allow-faults`` a drill that would break something is refused; status 2."""
    killed = lab.said.count("is killed")
    design = str(lab.inventory())
    for command in (("drill", design, "--fault", "kill:ht1"), ("audit", design)):
        done = lab.run(*command, "--driver", "attach", status=2)
        assert "--allow-faults" in done.stderr
        assert "--dry-run" in done.stderr
    assert lab.said.count("is killed") == killed


def test_a_dry_run_connects_to_nothing(lab: StandingLab) -> None:
    """It prints hosts, mail and commands; no server of the lab sees a connection."""
    journals = lab.folder / "up" / "journals"
    design = lab.inventory()
    killed = lab.said.count("is killed")
    before = {path.name: path.stat().st_size for path in journals.iterdir()}
    assert before["lb1.jsonl"]
    done = lab.run(
        *("audit", str(design), "--driver", "attach", "--allow-faults", "--dry-run"),
    )
    assert lab.address["ht1"] in done.stdout
    assert "kill:ht1" in done.stdout
    assert "user@contoso.com" in done.stdout
    assert done.stdout.rstrip().endswith("Nothing was done.")
    assert {path.name: path.stat().st_size for path in journals.iterdir()} == before
    assert lab.said.count("is killed") == killed


def test_a_dry_run_has_no_json(lab: StandingLab) -> None:
    """Whoever asks for a document of what a dry run found gets that of an error; 2."""
    options = ("--driver", "attach", "--dry-run", "--json")
    done = lab.run("drill", str(lab.inventory()), *options, status=2)
    assert "--json and --dry-run do not go together" in done.stderr
    assert json.loads(done.stdout)["format"] == "relaydrill.error"


def test_a_lab_whose_steady_state_does_not_hold_is_not_broken(lab: StandingLab) -> None:
    """Where mail fails before the fault the hook is not called; and the drill does not pass."""
    closed = {25: 9, 587: 9}  # a port that nobody listens on
    design = lab.inventory(vips={"mail": {"ports": closed}}, allow={"ports": [9, 25, 587]})
    killed = lab.said.count("is killed")
    done = lab.run("drill", str(design), *_DRILL, "--fault", "kill:ht1", status=1)
    status, said = checks(json.loads(done.stdout), "relay")["bite"]
    assert status == "unknown"
    assert "the steady state did not hold" in said
    assert lab.said.count("is killed") == killed
    assert not lab.undo_records


def test_a_missing_hook_is_unknown_and_gets_no_mail(lab: StandingLab) -> None:
    """What the inventory has no hook for is not done; one line says what is missing."""
    done = lab.run(
        *("drill", str(lab.inventory()), *_DRILL, "--fault", "pause:ht1"),
        *("--flow", "relay"),
        status=3,
    )
    found = checks(json.loads(done.stdout), "relay")
    assert "attach.nodes.ht1.hooks.pause" in found["harness"][1]
    assert "\n" not in found["harness"][1]
    assert "nothing was sent" in found["harness"][1]


def test_a_heal_that_fails_is_shouted_about_and_can_be_done_later(
    lab: StandingLab, tmp_path: Path
) -> None:
    """Its record stays, the status is 4; ``relaydrill heal`` fails as long as what hinders it."""
    allowed = tmp_path / "heal may work"
    hook = lab.hook()
    heal = ["sh", "-c", 'test -e "$0" || { echo no luck >&2; exit 7; }; exec "$@"', str(allowed)]
    hook["heal"]["run"] = heal + hook["heal"]["run"]
    design = lab.inventory(nodes={"ht3": {"hooks": {"kill": hook}}})
    done = lab.run("drill", str(design), *_DRILL, "--fault", "kill:ht3", status=4)
    assert "ht3 IS STILL BROKEN (kill)" in done.stderr
    assert "no luck" in done.stderr
    assert "relaydrill heal" in done.stderr
    assert len(lab.undo_records) == 1
    assert "kill:ht3" in lab.run("heal", "--dry-run").stdout
    assert "IS STILL BROKEN" in lab.run("heal", status=4).stderr
    assert len(lab.undo_records) == 1
    allowed.touch()
    assert "kill:ht3 on staging: healed" in lab.run("heal").stdout
    assert not lab.undo_records
    assert "Nothing is left to heal" in lab.run("heal").stdout
    lab.run("drill", str(lab.inventory()), "--driver", "attach", "--flow", "relay")


def test_credentials_are_written_nowhere(lab: StandingLab, tmp_path: Path) -> None:
    """No journal, report, log or process list shows the password that submission is done with."""
    _, password = lab.login
    out = tmp_path / "out"
    process = subprocess.Popen(
        [*RUN, "drill", str(lab.inventory()), *_DRILL, "--fault", "kill:ht1", "--out", str(out)],
        cwd=lab.folder,
        env=lab.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    shown: list[str] = []

    def is_over() -> bool:
        shown.extend(_command_lines())
        return process.poll() is not None

    wait_for(is_over, what="the drill to end", deadline_s=60)
    printed, complained = process.communicate()
    assert process.returncode == 0, complained
    assert any("--allow-faults" in line for line in shown)
    assert not [line for line in shown if password in line]
    assert json.loads(printed)["flows"]["submission"]["status"] == "pass"
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 10
    for place in (*(path.read_bytes() for path in written), printed, complained):
        assert password.encode() not in place


def _command_lines() -> Iterator[str]:
    for process in psutil.process_iter(["cmdline"]):
        yield " ".join(process.info["cmdline"] or ())
