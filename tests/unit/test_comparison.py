"""Two runs side by side: worse, better, the same, and what cannot be told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.compared_runs import REASON, audit_of, design, judged, planned, write_outage
from tests.documents import misfits

from relaydrill import topology_files
from relaydrill.documents.comparison import What
from relaydrill.drills.audit import Audit
from relaydrill.drills.comparison import Comparison, compare_directories, compare_results
from relaydrill.drills.comparison.differences import compare_statuses, differences
from relaydrill.drills.comparison.result import Outcome, Row
from relaydrill.drills.comparison.times import compare_times
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.measured import Measured
from relaydrill.drills.result import Finding, FlowVerdict, Judgement
from relaydrill.errors import UsageError
from relaydrill.verdict import Status, Verdict, failed, passed, unknown

FAULTS = ("", "kill:ht1", "kill:ht2", "kill:lb1")
FLOWS = ("relay", "submission")
MIRRORED: dict[str, str] = {
    "worse": "better",
    "better": "worse",
    "only in BASE": "only in CHANGE",
    "only in CHANGE": "only in BASE",
    "new": "gone",
    "gone": "new",
}


def gap(found_s: float, status: Status = Status.PASS, **figures: Any) -> Verdict:
    """What the check of the gap says."""
    told = {"gap_s": found_s, "resolution_s": 0.5, "begin_s": 0.0, "wall_s": 0.0} | figures
    return Verdict("gap", status, f"nothing accepted for {found_s} s", told)


def finding(kind: str, *flows: str, sentence: str = "it is so", status: str = "fail") -> Finding:
    """A finding about some flows."""
    return Finding(kind, status, "ht1 killed", sentence, "mend it", tuple((f, "") for f in flows))


def one(checks: tuple[Verdict, ...], *findings: Finding, **changed: Any) -> Judgement:
    """One row: ht1 killed under relay."""
    return judged("kill:ht1", {"relay": checks}, *findings, **changed)


def row_of(base: tuple[Verdict, ...], change: tuple[Verdict, ...]) -> Row:
    """That row, with other checks before and after."""
    (row,) = compare_results(one(base), one(change)).rows
    return row


OK = passed("account", "all there", delivered=9)
GOOD = (OK, gap(0.5))
BAD = (OK, gap(30.0, Status.FAIL))
AGREED = (OK, gap(30.0, Status.FAIL).accept(REASON))
BLIND = (unknown("bite", "ht1 took no mail before"), OK, gap(0.5))


class TestVerdicts:
    """What decides first: how the row came out."""

    @pytest.mark.parametrize(
        ("base", "change", "what", "exit_status"),
        [
            (GOOD, GOOD, "same", 0),
            (GOOD, AGREED, "worse", 1),
            (GOOD, BAD, "worse", 1),
            (AGREED, BAD, "worse", 1),
            (AGREED, GOOD, "better", 0),
            (BAD, AGREED, "better", 0),
            (BAD, GOOD, "better", 0),
            (BLIND, BLIND, "same", 0),
            (GOOD, BLIND, "unclear", 3),
            (AGREED, BLIND, "unclear", 3),
            (BAD, BLIND, "unclear", 3),
            (BLIND, BAD, "unclear", 3),
            (BLIND, AGREED, "unclear", 3),
            (BLIND, GOOD, "unclear", 0),
        ],
    )
    def test_each_pair(
        self,
        base: tuple[Verdict, ...],
        change: tuple[Verdict, ...],
        what: str,
        exit_status: int,
    ) -> None:
        """Accepted is between; unknown is no rank, and only a pass is no worse than it."""
        found = compare_results(one(base), one(change))
        assert [row.what for row in found.rows] == [what]
        assert found.exit_status == exit_status
        assert misfits(found.document()) == []

    def test_what_cannot_be_told_says_why(self) -> None:
        """The check that left it unknown, on the side on which it did, and what the other says."""
        (told,) = row_of(BAD, BLIND).differences
        assert told.told == (
            "fail → unknown: nothing was proven in CHANGE: bite: ht1 took no mail before;"
            " BASE: gap: nothing accepted for 30.0 s"
        )

    def test_a_row_that_fails_for_one_more_thing_is_worse(self) -> None:
        """The verdict is the same, and yet mail is lost now, too."""
        lost = failed("account", "2 lost", delivered=9, lost=2)
        row = row_of(BAD, (lost, BAD[1]))
        assert row.what == "worse"
        assert [(each.what, each.about) for each in row.differences] == [
            ("worse", "account"),
            ("worse", "lost"),
        ]

    def test_a_check_that_one_side_alone_has_and_that_fails_is_told(self) -> None:
        """Nobody knows what it would have said before; one that holds is no news."""
        uneven = failed("spread", "ht1 got too little")
        found = compare_results(one(BAD), one((*BAD, uneven)))
        assert [row.what for row in found.rows] == ["unclear"]
        assert found.exit_status == 3
        assert found.rows[0].differences[0].told == (
            "spread: only CHANGE has this check, fail: ht1 got too little"
        )
        assert compare_results(one((*BAD, uneven)), one(BAD)).exit_status == 0
        assert row_of(GOOD, (*GOOD, passed("spread", "even"))).what == "same"

    def test_what_is_better_says_what_it_was(self) -> None:
        """What decided, and what else did not hold; not what holds now."""
        late = failed("degraded", "attempts failed for 32 s")
        row = row_of((*AGREED, late.accept(REASON)), (*GOOD, passed("degraded", "none failed")))
        assert [each.told for each in row.differences][:2] == [
            "accepted → pass; it was gap: nothing accepted for 30.0 s",
            "degraded accepted → pass: it was: attempts failed for 32 s",
        ]

    def test_lost_mail_that_is_allowed_for_is_told(self) -> None:
        """``expect: {lost: 5}`` makes it no failure, and no nothing."""
        allowed = passed("account", "2 lost, allowed", delivered=9, lost=2)
        assert row_of(GOOD, (allowed, GOOD[1])).what == "worse"
        assert row_of((allowed, GOOD[1]), GOOD).what == "better"
        more = passed("account", "3 lost, allowed", delivered=9, lost=3)
        assert row_of((allowed, GOOD[1]), (more, GOOD[1])).what == "same"

    @pytest.mark.parametrize(
        ("account", "head"),
        [
            ("lost", "lost"),
            ("altered", "altered and stuck"),
            ("duplicated", "lost and duplicated"),
            ("queued", "stuck"),
        ],
    )
    def test_much_more_of_the_same_is_worse(self, account: str, head: str) -> None:
        """1 and 500 of as many are not the same; 2 and 5 are, for chance does as much."""

        def bad(count: int) -> tuple[Verdict, ...]:
            told = failed("account", f"{head}: so many", delivered=1000 - count, **{account: count})
            return (told, gap(0.5))

        worse = row_of(bad(1), bad(500))
        assert (worse.what, row_of(bad(500), bad(1)).what) == ("worse", "better")
        assert [each.told for each in worse.differences] == [f"{account}: 1 → 500"]
        assert row_of(bad(2), bad(5)).what == row_of(bad(200), bad(300)).what == "same"

    @pytest.mark.parametrize(
        ("after_heal_s", "last_s", "what"),
        [(0.0, 39.0, ["worse"]), (None, 39.0, []), (0.0, 19.0, [])],
    )
    def test_as_long_an_outage_of_more_attempts_is_worse(
        self, after_heal_s: float | None, last_s: float, what: list[str]
    ) -> None:
        """Where both lasted until the heal; else how many failed follows from the time."""
        base, change = (
            one((*BAD, failed("degraded", "so many", failed=count, attempts=250))).flows[0]
            for count in (10, 40)
        )
        before, after = (
            Outcome(
                status="fail",
                said="",
                gap=None,
                degraded=Measured(found_s=found_s, give_s=1.0, after_heal_s=after_heal_s),
                directory="",
            )
            for found_s in (39.0, last_s)
        )
        found = [
            each for each in differences(base, change, before, after) if each.about == "failed"
        ]
        assert [each.what for each in found] == what

    def test_what_an_account_fails_for_besides_is_worse(self) -> None:
        """The verdict is the same, and so is its check; duplicates are new."""
        lost = failed("account", "lost: 2 of them", delivered=9, lost=2)
        both = failed("account", "lost and duplicated: so many", delivered=9, lost=2, duplicated=3)
        (told,) = row_of((lost, gap(0.5)), (both, gap(0.5))).differences
        assert (told.what, told.about) == ("worse", "duplicated")

    def test_what_nobody_promised_is_not_counted(self) -> None:
        """Duplicates and mail in queues, where the account failed for something else."""
        some = failed("account", "lost: 2", delivered=9, lost=2, duplicated=1, queued=1)
        more = failed("account", "lost: 2", delivered=9, lost=2, duplicated=90, queued=90)
        assert row_of((some, OK), (more, OK)).what == "same"

    def test_more_mail_counts_for_what_it_is(self) -> None:
        """A run that sent ten times as much, and lost ten times as much, is no worse."""
        few = failed("account", "lost: 5", delivered=95, lost=5)
        many = failed("account", "lost: 50", delivered=950, lost=50)
        assert row_of((few, gap(0.5)), (many, gap(0.5))).what == "same"
        bad = failed("account", "lost: 600", delivered=400, lost=600)
        assert row_of((few, gap(0.5)), (bad, gap(0.5))).differences[0].told == (
            "lost: 5 of 100 → 600 of 1000"
        )

    def test_one_thing_worse_and_another_better_is_both(self) -> None:
        """And counts as worse: the shorter outage brings no lost mail back."""
        lost = failed("account", "2 lost", delivered=9, lost=2)
        found = compare_results(one(BAD), one((lost, gap(2.0))))
        assert [row.what for row in found.rows] == ["mixed"]
        assert found.summary == "1 row worse in one thing and better in another"
        assert found.exit_status == 1

    def test_times_of_what_proves_nothing_are_not_compared(self) -> None:
        """A fault that did not bite leaves a short gap, which is no progress."""
        row = row_of(BAD, BLIND)
        assert [each.about for each in row.differences] == ["status"]

    def test_a_time_that_is_too_close_to_its_bound_is_still_a_time(self) -> None:
        """It is unknown whether the promise is kept, and known that the gap has grown."""
        row = row_of(GOOD, (OK, gap(9.9, Status.UNKNOWN)))
        assert [(each.what, each.about) for each in row.differences] == [
            ("unclear", "status"),
            ("worse", "gap"),
        ]
        assert row.what == "unclear"


class TestTimes:
    """When a time has grown."""

    @pytest.mark.parametrize(
        ("base", "change", "what"),
        [
            (Measured(1.0, 0.5), Measured(2.0, 0.5), "same"),
            (Measured(1.0, 0.5), Measured(2.1, 0.5), "worse"),
            (Measured(2.1, 0.5), Measured(1.0, 0.5), "better"),
            # The machine may have made it so.
            (Measured(1.0, 0.5), Measured(9.0, 0.5, 7.0), "same"),
            (Measured(1.0, 0.5), Measured(9.0, 0.5, 6.9), "worse"),
            (Measured(9.0, 0.5, 7.0), Measured(1.0, 0.5), "same"),
            (Measured(1.0, 0.5, 1.0), Measured(9.0, 0.5), "worse"),
            # The heal ended it: it may have lasted for ever.
            (Measured(5.0, 0.5), Measured(30.0, 0.5, after_heal_s=0.2), "worse"),
            (Measured(40.0, 0.5), Measured(30.0, 0.5, after_heal_s=0.2), "unclear"),
            (Measured(30.0, 0.5, after_heal_s=0.2), Measured(5.0, 0.5), "better"),
            (Measured(30.0, 0.5, after_heal_s=0.2), Measured(40.0, 0.5), "unclear"),
            (
                Measured(30.0, 0.5, after_heal_s=0.2),
                Measured(90.0, 0.5, after_heal_s=0.3),
                "same",
            ),
            (
                Measured(30.0, 0.5, after_heal_s=0.2),
                Measured(30.0, 0.5, after_heal_s=12.0),
                "worse",
            ),
            (Measured(5.0, 0.5), Measured(30.0, 0.5, is_open=True), "worse"),
            (Measured(30.0, 0.5, is_open=True), Measured(30.0, 0.5, is_open=True), "same"),
        ],
    )
    def test_only_beyond_what_both_may_be_wrong_by(
        self, base: Measured, change: Measured, what: What
    ) -> None:
        """Ranges that touch are the same; of what a heal ended nobody knows the end."""
        assert compare_times(base, change) == what

    def test_a_gap_that_grew_makes_a_row_worse(self) -> None:
        """Though it passes as before."""
        row = row_of(GOOD, (OK, gap(5.0)))
        assert row.what == "worse"
        (told,) = row.differences
        assert (told.about, told.told) == ("gap", "nothing accepted for 0.5 ± 0.5 s → 5.0 ± 0.5 s")

    def test_attempts_that_fail_for_one_more_check_are_no_change(self) -> None:
        """A server dies at any moment between two checks; lb1 checks every 2 s, 1 s at most."""

        def degraded(last_s: float) -> tuple[Verdict, ...]:
            figures = {"last_s": last_s, "failed": 0, "detection_s": last_s}
            return (*GOOD, passed("degraded", "soon over", **figures))

        assert row_of(degraded(3.6), degraded(5.6)).what == "same"
        assert row_of(degraded(3.6), degraded(12.0)).what == "worse"

    @pytest.mark.parametrize(
        ("before", "after", "what"),
        [(0.3, 0.3, "same"), (0.3, 0.6, "worse"), (0.6, 0.3, "better"), (0.3, 2.0, "worse")],
    )
    def test_made_up_outages(self, before: float, after: float, what: str, tmp_path: Path) -> None:
        """Read from run directories, with the times that their journals tell."""
        base = write_outage(tmp_path / "base", before)
        change = write_outage(tmp_path / "change", after)
        found = compare_directories(base, change)
        assert [row.what for row in found.rows] == [what]
        assert misfits(found.document()) == []

    def test_a_gap_that_the_heal_ended_is_known_as_such(self, tmp_path: Path) -> None:
        """Its document says so, and a longer one of that sort is not worse."""
        base = write_outage(tmp_path / "base", 2.0)
        (row,) = compare_directories(base, write_outage(tmp_path / "change", 2.0)).rows
        assert row.base is not None
        assert row.base.gap is not None
        assert row.base.gap.document()["until_heal"] is True
        assert row.what == "same"


class TestRows:
    """What stands beside what."""

    def test_a_row_is_known_by_what_was_broken(self) -> None:
        """However the drill was called, and for however long it broke it."""
        longer = plan(design(), faults=("kill:ht1@20s+90s",), name="night")
        found = compare_results(one(GOOD), one(GOOD, drill=longer))
        assert [(row.fault, row.what) for row in found.rows] == [("kill:ht1", "same")]
        assert "the fault was in force for another time: kill:ht1 for " in found.remarks[0]

    def test_rows_of_one_side_are_told_apart(self) -> None:
        """Neither worse nor dropped; but one that fails in CHANGE alone may well be worse."""
        base = audit_of(one(GOOD), judged("kill:ht2", {"relay": GOOD}))
        change = audit_of(one(GOOD), judged("kill:lb1", {"relay": GOOD}))
        found = compare_results(base, change)
        assert found.summary == "1 row the same, 1 only in BASE (1 pass), 1 only in CHANGE (1 pass)"
        assert found.exit_status == 0
        failing = audit_of(one(GOOD), judged("kill:lb1", {"relay": BAD}))
        assert compare_results(base, failing).exit_status == 3
        assert compare_results(failing, base).exit_status == 0

    def test_drills_of_one_fault_are_rows_of_their_own(self) -> None:
        """None hides the other."""
        twice = audit_of(one(GOOD), one(BAD))
        found = compare_results(twice, twice)
        assert [row.fault for row in found.rows] == ["kill:ht1", "kill:ht1 (2)"]

    def test_nothing_in_common_is_the_users_mistake(self) -> None:
        """One sentence that says what each has."""
        with pytest.raises(UsageError, match="no row in common") as caught:
            compare_results(one(GOOD), judged("kill:ht2", {"relay": GOOD}))
        assert "BASE (sharepoint) has kill:ht1 of relay, and CHANGE" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_the_summary_counts_every_row_once(self) -> None:
        """With words for people."""
        base = [judged(each, {"relay": GOOD, "submission": BAD}) for each in FAULTS]
        worse, better, *rest = (
            [judged("", {"relay": BAD, "submission": GOOD})]
            + [judged(FAULTS[1], {"relay": GOOD, "submission": GOOD})]
            + base[2:]
        )
        found = compare_results(audit_of(*base), audit_of(worse, better, *rest))
        assert found.summary == "1 row worse, 2 better, 5 the same"


class TestFindings:
    """What is new, gone, kept."""

    def states(self, base: tuple[Finding, ...], change: tuple[Finding, ...]) -> Any:
        """State, kind and flows of each."""
        checks = {"relay": BAD, "submission": BAD}
        sides = [judged("kill:ht1", checks, *findings) for findings in (base, change)]
        found = compare_results(*sides).findings
        return [(each.state, each.kind, each.flows) for each in found]

    def test_figures_in_the_sentence_do_not_matter(self) -> None:
        """The same kind, fault and flows are the same finding."""
        old = finding("alone", *FLOWS, sentence="241 attempts in 33.6 s found no other way")
        new = finding("alone", *FLOWS, sentence="250 attempts in 34.2 s found no other way")
        assert self.states((old,), (new,)) == [("kept", "alone", FLOWS)]

    def test_another_kind_comes_and_the_first_goes(self) -> None:
        """Both are told, the new one first."""
        states = self.states((finding("alone", "relay"),), (finding("lost", "relay"),))
        assert states == [("new", "lost", ("relay",)), ("gone", "alone", ("relay",))]

    def test_a_flow_that_joins_is_new_and_the_others_are_kept(self) -> None:
        """Each flow by itself."""
        states = self.states((finding("alone", "relay"),), (finding("alone", *FLOWS),))
        assert states == [("new", "alone", ("submission",)), ("kept", "alone", ("relay",))]

    def test_two_of_one_kind_are_two(self) -> None:
        """One of which goes."""
        twice = (finding("not taken over", "relay"), finding("not taken over", "relay"))
        states = self.states(twice, twice[:1])
        assert [state for state, *_ in states] == ["gone", "kept"]


def variant(**values: Any) -> Any:
    """A copy of ``sharepoint`` with other values."""
    text = topology_files.dump(design())
    return topology_files.parse(text).model_copy(update=values)


class TestRemarks:
    """What makes two runs poor company."""

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"driver": "docker"}, "driver process in BASE, docker in CHANGE"),
            ({"topology": variant(clock=5.0)}, "clock 10 in BASE, 5 in CHANGE"),
            ({"topology": variant(name="other")}, "sharepoint in BASE, other in CHANGE"),
            ({"drill": replace(planned("kill:ht1"), seed=7)}, "seed 1 in BASE, 7 in CHANGE"),
            ({"topology": variant(accept=())}, "only the author of BASE accepts a loss of lb1"),
            ({"remarks": ("changed since",)}, "CHANGE: changed since"),
        ],
    )
    def test_each_is_told(self, changed: dict[str, Any], said: str) -> None:
        """In a sentence that names both sides; it changes no result."""
        found = compare_results(one(GOOD), one(GOOD, **changed))
        assert any(said in each for each in found.remarks), found.remarks
        assert found.exit_status == 0

    def test_another_rate_and_other_promises_are_told(self) -> None:
        """A verdict may differ for a promise alone."""
        text = (
            "extends: sharepoint\nname: sharepoint\nexpect: {gap: 60s}\n"
            "flows: {relay: {rate: 25/s}}\n"
        )
        other = topology_files.parse(text)
        found = compare_results(one(BAD), one(GOOD, topology=other))
        told = "\n".join(found.remarks)
        assert "rate of relay 50/s in BASE, 25/s in CHANGE" in told
        assert "relay promises gap 15s in BASE and 60s in CHANGE: a verdict may differ" in told

    def test_another_version_is_told(self, tmp_path: Path) -> None:
        """That which ran it; both are judged by this one."""
        base = write_outage(tmp_path / "base", 0.3)
        change = write_outage(tmp_path / "change", 0.3)
        file = change / "drill.json"
        file.write_text(file.read_text().replace('"relaydrill": "0.1.0"', '"relaydrill": "0.0.9"'))
        told = compare_directories(base, change).remarks
        assert any("Relaydrill 0.1.0 in BASE, 0.0.9 in CHANGE" in each for each in told)

    def test_one_directory_twice_is_told(self, tmp_path: Path) -> None:
        """It is allowed, and says nothing."""
        base = write_outage(tmp_path / "base", 0.3)
        found = compare_directories(base, base)
        assert found.is_unchanged
        assert found.remarks == (f"BASE and CHANGE are one directory: {base}",)


statuses = st.sampled_from([*Status])
times = st.sampled_from([0.5, 0.9, 4.0, 9.9, 30.0])


@st.composite
def flow_checks(draw: st.DrawFn) -> tuple[Verdict, ...]:
    """The checks of a flow, in any state that they may have."""
    lost = draw(st.sampled_from([0, 0, 2]))
    found_s = draw(times)
    cut = {"after_heal_s": draw(times)} if draw(st.booleans()) else {}
    account = Verdict("account", draw(statuses), "so many", {"delivered": 5, "lost": lost})
    found = [account, gap(found_s, draw(statuses), **cut)]
    last = {"last_s": draw(times), "failed": 1}
    detected = {"detection_s": 3.0} if draw(st.booleans()) else {}
    found.append(Verdict("degraded", draw(statuses), "so long", {**last, **detected}))
    if draw(st.booleans()):
        found.append(Verdict("bite", draw(statuses), "felt"))
    if draw(st.booleans()):
        found = [
            each.accept(REASON) if each.check != "account" and each.status is Status.FAIL else each
            for each in found
        ]
    return tuple(found)


@st.composite
def audits(draw: st.DrawFn) -> Audit:
    """An audit of some of four faults, the first of them always among them."""
    rows = []
    for fault in FAULTS:
        if fault and draw(st.booleans()):
            continue
        flows = draw(st.sets(st.sampled_from(FLOWS), min_size=1)) | ({"relay"} - {fault})
        checks = {flow: draw(flow_checks()) for flow in FLOWS if flow in flows}
        kinds = draw(st.lists(st.sampled_from(["alone", "lost", "waits"]), max_size=3))
        rows.append(judged(fault, checks, *(finding(kind, *checks) for kind in kinds)))
    return audit_of(*rows)


def mirrored(what: str) -> str:
    """What it is from the other side."""
    return MIRRORED.get(what, what)


@given(audits())
def test_whatever_is_compared_with_itself_is_unchanged(audit: Audit) -> None:
    """No row is worse or better, every finding is kept, and the exit status is 0."""
    found = compare_results(audit, audit)
    assert found.is_unchanged
    assert found.exit_status == 0
    assert [row.differences for row in found.rows] == [()] * len(found.rows)
    assert {each.state for each in found.findings} <= {"kept"}


@given(audits(), audits())
def test_from_the_other_side_worse_is_better(base: Audit, change: Audit) -> None:
    """All else stays: what cannot be told, what is both, what is the same."""
    there, back = compare_results(base, change), compare_results(change, base)
    assert facts(there, turn=True) == facts(back, turn=False)


@given(audits(), audits())
def test_no_row_is_dropped_and_the_exit_status_follows(base: Audit, change: Audit) -> None:
    """Each row of either side stands there once; 1 outranks 3, and 3 outranks 0."""
    found = compare_results(base, change)
    keys = [(row.fault, row.flow) for row in found.rows]
    assert len(keys) == len({*keys})
    for side, audit in ((0, base), (1, change)):
        ran = sum((row.base, row.change)[side] is not None for row in found.rows)
        assert ran == sum(len(row.flows) for row in audit.rows)
    assert sum(found.counts.values()) == len(found.rows)
    is_worse = any(row.what in ("worse", "mixed") for row in found.rows)
    may_be = any(row.may_be_worse for row in found.rows)
    assert found.exit_status == (1 if is_worse else 3 if may_be else 0)
    assert misfits(found.document()) == []


def facts(found: Comparison, *, turn: bool) -> Any:
    """What a comparison says, without words."""

    def told(what: str) -> str:
        return mirrored(what) if turn else what

    rows = {
        (row.fault, row.flow): (
            told(row.what),
            sorted((told(each.what), each.about) for each in row.differences),
        )
        for row in found.rows
    }
    findings = sorted(
        (told(each.state), each.kind, each.fault, flow)
        for each in found.findings
        for flow in each.flows
    )
    return rows, findings


@given(st.sampled_from(["pass", "accepted", "fail", "unknown"]), st.data())
def test_statuses_have_an_order(base: str, data: st.DataObject) -> None:
    """Turned round it is the opposite; with unknown it is none."""
    change = data.draw(st.sampled_from(["pass", "accepted", "fail", "unknown"]))
    what = compare_statuses(base, change)
    assert compare_statuses(change, base) == mirrored(what)
    assert (what == "same") == (base == change)
    assert (what == "unclear") == (base != change and "unknown" in (base, change))


def test_a_hole_in_the_evidence_hides_the_times() -> None:
    """Where something is missing no check says anything, and nothing is compared."""
    flow = FlowVerdict("relay", (unknown("gap", "not whole: x"),), ("x",))
    change = replace(one(BAD), flows=(flow,))
    (row,) = compare_results(one(GOOD), change).rows
    assert row.what == "unclear"
    assert [each.about for each in row.differences] == ["status"]
