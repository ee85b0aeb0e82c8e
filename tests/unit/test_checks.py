"""The checks of a drill, each on ledgers made by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.histories import OTHER_BODY, History

from relaydrill import topology_files
from relaydrill.drills import checks
from relaydrill.drills.checks import Case, run_checks
from relaydrill.drills.model import Drill
from relaydrill.drills.recovery import recovery_of
from relaydrill.drills.result import FlowVerdict
from relaydrill.faults import FaultSpec
from relaydrill.ledger import join
from relaydrill.report.words import cell
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict, merge

PASS, UNKNOWN, FAIL = Status.PASS, Status.UNKNOWN, Status.FAIL
CLOCK = 10
RATE = 20
STEP_S = 1 / RATE
"""Wall seconds from one attempt to the next."""

YAML = """\
name: bench
clock: {clock}
nodes:
  ht1: {{role: hub}}
  ht2: {{role: hub}}
  ht3: {{role: hub}}
  lb1:
    role: balancer
    backends: [ht1, ht2, ht3]
    vips: {{mail: {{ports: [25]}}}}
    check: {{interval: 2s, fall: 3, rise: 2}}
  mbx: {{role: mailbox, domains: [contoso.com]}}
  app: {{role: sender}}
flows:
  relay: {{from: app, to: mail, rate: {rate}/s}}
  other: {{from: app, to: mail}}
expect: {expect}
accept: {accept}
"""


def topology(expect: str = "{gap: 10s}", accept: str = "[]") -> Topology:
    """Three hubs behind a balancer, ten times faster than in the field."""
    text = YAML.format(clock=CLOCK, rate=RATE, expect=expect, accept=accept)
    return topology_files.parse(text, "bench.yaml")


def direct() -> Topology:
    """The same, but for a flow that goes to one of the hubs past the balancer."""
    design = topology()
    flows = {"relay": design.flows["relay"].model_copy(update={"to": "ht1"})}
    return design.model_copy(update={"flows": flows})


KILL = FaultSpec("kill", "ht1", start_s=20.0, duration_s=20.0)
INJECT, HEAL = 2.0, 4.0
"""Wall seconds of `KILL`; the workload begins at 0."""
HUBS = ("ht1", "ht2", "ht3")


def case(
    history: History,
    *faults: FaultSpec,
    design: Topology | None = None,
    problems: tuple[str, ...] = (),
) -> Case:
    """The case of a history."""
    drill = Drill("d", ("relay",), faults, length_s=100.0, settle_s=10.0, seed=1)
    design = design or topology()
    ledger = join(history.events, harmless={"relay": design.harmless_changes("relay")})
    return Case(design, drill, "relay", ledger, problems)


def found(given: Case, name: str) -> Verdict | None:
    """What one check says."""
    return next((verdict for verdict in run_checks(given) if verdict.check == name), None)


def status(given: Case, name: str) -> Status | None:
    """The status that one check gives; None where it has nothing to say."""
    verdict = found(given, name)
    return verdict.status if verdict else None


Fate = Callable[[History, str, float], None]


def refuse(history: History, message: str, at: float) -> None:
    """A 452 at MAIL."""
    history.attempt(message, Result.REFUSED, at=at, code=452, phase=Phase.MAIL)


def flow(
    history: History,
    seconds: float,
    *,
    begin: float = 0.0,
    hubs: tuple[str, ...] = HUBS,
    fate: Fate | None = None,
) -> None:
    """Attempts on schedule, delivered by the hubs in turn, or meeting another fate."""
    for number in range(round(seconds * RATE)):
        at = begin + number * STEP_S
        message = f"<{at:.4f}@app>"
        if fate:
            fate(history, message, at)
        else:
            history.delivered(message, hubs[number % len(hubs)], at=at)


def drilled(
    *, outage: float = 0.0, fate: Fate = refuse, after: float = 6.0, took: float = 0.001
) -> History:
    """A drill in which ``ht1`` is killed: steady, an outage, on two hubs, healed, on three."""
    history = History()
    flow(history, INJECT)
    history.fault("kill:ht1", inject=INJECT, heal=HEAL, took=took)
    flow(history, outage, begin=INJECT + STEP_S / 2, fate=fate)
    left = HEAL - INJECT - outage
    flow(history, left, begin=INJECT + outage + STEP_S / 2, hubs=("ht2", "ht3"))
    flow(history, after, begin=HEAL + STEP_S / 2)
    return history


def test_a_good_drill_passes_every_check() -> None:
    """A tier that rides out a kill passes all seven checks."""
    verdicts = run_checks(case(drilled(outage=0.5), KILL))
    assert [(verdict.check, verdict.status) for verdict in verdicts] == [
        (name, PASS)
        for name in ("harness", "steady", "bite", "account", "gap", "degraded", "return")
    ]


def test_a_steady_drill_has_no_word_on_faults() -> None:
    """Without a fault there is nothing that could bite, degrade or return."""
    history = History()
    flow(history, 3.0)
    verdicts = run_checks(case(history))
    assert [verdict.check for verdict in verdicts] == ["harness", "steady", "account", "gap"]
    assert merge(verdict.status for verdict in verdicts) is PASS


def test_nothing_at_all_is_unknown() -> None:
    """A drill without a single attempt proves nothing, and its verdict says so."""
    verdicts = run_checks(case(History(), KILL))
    assert merge(verdict.status for verdict in verdicts) is UNKNOWN
    assert all(verdict.status is UNKNOWN for verdict in verdicts)


class TestHarness:
    """``harness``: the harness did its own part."""

    def test_a_problem_of_the_harness_makes_it_unknown(self) -> None:
        """A node that ended by itself, or anything else of that kind, is named."""
        given = case(drilled(), KILL, problems=("ht2 ended by itself",))
        verdict = found(given, "harness")
        assert verdict is not None
        assert (verdict.status, verdict.summary) == (UNKNOWN, "ht2 ended by itself")

    def test_no_attempts_are_unknown(self) -> None:
        """Nothing sent, nothing shown."""
        assert status(case(History()), "harness") is UNKNOWN

    def test_an_attempt_that_failed_at_home_makes_it_unknown(self) -> None:
        """The sender's own machine out of ports says nothing of the tier."""
        history = drilled()
        history.attempt("<x@app>", Result.UNSENT, at=3.0, phase=Phase.CONNECT, reason="no port")
        verdict = found(case(history, KILL), "harness")
        assert verdict is not None
        assert verdict.status is UNKNOWN
        assert "no port" in verdict.summary

    def test_lateness_is_told(self) -> None:
        """The worst lateness of any attempt is in the figures, in milliseconds."""
        history = History()
        history.attempt("<1@app>", at=1.0)
        history.attempt("<2@app>", at=2.0, late=0.25)
        verdict = found(case(history), "harness")
        assert verdict is not None
        assert (verdict.status, verdict.figures["late_ms"]) == (PASS, 250.0)


class TestUnsent:
    """Attempts that never left the sender's own machine."""

    def test_they_blame_nobody(self) -> None:
        """Mail that was kept back at home makes a failure unknown, where it might be the cause."""
        history = History()
        for number in range(20):
            history.attempt(
                f"<{number}@app>",
                Result.UNSENT,
                at=float(number),
                phase=Phase.CONNECT,
                reason="outside",
            )
        checked = run_checks(case(history))
        assert {each.check for each in checked if each.status is FAIL} == set()
        [steady] = [each for each in checked if each.check == "steady"]
        assert "20 attempts never left this machine" in steady.summary


class TestSteady:
    """``steady``: mail flowed before the fault."""

    def test_a_failure_before_the_fault_is_unknown(self) -> None:
        """A tier that did not work before cannot show what the fault did."""
        history = drilled()
        history.attempt("<x@app>", Result.REFUSED, at=1.0, code=452, phase=Phase.MAIL)
        verdict = found(case(history, KILL), "steady")
        assert verdict is not None
        assert verdict.status is UNKNOWN
        assert "1x 452 at mail" in verdict.summary

    def test_a_failure_without_a_fault_fails(self) -> None:
        """Where nothing is broken, a failing attempt is the tier's own fault."""
        history = History()
        flow(history, 1.0)
        history.attempt("<x@app>", Result.UNREACHABLE, at=1.0, phase=Phase.CONNECT)
        assert status(case(history), "steady") is FAIL

    @pytest.mark.parametrize(("until", "expected"), [(0.35, PASS), (None, UNKNOWN)])
    def test_the_fault_began_no_sooner_than_the_node_s_last_traffic(
        self, until: float | None, expected: Status
    ) -> None:
        """An injection takes its time; while the node still took mail, it was not broken."""
        history = drilled(took=0.4)
        if until is not None:
            history.accepted("<y@app>", at=INJECT + until)
        history.attempt("<x@app>", Result.UNREACHABLE, at=INJECT + 1.2, phase=Phase.CONNECT)
        assert status(case(history, KILL), "degraded") is expected

    def test_an_attempt_accepted_too_late_has_failed(self) -> None:
        """A 250 that comes later than the flow promises is not service."""
        history = History()
        history.attempt("<x@app>", at=1.0, took=1.5)
        assert status(case(history), "steady") is FAIL

    def test_an_attempt_that_the_fault_cut_short_belongs_to_the_fault(self) -> None:
        """What was under way when the fault began is not held against the time before."""
        history = drilled()
        history.attempt("<x@app>", Result.DROPPED, at=INJECT - 0.01, took=0.5)
        history.attempt("<y@app>", None, at=INJECT - 0.01)
        assert status(case(history, KILL), "steady") is PASS

    def test_nothing_before_the_fault_is_unknown(self) -> None:
        """A fault at the very beginning leaves no steady state to compare with."""
        history = History()
        history.fault("kill:ht1", inject=0.0, heal=1.0)
        flow(history, 2.0, begin=0.1)
        assert status(case(history, KILL), "steady") is UNKNOWN


class TestAccount:
    """``account``: every accepted message is accounted for."""

    @pytest.mark.parametrize(
        ("name", "result", "digest"),
        [
            ("lost", Result.ACCEPTED, None),
            ("phantom", Result.REFUSED, "a" * 64),
            ("altered", Result.ACCEPTED, OTHER_BODY),
        ],
    )
    def test_lost_phantom_and_altered_fail(
        self, name: str, result: Result, digest: str | None
    ) -> None:
        """One such message fails the drill and is named; unless the topology allows as many."""
        history = drilled()
        history.attempt("<x@app>", result, at=5.0)
        if digest:
            history.arrived("<x@app>", digest=digest)
        verdict = found(case(history, KILL), "account")
        assert verdict is not None
        assert (verdict.status, verdict.figures[name]) == (FAIL, 1)
        assert "<x@app>" in verdict.summary
        allowed = topology(f"{{gap: 10s, {name}: 1}}")
        assert status(case(history, KILL, design=allowed), "account") is PASS

    def test_mail_that_a_hub_gave_up_is_lost_and_told_with_the_reason(self) -> None:
        """A drill's mail can all be delivered, so that a bounce of it is the tier's loss."""
        history = drilled()
        history.attempt("<x@app>", at=5.0)
        history.accepted("<x@app>", "ht2")
        history.write("ht2", "bounced", "<x@app>", reason="554 5.4.4 no route to contoso.com")
        verdict = found(case(history, KILL), "account")
        assert verdict is not None
        assert (verdict.status, verdict.figures["lost"]) == (FAIL, 1)
        told = "accepted by ht2, bounced by ht2: 554 5.4.4 no route to contoso.com"
        assert verdict.summary.endswith(told)

    @pytest.mark.parametrize(
        ("changed", "declared", "expected"),
        [
            ("subject", (), FAIL),
            ("disclaimer", ("subject",), FAIL),
            ("subject_prefix", ("subject_prefix",), PASS),
            ("subject_prefix", ("subject",), PASS),
            ("subject", ("subject_prefix",), FAIL),
            ("message_id", (), PASS),
        ],
    )
    def test_what_is_written_anew_fails_unless_it_is_declared(
        self, changed: str, declared: tuple[str, ...], expected: Status
    ) -> None:
        """One such message fails the drill and the change is named; a new Message-ID is told."""
        design = topology().model_copy(update={"changes": declared})
        history = drilled()
        history.attempt("<x@app>", at=5.0)
        history.arrived("<x@app>", changed=[changed], known_by="header")
        verdict = found(case(history, KILL, design=design), "account")
        assert verdict is not None
        assert (verdict.status, "altered" in verdict.figures) == (expected, expected is FAIL)
        assert "known by their X-Relaydrill-Id" in verdict.summary

    def test_a_changed_body_fails_under_a_declared_disclaimer(self) -> None:
        """Only text that was added is declared by that, never a cut."""
        design = topology().model_copy(update={"changes": ("disclaimer", "subject")})
        history = drilled()
        history.attempt("<x@app>", at=5.0)
        history.arrived("<x@app>", digest=OTHER_BODY, changed=["disclaimer"])
        verdict = found(case(history, KILL, design=design), "account")
        assert verdict is not None
        assert verdict.status is FAIL
        assert "altered: body (1)" in verdict.summary

    def test_duplicates_are_reported_and_fail_only_where_promised(self) -> None:
        """A duplicate fails the drill only where the topology bounds duplicates."""
        history = drilled()
        history.arrived("<0.0000@app>", at=5.0)
        verdict = found(case(history, KILL), "account")
        assert verdict is not None
        assert (verdict.status, verdict.figures["duplicated"]) == (PASS, 1)
        strict = topology("{gap: 10s, duplicated: 0}")
        assert status(case(history, KILL, design=strict), "account") is FAIL

    def test_nothing_accepted_is_unknown(self) -> None:
        """No acceptance, no promise that could have been kept."""
        history = History()
        flow(history, 3.0, fate=refuse)
        assert status(case(history), "account") is UNKNOWN

    def test_messages_of_other_flows_do_not_count(self) -> None:
        """A loss in another flow is that flow's."""
        history = drilled()
        history.flow = "submission"
        history.attempt("<x@app>", at=5.0)
        assert status(case(history, KILL), "account") is PASS


class TestGap:
    """``gap``: how long nothing was accepted; ten field seconds are allowed, one wall second."""

    @pytest.mark.parametrize(
        ("outage", "expected"), [(0.5, PASS), (0.8, PASS), (1.0, UNKNOWN), (1.5, FAIL)]
    )
    def test_the_outage_decides(self, outage: float, expected: Status) -> None:
        """Clearly shorter passes, clearly longer fails, and what lies between is unknown."""
        verdict = found(case(drilled(outage=outage), KILL), "gap")
        assert verdict is not None
        assert verdict.status is expected
        measured, sure = verdict.figures["gap_s"], verdict.figures["resolution_s"]
        assert abs(measured - outage * CLOCK) <= sure

    def test_lateness_widens_the_doubt(self) -> None:
        """An attempt that began late adds its lateness to the uncertainty."""
        history = drilled(outage=0.8)
        history.attempt("<x@app>", at=9.0, took=0.0004, late=0.5)
        verdict = found(case(history, KILL), "gap")
        assert verdict is not None
        assert (verdict.status, verdict.figures["resolution_s"]) == (UNKNOWN, 6.0)

    def test_mail_that_never_comes_back_is_no_pass(self) -> None:
        """A flow that ended in an outage shorter than allowed proves nothing about its length."""
        for seconds, expected in ((0.5, UNKNOWN), (3.0, FAIL)):
            history = History()
            flow(history, INJECT)
            history.fault("kill:lb1", inject=INJECT, heal=None)
            flow(history, seconds, begin=INJECT + 0.01, fate=refuse)
            spec = FaultSpec("kill", "lb1", 20.0, 20.0)
            assert status(case(history, spec), "gap") is expected

    def test_a_hang_that_ends_in_late_acceptance_is_a_gap(self) -> None:
        """Attempts that hang until the heal and are accepted then are not service meanwhile."""

        def hang(history: History, message: str, at: float) -> None:
            history.attempt(message, at=at, took=HEAL + 0.01 - at)

        assert status(case(drilled(outage=2.0, fate=hang), KILL), "gap") is FAIL


class TestDegraded:
    """``degraded``: attempts stop failing soon after a change; ten field seconds are allowed."""

    @pytest.mark.parametrize(("last", "expected"), [(0.5, PASS), (1.0, UNKNOWN), (1.5, FAIL)])
    @pytest.mark.parametrize("change", [INJECT, HEAL])
    def test_the_last_failure_after_a_change_decides(
        self, change: float, last: float, expected: Status
    ) -> None:
        """Neither after the fault nor after its heal may attempts go on failing."""
        history = drilled()
        history.attempt("<x@app>", Result.UNREACHABLE, at=change + last, phase=Phase.CONNECT)
        assert status(case(history, KILL), "degraded") is expected

    @pytest.mark.parametrize(
        ("has_standby", "before_heal", "expected"),
        [(True, 0.0003, PASS), (True, 0.5, FAIL), (False, 0.0003, FAIL)],
    )
    def test_a_session_that_a_returning_balancer_cuts_is_no_long_outage(
        self, has_standby: bool, before_heal: float, expected: Status
    ) -> None:
        """Only with a standby, whose session it was, and only of what had not hung already."""
        more = "  lb2: {role: standby, standby_of: lb1}\n" if has_standby else ""
        text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept="[]")
        design = topology_files.parse(text.replace("  mbx:", f"{more}  mbx:"), "bench.yaml")
        history = History()
        flow(history, INJECT)
        history.fault("pause:lb1", inject=INJECT, heal=HEAL)
        flow(history, 8.0, begin=INJECT + STEP_S / 2)
        at = HEAL - before_heal
        history.attempt("<x@app>", Result.DROPPED, at=at, took=before_heal + 0.1, phase=Phase.DATA)
        pause = FaultSpec("pause", "lb1", start_s=20.0, duration_s=20.0)
        assert status(case(history, pause, design=design), "degraded") is expected

    def test_no_failures_pass(self) -> None:
        """A tier in which no attempt fails is not degraded."""
        assert status(case(drilled(), KILL), "degraded") is PASS

    @pytest.mark.parametrize(("until", "expected"), [(0.35, PASS), (None, UNKNOWN)])
    def test_the_fault_began_no_sooner_than_the_node_s_last_traffic(
        self, until: float | None, expected: Status
    ) -> None:
        """An injection takes its time; while the node still took mail, it was not broken."""
        history = drilled(took=0.4)
        if until is not None:
            history.accepted("<y@app>", at=INJECT + until)
        history.attempt("<x@app>", Result.UNREACHABLE, at=INJECT + 1.2, phase=Phase.CONNECT)
        assert status(case(history, KILL), "degraded") is expected

    def test_an_attempt_accepted_too_late_has_failed(self) -> None:
        """A reply later than the flow promises counts like a failure, and is told as late."""
        history = drilled()
        history.attempt("<x@app>", at=INJECT + 1.8, took=1.2)
        verdict = found(case(history, KILL), "degraded")
        assert verdict is not None
        assert (verdict.status, verdict.figures["late"]) == (FAIL, 1)
        assert verdict.summary.startswith("1 of 201 attempts were late (1x accepted late), the")

    def test_what_failed_and_what_was_late_are_told_apart(self) -> None:
        """Delivered mail is never called failed, in the check or in the matrix."""
        history = drilled(outage=0.1)
        history.attempt("<x@app>", at=INJECT + 0.2, took=1.2)
        verdict = found(case(history, KILL), "degraded")
        assert verdict is not None
        told = "3 of 201 attempts failed or were late (2x 452 at mail; 1x accepted late), the"
        assert verdict.summary.startswith(told)
        assert "3/201 failed or late ≤ 2.0 s" in cell(FlowVerdict("relay", (verdict,)))

    @pytest.mark.parametrize(
        ("deferral", "code", "expected"),
        [(True, 452, PASS), (True, 550, FAIL), (False, 452, FAIL), (True, 0, FAIL)],
    )
    def test_a_deferral_is_no_failure_where_the_flow_says_so(
        self, deferral: bool, code: int, expected: Status
    ) -> None:
        """A 4xx, and nothing else, may be told as long as the fault lasts."""
        history = drilled()
        result = Result.REFUSED if code else Result.DROPPED
        history.attempt("<x@app>", result, at=INJECT + 1.8, phase=Phase.MAIL, code=code)
        design = topology(expect=f"{{deferral: {str(deferral).lower()}, gap: 10s}}")
        verdict = found(case(history, KILL, design=design), "degraded")
        assert verdict is not None
        assert verdict.status is expected
        assert verdict.figures["deferred"] == (1 if deferral and code == 452 else 0)

    @pytest.mark.parametrize(
        ("marked_down", "told"),
        [
            (None, "2 by ht1, which the balancer believed to be up all the time"),
            (INJECT + 0.5, "2 by ht1, which the balancer believed to be up for 5.0 s"),
        ],
    )
    def test_what_the_balancer_believed_is_told_beside_what_senders_saw(
        self, marked_down: float | None, told: str
    ) -> None:
        """A refusal by the broken node itself is one that the balancer's checks did not prevent.

        Also where the attempt had begun just before the fault did.
        """
        history = drilled()
        for moment in (-0.05, 0.4):
            history.attempt(
                f"<{moment}@app>",
                Result.REFUSED,
                at=INJECT + moment,
                took=0.2,
                phase=Phase.MAIL,
                code=452,
                server="ht1.contoso.com",
            )
        if marked_down:
            history.belief("ht1", "down", at=marked_down)
        verdict = found(case(history, KILL), "degraded")
        assert verdict is not None
        assert told in verdict.summary
        assert verdict.figures["false_green"]["refused"] == 2

    @pytest.mark.parametrize(("fault", "told"), [("busy", True), ("kill", False)])
    def test_a_banner_that_refuses_is_the_broken_node_s(self, fault: str, told: bool) -> None:
        """It bears no name, so only a fault that acts on the banner can be told from its like."""
        history = History()
        flow(history, INJECT)
        history.fault(f"{fault}:ht1", inject=INJECT, heal=HEAL)
        for moment in (0.2, 0.4):
            at = INJECT + moment
            history.attempt(
                f"<{at}@app>", Result.REFUSED, at=at, phase=Phase.BANNER, code=421, server="4.3.2"
            )
        flow(history, 6.0, begin=HEAL)
        spec = FaultSpec(fault, "ht1", start_s=20.0, duration_s=20.0)
        verdict = found(case(history, spec), "degraded")
        assert verdict is not None
        assert ("2 by ht1, which the balancer believed" in verdict.summary) is told

    @pytest.mark.parametrize("past_the_balancer", [True, False])
    def test_what_a_balancer_noticed_is_told_of_flows_that_pass_it(
        self, past_the_balancer: bool
    ) -> None:
        """To mail that goes to the hub itself it is all one what a balancer believes of that."""
        history = drilled(outage=0.5)
        history.belief("ht1", "down", at=INJECT + 0.5)
        history.belief("ht1", "up", at=HEAL + 0.3)
        design = direct() if past_the_balancer else topology()
        verdict = found(case(history, KILL, design=design), "degraded")
        assert verdict is not None
        assert ("marked down after 5.0 s" in verdict.summary) is not past_the_balancer
        assert ("detection_s" in verdict.figures) is not past_the_balancer

    def test_a_fault_that_was_not_injected_changes_nothing(self) -> None:
        """Without an injection there is no change to count from."""
        history = History()
        flow(history, 3.0)
        history.fault("kill:ht1", inject=INJECT, heal=None, error="cannot")
        assert status(case(history, KILL), "degraded") is None


class TestSpread:
    """``spread``: each server gets its share of the choices."""

    @pytest.mark.parametrize(
        ("hubs", "expected"), [(HUBS, PASS), (("ht1", "ht2"), FAIL), (("ht1", "ht2", "ht9"), FAIL)]
    )
    def test_behind_a_balancer_it_is_who_took_the_mail(
        self, hubs: tuple[str, ...], expected: Status
    ) -> None:
        """The senders have no choice there; a hub that the balancer has forgotten is found."""
        assert status(case(balanced(hubs), design=topology(SPREAD)), "spread") is expected

    def test_under_wnlb_with_affinity_one_sender_proves_nothing(self) -> None:
        """All of its mail is one choice, whichever host it fell on."""
        text = topology_files.dump(topology(SPREAD)).replace("mode: proxy", "mode: wnlb")
        design = topology_files.parse(text.replace("kind: smtp", "kind: none"), "wnlb.yaml")
        assert status(case(balanced(("ht1",)), design=design), "spread") is UNKNOWN


SPREAD = "{gap: 10s, spread: [ht1, ht2, ht3]}"


def balanced(hubs: tuple[str, ...]) -> History:
    """Mail by the VIP, which some hubs take in turns."""
    history = History()
    flow(history, 20.0, hubs=hubs)
    for event in history.events:
        if event.kind == "outcome":
            assert isinstance(event.detail, dict)
            event.detail["choice"] = "mail"
    return history


class TestReturn:
    """``return``: a healed node takes its share again."""

    def test_too_few_messages_are_unknown(self) -> None:
        """With fewer choices than the test needs it does not judge."""
        verdict = found(case(drilled(after=1.0), KILL), "return")
        assert verdict is not None
        test = recovery_of(topology(), "ht1", "relay").test
        assert test is not None
        assert (verdict.status, verdict.figures["needed"]) == (UNKNOWN, test.choices)
        assert verdict.figures["of"] < test.choices

    def test_a_node_that_stays_out_fails(self) -> None:
        """A healed hub that gets nothing of what comes after is missed."""
        history = drilled(after=0.0)
        flow(history, 6.0, begin=HEAL + 0.02, hubs=("ht2", "ht3"))
        verdict = found(case(history, KILL), "return")
        assert verdict is not None
        assert (verdict.status, verdict.figures["took"]) == (FAIL, 0)

    def test_the_time_that_the_balancer_needs_is_not_held_against_it(self) -> None:
        """Until the checks have brought it back, a healed hub need not take anything."""
        history = drilled(after=0.0)
        flow(history, 0.6, begin=HEAL + 0.02, hubs=("ht2", "ht3"))
        flow(history, 5.0, begin=HEAL + 0.62)
        verdict = found(case(history, KILL), "return")
        assert verdict is not None
        assert verdict.status is PASS
        assert 3 * verdict.figures["took"] == pytest.approx(verdict.figures["of"], abs=3)

    def test_a_share_that_the_machine_took_is_not_held_against_it(self) -> None:
        """While it starved the balancer's checks failed; from then on the hub has its share."""
        history = drilled(after=0.0)
        flow(history, 4.0, begin=HEAL + 0.02, hubs=("ht2", "ht3"))
        history.stall(HEAL + 2.0, HEAL + 4.0, lost=2.0)
        flow(history, 1.0, begin=HEAL + 4.02, hubs=("ht2", "ht3"))
        flow(history, 5.0, begin=HEAL + 5.02)
        verdict = found(case(history, KILL), "return")
        assert verdict is not None
        assert verdict.status is PASS
        assert verdict.summary.endswith("stood still, for 20.0 s meanwhile")

    @pytest.mark.parametrize(("more_s", "expected"), [(6.0, FAIL), (1.0, UNKNOWN)])
    def test_a_node_that_stays_out_after_a_stall_too_fails(
        self, more_s: float, expected: Status
    ) -> None:
        """A busy machine excuses what happened in it and just after; too little after is unknown.

        What happened to it when no mail was sent any more does not matter.
        """
        history = drilled(after=0.0)
        flow(history, 3.0, begin=HEAL + 0.02, hubs=("ht2", "ht3"))
        history.stall(HEAL + 0.1, HEAL + 3.0, lost=1.0)
        flow(history, more_s, begin=HEAL + 3.02, hubs=("ht2", "ht3"))
        end = HEAL + 3.02 + more_s
        history.stall(end + 1.0, end + 2.0, lost=1.0)
        assert status(case(history, KILL), "return") is expected

    @pytest.mark.parametrize(("took", "expected"), [(True, PASS), (False, UNKNOWN)])
    def test_a_node_without_peers_only_has_to_take_something(
        self, took: bool, expected: Status
    ) -> None:
        """The one mailbox server, healed, is back when mail arrives there."""
        history = History()
        flow(history, INJECT)
        history.fault("kill:mbx", inject=INJECT, heal=HEAL)
        if took:
            flow(history, 1.0, begin=HEAL + 0.01)
        assert status(case(history, FaultSpec("kill", "mbx", 20.0, 20.0)), "return") is expected

    def test_a_flow_past_the_balancer_wants_no_share_of_what_that_gives_out(self) -> None:
        """All of it goes to the one hub; its neighbours behind the balancer have no part in it."""
        history = History()
        flow(history, INJECT, hubs=("ht1",))
        history.fault("kill:ht1", inject=INJECT, heal=HEAL)
        flow(history, 2.0, begin=HEAL + 0.01, hubs=("ht1",))
        verdict = found(case(history, KILL, design=direct()), "return")
        assert verdict is not None
        assert (verdict.status, verdict.summary) == (PASS, "ht1 took 40 messages after its return")

    def test_a_failure_outranks_what_is_unknown(self) -> None:
        """Of two nodes, one that failed to return decides, in whatever order they stand."""
        history = drilled(after=0.0)
        history.fault("kill:mbx", inject=4.1, heal=9.999)
        flow(history, 5.9, begin=HEAL + 0.02, hubs=("ht2", "ht3"))
        mailbox = FaultSpec("kill", "mbx", 41.0, 58.0)
        for plan in ((KILL, mailbox), (mailbox, KILL)):
            assert status(case(history, *plan), "return") is FAIL

    def test_a_node_that_was_never_healed_has_not_returned(self) -> None:
        """Without a heal there is no return to judge."""
        history = History()
        flow(history, INJECT)
        history.fault("kill:ht1", inject=INJECT, heal=None)
        assert status(case(history, KILL), "return") is None


def test_a_check_that_crashes_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken check says so, proves nothing, and does not hide the others."""

    def check_broken(_case: Case) -> Verdict | None:
        raise ZeroDivisionError("by nought")

    monkeypatch.setattr(checks, "CHECKS", (check_broken, checks.check_account))
    broken, account = run_checks(case(drilled(), KILL))
    assert (broken.check, broken.status) == ("broken", UNKNOWN)
    assert "ZeroDivisionError: by nought" in broken.summary
    assert (account.check, account.status) == ("account", PASS)


ACCEPTED = "[{node: ht1, reason: one of three until spring}]"


def test_an_accepted_weakness_covers_gap_and_degraded() -> None:
    """An outage that the author accepts fails nothing and is still shown, with the reason."""
    given = case(drilled(outage=1.8), KILL, design=topology(accept=ACCEPTED))
    for name in ("gap", "degraded"):
        verdict = found(given, name)
        assert verdict is not None
        assert (verdict.status, verdict.counts_as) == (FAIL, PASS)
        assert verdict.accepted == "one of three until spring"


def test_an_accepted_weakness_covers_what_waited_for_its_heal() -> None:
    """A gap is accepted, too, where nothing was refused: a frozen host's kernel keeps clients."""

    def held(history: History, message: str, at: float) -> None:
        served = HEAL + STEP_S / 4
        history.attempt(message, at=at, took=served - at)
        history.accepted(message, "ht1", at=served)
        history.arrived(message, at=served)

    for accept, counts_as in ((ACCEPTED, PASS), ("[]", FAIL)):
        given = case(drilled(outage=1.8, fate=held), KILL, design=topology(accept=accept))
        verdict = found(given, "gap")
        assert verdict is not None
        assert (verdict.status, verdict.counts_as) == (FAIL, counts_as)


@pytest.mark.parametrize(
    "accept",
    [
        "[]",
        "[{node: ht2, reason: another node than the one]}".replace("]}", "}]"),
        "[{node: ht1, flows: [other], reason: another flow than this}]",
    ],
)
def test_an_acceptance_covers_its_own_node_and_flow_only(accept: str) -> None:
    """What is accepted for another node, or another flow, fails as ever."""
    design = topology(accept=accept)
    verdict = found(case(drilled(outage=1.8), KILL, design=design), "gap")
    assert verdict is not None
    assert verdict.counts_as is FAIL


@pytest.mark.parametrize("who", ["ht2", ""])
def test_what_is_refused_long_after_the_heal_is_not_accepted(who: str) -> None:
    """A moment of the balancer's does not cover a minute of refusals, in whoever's name."""

    def refused(history: History, message: str, at: float) -> None:
        if round(at / STEP_S) % 2 and at < 8.0:
            history.attempt(message, Result.REFUSED, at=at, code=452, phase=Phase.MAIL, server=who)
        else:
            history.delivered(message, "ht3", at=at)

    history = History()
    flow(history, INJECT)
    history.fault("pause:lb1", inject=INJECT, heal=INJECT + 0.05)
    flow(history, 7.9, begin=INJECT + 0.1, fate=refused)
    pause = FaultSpec("pause", "lb1", start_s=20.0, duration_s=0.5)
    accept = "[{node: lb1, reason: there is one machine alone}]"
    verdict = found(case(history, pause, design=topology(accept=accept)), "degraded")
    assert verdict is not None
    assert verdict.counts_as is FAIL


PAIR = "[{node: east, reason: the site is to be doubled}]"


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (None, FAIL),
        (FaultSpec("kill", "ht2", 20.0, 60.0), PASS),
        (FaultSpec("kill", "ht2", 50.0, 0.5), FAIL),
        (FaultSpec("none", "ht2", 20.0, 60.0), FAIL),
    ],
)
def test_an_accepted_unit_is_one_that_is_lost_as_a_whole(
    second: FaultSpec | None, expected: Status
) -> None:
    """A blink of its other half, or a control there, does not make one server's loss the unit's."""
    text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept=PAIR)
    for name in ("ht1", "ht2"):
        text = text.replace(f"  {name}: {{role: hub}}", f"  {name}: {{role: hub, site: east}}")
    design = topology_files.parse(text, "bench.yaml")
    first = FaultSpec("kill", "ht1", 20.0, 60.0)
    specs = [first, second] if second else [first]
    history = History()
    flow(history, INJECT)
    for spec in specs:
        begin = spec.start_s / CLOCK
        history.fault(spec.label, inject=begin, heal=begin + spec.duration_s / CLOCK)
    for number in range(round(6.0 * RATE)):
        at = INJECT + STEP_S / 2 + number * STEP_S
        if number % 2:
            history.attempt(f"<{at}@app>", Result.DROPPED, at=at, phase=Phase.BANNER)
        else:
            history.delivered(f"<{at}@app>", "ht3", at=at)
    verdict = found(case(history, *specs, design=design), "degraded")
    assert verdict is not None
    assert verdict.counts_as is expected


@pytest.mark.parametrize(("lasts", "expected"), [(0.5, PASS), (3.0, FAIL)])
def test_an_acceptance_ends_with_the_time_after_the_heal(lasts: float, expected: Status) -> None:
    """An outage is agreed, and the second that a return may take; not a tier that stays away."""
    history = History()
    flow(history, INJECT)
    history.fault("kill:ht1", inject=INJECT, heal=HEAL)
    away = HEAL + lasts - INJECT
    flow(history, away, begin=INJECT + STEP_S / 2, fate=refuse)
    flow(history, 6.0 - lasts, begin=INJECT + away + STEP_S / 2)
    given = case(history, KILL, design=topology(accept=ACCEPTED))
    for name in ("gap", "degraded"):
        verdict = found(given, name)
        assert verdict is not None
        assert verdict.counts_as is expected, verdict.summary


def test_an_acceptance_never_covers_lost_mail() -> None:
    """Lost mail fails, whatever outage of the node is accepted."""
    history = drilled(outage=1.8)
    history.attempt("<x@app>", at=5.0)
    verdict = found(case(history, KILL, design=topology(accept=ACCEPTED)), "account")
    assert verdict is not None
    assert (verdict.status, verdict.counts_as, verdict.accepted) == (FAIL, FAIL, "")


def test_an_acceptance_does_not_turn_unknown_into_pass() -> None:
    """Only a failure can be accepted: what is unknown stays unknown."""
    verdict = found(case(drilled(outage=1.0), KILL, design=topology(accept=ACCEPTED)), "gap")
    assert verdict is not None
    assert (verdict.counts_as, verdict.accepted) == (UNKNOWN, "")
