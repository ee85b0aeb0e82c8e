"""The check of accounts: what of a drill's mail lies in queues, and what that comes to."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from tests.histories import History
from tests.unit.test_checks import HEAL, INJECT, KILL, case, drilled, topology

from relaydrill.drills.checks import Case, check_account
from relaydrill.drills.findings import findings
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.faults import FaultSpec
from relaydrill.smtp import Result
from relaydrill.verdict import Status, Verdict

PASS, UNKNOWN, FAIL = Status.PASS, Status.UNKNOWN, Status.FAIL
CLOCK = 10
OVER = 11.0
"""Wall seconds after which the time to settle is over: ten of workload, and one."""
FOREVER = float("inf")
MBX_FOR_GOOD = FaultSpec("kill", "mbx", 20.0, FOREVER)
HT1_FOR_GOOD = FaultSpec("kill", "ht1", 20.0, FOREVER)


def account(given: Case) -> Verdict:
    """What the check says."""
    verdict = check_account(given)
    assert verdict is not None
    return verdict


def taken(
    history: History, node: str, count: int, *, at: float = 5.0, name: str = "x"
) -> list[str]:
    """Messages that a node accepts, and does not send."""
    messages = [f"<x{number}@app>" for number in range(count)]
    for number, message in enumerate(messages):
        begun = at + number / 1000
        history.attempt(message, at=begun, took=0.0005)
        history.accepted(message, node, at=begun + 0.0004)
    return messages


def deferred(history: History, node: str, message: str, moments: Iterable[float]) -> None:
    """Tries in vain."""
    for moment in moments:
        history.write(node, "deferred", message, at=moment, reason="451 4.3.0 not now")


def for_good(node: str) -> History:
    """A drill in which a node is killed, and does not come back before all is accounted for."""
    history = drilled()
    history.events = [event for event in history.events if event.node != "harness"]
    history.fault(f"kill:{node}", inject=INJECT, heal=None)
    return history


def finding_of(given: Case) -> str:
    """The sentence of the one finding."""
    verdicts = (FlowVerdict("relay", (account(given),)),)
    judgement = Judgement(given.drill, given.topology, "process", Path(), verdicts, given.ledger)
    [finding] = findings(judgement)
    return f"{finding.kind}: {finding.sentence}"


class TestStuck:
    """What lies on a server that is up, after the time to settle."""

    def test_it_fails_and_is_told_with_its_place_and_reason(self) -> None:
        """One message is enough: all of a drill's mail can be delivered."""
        history = drilled()
        [message] = taken(history, "ht2", 1)
        deferred(history, "ht2", message, (6.0, 10.2, 10.8))
        history.queue("ht2", message, at=OVER)
        given = case(history, KILL)
        assert account(given).status is FAIL
        assert account(given).summary.startswith("stuck: ")
        assert "1 of them stuck on ht2, last told by ht2: 451 4.3.0" in account(given).summary
        told = "stuck: ht1 killed: 1 message of relay still waits on ht2, which is up, after the"
        assert finding_of(given).startswith(told)

    def test_a_topology_may_allow_for_it(self) -> None:
        """So many, or any number, that is then told only."""
        history = drilled()
        history.queue("ht2", *taken(history, "ht2", 2), at=OVER)
        for most, expected in (("1", FAIL), ("2", PASS), ("null", PASS)):
            allowed = topology(f"{{gap: 10s, stuck: {most}}}")
            verdict = account(case(history, KILL, design=allowed))
            assert verdict.status is expected
            assert "2 of them stuck on ht2" in verdict.summary

    def test_a_mailbox_server_that_is_broken_for_good_is_the_reason(self) -> None:
        """What waits for it waits on servers that are up, and no time would do."""
        history = for_good("mbx")
        messages = taken(history, "ht2", 3)
        deferred(history, "ht2", messages[0], (5.5,))
        history.queue("ht2", *messages, at=OVER)
        verdict = account(case(history, MBX_FOR_GOOD))
        assert verdict.status is FAIL
        assert "3 of them stuck on ht2, for mbx, which is broken for good" in verdict.summary

    def test_an_unanswered_message_is_stuck_as_well(self) -> None:
        """The server has it, and took it on itself, whatever the sender heard."""
        history = drilled()
        history.attempt("<x@app>", Result.UNANSWERED, at=5.0)
        history.accepted("<x@app>", "ht2", at=5.0005)
        history.queue("ht2", "<x@app>", at=OVER)
        assert account(case(history, KILL)).status is FAIL

    def test_two_copies_that_never_arrive_are_stuck_too(self) -> None:
        """That duplicates are allowed delivers nothing."""
        history = drilled()
        taken(history, "ht2", 1)
        history.accepted("<x0@app>", "ht3", at=5.2)
        history.queue("ht2", "<x0@app>", at=OVER)
        history.queue("ht3", "<x0@app>", at=OVER)
        verdict = account(case(history, KILL))
        assert (verdict.status, verdict.figures["duplicated"]) == (FAIL, 1)
        assert "1 of them stuck on ht2 and ht3" in verdict.summary

    def test_a_node_whose_service_alone_is_broken_for_good_is_up(self) -> None:
        """A hub that turns everybody away sends what it has; what it does not send is stuck."""
        history = drilled()
        history.queue("ht2", *taken(history, "ht2", 1), at=OVER)
        spec = FaultSpec("tempfail", "ht2", 20.0, FOREVER)
        assert account(case(history, KILL, spec)).summary.startswith("stuck: ")

    def test_a_fault_that_could_not_be_injected_broke_nothing(self) -> None:
        """The node is up, so that what it holds is not stranded."""
        history = for_good("ht2")
        history.events = [event for event in history.events if event.node != "harness"]
        history.fault("kill:ht1", inject=INJECT, heal=None, error="cannot be killed")
        history.queue("ht1", *taken(history, "ht1", 1), at=OVER)
        assert account(case(history, HT1_FOR_GOOD)).summary.startswith("stuck: ")


class TestTimeToSettle:
    """Where more time, or a look, might have told otherwise, nothing is proven."""

    def test_a_queue_that_nobody_looked_into_proves_nothing(self) -> None:
        """The journal's word alone says nothing of how it ended on a server that is up."""
        history = drilled()
        taken(history, "ht2", 1)
        verdict = account(case(history, KILL))
        assert verdict.status is UNKNOWN
        assert "the queue of ht2 was not looked into at the end" in verdict.summary

    def test_a_look_before_the_time_is_over_proves_nothing(self) -> None:
        """A drill that was cut short has not waited."""
        history = drilled()
        history.queue("ht2", *taken(history, "ht2", 1), at=10.2)
        verdict = account(case(history, KILL))
        assert (verdict.status, "after 2 s of 10 s to settle" in verdict.summary) == (UNKNOWN, True)

    def test_a_machine_that_starved_takes_time_out_of_it(self) -> None:
        """What the queue did not get of the time is no fault of its server."""
        history = drilled()
        history.stall(10.2, 10.9, lost=0.6)
        history.queue("ht2", *taken(history, "ht2", 1), at=OVER)
        verdict = account(case(history, KILL))
        assert (verdict.status, "the machine starved" in verdict.summary) == (UNKNOWN, True)

    def test_a_refusal_is_no_machine_s_work(self) -> None:
        """Tried twice in vain with everything healed: no time would have done."""
        history = drilled()
        history.stall(10.2, 10.9, lost=0.6)
        [message] = taken(history, "ht2", 1)
        deferred(history, "ht2", message, (10.1, 10.6))
        history.queue("ht2", message, at=OVER)
        assert account(case(history, KILL)).status is FAIL

    def test_a_queue_that_was_still_emptying_proves_nothing(self) -> None:
        """It says so, and that a longer time to settle might do."""
        history = drilled()
        messages = taken(history, "ht2", 2)
        history.arrived(messages[0], at=10.7)
        history.write("ht2", "relayed", messages[0], at=10.7)
        history.queue("ht2", messages[1], at=OVER)
        verdict = account(case(history, KILL))
        assert verdict.status is UNKNOWN
        assert "ht2 was still delivering after 10 s; settle 20s might do" in verdict.summary

    @pytest.mark.parametrize(("last", "expected"), [(9.0, UNKNOWN), (3.0, FAIL)])
    def test_a_try_that_was_not_due_yet_proves_nothing(self, last: float, expected: Status) -> None:
        """A hub tries again after a minute, six seconds here; one that then does not is stuck."""
        history = drilled()
        [message] = taken(history, "ht2", 1, at=2.5)
        deferred(history, "ht2", message, (last,))
        history.queue("ht2", message, at=OVER)
        verdict = account(case(history, KILL))
        assert verdict.status is expected
        assert ("60 s after its last try; settle 70s" in verdict.summary) is (expected is UNKNOWN)

    def test_the_message_that_was_tried_most_tells_of_its_destination(self) -> None:
        """Of a server that is too slow for every try, the last one to be tried has had one."""
        history = drilled()
        first, second = taken(history, "ht2", 2, at=2.5)
        for moment in (3.0, 4.5, 6.0, 8.5, 10.2, 10.6):
            history.write("ht2", "deferred", first, at=moment, reason="no answer: timed out")
        history.write("ht2", "deferred", second, at=10.9, reason="no answer: timed out")
        history.queue("ht2", first, second, at=OVER)
        verdict = account(case(history, KILL))
        assert verdict.status is FAIL
        assert "2 of them stuck on ht2, last told by ht2: no answer: timed out" in verdict.summary

    def test_a_try_before_the_heal_says_nothing_of_the_time_after_it(self) -> None:
        """However often a message was tried while all was broken, its next try may take it."""
        history = drilled()
        [message] = taken(history, "ht2", 1, at=2.5)
        for moment in (3.0, 4.0, 5.0, 6.0, 7.0, 9.5):
            history.write("ht2", "deferred", message, at=moment, reason="no answer: timed out")
        history.queue("ht2", message, at=OVER)
        verdict = account(case(history, KILL))
        assert verdict.status is UNKNOWN
        assert "was to try again only 300 s after its last try" in verdict.summary

    def test_a_starving_machine_has_time_run_out(self) -> None:
        """What timed out, however often, may have been its work, and not the next hop's."""
        history = drilled()
        history.stall(10.2, 10.9, lost=0.6)
        [message] = taken(history, "ht2", 1, at=2.5)
        for moment in (10.1, 10.3, 10.6):
            history.write("ht2", "deferred", message, at=moment, reason="no answer: timed out")
        history.queue("ht2", message, at=OVER)
        verdict = account(case(history, KILL))
        assert (verdict.status, "the machine starved" in verdict.summary) == (UNKNOWN, True)

    def test_an_allowance_needs_no_proof(self) -> None:
        """Where any number may be stuck, it is all one whether they are."""
        history = drilled()
        taken(history, "ht2", 1)
        allowed = topology("{gap: 10s, stuck: null}")
        assert account(case(history, KILL, design=allowed)).status is PASS


class TestStranded:
    """What was promised, and lies only on servers that are gone for good."""

    def test_the_finding_says_where_it_lies_and_not_what_else_was_broken(self) -> None:
        """A mailbox server that was healed is gone for nobody."""
        history = drilled()
        history.fault("kill:mbx", inject=INJECT, heal=HEAL)
        history.fault("kill:ht2", inject=INJECT + 0.5, heal=None)
        taken(history, "ht2", 1)
        mbx, ht2 = FaultSpec("kill", "mbx", 20.0, 20.0), FaultSpec("kill", "ht2", 25.0, FOREVER)
        given = case(history, KILL, mbx, ht2)
        assert account(given).status is FAIL
        assert "1 of them stranded on ht2, which is gone for good" in account(given).summary
        told = "stranded: accepted mail of relay lies on ht2, which is gone for good, and nobody"
        assert finding_of(given).startswith(told)

    def test_what_a_hub_keeps_a_copy_of_is_not_lost_to_all(self) -> None:
        """The look came before the copies were sent: nobody can say what becomes of them."""
        history = for_good("ht1")
        taken(history, "ht1", 1, at=1.5)
        history.write("ht2", "queue", at=OVER, items=[], shadows={"ht1": 1})
        verdict = account(case(history, HT1_FOR_GOOD))
        assert verdict.status is UNKNOWN
        assert "ht2 keeps copies for ht1, not sent yet" in verdict.summary

    def test_on_two_servers_one_of_which_is_up_it_is_stuck(self) -> None:
        """Whoever is up could have sent it."""
        history = for_good("ht1")
        taken(history, "ht1", 1, at=1.5)
        history.accepted("<x0@app>", "ht2", at=1.8)
        history.queue("ht2", "<x0@app>", at=OVER)
        assert account(case(history, HT1_FOR_GOOD)).summary.startswith("stuck: ")


class TestNothingArrived:
    """A flow that delivers nothing never passes."""

    @pytest.mark.parametrize(
        ("allowed", "is_queued", "expected"),
        [
            ("stuck: null", True, FAIL),
            ("lost: 99", False, FAIL),
            ("stuck: null, lost: 99", None, FAIL),
            ("stranded: null", None, UNKNOWN),
        ],
    )
    def test_whatever_is_allowed(
        self, allowed: str, is_queued: bool | None, expected: Status
    ) -> None:
        """All stuck or lost is a failure; all stranded proves nothing of the rest of the tier."""
        history = History()
        gone = "stranded" in allowed
        if gone:
            history.fault("kill:ht1", inject=INJECT, heal=None)
        messages = taken(history, "ht1", 8, at=1.0)
        if not gone:
            count = {True: 8, False: 0, None: 4}[is_queued]
            history.queue("ht1", *messages[:count], at=OVER + 1.0)
        design = topology(f"{{gap: 10s, {allowed}}}")
        faults = (HT1_FOR_GOOD,) if gone else ()
        verdict = account(case(history, *faults, design=design))
        assert verdict.status is expected
        assert ("nothing arrived" in verdict.summary) is (expected is FAIL)

    def test_it_is_a_finding(self) -> None:
        """With what to do about it."""
        history = History()
        history.queue("ht1", *taken(history, "ht1", 8, at=1.0), at=OVER + 1.0)
        given = case(history, design=topology("{gap: 10s, stuck: null}"))
        told = "nothing arrived: nothing broken: of relay nothing was delivered of all that was"
        assert finding_of(given).startswith(told)


class TestPhantomsAndDuplicatesInQueues:
    """What lies in a queue will arrive: it counts as what it will be."""

    def test_what_was_refused_and_lies_there_is_a_phantom(self) -> None:
        """It fails, says where it lies, and is not told as delivered."""
        history = drilled()
        history.attempt("<x@app>", Result.REFUSED, at=5.0, code=451)
        history.accepted("<x@app>", "ht2", at=5.0005)
        history.queue("ht2", "<x@app>", at=OVER)
        given = case(history, KILL)
        assert (account(given).status, account(given).figures["phantom"]) == (FAIL, 1)
        assert "1 of the phantom queued on ht2" in account(given).summary
        told = "1 message of relay had been refused and lies queued on ht2 all the same"
        assert told in finding_of(given)

    def test_a_copy_beside_the_delivered_one_is_a_duplicate(self) -> None:
        """It fails where duplicates are promised not to be, and is told where it lies."""
        history = drilled()
        history.queue("ht2", "<0.0000@app>", at=OVER)
        verdict = account(case(history, KILL))
        assert (verdict.status, verdict.figures["duplicated"]) == (PASS, 1)
        given = case(history, KILL, design=topology("{gap: 10s, duplicated: 0}"))
        assert account(given).status is FAIL
        assert "with a copy queued on ht2" in finding_of(given)


class TestSecondCopies:
    """A flow that promises no duplicates is looked at until none can come."""

    STRICT = topology("{gap: 10s, duplicated: 0}")

    def seen_to_the_end(self, history: History) -> History:
        """A look into every queue."""
        for hub in ("ht1", "ht2", "ht3"):
            history.queue(hub, at=OVER)
        return history

    def test_with_all_queues_empty_it_holds(self) -> None:
        """Nothing is held any more."""
        given = case(self.seen_to_the_end(drilled()), KILL, design=self.STRICT)
        assert account(given).status is PASS

    def test_a_queue_that_was_not_looked_into_may_hold_one(self) -> None:
        """Every server that may hold mail is to be looked into, after the last attempt."""
        history = self.seen_to_the_end(drilled())
        history.events = [event for event in history.events if event.node != "ht3"]
        verdict = account(case(history, KILL, design=self.STRICT))
        assert verdict.status is UNKNOWN
        assert "the queue of ht3 was not looked into" in verdict.summary

    def test_a_shadow_copy_for_a_hub_that_is_gone_may_come(self) -> None:
        """Its keeper sends it when the silence has lasted long enough."""
        history = self.seen_to_the_end(for_good("ht1"))
        history.write("ht2", "queue", at=OVER + 0.1, items=[], shadows={"ht1": 2, "ht3": 1})
        verdict = account(case(history, HT1_FOR_GOOD, design=self.STRICT))
        assert (verdict.status, "ht2 keeps 2 copies for ht1" in verdict.summary) == (UNKNOWN, True)

    def test_a_sender_that_still_has_it_may_send_it_again(self) -> None:
        """A mail server that got no answer tries again, and what it sent has arrived."""
        history = self.seen_to_the_end(drilled())
        history.attempt("<x@app>", Result.UNANSWERED, at=5.0)
        history.arrived("<x@app>", at=5.0005)
        history.queue("app", "<x@app>", at=OVER)
        verdict = account(case(history, KILL, design=self.STRICT))
        assert verdict.status is UNKNOWN
        assert "app would send 1 of them again" in verdict.summary

    def test_what_is_just_being_handed_on_may_come_twice(self) -> None:
        """In the mailbox, and not yet out of the queue."""
        history = self.seen_to_the_end(drilled())
        taken(history, "ht2", 1)
        history.arrived("<x0@app>", at=OVER)
        history.queue("ht2", "<x0@app>", at=OVER + 0.1)
        verdict = account(case(history, KILL, design=self.STRICT))
        assert (verdict.status, "just being handed on" in verdict.summary) == (UNKNOWN, True)


def elsewhere(count: int, node: str, kind: str, **detail: Any) -> History:
    """A drill some of whose mail left what can be seen."""
    history = drilled()
    for number in range(count):
        message = f"<e{number}@app>"
        begun = 5.0 + number / 1000
        history.attempt(message, at=begun, took=0.0005, server="ht2.contoso.com")
        history.accepted(message, "ht2", at=begun + 0.0004, stored=False)
        history.write(node, kind, message, at=begun + 0.0008, **detail)
    return history


class TestExits:
    """Mail that was thrown away, or that went to whose log is not at hand."""

    def test_what_is_thrown_away_fails_by_name(self) -> None:
        """The account says who threw it away and why, and so does the finding."""
        given = case(elsewhere(4, "ht2", "discarded", by="discard", said="spam"), KILL)
        verdict = account(given)
        assert verdict.status is FAIL
        assert "4 discarded; discarded by discard on ht2: spam; one of them is" in verdict.summary
        assert verdict.figures["discarded"] == 4
        sentence = finding_of(given)
        assert "discarded: " in sentence
        assert "thrown away on purpose by discard on ht2: spam; accepted by ht2 (4)" in sentence

    def test_what_may_be_lost_may_be_thrown_away(self) -> None:
        """A flow that allows for two lost messages allows for two that are gone, however."""
        design = topology("{gap: 10s, lost: 2}")
        history = elsewhere(2, "ht2", "discarded", by="discard")
        assert account(case(history, KILL, design=design)).status is PASS
        history.attempt("<gone@app>", at=6.0)
        verdict = account(case(history, KILL, design=design))
        assert verdict.summary.startswith("lost and discarded: ")

    def test_nothing_but_the_bin_is_a_failure(self) -> None:
        """Where all may be lost and all is thrown away, nothing arrived: that fails."""
        history = History()
        history.attempt("<1@app>")
        history.write("ht1", "discarded", "<1@app>", by="discard")
        design = topology("{gap: 10s, lost: 9}")
        verdict = account(case(history, design=design))
        assert verdict.status is FAIL
        assert verdict.summary.startswith("nothing arrived: ")

    def test_what_is_handed_on_is_unknown_by_name(self) -> None:
        """It is told who has it, and that its log is not at hand."""
        verdict = account(case(elsewhere(3, "ht2", "handed-on", to="gw.corp:25"), KILL))
        assert verdict.status is UNKNOWN
        said = "3 handed on to gw.corp:25 by ht2, and its own log is not at hand"
        assert verdict.summary.startswith(said)

    def test_what_is_held_is_stuck_whoever_looked(self) -> None:
        """Only a person moves it on: no look into the queue, and no time, would change that."""
        given = case(elsewhere(2, "ht2", "held", by="milter", said="looks odd"), KILL)
        verdict = account(given)
        assert verdict.status is FAIL
        held = "held there until a person moves it on (ht2: milter: looks odd)"
        assert f"2 of them stuck on ht2, {held}" in verdict.summary
        assert held in finding_of(given)


class TestCopies:
    """The same messages for somebody to whom they were not sent."""

    def test_copies_are_told_and_counted_apart(self) -> None:
        """They are in no account, and change no verdict."""
        history = drilled()
        for number, event in enumerate([e for e in history.events if e.kind == "arrived"][:44]):
            history.write(
                "mbx", "copied", event.message, recipient="archive@x", at=9.0 + number / 1000
            )
        verdict = account(case(history, KILL))
        assert verdict.status is PASS
        assert verdict.summary.endswith("44 copies to archive@x")
        assert verdict.figures["copies"] == {"archive@x": 44}
        flow_ = FlowVerdict("relay", (verdict,))
        assert "copies" not in flow_.account
        assert flow_.copies == {"archive@x": 44}

    def test_what_bears_the_marks_of_several_leaves_all_of_them_open(self) -> None:
        """Though each of them arrived besides: one came a second time, and was changed."""
        history = drilled()
        message = next(event.message for event in history.events if event.kind == "arrived")
        marks = [message, "<other@app>"]
        history.write("mbx", "unattributed", message, recipient="", at=9.0, marks=marks)
        verdict = account(case(history, KILL))
        assert verdict.status is UNKNOWN
        assert f"bears the marks of {message} and <other@app>: nobody can tell" in verdict.summary
        assert "copies" not in verdict.figures

    def test_what_nobody_can_attribute_says_what_to_declare(self) -> None:
        """Both ways are shown, ready to paste; until then it is unknown."""
        history = elsewhere(3, "mbx", "copied", recipient="anna@x")
        verdict = account(case(history, KILL))
        assert verdict.status is UNKNOWN
        assert "seen only at anna@x, and not at user@contoso.com" in verdict.summary
        assert "recipients: {user@contoso.com: [anna@x]}" in verdict.summary
        assert "copies: [anna@x]" in verdict.summary

    def test_who_lacks_it_is_named(self) -> None:
        """Where two mailboxes must get it, the one that did not is told."""
        history = drilled()
        history.attempt("<1@app>", at=5.0)
        history.arrived("<1@app>", mailbox="anna@x", needs=["anna@x", "ben@x"])
        verdict = account(case(history, KILL))
        assert verdict.status is FAIL
        assert "1 of them did not come to ben@x, who must get them, too" in verdict.summary


class TestUnread:
    """Evidence that was not read whole."""

    def drilled(self, outage: float = 0.0) -> History:
        """A drill at whose end a log was found to be gone."""
        history = drilled(outage=outage)
        unread = ["mail.log was rotated away"]
        history.write("harness", "sight", at=0.0, arrivals=True, blind=[], unread=unread)
        return history

    def test_what_was_not_seen_is_unknown_by_the_name_of_the_log(self) -> None:
        """Never lost: it may stand where nobody could read."""
        history = self.drilled()
        history.attempt("<1@app>", at=5.0)
        verdict = account(case(history, KILL))
        assert verdict.status is UNKNOWN
        assert "not all was read: mail.log was rotated away" in verdict.summary

    @pytest.mark.parametrize(
        ("expect", "outage", "status"),
        [
            ("{gap: 10s}", 0.0, PASS),
            ("{gap: 10s, duplicated: 0}", 0.0, UNKNOWN),
            ("{gap: 10s}", 0.5, UNKNOWN),
        ],
    )
    def test_what_may_hide_there_is_not_ruled_out(
        self, expect: str, outage: float, status: Status
    ) -> None:
        """All arrived: a second copy may stand there, or the arrival of what was refused."""
        history = self.drilled(outage)
        for hub in ("ht1", "ht2", "ht3"):
            history.queue(hub, at=OVER)
        verdict = account(case(history, KILL, design=topology(expect)))
        assert verdict.status is status
        if status is UNKNOWN:
            assert "mail.log was rotated away" in verdict.summary
