"""``relaydrill compare`` of two topologies, with labs: the rows that a change spoils are told."""

from __future__ import annotations

import json
from pathlib import Path

from tests.documents import misfits
from tests.drills.test_command_line import run

# A balancer that checks nothing gives a dead hub its share until somebody repairs it.
_UNCHECKED = "extends: sharepoint\nname: mine\nnodes: {lb1: {check: {kind: none}}}\n"


def test_a_balancer_without_a_check_is_worse(tmp_path: Path) -> None:
    """Worse where a hub dies, and the same where nothing does; the evidence gives it once more."""
    (tmp_path / "before.yaml").write_text("extends: sharepoint\nname: mine\n")
    (tmp_path / "after.yaml").write_text(_UNCHECKED)
    of_ht1 = ("--node", "ht1", "--flow", "relay", "--driver", "simulate", "--out", "runs")
    told = run(tmp_path, "compare", "before.yaml", "after.yaml", *of_ht1, "--json", status=1)
    document = json.loads(told.stdout)
    assert misfits(document) == []
    rows = {row["fault"]: row for row in document["rows"]}
    assert {fault: row["what"] for fault, row in rows.items()} == {
        "steady": "same",
        "kill:ht1": "worse",
    }
    spoilt = rows["kill:ht1"]
    assert (spoilt["base"]["status"], spoilt["change"]["status"]) == ("pass", "fail")
    assert {each["about"] for each in spoilt["differences"]} >= {"status", "degraded"}
    assert [(each["state"], each["kind"]) for each in document["findings"]] == [
        ("new", "not taken over")
    ]
    again = run(tmp_path, "compare", "runs/base", "runs/change", "--json", status=1)
    assert json.loads(again.stdout)["rows"] == document["rows"]
    back = run(tmp_path, "compare", "runs/change", "runs/base")
    assert back.stdout.startswith("1 row better, 1 the same\n")
    markdown = run(tmp_path, "compare", "runs/base", "runs/change", "--markdown", status=1)
    assert "| worse | ht1 killed | relay | pass → **fail** |" in markdown.stdout
