"""Runs side by side: what got worse, what only changed, and what could not be read."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill import topology_files
from relaydrill.drills.archive import read_history, run_directories
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.figures import Checks, Figures, Share, figures_of
from relaydrill.drills.history import BETTER, NOTE, WORSE, Likeness, Run, history_of
from relaydrill.errors import UsageError
from relaydrill.verdict import Status, Verdict, failed, passed, unknown

BEGIN = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
RELAY = Likeness("sharepoint", "process", "kill:ht1", "relay")
WORST_LAST = (Status.PASS, Status.UNKNOWN, Status.FAIL)


def run(day: int, status: Status = Status.PASS, **changed: Any) -> Run:
    """One night's run."""
    values: dict[str, Any] = {
        "likeness": RELAY,
        "at": BEGIN + timedelta(days=day),
        "directory": f"night-{day}",
        "seed": 1,
        "status": status,
        "accepted": "",
        "said": "gap: as it was",
        "figures": Figures(),
    }
    return Run(**(values | changed))


@given(st.lists(st.sampled_from(WORST_LAST), min_size=2, max_size=6))
def test_only_a_worse_verdict_than_the_one_before_is_worse(nights: list[Status]) -> None:
    """The newest run is compared with the one before it, and with no other; rank decides."""
    history = history_of(run(day, status) for day, status in enumerate(nights))
    before, newest = (WORST_LAST.index(status) for status in nights[-2:])
    assert history.exit_status == (1 if newest > before else 0)
    (series,) = history.series
    kind = WORSE if newest > before else BETTER
    assert [change.what for change in series.changes] == [kind] * (newest != before)


@given(st.permutations(range(5)))
def test_time_orders_runs_and_not_the_order_of_reading(order: list[int]) -> None:
    """However the folders are named and found, the newest run is the one that began last."""
    history = history_of(run(day, Status.FAIL if day == 4 else Status.PASS) for day in order)
    assert [each.directory for each in history.series[0].runs] == [f"night-{d}" for d in range(5)]
    assert history.exit_status == 1


@pytest.mark.parametrize("part", Likeness._fields)
def test_runs_are_compared_with_their_like_only(part: str) -> None:
    """Another topology, driver, drill or flow is another series, and never worse than this one."""
    other = run(1, Status.FAIL, likeness=RELAY._replace(**{part: "other"}))
    history = history_of([run(0), other])
    assert len(history.series) == 2
    assert history.exit_status == 0


def test_a_gap_that_grew_is_told_where_both_resolutions_leave_no_doubt() -> None:
    """Ranges that touch say nothing; ranges apart are told, and are no worse verdict by that."""

    def told(*gaps: tuple[float, float]) -> list[tuple[str, str]]:
        nights = [
            run(day, figures=Figures(gap_s=gap_s, resolution_s=resolution_s))
            for day, (gap_s, resolution_s) in enumerate(gaps)
        ]
        history = history_of(nights)
        assert history.exit_status == 0
        return [(change.what, change.told) for change in history.series[0].changes]

    assert told((1.0, 0.5), (2.0, 0.5)) == []
    assert told((1.0, 0.5), (2.1, 0.5)) == [(NOTE, "gap 1.0 s ± 0.5 s → 2.1 s ± 0.5 s")]
    assert told((2.1, 0.5), (1.0, 0.5)) == []


def test_a_failure_that_is_accepted_now_is_told_and_is_not_worse() -> None:
    """The author has agreed to it; a person sees it all the same."""
    agreed = run(1, accepted="until the second is bought", said="gap: 30 s")
    history = history_of([run(0), agreed])
    assert history.exit_status == 0
    (change,) = history.series[0].changes
    assert change.what == NOTE
    assert change.told == "pass → accepted: gap: 30 s (accepted: until the second is bought)"


def test_one_run_alone_has_changed_nothing() -> None:
    """A drill that fails from the first night on is not worse than before."""
    assert history_of([run(0, Status.FAIL)]).exit_status == 0


def test_figures_come_from_the_checks_that_hold_them() -> None:
    """Gap, attempts, account and spread, each from its check; in the steady state, from that."""
    broken: Checks = {
        "gap": {"gap_s": 3.5, "resolution_s": 0.8},
        "degraded": {"failed": 9, "attempts": 300, "late": 3},
        "steady": {"attempts": 50, "accepted": 50},
        "account": {"delivered": 280, "lost": 2, "duplicated": 1, "refused": 17},
    }
    assert figures_of(broken) == Figures(3.5, 0.8, 6, 300, 3, 2, 1)
    assert figures_of({"degraded": {"failed": 9, "attempts": 300}}).late == 0
    spread = {"counts": {"edge1": 90, "edge2": 60, "edge3": 105}, "choices": 300}
    steady: Checks = {"steady": {"attempts": 50, "accepted": 48}, "spread": spread}
    found = figures_of(steady)
    assert (found.failed, found.attempts) == (2, 50)
    assert found.spread == Share("edge2", 0.2, 1 / 3)
    assert figures_of({"harness": {}, "account": {}, "gap": {}}) == Figures()


def test_plain_figures_leave_out_what_there_is_not() -> None:
    """A report without nesting gets numbers and names, and no word for nothing."""
    assert Figures(lost=0).plain() == {"lost": 0}
    spread = Figures(gap_s=0.5, resolution_s=0.1, spread=Share("edge2", 0.2, 1 / 3)).plain()
    assert spread == {
        "gap_s": 0.5,
        "resolution_s": 0.1,
        "spread_server": "edge2",
        "spread_share": 0.2,
        "spread_fair": 0.3333,
    }


def written(
    directory: Path, *checks: Verdict, at: datetime | None = BEGIN, drill: str = "kill:ht1"
) -> Path:
    """A run directory as a drill leaves it, with a journal that nobody may need."""
    (directory / "journals").mkdir(parents=True)
    (directory / "journals" / "app.jsonl").write_text("not read\n")
    document = {"format": 1, "drill": {}} | ({"at": at.isoformat()} if at else {})
    (directory / "drill.json").write_text(json.dumps(document))
    status = next((each.status for each in checks if each.status is not Status.PASS), Status.PASS)
    flow = {"status": status, "accepted": "", "checks": [asdict(each) for each in checks]}
    verdict = {"drill": drill, "topology": "sharepoint", "driver": "process", "seed": 1}
    (directory / "verdict.json").write_text(json.dumps({**verdict, "flows": {"relay": flow}}))
    return directory


GAP = passed("gap", "short", gap_s=0.5, resolution_s=0.2)


def test_runs_are_found_in_audits_and_sessions_and_not_in_labs(tmp_path: Path) -> None:
    """At any depth; what lies inside a run or a lab is no run."""
    wanted = [
        written(tmp_path / "20260301-drill", GAP),
        written(tmp_path / "20260302-audit" / "kill-ht1", GAP),
        written(tmp_path / "session-1" / "shared" / "sharepoint-1a2b" / "kill-ht1", GAP),
    ]
    written(tmp_path / "20260302-audit" / "kill-ht2.lab", GAP)
    written(wanted[0] / "inside", GAP)
    assert sorted(run_directories(tmp_path)) == sorted(wanted)
    assert list(run_directories(wanted[1])) == [wanted[1]]


def test_what_cannot_be_read_is_told_in_a_line_and_left_out(tmp_path: Path) -> None:
    """A run that is not over, one of another format, and half a file do not hide the others."""
    written(tmp_path / "good", GAP)
    (written(tmp_path / "running", GAP) / "verdict.json").unlink()
    (written(tmp_path / "later", GAP) / "drill.json").write_text(
        '{"format": "relaydrill.run", "version": 99}'
    )
    (written(tmp_path / "half", GAP) / "verdict.json").write_text('{"flows": {')
    (written(tmp_path / "other", GAP) / "verdict.json").write_text('{"flows": {"relay": {}}}')
    history = read_history(tmp_path)
    assert [each.directory for each in history.series[0].runs] == [str(tmp_path / "good")]
    told = {line.partition(": ")[0]: line for line in history.left_out}
    assert set(told) == {str(tmp_path / name) for name in ("half", "later", "other", "running")}
    assert "no verdict" in told[str(tmp_path / "running")]
    assert (
        "has version 99 of relaydrill.run, and this Relaydrill (0.1.0) reads up to 3"
        in told[str(tmp_path / "later")]
    )
    assert all("\n" not in line for line in history.left_out)


def test_a_run_that_tells_no_time_has_that_of_its_file(tmp_path: Path) -> None:
    """Runs of earlier versions are put in order by the age of their directories' files."""
    old = written(tmp_path / "b-old", failed("gap", "long", gap_s=9, resolution_s=1), at=None)
    stamp = (BEGIN - timedelta(days=1)).timestamp()
    os.utime(old / "drill.json", (stamp, stamp))
    written(tmp_path / "a-new", GAP)
    (series,) = read_history(tmp_path).series
    assert [Path(each.directory).name for each in series.runs] == ["b-old", "a-new"]
    assert series.runs[0].at == BEGIN - timedelta(days=1)
    assert [change.what for change in series.changes] == [BETTER]


def test_what_decided_is_said(tmp_path: Path) -> None:
    """A worse run tells the check that made it so, with its evidence."""
    written(tmp_path / "1", GAP)
    later = BEGIN + timedelta(days=1)
    written(tmp_path / "2", GAP, unknown("bite", "ht1 took no mail"), at=later)
    history = read_history(tmp_path)
    assert history.series[0].changes[0].told == "pass → unknown: bite: ht1 took no mail"
    document = history.document(1)
    assert document["worse"] == 1
    assert [each["status"] for each in document["series"][0]["runs"]] == ["unknown"]
    assert json.loads(json.dumps(document)) == document


def recorded(directory: Path, called: str, *faults: str, topology: str = "twosites") -> Path:
    """The run directory of a drill that is called like that, with what the drill was."""
    found = written(directory, GAP, drill=called)
    design = topology_files.load(topology)
    drill = plan(design, faults=faults, name=called)
    document = json.loads((found / "drill.json").read_text())
    (found / "drill.json").write_text(json.dumps({**document, "drill": drill.to_json()}))
    (found / "topology.yaml").write_text(topology_files.dump(design))
    return found


def series_of(folder: Path) -> dict[str, int]:
    """How many runs each drill has."""
    return {each.likeness.drill: len(each.runs) for each in read_history(folder).series}


DUBLIN = ("kill:ht3", "kill:ht4", "kill:mbx-d")


@pytest.mark.parametrize(
    ("faults", "earlier"),
    [
        (("kill:ht1",), ("kill-ht1",)),
        (("drop-mid-data:ht1",), ("drop-mid-data-ht1",)),
        (("tempfail.rcpt:ht1",), ("tempfail.rcpt-ht1",)),
        (("kill:ht1", "kill:ht2"), ("kill-ht1+ht2", "kill-ht2+ht1", "kill:ht2+kill:ht1")),
        (("kill:ht1@15s+forever",), ("kill:ht1",)),
        (DUBLIN, ("kill-dublin", "+".join(DUBLIN))),
        (("kill:edge1", *DUBLIN), ("kill-edge1+dublin", "+".join(("kill:edge1", *DUBLIN)))),
    ],
    ids=lambda each: each[0],
)
def test_one_fault_is_one_series_whatever_earlier_versions_called_it(
    faults: tuple[str, ...], earlier: tuple[str, ...], tmp_path: Path
) -> None:
    """An audit's row and a drill of its own stand together, those of earlier versions too."""
    name = plan(topology_files.load("twosites"), faults=faults).name
    for number, called in enumerate((name, *earlier)):
        order = faults[::-1] if called.startswith("kill:ht2") else faults
        recorded(tmp_path / str(number), called, *order)
    assert series_of(tmp_path) == {name: 1 + len(earlier)}


def test_a_design_that_has_changed_is_told_beside_what_became_of_it(tmp_path: Path) -> None:
    """Who edits a topology and gets a worse verdict learns that it is another lab."""
    recorded(tmp_path / "1", "kill:ht1", "kill:ht1", topology="sharepoint")
    worse = written(tmp_path / "2", unknown("bite", "no"), at=BEGIN + timedelta(days=1))
    assert "design" not in read_history(tmp_path).series[0].changes[0].told
    (worse / "topology.yaml").write_text("another")
    told = read_history(tmp_path).series[0].changes[0].told
    assert told == "pass → unknown, of a design that has changed: bite: no"


def test_a_name_that_a_person_chose_stands(tmp_path: Path) -> None:
    """Even one that looks like an audit's of something else that was broken."""
    chosen = ("night", "kill-ht2", "kill-dublin", "kill-ht1+ht2", "kill-", "pause-ht1", "steady")
    for called in chosen:
        recorded(tmp_path / called, called, "kill:ht1")
    assert series_of(tmp_path) == dict.fromkeys(chosen, 1)


@pytest.mark.parametrize("broken", ["topology.yaml", "faults"])
def test_a_run_that_does_not_tell_enough_keeps_its_name(broken: str, tmp_path: Path) -> None:
    """It is shown all the same: what it was called is better than nothing."""
    directory = recorded(tmp_path / "old", "kill-dublin", *DUBLIN)
    if broken == "faults":
        (directory / "drill.json").write_text('{"format": 1, "drill": {"faults": "?"}}')
    else:
        (directory / broken).write_text("name: nothing that this version takes\n")
    assert series_of(tmp_path) == {"kill-dublin": 1}


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_no_folder_and_no_runs_are_the_users_mistake(name: str, tmp_path: Path) -> None:
    """A wrong path must not look as if nothing had got worse."""
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"is no folder|there are no runs"):
        read_history(tmp_path / name)
