"""``relaydrill history`` on what drills and audits have really left."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from tests.documents import misfits
from tests.drills.test_command_line import run, start

SIMULATED = ("--driver", "simulate")
# Checks notice a dead hub after four seconds at the earliest: this is promised and cannot be kept.
_STRICT = "extends: sharepoint\nname: mine\nexpect: {lost: 0, gap: 15s, degraded: 2s}\n"


def test_a_night_that_is_worse_ends_with_1_and_says_what_decided(tmp_path: Path) -> None:
    """The same drill twice: nothing is worse; with a promise that it breaks, the newest is."""
    (tmp_path / "mine.yaml").write_text("extends: sharepoint\nname: mine\n")
    drill = ("drill", "mine.yaml", "--flow", "relay", "--fault", "kill:ht1", *SIMULATED)
    begun = datetime.now(UTC)
    run(tmp_path, *drill)
    run(tmp_path, *drill, "--seed", "2")
    even = json.loads(run(tmp_path, "history", "--json").stdout)
    assert misfits(even) == []
    (series,) = even["series"]
    assert [each["status"] for each in series["runs"]] == ["pass", "pass"]
    assert [each["seed"] for each in series["runs"]] == [1, 2]
    moments = [datetime.fromisoformat(each["at"]) for each in series["runs"]]
    assert begun <= moments[0] < moments[1] <= datetime.now(UTC)
    assert all(each["failed"] and each["gap_s"] and each["lost"] == 0 for each in series["runs"])

    (tmp_path / "mine.yaml").write_text(_STRICT)
    run(tmp_path, *drill, status=1)
    worse = run(tmp_path, "history", status=1).stdout
    changed = "pass → fail, of a design that has changed: degraded: "
    assert f"worse  kill:ht1, relay (mine, simulate): {changed}" in worse
    assert "in 1 of them the newest is worse" in worse
    newest = json.loads(run(tmp_path, "history", "--last", "1", "--json", status=1).stdout)
    assert misfits(newest) == []
    assert [each["status"] for each in newest["series"][0]["runs"]] == ["fail"]


def test_an_audit_is_a_series_for_each_row_and_flow(tmp_path: Path) -> None:
    """Each row and flow of an audit is found, with the verdict that the audit gave it."""
    audit = start(tmp_path, "audit", "--node", "lb1", "--jobs", "1", "--out", "runs/one", "--json")
    told, _ = audit.communicate(timeout=60)
    wanted = {
        (row["drill"], name): flow["status"]
        for row in json.loads(told)["rows"]
        for name, flow in row["flows"].items()
    }
    document = json.loads(run(tmp_path, "history", "runs", "--json").stdout)
    found = {
        (each["drill"], each["flow"]): each["runs"][0]["status"] for each in document["series"]
    }
    assert len(wanted) == 4
    assert found == wanted
    assert document["left_out"] == []


def test_an_earlier_run_is_judged_as_ever(tmp_path: Path) -> None:
    """A run directory without a wall time, as earlier versions left it, is read and judged."""
    run(tmp_path, "drill", "--flow", "relay", "--out", "old", *SIMULATED)
    document = json.loads((tmp_path / "old" / "drill.json").read_text())
    del document["at"]
    (tmp_path / "old" / "drill.json").write_text(json.dumps(document))
    assert "PASS" in run(tmp_path, "judge", "old").stdout
    assert "1 verdict in 1 series" in run(tmp_path, "history", "old").stdout


def test_a_wrong_folder_is_told_with_status_2(tmp_path: Path) -> None:
    """A path that leads nowhere, and a folder without runs."""
    assert "nowhere is no folder" in run(tmp_path, "history", "nowhere", status=2).stderr
    assert "there are no runs in" in run(tmp_path, "history", ".", status=2).stderr
