"""The check ``bite``, on ledgers made by hand: each fault is proven to have acted on the flow."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from tests.histories import History

from relaydrill import topology_files
from relaydrill.drills.checks import Case
from relaydrill.drills.checks.bite import check_bite
from relaydrill.drills.model import Drill
from relaydrill.faults import FAULTS, FaultSpec, Proof, known
from relaydrill.ledger import join
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict

PASS, UNKNOWN = Status.PASS, Status.UNKNOWN
CLOCK, RATE = 10, 20
STEP_S = 1 / RATE
INJECT, HEAL = 2.0, 4.0
"""Wall seconds of the fault; the workload begins at 0."""
HUBS = ("ht1", "ht2", "ht3")
KILL = FaultSpec("kill", "ht1", start_s=20.0, duration_s=20.0)
BALANCED = """\
name: bench
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  ht3: {role: hub}
  lb1:
    role: balancer
    backends: [ht1, ht2, ht3]
    vips: {mail: {ports: [25]}}
    check: {interval: 2s, fall: 3, rise: 2}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns}
  app: {role: sender}
names: {mail.contoso.com: mail, hubs.contoso.com: [ht1, ht2, ht3]}
flows:
  relay: {from: app, to: mail, rate: 20/s}
  other: {from: app, to: mail, rate: 20/s}
  aside: {from: app, to: ht2, rate: 20/s}
  named: {from: app, to: mail.contoso.com, rate: 20/s}
  spread: {from: app, persona: rotated_list, to: hubs.contoso.com, rate: 20/s}
"""
DESIGN = topology_files.parse(BALANCED, "bench.yaml")


def case(
    history: History,
    *faults: FaultSpec,
    flow: str = "relay",
    design: Topology = DESIGN,
    beside: tuple[str, ...] = (),
) -> Case:
    """The case of a history; other flows may have been sent beside that which is judged."""
    drill = Drill("d", (flow, *beside), faults, length_s=100.0, settle_s=10.0, seed=1)
    return Case(design, drill, flow, join(history.events))


def found(
    history: History, *faults: FaultSpec, flow: str = "relay", beside: tuple[str, ...] = ()
) -> Verdict:
    """What the check says."""
    verdict = check_bite(case(history, *faults, flow=flow, beside=beside))
    assert verdict is not None
    return verdict


def status(
    history: History, *faults: FaultSpec, flow: str = "relay", beside: tuple[str, ...] = ()
) -> Status:
    """The status that it gives."""
    return found(history, *faults, flow=flow, beside=beside).status


def sent(
    history: History,
    at: float,
    *,
    by: str = "ht1",
    choice: str = "",
    result: Result = Result.ACCEPTED,
    took: float = 0.001,
    server: str | None = None,
    **told: Any,
) -> None:
    """An attempt, and what its server journals of it."""
    message = f"<{history.flow} {at:.5f}@app>"
    name = f"{by}.contoso.com" if server is None else server
    history.attempt(
        message,
        result,
        at=at,
        took=took,
        server=name,
        choice=choice,
        **told,
    )
    if result is Result.ACCEPTED:
        history.accepted(message, by, at=at + took * 0.9)
        history.arrived(message, at=at + took * 0.95)


def flow(
    history: History,
    begin: float,
    end: float,
    *,
    hubs: tuple[str, ...] = HUBS,
    chosen: bool = False,
) -> None:
    """Attempts on schedule, taken by the hubs in turn.

    Args:
        history: Where the events go.
        begin: From when on, seconds.
        end: Until when, seconds.
        hubs: The hubs.
        chosen: Whether the senders chose them, or else a balancer.
    """
    for number in range(round((end - begin) * RATE)):
        hub = hubs[number % len(hubs)]
        sent(history, begin + number * STEP_S, by=hub, choice=hub if chosen else "")


def drilled(label: str = "kill:ht1", *, hubs: tuple[str, ...] = ("ht2", "ht3")) -> History:
    """A drill with a fault, while which these hubs alone take mail."""
    history = History()
    flow(history, 0.0, INJECT)
    history.fault(label, inject=INJECT, heal=HEAL)
    flow(history, INJECT + 0.02, HEAL, hubs=hubs)
    flow(history, HEAL + 0.02, HEAL + 2.0)
    return history


class TestWhatIsNoProof:
    """Faults that were not injected, or on what the flow does not use, or that break nothing."""

    def test_a_fault_that_was_never_injected_is_unknown(self) -> None:
        """A drill that ended before its fault proves nothing about it."""
        history = History()
        flow(history, 0.0, 2.0)
        assert status(history, KILL) is UNKNOWN
        assert "ended before" in found(history, KILL).summary

    def test_a_missing_capability_is_unknown_with_its_reason(self) -> None:
        """What this driver cannot do is not injected, and never a pass."""
        history = History()
        flow(history, 0.0, 2.0)
        reason = "the attach driver cannot kill ht1"
        history.fault("kill:ht1", inject=INJECT, heal=None, error=reason)
        assert status(history, KILL) is UNKNOWN
        assert reason in found(history, KILL).summary

    def test_a_node_that_took_nothing_before_is_unknown(self) -> None:
        """Killing a node that carries no mail tests nothing."""
        history = History()
        flow(history, 0.0, INJECT, hubs=("ht2",))
        history.fault("kill:ht1", inject=INJECT, heal=HEAL)
        flow(history, INJECT + 0.02, HEAL, hubs=("ht2",))
        assert status(history, KILL) is UNKNOWN
        assert "took no relay mail before the fault" in found(history, KILL).summary

    def test_a_flow_that_does_not_pass_the_node_is_not_concerned(self) -> None:
        """That is said, and is no pass."""
        history = History("aside")
        flow(history, 0.0, INJECT, hubs=("ht2",))
        history.fault("kill:ht1", inject=INJECT, heal=HEAL)
        flow(history, INJECT + 0.02, HEAL, hubs=("ht2",))
        verdict = found(history, KILL, flow="aside")
        assert verdict.status is UNKNOWN
        assert verdict.summary.endswith("aside does not pass it, and is not concerned")

    def test_connections_of_another_flow_are_no_traffic_of_one_that_goes_past(self) -> None:
        """A balancer's connections name no message: on the same port they are whoever's it is."""
        history = History("aside")
        for number in range(200):
            at = number * STEP_S / 2
            if not INJECT <= at < HEAL:
                history.write("lb1", "connected", at=at, client="127.0.0.9", port=25, backend="ht1")
            sent(history, at, by="ht2", choice="ht2")
        history.fault("kill:lb1", inject=INJECT, heal=HEAL)
        verdict = found(history, FaultSpec("kill", "lb1", 20.0, 20.0), flow="aside")
        assert (verdict.status, verdict.figures["before"]) == (UNKNOWN, 0)
        assert verdict.summary.endswith("aside does not pass it, and is not concerned")

    @pytest.mark.parametrize(("anew", "expected"), [("ht2", UNKNOWN), ("", PASS)])
    def test_a_sender_whose_cache_ran_out_proves_no_silence(
        self, anew: str, expected: Status
    ) -> None:
        """One new choice makes many attempts go elsewhere; one that sends nothing is by chance."""
        design = topology_files.parse(
            BALANCED.replace("rotated_list", "caching_client, population: 3")
        )
        history = History("spread")
        history.fault("kill:ht1", inject=INJECT, heal=HEAL)
        for number in range(round(HEAL * RATE)):
            at, member = number * STEP_S + 0.01, number % 3
            choice = (anew if at > INJECT else "ht1") if not member else f"ht{member + 1}"
            if choice:
                sent(history, at, by=choice, choice=choice, member=member)
        history.events.sort(key=lambda each: each.mono)
        verdict = check_bite(case(history, KILL, flow="spread", design=design))
        assert verdict is not None
        assert verdict.status is expected

    def test_of_a_site_only_the_nodes_that_the_flow_uses_count(self) -> None:
        """Of two nodes killed at once, one has no part in the flow: it hides nothing."""
        history = History("aside")
        flow(history, 0.0, INJECT, hubs=("ht2",))
        mine, other = replace(KILL, node="ht2"), replace(KILL, node="ht3")
        for each in (mine, other):
            history.fault(each.label, inject=INJECT, heal=HEAL)
        for number in range(20):
            history.attempt(
                f"<{number}@app>", Result.UNREACHABLE, at=2.1 + number / RATE, choice="ht2"
            )
        assert status(history, mine, other, flow="aside") is PASS
        assert status(history, other, flow="aside") is UNKNOWN

    @pytest.mark.parametrize(("steady_s", "expected"), [(INJECT, UNKNOWN), (0.2, PASS)])
    def test_a_node_that_should_have_had_mail_and_had_none_counts(
        self, steady_s: float, expected: Status
    ) -> None:
        """Two are said to be lost at once; one was never there. But chance may spare a node."""
        history = History()
        flow(history, INJECT - steady_s, INJECT, hubs=("ht1", "ht2"))
        other = replace(KILL, node="ht3")
        for each in (KILL, other):
            history.fault(each.label, inject=INJECT, heal=HEAL)
        flow(history, INJECT + 0.02, HEAL, hubs=("ht2",))
        assert status(history, KILL, other) is expected
        assert status(history, other) is UNKNOWN

    def test_one_fault_of_two_that_did_not_bite_makes_the_drill_unknown(self) -> None:
        """Every fault of the plan must have bitten."""
        assert status(drilled(), KILL, FaultSpec("kill", "ht2", 60.0, 10.0)) is UNKNOWN

    def test_the_same_node_killed_twice_is_two_faults(self) -> None:
        """Each of two kills of one node is judged by its own window."""
        again = FaultSpec("kill", "ht1", 100.0, 10.0)
        history = drilled()
        history.fault("kill:ht1", inject=10.0, heal=12.0)
        flow(history, 10.02, 12.0, hubs=("ht2", "ht3"))
        assert status(history, KILL, again) is PASS
        sent(history, 11.0)
        assert status(history, KILL, again) is UNKNOWN

    def test_a_fault_that_breaks_nothing_has_not_bitten(self) -> None:
        """The control must not pass for a bite: its node took mail all the time."""
        verdict = found(drilled("none:ht1", hubs=HUBS), replace(KILL, kind="none"))
        assert verdict.status is UNKNOWN
        told = "none breaks nothing: ht1 had taken 14, and took 14 while it was in force"
        assert verdict.summary == told

    def test_beside_a_fault_that_bit_one_that_breaks_nothing_does_not_count(self) -> None:
        """What was proven is not undone by a control on another node."""
        history = drilled()
        history.fault("none:ht2", inject=INJECT, heal=HEAL)
        verdict = found(history, KILL, FaultSpec("none", "ht2", 20.0, 20.0))
        assert (verdict.status, verdict.summary) == (PASS, "ht1 had taken 14, then none of 40")


class TestSilence:
    """A node that should be silent: proof, or chance."""

    def test_a_session_under_way_at_the_injection_is_no_new_traffic(self) -> None:
        """What was being sent when a node stopped listening may still end well."""
        history = drilled()
        history.attempt("<late@app>", at=INJECT - 0.01, took=0.5)
        history.accepted("<late@app>", "ht1", at=INJECT + 0.3)
        assert status(history, KILL) is PASS

    @pytest.mark.parametrize(
        ("ended", "journalled", "expected"),
        [(0.2, 0.3, PASS), (0.2, 0.7, UNKNOWN), (0.8, 0.3, UNKNOWN)],
    )
    def test_a_journal_that_lags_is_no_new_traffic(
        self, ended: float, journalled: float, expected: Status
    ) -> None:
        """Half a second of it is a real program's log; more of it, or sooner over, is traffic."""
        history = drilled()
        history.attempt("<lag@app>", at=INJECT - ended - 0.01, took=0.01)
        history.accepted("<lag@app>", "ht1", at=INJECT + journalled)
        assert status(history, KILL) is expected

    @pytest.mark.parametrize(("kind", "expected"), [("refuse", PASS), ("kill", UNKNOWN)])
    def test_mail_over_a_connection_from_before_is_no_new_traffic(
        self, kind: str, expected: Status
    ) -> None:
        """A server that refuses finishes what is open; with one that is dead, that ends, too."""
        history = drilled(f"{kind}:ht1")
        history.attempt("<again@app>", at=INJECT + 0.5, took=0.01, reused=True)
        history.accepted("<again@app>", "ht1", at=INJECT + 0.505)
        assert status(history, replace(KILL, kind=kind)) is expected

    def test_a_dead_node_that_still_takes_mail_is_unknown(self) -> None:
        """Traffic on a node that should be down shows that it was not."""
        history = drilled()
        sent(history, 3.01)
        assert status(history, KILL) is UNKNOWN
        assert "still took 1" in found(history, KILL).summary

    def test_a_dead_node_that_still_answers_is_unknown(self) -> None:
        """Whoever says its name and refuses is not silent."""
        history = drilled()
        sent(history, 3.01, result=Result.REFUSED, code=452, phase=Phase.MAIL)
        assert status(history, KILL) is UNKNOWN

    def test_what_a_dead_hub_passes_on_is_no_sign_of_life(self) -> None:
        """Emptying a queue is not taking mail: a hub that takes nothing may do it."""
        history = drilled()
        history.write("ht1", "relayed", "<relay 0.00000@app>", at=3.0, to="127.0.0.1:25")
        assert status(history, KILL) is PASS

    @pytest.mark.parametrize(("until", "expected"), [(0.5, UNKNOWN), (1.0, PASS)])
    def test_silence_is_proof_only_where_chance_would_not_have_made_it(
        self, until: float, expected: Status
    ) -> None:
        """A third of the mail for two seconds, and then none of ten attempts: that may be."""
        history = History()
        flow(history, 0.0, INJECT)
        history.fault("kill:ht1", inject=INJECT, heal=INJECT + until)
        flow(history, INJECT + 0.02, INJECT + until, hubs=("ht2", "ht3"))
        verdict = found(history, KILL)
        assert verdict.status is expected
        if expected is UNKNOWN:
            assert "ht1 had 14 of 40 before; 10 attempts while it was broken" in verdict.summary
            assert verdict.figures["needed_s"] == pytest.approx(6.5)

    def test_a_node_that_took_one_and_then_none_is_no_proof(self) -> None:
        """An injection that does nothing does not pass by luck; the time that would do is told."""
        history = History("spread")
        sent(history, 0.0, by="ht2", choice="ht2")
        flow(history, 0.05, INJECT, hubs=("ht1", "ht3"), chosen=True)
        history.fault("refuse:ht2", inject=INJECT, heal=HEAL)
        flow(history, INJECT + 0.02, HEAL, hubs=("ht1", "ht3"), chosen=True)
        verdict = found(history, FaultSpec("refuse", "ht2", 20.0, 20.0), flow="spread")
        assert verdict.status is UNKNOWN
        assert "ht2 had 1 of 40 before" in verdict.summary
        assert "at this rate" in verdict.summary

    @pytest.mark.parametrize("instead", ["ht1", ""])
    def test_one_sender_that_chose_it_in_vain_is_proof(self, instead: str) -> None:
        """Whether it failed, or went on to another."""
        history = History("spread")
        sent(history, 0.0, by="ht2", choice="ht2")
        flow(history, 0.05, INJECT, hubs=("ht1", "ht3"), chosen=True)
        history.fault("refuse:ht2", inject=INJECT, heal=HEAL)
        if instead:
            sent(history, 3.0, by=instead, choice="ht2")
        else:
            sent(
                history,
                3.0,
                choice="ht2",
                result=Result.UNREACHABLE,
                phase=Phase.CONNECT,
                server="",
            )
        verdict = found(history, FaultSpec("refuse", "ht2", 20.0, 20.0), flow="spread")
        assert (verdict.status, verdict.summary) == (
            PASS,
            "ht2 had taken 1, then none of 1 that chose it",
        )

    @pytest.mark.parametrize(("in_vain", "expected"), [(3, UNKNOWN), (60, PASS)])
    @pytest.mark.parametrize("by_hook", [False, True])
    def test_a_way_that_was_dead_before_is_no_sign_of_the_fault(
        self, in_vain: int, expected: Status, by_hook: bool
    ) -> None:
        """Who goes past a node as before (its IPv6 path is dead) does not show that it is."""
        history = History("spread")
        for number in range(8):
            sent(history, number * 0.2, by=("ht2", "ht1")[number % 2], choice="ht2")
        kind = "tempfail" if by_hook else "refuse"
        told: dict[str, Any] = {"fault": f"{kind}:ht2"}
        also: dict[str, Any] = {"kind": kind, "node": "ht2", "by_hook": by_hook}
        history.write("harness", "inject", at=INJECT, **told, **also)
        history.write("harness", "injected", at=INJECT + 0.001, **told)
        for number in range(in_vain):
            sent(history, INJECT + 0.1 + number * 0.02, by="ht1", choice="ht2")
        if by_hook:  # what it is given otherwise, it takes
            sent(history, 3.9, by="ht2", choice="ht1")
        history.write("harness", "heal", at=HEAL, **told)
        history.write("harness", "healed", at=HEAL + 0.001, **told)
        assert status(history, FaultSpec(kind, "ht2", 20.0, 20.0), flow="spread") is expected

    @pytest.mark.parametrize(("begun", "expected"), [(HEAL - 0.01, UNKNOWN), (3.0, PASS)])
    def test_what_was_on_its_way_at_the_heal_is_no_proof_unless_it_hung(
        self, begun: float, expected: Status
    ) -> None:
        """An attempt of a moment before the heal may be served just after it."""
        history = History("spread")
        sent(history, 0.0, by="ht2", choice="ht2")
        flow(history, 0.05, INJECT, hubs=("ht1", "ht3"), chosen=True)
        history.fault("pause:ht2", inject=INJECT, heal=HEAL)
        took = HEAL + 0.01 - begun
        told: dict[str, Any] = {"result": Result.DROPPED, "phase": Phase.BANNER, "server": ""}
        sent(history, begun, by="ht2", choice="ht2", took=took, **told)
        spec = FaultSpec("pause", "ht2", 20.0, 20.0)
        assert status(history, spec, flow="spread") is expected

    @pytest.mark.parametrize(
        ("beliefs", "expected"),
        [
            ([], UNKNOWN),
            ([("ht1", "down", 2.2)], PASS),
            ([("ht1", "down", 2.2), ("ht1", "up", 2.3)], UNKNOWN),
            ([("ht2", "down", 2.2)], UNKNOWN),
            ([("ht1", "down", 1.0)], UNKNOWN),
        ],
    )
    def test_a_balancer_that_marks_it_down_is_proof(
        self, beliefs: list[tuple[str, str, float]], expected: Status
    ) -> None:
        """Nobody would have been sent there afterwards, so that attempts tell nothing."""
        history = History()
        flow(history, 0.0, INJECT)
        history.fault("kill:ht1", inject=INJECT, heal=INJECT + 0.4)
        for backend, state, at in beliefs:
            history.belief(backend, state, at=at)
        flow(history, INJECT + 0.02, INJECT + 0.4, hubs=("ht2", "ht3"))
        assert status(history, KILL) is expected

    def test_a_balancer_is_known_by_its_connections(self) -> None:
        """A balancer sees no messages; what it was given on the flow's port counts."""
        spec = FaultSpec("kill", "lb1", 20.0, 20.0)
        for port, expected in ((25, PASS), (587, UNKNOWN)):
            history = History()
            flow(history, 0.0, INJECT)
            for number in range(30):
                at = number * STEP_S + 0.01
                history.write("lb1", "connected", at=at, client="", port=port, backend="ht1")
            history.fault("kill:lb1", inject=INJECT, heal=HEAL)
            for number in range(5):
                told: dict[str, Any] = {
                    "result": Result.UNREACHABLE,
                    "phase": Phase.CONNECT,
                    "server": "",
                }
                sent(history, 2.1 + number * STEP_S, **told)
            assert status(history, spec) is expected

    def test_a_mailbox_server_is_missed_by_what_was_accepted_for_it(self) -> None:
        """Senders do not see it; what they could not hand over could not have come to it."""
        spec = FaultSpec("kill", "mbx", 20.0, 20.0)
        for result, expected in ((Result.ACCEPTED, PASS), (Result.REFUSED, UNKNOWN)):
            history = History()
            flow(history, 0.0, INJECT)
            history.fault("kill:mbx", inject=INJECT, heal=HEAL)
            for number in range(30):
                told: dict[str, Any] = {"code": 451} if result is Result.REFUSED else {}
                message, at = f"<m{number}@app>", 2.1 + number * STEP_S
                history.attempt(message, result, at=at, server="ht1.contoso.com", **told)
            assert status(history, spec) is expected


def felt(
    kind: str,
    *,
    node: str = "ht1",
    port: int = 25,
    probe: bool = False,
    bitten: bool = True,
    by_hook: bool = False,
    name: str = "relay",
    **told: Any,
) -> History:
    """A drill in which one attempt, at 3.0, is told something, and the node journals a bite."""
    history = History(name)
    flow(history, 0.0, INJECT)
    label = f"{kind}:{node}"
    hook: dict[str, Any] = {"by_hook": by_hook}
    history.write("harness", "inject", at=INJECT, fault=label, kind=kind, node=node, **hook)
    history.write("harness", "injected", at=INJECT + 0.001, fault=label)
    if told:
        sent(history, 3.0, **told)
    if bitten:
        detail: dict[str, Any] = {"phase": "rcpt", "client": "c", "port": port, "probe": probe}
        history.write(node, "bitten", at=3.0005, fault=kind, **detail)
    flow(history, 2.02, 2.52, hubs=("ht2", "ht3") if by_hook else HUBS)
    history.write("harness", "heal", at=HEAL, fault=label)
    history.write("harness", "healed", at=HEAL + 0.001, fault=label)
    return history


REFUSED: dict[str, Any] = {"result": Result.REFUSED, "code": 451, "phase": Phase.RCPT}
CUT: dict[str, Any] = {"result": Result.DROPPED, "phase": Phase.BANNER}


class TestFelt:
    """A fault that acts on sessions: it must have acted on the flow's own."""

    @pytest.mark.parametrize(
        ("kind", "told"),
        [
            ("tempfail", REFUSED),
            ("reject", REFUSED | {"code": 550}),
            ("drain", REFUSED | {"code": 421, "phase": Phase.MAIL}),
            ("busy", REFUSED | {"code": 421, "phase": Phase.BANNER, "server": ""}),
            ("slow", {"took": 0.6}),
            ("slow", REFUSED | {"took": 0.6}),
            ("busy", REFUSED | {"code": 421, "phase": Phase.BANNER, "server": "4.3.2"}),
            ("hang", CUT | {"server": ""}),
            ("hang", {"took": 1.2}),
            ("drop-mid-data", CUT | {"phase": Phase.BODY}),
            ("drop-after-store", {"result": Result.UNANSWERED, "phase": Phase.REPLY}),
        ],
    )
    def test_an_attempt_that_was_told_what_the_fault_tells_met_it(
        self, kind: str, told: dict[str, Any]
    ) -> None:
        """By its reply, its delay or its cut, at a time at which the node acted on a session."""
        spec = replace(KILL, kind=kind)
        verdict = found(felt(kind, **told), spec)
        assert (verdict.status, verdict.summary) == (
            PASS,
            "ht1 had taken 14, the fault met 1 of its attempts",
        )
        assert status(felt(kind, bitten=False, **told), spec) is UNKNOWN

    @pytest.mark.parametrize(
        ("kind", "told"),
        [
            ("tempfail", {}),
            ("tempfail", REFUSED | {"code": 550}),
            ("tempfail", REFUSED | {"by": "ht2"}),
            ("slow", {"took": 0.4}),
            ("slow", REFUSED),
            ("slow", REFUSED | {"took": 0.6, "by": "ht2"}),
            ("slow", {"took": 0.6, "by": "ht2"}),
            ("hang", {}),
            ("hang", {"took": 0.5}),
            ("drop-mid-data", REFUSED),
        ],
    )
    def test_one_that_was_told_something_else_did_not(
        self, kind: str, told: dict[str, Any]
    ) -> None:
        """Though the node acted on a session just then: it was somebody else's."""
        verdict = found(felt(kind, **told), replace(KILL, kind=kind))
        assert verdict.status is UNKNOWN
        assert "only 1 session of others did" in verdict.summary

    def test_health_checks_never_count(self) -> None:
        """Who met it instead is said."""
        verdict = found(felt("tempfail", probe=True, **REFUSED), replace(KILL, kind="tempfail"))
        assert verdict.status is UNKNOWN
        assert "no attempt of relay met tempfail:ht1" in verdict.summary
        assert verdict.summary.endswith("only 1 health check did")

    def test_sessions_on_another_port_are_others(self) -> None:
        """A flow on 25 is not met by a fault that acted on 587."""
        history = felt("tempfail", port=587, **REFUSED)
        assert status(history, replace(KILL, kind="tempfail")) is UNKNOWN

    def test_a_session_met_before_or_after_does_not_count(self) -> None:
        """Only while the fault was in force can it have bitten."""
        history = felt("tempfail", bitten=False)
        for moment in (1.01, 5.01):
            sent(history, moment, **REFUSED)
            history.write("ht1", "bitten", at=moment + 0.0005, fault="tempfail", port=25)
        assert status(history, replace(KILL, kind="tempfail")) is UNKNOWN

    def test_a_sender_that_went_on_to_another_met_it(self) -> None:
        """It chose the node, was turned away, and was served elsewhere."""
        spec = replace(KILL, kind="tempfail")
        for choice, expected in (("ht1", PASS), ("ht3", UNKNOWN)):
            history = felt("tempfail", name="spread", by="ht2", choice=choice)
            assert status(history, spec, flow="spread") is expected

    @pytest.mark.parametrize(("accepted", "expected"), [(20, PASS), (2, UNKNOWN)])
    def test_where_senders_do_not_see_it_the_flow_must_have_had_its_part(
        self, accepted: int, expected: Status
    ) -> None:
        """A mailbox server acted on mail, and all of the flow's mail goes there: enough of it."""
        history = History()
        flow(history, 0.0, 0.5)
        history.fault("tempfail:mbx", inject=INJECT, heal=HEAL)
        for number in range(accepted):
            message, at = f"<m{number}@app>", 2.1 + number * STEP_S
            history.attempt(message, at=at, server="ht1.contoso.com")
            history.write("mbx", "bitten", at=at + 0.0003, fault="tempfail", port=25)
        spec = replace(KILL, kind="tempfail", node="mbx")
        assert status(history, spec, beside=("aside",)) is expected
        assert status(history, spec) is PASS, "nobody else's mail can have come there"

    def test_mail_of_an_earlier_drill_is_somebody_else_s(self) -> None:
        """What lay in a queue before the drill may be all that a mailbox server acted on."""
        spec = replace(KILL, kind="tempfail", node="mbx")
        for left_over, expected in ((False, PASS), (True, UNKNOWN)):
            history = History()
            flow(history, 0.0, 0.5)
            history.fault("tempfail:mbx", inject=INJECT, heal=HEAL)
            history.attempt("<one@app>", at=2.1, server="ht1.contoso.com")
            history.write("mbx", "bitten", at=2.2, fault="tempfail", port=25)
            if left_over:
                history.write("ht1", "deferred", "<old@app>", at=2.2, reason="451")
                history.write("ht1", "relayed", "<old@app>", at=4.5, to="127.0.0.1:25")
            assert status(history, spec) is expected

    @pytest.mark.parametrize(
        ("met", "own", "others", "expected"),
        [(2, 40, 0, PASS), (2, 40, 2, PASS), (2, 40, 40, UNKNOWN), (8, 40, 40, PASS)],
    )
    def test_who_met_a_fault_of_a_share_is_drawn_from_all_that_came(
        self, met: int, own: int, others: int, expected: Status
    ) -> None:
        """The flow was among them, unless chance may have left it out of as many."""
        history = History()
        flow(history, 0.0, 0.5)
        history.fault("swallow%5:mbx", inject=INJECT, heal=HEAL)
        for number in range(own + others + met):
            message, at = f"<m{number}@app>", 2.1 + number * 0.01
            history.flow = "relay" if number < own else "aside"
            history.attempt(message, at=at, server="ht1.contoso.com")
            if number >= own + others:
                history.write("mbx", "bitten", at=at + 0.0003, fault="swallow", port=25)
            else:
                history.arrived(message, at=at + 0.0003)
        history.flow = "relay"
        spec = FaultSpec("swallow", "mbx", 20.0, 20.0, percent=5)
        assert status(history, spec, beside=("aside",)) is expected

    def test_a_flow_on_another_port_comes_to_a_mailbox_server_as_all_mail_does(self) -> None:
        """Hubs hand on what came by 587 on 25, too."""
        history = History()
        flow(history, 0.0, 0.5)
        history.fault("tempfail:mbx", inject=INJECT, heal=HEAL)
        for number in range(20):
            message, at = f"<m{number}@app>", 2.1 + number * STEP_S
            history.attempt(message, at=at, server="ht1.contoso.com")
        history.write("mbx", "bitten", at=2.2, fault="tempfail", port=2525)
        assert status(history, replace(KILL, kind="tempfail", node="mbx")) is PASS

    @pytest.mark.parametrize(
        ("own", "own_at", "beside", "expected"),
        [
            (3, 2.1, ("other",), UNKNOWN),  # while the other flow's were under way
            (3, 3.9, ("other",), PASS),  # and while none was
            (60, 2.1, ("other",), PASS),  # so many cannot all have come past it
            (3, 2.1, (), PASS),  # nobody else was there
            (3, 2.1, ("aside",), PASS),  # nobody else came that way
        ],
    )
    def test_what_the_network_did_to_two_flows_from_one_balancer(
        self, own: int, own_at: float, beside: tuple[str, ...], expected: Status
    ) -> None:
        """A session is the flow's if no other's was under way, or if chance alone hardly spared it.

        Between a balancer and its backends all mail of one port looks the same.
        """
        history = History()
        flow(history, 0.0, 0.5)
        history.fault("latency:ht1", inject=INJECT, heal=HEAL)
        for number in range(own):
            at = own_at + number * 0.02
            history.attempt(f"<m{number}@app>", at=at, took=0.01, server="ht2.contoso.com")
            told: dict[str, Any] = {"fault": "latency:ht1", "client": "lb1", "port": 25}
            history.write("ht1", "bitten", at=at + 0.001, **told)
        if beside == ("other",):
            history.flow = "other"
            for number in range(60):
                at = 2.1 + number * 0.02
                history.attempt(f"<n{number}@app>", at=at, took=0.01, server="ht1.contoso.com")
            history.flow = "relay"
        assert status(history, replace(KILL, kind="latency"), beside=beside) is expected

    @pytest.mark.parametrize(("at", "expected"), [(2.1005, PASS), (2.01, UNKNOWN)])
    def test_a_name_server_met_the_flow_while_attempts_were_under_way(
        self, at: float, expected: Status
    ) -> None:
        """A question that nobody of the flow's could have asked is somebody else's."""
        history = History("named")
        flow(history, 0.0, INJECT)
        for number in range(40):
            moment = number * STEP_S + 0.0001
            history.write("ns1", "answered", at=moment, name="mail.contoso.com", client="c")
        history.fault("nxdomain:ns1", inject=INJECT, heal=HEAL)
        history.write("ns1", "bitten", at=at, fault="nxdomain", client="c")
        told: dict[str, Any] = {"result": Result.UNREACHABLE, "phase": Phase.CONNECT, "server": ""}
        for number in range(20):
            sent(history, 2.1 + number * STEP_S, **told)
        spec = replace(KILL, kind="nxdomain", node="ns1")
        verdict = found(history, spec, flow="named")
        assert verdict.status is expected, verdict.summary


class TestByHook:
    """On a real lab no node tells of a fault: its own nature shows what the hook has done."""

    @pytest.mark.parametrize(
        ("kind", "told"),
        [
            ("tempfail", REFUSED),
            ("tempfail", REFUSED | {"code": 421, "phase": Phase.MAIL}),
            ("reject", REFUSED | {"code": 554}),
            ("busy", REFUSED | {"code": 421, "phase": Phase.BANNER, "server": ""}),
            ("slow", {"took": 0.6}),
            ("drop-mid-data", CUT | {"phase": Phase.BODY}),
            ("hang", CUT | {"server": ""}),
        ],
    )
    def test_what_the_flow_was_told_proves_it(self, kind: str, told: dict[str, Any]) -> None:
        """Codes are the server's own affair; that they are temporary, or final, is not."""
        history = felt(kind, bitten=False, by_hook=True, **told)
        assert status(history, replace(KILL, kind=kind)) is PASS

    @pytest.mark.parametrize(
        ("kind", "told"),
        [
            ("tempfail", {}),
            ("tempfail", REFUSED | {"code": 550}),
            ("slow", {"took": 0.4}),
            ("hang", {"took": 0.4}),
        ],
    )
    def test_a_hook_that_does_nothing_of_the_kind_is_unknown(
        self, kind: str, told: dict[str, Any]
    ) -> None:
        """Its node goes on taking mail, or refuses it otherwise."""
        history = felt(kind, bitten=False, by_hook=True, **told)
        sent(history, 3.5)
        assert status(history, replace(KILL, kind=kind)) is UNKNOWN

    def test_a_backend_that_was_drained_is_silent(self) -> None:
        """It is given no more sessions that could feel anything: then that is the proof."""
        history = felt("drain", bitten=False, by_hook=True)
        flow(history, 2.6, HEAL, hubs=("ht2", "ht3"))
        assert status(history, replace(KILL, kind="drain")) is PASS

    def test_an_answer_without_a_name_proves_nothing_where_it_came_before(self) -> None:
        """Then it may be anybody's."""
        told = CUT | {"server": ""}
        history = felt("hang", bitten=False, by_hook=True, **told)
        sent(history, 1.01, **told)
        assert status(history, replace(KILL, kind="hang")) is UNKNOWN

    def test_a_server_of_others_is_known_by_the_names_of_the_inventory(self) -> None:
        """Its banner need not bear the name that the topology gives it."""
        attach = """\
attach:
  nodes:
    ht1: {address: 10.0.0.3, known_as: [mail1.example.com]}
    ht2: {address: 10.0.0.4}
    ht3: {address: 10.0.0.5}
    lb1: {address: 10.0.0.1}
    ns1: {address: 10.0.0.6}
  vips: {mail: {address: 10.0.0.2}}
  allow: {hosts: [10.0.0.0/24], domains: [contoso.com], rate: 200/s}
"""
        theirs = topology_files.parse(BALANCED + attach, "theirs.yaml")
        history = felt(
            "tempfail", bitten=False, by_hook=True, server="mail1.example.com", **REFUSED
        )
        verdict = check_bite(case(history, replace(KILL, kind="tempfail"), design=theirs))
        assert verdict is not None
        assert verdict.status is PASS, verdict.summary


@dataclass(frozen=True)
class Stutter:
    """A fault of another package: it breaks something, and no journal shows that it does."""

    kind: str = "stutter"
    summary: str = "is frozen half of the time"
    proof: Proof = Proof.NONE


def test_a_fault_that_nothing_shows_is_not_one_that_breaks_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It stays unproven; what fails while it is in force is its doing, not the steady state's."""
    monkeypatch.setattr(known, "FAULTS", {**FAULTS, "stutter": Stutter()})
    history = History()
    flow(history, 0.0, INJECT)
    history.fault("stutter:ht1", inject=INJECT, heal=HEAL)
    sent(history, 3.0, result=Result.DROPPED, phase=Phase.MAIL)
    flow(history, HEAL, 6.0)
    spec = FaultSpec("stutter", "ht1", start_s=20.0, duration_s=20.0)
    verdict = found(history, spec)
    assert verdict.status is UNKNOWN
    assert verdict.summary.startswith("nothing shows whether stutter:ht1 has bitten")
    drilled = case(history, spec)
    assert drilled.broken_from == INJECT
    [unserved] = drilled.unserved
    assert [each.window.label for each in drilled.blame.explaining(unserved)] == ["stutter:ht1"]


class TestAgainAndAgain:
    """The same fault of the same node, many times: each is too short to prove anything."""

    TIMES = 8

    def flapped(self, *, lives: int = -1, error: int = -1) -> tuple[History, list[FaultSpec]]:
        """A hub that dies for four attempts, and is there for four.

        Args:
            lives: In which of its deaths it takes a message all the same.
            error: Which fault could not be injected.
        """
        history, specs = History(), []
        flow(history, 0.0, INJECT)
        for number in range(self.TIMES):
            inject = INJECT + number * 0.4
            specs.append(FaultSpec("kill", "ht1", inject * CLOCK, 2.0))
            reason = "it could not be" if number == error else ""
            history.fault("kill:ht1", inject=inject, heal=inject + 0.2, error=reason)
            flow(history, inject + 0.02, inject + 0.18, hubs=("ht2", "ht3"))
            if number == lives:
                sent(history, inject + 0.15)
            flow(history, inject + 0.22, inject + 0.4)
        return history, specs

    def test_they_are_proven_together(self) -> None:
        """None alone, and all of them by as many attempts as they had in all."""
        history, specs = self.flapped()
        verdict = found(history, *specs)
        assert verdict.status is PASS, verdict.summary
        assert "while it was broken 8 times" in verdict.summary
        one = drilled()
        assert status(history, specs[0]) is UNKNOWN
        assert status(one, KILL) is PASS

    def test_one_in_which_it_lived_makes_the_drill_unknown(self) -> None:
        """What did not break it once is no drill of a fault that did."""
        history, specs = self.flapped(lives=5)
        verdict = found(history, *specs)
        assert verdict.status is UNKNOWN
        assert "still took 1 messages" in verdict.summary or "leave its silence" in verdict.summary

    def test_one_that_was_not_injected_makes_it_unknown(self) -> None:
        """Each of them is part of the plan."""
        history, specs = self.flapped(error=3)
        assert status(history, *specs) is UNKNOWN

    @pytest.mark.parametrize(
        ("hubs", "attempts", "bites", "expected"),
        [
            (HUBS, 9, False, UNKNOWN),  # it took three messages as if nothing were
            (("ht2", "ht3"), 40, False, UNKNOWN),  # some of so many would have come there
            (("ht2", "ht3"), 4, False, PASS),  # so few may all have come past it
            (("ht2", "ht3"), 40, True, PASS),  # a health check met it, and kept mail away
        ],
    )
    def test_one_that_was_felt_is_no_proof_of_one_that_would_have_been(
        self, hubs: tuple[str, ...], attempts: int, bites: bool, expected: Status
    ) -> None:
        """Twice the same fault: the first was met, the second by nobody."""
        told: dict[str, Any] = {"result": Result.REFUSED, "code": 451, "phase": Phase.RCPT}
        history = felt("tempfail", **told)
        history.fault("tempfail:ht1", inject=5.0, heal=8.0)
        flow(history, 5.1, 5.1 + attempts * STEP_S, hubs=hubs)
        if bites:
            detail: dict[str, Any] = {
                "fault": "tempfail",
                "client": "lb1",
                "port": 25,
                "probe": True,
            }
            history.write("ht1", "bitten", at=5.05, **detail)
        first = replace(KILL, kind="tempfail")
        second = replace(first, start_s=50.0, duration_s=30.0)
        assert status(history, first) is PASS
        assert status(history, first, second) is expected
