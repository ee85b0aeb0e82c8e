"""The workflows for pull requests: parsed, their commands checked, and run on two revisions."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill.cli.commands import cli
from relaydrill.journal import read_events

_ROOT = Path(__file__).parents[2]
_PAGE = _ROOT / "docs" / "labs" / "pull-requests.md"
_FOLDER = _ROOT / "docs" / "labs" / "pull-requests"
_BIN = Path(sys.executable).parent
_COMPARISON = "comparison.md"


def github() -> dict[str, Any]:
    """The one job of the workflow for GitHub, as YAML."""
    (job,) = read("github.yml")["jobs"].values()
    return dict(job)


def gitlab() -> dict[str, Any]:
    """The one job of the file for GitLab."""
    (job,) = read("gitlab.yml").values()
    return dict(job)


def read(name: str) -> dict[str, Any]:
    """A file as a CI system reads it."""
    found = yaml.safe_load((_FOLDER / name).read_text(encoding="utf-8"))
    # YAML 1.1, which is read here, takes the key "on" for true.
    return {"on" if key is True else str(key): value for key, value in found.items()}


def lines_of(name: str) -> list[str]:
    """What a job runs, in order, until the comparison is there."""
    if name == "gitlab.yml":
        return [str(each) for each in gitlab()["script"]]
    runs = [step["run"] for step in github()["steps"] if "run" in step and "if" not in step]
    return [line for run in runs for line in run.splitlines()]


def ours(lines: list[str]) -> list[list[str]]:
    """The words of each command of ours."""
    words = [shlex.split(line.partition(" > ")[0]) for line in lines]
    return [each[1:] for each in words if each and each[0] == "relaydrill"]


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_every_command_is_understood(name: str) -> None:
    """The real command line knows it and its options; the comparison is its only output."""
    (words,) = ours(lines_of(name))
    with cli.make_context("relaydrill", list(words)) as whole:
        called, found, rest = cli.resolve_command(whole, words)
        assert found is not None, called
        values = found.make_context(str(called), list(rest), parent=whole).params
    assert (values["base"], values["change"]) == ("../before/mail.yaml", "mail.yaml")
    assert values["as_markdown"]
    (line,) = (each for each in lines_of(name) if each.startswith("relaydrill "))
    assert line.endswith(f"> {_COMPARISON}")


@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_every_line_is_one_for_a_shell(name: str) -> None:
    """Those that comment, too."""
    lines = lines_of(name)
    if name == "gitlab.yml":
        lines += [str(each) for each in gitlab()["after_script"]]
    else:
        lines += [step["run"] for step in github()["steps"] if "if" in step and "run" in step]
    for each in lines:
        subprocess.run(["sh", "-n"], input=each, text=True, check=True, timeout=10)


def test_the_workflow_for_github_runs_for_changes_of_the_file_alone() -> None:
    """With no more rights than the comment wants; what it is told comes by the environment."""
    whole = read("github.yml")
    assert whole["on"] == {"pull_request": {"paths": ["mail.yaml"]}}
    assert whole["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "pull_request_target" not in whole["on"]
    steps = github()["steps"]
    assert steps[0]["with"]["fetch-depth"] == 0
    assert not any("${{" in step.get("run", "") for step in steps)
    for step in steps:
        used = set(re.findall(r"\$([A-Z_]+)\b", step.get("run", "")))
        assert used <= {*step.get("env", {}), "GITHUB_PATH", "GITHUB_STEP_SUMMARY", "PWD"}
    kept = [step for step in steps if "always()" in str(step.get("if"))]
    assert steps[-len(kept) :] == kept


def test_the_job_for_gitlab_runs_for_changes_of_the_file_alone() -> None:
    """Its warning is the status that says that nothing can be told; evidence is kept always."""
    job = gitlab()
    (rule,) = job["rules"]
    assert rule["changes"] == ["mail.yaml"]
    assert job["allow_failure"] == {"exit_codes": [3]}
    assert job["artifacts"]["when"] == "always"
    assert _COMPARISON in job["artifacts"]["paths"]
    assert job["variables"]["GIT_DEPTH"] == "0"


def test_the_page_names_what_the_files_use() -> None:
    """Its variables, and its file."""
    page = _PAGE.read_text(encoding="utf-8")
    for name in ("RELAYDRILL_FROM", "FAILOVER_TOKEN", "mail.yaml", "../before"):
        assert name in page
        assert name in (_FOLDER / "gitlab.yml").read_text(encoding="utf-8")


_MAIL = """\
name: mail
clock: 10
nodes:
  ht1: {{role: hub}}
  mbx: {{role: mailbox, domains: [contoso.com]}}
  app: {{role: sender}}
flows:
  relay: {{from: app, to: ht1, rate: 20/s}}
expect: {{gap: {gap}}}
accept:
  - {{node: ht1, reason: there is one hub until the second is bought}}
"""


def git(folder: Path, *words: str) -> str:
    """What a command of git's prints."""
    return subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout.strip()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["github.yml", "gitlab.yml"])
def test_a_pull_request(name: str, tmp_path: Path) -> None:
    """The job's own lines, without those that install, audit both revisions and compare them.

    Whether the tier holds is not this test's matter: a busy machine may leave it unknown.
    """
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "--quiet")
    revisions = []
    for gap in ("15s", "20s"):
        (work / "mail.yaml").write_text(_MAIL.format(gap=gap))
        git(work, "add", "mail.yaml")
        git(work, "commit", "--quiet", "-m", gap)
        revisions.append(git(work, "rev-parse", "HEAD"))
    lines = [
        line.replace(" --out ", " --node mbx --out ")
        for line in lines_of(name)
        if not re.search(r"venv|GITHUB_PATH", line)
    ]
    assert len(lines) == 2
    done = subprocess.run(
        ["bash", "-euc", "\n".join(lines)],
        cwd=work,
        env={
            **os.environ,
            "PATH": f"{_BIN}:{os.environ['PATH']}",
            "BEFORE": revisions[0],
            "CI_MERGE_REQUEST_DIFF_BASE_SHA": revisions[0],
        },
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode in (0, 1, 3), done.stderr
    text = (work / _COMPARISON).read_text()
    assert text.startswith("**Failover: ")
    assert "relay promises gap 15s in BASE and 20s in CHANGE" in text
    for side in ("base", "change"):
        runs = work / "relaydrill-runs" / "compare" / side
        assert {each.name for each in runs.iterdir()} >= {"audit.json", "steady", "kill-mbx"}
        events = read_events(runs / "kill-mbx" / "journals" / "harness.jsonl")
        assert "healed" in [event.kind for event in events]
