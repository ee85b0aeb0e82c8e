"""The kind of docs/inside/writing-a-node-kind.md, added as the page says, runs in a lab."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import relaydrill

_PACKAGE = Path(relaydrill.__file__).parent
_PAGE = Path(__file__).parents[2] / "docs" / "inside" / "writing-a-node-kind.md"
_BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
_DESIGN = """\
name: one
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  lb1: {role: balancer, backends: [ht1, ht2], vips: {vip: {ports: [25]}}}
  mbx: {role: mailbox, domains: [contoso.com], kind: KIND}
  app: {role: sender}
flows:
  relay: {from: app, to: vip, rate: 20/s, expect: {lost: 0, gap: 30s}}
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Relaydrill with the kind of the page: its folder, and a name in two lines of the list."""
    root = tmp_path_factory.mktemp("source")
    shutil.copytree(_PACKAGE, root / "relaydrill", ignore=shutil.ignore_patterns("__pycache__"))
    kinds = root / "relaydrill" / "kinds"
    (kinds / "aiosmtpd").mkdir()
    first, second = _BLOCK.findall(_PAGE.read_text())
    (kinds / "aiosmtpd" / "__init__.py").write_text(first)
    (kinds / "aiosmtpd" / "service.py").write_text(second)
    listed = (kinds / "__init__.py").read_text()
    imports, entry = "import bind, ", "    bind.KIND,\n"
    assert listed.count(imports) == listed.count(entry) == 1
    listed = listed.replace(imports, "import aiosmtpd, bind, ")
    (kinds / "__init__.py").write_text(listed.replace(entry, f"{entry}    aiosmtpd.KIND,\n"))
    return root


def run(source: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the copy in place of this one."""
    return subprocess.run(
        [sys.executable, *command],
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def drilled(source: Path, folder: Path, design: str) -> subprocess.CompletedProcess[str]:
    """A drill of a design, by its text, in which one of two hubs is killed."""
    file = folder / "one.yaml"
    file.write_text(design)
    line = ("drill", str(file), "--fault", "kill:ht1", "--out", str(folder / "run"), "--json")
    return run(source, "-c", "from relaydrill.cli import main; main()", *line)


def test_the_kind_of_the_page_is_typed(source: Path, tmp_path: Path) -> None:
    """What the page shows passes the strict types that the project wants."""
    cache = ("--cache-dir", str(tmp_path / "cache"))
    folder = source / "relaydrill" / "kinds" / "aiosmtpd"
    done = run(
        source,
        *("-m", "mypy", "--strict", "--follow-imports=silent", *cache),
        *("--config-file", os.devnull, str(folder / "__init__.py"), str(folder / "service.py")),
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_kind_of_the_page_passes_a_drill(source: Path, tmp_path: Path) -> None:
    """Mail arrives at stock aiosmtpd, each message once, while a hub is killed."""
    done = drilled(source, tmp_path, _DESIGN.replace("KIND", "aiosmtpd"))
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["status"] == "pass"
    log = (tmp_path / "run" / "journals" / "mbx.jsonl").read_text()
    assert '"kind":"arrived"' in log


def test_a_kind_that_cannot_be_that_is_told_what_can(source: Path, tmp_path: Path) -> None:
    """The message lists the new kind where it is allowed, and nowhere else."""
    wrong = _DESIGN.replace("role: hub}", "role: hub, kind: aiosmtpd}", 1).replace("KIND", "bind")
    done = drilled(source, tmp_path, wrong)
    assert done.returncode == 2
    told = done.stdout + done.stderr
    hub, mailbox = (next(line for line in told.split("\n") if n in line) for n in ("ht1", "mbx"))
    assert "postfix" in hub
    assert "fake" in hub
    assert "aiosmtpd" in mailbox.partition("bind")[2]
