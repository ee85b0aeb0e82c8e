"""What hung on a broken node until its heal, or waited for it, though no session shows that."""

from __future__ import annotations

from typing import Any

import pytest
from tests.histories import History
from tests.unit.test_blame import broken, steadily
from tests.unit.test_checks import CLOCK, HUBS, RATE, YAML, case, found

from relaydrill import topology_files
from relaydrill.topology import Topology
from relaydrill.verdict import Status, Verdict

PASS, UNKNOWN, FAIL = Status.PASS, Status.UNKNOWN, Status.FAIL
EXPECT = "{gap: 20s, degraded: 4s, late: 10s}"
"""Nothing here is late, but for what a heal released."""


def design(**changes: str) -> Topology:
    """The usual tier with lines of it written otherwise.

    Args:
        changes: What stands in place of a node's line; or of ``expect``.
    """
    expect = changes.pop("expect", EXPECT)
    text = YAML.format(clock=CLOCK, rate=RATE, expect=expect, accept="[]")
    for name, said in changes.items():
        line = next((each for each in text.splitlines() if each.startswith(f"  {name}:")), None)
        new = f"  {name}: {said}"
        text = text.replace(line, new) if line else text.replace("  mbx:", f"{new}\n  mbx:")
    return topology_files.parse(text, "bench.yaml")


def asking(expect: str = EXPECT) -> Topology:
    """The same, but its senders ask two name servers for the name of the VIP."""
    names = "\nnames: {smtp.contoso.com: mail}\n"
    text = YAML.format(clock=CLOCK, rate=RATE, expect=expect, accept="[]")
    text = text.replace("  mbx:", "  ns1: {role: dns}\n  ns2: {role: dns}\n  mbx:")
    text = text.replace("relay: {from: app, to: mail,", "relay: {from: app, to: smtp.contoso.com,")
    return topology_files.parse(text + names, "bench.yaml")


def hung(history: History, begin_s: float, until_s: float, *, most_s: float = 1e9) -> None:
    """Attempts by all hubs in turn, field seconds: each ends at one moment, or after so long."""
    number, at = 0, begin_s
    while at < until_s:
        took = min(until_s + 0.02 - at, most_s) / CLOCK
        told: dict[str, Any] = {"server": f"{HUBS[number % 3]}.contoso.com", "choice": "mail"}
        history.attempt(f"<h{number}@app>", at=at / CLOCK, took=took, **told)
        number, at = number + 1, at + 0.5


def degraded(history: History, plan: list[Any], tier: Topology) -> Verdict:
    """What is said of attempts that failed, or were late."""
    verdict = found(case(history, *plan, design=tier), "degraded")
    assert verdict is not None
    return verdict


class TestNameServers:
    """They are asked before a session, which shows nothing of them."""

    def test_what_hung_on_one_until_its_heal_was_served_by_nobody(self) -> None:
        """However soon it came then."""
        history = steadily(80)
        plan = [broken(history, "pause:ns1", 10, 19)]
        hung(history, 10.2, 19)
        verdict = degraded(history, plan, asking())
        assert verdict.status is FAIL
        assert verdict.figures["last_s"] == pytest.approx(8.7, abs=0.5)

    def test_who_asked_the_second_one_in_time_did_not_need_the_heal(self) -> None:
        """A resolver waits for the first for a while, and is answered by the second."""
        history = steadily(80)
        plan = [broken(history, "pause:ns1", 10, 40)]
        hung(history, 10.2, 40, most_s=3)
        assert degraded(history, plan, asking()).status is PASS

    def test_a_second_one_that_is_asked_too_late_serves_nobody(self) -> None:
        """What was accepted later than the flow promises is no measure of what would be in time."""
        history = steadily(80)
        plan = [broken(history, "pause:ns1", 10, 29)]
        hung(history, 10.2, 29, most_s=8)
        tier = asking("{gap: 20s, degraded: 15s, late: 5s}")
        assert degraded(history, plan, tier).status is FAIL

    def test_one_that_held_nobody_before_its_heal_holds_nobody_at_it(self) -> None:
        """A heal takes the machine's time, and whatever is under way then is a little late."""
        history = steadily(80)
        plan = [broken(history, "kill:ns1", 10, 40)]
        for number in range(8):
            told: dict[str, Any] = {"server": "ht1.contoso.com", "choice": "mail"}
            history.attempt(f"<h{number}@app>", at=3.9 + number / 100, took=0.3, **told)
        verdict = degraded(history, plan, asking())
        assert (verdict.status, verdict.figures["failed"]) == (PASS, 0)

    def test_what_another_broken_node_shows_to_have_held_did_not_hang_on_it(self) -> None:
        """A hub that was frozen, too, and named itself in the end."""
        history = steadily(80)
        plan = [broken(history, "pause:ns2", 10, 26), broken(history, "pause:ht1", 24, 27)]
        for number in range(8):
            told: dict[str, Any] = {"server": "ht1.contoso.com", "choice": "mail"}
            history.attempt(f"<h{number}@app>", at=2.41 + number / 50, took=0.3, **told)
        verdict = degraded(history, plan, asking())
        assert verdict.status is not FAIL

    def test_a_node_that_is_dead_all_the_time_has_not_made_them_wait(self) -> None:
        """A balancer whose standby serves, or a hub that names nobody: they explain no wait."""
        history = steadily(80)
        plan = [broken(history, "tempfail.mail:ht1", 5, 60), broken(history, "pause:ns1", 10, 19)]
        hung(history, 10.2, 19)
        verdict = degraded(history, plan, asking())
        assert verdict.status is FAIL
        assert verdict.figures["late"] > 10

    def test_nor_does_one_hold_whom_nobody_asks(self) -> None:
        """The flow goes to an address."""
        history = steadily(80)
        plan = [broken(history, "pause:ns1", 10, 19)]
        hung(history, 10.2, 19)
        verdict = degraded(history, plan, design(ns1="{role: dns}"))
        assert verdict.figures["failed"] == 0


class TestWhomAServerWaitsFor:
    """A hub that acknowledges late waits for the next hop."""

    TIER = dict.fromkeys(HUBS, "{role: hub, ack: delayed}")

    def test_what_hung_on_a_mailbox_until_its_heal_was_served_by_nobody(self) -> None:
        """No hub has said 250 before the mailbox server had it."""
        history = steadily(80)
        plan = [broken(history, "pause:mbx", 10, 19)]
        hung(history, 10.2, 19)
        assert degraded(history, plan, design(**self.TIER)).status is FAIL

    def test_it_is_not_the_doing_of_the_hub_that_was_broken_later(self) -> None:
        """The hub says its name, and it waits for another that was broken long before."""
        history = steadily(80)
        plan = [broken(history, "pause:mbx", 10, 24), broken(history, "tempfail.auth:ht1", 21, 30)]
        for number in range(20):
            at = 1.02 + number * 0.06
            history.attempt(f"<h{number}@app>", at=at, took=2.401 - at, server="ht1.contoso.com")
        verdict = degraded(history, plan, design(**self.TIER))
        assert verdict.status is not PASS
        assert "pause:mbx" in verdict.figures["by_fault"]

    def test_a_hub_that_does_not_wait_is_not_held(self) -> None:
        """What took as long there has another cause."""
        history = steadily(80)
        plan = [broken(history, "pause:mbx", 10, 19)]
        hung(history, 10.2, 19)
        verdict = degraded(history, plan, design())
        assert verdict.figures["failed"] == 0

    def test_who_waited_no_longer_than_hubs_wait_did_not_need_the_heal(self) -> None:
        """They say 250 after their time, in time, and pass it on later."""
        history = steadily(80)
        plan = [broken(history, "pause:mbx", 10, 40)]
        hung(history, 10.2, 40, most_s=3)
        assert degraded(history, plan, design(**self.TIER)).status is PASS

    @pytest.mark.parametrize(("ack", "expected"), [("delayed", FAIL), ("stored", PASS)])
    def test_a_slow_mailbox_makes_senders_wait_of_whom_a_hub_waits_for_it(
        self, ack: str, expected: Status
    ) -> None:
        """As a slow hub would; and nobody else."""
        history = steadily(80)
        plan = [broken(history, "slow:mbx", 10, 30)]
        for number in range(20):
            at, hub = 1.02 + number / 10, HUBS[number % 3]
            history.attempt(f"<w{number}@app>", at=at, took=0.51, server=f"{hub}.contoso.com")
            told: dict[str, Any] = {"fault": "slow", "phase": "mail", "port": 25, "client": "c"}
            history.write("mbx", "bitten", at=at + 0.3, **told)
        hubs = dict.fromkeys(HUBS, f"{{role: hub, ack: {ack}}}")
        tier = design(expect="{gap: 10s}", **hubs)
        assert degraded(history, plan, tier).status is expected


class TestSecondOfAPair:
    """It has the VIPs while the first of the pair is broken."""

    @pytest.mark.parametrize(
        ("first_until_s", "preempt", "expected"),
        [(60, True, FAIL), (10, True, PASS), (10, False, FAIL)],
        ids=["the first is dead", "the first is back", "the first does not take them back"],
    )
    def test_what_hung_on_it_until_its_heal_was_served_by_nobody(
        self, first_until_s: float, preempt: bool, expected: Status
    ) -> None:
        """As with the first of the two, as long as it has the VIPs."""
        history = steadily(90)
        plan = [
            broken(history, "kill:lb1", 5, first_until_s),
            broken(history, "pause:lb2", 30, 39),
        ]
        hung(history, 30.2, 39)
        first = (
            "{role: balancer, backends: [ht1, ht2, ht3], vips: {mail: {ports: [25]}},"
            f" vrrp: {{preempt: {str(preempt).lower()}}}}}"
        )
        pair = _pair(first)
        assert degraded(history, plan, pair).status is expected


def _pair(first: str) -> Topology:
    text = YAML.format(clock=CLOCK, rate=RATE, expect=EXPECT, accept="[]")
    begin, end = text.index("  lb1:"), text.index("  mbx:")
    second = "  lb2: {role: standby, standby_of: lb1}\n"
    return topology_files.parse(f"{text[:begin]}  lb1: {first}\n{second}{text[end:]}", "pair.yaml")
