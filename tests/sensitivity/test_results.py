"""What the runs come to: caught, missed or undecided; rates, exit status, and what is written."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from relaydrill.errors import UsageError
from relaydrill.ledger import join
from relaydrill.verdict import Status, Verdict, failed, interval, passed, unknown
from tests.histories import History

from .__main__ import choose, command
from .catalogue import CATALOGUE
from .defect import Defect, Drilled, Finding, Tampered
from .healthy import Quiet
from .results import Rate, Results, alarms_of, caught_of, load
from .running import CAUGHT, MISSED, UNDECIDED, Outcome, outcome_of, tamper
from .table import show

GAP = Finding("gap", ("nothing accepted", "allowed 15 s"), "relay")
DEFECT = Defect("d", "hubs", "", "", Drilled(), (GAP,))
TOLD = "nothing accepted for 20 s, allowed 15 s"


def result_of(verdict: Verdict, *, flow: str = "relay", starved: bool = False) -> str:
    """What one verdict makes of a defect that wants `GAP`."""
    history = History()
    if starved:
        history.stall(1.0, 2.0)
    return outcome_of(DEFECT, 1, {(flow, verdict.check): verdict}, join(history.events)).result


@pytest.mark.parametrize(
    ("verdict", "flow", "expected"),
    [
        (failed("gap", TOLD), "relay", CAUGHT),
        (failed("gap", TOLD), "submission", MISSED),
        (failed("degraded", TOLD), "relay", MISSED),
        (failed("gap", "nothing accepted"), "relay", MISSED),
        (passed("gap", TOLD), "relay", MISSED),
        (failed("gap", TOLD).accept("known, and agreed"), "relay", MISSED),
        (unknown("gap", TOLD), "relay", MISSED),
    ],
)
def test_only_the_wanted_finding_catches_a_defect(
    verdict: Verdict, flow: str, expected: str
) -> None:
    """The check, the flow, the status and all of the words: whatever else is said is a miss."""
    assert result_of(verdict, flow=flow) == expected


@pytest.mark.parametrize(
    ("verdict", "expected"),
    [
        (unknown("gap", "the machine itself starved"), UNDECIDED),
        (passed("gap", TOLD), MISSED),
        (failed("gap", "other words"), MISSED),
        (failed("gap", TOLD), CAUGHT),
    ],
)
def test_a_starving_machine_excuses_an_unknown_and_nothing_else(
    verdict: Verdict, expected: str
) -> None:
    """A pass on a starving machine is still a miss."""
    assert result_of(verdict, starved=True) == expected


def outcome(name: str, result: str, seed: int = 1) -> Outcome:
    """One run of a defect."""
    return Outcome(name, "hubs", seed, result, "said", 0.0)


def quiet(status: Status) -> Quiet:
    """One healthy drill."""
    return Quiet("sharepoint", "kill:ht1", 1, status, "said", 0.0)


def test_a_defect_counts_as_caught_where_every_run_that_decided_caught_it() -> None:
    """Runs are counted, too; those that are undecided are in neither rate."""
    found = caught_of(
        [
            *(outcome("a", CAUGHT, seed) for seed in range(5)),
            outcome("b", CAUGHT, 1),
            outcome("b", MISSED, 2),
            outcome("c", UNDECIDED),
        ]
    )
    assert found.defects == Rate(1, 2)
    assert found.runs == Rate(6, 7)
    assert found.undecided == 1
    assert found.defects.bounds == interval(1, 2, 0.05)


def test_an_unknown_is_no_false_alarm_and_no_proof() -> None:
    """It is counted apart."""
    assert alarms_of([quiet(Status.PASS), quiet(Status.FAIL), quiet(Status.UNKNOWN)]) == (
        Rate(1, 2),
        1,
    )


@pytest.mark.parametrize(
    ("results", "statuses", "cut_short", "expected"),
    [
        ([CAUGHT], [Status.PASS], "", 0),
        ([CAUGHT, UNDECIDED], [Status.PASS, Status.UNKNOWN], "", 0),
        ([UNDECIDED], [Status.PASS], "", 3),
        ([CAUGHT], [Status.UNKNOWN], "", 3),
        ([CAUGHT], [Status.PASS], "the time was over", 3),
        ([], [], "", 3),
        ([CAUGHT, MISSED], [Status.PASS], "", 1),
        ([CAUGHT], [Status.FAIL], "", 1),
    ],
)
def test_the_exit_status(
    results: list[str], statuses: list[Status], cut_short: str, expected: int, tmp_path: Path
) -> None:
    """1 for a miss or a false alarm; 3 where something was never decided, or not everything run."""
    found = Results(tmp_path / "r.json", cut_short=cut_short)
    found.outcomes = [outcome("a", result, seed) for seed, result in enumerate(results)]
    found.quiets = [quiet(status) for status in statuses]
    assert found.exit_status == expected


def test_what_is_written_can_be_read_and_added_to(tmp_path: Path) -> None:
    """``--more`` goes on where an interrupted run ended."""
    results = Results(tmp_path / "r.json", wall_s=12.5)
    results.outcomes.append(outcome("a", CAUGHT))
    results.quiets.append(quiet(Status.PASS))
    results.save()
    again = load(tmp_path / "r.json")
    assert again == results
    document = json.loads((tmp_path / "r.json").read_text())
    assert document["sensitivity"]["defects"]["of"] == 1
    assert document["false_alarms"]["count"] == 0
    (tmp_path / "r.json").write_text("{}")
    with pytest.raises(UsageError, match="holds no results"):
        load(tmp_path / "r.json")


def test_the_table_names_whatever_is_not_as_wanted(tmp_path: Path) -> None:
    """A miss, a false alarm and an unknown each have a line; what went well has none."""
    results = Results(tmp_path / "r.json")
    results.outcomes = [outcome("good", CAUGHT), outcome("bad", MISSED)]
    results.quiets = [quiet(Status.PASS), quiet(Status.FAIL), quiet(Status.UNKNOWN)]
    shown = io.StringIO()
    show(results, Console(file=shown, width=120))
    text = shown.getvalue()
    assert "missed bad (seed 1): said" in text
    assert "FALSE ALARM sharepoint, kill:ht1, seed 1: said" in text
    assert "unknown sharepoint, kill:ht1, seed 1: said" in text
    assert "good" not in text
    assert "1/2  1.3% to 98.7%" in text


def test_tampering_changes_each_so_many_th_event_of_its_kind_alone(tmp_path: Path) -> None:
    """With a detail the event gets it, without one it is left out; all others stay.

    The journal is closed again: the defect is a lie, and no hole in the evidence.
    """
    (tmp_path / "journals").mkdir()
    journal = tmp_path / "journals" / "mbx.jsonl"
    events = [{"kind": kind, "detail": {"n": n}} for n in range(4) for kind in ("mark", "arrived")]
    for detail, left in (({"digest": "x"}, 4), ({}, 2)):
        journal.write_text("".join(f"{json.dumps(event)}\n" for event in events))
        tamper(Tampered("mbx", "arrived", every=2, detail=detail), tmp_path)
        *found, mark = [json.loads(line) for line in journal.read_text().splitlines()]
        assert (mark["kind"], mark["detail"]["lines"]) == ("closed", len(found))
        arrived = [each for each in found if each["kind"] == "arrived"]
        assert len(arrived) == left
        assert len(found) - len(arrived) == 4
        assert sum("digest" in each["detail"] for each in arrived) == (2 if detail else 0)


def test_the_catalogue_can_be_listed_and_chosen_from() -> None:
    """By id and by subject; what is not in it is told."""
    listed = CliRunner().invoke(command, ["--list"])
    assert listed.exit_code == 0
    assert len(listed.output.splitlines()) == len(choose((), ()))
    assert [each.id for each in choose(("single-hub",), ())] == ["single-hub"]
    assert {each.subject for each in choose((), ("DNS",))} == {"DNS"}
    with pytest.raises(UsageError, match="not in the catalogue: no-such-thing"):
        choose(("no-such-thing",), ())
    assert CATALOGUE
