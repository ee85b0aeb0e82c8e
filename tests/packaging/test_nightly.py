"""The workflows for GitHub install what they then run, with a release and without."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

_LABS = Path(__file__).parents[2] / "docs" / "labs"
_WORKFLOWS = (_LABS / "nightly" / "relaydrill.yml", _LABS / "pull-requests" / "github.yml")


@pytest.mark.parametrize("workflow", _WORKFLOWS, ids=lambda each: each.parent.name)
@pytest.mark.parametrize("released", [True, False], ids=["released", "not released"])
def test_the_workflow_installs_relaydrill(
    workflow: Path, released: bool, wheel: Path, tmp_path: Path
) -> None:
    """Its own lines do, from an index that has it, or from where its variable says.

    What Relaydrill depends on is left out: it is where these tests run.
    """
    (job,) = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"].values()
    (install,) = (step for step in job["steps"] if step.get("name") == "Install")
    assert install["env"] == {"FROM": "${{ vars.RELAYDRILL_FROM }}"}
    index = {"PIP_FIND_LINKS": str(wheel.parent)} if released else {}
    done = subprocess.run(
        ["bash", "-euc", install["run"]],
        cwd=tmp_path,
        env={
            **os.environ,
            **index,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            "FROM": "" if released else f"@ {wheel.as_uri()}",
            "GITHUB_PATH": str(tmp_path / "path"),
        },
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "path").read_text() == f"{tmp_path}/.venv/bin\n"
    assert (tmp_path / ".venv" / "bin" / "relaydrill").is_file()
    assert [*tmp_path.glob(".venv/lib/python*/site-packages/pytest_relaydrill/plugin.py")]
