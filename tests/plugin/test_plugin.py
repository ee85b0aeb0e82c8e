"""The pytest plugin, as other projects meet it: each test runs pytest in a process of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

_DRILL = '''
def test_drill(relay_drill):
    """Run one drill."""
    relay_drill.check({fault!r}, flows="relay")
'''


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


def test_loading_the_plugin_imports_nothing_heavy(tmp_path: Path) -> None:
    """A session that uses no lab does not pay for one."""
    (tmp_path / "test_light.py").write_text(
        "import sys\n\ndef test_light():\n"
        "    heavy = {'pydantic', 'aiosmtpd', 'relaydrill.topology', 'relaydrill.drivers'}\n"
        "    assert not heavy & set(sys.modules)\n"
    )
    done = run(tmp_path, "-q")
    assert done.returncode == 0, done.stdout


def test_a_passing_drill_is_in_header_summary_and_junit(tmp_path: Path) -> None:
    """Header, account and JUnit properties tell what was drilled."""
    (tmp_path / "test_it.py").write_text(_DRILL.format(fault="kill:ht1"))
    done = run(tmp_path, "--junitxml=out.xml", "--relaydrill-seed=7")
    assert done.returncode == 0, done.stdout
    assert "relaydrill: topology sharepoint, driver process, seed 7" in done.stdout
    assert re.search(r"kill:ht1 +relay +pass +\d+\.\d s +\d+ delivered", done.stdout)
    found = ElementTree.parse(tmp_path / "out.xml").iter("property")
    properties = {each.get("name"): each.get("value") for each in found}
    assert properties["relaydrill.verdict"] == "pass"
    assert properties["relaydrill.seed"] == "7"


def test_fail_and_unknown_both_fail_and_are_told_apart(tmp_path: Path) -> None:
    """A failed check and a fault that was not injected fail a test, each in its own words."""
    (tmp_path / "test_a.py").write_text(_DRILL.format(fault="backpressure:ht1"))
    (tmp_path / "test_b.py").write_text(_DRILL.format(fault="isolate:lb1"))
    done = run(tmp_path, "-n", "2")
    assert done.returncode == 1
    assert "fail: backpressure:ht1, flow relay: degraded" in done.stdout
    assert "unknown: nothing was proven: isolate:lb1, flow relay: bite" in done.stdout
    assert "journal of ht1" in done.stdout
    assert "2 failed" in done.stdout


def test_a_lab_is_whole_again_after_a_test_that_fails_in_the_middle_of_a_fault(
    tmp_path: Path,
) -> None:
    """Whatever a test leaves broken, the next test finds the lab in its steady state."""
    (tmp_path / "test_it.py").write_text(
        "def test_breaks(relay_lab, relay_fault):\n"
        "    with relay_fault('backpressure:ht2'):\n"
        "        relay_lab.kill('ht1')\n"
        "        relay_lab.pause('ht3')\n"
        "        assert False, 'in the middle'\n\n"
        "def test_after(relay_drill):\n    relay_drill.check(flows='relay')\n"
    )
    done = run(tmp_path, "-q")
    assert "1 failed, 1 passed" in done.stdout, done.stdout


def test_options_go_before_environment_before_ini(tmp_path: Path) -> None:
    """The seed shows which of the three was taken."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nrelaydrill_seed = 3\n")
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    assert "seed 3" in run(tmp_path).stdout
    assert "seed 4" in run(tmp_path, RELAYDRILL_SEED="4").stdout
    assert "seed 5" in run(tmp_path, "--relaydrill-seed=5", RELAYDRILL_SEED="4").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--relaydrill-driver=magic"], "no driver is 'magic'"),
        (["--relaydrill-seed=many"], "'many' is no whole number"),
    ],
)
def test_a_wrong_setting_ends_the_session_with_a_sentence(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    """A setting that makes no sense is a usage error, without a traceback."""
    done = run(tmp_path, *arguments)
    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_topology_can_be_overridden_and_marked(tmp_path: Path) -> None:
    """A project's own fixture, and a marker on a test, choose the topology."""
    small = "extends: sharepoint\nname: small\nnodes: {ht3: null, lb1: {backends: [ht1, ht2]}}\n"
    (tmp_path / "small.yaml").write_text(small)
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n"
        "def test_default(relay_lab):\n    assert len(relay_lab.topology.hubs) == 3\n\n"
        "@pytest.mark.relaydrill_topology('small.yaml')\n"
        "def test_marked(relay_lab):\n    assert len(relay_lab.topology.hubs) == 2\n"
    )
    done = run(tmp_path, "-q")
    assert "2 passed" in done.stdout, done.stdout


@pytest.mark.parametrize("given", ["'small.yaml'", "Path(__file__).parent / 'small.yaml'"])
def test_an_override_may_be_a_name_or_a_path_and_a_marker_goes_before_it(
    given: str, tmp_path: Path
) -> None:
    """What the test's id says is what its lab runs."""
    small = "extends: sharepoint\nname: small\nnodes: {ht3: null, lb1: {backends: [ht1, ht2]}}\n"
    (tmp_path / "small.yaml").write_text(small)
    (tmp_path / "conftest.py").write_text(
        "from pathlib import Path\n\nimport pytest\n\n"
        "@pytest.fixture(scope='session')\n"
        f"def relaydrill_topology():\n    return {given}\n"
    )
    (tmp_path / "test_it.py").write_text(
        "import pytest\n\n"
        "def test_overridden(relay_lab):\n    assert relay_lab.topology.name == 'small'\n\n"
        "@pytest.mark.relaydrill_topology('sharepoint')\n"
        "def test_marked(relay_lab):\n    assert relay_lab.topology.name == 'sharepoint'\n"
    )
    done = run(tmp_path, "-v")
    assert "2 passed" in done.stdout, done.stdout
    assert "test_marked[sharepoint] PASSED" in done.stdout


def test_an_override_that_is_no_topology_is_told(tmp_path: Path) -> None:
    """By what it gives, and what it may give; without a traceback."""
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n"
        "@pytest.fixture(scope='session')\n"
        "def relaydrill_topology():\n    return 42\n"
    )
    (tmp_path / "test_it.py").write_text("def test_it(relay_lab):\n    pass\n")
    done = run(tmp_path, "-q")
    assert "relaydrill_topology gives 42; it may give a Topology" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_wrong_topology_is_told_with_file_and_line(tmp_path: Path) -> None:
    """A mistake in a topology fails the tests that need it, with its place and no traceback."""
    (tmp_path / "bad.yaml").write_text("extends: sharepoint\nname: bad\nclock: fast\n")
    (tmp_path / "test_it.py").write_text("def test_it(relay_lab):\n    pass\n")
    done = run(tmp_path, "-q", "--relaydrill-topology=bad.yaml")
    assert done.returncode == 1
    assert "bad.yaml:3: " in done.stdout
    assert "Traceback" not in done.stdout


def test_the_bundled_suite_runs_from_anywhere(tmp_path: Path) -> None:
    """One fault of the suite, on a hub, for both ports, out of the installed package."""
    # One lab at a time: with two, and that of whatever runs beside, a small machine starved.
    done = run(
        tmp_path, "-q", "--pyargs", "pytest_relaydrill.suite", "-k", "nothing_is or kill-ht2"
    )
    assert done.returncode == 0, done.stdout
    assert "4 passed" in done.stdout


INBOUND = """
name: small-inbound
clock: 20
nodes:
  edge1: {role: edge, site: east}
  edge2: {role: edge, site: west}
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  ns2: {role: dns}
  world: {role: sender}
zones:
  contoso.com:
    mx:
      - {host: maila.contoso.com, addresses: [edge1, edge2]}
flows:
  any: {from: world, to: contoso.com, persona: rfc5321, rate: 20/s, expect: &promise
    {gap: 20s, deferral: true, spread: [edge1, edge2]}}
  pinned: {from: world, to: contoso.com, persona: pinned_mx, pin: maila.contoso.com, rate: 20/s,
    population: 20, expect: *promise}
"""


def test_the_bundled_suite_drills_inbound_mail(tmp_path: Path) -> None:
    """An Edge lost and under pressure, a site, a name server; each flow is a test of its own.

    One MX host is not lost alone here: it is the only one.
    """
    (tmp_path / "small.yaml").write_text(INBOUND)
    done = run(
        tmp_path,
        *("-v", "-rs", "-n2", "--pyargs", "pytest_relaydrill.suite"),
        *("-k", "(edge1 or west or ns1) or nothing", "--relaydrill-topology=small.yaml"),
        RELAYDRILL_DRIVER="simulate",
    )
    assert done.returncode == 0, done.stdout
    assert "11 passed, 1 skipped" in done.stdout, done.stdout
    for case in ("edge1-any", "edge1-backpressure-pinned", "site-west-pinned", "dns-ns1-any"):
        assert f"test_mail_comes_in[{case}] " in done.stdout
    assert "topology small-inbound has no hub behind a balancer" in done.stdout + str(done.stderr)


def properties_of(case: ElementTree.Element) -> dict[str, str]:
    """The properties of one test in a JUnit file, without their common prefix."""
    found = {str(each.get("name")): str(each.get("value")) for each in case.iter("property")}
    return {name.removeprefix("relaydrill."): value for name, value in found.items()}


def test_junit_tells_all_that_a_trend_needs(tmp_path: Path) -> None:
    """What ran where, its verdict and the figures that ``relaydrill history`` compares, too.

    They are the same as in the run directory.
    """
    (tmp_path / "small.yaml").write_text(INBOUND)
    done = run(
        tmp_path,
        *("-q", "--pyargs", "pytest_relaydrill.suite", "--junitxml=out.xml", "--relaydrill-out=o"),
        *("-k", "(nothing_is or edge1-any) and any", "--relaydrill-topology=small.yaml"),
        RELAYDRILL_DRIVER="simulate",
    )
    cases = {
        each["drill"]: each
        for case in ElementTree.parse(tmp_path / "out.xml").iter("testcase")
        if (each := properties_of(case))
    }
    assert cases.keys() == {"steady", "kill:edge1"}, done.stdout
    for document in (tmp_path / "o").rglob("verdict.json"):
        verdict = json.loads(document.read_text())
        told = cases[verdict["drill"]]
        flow = verdict["flows"][told["flow"]]
        figures = {check["check"]: check["figures"] for check in flow["checks"]}
        assert told["topology"] == "small-inbound"
        assert (told["driver"], told["seed"]) == ("simulate", "1")
        assert told["verdict"] == flow["status"]
        assert float(told["gap_s"]) == figures["gap"]["gap_s"]
        assert float(told["resolution_s"]) == figures["gap"]["resolution_s"]
        for account in ("lost", "duplicated"):
            assert int(told[account]) == figures["account"].get(account, 0)
        assert int(told["attempts"]) >= int(told["failed"])
    assert "spread_share" not in cases["kill:edge1"]
    assert {"spread_server", "spread_share"} <= cases["steady"].keys()
    assert cases["steady"]["spread_fair"] == "0.5"


@pytest.mark.parametrize("topology", ["sharepoint", "microsoft", "twosites"])
def test_test_ids_depend_on_nothing_but_the_topology(topology: str, tmp_path: Path) -> None:
    """Another seed, driver, folder, directory, hash seed: the same tests, in the same order.

    So a report can put one night's tests beside another's.
    """

    def ids(folder: str, *arguments: str, hashes: str) -> list[str]:
        (tmp_path / folder).mkdir()
        collect = ("--collect-only", "-q", "--pyargs", "pytest_relaydrill.suite")
        chosen = (f"--relaydrill-topology={topology}", *arguments)
        done = run(tmp_path / folder, *collect, *chosen, PYTHONHASHSEED=hashes)
        assert done.returncode == 0, done.stdout
        return [line for line in done.stdout.splitlines() if "::" in line]

    first = ids("one", hashes="1")
    other = ("--relaydrill-seed=77", "--relaydrill-out=runs", "--relaydrill-driver=docker")
    assert first == ids("two", *other, hashes="2")
    assert len(first) == len(set(first)) > 20


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--relaydrill-allow-faults"], "only for the driver attach; no other lab needs it"),
        (["--relaydrill-driver=attach", "-n2"], "leave out -n"),
    ],
)
def test_a_real_lab_is_broken_by_one_process_that_may(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    """Workers never break one lab at the same time, and the permission is for real labs."""
    done = run(tmp_path, *arguments)
    assert done.returncode == 4
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_failing_test_keeps_the_runs_of_drills_that_passed(tmp_path: Path) -> None:
    """What it found wrong may be in them; a test that passes keeps none."""
    (tmp_path / "test_it.py").write_text(
        "def test_good(relay_drill):\n"
        "    assert relay_drill(flows=['relay']).status == 'pass'\n\n"
        "def test_bad(relay_drill):\n"
        "    assert relay_drill(flows=['relay']).status == 'pass'\n"
        "    assert False, 'something else'\n"
    )
    out = f"--relaydrill-out={tmp_path / 'runs'}"
    done = run(tmp_path, "-q", out, RELAYDRILL_DRIVER="simulate")
    assert "1 failed, 1 passed" in done.stdout, done.stdout
    kept = {path.parent.parent.name for path in (tmp_path / "runs").rglob("verdict.json")}
    assert len(kept) == 1
    assert any("test_bad" in str(path) for path in (tmp_path / "runs").rglob("verdict.json"))
