"""Which fault explains which attempt, and what the author's acceptance covers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.histories import History
from tests.unit.test_checks import CLOCK, HUBS, RATE, STEP_S, YAML, case, flow, found, topology

from relaydrill import topology_files
from relaydrill.drills.checks.blame import suspects
from relaydrill.faults import FaultSpec
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict

PASS, UNKNOWN, FAIL = Status.PASS, Status.UNKNOWN, Status.FAIL
ALLOWED_S = 10.0
"""Field seconds for which attempts may fail after a change: one of the wall clock."""


ATTACH = """\
attach:
  nodes:
    ht1: {address: 10.0.0.3, known_as: [mail1.example.com]}
    ht2: {address: 10.0.0.4}
    ht3: {address: 10.0.0.5}
    lb1: {address: 10.0.0.1}
  vips: {mail: {address: 10.0.0.2}}
  allow: {hosts: [10.0.0.0/24], domains: [contoso.com], rate: 200/s}
"""


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


class TestFaultsThatNothingComesToAnyMore:
    """Attempts that stop failing must have had the chance to fail."""

    @staticmethod
    def verdict(
        *,
        later: int,
        down: bool = False,
        came: bool = False,
        before: bool = True,
        kind: str = "fake",
        reused: bool = False,
    ) -> Verdict:
        """One of nine by a hub that refuses what comes to it, 30 s long, and ten allowed.

        Args:
            later: How many attempts are made once none may fail any more.
            down: Whether the balancer marks it down.
            came: Whether one of the later ones comes to the hub, and is taken.
            before: Whether one had come to the hub before.
            kind: Which program the sender is.
            reused: Whether the later ones are made over one connection.
        """
        history = History()
        flow(history, 1.0, hubs=("ht1", "ht3"))
        if before:
            history.delivered("<before@app>", "ht2", at=0.5)
        plan = [broken(history, "tempfail.mail:ht2", 10, 40)]
        refused_by(history, "ht2", 1.1)
        if down:
            history.belief("ht2", "down", at=1.2)
        for number in range(later):
            at = 2.6 + number * 1.3 / later
            server = "ht2" if came and not number else "ht1"
            more: dict[str, Any] = {"reused": True} if reused else {}
            history.attempt(f"<l{number}@app>", at=at, server=f"{server}.contoso.com", **more)
            history.accepted(f"<l{number}@app>", server, at=at + 0.0005)
            history.arrived(f"<l{number}@app>", at=at + 0.0008)
        flow(history, 2.0, begin=4.5)
        text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept="[]")
        text = text.replace("app: {role: sender}", f"app: {{role: sender, kind: {kind}}}")
        design = topology_files.parse(text, "bench.yaml")
        found_ = found(case(history, *plan, design=design), "degraded")
        assert found_ is not None
        return found_

    def test_that_none_came_there_may_be_chance(self) -> None:
        """Too few attempts say so, and how likely it was."""
        verdict = self.verdict(later=12)
        assert verdict.status is UNKNOWN
        assert "12 attempts from then on" in verdict.summary
        assert "that none came to ht2" in verdict.summary

    @pytest.mark.parametrize(
        ("later", "reused", "expected"),
        [(12, False, UNKNOWN), (9000, False, PASS), (9000, True, UNKNOWN)],
    )
    def test_of_a_real_program_s_attempts_it_is_asked_as_well(
        self, later: int, reused: bool, expected: Status
    ) -> None:
        """It does not tell whom it tried in vain; and one connection is one choice."""
        verdict = self.verdict(later=later, kind="postfix", reused=reused)
        assert verdict.status is expected

    def test_of_one_that_had_none_before_no_number_of_them_tells_its_share(self) -> None:
        """It failed one: so that mail does come to it, however seldom."""
        verdict = self.verdict(later=9000, before=False)
        assert verdict.status is UNKNOWN
        assert "ht2 had no mail before the fault" in verdict.summary

    @pytest.mark.parametrize(
        ("balancers", "is_direct", "expected"),
        [(["lb1"], False, UNKNOWN), (["lb1", "lb2"], False, PASS), (["lb1", "lb2"], True, UNKNOWN)],
        ids=["one of two", "both", "both, and senders know it themselves"],
    )
    def test_each_way_there_must_be_shut(
        self, balancers: list[str], is_direct: bool, expected: Status
    ) -> None:
        """A balancer that marked it down says nothing of what another one believes."""
        history = History()
        flow(history, 1.0)
        plan = [broken(history, "tempfail.mail:ht2", 10, 40)]
        refused_by(history, "ht2", 1.1)
        told: dict[str, Any] = {"backend": "ht2", "port": 25, "state": "down", "reason": ""}
        for balancer in balancers:
            history.write(balancer, "backend", at=1.6, **told)
        for number in range(6):
            at, server = 2.6 + number * 0.2, "ht1.contoso.com"
            history.attempt(f"<l{number}@app>", at=at, choice="second", server=server)
        flow(history, 2.0, begin=4.5)
        design = _of_two_balancers("ht2" if is_direct else "")
        verdict = found(case(history, *plan, design=design), "degraded")
        assert verdict is not None
        assert verdict.status is expected

    @pytest.mark.parametrize(
        "what",
        [
            {"later": 9000},
            {"later": 12, "down": True},
            {"later": 12, "came": True},
            {"later": 12, "came": True, "before": False},
        ],
    )
    def test_or_it_is_shown(self, what: dict[str, Any]) -> None:
        """By enough of them, by a balancer that gave it none, by one that came and was taken."""
        assert self.verdict(**what).status is PASS


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

    def test_a_server_of_others_speaks_for_itself_by_the_names_of_the_inventory(self) -> None:
        """Its banner need not bear the name that the topology gives it."""
        text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept="[]")
        theirs = topology_files.parse(text + ATTACH, "theirs.yaml")
        history = steadily(20.0)
        specs = [broken(history, "tempfail.mail:ht1", 20.0, 60.0)]
        specs += [broken(history, "pause:lb1", begin, begin + 1.0) for begin in range(26, 60, 6)]
        said: dict[str, Any] = {"code": 452, "phase": Phase.MAIL, "server": "mail1.example.com"}
        for number in range(76):
            at = 2.05 + number * STEP_S
            history.attempt(f"<{at:.4f}@app>", Result.REFUSED, at=at, **said)
        verdict = found(case(history, *specs, design=theirs), "degraded")
        assert verdict is not None
        assert verdict.status is FAIL
        assert verdict.figures["by_fault"] == {"tempfail.mail:ht1": 76}

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

    def test_of_a_node_that_flaps_what_is_broken_now_is_to_blame(self) -> None:
        """Cut soon after each kill: no earlier heal is taken for a change long ago."""
        history = steadily(120)
        plan = []
        for begin in range(10, 50, 5):
            plan.append(broken(history, "kill:ht1", begin, begin + 3))
            cut(history, (begin + 2) / CLOCK)
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

    @pytest.mark.parametrize(("believer", "blamed"), [("lb1", {"lb1", "ht2"}), ("lb2", {"lb1"})])
    def test_what_a_dead_balancer_believed_keeps_nobody_from_anything(
        self, believer: str, blamed: set[str]
    ) -> None:
        """Its standby gives the hub mail, or does not: that alone counts, and no old belief."""
        history = steadily(90)
        plan = [broken(history, "kill:lb1", 20, None), broken(history, "pause:ht2", 52, 62)]
        told: dict[str, Any] = {"backend": "ht2", "port": 25, "state": "down", "reason": ""}
        history.write(believer, "backend", at=1.6, **told)
        cut(history, 5.3)
        given = case(history, *plan, design=_of_a_pair())
        [attempt] = given.unserved
        assert {window.node for window in suspects(given, attempt)} == blamed

    def test_what_a_balancer_believed_before_it_was_started_again_is_forgotten(self) -> None:
        """It begins anew with all servers up, and tells no more of them than it finds."""
        history = steadily(80)
        plan = [broken(history, "kill:ht2", 10, 26), broken(history, "kill:lb1", 20, 24)]
        history.belief("ht2", "down", at=1.6)
        plan += [broken(history, "pause:ht3", 40, 65), broken(history, "pause:ht2", 50, 65)]
        cut(history, 5.3)
        assert _status(history, plan) is UNKNOWN

    def test_a_frozen_balancer_remembers(self) -> None:
        """It goes on where it was: what it had marked down before was given nothing."""
        history = steadily(80)
        plan = [broken(history, "pause:lb1", 20, 24), broken(history, "pause:ht3", 50, 65)]
        plan += [broken(history, "kill:ht2", 10, 65)]
        history.belief("ht2", "down", at=1.6)
        cut(history, 5.3)
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
        given = case(history, *plan, design=topology_files.parse(text, "names.yaml"))
        verdict = found(given, "degraded")
        assert verdict is not None
        assert verdict.status is FAIL

    @pytest.mark.parametrize(
        ("choice", "server", "blamed"),
        [
            ("ht2", "ht2", ["ns1"]),  # it never was with the other server
            ("ht1", "ht2", ["ns1", "ht1"]),  # it went on
            ("ht1", "ht1", ["ht1", "ns1"]),  # it may have waited for either
            ("", "ht2", ["ns1", "ht1"]),  # nobody says whom it tried first
        ],
    )
    def test_a_server_that_an_attempt_never_came_to_is_no_suspect(
        self, choice: str, server: str, blamed: list[str]
    ) -> None:
        """Who was late, and served by his first choice, waited for no other hub."""
        text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept="[]")
        more = "  ns1: {role: dns}\nnames: {hubs.contoso.com: [ht1, ht2]}\n"
        text = text.replace("flows:", f"{more}flows:")
        text = text.replace("to: mail, rate", "to: hubs.contoso.com, persona: rotated_list, rate")
        history = steadily(80)
        plan = [broken(history, "slow:ns1", 20, 50), broken(history, "kill:ht1", 25, 50)]
        name = f"{server}.contoso.com"
        history.attempt("<x@app>", at=3.0001, took=1.5, choice=choice, server=name)
        given = case(history, *plan, design=topology_files.parse(text, "names.yaml"))
        [late] = [each for each in given.unserved if each.started == 3.0001]
        assert [window.node for window in suspects(given, late)] == blamed

    def test_a_hub_that_waits_for_others_answers_with_them(self) -> None:
        """Where a hub waits for the next hop before its 250, the next hop is on the way to it."""
        text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept="[]")
        text = text.replace("{role: hub}", "{role: hub, ack: delayed}")
        history = steadily(80)
        plan = [broken(history, "kill:mbx", 38, 60)]
        cut(history, 4.2)
        given = case(history, *plan, design=topology_files.parse(text, "bench.yaml"))
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

    @pytest.mark.parametrize("other", ["kill:ht1", "tempfail.mail:ht1"])
    @pytest.mark.parametrize(
        ("choice", "phase", "counts_as"),
        [
            ("mail", Phase.CONNECT, PASS),  # nobody but the balancer takes connections
            ("mail", Phase.BANNER, FAIL),  # cut behind it, perhaps
            ("", Phase.CONNECT, FAIL),  # nobody says where it went
        ],
    )
    def test_no_connection_is_the_balancer_s_doing_whatever_is_broken_behind_it(
        self, other: str, choice: str, phase: Phase, counts_as: Status
    ) -> None:
        """As when a site is lost with a hub and the balancer, and the balancer's loss is accepted.

        What was cut once a connection stood may have been the hub's doing, which nobody accepts.
        """
        history = History()
        flow(history, 1.0)
        plan = [broken(history, "kill:lb1", 10, 40), broken(history, other, 10, 40)]
        for number in range(60):
            history.attempt(
                f"<{number}@app>",
                Result.UNREACHABLE if phase == Phase.CONNECT else Result.DROPPED,
                at=1.0 + number * STEP_S + 0.01,
                phase=phase,
                choice=choice,
                reason="connection refused",
            )
        flow(history, 8.0, begin=4.05)
        design = topology(accept=self.DESIGN)
        for check in ("gap", "degraded"):
            verdict = found(case(history, *plan, design=design), check)
            assert verdict is not None
            assert (verdict.status, verdict.counts_as) == (FAIL, counts_as)

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
    return topology_files.parse(text + zone, "mx.yaml")


def _of_two_balancers(also: str = "") -> Topology:
    """Equal MX hosts: two VIPs of the same hubs, and perhaps a hub itself."""
    text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept="[]")
    second = "  lb2: {role: balancer, backends: [ht1, ht2, ht3], vips: {second: {ports: [25]}}}\n"
    zone = """\
zones:
  contoso.com:
    mx:
      - {host: mx1.contoso.com, preference: 10, addresses: [mail]}
      - {host: mx2.contoso.com, preference: 10, addresses: [second]}
"""
    zone += f"      - {{host: mx3.contoso.com, addresses: [{also}]}}\n" if also else ""
    text = text.replace("  mbx:", f"{second}  mbx:")
    text = text.replace("relay: {from: app, to: mail,", "relay: {from: app, to: contoso.com,")
    text = text.replace("relay: {", "relay: {persona: rfc5321, ")
    return topology_files.parse(text + zone, "two.yaml")


def _of_a_pair() -> Topology:
    text = YAML.format(clock=CLOCK, rate=RATE, expect="{gap: 10s}", accept="[]")
    text = text.replace("  mbx:", "  lb2: {role: standby, standby_of: lb1}\n  mbx:")
    return topology_files.parse(text, "pair.yaml")


class TestReleasedByTheHeal:
    """What hung until the heal was not served by anybody else."""

    @staticmethod
    def hung(
        history: History, hub: str, begin_s: float, end_s: float, every_s: float, choice: str = ""
    ) -> None:
        """Attempts at a frozen hub, all of which are accepted when it goes on."""
        at = begin_s
        while at < end_s - 0.1:
            history.attempt(
                f"<{hub}.{at:.2f}@app>",
                at=at / CLOCK + 0.01,
                took=(end_s - at) / CLOCK,
                server=f"{hub}.contoso.com",
                choice=choice,
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

    @pytest.mark.parametrize(
        ("length_s", "expect", "expected"),
        [
            (8.0, "{gap: 10s}", PASS),
            (30.0, "{gap: 10s}", FAIL),
            (30.0, "{gap: 10s, late: 4s}", FAIL),
            (30.0, "{gap: 10s, late: 6s}", PASS),
            (30.0, "{gap: 10s, deferral: true}", PASS),
        ],
    )
    def test_what_a_slow_node_makes_wait_is_late(
        self, length_s: float, expect: str, expected: Status
    ) -> None:
        """However soon it comes, unless the flow says how late it may be, or can be put off."""
        history = steadily(80)
        plan = [broken(history, "slow:ht2", 10, 10 + length_s)]
        self.waited(history, "ht2", 10.2, 10 + length_s)
        design = topology(expect)
        verdict = found(case(history, *plan, design=design), "degraded")
        assert verdict is not None
        assert verdict.status is expected
        assert ("by ht2, which the balancer believed to be up" in verdict.summary) is (
            "deferral" not in expect and "late: 6s" not in expect
        )

    @pytest.mark.parametrize("change", ["by another", "not acted on", "sooner"])
    def test_what_was_not_made_wait_by_the_slow_node_is_in_time(self, change: str) -> None:
        """Another's attempts, those that no deed of the node belongs to, and quick ones."""
        history = steadily(80)
        plan = [broken(history, "slow:ht2", 10, 40)]
        told: dict[str, dict[str, Any]] = {
            "by another": {"by": "ht3"},
            "not acted on": {"is_told": False},
            "sooner": {"took": 0.4},
        }
        self.waited(history, "ht2", 10.2, 40, **told[change])
        assert _status(history, plan) is PASS

    @staticmethod
    def waited(
        history: History,
        node: str,
        begin_s: float,
        end_s: float,
        *,
        by: str = "",
        is_told: bool = True,
        took: float = 0.51,
    ) -> None:
        """Attempts that a slow node makes wait, each a field second after the one before it."""
        for at in range(round(begin_s * 10), round(end_s * 10), 10):
            moment = at / 10 / CLOCK
            server = f"{by or node}.contoso.com"
            history.attempt(f"<w{at}@app>", at=moment, took=took, server=server)
            if is_told:
                told: dict[str, Any] = {"fault": "slow", "phase": "mail", "port": 25, "client": "c"}
                history.write(node, "bitten", at=moment + took / 2, **told)

    def test_what_was_cut_short_by_the_fault_is_no_measure_of_the_usual(self) -> None:
        """One that was under way when the hub froze hung as the others did."""
        history = steadily(80)
        history.attempt("<first@app>", at=0.99, took=2.02, server="ht2.contoso.com")
        plan = [broken(history, "pause:ht2", 10, 30)]
        self.hung(history, "ht2", 20.2, 30, 0.5)
        assert _status(history, plan) is FAIL

    @pytest.mark.parametrize(
        ("taken_over_s", "expected"), [(None, FAIL), (3.0, PASS)], ids=["idle", "healthy"]
    )
    def test_a_pair_whose_standby_does_not_take_over(
        self, taken_over_s: float | None, expected: Status
    ) -> None:
        """Its senders hang until the heal, while another way serves the rest of the flow."""
        history = steadily(80)
        plan = [broken(history, "pause:lb1", 10, 28.5)]
        self.hung(history, "ht2", 10.2, 10 + (taken_over_s or 18.5), 0.5, choice="mail")
        # The VIP moves back, and a connection that is just being made is made a second time.
        told: dict[str, Any] = {"server": "ht2.contoso.com", "choice": "mail"}
        history.attempt("<moved@app>", at=2.82, took=0.5, **told)
        verdict = found(case(history, *plan, design=_of_a_pair()), "degraded")
        assert verdict is not None
        assert verdict.status is expected

    def test_what_the_return_of_a_balancer_cuts_is_no_sign_that_the_fault_went_on(self) -> None:
        """Enough came by the standby since the takeover: chance has not spared them all."""
        history = steadily(80)
        for number in range(20):
            told: dict[str, Any] = {"port": 25, "client": "app", "backend": "ht1"}
            history.write("lb1", "connected", at=number * STEP_S, **told)
        plan = [broken(history, "pause:lb1", 10, 30)]
        for at in (1.02, 1.12, 1.22):
            late: dict[str, Any] = {"choice": "mail", "server": "ht2.contoso.com"}
            history.attempt(f"<l{at}@app>", at=at, took=3.0 - at, **late)
        ended: dict[str, Any] = {"choice": "mail", "phase": Phase.EHLO}
        history.attempt("<cut@app>", Result.DROPPED, at=2.9998, took=0.004, **ended)
        verdict = found(case(history, *plan, design=_of_a_pair()), "degraded")
        assert verdict is not None
        assert verdict.status is PASS

    def test_nor_of_what_a_balancer_s_return_may_cut(self) -> None:
        """Sessions of a standby are short; what hung until it was cut had hung."""
        history = steadily(80)
        for number in range(40):
            at = 0.99 + number * 0.05
            told: dict[str, Any] = {"choice": "mail", "phase": Phase.BANNER}
            history.attempt(f"<h{number}@app>", Result.DROPPED, at=at, took=3.0 - at, **told)
        plan = [broken(history, "pause:lb1", 10, 29.9)]
        verdict = found(case(history, *plan, design=_of_a_pair()), "degraded")
        assert verdict is not None
        assert verdict.status is FAIL

    def test_what_another_server_took_was_served(self) -> None:
        """A sender that waited for one and went on to the next was served by that."""
        history = steadily(80)
        plan = [broken(history, "pause:ht2", 10, 30)]
        self.hung(history, "ht3", 20.2, 30, 0.5)
        assert _status(history, plan) is PASS

    @pytest.mark.parametrize(
        ("waited_s", "until_s", "expected"),
        [(3.0, 39.8, PASS), (3.0, 13.9, FAIL), (2.0, 39.8, FAIL), (0.0, 39.8, FAIL)],
        ids=["long enough", "too few", "not so long", "at once"],
    )
    def test_who_would_have_gone_elsewhere_in_time_did_not_need_the_heal(
        self, waited_s: float, until_s: float, expected: Status
    ) -> None:
        """As those did who came before: as many, and after as long a wait for the silent host."""
        history = steadily(80)
        plan = [broken(history, "kill:ht2", 10, 40)]
        at = 10.2
        while at + waited_s < until_s:
            took = waited_s / CLOCK + 0.001
            message, server = f"<e{at:.2f}@app>", "ht1.contoso.com"
            history.attempt(message, at=at / CLOCK, took=took, server=server)
            at += 0.25
        self.hung(history, "ht2", 37.2, 40, 0.5)
        assert _status(history, plan) is expected

    @pytest.mark.parametrize(
        ("twice_of", "expected"), [(2, PASS), (3, PASS), (10, FAIL)], ids=["half", "third", "few"]
    )
    def test_a_silent_host_may_be_waited_for_at_each_of_its_addresses(
        self, twice_of: int, expected: Status
    ) -> None:
        """Who begins at the first of two waits twice: one in some does, and it is no exception."""
        history = steadily(80)
        plan = [broken(history, "kill:ht2", 10, 40)]
        for number in range(110):
            at, waits = 10.2 + number / 4, 1 if number % twice_of else 2
            message, took = f"<e{number}@app>", waits * 1.5 / CLOCK + 0.001
            history.attempt(message, at=at / CLOCK, took=took, server="ht1.contoso.com")
        self.hung(history, "ht2", 37.2, 40, 0.5)
        assert _status(history, plan) is expected

    @pytest.mark.parametrize("why", ["a fault of its own", "the machine", "another silent hub"])
    def test_a_wait_for_anything_else_is_no_wait_for_the_silent_node(self, why: str) -> None:
        """Behind one VIP all make the same choice: who was late by another was not led past it."""
        history = steadily(80)
        plan = [broken(history, "pause:ht2", 10, 24)]
        if why == "a fault of its own":
            plan.append(broken(history, "slow:ht1", 9, 30))
        elif why == "another silent hub":
            plan.append(broken(history, "pause:ht3", 9, 30))
        else:
            history.stall(1.0, 2.3, lost=0.4)
        for number in range(56):
            at = 1.02 + number * 0.02
            took, server = 0.2 if why == "the machine" else 0.4, "ht1.contoso.com"
            history.attempt(f"<l{number}@app>", at=at, took=took, choice="mail", server=server)
        self.hung(history, "ht2", 10.2, 24, 0.5, choice="mail")
        assert _status(history, plan) is not PASS
        assert _last_s(history, plan) == pytest.approx(13.8, abs=0.5)

    def test_who_went_to_another_balancer_did_not_come_through_the_silent_one(self) -> None:
        """One who was sooner weary of it is no measure of what it holds, nor for how long."""
        history = steadily(80)
        plan = [broken(history, "pause:lb1", 10, 28)]
        self.hung(history, "ht2", 10.2, 28, 0.5, choice="mail")
        weary: dict[str, Any] = {"server": "ht1.contoso.com", "choice": "mail"}
        history.attempt("<weary@app>", at=1.21, took=0.55, **weary)
        verdict = found(case(history, *plan, design=_of_two_balancers()), "degraded")
        assert verdict is not None
        assert verdict.status is FAIL

    @pytest.mark.parametrize(("held_s", "expected"), [(3.0, PASS), (5.9, FAIL)])
    def test_who_waits_for_a_silent_balancer_goes_to_the_next(
        self, held_s: float, expected: Status
    ) -> None:
        """To the same hubs: the heal served those alone who waited longer than the others had."""
        history = steadily(80)
        plan = [broken(history, "pause:lb1", 10, 40)]
        for number in range(60):
            at, hub = 1.02 + number * 0.04, HUBS[number % len(HUBS)]
            told: dict[str, Any] = {"server": f"{hub}.contoso.com", "choice": "mail"}
            history.attempt(f"<e{number}@app>", at=at, took=0.3, **told)
        self.hung(history, "ht2", 40.2 - held_s, 40, 0.5, choice="mail")
        verdict = found(case(history, *plan, design=_of_two_balancers()), "degraded")
        assert verdict is not None
        assert verdict.status is expected


def _status(history: History, plan: list[FaultSpec]) -> Status:
    verdict = found(case(history, *plan), "degraded")
    assert verdict is not None
    return verdict.status


def _last_s(history: History, plan: list[FaultSpec]) -> float:
    verdict = found(case(history, *plan), "degraded")
    assert verdict is not None
    return float(verdict.figures["last_s"])
