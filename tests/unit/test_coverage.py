"""What is missing of a drill's evidence is named, and makes every check unknown."""

from __future__ import annotations

import json
import random
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.histories import History
from tests.report.made_up import KILL, drill, due, outage, topology, write_run
from tests.simulated_drills import TWO_MX, RunDrill

from relaydrill import topology_files
from relaydrill.drills.closing import close
from relaydrill.drills.judge import judge
from relaydrill.drills.loads import PlannedLoad, loads_of
from relaydrill.drills.many_attempts import due_at, missing_among_many
from relaydrill.drills.missing_attempts import missing_attempts
from relaydrill.drills.result import Judgement
from relaydrill.verdict import Status

Lines = list[dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A drill whose tier failed: the outage was too long."""
    return write_run(tmp_path / "run", topology(), drill(KILL), outage().events)


def rewritten(run: Path, node: str, change: Callable[[Lines], Lines], *, mark: bool) -> Judgement:
    """The verdict after a node's journal was changed, and closed again or not."""
    path = run / "journals" / f"{node}.jsonl"
    lines = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if mark:
        close(path)
    return judge(run)


def of_format_1(run: Path) -> None:
    """Have it be as an earlier version wrote it: without marks, and without what they rest on."""
    file = run / "drill.json"
    document = json.loads(file.read_text())
    del document["version"]
    file.write_text(json.dumps(document | {"format": 1}))
    (run / "journals" / "machine.jsonl").unlink()
    for path in (run / "journals").iterdir():
        kept = [
            line
            for line in path.read_text().splitlines(keepends=True)
            if json.loads(line)["kind"] not in ("closed", "begun", "stop", "over")
        ]
        path.write_text("".join(kept))
    with_connections(run)


def with_connections(run: Path) -> None:
    """Have the balancer tell, as it does, of the connection behind each answer."""
    told = (run / "journals" / "app.jsonl").read_text().splitlines()
    begun = [event for event in map(json.loads, told) if event["kind"] == "attempt"]
    lines = [
        {**each, "node": "lb1", "kind": "connected", "message": "", "detail": {"port": 25}}
        for each in begun
    ]
    path = run / "journals" / "lb1.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def said(found: Judgement) -> str:
    """What the check of the harness says; every other check is unknown for the same reason."""
    [flow] = found.flows
    assert {check.status for check in flow.checks} == {Status.UNKNOWN}
    assert all(each.summary.startswith("not whole: ") for each in flow.checks[1:])
    assert not any(check.figures for check in flow.checks)
    return flow.checks[0].summary


def test_what_is_whole_is_judged(run: Path) -> None:
    """In either format: the outage fails, and nothing is missing."""
    assert judge(run).status is Status.FAIL
    of_format_1(run)
    found = judge(run)
    assert found.status is Status.FAIL
    assert found.flows[0].checks[0].status is Status.PASS


def test_a_journal_that_is_not_there_is_named(run: Path) -> None:
    """Nothing is lost because the mailbox's journal is; in either format."""
    (run / "journals" / "mbx.jsonl").unlink()
    assert said(judge(run)).startswith("journals/mbx.jsonl is missing")
    of_format_1(run)
    assert said(judge(run)).startswith("journals/mbx.jsonl is missing")


def test_half_a_journal_is_a_hole(run: Path) -> None:
    """By its mark, and where there are none, by what the hubs say that they passed on."""
    found = rewritten(run, "mbx", lambda lines: lines[:40] + lines[-1:], mark=False)
    assert "mbx.jsonl has 40 lines, and was closed with 80: something was taken" in said(found)
    of_format_1(run)
    assert "journals/mbx.jsonl lacks 40 messages that ht1 and ht2 passed on" in said(judge(run))


def test_what_a_sender_says_that_a_hub_took_stands_in_its_journal(run: Path) -> None:
    """Where journals have no marks, a hub's is compared with its senders'."""
    of_format_1(run)
    found = rewritten(run, "ht1", lambda lines: lines[20:], mark=False)
    assert "journals/ht1.jsonl lacks 10 messages that it took" in said(found)


Change = Callable[[Lines], Lines]


def later(lines: Lines) -> Lines:
    """The same journal, three seconds later."""
    return [{**line, "mono": line["mono"] + 3.0} for line in lines]


@pytest.mark.parametrize(
    ("node", "change", "told"),
    [
        ("lb1", lambda lines: lines[:60], "lb1.jsonl lacks"),
        ("lb1", lambda lines: lines[:10] + lines[30:], "lb1.jsonl lacks"),
        ("lb1", later, "lb1.jsonl lacks"),
        ("ht2", lambda lines: [line for line in lines if line["kind"] != "relayed"], "passed 40"),
        ("ht2", later, "after they had been answered"),
        ("mbx", later, "after they had been answered"),
        ("app", later, "before they were sent"),
        ("harness", later, "was injected 30.0 s later than planned"),
        ("mbx", lambda lines: [*lines, lines[0]], "mbx.jsonl has 1 lines twice"),
        ("app", lambda lines: [*lines[:40], *lines], "app.jsonl has 40 lines twice"),
    ],
)
def test_what_others_tell_shows_what_a_journal_without_a_mark_lacks(
    run: Path, node: str, change: Change, told: str
) -> None:
    """Lines that are gone, stand there twice, or have other times, whichever journal it is."""
    of_format_1(run)
    assert judge(run).flows[0].checks[0].status is Status.PASS
    assert told in said(rewritten(run, node, change, mark=False))


def test_a_fault_before_its_time_is_not_that_of_the_plan(run: Path) -> None:
    """Nothing of a plan happens sooner: another one was drilled, or on another clock."""

    def early(lines: Lines) -> Lines:
        return [{**line, "mono": 1.0} if line["kind"] == "inject" else line for line in lines]

    found = rewritten(run, "harness", early, mark=True)
    assert "kill:ht1@20s+20s was injected before its time" in said(found)


def test_every_attempt_of_the_schedule_is_wanted(run: Path) -> None:
    """A sender whose disk was full has a whole journal of half its attempts."""
    found = rewritten(run, "app", lambda lines: lines[:100], mark=True)
    missing = len([*due()]) - 50
    assert f"journals/app.jsonl lacks {missing} of the 120 attempts of relay's schedule" in said(
        found
    )
    first_s = 10 * [*due()][50]
    assert f"the first of them due {first_s:.1f} s after the begin" in said(found)


def test_one_attempt_is_missed(run: Path) -> None:
    """Any of them, and whether or not it failed."""
    lines = (run / "journals" / "app.jsonl").read_text().splitlines(keepends=True)
    for number in (0, 45, 119):
        message = f"<{number}@app>"
        kept = [line for line in lines if message not in line]
        (run / "journals" / "app.jsonl").write_text("".join(kept))
        close(run / "journals" / "app.jsonl")
        assert "lacks 1 of the 120 attempts" in said(judge(run))


@pytest.mark.parametrize(
    ("node", "kind", "told"),
    [
        ("harness", "over", "the drill was cut short"),
        ("harness", "begun", "does not say that the drill began"),
        ("harness", "inject", "kill:ht1@20s+20s was never injected"),
        ("harness", "injected", "there is no sign that kill:ht1@20s+20s began"),
        ("harness", "healed", "there is no sign that kill:ht1@20s+20s was healed"),
        ("machine", "watched", "the load watcher did not run to the end"),
    ],
)
def test_the_drill_ran_to_its_end(run: Path, node: str, kind: str, told: str) -> None:
    """What a drill that was cut short lacks is named, each by itself."""

    def without(lines: Lines) -> Lines:
        return [line for line in lines if line["kind"] != kind]

    assert told in said(rewritten(run, node, without, mark=True))


def test_a_fault_that_nobody_planned_is_told(run: Path) -> None:
    """A plan that has lost a fault would have it neither proven nor explained."""
    file = run / "drill.json"
    document = json.loads(file.read_text())
    document["drill"]["faults"] = []
    file.write_text(json.dumps(document))
    assert "kill:ht1 was injected, and drill.json does not plan it" in said(judge(run))


def test_a_fault_that_was_injected_and_could_not_be_is_told(run: Path) -> None:
    """Nobody knows which of the two is true."""

    def both(lines: Lines) -> Lines:
        said_ = next(line for line in lines if line["kind"] == "injected")
        detail = {**said_["detail"], "reason": "no"}
        return sorted(
            [*lines[:-1], {**said_, "kind": "not-injected", "detail": detail}],
            key=lambda line: line["mono"],
        )

    assert "was injected, and could not be" in said(rewritten(run, "harness", both, mark=True))


def test_a_plan_that_was_shortened_is_told(run: Path) -> None:
    """What the harness drilled for so long is not judged by a plan that ends sooner."""
    file = run / "drill.json"
    document = json.loads(file.read_text())
    document["drill"]["length_s"] = 0.0
    file.write_text(json.dumps(document))
    assert "does not say that the drill lasted as long as drill.json says" in said(judge(run))


@pytest.mark.parametrize("many_bytes", [0, 1 << 30])
def test_lines_behind_a_mark_are_told(run: Path, many_bytes: int) -> None:
    """A journal that was closed, and then written on, was closed too soon; however large it is."""
    path = run / "journals" / "mbx.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:40]))
    close(path)
    path.write_text(path.read_text() + "".join(lines[40:-1]))
    close(path)
    told = said(judge(run, many_bytes=many_bytes))
    assert "journals/mbx.jsonl:41: the mark of the journal's end, and more lines behind it" in told


def test_a_heal_before_its_time_ends_a_drill(run: Path) -> None:
    """Ctrl-C heals at once: what was to be seen under the fault was not."""

    def early(lines: Lines) -> Lines:
        return [{**each, "mono": 3.0} if each["kind"] == "heal" else each for each in lines]

    found = rewritten(run, "harness", early, mark=True)
    assert "kill:ht1@20s+20s was healed 10.0 s before its time" in said(found)


def test_a_journal_of_no_node_is_named(run: Path) -> None:
    """What somebody else has put there is not taken for evidence."""
    (run / "journals" / "ht9.jsonl").write_text("")
    assert "journals/ht9.jsonl belongs to no node of this drill" in said(judge(run))


def test_a_drill_that_never_began(tmp_path: Path) -> None:
    """As a harness leaves it that was killed at once."""
    found = write_run(tmp_path / "run", topology(), drill(KILL), ())
    file = found / "drill.json"
    file.write_text(file.read_text().replace('"begun": 0.0', '"begun": null'))
    assert "the drill never began" in judge(found).flows[0].checks[0].summary


def load(seed: int, rate: float) -> PlannedLoad:
    """One of a seed's."""
    [found] = loads_of(topology(), drill(), "relay")
    return PlannedLoad("relay", "app", found.address, rate, found.sorts, 100_000, str(seed))


@given(st.integers(0, 1000), st.floats(0.5, 900.0), st.floats(0.0, 1e6), st.floats(0.0, 20.0))
@settings(deadline=None)
def test_both_ways_compute_the_same_schedule(
    seed: int, rate: float, begin: float, length_s: float
) -> None:
    """To the last bit, for what is due is told by its moment."""
    planned = load(seed, rate)
    assert [*due_at(planned, begin, begin + length_s)] == [*planned.due(begin, begin + length_s)]


@given(st.integers(0, 1000), st.sets(st.integers(0, 300)), st.integers(0, 5))
@settings(deadline=None, max_examples=40)
def test_what_is_missing_is_found_either_way(seed: int, gone: set[int], more: int) -> None:
    """Exactly what was taken away, and whatever else stands there, too (later tries)."""
    planned = load(seed, 100.0)
    whole = [round(moment, 6) for moment in planned.due(5000.0, 5002.5)]
    seen = [moment for number, moment in enumerate(whole) if number not in gone]
    seen += [5001.0 + each for each in range(more)]
    random.Random(seed).shuffle(seen)
    wanted = {"app": (len(whole), [whole[at] for at in sorted(gone) if at < len(whole)])}
    for way in (missing_attempts, missing_among_many):
        assert way([planned], 5000.0, 5002.5, array("d", seen)) == wanted


def test_a_hole_is_the_only_finding(run: Path) -> None:
    """No cause is named, and nothing is said of the steady state, on evidence that is not whole."""
    (run / "journals" / "mbx.jsonl").unlink()
    [found] = judge(run).findings
    assert (found.kind, found.status) == ("not whole", "unknown")
    assert "the evidence about relay is not whole: journals/mbx.jsonl is missing" in found.sentence


def test_a_check_of_a_package_that_is_not_here_is_unknown(tmp_path: Path) -> None:
    """What it would have found nobody knows: a run that it judged passes nowhere without it."""
    history = History()
    for number, begun in enumerate(due()):
        history.delivered(f"<{number}@app>", f"ht{1 + number % 2}", at=begun)
    well = write_run(tmp_path / "run", topology(), drill(), history.events)
    assert judge(well).status is Status.PASS
    file = well / "drill.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"checks": ["pace"]}))
    [flow] = judge(well).flows
    assert flow.status is Status.UNKNOWN
    assert flow.worst.check == "pace"
    assert flow.worst.summary.endswith("is not installed here")


def test_an_edited_plan_clock_or_promise_is_a_hole(tmp_path: Path) -> None:
    """Each is noticed without a verdict.json: by what the harness wrote when the drill was over."""
    design = topology_files.parse(TWO_MX, "mx.yaml")
    run = RunDrill(tmp_path)(design, "kill:ht2@10s+10s").directory
    whole = judge(run)
    assert whole.status is Status.PASS
    assert not whole.remarks
    for name, then, now in (
        ("topology.yaml", "clock: 10.0", "clock: 11.0"),
        ("topology.yaml", "gap: 10s", "gap: 60s"),
        ("drill.json", "kill:ht2@10s+10s", "kill:ht2@10s+2s"),
        ("drill.json", '"alarm": 0.01', '"alarm": 0.001'),
    ):
        text = (run / name).read_text()
        assert then in text
        (run / name).write_text(text.replace(then, now))
        assert f"{name} was changed after the drill" in said(judge(run)), now
        (run / name).write_text(text)
    assert judge(run).status is Status.PASS
