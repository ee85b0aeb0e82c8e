"""Which cause a finding names: the faults that explain what failed, on ledgers made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.histories import History

from relaydrill import topology_files
from relaydrill.drills.checks import Case, run_checks
from relaydrill.drills.findings import findings
from relaydrill.drills.model import Drill
from relaydrill.drills.result import Finding, FlowVerdict, Judgement
from relaydrill.faults import FaultSpec
from relaydrill.ledger import join
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Topology
from relaydrill.verdict import Verdict

CLOCK, RATE = 10, 20
STEP_S = 1 / RATE
HUBS = ("ht1", "ht2", "ht3")

YAML = """\
name: bench
clock: 10
nodes:
  ht1: {{role: hub{site}}}
  ht2: {{role: hub{site}}}
  ht3: {{role: hub}}
  lb1:
    role: balancer
    backends: [ht1, ht2, ht3]
    vips: {{mail: {{ports: [25]}}}}
    mode: {mode}
    check: {check}
  {more}
  mbx: {{role: mailbox, domains: [contoso.com]}}
  app: {{role: sender}}
{names}
flows:
  relay: {{from: app, to: {to}, rate: 20/s, persona: {persona}}}
expect: {{gap: 10s}}
accept: {accept}
{attach}
"""

ELSEWHERE = """\
attach:
  nodes:
    ht1: {address: 127.9.0.11}
    ht2: {address: 127.9.0.12}
    ht3: {address: 127.9.0.13}
    lb1: {address: 127.9.0.9}
    mbx: {address: 127.9.0.20}
  vips:
    mail: {address: 127.9.0.10}
  allow: {hosts: [127.9.0.0/24], domains: [contoso.com], rate: 100/s}
"""
"""A lab that stands elsewhere: its balancer keeps no journal here."""


def bench(check: str = "{interval: 2s, fall: 3}", **rest: str) -> Topology:
    """Three hubs behind a balancer, ten times faster than in the field."""
    usual = {"site": "", "mode": "proxy", "more": "", "names": "", "to": "mail", "accept": "[]"}
    told = {**usual, "persona": "single_host", "attach": "", "check": check, **rest}
    return topology_files.parse(YAML.format(**told), "bench.yaml")


Meets = Callable[[History, str, float, str], None]
"""What an attempt meets: of a message, at a moment, whose turn a hub has."""


def refusal(code: int = 451, phase: Phase = Phase.MAIL) -> Meets:
    """The hub refuses, after its banner."""

    def meets(history: History, message: str, at: float, hub: str) -> None:
        history.attempt(
            message, Result.REFUSED, at=at, code=code, phase=phase, server=f"{hub}.contoso.com"
        )

    return meets


def cut(history: History, message: str, at: float, _hub: str) -> None:
    """The balancer finds nobody behind the address, and closes."""
    history.attempt(message, Result.DROPPED, at=at, phase=Phase.BANNER, reason="connection closed")


def silence(history: History, message: str, at: float, _hub: str) -> None:
    """A connection without a banner."""
    reason = "timed out after 1 s"
    history.attempt(message, Result.DROPPED, at=at, took=0.4, phase=Phase.BANNER, reason=reason)


def nobody(history: History, message: str, at: float, _hub: str) -> None:
    """No host of that address."""
    history.attempt(
        message, Result.UNREACHABLE, at=at, phase=Phase.CONNECT, reason="connection refused"
    )


def late(history: History, message: str, at: float, hub: str) -> None:
    """Accepted and delivered, later than promised; the banner bears the hub's name."""
    history.attempt(message, at=at, took=1.2, server=f"{hub}.contoso.com")
    history.accepted(message, hub, at=at + 1.19)
    history.arrived(message, at=at + 1.2)


def drilled(
    *plan: tuple[str, float, float | None], meets: dict[str, Meets], until: float = 12.0
) -> History:
    """Mail to the hubs in turns; in the time of a fault it meets what is told of its label.

    Args:
        plan: Faults (label, inject, heal), wall seconds.
        meets: By label. A fault of a hub is met in its turns, any other one always.
        until: Until when, seconds.
    """
    history = History()
    for label, inject, heal in plan:
        history.fault(label, inject=inject, heal=heal)
    for number in range(round(until * RATE)):
        at, hub = number * STEP_S + 0.011, HUBS[number % 3]
        message = f"<{at:.4f}@app>"
        for label, inject, heal in plan:
            node = label.partition(":")[2]
            is_met = label in meets and (node not in HUBS or node == hub)
            if is_met and inject <= at < (until if heal is None else heal):
                meets[label](history, message, at, hub)
                break
        else:
            history.delivered(message, hub, at=at)
    history.queue("ht1", at=until + 1)
    return history


def judged(history: History, design: Topology) -> Judgement:
    """The judgement of a history; its plan is that of the faults that it tells of."""
    ledger = join(history.events)
    specs = []
    for window in ledger.faults:
        kind, _, phase = window.label.partition(":")[0].partition(".")
        end = float("inf") if window.heal is None else (window.heal - window.inject) * CLOCK
        spec = FaultSpec(
            kind, window.node, window.inject * CLOCK, end, Phase(phase) if phase else None
        )
        specs.append(spec)
    drill = Drill("d", ("relay",), tuple(specs), length_s=120.0, settle_s=10.0, seed=1)
    flows = (FlowVerdict("relay", run_checks(Case(design, drill, "relay", ledger, ()))),)
    return Judgement(drill, design, "process", Path(), flows, ledger)


def found(history: History, design: Topology) -> list[Finding]:
    """The findings about what failed."""
    return [each for each in findings(judged(history, design)) if each.status == "fail"]


def only(history: History, design: Topology) -> Finding:
    """The one finding about what failed."""
    [finding] = found(history, design)
    return finding


def degraded(history: History, design: Topology) -> Verdict:
    """What the check ``degraded`` says."""
    [flow] = judged(history, design).flows
    verdict = flow.check("degraded")
    assert verdict is not None
    return verdict


def rolling(kind: str) -> tuple[tuple[str, float, float | None], ...]:
    """One hub after the other, for 25 s each."""
    return tuple((f"{kind}:{hub}", 2.0 + 3 * n, 4.5 + 3 * n) for n, hub in enumerate(HUBS))


def of_all(plan: tuple[tuple[str, float, float | None], ...], meets: Meets) -> dict[str, Meets]:
    """The same for every fault of a plan."""
    return {label: meets for label, _, _ in plan}


class TestOneAfterAnother:
    """Hubs that fail one after another are not all that carries the flow."""

    @pytest.mark.parametrize(
        ("kind", "meets", "check", "state", "cause", "remedy"),
        [
            (
                "tempfail.mail",
                refusal(),
                "{kind: smtp, interval: 2s, fall: 3}",
                "under tempfail.mail",
                "lb1 believed ht1, ht2 and ht3 to be up while they refused",
                "a check on lb1 that goes as far as MAIL FROM (kind: mail)",
            ),
            (
                "pause",
                silence,
                "{kind: tcp, interval: 2s, fall: 3}",
                "frozen",
                "lb1 believed ht1, ht2 and ht3 to be up while they cut or did not answer",
                "waits for the banner and says EHLO (kind: smtp)",
            ),
            (
                "kill",
                cut,
                "{kind: smtp, interval: 2s, fall: 3}",
                "killed",
                "lb1 does not behave as declared: its check (smtp, each 2 s, 3 failures) would "
                "have seen this within 12 s, and it believed ht1, ht2 and ht3 to be up for 25.0 s",
                "compare the configuration of lb1 with the topology",
            ),
        ],
    )
    def test_the_cause_is_the_check(
        self, kind: str, meets: Meets, check: str, state: str, cause: str, remedy: str
    ) -> None:
        """Two others were there each time: what kept the mail from them is the balancer's check."""
        plan = rolling(kind)
        finding = only(drilled(*plan, meets=of_all(plan, meets)), bench(check))
        assert finding.kind == "not taken over"
        assert finding.sentence.startswith(
            f"ht1, ht2 and ht3 were {state} one after another, the others there each time, and yet "
        )
        assert cause in finding.sentence
        assert remedy in finding.remedy

    def test_those_that_were_taken_over_in_time_are_not_named(self) -> None:
        """A hub whose death was noticed in time explains nothing that the flow does not promise."""
        history = drilled(
            ("kill:ht1", 2.0, 2.5),
            ("tempfail.mail:ht2", 5.0, 8.0),
            meets={"kill:ht1": cut, "tempfail.mail:ht2": refusal()},
        )
        finding = only(history, bench())
        assert finding.sentence.startswith("ht2 was under tempfail.mail while ht1 and ht3 were")
        assert "and yet 20 of 240 attempts of relay failed" in finding.sentence


class TestAtOnce:
    """What was broken at the same time counts as gone together."""

    def test_two_hubs_of_three(self) -> None:
        """The third was there."""
        plan = (("kill:ht1", 2.0, 5.0), ("kill:ht2", 2.0, 5.0))
        finding = only(drilled(*plan, meets=of_all(plan, cut)), bench("{kind: none}"))
        assert finding.sentence.startswith("ht1 and ht2 were killed while ht3 was there, and yet")
        assert "lb1 does not check its backends" in finding.sentence

    @pytest.mark.parametrize(("kind", "meets"), [("kill", cut), ("tempfail.mail", refusal())])
    def test_all_hubs(self, kind: str, meets: Meets) -> None:
        """Nobody was left: they are all that carries the flow."""
        plan = tuple((f"{kind}:{hub}", 2.0, 5.0) for hub in HUBS)
        finding = only(drilled(*plan, meets=of_all(plan, meets)), bench())
        assert finding.kind == "alone"
        assert finding.sentence.startswith("ht1, ht2 and ht3 are all that carries relay; ")
        assert "60 attempts in 3" in finding.sentence

    def test_a_site_has_its_name(self) -> None:
        """Its nodes stand in brackets."""
        plan = (("kill:ht1", 2.0, 5.0), ("kill:ht2", 2.0, 5.0))
        design = bench("{kind: none}", site=", site: dublin")
        finding = only(drilled(*plan, meets=of_all(plan, cut)), design)
        assert finding.sentence.startswith("dublin (ht1, ht2) was killed while ht3 was there")


class TestHubAndBalancer:
    """Each explains its own."""

    def test_a_balancer_that_was_back_long_before_explains_nothing(self) -> None:
        """It froze for half a second of field time; what failed for half a minute was the hub's."""
        history = drilled(
            ("pause:lb1", 1.0, 1.05),
            ("tempfail.mail:ht2", 3.0, 7.0),
            meets={"pause:lb1": silence, "tempfail.mail:ht2": refusal()},
        )
        finding = only(history, bench())
        assert finding.sentence.startswith("ht2 was under tempfail.mail while ht1 and ht3 were")
        assert "lb1 believed ht2 to be up" in finding.sentence

    def test_an_accepted_balancer_is_not_the_reason(self) -> None:
        """What the author accepts is not why the drill fails."""
        history = drilled(
            ("kill:lb1", 1.0, 3.0),
            ("tempfail.mail:ht2", 5.0, 9.0),
            meets={"kill:lb1": nobody, "tempfail.mail:ht2": refusal()},
        )
        design = bench(accept="[{node: lb1, reason: until the second is bought}]")
        finding = only(history, design)
        assert finding.sentence.startswith("ht2 was under tempfail.mail while ht1 and ht3 were")

    def test_each_of_two_causes_is_told(self) -> None:
        """A dead balancer, and after it a hub that no check sees: two findings."""
        history = drilled(
            ("kill:lb1", 1.0, 3.0),
            ("tempfail.mail:ht2", 6.0, 9.0),
            meets={"kill:lb1": nobody, "tempfail.mail:ht2": refusal()},
        )
        alone, unused = found(history, bench())
        assert alone.sentence.startswith("lb1 carries relay alone; killed, 40 attempts in 20.")
        assert unused.sentence.startswith("ht2 was under tempfail.mail while ht1 and ht3 were")

    def test_a_balancer_that_dies_with_a_hub_is_alone(self) -> None:
        """Without it nothing is left, whatever else is gone: the hub is not named."""
        history = drilled(
            ("kill:lb1", 2.0, 5.0), ("kill:ht1", 2.0, 5.0), meets={"kill:lb1": nobody}
        )
        finding = only(history, bench())
        assert finding.sentence.startswith("lb1 carries relay alone; killed, 60 attempts in 30.")


class TestWhatIsNoCause:
    """What breaks nothing, was never injected, or does not matter to the flow."""

    def test_a_fault_that_does_nothing_is_not_named(self) -> None:
        """Nor does it change what is said of the one that does something."""
        history = drilled(
            ("tempfail.mail:ht2", 1.0, 5.0),
            ("none:mbx", 2.2, 3.4),
            ("none:mbx", 4.0, 4.6),
            meets={"tempfail.mail:ht2": refusal()},
        )
        finding = only(history, bench())
        assert finding.sentence.startswith("ht2 was under tempfail.mail while ht1 and ht3 were")

    @pytest.mark.parametrize("share", [HUBS, ("ht3",)])
    def test_where_mail_did_not_flow_before_no_fault_is_blamed(
        self, share: tuple[str, ...]
    ) -> None:
        """Neither for what never flowed at all, nor for one hub that refused from the begin on."""
        history = History()
        history.fault("kill:ht1", inject=2.0, heal=5.0)
        for number in range(round(8.0 * RATE)):
            at, hub = number * STEP_S + 0.011, HUBS[number % 3]
            if hub in share:
                refusal(454, Phase.STARTTLS)(history, f"<{at:.4f}@app>", at, hub)
            else:
                history.delivered(f"<{at:.4f}@app>", hub, at=at)
        findings_of = findings(judged(history, bench()))
        [finding] = findings_of
        assert finding.kind in ("steady", "unproven steady")
        assert finding.sentence.startswith("mail of relay did not flow before anything was broken")
        assert "454 at starttls" in finding.sentence
        assert "kill" not in finding.sentence
        assert f"{'' if len(share) == 1 else '13 '}by ht3" in finding.sentence


class TestNames:
    """The server is named by what the attempts themselves show."""

    @pytest.mark.parametrize(
        ("meets", "told"),
        [
            (refusal(454, Phase.STARTTLS), "454 at starttls), by ht2"),
            (late, "accepted late), by ht2"),
        ],
    )
    def test_in_the_steady_state(self, meets: Meets, told: str) -> None:
        """One server of three does not do TLS, or takes too long: it is named."""
        history = History()
        for number in range(60):
            at, hub = number * STEP_S, HUBS[number % 3]
            if hub == "ht2":
                meets(history, f"<{number}@app>", at, hub)
            else:
                history.delivered(f"<{number}@app>", hub, at=at)
        assert told in only(history, bench()).sentence

    def test_lateness_under_a_fault(self) -> None:
        """A slow server is named for what it took late, and its balancer for not seeing it."""
        plan = (("slow.mail:ht2", 2.0, 6.0),)
        history = drilled(*plan, meets=of_all(plan, late))
        finding = only(history, bench())
        assert "lb1 believed ht2 to be up while it took" in finding.sentence
        assert "of them late (check: smtp)" in finding.sentence
        assert "by ht2, which the balancer believed to be up all the time" in str(
            degraded(history, bench()).summary
        )

    def test_a_frozen_balancer_is_not_its_servers_lateness(self) -> None:
        """What hung before all hubs alike is not told as late by each of them."""
        plan = (("pause:lb1", 2.0, 5.0),)
        history = drilled(*plan, meets=of_all(plan, late))
        assert "by ht" not in degraded(history, bench()).summary

    def test_a_server_that_was_not_broken_is_named_too(self) -> None:
        """One hub was killed, and another one refused."""
        history = drilled(("kill:ht1", 2.0, 5.0), meets={"kill:ht1": cut})
        for number in range(6):
            at = 4.0 + number * 0.1
            refusal(454, Phase.STARTTLS)(history, f"<tls{number}@app>", at, "ht3")
        assert "6 by ht3" in degraded(history, bench()).summary


def waits(history: History, message: str, at: float, hub: str) -> None:
    """Accepted by a slow hub, in time, and only after what it makes everybody wait."""
    history.write(hub, "bitten", at=at + 0.2, fault="slow", phase="mail", port=25, client="c")
    history.attempt(message, at=at, took=0.51, server=f"{hub}.contoso.com")
    history.accepted(message, hub, at=at + 0.505)
    history.arrived(message, at=at + 0.51)


class TestRemedies:
    """A remedy helps against each fault that the finding tells of, and against what it did."""

    def test_faults_that_different_checks_would_see_have_a_remedy_each(self) -> None:
        """That no check goes as far as RCPT leaves the frozen hub to one that waits for EHLO."""
        plan = (("pause:ht2", 2.0, 5.0), ("tempfail.rcpt:ht1", 2.0, 5.0))
        meets = {"pause:ht2": late, "tempfail.rcpt:ht1": refusal(phase=Phase.RCPT)}
        finding = only(drilled(*plan, meets=meets), bench("{kind: tcp, interval: 2s}"))
        assert "waits for the banner and says EHLO (kind: smtp)" in finding.remedy
        assert "no health check goes so far into a session" in finding.remedy

    @pytest.mark.parametrize(
        ("label", "remedy"),
        [
            ("slow:ht2", "a check on lb1 that goes as far as MAIL FROM (kind: mail); and where"),
            ("slow.data:ht2", "find out what makes ht2 slow: no health check goes so far into a"),
        ],
    )
    def test_what_a_slow_hub_made_wait_is_no_mail_to_send_again(
        self, label: str, remedy: str
    ) -> None:
        """It was accepted: a check, or a flow that may wait, and no sender that tries again."""
        finding = only(drilled((label, 2.0, 5.0), meets={label: waits}), bench())
        assert "lb1 believed ht2 to be up while it took" in finding.sentence
        assert finding.remedy.startswith(remedy)
        assert finding.remedy.endswith("where mail may be as late as that: expect: {late: 10s}")


class TestDeclared:
    """A balancer is measured by the check that it is declared to have."""

    @pytest.mark.parametrize("phase", [Phase.BANNER, Phase.EHLO])
    def test_one_that_stays_green_through_what_its_check_sees(self, phase: Phase) -> None:
        """The remedy is not a check that goes further: the one that is declared would do."""
        label = f"tempfail.{phase}:ht2"
        history = drilled((label, 2.0, 6.0), meets={label: refusal(phase=phase)})
        finding = only(history, bench())
        assert "lb1 does not behave as declared: its check (smtp, each 2 s" in finding.sentence
        assert "it believed ht2 to be up for 40.0 s" in finding.sentence
        assert "MAIL" not in finding.remedy

    def test_a_check_that_cannot_log_in_sees_no_mail_command(self) -> None:
        """Where MAIL wants STARTTLS first, a check as far as MAIL is blind, and as declared."""
        label = "backpressure:ht2"
        history = drilled((label, 2.0, 6.0), meets={label: refusal(452)})
        locked = "connectors: {client: {port: 25, tls: required, auth: required}}"
        finding = only(history, bench("{kind: mail}", names=locked))
        assert "lb1 believed ht2 to be up while it refused" in finding.sentence
        assert "no health check goes so far into a session" in finding.remedy

    def test_one_that_notices_later_than_it_can(self) -> None:
        """Marked down after 25 s, where its check takes 12 at most."""
        history = drilled(("kill:ht2", 2.0, 8.0), meets={})
        for number in range(25):
            cut(history, f"<cut{number}@app>", 2.05 + number * 0.1, "ht2")
        history.belief("ht2", "down", at=4.5)
        finding = only(history, bench())
        assert "lb1 does not behave as declared" in finding.sentence
        assert "believed ht2 to be up for 25.0 s" in finding.sentence

    def test_one_that_notices_as_late_as_it_may(self) -> None:
        """That is as declared: what is promised is less than what the check can hold."""
        history = drilled(("kill:ht2", 2.0, 8.0), meets={})
        for number in range(20):
            cut(history, f"<cut{number}@app>", 2.05 + number * 0.1, "ht2")
        history.belief("ht2", "down", at=4.1)
        finding = only(history, bench("{interval: 4s, timeout: 4s, fall: 3}"))
        assert "lb1 took 21.0 s to notice, 10 s are allowed" in finding.sentence


class TestElsewhere:
    """A lab whose balancer keeps no journal: what the clients met is what is known."""

    def test_no_belief_is_claimed(self) -> None:
        """A false green is told from what the senders met."""
        history = drilled(
            ("tempfail.mail:ht2", 2.0, 6.0), meets={"tempfail.mail:ht2": refusal()}, until=8.0
        )
        design = bench(attach=ELSEWHERE)
        finding, verdict = only(history, design), degraded(history, design)
        assert "believed" not in finding.sentence + verdict.summary
        assert (
            "ht2 went on being given mail by lb1, whose check (smtp) does not see this: it refused "
            "27 of the 160 attempts"
        ) in finding.sentence
        assert "27 by ht2, which went on being given mail for 3" in verdict.summary
        assert verdict.figures["false_green"]["believed_up_s"] is None

    @pytest.mark.parametrize(
        ("label", "meets"), [("kill:ht2", cut), ("tempfail.ehlo:ht2", refusal(phase=Phase.EHLO))]
    )
    def test_one_that_is_not_as_declared(self, label: str, meets: Meets) -> None:
        """It went on giving mail to what its declared check would have marked down."""
        history = drilled((label, 2.0, 6.0), meets={label: meets})
        finding = only(history, bench(attach=ELSEWHERE))
        assert "lb1 does not behave as declared" in finding.sentence
        assert "and it went on giving ht2 mail for 39" in finding.sentence

    def test_a_belief_that_is_on_record_is_told(self) -> None:
        """Whoever reads the balancer's own status knows what it believed."""
        history = drilled(("tempfail.mail:ht2", 2.0, 6.0), meets={"tempfail.mail:ht2": refusal()})
        history.belief("ht2", "up", at=0.5)
        finding = only(history, bench(attach=ELSEWHERE))
        assert "lb1 believed ht2 to be up while it refused" in finding.sentence
        history.belief("ht2", "unseen", at=4.0)
        finding = only(history, bench(attach=ELSEWHERE))
        assert "ht2 went on being given mail by lb1" in finding.sentence


def test_a_cluster_watches_hosts() -> None:
    """What a WNLB host refuses is told as the cluster's blindness; no check is compared."""
    plan = (("refuse:ht2", 2.0, 6.0),)
    history = drilled(*plan, meets=of_all(plan, nobody))
    finding = only(history, bench("{kind: none}", mode="wnlb"))
    assert finding.sentence.endswith("lb1 is a WNLB cluster, which watches hosts and not services")


def test_a_pair_that_is_slow_to_take_over() -> None:
    """The standby is there: the balancer is not alone."""
    plan = (("kill:lb1", 2.0, 5.0),)
    history = drilled(*plan, meets=of_all(plan, nobody))
    finding = only(history, bench(more="lb2: {role: standby, standby_of: lb1}"))
    assert finding.sentence.startswith("lb1 was killed while lb2 was there, and yet 60 of 240")
    assert "lb2 waits up to 3.6 s for a sign of lb1" in finding.sentence


def test_what_was_healed_and_does_not_serve() -> None:
    """A hub that refuses long after its heal: it is not told as broken, and others were there."""
    history = drilled(("kill:ht2", 2.0, 3.0), meets={})
    for number in range(60):
        refusal()(history, f"<bad{number}@app>", 3.05 + number * 0.1, "ht2")
    finding = only(history, bench())
    assert finding.kind == "not back"
    assert finding.sentence.startswith("ht2 was killed and healed, and yet ")
    assert finding.sentence.endswith("after that, the last 59.5 s after the heal")


@pytest.mark.parametrize("fault", ["stale:ns1", "nxdomain:ns1"])
def test_a_resolver_goes_on_with_what_a_name_server_said(fault: str) -> None:
    """Mail goes on failing after the heal, for a TTL that is longer than the promised gap."""
    plan = ((fault, 2.0, 3.0),)
    history = drilled(*plan, meets=of_all(plan, nobody))
    for number in range(60):
        nobody(history, f"<bad{number}@app>", 3.05 + number * 0.1, "ht2")
    design = bench(
        more="ns1: {role: dns}\n  cache: {role: dns, upstream: [ns1]}",
        names="names: {mail.contoso.com: mail}\nttls: {mail.contoso.com: 5min}",
        to="mail.contoso.com",
    )
    finding = only(history, design)
    assert finding.kind == "not back"
    assert (
        "a resolver keeps what it was told of mail.contoso.com for up to 300s" in finding.sentence
    )
    assert finding.remedy == "a TTL of 10s or less for mail.contoso.com"


@pytest.mark.parametrize(("first", "second"), [("kill:ht1", "kill:ht2"), ("kill:ht2", "kill:ht1")])
def test_what_was_noticed_is_of_the_fault_that_explains_the_worst(first: str, second: str) -> None:
    """Not of the first fault of the plan."""
    history = drilled((first, 1.0, 2.0), (second, 4.0, 8.0), meets={first: cut, second: cut})
    one, other = (label.partition(":")[2] for label in (first, second))
    history.belief(one, "down", at=1.3)
    history.belief(one, "up", at=2.2)
    history.belief(other, "down", at=7.9)
    history.belief(other, "up", at=8.4)
    figures: dict[str, Any] = degraded(history, bench()).figures
    assert figures["detection_s"] == pytest.approx(39.0, abs=0.1)
    assert figures["recovery_s"] == pytest.approx(4.0, abs=0.1)
    assert figures["by_fault"][second] > figures["by_fault"][first] > 0


def test_pinned_senders_of_a_lost_site() -> None:
    """Senders that keep to one MX host had no other way; those servers are all that carries it."""
    names = """\
zones:
  contoso.com:
    mx:
      - {host: mx1, preference: 10, addresses: [ht1, ht2]}
      - {host: mx2, preference: 10, addresses: [ht3]}
"""
    design = bench(names=names, to="contoso.com", persona="pinned_mx, pin: mx1")
    plan = (("kill:ht1", 2.0, 5.0), ("kill:ht2", 2.0, 5.0))
    history = History()
    for label, inject, heal in plan:
        history.fault(label, inject=inject, heal=heal)
    for number in range(round(8.0 * RATE)):
        at, hub = number * STEP_S + 0.011, ("ht1", "ht2")[number % 2]
        if 2.0 <= at < 5.0:
            nobody(history, f"<{number}@app>", at, hub)
        else:
            history.delivered(f"<{number}@app>", hub, at=at)
    finding = only(history, design)
    assert finding.kind == "alone"
    assert finding.sentence.startswith("mx1 (ht1, ht2) carries relay alone; killed, 60 attempts")
