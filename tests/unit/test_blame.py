"""Which fault explains which attempt, and what the author's acceptance covers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.histories import History
from tests.unit.test_checks import CLOCK, HUBS, RATE, STEP_S, YAML, case, flow, found, topology

from relaydrill import inventory
from relaydrill.drills.checks.blame import suspects
from relaydrill.drills.model import FaultSpec
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from relaydrill.verdict import Status

PASS, UNKNOWN, FAIL = Status.PASS, Status.UNKNOWN, Status.FAIL
ALLOWED_S = 10.0
"""Field seconds for which attempts may fail after a change: one of the wall clock."""


def refused_by(history: History, hub: str, at: float) -> None:
    """One that a hub itself refuses at MAIL, having said its name."""
    history.attempt(
        f"<{hub}.{at:.4f}@app>",
        Result.REFUSED,
        at=at,
        code=451,
        phase=Phase.MAIL,
        server=f"{hub}.contoso.com",
    )


def cut(history: History, at: float) -> None:
    """One that is cut by nobody knows whom."""
    history.attempt(f"<cut.{at:.4f}@app>", Result.DROPPED, at=at, phase=Phase.BANNER, took=0.01)


def spec(label: str, start_s: float, duration_s: float) -> FaultSpec:
    """A fault of the plan."""
    kind, _, node = label.partition(":")
    kind, _, phase = kind.partition(".")
    return FaultSpec(kind, node, start_s, duration_s, Phase(phase) if phase else None)


def broken(history: History, label: str, begin_s: float, end_s: float | None) -> FaultSpec:
    """Put a fault into the journals, and return it as the plan has it; field seconds."""
    heal = None if end_s is None else end_s / CLOCK
    history.fault(label, inject=begin_s / CLOCK, heal=heal)
    return spec(label, begin_s, (end_s or float("inf")) - begin_s)


def steadily(seconds: float) -> History:
    """Mail that flows, field seconds, whatever else is written into it."""
    history = History()
    flow(history, seconds / CLOCK)
    return history


class TestTimeAmongSeveralFaults:
    """Each fault has a time of its own."""

    @pytest.mark.parametrize(
        "other", ["none:mbx", "kill:mbx", "tempfail.rcpt:ht3", "pause:ht1", "kill:lb1", "none:ht2"]
    )
    def test_no_other_fault_restarts_the_clock_of_one(self, other: str) -> None:
        """A hub that refuses for 40 s, 10 allowed, fails, whatever else breaks meanwhile."""
        history = steadily(80)
        plan = [broken(history, "tempfail.mail:ht2", 10, 50)]
        for begin in (19, 29, 39):
            plan.append(broken(history, other, begin, begin + 4))
        for moment in range(11, 50):
            refused_by(history, "ht2", moment / CLOCK + 0.01)
        verdict = found(case(history, *plan), "degraded")
        assert verdict is not None
        assert verdict.status is FAIL
        assert verdict.figures["last_s"] == pytest.approx(39.0, abs=0.5)

    @pytest.mark.parametrize("other", ["pause:lb1", "kill:ht2", "tempfail.mail:ht2"])
    def test_a_refusal_without_a_name_is_by_the_fault_whose_words_it_has(self, other: str) -> None:
        """A refusing banner bears no name; but a frozen or dead node says nothing at all."""
        history = steadily(20.0)
        specs = [broken(history, "tempfail.banner:ht1", 20.0, 60.0)]
        specs += [broken(history, other, begin, begin + 1.0) for begin in range(26, 60, 6)]
        for number in range(76):
            at = 2.05 + number * STEP_S
            code, phase = 451, Phase.BANNER
            history.attempt(f"<{at:.4f}@app>", Result.REFUSED, at=at, code=code, phase=phase)
        verdict = found(case(history, *specs), "degraded")
        assert verdict is not None
        assert verdict.status is FAIL
        assert verdict.figures["by_fault"] == {"tempfail.banner:ht1": 76}

    def test_two_faults_in_turn_have_each_their_time(self) -> None:
        """Hubs that fail one after another, each for less than is allowed, hold the promise."""
        history, plan = steadily(120), []
        for number, hub in enumerate(HUBS):
            begin = 10 + 30 * number
            plan.append(broken(history, f"tempfail.mail:{hub}", begin, begin + 20))
            for moment in (1, 4, 7):
                refused_by(history, hub, (begin + moment) / CLOCK + 0.01)
        assert _status(history, plan) is PASS

    def test_the_same_node_twice_is_two_times(self) -> None:
        """Broken again, it has its time again; the first heal's is over and no excuse."""
        history = steadily(120)
        plan = [broken(history, "kill:ht1", 10, 20), broken(history, "kill:ht1", 60, 90)]
        cut(history, 6.5)
        assert _status(history, plan) is PASS
        cut(history, 8.5)
        assert _status(history, plan) is FAIL

    def test_what_may_be_either_s_doing_decides_nothing(self) -> None:
        """Cut by nobody knows whom: in time for the one, too late for the other."""
        history = steadily(80)
        plan = [broken(history, "pause:ht2", 10, 60), broken(history, "pause:ht3", 40, 60)]
        cut(history, 4.5)
        assert _status(history, plan) is UNKNOWN

    def test_a_server_that_was_given_nothing_is_no_suspect(self) -> None:
        """Marked down long since, the first cannot have cut what was cut after the second."""
        history = steadily(80)
        plan = [broken(history, "pause:ht2", 10, 60), broken(history, "pause:ht3", 40, 60)]
        history.belief("ht2", "down", at=1.8)
        cut(history, 4.5)
        assert _status(history, plan) is PASS

    def test_a_fault_behind_the_hubs_is_no_excuse_for_what_they_refuse(self) -> None:
        """A hub answers without its mailbox server: that one's fault has no part in it."""
        history = steadily(80)
        plan = [broken(history, "kill:ht1", 10, 60), broken(history, "kill:mbx", 38, 60)]
        cut(history, 4.2)
        assert _status(history, plan) is FAIL

    def test_who_got_no_address_was_failed_by_a_name_server(self) -> None:
        """Whatever was healed meanwhile: it never came to a balancer or a server."""
        text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept="[]")
        text = text.replace("  app: {", "  ns1: {role: dns}\n  app: {").replace(
            "flows:", "names: {mail.contoso.com: mail}\nflows:"
        )
        text = text.replace("to: mail,", "to: mail.contoso.com,")
        history = steadily(80)
        plan = [broken(history, "kill:ns1", 10, 60), broken(history, "pause:lb1", 20, 22)]
        history.attempt(
            "<x@app>",
            Result.UNREACHABLE,
            at=2.9,
            phase=Phase.CONNECT,
            reason="mail.contoso.com: no name server answers",
        )
        given = case(history, *plan, design=inventory.parse(text, "names.yaml"))
        verdict = found(given, "degraded")
        assert verdict is not None
        assert verdict.status is FAIL

    def test_a_hub_that_waits_for_others_answers_with_them(self) -> None:
        """Where a hub waits for the next hop before its 250, the next hop is on the way to it."""
        text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept="[]")
        text = text.replace("{role: hub}", "{role: hub, ack: delayed}")
        history = steadily(80)
        plan = [broken(history, "kill:mbx", 38, 60)]
        cut(history, 4.2)
        given = case(history, *plan, design=inventory.parse(text, "bench.yaml"))
        attempt = next(each for each in given.unserved)
        assert [window.node for window in suspects(given, attempt)] == ["mbx"]

    def test_what_fails_before_anything_is_broken_is_the_steady_state_s(self) -> None:
        """A control breaks nothing, so mail has to flow until the first fault that does."""
        history = steadily(120)
        plan = [broken(history, "none:mbx", 10, 26), broken(history, "kill:ht2", 60, 90)]
        cut(history, 3.5)
        verdict = found(case(history, *plan), "steady")
        assert verdict is not None
        assert verdict.status is UNKNOWN

    def test_beside_nothing_but_a_control_a_failure_is_the_tier_s_own(self) -> None:
        """With nothing broken mail has to flow to the end."""
        history = steadily(80)
        plan = [broken(history, "none:mbx", 10, 26)]
        cut(history, 3.5)
        verdict = found(case(history, *plan), "steady")
        assert verdict is not None
        assert verdict.status is FAIL


@given(
    begins=st.lists(st.floats(12.0, 60.0), max_size=4),
    others=st.lists(
        st.sampled_from(["none:mbx", "none:ht2", "kill:mbx", "kill:ht3", "tempfail.mail:ht3"]),
        min_size=4,
        max_size=4,
    ),
)
@settings(deadline=None, max_examples=60)
def test_more_faults_never_excuse_what_one_server_said_itself(
    begins: list[float], others: list[str]
) -> None:
    """What fails with one fault fails with more of them, as long as the server gave its name."""
    history = steadily(80)
    plan = [broken(history, "tempfail.mail:ht2", 10, 60)]
    for begin, other in zip(begins, others, strict=False):
        plan.append(broken(history, other, begin, begin + 3))
    for moment in range(11, 60, 3):
        refused_by(history, "ht2", moment / CLOCK + 0.01)
    assert _status(history, plan) is FAIL


@pytest.mark.parametrize(
    ("until_s", "other", "blamed"),
    [
        (20, "pause:lb1", ["lb1"]),
        (38, "pause:lb1", ["ht1", "lb1"]),
        (38, "pause:ht3", ["ht1"]),
    ],
)
def test_what_hung_before_a_server_is_not_its_doing_alone(
    until_s: float, other: str, blamed: list[str]
) -> None:
    """A frozen balancer holds mail that a server takes later which was broken before.

    Where that may have its part in it still, it is either's doing; another server has none.
    """
    history = steadily(80)
    plan = [broken(history, "kill:ht1", 10, until_s), broken(history, other, 40, 60)]
    at = 45 / CLOCK
    history.attempt("<held@app>", at=at, took=15 / CLOCK, server="ht1.contoso.com")
    given = case(history, *plan)
    [held] = [each for each in given.unserved if each.started == at]
    assert [window.node for window in suspects(given, held)] == blamed


class TestAcceptance:
    """It covers what the accepted fault causes, and nothing else."""

    DESIGN = "[{node: lb1, reason: one balancer until the second is bought}]"

    @pytest.mark.parametrize("other", ["tempfail.mail:ht2", "refuse:ht2"])
    def test_an_accepted_moment_covers_no_other_fault(self, other: str) -> None:
        """Half a second of the balancer does not cover a minute of a hub."""
        history = steadily(120)
        plan = [broken(history, "pause:lb1", 10, 10.5), broken(history, other, 20, 80)]
        for moment in range(21, 80, 2):
            refused_by(history, "ht2", moment / CLOCK + 0.01)
        verdict = found(case(history, *plan, design=topology(accept=self.DESIGN)), "degraded")
        assert verdict is not None
        assert (verdict.status, verdict.accepted) == (FAIL, "")

    def test_beside_a_fault_that_holds_its_promise_it_stays_accepted(self) -> None:
        """The accepted fault's outage is shown as accepted, and the other fault did nothing."""
        history = History()
        flow(history, 1.0)
        plan = [broken(history, "kill:lb1", 10, 40)]
        for number in range(60):
            cut(history, 1.0 + number * STEP_S + 0.01)
        flow(history, 8.0, begin=4.05)
        plan.append(broken(history, "tempfail.mail:ht2", 60, 90))
        refused_by(history, "ht2", 6.2)
        design = topology(accept=self.DESIGN)
        for check in ("gap", "degraded"):
            verdict = found(case(history, *plan, design=design), check)
            assert verdict is not None
            assert (verdict.status, verdict.counts_as) == (FAIL, PASS)

    def test_a_unit_that_was_never_whole_gone_is_not_accepted(self) -> None:
        """An MX host's two servers that are broken in turn are not the loss of the host."""
        history = steadily(120)
        plan = [broken(history, "kill:ht1", 10, 40), broken(history, "kill:ht2", 60, 90)]
        for number in range(20):
            cut(history, 1.0 + number * 0.1 + 0.01)
        verdict = found(case(history, *plan, design=_by_mx()), "degraded")
        assert verdict is not None
        assert (verdict.status, verdict.accepted) == (FAIL, "")


def _by_mx() -> Topology:
    text = YAML.format(
        clock=CLOCK,
        rate=RATE,
        expect="{gap: 10s}",
        accept="[{node: mx1.contoso.com, reason: both of one MX host are accepted}]",
    )
    zone = """\
zones:
  contoso.com:
    mx:
      - {host: mx1.contoso.com, preference: 10, addresses: [ht1, ht2]}
"""
    text = text.replace("relay: {from: app, to: mail,", "relay: {from: app, to: contoso.com,")
    text = text.replace("relay: {", "relay: {persona: rfc5321, ")
    return inventory.parse(text + zone, "mx.yaml")


class TestReleasedByTheHeal:
    """What hung until the heal was not served by anybody else."""

    @staticmethod
    def hung(history: History, hub: str, begin_s: float, end_s: float, every_s: float) -> None:
        """Attempts at a frozen hub, all of which are accepted when it goes on."""
        at = begin_s
        while at < end_s - 0.1:
            history.attempt(
                f"<{hub}.{at:.2f}@app>",
                at=at / CLOCK + 0.01,
                took=(end_s - at) / CLOCK,
                server=f"{hub}.contoso.com",
            )
            at += every_s

    @pytest.mark.parametrize(
        ("length_s", "expected"), [(8.0, PASS), (10.0, UNKNOWN), (20.0, FAIL), (30.0, FAIL)]
    )
    def test_a_frozen_hub_behind_a_blind_check(self, length_s: float, expected: Status) -> None:
        """Lateness and allowance do not add up: what only the heal served was not served."""
        history = steadily(80)
        plan = [broken(history, "pause:ht2", 10, 10 + length_s)]
        self.hung(history, "ht2", 10.2, 10 + length_s, 0.5)
        assert _status(history, plan) is expected

    def test_what_began_before_it_was_noticed_is_in_time(self) -> None:
        """Once the balancer has marked it down, nobody begins to hang any more."""
        history = steadily(80)
        plan = [broken(history, "pause:ht2", 10, 30)]
        for at in (10.2, 12.0, 17.0):
            self.hung(history, "ht2", at, 30, 50)
        assert _status(history, plan) is PASS

    def test_a_node_that_is_only_slow_holds_nothing_until_its_heal(self) -> None:
        """What spans the heal took no longer than what was accepted before it."""
        history = steadily(80)
        plan = [broken(history, "slow:ht2", 10, 40)]
        for at in range(11, 40):
            history.attempt(f"<{at}@app>", at=at / CLOCK, took=0.5, server="ht2.contoso.com")
        assert _status(history, plan) is PASS

    def test_what_was_cut_short_by_the_fault_is_no_measure_of_the_usual(self) -> None:
        """One that was under way when the hub froze hung as the others did."""
        history = steadily(80)
        history.attempt("<first@app>", at=0.99, took=2.02, server="ht2.contoso.com")
        plan = [broken(history, "pause:ht2", 10, 30)]
        self.hung(history, "ht2", 20.2, 30, 0.5)
        assert _status(history, plan) is FAIL

    def test_what_another_server_took_was_served(self) -> None:
        """A sender that waited for one and went on to the next was served by that."""
        history = steadily(80)
        plan = [broken(history, "pause:ht2", 10, 30)]
        self.hung(history, "ht3", 20.2, 30, 0.5)
        assert _status(history, plan) is PASS


def _status(history: History, plan: list[FaultSpec]) -> Status:
    verdict = found(case(history, *plan), "degraded")
    assert verdict is not None
    return verdict.status
