"""``return``: a healed node is judged by what it accepted of the flow, by the flow's own way."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from typing import Any

import pytest
import yaml
from tests.histories import History

from relaydrill import topology_files
from relaydrill.drills.checks import Case, check_return
from relaydrill.drills.model import Drill
from relaydrill.faults import FaultSpec
from relaydrill.ledger import join
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict

PASS, UNKNOWN, FAIL = Status.PASS, Status.UNKNOWN, Status.FAIL
CLOCK = 10.0
RATE = 20.0
HUBS = ("ht1", "ht2", "ht3")
INJECT, HEAL = 2.0, 4.0
"""Wall seconds of the first fault; the workload begins at 0."""
KILL = FaultSpec("kill", "ht2", start_s=20.0, duration_s=20.0)
QUICK = {"kind": "smtp", "interval": "1s", "timeout": "1s", "fall": 2, "rise": 1}
SLOW = {"kind": "smtp", "interval": "2s", "timeout": "1s", "fall": 3, "rise": 30}


def two_balancers(*, second: list[str], check: dict[str, Any]) -> Topology:
    """Three hubs behind ``lb1``, and some of them behind ``lb2``, which the flow goes by."""
    return parsed(
        {
            "lb1": balancer(["ht2", "ht1", "ht3"], "one", QUICK),
            "lb2": balancer(second, "two", check),
        },
        {"relay": {"from": "app", "to": "two", "rate": f"{RATE}/s"}},
    )


def exchangers(*addresses: str, expect: str = "{gap: 10s}", persona: str = "rfc5321") -> Topology:
    """MX hosts of one address each: hubs, or the VIP of a balancer before ``ht1`` and ``ht2``."""
    flow = {"from": "app", "to": "contoso.com", "persona": persona, "rate": f"{RATE}/s"}
    mx = [{"host": f"mx{n}.contoso.com", "addresses": [name]} for n, name in enumerate(addresses)]
    return parsed(
        {"lb1": balancer(["ht1", "ht2"], "one", QUICK), "ns1": {"role": "dns"}},
        {"relay": flow},
        zones={"contoso.com": {"mx": mx}},
        expect=yaml.safe_load(expect),
    )


def balancer(backends: list[str], vip: str, check: dict[str, Any]) -> dict[str, Any]:
    """A balancer of one VIP."""
    vips = {vip: {"ports": [25]}}
    return {"role": "balancer", "backends": backends, "vips": vips, "check": check}


def parsed(nodes: dict[str, Any], flows: dict[str, Any], **more: Any) -> Topology:
    """A tier of three hubs and more."""
    rest = {"mbx": {"role": "mailbox", "domains": ["contoso.com"]}, "app": {"role": "sender"}}
    hubs = {name: {"role": "hub"} for name in ("ht1", "ht2", "ht3")}
    tier = {"name": "bench", "clock": CLOCK, "nodes": {**hubs, **nodes, **rest}, "flows": flows}
    return topology_files.parse(yaml.safe_dump({"expect": {"gap": "10s"}, **tier, **more}))


def judged(design: Topology, history: History, *faults: FaultSpec) -> Verdict | None:
    """What is said of a return."""
    drill = Drill("d", ("relay",), faults or (KILL,), length_s=100.0, settle_s=10.0, seed=1)
    return check_return(Case(design, drill, "relay", join(history.events)))


Taker = Callable[[int], str]


def turns(*nodes: str) -> Taker:
    """Servers in turn."""
    return lambda number: nodes[number % len(nodes)]


def mail(history: History, begin: float, end: float, taker: Taker, choice: str = "") -> None:
    """Mail on schedule, accepted by those who name themselves in their banners.

    Args:
        history: Where the events go.
        begin: From when on, seconds.
        end: Until when, seconds.
        taker: Who accepts at a time.
        choice: What was tried first; by default who took it.
    """
    for number in range(round((end - begin) * RATE)):
        at, node = begin + (number + 0.5) / RATE, taker(number)
        more: dict[str, Any] = {
            "choice": choice or node,
            "server": f"{node}.contoso.com",
            "code": 250,
        }
        history.attempt(f"<{at:.4f}@app>", at=at, took=0.002, **more)


def drilled(*others: str) -> History:
    """A flow on ``ht2`` and others, until ``ht2`` was healed after it had been killed."""
    history = History()
    mail(history, 0.0, INJECT, turns("ht2", *others))
    history.fault("kill:ht2", inject=INJECT, heal=HEAL)
    mail(history, INJECT, HEAL, turns(*others))
    return history


def status(verdict: Verdict | None) -> Status | None:
    """A verdict's status; None where there is none."""
    return verdict.status if verdict else None


class TestWay:
    """The share is that of the flow's own way."""

    @pytest.mark.parametrize(("part", "expected"), [(2, PASS), (10, FAIL)])
    def test_all_that_the_flow_had_accepted_is_what_the_share_is_of(
        self, part: int, expected: Status
    ) -> None:
        """A backend of two is given one in ten: ``ht3``, too, stands behind the flow's balancer."""
        history = drilled("ht3")
        mail(history, HEAL, 20.0, lambda number: "ht3" if number % part else "ht2")
        verdict = judged(two_balancers(second=["ht2", "ht3"], check=QUICK), history)
        assert status(verdict) is expected
        assert verdict is not None
        assert verdict.figures["fair"] == 0.5
        assert verdict.figures["of"] > 250

    @pytest.mark.parametrize(("until", "expected"), [(10.0, UNKNOWN), (20.0, FAIL)])
    def test_the_time_is_that_of_the_flow_s_balancer(self, until: float, expected: Status) -> None:
        """By design ``lb2`` takes 64 s to believe in a backend again, whatever ``lb1`` does."""
        history = drilled("ht1", "ht3")
        mail(history, HEAL, until, turns("ht1", "ht3"))
        design = two_balancers(second=["ht1", "ht2", "ht3"], check=SLOW)
        verdict = judged(design, history)
        assert status(verdict) is expected
        assert verdict is not None
        if expected is UNKNOWN:
            assert "64 s: it takes a longer drill" in verdict.summary

    @pytest.mark.parametrize(("share", "expected"), [(0.75, PASS), (0.5, FAIL), (0.2, FAIL)])
    def test_a_node_both_direct_and_behind_a_balancer_owes_both_parts(
        self, share: float, expected: Status
    ) -> None:
        """An MX host itself, and one of two behind the VIP of the other: three quarters of all."""
        history, chance = drilled("ht1"), random.Random(1)
        design = exchangers("one", "ht2")
        mail(history, HEAL, 30.0, lambda _: "ht2" if chance.random() < share else "ht1")
        verdict = judged(design, history)
        assert status(verdict) is expected
        assert verdict is not None
        assert verdict.figures["fair"] == 0.75

    def test_a_flow_that_does_not_pass_the_node_is_not_concerned(self) -> None:
        """What a balancer of others takes after its return proves nothing of this flow."""
        history = History()
        mail(history, 0.0, INJECT, turns("ht2", "ht3"))
        history.fault("kill:lb1", inject=INJECT, heal=HEAL)
        mail(history, INJECT, 10.0, turns("ht2", "ht3"))
        for number in range(50):
            history.write("lb1", "connected", at=HEAL + 0.01 * number, client="10.0.0.9:1", port=25)
        spec = FaultSpec("kill", "lb1", start_s=20.0, duration_s=20.0)
        design = two_balancers(second=["ht2", "ht3"], check=QUICK)
        assert judged(design, history, spec) is None

    def test_connections_of_others_are_no_mail_of_this_flow(self) -> None:
        """A balancer that passes something on while nothing of the flow is accepted is not back."""
        history = History()
        mail(history, 0.0, INJECT, turns("ht2", "ht3"))
        for number in range(20):
            history.write("lb2", "connected", at=0.1 * number, client="10.0.0.2:1", port=25)
        history.fault("kill:lb2", inject=INJECT, heal=HEAL)
        for number in range(50):
            history.write("lb2", "connected", at=HEAL + 0.01 * number, client="10.0.0.9:1", port=25)
        spec = FaultSpec("kill", "lb2", start_s=20.0, duration_s=20.0)
        design = two_balancers(second=["ht2", "ht3"], check=QUICK)
        assert status(judged(design, history, spec)) is UNKNOWN


class TestOtherFaults:
    """A return is judged until the next fault of the node, and by who else was there."""

    def three(self) -> Topology:
        """Three hubs behind the flow's balancer."""
        return two_balancers(second=["ht1", "ht2", "ht3"], check=QUICK)

    @pytest.mark.parametrize(("back", "expected"), [(True, PASS), (False, FAIL)])
    def test_what_comes_after_its_next_fault_does_not_count(
        self, back: bool, expected: Status
    ) -> None:
        """Killed for good a few seconds later, it takes nothing: that is the second fault's."""
        history = drilled("ht1", "ht3")
        mail(history, HEAL, 8.0, turns("ht1", "ht2", "ht3") if back else turns("ht1", "ht3"))
        history.fault("kill:ht2", inject=8.0, heal=None)
        mail(history, 8.0, 30.0, turns("ht1", "ht3"))
        for_good = FaultSpec("kill", "ht2", start_s=80.0, duration_s=float("inf"))
        assert status(judged(self.three(), history, KILL, for_good)) is expected

    @pytest.mark.parametrize(("begin", "end"), [(INJECT - 1.0, 29.0), (HEAL + 0.5, 29.0)])
    def test_a_control_on_the_node_excuses_no_return(self, begin: float, end: float) -> None:
        """What breaks nothing neither keeps a node from returning, nor ends its time to."""
        history = drilled("ht1", "ht3")
        history.fault("none:ht2", inject=begin, heal=end)
        mail(history, HEAL, 30.0, turns("ht1", "ht3"))
        control = FaultSpec("none", "ht2", start_s=begin * CLOCK, duration_s=(end - begin) * CLOCK)
        assert status(judged(self.three(), history, KILL, control)) is FAIL

    def test_too_little_before_its_next_fault_is_unknown(self) -> None:
        """It says what would do."""
        history = drilled("ht1", "ht3")
        mail(history, HEAL, 4.6, turns("ht1", "ht3"))
        history.fault("kill:ht2", inject=4.6, heal=None)
        mail(history, 4.6, 30.0, turns("ht1", "ht3"))
        for_good = FaultSpec("kill", "ht2", start_s=46.0, duration_s=float("inf"))
        verdict = judged(self.three(), history, KILL, for_good)
        assert status(verdict) is UNKNOWN
        assert verdict is not None
        assert "later fault" in verdict.summary

    @pytest.mark.parametrize(("back", "expected"), [(True, PASS), (False, FAIL)])
    def test_a_node_that_flaps_is_judged_when_it_stays_up(
        self, back: bool, expected: Status
    ) -> None:
        """What was too short to tell anything is counted; the last return decides."""
        history = drilled("ht1", "ht3")
        mail(history, HEAL, 4.6, turns("ht1", "ht3"))
        history.fault("kill:ht2", inject=4.6, heal=5.6)
        mail(history, 4.6, 5.6, turns("ht1", "ht3"))
        mail(history, 5.6, 30.0, turns("ht1", "ht2", "ht3") if back else turns("ht1", "ht3"))
        again = FaultSpec("kill", "ht2", start_s=46.0, duration_s=10.0)
        verdict = judged(self.three(), history, KILL, again)
        assert status(verdict) is expected
        assert verdict is not None
        assert "1 more return of ht2 told nothing" in verdict.summary

    def test_a_node_that_another_fault_still_holds_has_not_returned(self) -> None:
        """The heal of one of two faults is no return; that of the last one is."""
        history = History()
        mail(history, 0.0, INJECT, turns("ht1", "ht2", "ht3"))
        history.fault("tempfail:ht2", inject=INJECT, heal=8.0)
        history.fault("slow:ht2", inject=INJECT + 0.5, heal=HEAL)
        mail(history, INJECT, 8.0, turns("ht1", "ht3"))
        mail(history, 8.01, 16.0, turns("ht1", "ht2", "ht3"))
        both = (
            FaultSpec("tempfail", "ht2", start_s=20.0, duration_s=60.0),
            FaultSpec("slow", "ht2", start_s=25.0, duration_s=15.0),
        )
        assert status(judged(self.three(), history, *both)) is PASS

    @pytest.mark.parametrize(
        ("nodes", "expected"),
        [(("ht2", "ht1"), PASS), (("ht1",), FAIL), (("ht1",) * 11 + ("ht2",), FAIL)],
    )
    def test_a_peer_that_is_broken_for_good_is_no_peer(
        self, nodes: tuple[str, ...], expected: Status
    ) -> None:
        """With one of three gone a third of the mail is too little, and a half is enough."""
        history = drilled("ht1", "ht3")
        history.fault("kill:ht3", inject=HEAL + 0.1, heal=None)
        mail(history, HEAL + 0.2, 20.0, turns(*nodes))
        gone = FaultSpec("kill", "ht3", start_s=41.0, duration_s=float("inf"))
        verdict = judged(self.three(), history, KILL, gone)
        assert status(verdict) is expected
        assert verdict is not None
        assert "ht3 was out for a part of the time" in verdict.summary

    def test_the_time_in_which_all_were_there_is_enough(self) -> None:
        """While another is broken shares differ; if there is time without that, it decides."""
        history = drilled("ht1", "ht3")
        mail(history, HEAL, 8.0, turns("ht1", "ht2", "ht3"))
        history.fault("kill:ht3", inject=8.0, heal=10.0)
        mail(history, 8.0, 10.0, turns("ht1"))
        mail(history, 10.1, 14.0, turns("ht1", "ht2", "ht3"))
        verdict = judged(
            self.three(), history, KILL, FaultSpec("kill", "ht3", start_s=80.0, duration_s=20.0)
        )
        assert status(verdict) is PASS
        assert verdict is not None
        assert "was out" not in verdict.summary


DEFERRAL = "{gap: 10s, deferral: true, spread: [ht1, ht2, ht3]}"
PLAIN = "{gap: 10s, spread: [ht1, ht2, ht3]}"
UNPROMISED = "{gap: 10s}"


class TestOutcomes:
    """A server that is tried, and does not accept, has not returned."""

    @pytest.mark.parametrize("expect", [DEFERRAL, PLAIN, UNPROMISED])
    @pytest.mark.parametrize("goes_on", [True, False])
    def test_a_healed_server_that_refuses_everybody_fails(self, expect: str, goes_on: bool) -> None:
        """Whether its senders find another one, or come back with what it put off."""
        history = self.chosen(drilled("ht1", "ht3"), refusing=1.0, goes_on=goes_on)
        verdict = judged(exchangers("ht1", "ht2", "ht3", expect=expect), history)
        assert status(verdict) is FAIL
        assert verdict is not None
        if goes_on:
            assert "and accepted 0 of them" in verdict.summary

    @pytest.mark.parametrize("expect", [PLAIN, UNPROMISED])
    @pytest.mark.parametrize(("refusing", "expected"), [(0.25, FAIL), (0.0, PASS)])
    def test_one_that_refuses_some_fails(
        self, expect: str, refusing: float, expected: Status
    ) -> None:
        """Its share alone would not show it: a half of that must be missing."""
        history = self.chosen(drilled("ht1", "ht3"), refusing=refusing)
        verdict = judged(exchangers("ht1", "ht2", "ht3", expect=expect), history)
        assert status(verdict) is expected
        assert verdict is not None
        if expected is FAIL:
            assert "did not accept" in verdict.summary
            assert "p" not in verdict.figures  # no chance of a healthy server

    def test_a_fault_that_concerns_nobody_hides_no_refusals(self) -> None:
        """The control beside it, or one that could not be injected, makes no time a loud one."""
        history = self.chosen(drilled("ht1", "ht3"), refusing=0.25)
        history.fault("none:mbx", inject=INJECT, heal=30.0)
        history.fault("kill:ht3", inject=INJECT, heal=None, error="it cannot be killed")
        control = FaultSpec("none", "mbx", start_s=20.0, duration_s=260.0)
        failed = FaultSpec("kill", "ht3", start_s=20.0, duration_s=260.0)
        design = exchangers("ht1", "ht2", "ht3", expect=PLAIN)
        assert status(judged(design, history, KILL, control, failed)) is FAIL

    def test_one_refusal_proves_nothing_and_is_no_pass(self) -> None:
        """It might be the network's; but then it did turn one down."""
        history = self.chosen(drilled("ht1", "ht3"), refusing=0.0)
        more: dict[str, Any] = {"choice": "ht2", "server": "ht1.contoso.com", "code": 250}
        history.attempt("<x@app>", at=28.0, took=0.002, **more)
        verdict = judged(exchangers("ht1", "ht2", "ht3", expect=PLAIN), history)
        assert status(verdict) is UNKNOWN

    def test_flukes_of_many_are_flukes(self) -> None:
        """One of a thousand that came to it is rarer than what is called chance."""
        history = self.chosen(drilled("ht1", "ht3"), refusing=0.0, end=100.0)
        more: dict[str, Any] = {"choice": "ht2", "server": "ht1.contoso.com", "code": 250}
        history.attempt("<x@app>", at=98.0, took=0.002, **more)
        verdict = judged(exchangers("ht1", "ht2", "ht3", expect=PLAIN), history)
        assert status(verdict) is PASS
        assert verdict is not None
        assert "it did not accept 1" in verdict.summary

    def test_refusals_in_the_flow_s_own_time_after_a_heal_are_promised(self) -> None:
        """Attempts may fail for as long after a heal as the flow says."""
        history = drilled("ht1", "ht3")
        self.chosen(history, refusing=1.0, begin=HEAL + 0.01, end=HEAL + 0.9)
        self.chosen(history, refusing=0.0, begin=HEAL + 0.9)
        assert status(judged(exchangers("ht1", "ht2", "ht3", expect=PLAIN), history)) is PASS

    def test_senders_that_keep_to_their_choice_and_are_refused_make_it_fail(self) -> None:
        """They prove no share, but that it turns down all that comes."""
        history = drilled("ht1", "ht3")
        for number in range(200):
            at = HEAL + 1.2 + number / RATE
            result, code = (Result.REFUSED, 451) if number % 3 == 1 else (Result.ACCEPTED, 250)
            node = ("ht1", "ht2", "ht3")[number % 3]
            more: dict[str, Any] = {
                "choice": node,
                "server": f"{node}.contoso.com",
                "member": number % 3,
            }
            history.attempt(f"<m{at}@app>", result, at=at, took=0.002, code=code, **more)
        design = exchangers("ht1", "ht2", "ht3", persona="pinned_mx")
        assert status(judged(design, history)) is FAIL

    @pytest.mark.parametrize("named", [(), ("ht2",), HUBS], ids=["nobody", "itself", "all"])
    @pytest.mark.parametrize("is_back", [True, False], ids=["back", "gone"])
    def test_who_was_tried_first_is_not_who_accepted(
        self, named: tuple[str, ...], is_back: bool
    ) -> None:
        """A sender goes on from a dead server: where no banner tells to whom, nothing passes."""
        history, chance = History(), random.Random(1)

        def some(begin: float, end: float, *, is_up: bool) -> None:
            for number in range(round((end - begin) * RATE)):
                at, choice = begin + (number + 0.5) / RATE, chance.choice(HUBS)
                by = choice if is_up or choice != "ht2" else "ht1"
                server = f"{by}.contoso.com" if by in named else "gateway.example.com"
                told: dict[str, Any] = {"choice": choice, "server": server, "code": 250}
                history.attempt(f"<{at:.4f}@app>", at=at, took=0.002, **told)

        some(0.0, INJECT, is_up=True)
        history.fault("kill:ht2", inject=INJECT, heal=HEAL)
        some(INJECT, HEAL, is_up=False)
        some(HEAL, 40.0, is_up=is_back)
        verdict = judged(exchangers(*HUBS), history)
        assert verdict is not None
        shown = {True: PASS, False: UNKNOWN if named == ("ht2",) else FAIL}[is_back]
        assert verdict.status is (shown if "ht2" in named else UNKNOWN)
        assert ("no banner tells who" in verdict.summary) is (verdict.status is UNKNOWN)

    @pytest.mark.parametrize(("usual", "expected"), [(True, PASS), (False, FAIL)])
    def test_what_went_on_elsewhere_before_the_fault_may_go_on_after_it(
        self, usual: bool, expected: Status
    ) -> None:
        """Part of the way to a server may be dead all the time (IPv6)."""
        history, chance = History(), random.Random(1)

        def some(begin: float, end: float, part: float, out: str = "") -> None:
            for number in range(round((end - begin) * RATE)):
                at, choice = begin + (number + 0.5) / RATE, chance.choice(HUBS)
                is_past = choice == out or (choice == "ht2" and chance.random() < part)
                server = f"{'ht1' if is_past else choice}.contoso.com"
                told: dict[str, Any] = {"choice": choice, "server": server, "code": 250}
                history.attempt(f"<{at:.4f}@app>", at=at, took=0.002, **told)

        some(0.0, 20.0, 0.3 if usual else 0.0)
        history.fault("kill:ht2", inject=20.0, heal=22.0)
        some(20.0, 22.0, 0.0, out="ht2")
        some(22.0, 82.0, 0.3)
        spec = FaultSpec("kill", "ht2", start_s=200.0, duration_s=20.0)
        assert status(judged(exchangers(*HUBS), history, spec)) is expected

    @pytest.mark.parametrize(("of_sixteen", "expected"), [(1, UNKNOWN), (8, PASS)])
    def test_what_it_takes_while_the_only_other_one_is_dead_is_no_share(
        self, of_sixteen: int, expected: Status
    ) -> None:
        """Whoever is alone gets all of it, were he given an eighth of his turns otherwise."""
        design = parsed(
            {"lb1": balancer(["ht1", "ht2"], "one", QUICK)},
            {"relay": {"from": "app", "to": "one", "rate": f"{RATE}/s"}},
        )
        history = drilled("ht1")
        first = ["ht2"] * of_sixteen + ["ht1"] * (16 - of_sixteen)
        mail(history, HEAL + 1.0, HEAL + 1.8, turns(*first), choice="one")
        history.fault("kill:ht1", inject=HEAL + 1.8, heal=None)
        mail(history, HEAL + 1.8, HEAL + 6.0, turns("ht2"), choice="one")
        forever = FaultSpec("kill", "ht1", start_s=(HEAL + 1.8) * CLOCK, duration_s=float("inf"))
        assert status(judged(design, history, KILL, forever)) is expected

    @pytest.mark.parametrize("by_vip", [True, False], ids=["behind a balancer", "direct"])
    def test_of_a_lab_whose_banners_name_no_server_it_is_said_what_to_declare(
        self, by_vip: bool
    ) -> None:
        """Which names nobody knows, whose they may be, and where the file says so."""
        history = History()
        history.fault("kill:ht2", inject=INJECT, heal=HEAL)
        for number in range(480):
            at, hub = number / RATE, ("ht1", "ht2")[number % 2]
            server = "ht1.contoso.com" if hub == "ht1" else "relay7.example.com"
            choice = "one" if by_vip else hub
            told: dict[str, Any] = {"choice": choice, "server": server, "code": 250}
            history.attempt(f"<u{at:.4f}@app>", at=at, took=0.002, **told)
        attach: dict[str, Any] = {
            "nodes": {each: {"address": f"10.0.0.{n}"} for n, each in enumerate(HUBS, 1)},
            "allow": {"hosts": ["10.0.0.0/24"], "domains": ["contoso.com"], "rate": "200/s"},
        }
        if by_vip:
            attach["nodes"]["lb1"] = {"address": "10.0.0.9"}
            attach["vips"] = {"one": {"address": "10.0.0.10"}}
            nodes = {"lb1": balancer(["ht1", "ht2"], "one", QUICK)}
            flows = {"relay": {"from": "app", "to": "one", "rate": f"{RATE}/s"}}
            design = parsed(nodes, flows, attach=attach)
        else:
            design = exchangers("ht1", "ht2")
            design = design.model_copy(update={"attach": parsed({}, {}, attach=attach).attach})
        verdict = judged(design, history)
        assert verdict is not None
        assert verdict.status is UNKNOWN
        what = "relay7.example.com is no node's name; declare whose, by known_as of ht2"
        assert what in verdict.summary

    @pytest.mark.parametrize(("named", "expected"), [(True, PASS), (False, UNKNOWN)])
    def test_nor_of_senders_that_keep_to_their_choice(self, named: bool, expected: Status) -> None:
        """They go on from it, too, as far as they may."""
        history = History()
        history.fault("kill:ht2", inject=INJECT, heal=HEAL)
        server = "ht2.contoso.com" if named else "gateway.example.com"
        for number in range(200):
            at = HEAL + number / RATE
            told: dict[str, Any] = {"choice": "ht2", "server": server, "code": 250, "member": 1}
            history.attempt(f"<{at:.4f}@app>", at=at, took=0.002, **told)
        assert status(judged(exchangers(*HUBS), history)) is expected

    def test_a_second_greeting_s_wait_is_healthy(self) -> None:
        """A tier that puts every first try off, and senders that come back, is as it should be."""
        history, chance = drilled("ht1", "ht3"), random.Random(1)
        for number in range(600):
            at, node = HEAL + 0.01 + number / RATE, chance.choice(("ht1", "ht2", "ht3"))
            more: dict[str, Any] = {"choice": node, "server": f"{node}.contoso.com"}
            first = (Result.REFUSED, 451, Phase.RCPT)
            result, code, phase = (Result.ACCEPTED, 250, Phase.REPLY) if number % 2 else first
            history.attempt(
                f"<g{at}@app>", result, at=at, took=0.002, code=code, phase=phase, **more
            )
        design = exchangers("ht1", "ht2", "ht3", expect=DEFERRAL)
        assert status(judged(design, history)) is PASS

    def chosen(
        self,
        history: History,
        *,
        refusing: float,
        goes_on: bool = True,
        begin: float = HEAL + 0.01,
        end: float = 30.0,
    ) -> History:
        """Senders that choose one of three servers at random; ``ht2`` refuses a part of them."""
        chance = random.Random(2)
        for number in itertools.count():
            at, node = begin + (number + 0.5) / RATE, chance.choice(("ht1", "ht2", "ht3"))
            if at >= end:
                return history
            refuses = node == "ht2" and chance.random() < refusing
            name = f"<{at:.4f}@app>"
            more: dict[str, Any] = {"choice": node}
            if refuses and not goes_on:
                more["server"] = "ht2.contoso.com"
                history.attempt(
                    name, Result.REFUSED, at=at, took=0.002, code=451, phase=Phase.RCPT, **more
                )
            else:
                more["server"] = "ht3.contoso.com" if refuses else f"{node}.contoso.com"
                history.attempt(name, at=at, took=0.002, code=250, **more)
        raise AssertionError


def test_what_was_never_there_cannot_be_missed_after_the_heal() -> None:
    """A server that nobody led any mail to before its fault owes no share after it."""
    history = History()
    mail(history, 0.0, INJECT, turns("ht1", "ht3"))
    history.fault("kill:ht2", inject=INJECT, heal=HEAL)
    mail(history, INJECT, 30.0, turns("ht1", "ht3"))
    assert status(judged(exchangers("ht1", "ht2", "ht3"), history)) is UNKNOWN


def test_a_small_stall_excuses_little() -> None:
    """A moment of a starving machine at the end of the drill does not undo all that was before."""
    history = drilled("ht1", "ht3")
    mail(history, HEAL, 14.0, turns("ht1", "ht3"))
    history.stall(13.9, 13.92)
    design = two_balancers(second=["ht1", "ht2", "ht3"], check=QUICK)
    assert status(judged(design, history)) is FAIL


@pytest.mark.parametrize("banner", ["mail.contoso.com", ""])
def test_who_took_what_is_told_by_journals_where_no_banner_does(banner: str) -> None:
    """All servers may greet with the same name; without either, nobody knows."""
    history = drilled("ht1", "ht3")
    for number in range(200):
        at, node = HEAL + 0.31 + number / RATE, ("ht1", "ht2", "ht3")[number % 3]
        history.attempt(f"<j{at}@app>", at=at, took=0.004, server=banner, code=250, choice="two")
        if number < 100:
            history.accepted(f"<j{at}@app>", node, at=at + 0.002)
    design = two_balancers(second=["ht1", "ht2", "ht3"], check=QUICK)
    assert status(judged(design, history)) is PASS


def test_the_exact_p_is_told() -> None:
    """With the level of the test and how many were made, so that an audit can correct for them."""
    history = drilled("ht1", "ht3")
    mail(history, HEAL, 10.0, turns("ht1", "ht3"))
    verdict = judged(two_balancers(second=["ht1", "ht2", "ht3"], check=QUICK), history)
    assert verdict is not None
    n = verdict.figures["of"]
    assert verdict.figures["p"] == pytest.approx((2 / 3) ** n)
    assert (verdict.figures["alarm"], verdict.figures["tests"]) == (0.01, 1)
