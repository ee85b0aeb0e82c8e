"""The ledger: what became of every (message, recipient), from journals in any order."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.histories import BODY, OTHER_BODY, History

from relaydrill.journal import Event, Journal, read_events
from relaydrill.ledger import FOREIGN, Account, Entry, Ledger, join
from relaydrill.ledger.joining import RANK
from relaydrill.ledger.kinds import KINDS
from relaydrill.smtp import Phase, Result

M = "<1@app>"
USER = "user@contoso.com"


def only(history: History) -> Entry:
    """The one entry of a history's ledger."""
    (entry,) = join(history.events).entries.values()
    return entry


def account(history: History) -> Account:
    """What became of the one message of a history."""
    return only(history).account


BEFORE_THE_DOT = (Result.DROPPED, Result.UNREACHABLE, Result.UNSENT)


def test_one_file_of_a_mailbox_arrives_once() -> None:
    """A keeper that was killed may tell of the same file again; two files are two arrivals."""
    history = History()
    history.attempt(M)
    history.arrived(M, file="1.mbx")
    history.arrived(M, file="1.mbx")
    assert account(history) is Account.DELIVERED
    history.arrived(M, file="2.mbx")
    assert account(history) is Account.DUPLICATED


@pytest.mark.parametrize(
    ("arrivals", "expected"),
    [(1, Account.DELIVERED), (2, Account.DUPLICATED), (3, Account.DUPLICATED)],
)
def test_accepted_and_arrived(arrivals: int, expected: Account) -> None:
    """250 after the dot: once in the mailbox is delivered, more than once is duplicated."""
    history = History()
    history.attempt(M)
    for _ in range(arrivals):
        history.arrived(M)
    assert account(history) is expected


@pytest.mark.parametrize("saw", [Result.ACCEPTED, Result.UNANSWERED])
def test_another_body_is_altered(saw: Result) -> None:
    """A message that may have been accepted and arrives with another body is altered."""
    history = History()
    history.attempt(M, saw)
    history.arrived(M, digest=OTHER_BODY)
    assert account(history) is Account.ALTERED


def test_one_altered_copy_of_two_is_altered() -> None:
    """A changed body is worse than a second copy: it is never hidden behind duplicated."""
    history = History()
    history.attempt(M)
    history.arrived(M)
    history.arrived(M, digest=OTHER_BODY)
    assert account(history) is Account.ALTERED


def test_accepted_and_nowhere_is_lost() -> None:
    """250 after the dot, nothing in the mailbox, and no node that queues it: lost."""
    history = History()
    history.attempt(M)
    assert account(history) is Account.LOST


def test_accepted_and_relayed_to_nowhere_is_lost() -> None:
    """A hub that has passed a message on holds it no more."""
    history = History()
    history.attempt(M)
    history.accepted(M)
    history.write("ht1", "relayed", M)
    assert account(history) is Account.LOST


def test_accepted_and_bounced_is_lost_and_says_who_bounced_it() -> None:
    """A bounce takes a message out of the queue, and is kept with its node and reason."""
    history = History()
    history.attempt(M)
    history.accepted(M)
    history.write("ht1", "bounced", M, reason="550 5.1.1 User unknown")
    entry = only(history)
    assert entry.account is Account.LOST
    assert [(node, reason) for _, node, reason in entry.bounced] == [
        ("ht1", "550 5.1.1 User unknown")
    ]
    assert entry.bounce == "bounced by ht1: 550 5.1.1 User unknown"


def test_a_bounce_beside_a_delivery_is_none() -> None:
    """Of two copies one arrived: what became of the other is not the message's fate."""
    history = History()
    history.attempt(M)
    history.accepted(M)
    history.write("ht1", "bounced", M, reason="550 5.1.1 User unknown")
    history.arrived(M)
    assert only(history).bounce == ""


@pytest.mark.parametrize(
    ("arrived", "expected"), [(True, Account.RECOVERED), (False, Account.UNKNOWN)]
)
@pytest.mark.parametrize("saw", [Result.UNANSWERED, None])
def test_unanswered(saw: Result | None, arrived: bool, expected: Account) -> None:
    """Nothing after the dot, or a sender that ended first: recovered or unknown."""
    history = History()
    history.attempt(M, saw)
    if arrived:
        history.arrived(M)
    assert account(history) is expected


def test_unanswered_and_twice_in_the_mailbox_is_duplicated() -> None:
    """Two copies are a duplicate whatever the sender saw after the dot."""
    history = History()
    history.attempt(M, Result.UNANSWERED)
    history.arrived(M)
    history.arrived(M)
    assert account(history) is Account.DUPLICATED


@pytest.mark.parametrize(("arrived", "expected"), [(True, "phantom"), (False, "refused")])
def test_refused(arrived: bool, expected: str) -> None:
    """4xx or 5xx: phantom if it arrives all the same, else refused."""
    history = History()
    history.attempt(M, Result.REFUSED, code=452, phase=Phase.MAIL)
    if arrived:
        history.arrived(M)
    assert account(history) == expected


@pytest.mark.parametrize("saw", [Result.REFUSED, *BEFORE_THE_DOT])
@pytest.mark.parametrize("is_looked_into", [True, False])
def test_what_was_refused_and_lies_in_a_queue_is_a_phantom(
    saw: Result, is_looked_into: bool
) -> None:
    """A server that keeps what it turned down delivers it later, beside what is tried again."""
    history = History()
    history.attempt(M, saw, phase=Phase.MAIL)
    history.accepted(M, "ht2")
    if is_looked_into:
        history.queue("ht2", M)
    assert (account(history), only(history).queued_on) == (Account.PHANTOM, ("ht2",))


def test_what_waits_in_its_sender_s_own_queue_no_server_has_taken() -> None:
    """A sending mail server keeps what was refused, to try it again: no phantom, and no copy."""
    history = History()
    history.attempt(M, Result.REFUSED, code=451)
    history.queue("app", M, at=9.0)
    entry = only(history)
    assert (entry.account, entry.queued_on, entry.waits_on) == (Account.REFUSED, (), ("app",))


@pytest.mark.parametrize(
    ("dead_for_good", "expected"), [(True, Account.DUPLICATED), (False, Account.DELIVERED)]
)
def test_a_copy_beside_its_delivered_twin_is_a_duplicate(
    dead_for_good: bool, expected: Account
) -> None:
    """Tried again elsewhere and delivered: what the first server stored and never sent is a second.

    A look that shows nothing there settles it otherwise.
    """
    history = History()
    history.attempt(M, Result.UNANSWERED)
    history.accepted(M, "ht2")
    history.delivered(M, "ht1")
    if not dead_for_good:
        history.queue("ht2", at=9.0)
    assert account(history) is expected


def test_a_look_that_shows_a_second_copy_shows_a_duplicate() -> None:
    """A hub that stored twice what it promised once has sent one, and still has the other."""
    history = History()
    history.delivered(M)
    history.queue("ht1", M, at=9.0)
    assert account(history) is Account.DUPLICATED


@pytest.mark.parametrize("saw", [Result.ACCEPTED, Result.UNANSWERED])
def test_two_copies_in_queues_are_a_duplicate(saw: Result) -> None:
    """On two servers, or twice on one: two will arrive."""
    for nodes in (("ht1", "ht2"), ("ht1", "ht1")):
        history = History()
        history.attempt(M, saw)
        for node in nodes:
            history.accepted(M, node)
        for node in {*nodes}:
            history.queue(node, *[M] * nodes.count(node), at=9.0)
        assert account(history) is Account.DUPLICATED


def test_what_is_just_being_handed_on_is_no_duplicate() -> None:
    """The next hop has it and has not said so yet: for a moment it is in two places."""
    history = History()
    history.attempt(M)
    history.accepted(M, "ht1")
    history.arrived(M, at=9.0)
    history.queue("ht1", M, at=9.5)
    entry = only(history)
    assert (entry.account, entry.queued_on) == (Account.DELIVERED, ("ht1",))


def test_without_its_leaving_in_the_journal_what_arrived_may_be_what_lies_there() -> None:
    """One line that is missing (relayed) makes no duplicate of a message that arrived once."""
    history = History()
    history.attempt(M)
    history.accepted(M, "ht1")
    history.arrived(M)
    assert account(history) is Account.DELIVERED


def test_a_line_that_stands_there_twice_is_no_second_copy() -> None:
    """What came in one microsecond came once."""
    history = History()
    history.delivered(M)
    [stored] = [event for event in history.events if event.kind == "accepted"]
    history.events.append(stored)
    entry = only(history)
    assert (entry.account, entry.queued_on) == (Account.DELIVERED, ())


def test_a_storing_that_comes_after_the_leaving_is_no_second_copy() -> None:
    """A line with a wrong time makes no duplicate: as many left as came."""
    history = History()
    history.attempt(M)
    history.write("ht1", "relayed", M)
    history.accepted(M)
    history.arrived(M)
    assert account(history) is Account.DELIVERED


def test_what_left_last_is_what_the_drill_s_own_mail_did() -> None:
    """On a real lab somebody always sends: that says nothing of a drill's mail."""
    history = History()
    history.delivered(M, at=1.0)
    history.accepted("<foreign@app>", at=5.0)
    history.write("ht1", "relayed", "<foreign@app>", at=6.0)
    assert join(history.events).last_departure("ht1") == pytest.approx(1.0006)


def test_what_a_hub_stored_for_an_unknown_sender_is_no_phantom() -> None:
    """Nobody knows what the sender of a foreign message was told."""
    history = History()
    history.write("ht1", "stored", M)
    assert account(history) is Account.QUEUED


def test_recipients_in_several_domains_lie_where_each_of_them_does() -> None:
    """One message for two domains: one copy is delivered, the other waits."""
    history = History()
    other = "user@fabrikam.com"
    for recipient in (USER, other):
        history.attempt(M, recipient=recipient)
        history.accepted(M, recipient=recipient)
    history.arrived(M)
    history.write("ht1", "relayed", M)
    history.write("ht1", "deferred", M, recipient=other, reason="connection refused")
    history.write("ht1", "queue", items=[[M, other]], at=9.0)
    entries = join(history.events).entries
    assert entries[M, USER].account is Account.DELIVERED
    assert entries[M, other].queued_on == ("ht1",)
    assert [reason for _, _, reason in entries[M, other].deferred] == ["connection refused"]


@pytest.mark.parametrize(("arrived", "expected"), [(True, "phantom"), (False, "not accepted")])
@pytest.mark.parametrize("saw", BEFORE_THE_DOT)
def test_cut_before_the_dot(saw: Result, arrived: bool, expected: str) -> None:
    """No connection, or one cut before the dot: phantom if it arrives, else not accepted."""
    history = History()
    history.attempt(M, saw, phase=Phase.CONNECT)
    if arrived:
        history.arrived(M)
    assert account(history) == expected


@pytest.mark.parametrize("saw", [Result.ACCEPTED, Result.UNANSWERED])
def test_queued_by_the_journal(saw: Result) -> None:
    """Stored on a hub and never seen to leave: queued, also where nobody could look any more."""
    history = History()
    history.attempt(M, saw)
    history.accepted(M, "ht2")
    assert (account(history), only(history).queued_on) == (Account.QUEUED, ("ht2",))


def test_queued_by_a_look() -> None:
    """A look into the queue that finds the message proves that it is queued."""
    history = History()
    history.attempt(M)
    history.accepted(M)
    history.queue("ht1", M)
    assert account(history) is Account.QUEUED


def test_a_later_look_that_misses_it_proves_a_loss() -> None:
    """A look that came after the storing and does not show the message overrides the journal."""
    history = History()
    history.attempt(M)
    history.accepted(M)
    history.queue("ht1")
    assert account(history) is Account.LOST


def test_a_stale_look_proves_nothing() -> None:
    """A look from before the storing cannot deny it."""
    history = History()
    history.queue("ht1")
    history.attempt(M)
    history.accepted(M)
    assert account(history) is Account.QUEUED


def test_a_look_at_another_node_proves_nothing() -> None:
    """Only a node's own queue says whether that node holds a message."""
    history = History()
    history.attempt(M)
    history.accepted(M, "ht1")
    history.queue("ht2")
    assert only(history).queued_on == ("ht1",)


def test_a_look_may_show_what_has_just_left() -> None:
    """A queue is read before the look is journalled: a departure in the journal outranks it."""
    history = History()
    history.attempt(M)
    history.accepted(M)
    history.write("ht1", "relayed", M)
    history.queue("ht1", M)
    assert account(history) is Account.LOST


def test_promised_before_stored_is_not_held() -> None:
    """A hub that journals its promise as not yet stored holds nothing by that alone."""
    history = History()
    history.attempt(M)
    history.accepted(M, stored=False)
    assert account(history) is Account.LOST


def test_promised_before_stored_and_seen_in_the_queue_is_queued() -> None:
    """What a look finds is there, also where its storing was never journalled."""
    history = History()
    history.attempt(M)
    history.accepted(M, stored=False)
    history.queue("ht1", M)
    assert account(history) is Account.QUEUED


def test_a_look_does_not_make_entries() -> None:
    """What an earlier drill has left in a queue is no message of this one."""
    history = History()
    history.queue("ht1", "<of another drill@app>")
    assert join(history.events).entries == {}


def test_accepted_again_after_leaving_is_queued() -> None:
    """A message that comes to the same hub a second time is held a second time."""
    history = History()
    history.attempt(M, Result.UNANSWERED)
    history.accepted(M)
    history.write("ht1", "relayed", M)
    history.attempt(M)
    history.accepted(M)
    assert account(history) is Account.QUEUED


def test_the_best_attempt_counts() -> None:
    """What the sender saw is the best of all its attempts, in whatever order they came."""
    for order in ((Result.REFUSED, Result.ACCEPTED), (Result.ACCEPTED, Result.UNREACHABLE)):
        history = History()
        for result in order:
            history.attempt(M, result)
        assert only(history).saw is Result.ACCEPTED


def test_outcomes_pair_up_with_their_attempts() -> None:
    """The first outcome belongs to the first attempt that has none."""
    history = History()
    history.attempt(M, Result.REFUSED, code=421, phase=Phase.BANNER, at=1.0, took=0.5)
    history.attempt(M, Result.ACCEPTED, at=2.0, took=0.25)
    first, second = only(history).attempts
    assert (first.result, first.said, first.ended) == (Result.REFUSED, "421 at banner", 1.5)
    assert (second.accepted, second.started, second.ended) == (True, 2.0, 2.25)


def test_an_outcome_without_an_attempt_counts_for_nothing() -> None:
    """Nothing is accepted that nobody attempted."""
    history = History()
    history.write("app", "outcome", M, result="accepted", phase="reply")
    assert account(history) is Account.NOT_ACCEPTED


@pytest.mark.parametrize(
    ("attempt", "said"),
    [
        ({"result": None}, "the sender ended first"),
        ({"result": Result.REFUSED, "code": 452, "phase": Phase.MAIL}, "452 at mail"),
        (
            {
                "result": Result.UNREACHABLE,
                "phase": Phase.CONNECT,
                "reason": "connection refused",
            },
            "unreachable at connect: connection refused",
        ),
        ({"result": Result.UNANSWERED}, "unanswered at reply"),
    ],
)
def test_said(attempt: dict[str, object], said: str) -> None:
    """An attempt says in a few words what it was told."""
    history = History()
    history.attempt(M, **attempt)  # type: ignore[arg-type]
    assert only(history).attempts[0].said == said


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("accepted", "arrived"), Account.DELIVERED),
        (("accepted",), Account.QUEUED),
        (("accepted", "relayed"), Account.LOST),
        (("arrived",), Account.DELIVERED),
        (("arrived", "arrived"), Account.DUPLICATED),
        (("bounced",), Account.NOT_ACCEPTED),
    ],
)
def test_foreign_messages(kinds: tuple[str, ...], expected: Account) -> None:
    """Without a sender's journal the tier's own acceptance stands in for what the sender saw."""
    history = History()
    for kind in kinds:
        history.write("ht1", kind, M, digest=BODY)
    entry = only(history)
    assert (entry.account, entry.flow) == (expected, FOREIGN)


def test_foreign_messages_are_in_no_flow() -> None:
    """The accounts of a flow hold its own messages only."""
    history = History()
    history.delivered(M)
    history.arrived("<foreign@app>")
    ledger = join(history.events)
    assert ledger.accounts("relay") == {Account.DELIVERED: 1}
    assert ledger.accounts(FOREIGN) == {Account.DELIVERED: 1}
    assert ledger.accounts("submission") == {}


def test_the_case_of_a_recipient_does_not_matter() -> None:
    """Nodes on the way may write an address in another case; it stays the same recipient."""
    history = History()
    history.attempt(M, recipient="User@Contoso.com")
    history.accepted(M, recipient="user@contoso.COM")
    history.arrived(M, recipient="USER@contoso.com")
    entry = only(history)
    assert (entry.account, entry.recipient) == (Account.DELIVERED, USER)


def test_the_case_of_a_recipient_in_a_look_does_not_matter() -> None:
    """The same holds for what a look into a queue shows."""
    history = History()
    history.attempt(M)
    history.accepted(M)
    history.write("ht1", "queue", items=[[M, "User@CONTOSO.com"]])
    assert account(history) is Account.QUEUED


def test_recipients_of_one_message_have_accounts_of_their_own() -> None:
    """One message to two recipients is two entries."""
    history = History()
    history.attempt(M)
    history.attempt(M, Result.REFUSED, code=550, recipient="other@contoso.com")
    history.arrived(M)
    ledger = join(history.events)
    assert ledger.entries[M, USER].account is Account.DELIVERED
    assert ledger.entries[M, "other@contoso.com"].account is Account.REFUSED


def test_unknown_kinds_are_passed_over() -> None:
    """An event that the ledger does not know changes nothing."""
    history = History()
    history.delivered(M)
    history.write("ht1", "a kind of the future", M)
    assert account(history) is Account.DELIVERED


def test_traffic_is_told_by_message_else_by_port() -> None:
    """A hub's traffic counts by message; a balancer knows no messages and counts by port."""
    history = History()
    history.delivered(M)
    history.arrived("<of another flow@app>")
    history.write("lb1", "connected", client="127.0.0.1", port=25, backend="ht1")
    history.write("lb1", "connected", client="127.0.0.1", port=587, backend="ht1")
    ledger = join(history.events)
    assert len(ledger.traffic_of("ht1", "relay", 25)) == 1
    assert len(ledger.traffic_of("mbx", "relay", 25)) == 1
    assert len(ledger.traffic_of("lb1", "relay", 25)) == 1
    assert ledger.traffic_of("ht2", "relay", 25) == []


def test_fault_windows() -> None:
    """A fault's window holds its four moments; one that failed holds the reason."""
    history = History()
    history.fault("kill:ht1", inject=1.0, heal=3.0, took=0.5)
    history.fault("pause:ht2", inject=4.0, heal=None, error="cannot pause ht2")
    killed, paused = join(history.events).faults
    assert (killed.inject, killed.injected, killed.heal, killed.healed) == (1.0, 1.5, 3.0, 3.5)
    assert (paused.injected, paused.error) == (None, "cannot pause ht2")


def test_the_same_fault_twice_has_two_windows() -> None:
    """A node that is killed twice in one drill has two windows, each with its own moments."""
    history = History()
    history.fault("kill:ht1", inject=1.0, heal=2.0)
    history.fault("kill:ht1", inject=5.0, heal=6.0)
    first, second = join(history.events).faults
    assert (first.inject, first.heal) == (1.0, 2.0)
    assert (second.inject, second.heal) == (5.0, 6.0)


def test_beliefs_and_bites() -> None:
    """What a balancer believed, and what a service fault acted on, are kept in order."""
    history = History()
    history.write("lb1", "backend", backend="ht1", port=25, state="down", reason="refused", at=2.0)
    history.write("lb1", "backend", backend="ht1", port=25, state="up", reason="2 good", at=3.0)
    history.write("ht1", "bitten", fault="hang", phase="banner", client="", probe=False)
    ledger = join(reversed(history.events))
    assert [belief.state for belief in ledger.beliefs] == ["down", "up"]
    assert len(ledger.bites["ht1"]) == 1


def test_a_torn_line_promises_nothing(tmp_path: Path) -> None:
    """A last line that was cut off is passed over: what it would have promised was never said."""
    history = History()
    history.attempt(M, Result.UNANSWERED)
    path = tmp_path / "ht1.jsonl"
    accepted = Event(9.0, 9.0, "ht1", "accepted", M, USER, {"port": 25}).to_line()
    for cut in range(len(accepted) + 1):
        path.write_text(accepted[:cut])
        ledger = join([*history.events, *read_events(path)])
        assert ledger.entries[M, USER].account is Account.UNKNOWN
    path.write_text(accepted + "\n")
    ledger = join([*history.events, *read_events(path)])
    assert ledger.entries[M, USER].account is Account.QUEUED


def test_journals_of_several_files_join(tmp_path: Path) -> None:
    """Journals that nodes have really written join into the same account."""
    journals = {name: Journal.open(name, tmp_path / name) for name in ("app", "ht1", "mbx")}
    journals["app"].write("attempt", M, USER, flow="relay", scheduled=0.0, digest=BODY)
    journals["ht1"].write("accepted", M, USER, port=25)
    journals["app"].write("outcome", M, USER, result="accepted", phase="reply", code=250)
    journals["mbx"].write("arrived", M, USER, digest=BODY, port=25)
    journals["ht1"].write("relayed", M, USER, to="127.0.0.1:25")
    for journal in journals.values():
        journal.close()
    for names in (("app", "ht1", "mbx"), ("mbx", "ht1", "app")):
        ledger = join(event for name in names for event in read_events(tmp_path / name))
        assert ledger.accounts("relay") == {Account.DELIVERED: 1}


NODES = ("ht1", "ht2")
steps = st.one_of(
    st.tuples(st.just("attempt"), st.sampled_from([*Result, None])),
    st.tuples(st.just("accepted"), st.sampled_from(NODES), st.booleans()),
    st.tuples(st.just("relayed"), st.sampled_from(NODES)),
    st.tuples(st.just("bounced"), st.sampled_from(NODES)),
    st.tuples(st.just("discarded"), st.sampled_from(NODES)),
    st.tuples(st.just("handed-on"), st.sampled_from(NODES)),
    st.tuples(st.just("held"), st.sampled_from(NODES)),
    st.tuples(st.just("arrived"), st.sampled_from([BODY, OTHER_BODY])),
    st.tuples(st.just("queue"), st.sampled_from(NODES), st.integers(0, 2)),
    st.tuples(st.just("pause"), st.just(2.0)),
)


@st.composite
def tellings(draw: st.DrawFn) -> list[Event]:
    """A history of two messages, whatever may have befallen them; all moments differ."""
    history = History()
    for message, step in draw(
        st.lists(st.tuples(st.sampled_from([M, "<2@app>"]), steps), min_size=1, max_size=14)
    ):
        match step:
            case ("attempt", result):
                history.attempt(message, result)
            case ("accepted", node, stored):
                history.accepted(message, node, stored=stored)
            case ("arrived", body):
                history.arrived(message, digest=body)
            case ("queue", node, shown):
                history.queue(node, *[message] * shown)
            case ("pause", seconds):
                history.pass_time(seconds)
            case (kind, node):
                history.write(node, kind, message)
    return history.events


def slow_account(events: list[Event], message: str) -> Account | None:
    """The account by the letter of the table, read off the whole history anew for each question.

    None where the journals do not speak of the message at all.
    """
    mine = [event for event in events if event.message == message]
    if not mine:
        return None
    begun = [event for event in mine if event.kind == "attempt"]
    told = [event.detail["result"] for event in mine if event.kind == "outcome"]
    arrived = [event.detail["digest"] for event in mine if event.kind == "arrived"]
    lies = [slow_copies(events, message, node) for node in NODES]
    queued, sure_copies = any(count for count, _ in lies), sum(sure for _, sure in lies)
    foreign = not begun
    if foreign:
        sure = bool(arrived) or any(event.kind == "accepted" for event in mine)
        unsure = not sure and queued
        refused = False
    else:
        sure = "accepted" in told
        unsure = not sure and ("unanswered" in told or len(told) < len(begun))
        refused = not sure and not unsure and "refused" in told
    if not sure and not unsure:
        if arrived or queued:
            return Account.PHANTOM
        return Account.REFUSED if refused else Account.NOT_ACCEPTED
    if not foreign and {*arrived} - {BODY}:
        return Account.ALTERED
    if len(arrived) + sure_copies > 1:
        return Account.DUPLICATED
    if arrived:
        return Account.DELIVERED if sure else Account.RECOVERED
    if queued:
        return Account.QUEUED
    exits = [event for event in mine if event.kind in EXITS]
    if exits and sure:
        return EXITS[max(exits, key=lambda event: event.mono).kind]
    return Account.LOST if sure else Account.UNKNOWN


EXITS = {
    "bounced": Account.LOST,
    "discarded": Account.DISCARDED,
    "handed-on": Account.HANDED_ON,
}
LEAVES = ("relayed", *EXITS)


def is_stored(event: Event) -> bool:
    """Whether a node has a message in its queue from this event on."""
    return event.kind == "held" or (event.kind == "accepted" and event.detail["stored"])


def slow_copies(events: list[Event], message: str, node: str) -> tuple[int, int]:
    """How many copies of a message lie on a node at the end, and how many of them beyond doubt."""
    mine = [event for event in events if event.message == message]
    here = [event for event in mine if event.node == node]
    stored = [e.mono for e in here if is_stored(e)]
    left = [e.mono for e in here if e.kind in LEAVES]
    arrived = [e.mono for e in mine if e.kind == "arrived"]
    looks = [e for e in events if e.kind == "queue" and e.node == node]
    last = max(looks, key=lambda event: event.mono, default=None)
    if last is not None and all(moment <= last.mono for moment in stored):
        shown = last.detail["items"].count([message, USER])
        count = max(0, shown - sum(moment > last.mono - 1.0 for moment in left))
        elsewhere = [e.mono for e in mine if is_stored(e) and e.node != node]
        just_moved = any(moment > last.mono - 1.0 for moment in [*elsewhere, *arrived])
        return count, 0 if just_moved else count
    count = 0
    for event in sorted(here, key=lambda event: event.mono):
        if is_stored(event):
            count += 1
        elif event.kind in LEAVES:
            count = max(0, count - 1)
    told_of = sum(event.kind == "relayed" for event in mine)
    sure = min(count, max(0, len(stored) - len(left)))
    return count, sure if len(arrived) <= told_of else 0


@given(tellings())
def test_the_account_is_that_of_the_table(events: list[Event]) -> None:
    """Whatever befell a message, its account is what a plain reading of the table gives."""
    ledger = join(events)
    for message in (M, "<2@app>"):
        entry = ledger.entries.get((message, USER))
        assert (entry.account if entry else None) == slow_account(events, message)


class TestExits:
    """What left what can be seen: thrown away, given up, or handed on."""

    @staticmethod
    def accepted() -> History:
        """A message that a hub took, and does not store where anybody could look."""
        history = History()
        history.attempt(M)
        history.accepted(M, stored=False)
        return history

    def test_what_is_thrown_away_is_no_mere_loss(self) -> None:
        """Who threw it away, and why, is part of the account."""
        history = self.accepted()
        history.write("ht1", "discarded", M, by="discard", said="user is a robot")
        entry = only(history)
        assert entry.account is Account.DISCARDED
        assert entry.exit is not None
        assert (entry.exit.to, entry.exit.node, entry.exit.said) == (
            *("discard", "ht1", "user is a robot"),
        )

    def test_what_is_handed_on_is_not_known(self) -> None:
        """A program whose log is not at hand may have done whatever it liked."""
        history = self.accepted()
        history.write("ht1", "handed-on", M, to="a filter")
        assert account(history) is Account.HANDED_ON

    @pytest.mark.parametrize("kind", ["discarded", "handed-on", "bounced"])
    def test_an_arrival_outweighs_an_exit(self, kind: str) -> None:
        """What is in its mailbox has arrived, whatever befell another copy, before or after."""
        for arrives_first in (True, False):
            history = self.accepted()
            if arrives_first:
                history.arrived(M)
            history.write("ht1", kind, M)
            if not arrives_first:
                history.arrived(M)
            assert account(history) is Account.DELIVERED

    @pytest.mark.parametrize(
        ("kinds", "expected"),
        [
            (("handed-on", "discarded"), Account.DISCARDED),
            (("discarded", "handed-on"), Account.HANDED_ON),
            (("handed-on", "bounced"), Account.LOST),
            (("bounced", "handed-on"), Account.HANDED_ON),
        ],
    )
    def test_the_last_exit_counts(self, kinds: tuple[str, ...], expected: Account) -> None:
        """What came back from a filter and was discarded is discarded; what went on may arrive."""
        history = self.accepted()
        for kind in kinds:
            history.write("ht1", kind, M)
        assert account(history) is expected

    def test_a_queue_outweighs_an_exit(self) -> None:
        """Another copy that still lies in a queue may arrive."""
        history = self.accepted()
        history.write("ht1", "discarded", M)
        history.queue("ht2", M)
        assert account(history) is Account.QUEUED

    def test_what_was_refused_and_thrown_away_is_refused(self) -> None:
        """The sender was told; nothing is there to be a phantom."""
        history = History()
        history.attempt(M, Result.REFUSED, code=554)
        history.write("ht1", "discarded", M)
        assert account(history) is Account.REFUSED

    def test_what_is_held_is_queued(self) -> None:
        """It lies there until a person moves it on; once it is tried again it is held no more."""
        history = self.accepted()
        history.write("ht1", "held", M, by="a milter", said="looks odd")
        entry = only(history)
        assert (entry.account, entry.held) == (Account.QUEUED, {"ht1": "a milter: looks odd"})
        history.write("ht1", "deferred", M, reason="451")
        assert not only(history).held

    @pytest.mark.parametrize("sight", [{"arrivals": True, "blind": ["ht1"]}, {}])
    def test_evidence_outweighs_a_lack_of_it(self, sight: dict[str, object]) -> None:
        """A discard that was seen is one, though not all can be seen, or was read."""
        history = self.accepted()
        told_: dict[str, Any] = {"arrivals": True, "blind": [], "unread": ["gone"], **sight}
        history.write("harness", "sight", **told_)
        history.write("ht1", "discarded", M)
        assert account(history) is Account.DISCARDED


class TestPutOff:
    """What a real server's log says to wait in its queue, whatever a look shows."""

    def deferred(self) -> History:
        """A message that a hub of others put off, and that a look into its queue missed."""
        history = History()
        history.attempt(M)
        history.accepted(M, stored=False)
        history.write("ht1", "deferred", M, reason="connection refused", queue_id="A1")
        history.pass_time(5.0)
        history.queue("ht1")
        return history

    def test_it_is_not_lost(self) -> None:
        """A queue's programs move messages about while somebody looks."""
        history = self.deferred()
        assert (account(history), only(history).queued_on) == (Account.QUEUED, ("ht1",))

    @pytest.mark.parametrize(
        ("kind", "expected"),
        [
            ("relayed", Account.LOST),
            ("bounced", Account.LOST),
            ("discarded", Account.DISCARDED),
            ("arrived", Account.DELIVERED),
        ],
    )
    def test_until_the_log_says_otherwise(self, kind: str, expected: Account) -> None:
        """What left, or arrived, waits no more."""
        history = self.deferred()
        history.write("ht1", kind, M, queue_id="A1", digest=BODY)
        assert account(history) is expected


class TestUnread:
    """Logs that were not read whole."""

    @pytest.mark.parametrize(
        ("blind", "expected"), [(["ht1"], Account.MISSING), ([], Account.LOST)]
    )
    def test_the_last_look_decides_which_queues_nobody_could_see(
        self, blind: list[str], expected: Account
    ) -> None:
        """A server's log may show in the end that its queue is empty: then mail is lost."""
        history = History()
        history.write("harness", "sight", arrivals=True, blind=["ht1"])
        history.attempt(M)
        history.write("harness", "sight", arrivals=True, blind=blind)
        assert account(history) is expected

    def test_what_was_not_seen_is_not_lost(self) -> None:
        """It may stand in the part that was not read; which part, the ledger tells."""
        history = History()
        history.write("harness", "sight", arrivals=True, blind=["ht1"], unread=["mail.log: gone"])
        history.attempt(M)
        ledger = join(history.events)
        assert ledger.accounts("relay") == {Account.UNOBSERVED: 1}
        assert ledger.unread == ("mail.log: gone",)

    def test_it_is_told_at_the_end_what_was_read_at_the_begin(self) -> None:
        """Two looks add up: what one could not read, no later one has read."""
        history = History()
        for unread in (["a"], ["b", "a"], []):
            history.write("harness", "sight", arrivals=True, blind=[], unread=unread)
        assert join(history.events).unread == ("a", "b")


class TestMailboxes:
    """One address that stands for several mailboxes, and copies for others."""

    BOTH = ("anna@contoso.com", "ben@contoso.com")

    def arrivals(self, *boxes: str, needs: tuple[str, ...] = ()) -> Entry:
        """A message with an arrival in each of these mailboxes."""
        history = History()
        history.attempt(M)
        for box in boxes:
            history.arrived(M, mailbox=box, needs=list(needs))
        return only(history)

    def test_two_mailboxes_are_no_duplicate(self) -> None:
        """Behind an alias each has a copy of its own; one of them twice is a duplicate."""
        assert self.arrivals(*self.BOTH).account is Account.DELIVERED
        assert self.arrivals(*self.BOTH, self.BOTH[0]).account is Account.DUPLICATED
        assert self.arrivals("", self.BOTH[0]).account is Account.DELIVERED

    def test_where_all_are_to_get_it_one_is_not_enough(self) -> None:
        """What one of them lacks is lost, with its name."""
        entry = self.arrivals(self.BOTH[0], needs=self.BOTH)
        assert (entry.account, entry.lacking) == (Account.LOST, [self.BOTH[1]])
        assert self.arrivals(*self.BOTH, needs=self.BOTH).account is Account.DELIVERED

    @pytest.mark.parametrize(
        ("own", "expected"),
        [
            ("arrived", Account.DELIVERED),
            ("relayed", Account.LOST),
            ("discarded", Account.DISCARDED),
            ("bounced", Account.LOST),
            ("handed-on", Account.HANDED_ON),
            ("held", Account.QUEUED),
        ],
    )
    def test_what_an_archive_has_is_not_its_recipient_s(self, own: str, expected: Account) -> None:
        """Where one server had it for an archive and for the recipient, the latter decides.

        By its log the archive looks like an alias: it got what was sent to the recipient.
        """
        for own_first in (True, False):
            history = History()
            history.attempt(M)
            if own_first:
                history.write("mbx", own, M, queue_id="A1", digest=BODY)
            history.arrived(M, mailbox="archive@contoso.com", queue_id="A1")
            if not own_first:
                history.write("mbx", own, M, queue_id="A1", digest=BODY)
            assert account(history) is expected

    @pytest.mark.parametrize("kind", ["relayed", "discarded", "bounced", "handed-on", "deferred"])
    def test_one_mailbox_of_two_leaves_it_open(self, kind: str) -> None:
        """Whether the other one behind the address matters, nobody has declared."""
        history = History()
        history.attempt(M)
        history.write("mbx", kind, M, queue_id="A1", mailbox="ben@contoso.com")
        history.arrived(M, mailbox="anna@contoso.com", queue_id="A1")
        entry = only(history)
        assert (entry.account, entry.lacking) == (Account.UNOBSERVED, ["ben@contoso.com"])

    def test_queue_ids_of_two_servers_are_two(self) -> None:
        """Another server's message of the same queue id says nothing of this one's."""
        history = History()
        history.attempt(M)
        history.write("ht1", "relayed", M, queue_id="A1")
        history.arrived(M, mailbox="anna@contoso.com", queue_id="A1")
        assert account(history) is Account.DELIVERED

    def test_a_copy_is_neither_arrival_nor_duplicate(self) -> None:
        """It is counted apart, for whom it is."""
        history = History()
        history.delivered(M)
        history.write("mbx", "copied", M, recipient="Archive@contoso.com")
        ledger = join(history.events)
        assert ledger.accounts("relay") == {Account.DELIVERED: 1}
        assert [each.recipient for each in ledger.copies_of("relay")] == ["archive@contoso.com"]
        assert len(ledger.entries) == 1

    @pytest.mark.parametrize(
        ("declared", "expected"), [(True, Account.LOST), (False, Account.UNOBSERVED)]
    )
    def test_a_copy_that_may_be_the_recipient_s_own(
        self, *, declared: bool, expected: Account
    ) -> None:
        """Only where it is known to be a copy is the message lost: else it may be an alias."""
        history = History()
        history.attempt(M)
        history.write("mbx", "copied", M, recipient="archive@contoso.com", declared=declared)
        assert account(history) is expected

    def test_what_comes_in_addition_time_and_again_is_a_copy(self) -> None:
        """An address that gets what has arrived already stands for nobody: the rest is lost."""
        history = History()
        for number in range(4):
            message = f"<{number}@app>"
            history.attempt(message)
            history.write("mbx", "copied", message, recipient="archive@contoso.com")
            if number:
                history.arrived(message)
        assert join(history.events).accounts("relay") == {
            Account.DELIVERED: 3,
            Account.LOST: 1,
        }

    def test_a_copy_that_was_the_recipient_s_after_all(self) -> None:
        """Whoever learns later of an alias tells of the arrival again: it is no copy then."""
        history = History()
        history.attempt(M)
        history.write("mbx", "copied", M, recipient="anna@contoso.com")
        history.arrived(M, mailbox="anna@contoso.com")
        ledger = join(history.events)
        assert ledger.accounts("relay") == {Account.DELIVERED: 1}
        assert not ledger.copies

    def test_what_names_nobody_is_nobody_s(self) -> None:
        """An arrival that bears no name leaves the account open, and never makes it good."""
        history = History()
        history.attempt(M)
        history.write("mbx", "unattributed", M, recipient="", said="declare it")
        entry = only(history)
        assert (entry.account, entry.elsewhere) == (Account.UNOBSERVED, ("a mailbox of mbx",))

    def test_what_is_queued_under_an_unknown_id_is_not_lost(self) -> None:
        """A queue that shows something for the recipient, and not what, may hold the message."""
        history = History()
        history.attempt(M)
        history.write("ht1", "queue", items=[["", USER], ["", "other@contoso.com"]])
        entry = only(history)
        assert entry.account is Account.UNOBSERVED
        assert entry.elsewhere == ("the queue of ht1, under an unknown queue id",)

    def test_what_is_queued_for_an_unknown_name_is_not_lost(self) -> None:
        """A queue that shows a message for somebody else may hold it under an alias."""
        history = History()
        history.attempt(M)
        history.write("ht1", "queue", items=[[M, "anna@contoso.com"]])
        assert account(history) is Account.UNOBSERVED


def told(ledger: Ledger) -> object:
    """Everything that a ledger says of its messages, comparable."""
    return {
        key: (entry.account, entry.attempts, entry.queued_on, entry.arrived)
        for key, entry in ledger.entries.items()
    }


@given(tellings(), st.randoms(use_true_random=False))
def test_the_order_of_events_does_not_matter(events: list[Event], chance: random.Random) -> None:
    """Journals may be read in any order: only their times count."""
    shuffled = list(events)
    chance.shuffle(shuffled)
    assert told(join(shuffled)) == told(join(events))


@given(st.permutations(["attempt", "accepted", "outcome", "arrived", "relayed"]))
def test_what_comes_in_one_microsecond_is_put_in_order(kinds: list[str]) -> None:
    """A clock too coarse to tell the steps of one delivery apart does not change its account."""
    details = {"attempt": {"flow": "relay", "digest": BODY}, "outcome": {"result": "accepted"}}
    details["arrived"] = {"digest": BODY}
    events = [Event(1.0, 1.0, "n", kind, M, USER, details.get(kind, {})) for kind in kinds]
    assert join(events).accounts("relay") == {Account.DELIVERED: 1}
    (entry,) = join(events).entries.values()
    assert entry.queued_on == ()


def test_the_kinds_that_it_knows_are_those_that_it_does_something_with() -> None:
    """Reading lines into columns passes over what the ledger would, and over nothing else."""
    assert {*RANK} == KINDS
