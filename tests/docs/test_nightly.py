"""The workflow for every night: parsed, its commands checked, and two nights of it run."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.drivers.process import ProcessLab
from relaydrill.journal import read_events
from relaydrill.placement import CONTROL_PORT

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "labs" / "nightly.md"
_WORKFLOW = _ROOT / "docs" / "labs" / "nightly" / "relaydrill.yml"
_BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def workflow() -> dict[str, Any]:
    """The workflow as a CI system reads it."""
    found = yaml.safe_load(_WORKFLOW.read_text(encoding="utf-8"))
    # YAML 1.1, which is read here, takes the key "on" for true.
    return {"on" if key is True else str(key): value for key, value in found.items()}


def steps_of(workflow: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps of its one job."""
    (job,) = workflow["jobs"].values()
    return list(job["steps"])


def commands_of(workflow: dict[str, Any]) -> list[list[str]]:
    """Every command of ours that it runs."""
    lines = [line for step in steps_of(workflow) for line in step.get("run", "").splitlines()]
    words = [shlex.split(line) for line in lines]
    return [each for each in words if each and each[0] in ("relaydrill", "pytest")]


def is_understood(arguments: list[str]) -> bool:
    """Whether the command line has such a command with such options."""
    with cli.make_context("relaydrill", list(arguments)) as whole:
        name, found, rest = cli.resolve_command(whole, list(arguments))
        assert found is not None, name
        return bool(found.make_context(str(name), list(rest), parent=whole).params is not None)


def test_the_workflow_is_one_that_runs_at_night(workflow: dict[str, Any]) -> None:
    """It has a schedule, never runs twice at a time, and keeps its evidence whatever happened."""
    triggers = workflow["on"]
    assert all(re.fullmatch(r"(\S+ ){4}\S+", each["cron"]) for each in triggers["schedule"])
    assert workflow["concurrency"]["cancel-in-progress"] is False
    steps = {step["name"]: step for step in steps_of(workflow) if "name" in step}
    after = [name for name in steps if "always()" in str(steps[name].get("if"))]
    assert [*steps][-len(after) :] == after
    kept = "".join(steps[name].get("with", {}).get("path", "") for name in after)
    assert {"relaydrill.xml", "relaydrill-runs"} <= set(kept.split())


def test_every_command_of_the_workflow_is_understood(workflow: dict[str, Any]) -> None:
    """The real command line knows each command of ours and its options."""
    commands = commands_of(workflow)
    assert [words[1] for words in commands if words[0] == "relaydrill"] == [
        *("heal", "history", "heal")
    ]
    assert all(is_understood(words[1:]) for words in commands if words[0] == "relaydrill")
    assert [words[0] for words in commands].count("pytest") == 1


def test_every_variable_of_the_workflow_is_one_that_something_reads(
    workflow: dict[str, Any], tmp_path: Path
) -> None:
    """The plugin takes its settings from the environment that the workflow sets.

    What else there is, is a credential, and comes from a secret.
    """
    (job,) = workflow["jobs"].values()
    settings = {name: value for name, value in job["env"].items() if name.startswith("RELAYDRILL_")}
    credentials = {name: value for name, value in job["env"].items() if name not in settings}
    assert all("secrets." in value for value in credentials.values())
    assert set(re.findall(r"env:(\w+)", _PAGE.read_text(encoding="utf-8"))) == set(credentials)
    (tmp_path / "staging.yaml").write_text("extends: sharepoint\nname: staging\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    head = f"relaydrill: topology {tmp_path / 'staging.yaml'}, driver attach, seed 1"
    assert f"{head}, run directories in {tmp_path / 'relaydrill-runs'}" in done.stdout


def test_the_line_of_crontab_is_right() -> None:
    """Five fields, then commands, each of which the command line understands."""
    (line,) = re.findall(r"^```text\n(.+)\n```", _PAGE.read_text(encoding="utf-8"), re.M)
    *fields, commands = line.split(None, 5)
    assert len(fields) == 5
    assert all(re.fullmatch(r"\*|\d+", field) for field in fields)
    ours = re.findall(r"\.venv/bin/relaydrill ([^;&]+)", commands)
    assert [each.split()[0] for each in ours] == ["heal", "audit", "history"]
    assert all(is_understood(shlex.split(each)) for each in ours)


def test_the_page_and_history_agree_on_exit_statuses() -> None:
    """What the page's table says of 2 is so, for a folder that is not there."""
    assert "| 2 | there is no such folder" in _PAGE.read_text(encoding="utf-8")
    found = CliRunner().invoke(cli, ["history", "nowhere"], standalone_mode=False)
    assert getattr(found.exception, "exit_status", None) == 2


_HOOK = """
import sys
from relaydrill.nodes.control import ControlClient
from relaydrill.endpoint import Endpoint
address, port, token, op = sys.argv[1:]
control = ControlClient("hub", Endpoint(address, int(port)), token)
if op == "disturb":
    control("disturb", label="hook", action="close")
else:
    control("relieve", label="hook")
"""


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A lab that runs already, with its inventory in a folder; the credentials of it.

    It is one of local processes; a hub "stops" by refusing connections, which its hook has it do.
    """
    design = topology_files.load("sharepoint")
    with ProcessLab(design, tmp_path / "lab") as lab:
        seats, secret = lab.placement.seats, lab.placement.credentials
        (tmp_path / "hook.py").write_text(_HOOK)

        def hook(node: str, op: str) -> dict[str, Any]:
            where = lab.placement.control(node)
            words = [where.address, str(where.port), lab.placement.control_token, op]
            return {"run": [sys.executable, str(tmp_path / "hook.py"), *words]}

        def place(name: str) -> dict[str, Any]:
            ports = {str(port): real for port, real in seats[name].ports.items()}
            ports.pop(str(CONTROL_PORT), None)
            return {"address": seats[name].address, "ports": ports}

        nodes = {name: place(name) for name in ("ht1", "ht2", "ht3", "lb1", "mbx", "app", "guest")}
        for hub in design.hubs:
            nodes[hub]["hooks"] = {
                "stop": {"inject": hook(hub, "disturb"), "heal": hook(hub, "relieve")}
            }
        nodes["mbx"]["arrivals"] = {"journal": str(lab.journal("mbx"))}
        attach = {
            "nodes": nodes,
            "vips": {"mail": place("mail")},
            "ca": lab.placement.ca_file,
            "login": {"user": "env:LAB_USER", "password": "env:LAB_PASSWORD"},
            "allow": {
                "hosts": ["127.0.0.0/8"],
                "ports": [seats["mail"].endpoint(port).port for port in (25, 587)],
                "domains": ["contoso.com"],
                "rate": "100/s",
            },
        }
        whole = {"extends": "sharepoint", "name": "staging", "attach": attach}
        (tmp_path / "staging.yaml").write_text(yaml.safe_dump(whole))
        yield {"LAB_USER": secret.user, "LAB_PASSWORD": secret.password}


@pytest.mark.timeout(240)
def test_two_nights_of_the_workflow(
    workflow: dict[str, Any], staging: dict[str, str], tmp_path: Path
) -> None:
    """Its own commands drill a lab that runs already, leave JUnit and runs, and compare them.

    No password is in what is kept. Of the hubs, one is drilled here. Whether the tier holds is not
    this test's matter: a busy machine's checks may time out. What it came to is told in every place
    alike.
    """
    (job,) = workflow["jobs"].values()
    settings = {name: value for name, value in job["env"].items() if name.startswith("RELAYDRILL_")}
    path, state = f"{_BIN}:{os.environ['PATH']}", str(tmp_path / "state")
    environment = {**os.environ, **settings, **staging, "PATH": path, "XDG_STATE_HOME": state}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )

    for _night in range(2):
        for words in commands_of(workflow):
            done = call(*(each.replace("and stop)", "and stop-ht1-relay)") for each in words))
            assert done.returncode == 0 or words[1] != "heal", done.stdout + done.stderr
            if words[0] == "pytest":
                assert_drilled(tmp_path, done)
    told = json.loads(call("relaydrill", "history", "--json").stdout)
    nights = {(each["drill"], each["flow"]): len(each["runs"]) for each in told["series"]}
    flows = ("relay", "submission")
    assert nights == {(drill, flow): 2 for drill in ("steady", "stop:ht1") for flow in flows}
    assert {each["driver"] for each in told["series"]} == {"attach"}
    kept = [tmp_path / "relaydrill.xml", *(tmp_path / "relaydrill-runs").rglob("*")]
    secret = staging["LAB_PASSWORD"].encode()
    assert [path for path in kept if path.is_file() and secret in path.read_bytes()] == []
    assert done.returncode == 0  # the last is heal, and nothing is left to heal
    assert list(Path(state).rglob("undo/*.json")) == []


def assert_drilled(folder: Path, done: subprocess.CompletedProcess[str]) -> None:
    """A night's three tests each had a drill that was carried out, with its verdict in JUnit."""
    cases = list(ElementTree.parse(folder / "relaydrill.xml").iter("testcase"))
    assert len(cases) == 3, done.stdout + done.stderr
    for case in cases:
        properties = {each.get("name"): each.get("value") for each in case.iter("property")}
        passed = properties["relaydrill.verdict"] == "pass"
        assert passed == (case.find("failure") is None), done.stdout
        assert float(properties["relaydrill.gap_s"] or "nan") > 0
    journals = sorted(folder.glob("relaydrill-runs/*/shared/*/stop-ht1/journals/harness.jsonl"))
    kinds = [event.kind for event in read_events(journals[-1])]
    of_the_fault = [
        kind for kind in kinds if kind not in ("sight", "begun", "stop", "over", "saved", "closed")
    ]
    assert of_the_fault == ["inject", "injected", "heal", "healed"]
    assert "over" in kinds
