"""The plugin with a lab that runs already; no mail is sent, only its servers are broken."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugin.test_plugin import run

_STAGING = """
extends: sharepoint
name: staging
attach:
  nodes:
    ht1:
      address: 127.0.0.11
      hooks:
        stop:
          inject: {{run: [touch, {folder}/broken]}}
          heal: {{run: ["{heal}", {folder}/broken]}}
    ht2: {{address: 127.0.0.12}}
    ht3: {{address: 127.0.0.13}}
    lb1: {{address: 127.0.0.9}}
    mbx: {{address: 127.0.0.20}}
  vips: {{mail: {{address: 127.0.0.10}}}}
  allow: {{hosts: [127.0.0.0/8], domains: [contoso.com], rate: 100/s}}
"""

_TESTS = """
def test_breaks(relay_lab, relay_fault, request):
    with relay_fault("stop:ht1"):
        assert (request.path.parent / "broken").exists()
    relay_lab.break_by_hook("ht1", "stop")
    assert False, "in the middle"

def test_after(relay_lab, request):
    assert not (request.path.parent / "broken").exists()
"""

_DRIVER = ("--relaydrill-driver=attach", "--relaydrill-topology=staging.yaml")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the tests above and a lab whose one hook makes a file."""
    (tmp_path / "test_it.py").write_text(_TESTS)
    (tmp_path / "staging.yaml").write_text(_STAGING.format(folder=tmp_path, heal="rm"))
    return tmp_path


def undone(folder: Path) -> list[Path]:
    """The records of what is still to be healed."""
    return list((folder / "relaydrill" / "undo").glob("*.json"))


def test_what_a_test_leaves_broken_is_healed_by_its_hook(folder: Path) -> None:
    """However a test ends, the next finds the lab whole, and nothing is left to heal."""
    allowed = (*_DRIVER, "--relaydrill-allow-faults")
    done = run(folder, "-q", *allowed, XDG_STATE_HOME=str(folder))
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    assert "in the middle" in done.stdout
    assert undone(folder) == []


def test_a_lab_that_cannot_be_healed_is_left_alone(folder: Path) -> None:
    """Where a heal fails no further test runs, and its record stays for ``relaydrill heal``."""
    (folder / "staging.yaml").write_text(_STAGING.format(folder=folder, heal="false"))
    allowed = (*_DRIVER, "--relaydrill-allow-faults")
    done = run(folder, "-q", *allowed, XDG_STATE_HOME=str(folder))
    assert done.returncode == 1
    assert "the lab cannot be put right again: ht1 IS STILL BROKEN (stop)" in done.stdout
    assert len(undone(folder)) >= 1


def test_nothing_is_broken_without_permission(folder: Path) -> None:
    """A fault is not injected, which proves nothing; the hook is not run."""
    done = run(folder, "-q", *_DRIVER, "-k", "breaks", XDG_STATE_HOME=str(folder))
    assert "unknown: nothing was proven: stop:ht1 was not injected" in done.stdout, done.stdout
    assert not (folder / "broken").exists()
    assert undone(folder) == []
