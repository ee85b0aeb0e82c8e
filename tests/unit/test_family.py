"""One false-alarm rate for all statistical tests of an audit, and of a drill."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.audit_chances import BUILT_IN, audits_of, held
from tests.documents import misfits
from tests.report import made_up

from relaydrill import topology_files
from relaydrill.drills import audit as audits
from relaydrill.drills import own_lab
from relaydrill.drills.audit import judge_audit, run_audit
from relaydrill.drills.audit_plan import plan_again, plan_audit
from relaydrill.drills.audit_sets import Depth, Sets, StandsFor
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.family import (
    DOUBT,
    HOLM,
    PLANNED,
    RATE,
    by_chance,
    count_all,
    count_tests,
    first_look,
    holm,
    is_in_doubt,
    is_kept,
    levels_of_one,
    second_look,
)
from relaydrill.drills.judge import judge
from relaydrill.drills.model import Drill
from relaydrill.drills.record import RunDirectory
from relaydrill.drills.recovery import recovery_of
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.drills.second_look import by_holm, needs_another
from relaydrill.fresh import file_name
from relaydrill.ledger import Ledger
from relaydrill.report import html, terminal
from relaydrill.topology import Topology
from relaydrill.verdict import (
    Levels,
    Status,
    Verdict,
    binomial_below,
    failed,
    passed,
    share_test,
    spread_test,
    unknown,
)

LEVELS = Levels(alarm=1e-4, doubt=0.01)


@pytest.fixture(scope="module")
def microsoft() -> Topology:
    """Most of its tests are of the senders' choices, which are as uneven as chance."""
    return topology_files.load("microsoft")


class TestHolm:
    """`holm`: which tests of a family fail."""

    def test_each_is_compared_with_what_those_before_it_leave(self) -> None:
        """0.01 and 0.02 and 0.03 at 5 %: only the first is below 0.05 / 3, and the rest stop."""
        assert holm([0.03, 0.01, 0.04, 0.02], 4, 0.05) == [False, True, False, False]
        assert holm([0.02, 0.001, 0.03], 3, 0.05) == [True, True, True]
        assert holm([], 5) == []

    @given(
        st.lists(st.floats(0.0, 0.1), min_size=1, max_size=6),
        st.integers(0, 3),
        st.sampled_from([0.01, 0.05]),
    )
    def test_it_is_the_closed_procedure_over_bonferroni(
        self, found: list[float], more: int, rate: float
    ) -> None:
        """A test fails just where every set of tests that it is in fails by Bonferroni.

        That is what Holm's procedure is a short cut for, and why it keeps to the rate.
        """
        whole = [*found, *[1.0] * more]
        numbers = range(len(whole))

        def rejected(members: tuple[int, ...]) -> bool:
            return min(whole[each] for each in members) <= rate / len(members)

        closed = [
            all(
                rejected((number, *others))
                for size in range(len(whole))
                for others in combinations([each for each in numbers if each != number], size)
            )
            for number in range(len(found))
        ]
        assert holm(found, len(whole), rate) == closed


class TestLevels:
    """At which p the tests of drills and audits decide."""

    def test_the_tests_of_a_drill_share_its_rate(self, microsoft: Topology) -> None:
        """A site of three Edge servers has four tests: each fails at a quarter of 1 %."""
        drill = plan(microsoft, faults=("kill:dublin",))
        assert count_tests(microsoft, drill.flows, drill.faults) == 4
        assert drill.levels == levels_of_one(4) == Levels(RATE / 4, RATE / 4)
        steady = plan(microsoft)
        assert count_tests(microsoft, steady.flows, ()) == 2
        assert steady.levels == levels_of_one(2)

    def test_what_is_not_healed_is_not_tested(self, microsoft: Topology) -> None:
        """A node that stays broken has no return, and one without peers no share."""
        drill = plan(microsoft, faults=("kill:edge1+forever", "kill:mbx"))
        assert count_tests(microsoft, drill.flows, drill.faults) == 0
        assert drill.levels == Levels(RATE, RATE)

    @given(st.integers(1, 3000), st.integers(1, 9), st.integers(1, 4))
    def test_both_looks_of_all_tests_add_up_to_a_part(
        self, tests: int, own: int, size: int
    ) -> None:
        """At most: by the union bound, with second looks at all tests of a drill in doubt.

        Half of the rate is for single units, a quarter for two at a time, an eighth for three: with
        all of them it is never more than the rate.
        """
        own = min(own, tests)
        first, second = first_look(tests, size), second_look(tests, own, size)
        assert first.doubt == DOUBT
        of_drill = own * first.alarm + own * first.doubt * own * second.alarm
        assert of_drill <= own * RATE * 0.5**size / tests * (1 + 1e-9)

    @pytest.mark.parametrize("name", BUILT_IN)
    def test_an_audit_of_two_at_a_time_keeps_to_the_rate(self, name: str) -> None:
        """As it is planned; drills that were each planned for themselves do not."""
        topology = topology_files.load(name)
        alone, two = phases(topology)
        assert is_kept(topology, alone, two)
        if count_all(topology, alone):
            each = tuple(replace(drill, levels=Levels()) for drill in alone)
            assert not is_kept(topology, each)

    def test_a_drill_file_keeps_the_levels(self, microsoft: Topology) -> None:
        """And one of an earlier version had 1 % for each test."""
        drill = plan_audit(microsoft)[1]
        told = json.loads(json.dumps(drill.to_json()))
        assert Drill.from_json(told) == drill
        del told["levels"]
        assert Drill.from_json(told).levels == Levels()

    @pytest.mark.parametrize(
        "wrong", [{"alarm": 0.02}, {"alarm": 0.0}, {"doubt": 1.0}, {"miss": 0.0}]
    )
    def test_levels_that_make_no_sense_are_refused(self, wrong: dict[str, float]) -> None:
        """They would be a test that always fails, or never."""
        with pytest.raises(ValueError, match="no levels"):
            Levels(**wrong)


def phases(topology: Topology) -> tuple[tuple[Drill, ...], tuple[Drill, ...]]:
    """The drills of an audit in which all holds: the units alone, and two at a time."""
    alone = plan_audit(topology)
    rows = tuple(held(topology, drill) for drill in alone)
    return alone, Depth(topology).sets(rows, {}, 2).drills


def planned_tests(topology: Topology) -> Iterator[tuple[float, float, Levels, Levels]]:
    """Of every test of an audit: the fair and the bad share, the levels of both looks."""
    for size, drills in enumerate(phases(topology), 1):
        tests = count_all(topology, drills)
        for drill in drills:
            again = plan_again(topology, drill, tests, size)
            for flow, fault in product(drill.flows, drill.faults):
                test = recovery_of(topology, fault.node, flow).test
                if test is not None:
                    yield test.fair, test.worse, drill.levels, again.levels


@pytest.mark.parametrize("name", BUILT_IN)
def test_both_looks_together_miss_one_in_twenty_at_most(name: str) -> None:
    """A server that gets so little of its share as must be noticed passes no more often.

    A miss is a first look that leaves no doubt, or a second look that finds nothing.
    """
    for fair, worse, first, second in {*planned_tests(topology_files.load(name))}:
        missed = 0.0
        for levels in (first, second):
            test = share_test(fair, worse, alarm=levels.doubt, miss=levels.miss)
            n = test.choices
            most = max(k for k in range(n + 1) if test.p(k, n) <= levels.doubt)
            missed += 1 - binomial_below(most, n, worse)
        assert missed <= 0.05


@pytest.mark.parametrize("name", BUILT_IN)
def test_whole_audits_of_healthy_tiers_fail_by_chance_in_1_of_100_at_most(name: str) -> None:
    """Drawn choice by choice, two at a time and second looks too; each for itself fails in many.

    Though tests are a hundred times stricter, mail is sent for 3 % longer, second looks aside.

    `python -m tests.audit_chances` draws thousands of them, and says how many.
    """
    topology = topology_files.load(name)
    found = audits_of(topology, 300, seed=17)
    assert 1 - binomial_below(found.failed - 1, found.audits, RATE) > 1e-3
    assert found.unknown == 0
    assert found.more_s <= 0.05 * found.planned_s * found.audits
    each = audits_of(topology, 300, seed=17, levels=Levels())
    assert each.failed > 4 * RATE * each.audits
    assert found.planned_s <= 1.03 * each.planned_s


def in_doubt(check: str = "return") -> Verdict:
    """A check whose first look left a doubt."""
    return by_chance(check, "little", LEVELS, p=0.004)


class TestVerdict:
    """What one p comes to."""

    @pytest.mark.parametrize(
        ("p", "expected"),
        [
            (1e-4, Status.FAIL),
            (1.1e-4, Status.UNKNOWN),
            (0.01, Status.UNKNOWN),
            (0.02, Status.PASS),
        ],
    )
    def test_two_levels_make_three_verdicts(self, p: float, expected: Status) -> None:
        """Only what lies between them is a doubt."""
        verdict = by_chance("return", "so many", LEVELS, p=p, took=3)
        assert verdict.status is expected
        assert verdict.figures == {"took": 3, "p": p, "alarm": 1e-4, "doubt": 0.01}
        assert is_in_doubt(verdict) is (expected is Status.UNKNOWN)

    def test_a_doubt_says_how_often_chance_does_that(self) -> None:
        """And that a second look decides."""
        assert in_doubt().summary.endswith("once in 250: a second look has to decide")

    @pytest.mark.parametrize("servers", [2, 3, 6])
    def test_the_p_of_a_spread_is_of_all_servers_together(self, servers: int) -> None:
        """It lies at or below the rate just where one server's exact tails say so."""
        test, chance = spread_test(servers), random.Random(servers)
        for _ in range(200):
            n = chance.randint(20, 600)
            k = min(n, max(0, round(chance.gauss(n / servers, (n / servers) ** 0.5 * 2))))
            below, above = binomial_below(k, n, test.fair), 1 - binomial_below(k - 1, n, test.fair)
            assert (min(below, above) <= 0.01 / servers / 2) == bool(test.rejects(k, n))
            assert bool(test.rejects(k, n)) == (test.p(k, n) <= test.alarm)


def row(topology: Topology, drill: Drill, *checks: Verdict) -> Judgement:
    """A row with the same checks for each of its flows."""
    flows = tuple(FlowVerdict(flow, checks) for flow in drill.flows)
    return Judgement(drill, topology, "process", Path(), flows, Ledger())


class TestSecondLook:
    """When a drill runs again, and what is made of both."""

    @pytest.mark.parametrize(
        ("checks", "expected"),
        [
            ((passed("gap", ""), in_doubt()), True),
            ((in_doubt("spread"), in_doubt("return")), True),
            ((passed("gap", ""),), False),
            ((in_doubt(), failed("gap", "")), False),
            ((in_doubt(), unknown("bite", "")), False),
            ((in_doubt(), failed("gap", "").accept("known")), True),
            ((by_chance("return", "", LEVELS, p=1e-9),), False),
            ((unknown("return", "only 3 messages"),), False),
        ],
    )
    def test_it_is_for_what_chance_may_have_done_and_nothing_else(
        self, microsoft: Topology, checks: tuple[Verdict, ...], expected: bool
    ) -> None:
        """What failed otherwise, or cannot be told, would not be mended by another try."""
        assert needs_another(row(microsoft, plan_audit(microsoft)[1], *checks)) is expected

    def test_it_is_the_same_drill_with_choices_of_its_own(self, microsoft: Topology) -> None:
        """Another seed; the same name, so that its history goes on; more choices."""
        first = plan_audit(microsoft, seed=5)[1]
        second = plan_again(microsoft, first, 26)
        assert (second.name, second.flows, second.seed) == (first.name, first.flows, 6)
        assert [fault.label for fault in second.faults] == [fault.label for fault in first.faults]
        assert second.levels.alarm == second.levels.doubt
        assert second.length_s > first.length_s


def written(directory: Path, topology: Topology, drill: Drill) -> None:
    """A run directory in which nothing happened."""
    run = RunDirectory(directory)
    run.save_inputs(topology, drill, "process")
    run.save_outcome(drill, "process", 0.0, ())


class Labs:
    """Stands in for labs and drills: each drill comes to the next verdict that was made up."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **looks: list[Verdict]) -> None:
        self.ran: list[str] = []
        self._looks = looks
        monkeypatch.setattr(own_lab, "run_drill", self._run)
        monkeypatch.setattr(audits, "judge", self._judge)
        self._said: dict[Path, Judgement] = {}

    def __call__(self, topology: Topology, _directory: Path) -> Any:
        """A lab, which is this one."""
        self.topology = topology
        return self

    def __enter__(self) -> Labs:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def _run(self, lab: Labs, drill: Drill, directory: Path, _observe: object) -> Judgement:
        written(directory, lab.topology, drill)
        self.ran.append(directory.name)
        looks = self._looks.get(drill.name.partition(":")[2], [])
        check = looks.pop(0) if looks else passed("gap", "made up", gap_s=0.1, allowed_s=15.0)
        found = replace(row(lab.topology, drill, check), directory=directory)
        self._said[directory] = found
        return found

    def _judge(self, directory: Path, **_: object) -> Judgement:
        # What stands in the drill's file is read; what it came to was made up.
        return replace(self._said[directory], drill=judge(directory).drill)


class TestAudit:
    """The rate on the terminal, in the JSON, and when it is judged again."""

    def test_a_doubt_is_looked_at_again_before_sets_follow(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """The second look stands in the first one's place, and both directories are there."""
        topology = topology_files.load("sharepoint")
        drills = plan_audit(topology, units=("ht1", "ht2"))
        labs = Labs(monkeypatch, ht1=[in_doubt()])
        seen: list[Status] = []

        class Watched(Depth):
            def sets(self, judged: tuple[Judgement, ...], stands_for: StandsFor, size: int) -> Sets:
                seen.extend(each.status for each in judged)
                return Sets((), {})

        deeper = Watched(topology)
        audit = run_audit(topology, drills, labs, tmp_path / "audit", depth=2, deeper=deeper)
        first, again = file_name("kill:ht1"), f"{file_name('kill:ht1')}-again"
        assert labs.ran == ["steady", first, file_name("kill:ht2"), again]
        assert seen == [Status.PASS] * 3
        assert audit.rows[1].directory.name == again
        assert audit.document()["false_alarm"] == {
            "rate": 0.01,
            "tests": 4,
            "method": PLANNED,
            "again": [{"drill": "kill:ht1", "first_look": first}],
        }
        assert judge_audit(tmp_path / "audit").document() == audit.document()
        terminal.show_audit(audit, terminal.console())
        said = capsys.readouterr().out
        assert "False alarms: at most 1% of audits of a healthy tier fail by chance, in 4" in said
        assert "; kill:ht1 ran twice, to decide what a first look had left in doubt." in said

    def test_the_smallest_sets_are_shown_everywhere_and_judged_again(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """On the terminal, in the JSON and on the page, with the sets that a row stands for."""
        topology = topology_files.load("sharepoint")
        drills = plan_audit(topology, units=("ht1", "ht2", "ht3"))
        labs = Labs(
            monkeypatch, **{"ht1+kill:ht2": [failed("gap", "made up", gap_s=99.0, allowed_s=15.0)]}
        )
        audit = run_audit(topology, drills, labs, tmp_path / "audit", depth=3)
        assert labs.ran[4:] == [file_name("kill:ht1+kill:ht2")]
        document = audit.document()
        assert misfits(document) == []
        (stands,) = document["stands_for"]
        assert stands == {"drill": "kill:ht1+kill:ht2", "sets": [["ht1", "ht3"], ["ht2", "ht3"]]}
        relay = [each for each in document["cut_sets"] if each["flow"] == "relay"]
        assert [each["units"] for each in relay] == [["ht1", "ht2"], *stands["sets"]]
        assert [each["is_drilled"] for each in relay] == [True, False, False]
        assert judge_audit(tmp_path / "audit").document() == document
        terminal.show_audit(audit, terminal.console())
        said = capsys.readouterr().out
        assert "Smallest sets whose loss breaks a promise, of up to 3 at a time" in said
        assert "ht1 and ht3, as ht1 and ht2" in said
        page = html.render(audit)
        assert "Smallest sets whose loss breaks a promise, of up to 3 at a time" in page
        assert "ht2 and ht3, as ht1 and ht2" in page

    def test_two_looks_that_find_the_same_are_a_failure(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """No chance is left then, and there is no third look."""
        topology = topology_files.load("sharepoint")
        drills = plan_audit(topology, units=("ht1",))
        bad = by_chance("return", "little again", Levels(0.01, 0.01), p=1e-3)
        labs = Labs(monkeypatch, ht1=[in_doubt(), bad])
        audit = run_audit(topology, drills, labs, tmp_path / "audit")
        assert [each.status for each in audit.rows] == [Status.PASS, Status.FAIL]
        assert len(labs.ran) == 3

    def test_an_audit_of_an_earlier_version_is_held_to_the_rate_by_holm(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        """Each of its drills was planned for itself: what Holm does not reject is unknown."""
        topology = topology_files.load("sharepoint")
        drills = tuple(
            replace(drill, levels=Levels()) for drill in plan_audit(topology, units=("ht1", "ht2"))
        )
        one, two = (by_chance("return", "little", Levels(), p=p) for p in (0.006, 1e-9))
        labs = Labs(monkeypatch, ht1=[one], ht2=[two])
        audit = run_audit(topology, drills, labs, tmp_path / "audit")
        assert audit.false_alarm.method == HOLM
        assert [each.status for each in audit.rows] == [
            Status.PASS,
            Status.UNKNOWN,
            Status.FAIL,
        ]
        summary = audit.rows[1].flows[0].checks[0].summary
        assert "once in 167, which is too often to tell among 4 tests" in summary
        index = tmp_path / "audit" / "audit.json"
        told = json.loads(index.read_text())
        assert misfits(told) == []
        index.write_text(json.dumps({"rows": told["rows"]}))
        assert judge_audit(tmp_path / "audit").document() == audit.document()

    def test_holm_leaves_all_other_checks_alone(self, microsoft: Topology) -> None:
        """A gap is a fact; and so is a share that chance cannot explain."""
        drill = plan_audit(microsoft)[1]
        rows = (
            row(microsoft, drill, failed("gap", "a minute", gap_s=60.0)),
            row(microsoft, drill, by_chance("return", "none", Levels(), p=0.0)),
        )
        assert by_holm(rows, 250) == rows


class TestChecks:
    """`return` decides at the levels of its drill."""

    @pytest.mark.parametrize(
        ("levels", "expected"),
        [
            (Levels(), Status.FAIL),
            (Levels(1e-5, 0.01), Status.UNKNOWN),
            (Levels(1e-5, 1e-5), Status.PASS),
        ],
    )
    def test_the_same_share_fails_a_drill_alone_and_leaves_a_doubt_in_an_audit(
        self, tmp_path: Path, levels: Levels, expected: Status
    ) -> None:
        """A third in place of a half, 60 of 160: chance does that once in a thousand drills."""
        topology = made_up.topology()
        drill = replace(made_up.drill(made_up.KILL), levels=levels)
        history = made_up.outage()
        for number in range(120):
            name = "ht1" if number % 3 == 0 else "ht2"
            at, message = 6.0 + number / 20, f"<{number}.more@app>"
            history.attempt(message, at=at, took=0.004, code=250, server=f"{name}.contoso.com")
            history.accepted(message, name, at=at + 0.002)
            history.arrived(message, at=at + 0.003)
            history.write(name, "relayed", message, at=at + 0.0035, to="127.0.0.1:25")
        run = made_up.write_run(tmp_path / "run", topology, drill, history.events)
        verdict = judge(run).flows[0].check("return")
        assert verdict is not None
        assert (verdict.status, verdict.figures["alarm"]) == (expected, levels.alarm)
        assert is_in_doubt(verdict) is (levels.doubt > levels.alarm)
        assert judge(run).document() == judge(run).document()
