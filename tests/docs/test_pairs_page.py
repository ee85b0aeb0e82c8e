"""What the page on pairs says is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.lint import lint
from relaydrill.topology import Vrrp

_PAGE = (Path(__file__).parents[2] / "docs" / "design" / "pairs.md").read_text(encoding="utf-8")
_BLOCKS = re.findall(r"^```yaml\n(.*?)^```$", _PAGE, re.M | re.S)


def test_its_design_is_one_and_has_no_lone_balancer(tmp_path: Path) -> None:
    """It loads, the linter misses nothing, and an audit breaks the balancer, not its standby."""
    path = tmp_path / "pair.yaml"
    path.write_text(_BLOCKS[0])
    topology = topology_files.load(path)
    assert "lone-balancer" not in {each.rule for each in lint(topology)}
    broken = {spec.node for drill in plan_audit(topology) for spec in drill.faults}
    assert "lb1" in broken
    assert "lb2" not in broken


def test_its_defaults_are_the_defaults() -> None:
    """The settings that it shows, and the seconds that it names."""
    told = yaml.safe_load(_BLOCKS[1])["lb1"]["vrrp"]
    assert Vrrp.model_validate(told) == Vrrp()
    assert f"{Vrrp().takeover_s:.1f} s with the default" in _PAGE
    skew_s = Vrrp().takeover_s - 3 * Vrrp().advert
    assert f"{skew_s:.1f} s after a balancer that\nends in good order" in _PAGE
    slow = Vrrp.model_validate({"advert": "6s"}).takeover_s
    assert f"lb2 waits up to\n{slow:.1f} s" in _PAGE


@pytest.mark.parametrize("suite", re.findall(r"`(tests/[\w/]+\.py)`", _PAGE))
def test_the_suites_that_it_names_exist(suite: str) -> None:
    """A file of that name lies there."""
    assert (Path(__file__).parents[2] / suite).exists()
