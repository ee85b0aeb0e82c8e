"""A fault, a persona and a check of another package, from the first mail to the history."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests import outside
from tests.unit.test_extensions import DESIGN

EDGES = ("edge1", "edge2", "edge3")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package of the documentation is installed, beside a quick design."""
    found = outside.installed(tmp_path_factory.mktemp("outside"))
    (found / "spammed.yaml").write_text(DESIGN + "expect: {gap: 5s, degraded: 5s}\n")
    return found


@pytest.fixture(scope="module")
def drilled(place: Path) -> dict[str, Any]:
    """What two drills came to: the steady state, and mail that is put off by one server."""
    found = {}
    for name, more in (("steady", ()), ("greylist", ("--fault", "greylist:edge2"))):
        done = outside.relaydrill(place, "drill", "spammed.yaml", "--json", "--out", name, *more)
        assert done.stdout, done.stderr
        found[name] = json.loads(done.stdout)
    return found


def checks(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What each check said of the one flow."""
    return {each["check"]: each for each in document["flows"]["spam"]["checks"]}


def verdict(document: dict[str, Any], check: str) -> dict[str, Any]:
    """What a check said of the one flow."""
    return checks(document)[check]


def test_the_persona_chooses_the_servers(place: Path, drilled: dict[str, Any]) -> None:
    """Mail goes to the servers of the least preferred exchanger, and to no other."""
    journals = place / "steady" / "journals"
    took = {name: "accepted" in (journals / f"{name}.jsonl").read_text() for name in EDGES}
    assert took == {"edge1": False, "edge2": True, "edge3": True}


def test_the_check_is_one_of_all(place: Path, drilled: dict[str, Any]) -> None:
    """Its verdict stands among the others, and is the same when the run is judged again."""
    assert verdict(drilled["steady"], "pace")["status"] == "pass"
    assert drilled["steady"]["status"] == "pass"
    again = json.loads(outside.relaydrill(place, "judge", "steady", "--json").stdout)
    assert verdict(again, "pace") == verdict(drilled["steady"], "pace")
    assert "pace" not in checks(drilled["greylist"])


def test_the_fault_bites_and_is_found(place: Path, drilled: dict[str, Any]) -> None:
    """It was done to the server and undone, met by the mail, and the finding names it."""
    assert verdict(drilled["greylist"], "bite")["status"] == "pass"
    [finding] = drilled["greylist"]["findings"]
    assert finding["status"] == "fail"
    assert finding["title"] == "edge2 greylisting"
    told = (place / "greylist" / "journals" / "harness.jsonl").read_text()
    assert [kind in told for kind in ('"injected"', '"healed"')] == [True, True]


def test_the_history_knows_them(place: Path, drilled: dict[str, Any]) -> None:
    """By the fault's own name; and the report shows it."""
    done = outside.relaydrill(place, "history", ".")
    assert "greylist:edge2" in done.stdout, done.stderr
    assert outside.relaydrill(place, "report", "greylist").returncode == 0
    assert "greylist" in (place / "greylist" / "report.html").read_text()


def test_a_run_is_refused_where_the_package_is_missing(
    place: Path, drilled: dict[str, Any], tmp_path: Path
) -> None:
    """What its fault did, nobody knows there: no verdict, and no traceback."""
    done = outside.relaydrill(tmp_path, "judge", str(place / "greylist"))
    assert done.returncode == 2
    assert "no fault is called 'greylist'" in done.stderr
    assert "Traceback" not in done.stderr
