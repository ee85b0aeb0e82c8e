"""The witness: from what logs and mailboxes tell to journals, each deed for whom it was."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill import topology_files
from relaydrill.drivers.attach.attribution import Attribution
from relaydrill.drivers.attach.lab import AttachLab
from relaydrill.drivers.attach.witness import Witness, owners_of
from relaydrill.endpoint import Credentials
from relaydrill.errors import TopologyError
from relaydrill.journal import Event, Journal, read_events
from relaydrill.ledger import Account, Ledger, join
from relaydrill.mail_logs.deeds import Deed, Does
from relaydrill.placement import Placement, Seat
from relaydrill.topology import Topology

M = "<1@app>"
USER, ANNA, BEN, ARCHIVE = (f"{name}@contoso.com" for name in ("user", "anna", "ben", "archive"))

YAML = """\
name: theirs
nodes:
  ht1: {{role: hub}}
  ht2: {{role: hub}}
  mbx: {{role: mailbox, domains: [contoso.com]}}
  app: {{role: sender}}
connectors: {{relay: {{port: 25, remote: [app], relay: true}}}}
flows:
  relay: {{from: app, persona: single_host, to: ht1, port: 25, recipient: user@contoso.com}}
  {flow}
attach:
  nodes:
    ht1: {{address: 10.1.0.1, known_as: [ht1.corp]}}
    ht2: {{address: 10.1.0.2, known_as: [ht2.corp]{queue}}}
    mbx: {{address: 10.1.0.3, arrivals: {{{arrivals}}}}}
  allow: {{hosts: [10.1.0.0/24], ports: [25, 993], domains: [contoso.com]}}
  {attach}
"""


def design(
    attach: str = "", *, flow: str = "", queue: str = "", arrivals: str = "postfix_log: /x"
) -> Topology:
    """Two hubs and a mailbox server of somebody else."""
    text = YAML.format(attach=attach, flow=flow, queue=queue, arrivals=arrivals)
    return topology_files.parse(text, "theirs.yaml")


class Script:
    """An observer that tells what it was given, once."""

    def __init__(self) -> None:
        self.deeds: list[Deed] = []

    def new(self) -> Iterator[Deed]:
        """What was added since the last look."""
        told, self.deeds = self.deeds, []
        yield from told

    def close(self) -> None:
        """Nothing to let go of."""


class LogScript(Script):
    """One of a log, which lacks what it was given, until the next drill."""

    def __init__(self) -> None:
        super().__init__()
        self.lacks: list[str] = []
        self.asked: list[list[float]] = []

    def begin(self) -> None:
        """What it lacked until now is over."""
        self.lacks = []

    def unread(self) -> Iterable[str]:
        """What it says that it has not read."""
        return self.lacks

    def quiet(self, missing: Iterable[float]) -> Iterable[str]:
        """That it fell silent, where anything is missing."""
        self.asked.append([*missing])
        return ["mail.log fell silent"] if self.asked[-1] else []


class Lab:
    """A witness of a made-up lab."""

    def __init__(self, folder: Path, topology: Topology, ht1: Script | None = None) -> None:
        self.folder = folder
        self.mbx, self.ht1 = LogScript(), ht1 or LogScript()
        assert topology.attach
        seats = {name: Seat(node.address, {}) for name, node in topology.attach.nodes.items()}
        self.witness = Witness(
            topology,
            Placement(seats, Credentials("", ""), "", ""),
            ("app",),
            {"mbx": self.mbx},
            self.path,
            logs={"ht1": self.ht1},
        )
        self.sender = Journal.open("app", self.path("app"))
        self._queue_ids = (f"Q{number}" for number in itertools.count())

    def path(self, node: str) -> Path:
        """A node's journal."""
        return self.folder / f"{node}.jsonl"

    def attempt(self, message: str = M, to: str = USER) -> None:
        """An attempt begins."""
        self.sender.write("attempt", message, to, flow="relay", port=25, scheduled=0.0)

    def outcome(
        self, message: str = M, to: str = USER, *, server: str = "ht1.corp", text: str = "ok"
    ) -> None:
        """And ends with 250."""
        detail = {"result": "accepted", "phase": "reply", "code": 250}
        self.sender.write("outcome", message, to, server=server, text=text, **detail)

    def sent(self, message: str = M, to: str = USER, **rest: Any) -> None:
        """A message that was accepted."""
        self.attempt(message, to)
        self.outcome(message, to, **rest)

    def arrives(self, recipient: str = USER, original: str = "", **rest: Any) -> None:
        """The mailbox server's log tells of a delivery."""
        rest.setdefault("queue_id", next(self._queue_ids))
        deed = Deed(Does.DELIVERED, M, recipient, original)
        self.mbx.deeds.append(replace(deed, **rest))

    def hub(self, does: Does, recipient: str = USER, original: str = "", **rest: Any) -> None:
        """The log of a hub tells of something."""
        deed = Deed(does, M, recipient, original, queue_id="A1")
        self.ht1.deeds.append(replace(deed, **rest))

    def events(self, *kinds: str) -> list[Event]:
        """What stands in all journals of the lab's servers."""
        self.witness.look()
        found = [e for path in sorted(self.folder.glob("*.jsonl")) for e in read_events(path)]
        return [each for each in found if each.node != "app" and (each.kind in kinds or not kinds)]

    def ledger(self) -> Ledger:
        """All journals joined."""
        self.witness.look()
        return join(e for path in self.folder.glob("*.jsonl") for e in read_events(path))

    def accounts(self) -> dict[Account, int]:
        """What became of the flow's mail."""
        return self.ledger().accounts("relay")


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A lab with nothing declared."""
    lab = Lab(tmp_path, design())
    yield lab
    lab.sender.close()


def other(folder: Path, attach: str = "", **rest: str) -> Lab:
    """A lab with something declared."""
    return Lab(folder, design(attach, **rest))


class TestWhose:
    """To whom an arrival is credited."""

    @pytest.mark.parametrize(
        ("named", "original"),
        [(USER, ""), ("User@Contoso.COM", ""), (ANNA, USER), (USER, USER), ("user", "")],
    )
    def test_whom_the_evidence_names(self, named: str, original: str, lab: Lab) -> None:
        """By the address of the delivery, or by the one before aliases; case does not matter."""
        lab.sent()
        lab.arrives(named, original)
        assert lab.accounts() == {Account.DELIVERED: 1}

    def test_an_archive_s_copy_is_nobody_else_s_arrival(self, lab: Lab) -> None:
        """All of a user's mail is thrown away, and an archive gets a copy: nothing arrived."""
        lab.sent()
        lab.arrives(ARCHIVE)
        lab.arrives(USER, does=Does.DISCARDED, by="discard", said="user")
        ledger = lab.ledger()
        assert ledger.accounts("relay") == {Account.DISCARDED: 1}
        assert [each.recipient for each in ledger.copies] == [ARCHIVE]

    def test_an_archive_s_copy_alone_leaves_it_open(self, lab: Lab) -> None:
        """Whether the archive is an alias of the user nobody has said: it is asked for."""
        lab.sent()
        lab.arrives(ARCHIVE)
        assert lab.accounts() == {Account.UNOBSERVED: 1}

    def test_a_declared_copy_is_none_of_the_recipient_s(self, tmp_path: Path) -> None:
        """With the archive declared, what only that got is lost."""
        lab = other(tmp_path, f"copies: [{ARCHIVE}]")
        lab.sent()
        lab.arrives(ARCHIVE)
        ledger = lab.ledger()
        assert ledger.accounts("relay") == {Account.LOST: 1}
        assert ledger.copies[0].is_declared

    def test_what_a_log_calls_a_copy_is_one(self, lab: Lab) -> None:
        """A journal rule or a Bcc that a server tells of needs no declaration."""
        lab.sent()
        lab.hub(Does.COPIED, ARCHIVE)
        lab.arrives(ARCHIVE)
        assert lab.accounts() == {Account.LOST: 1}

    def test_mail_of_others_is_nobody_s_business(self, lab: Lab) -> None:
        """What nobody of here sent leaves no line, however often it is looked."""
        lab.arrives(USER, message="<theirs@x>")
        assert not lab.events()
        assert not lab.events()

    def test_an_exim_account_is_its_recipient_s_own(self, lab: Lab) -> None:
        """Exim names the account, and then the address that it came from."""
        lab.sent()
        lab.arrives("user", USER)
        lab.arrives("archive", USER)
        assert lab.accounts() == {Account.DELIVERED: 1}

    @pytest.mark.parametrize("of_user", [Does.DISCARDED, Does.HANDED_ON, Does.DEFERRED])
    def test_an_archive_by_alias_is_not_the_user_s_own(self, of_user: Does, lab: Lab) -> None:
        """One server had it for both, and only the archive got it: that is no arrival."""
        lab.sent()
        lab.arrives("archive", USER, queue_id="B")
        lab.arrives(":blackhole:", USER, does=of_user, by="aliases", queue_id="B")
        assert Account.DELIVERED not in lab.accounts()

    def test_a_whole_message_that_is_thrown_away_is_so_for_all(self, lab: Lab) -> None:
        """A filter that names no recipient means each of them."""
        for to in (USER, ANNA):
            lab.sent(to=to)
        lab.hub(Does.DISCARDED, "", by="milter")
        assert lab.accounts() == {Account.DISCARDED: 2}


class TestMapping:
    """Recipients that the inventory maps to mailboxes."""

    def test_all_of_them_must_get_it(self, tmp_path: Path) -> None:
        """Two mailboxes are no duplicate; the second is waited for; one of them twice is."""
        lab = other(tmp_path, f"recipients: {{{USER}: [{ANNA}, {BEN}]}}")
        lab.sent()
        lab.arrives(ANNA)
        assert lab.accounts() == {Account.LOST: 1}
        assert not lab.witness.look().arrived
        lab.arrives(BEN)
        assert lab.accounts() == {Account.DELIVERED: 1}
        assert lab.witness.look().arrived == {(M, USER)}
        lab.arrives(BEN)
        assert lab.accounts() == {Account.DUPLICATED: 1}

    def test_any_of_them_is_enough(self, tmp_path: Path) -> None:
        """And both of them are no duplicate."""
        lab = other(tmp_path, f"recipients: {{{USER}: {{any: [{ANNA}, {BEN}]}}}}")
        lab.sent()
        for box in (ANNA, BEN):
            lab.arrives(box)
            assert lab.accounts() == {Account.DELIVERED: 1}

    def test_one_more_than_declared_is_a_copy(self, tmp_path: Path) -> None:
        """By its log an archive looks like an alias; who is not declared to be one is none."""
        lab = other(tmp_path, f"recipients: {{{USER}: {ANNA}}}")
        lab.sent()
        lab.arrives("archive", USER)
        ledger = lab.ledger()
        assert ledger.accounts("relay") == {Account.LOST: 1}
        assert [(each.recipient, each.is_declared) for each in ledger.copies] == [("archive", True)]

    def test_itself_among_them(self, tmp_path: Path) -> None:
        """An address that keeps a copy of its own and gives one to somebody needs both."""
        lab = other(tmp_path, f"recipients: {{{USER}: [{USER}, {ANNA}]}}")
        lab.sent()
        lab.arrives(USER)
        assert lab.accounts() == {Account.LOST: 1}
        lab.arrives(ANNA)
        assert lab.accounts() == {Account.DELIVERED: 1}

    def test_a_mailbox_of_several_recipients_of_one_message(self, tmp_path: Path) -> None:
        """Whose of the two it is nobody can tell: it is nobody's."""
        lab = other(tmp_path, f"recipients: {{{USER}: {ANNA}, {BEN}: {ANNA}}}")
        for to in (USER, BEN):
            lab.sent(to=to)
        lab.arrives(ANNA)
        (event,) = lab.events("unattributed")
        assert event.detail["said"] == f"several of its recipients are mapped to {ANNA}"

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ("recipients: {user@contoso.com: 7}", "7 is not mailboxes (anna@contoso.com, ["),
            ("recipients: {user@contoso.com: []}", "not mailboxes"),
            ("recipients: {user@contoso.com: {one: [a@b]}}", "not mailboxes"),
            ("recipients: {user@contoso.com: {any: []}}", "not mailboxes"),
            ("recipients: {'a b': x@y}", "attach.recipients"),
            ("copies: ['a b']", "attach.copies[0]"),
        ],
    )
    def test_what_is_no_mapping_is_told_by_its_line(self, wrong: str, said: str) -> None:
        """With what is allowed, and once."""
        with pytest.raises(TopologyError) as refused:
            design(wrong)
        assert said in str(refused.value)
        assert str(refused.value).count("theirs.yaml") == 1


class TestNobodyNamed:
    """Mailboxes that do not tell for whom their mail came."""

    IMAP = "imap: {server: 10.1.0.3, login: {user: 'env:U', password: 'env:P'}"

    @pytest.mark.parametrize(
        ("whose", "flow", "expected"),
        [
            ("", "", (USER,)),
            ("", f"aside: {{from: app, to: ht1, recipient: {ANNA}}}", ()),
            (f", for: [{ANNA}]", "", (ANNA,)),
            (", for: [Anna@Contoso.com, ben@contoso.com]", "", (ANNA, BEN)),
        ],
    )
    def test_whose_mailbox_it_is(self, whose: str, flow: str, expected: tuple[str, ...]) -> None:
        """Whom the inventory names; else the one recipient whose mail ends there."""
        topology = design(arrivals=self.IMAP + whose + "}", flow=flow)
        assert owners_of(topology) == {"mbx": expected}

    def arrivals(self, folder: Path, whose: str = "", flow: str = "", to: str = USER) -> Lab:
        """A message that arrives in a mailbox without a name."""
        lab = other(folder, arrivals=self.IMAP + whose + "}", flow=flow)
        lab.sent(to=to)
        lab.mbx.deeds.append(Deed(Does.DELIVERED, M, by="INBOX"))
        return lab

    def test_it_is_its_owner_s(self, tmp_path: Path) -> None:
        """The flow's recipient by default."""
        assert self.arrivals(tmp_path).accounts() == {Account.DELIVERED: 1}

    def test_of_somebody_else_it_is_a_copy(self, tmp_path: Path) -> None:
        """What was not sent to the owner is no arrival of whomever it was sent to."""
        lab = self.arrivals(tmp_path, f", for: [{ARCHIVE}]")
        assert lab.accounts() == {Account.UNOBSERVED: 1}
        assert [each.recipient for each in lab.ledger().copies] == [ARCHIVE]

    def test_without_an_owner_it_is_nobody_s(self, tmp_path: Path) -> None:
        """It says what to declare."""
        lab = self.arrivals(tmp_path, flow=f"aside: {{from: app, to: ht1, recipient: {ANNA}}}")
        (event,) = lab.events("unattributed")
        assert event.detail["said"] == f"nothing says whose mailbox it is: imap: {{for: [{USER}]}}"
        assert lab.accounts() == {Account.UNOBSERVED: 1}

    def test_for_two_recipients_in_one_mailbox_it_is_nobody_s(self, tmp_path: Path) -> None:
        """Which of the two copies this one is nobody can tell."""
        lab = self.arrivals(tmp_path, f", for: [{USER}, {ANNA}]")
        lab.sent(to=ANNA)
        assert [event.kind for event in lab.events("unattributed", "arrived")] == ["unattributed"]

    def test_what_bears_the_marks_of_two_messages_is_neither(self, lab: Lab) -> None:
        """It is shown at both, credited to none, and what did not arrive otherwise is not lost."""
        other_one = "<2@app>"
        for message in (M, other_one):
            lab.sent(message)
        lab.arrives(USER)
        for message in (M, other_one):
            lab.arrives("", message=message, marks=(M, other_one), queue_id="")
        events = lab.events("unattributed")
        assert [each.message for each in events] == [M, other_one]
        assert events[0].detail["said"] == f"its header bears the marks of {M} and {other_one}"
        assert lab.accounts() == {Account.DELIVERED: 1, Account.UNOBSERVED: 1}
        assert {each.marks for each in lab.ledger().copies} == {(M, other_one)}

    def test_a_message_under_the_message_id_of_another_is_neither(self, lab: Lab) -> None:
        """A gateway makes a new Message-ID, and never that of another message of ours."""
        other_one = "<2@app>"
        for message in (M, other_one):
            lab.sent(message)
        for bears in ("<new@gw>", other_one):
            lab.arrives(USER, known_by="header", bears=bears, queue_id="")
        (arrived,) = lab.events("arrived")
        assert arrived.detail["bears"] == "<new@gw>"
        assert [each.message for each in lab.events("unattributed")] == [M, other_one]
        assert lab.accounts() == {Account.DELIVERED: 1, Account.UNOBSERVED: 1}


class TestHubs:
    """What the logs of other servers tell."""

    @pytest.mark.parametrize(
        ("does", "expected", "kind"),
        [
            (Does.DISCARDED, Account.DISCARDED, "discarded"),
            (Does.HANDED_ON, Account.HANDED_ON, "handed-on"),
            (Does.FAILED, Account.LOST, "bounced"),
            (Does.HELD, Account.QUEUED, "held"),
        ],
    )
    def test_what_it_does_is_journalled_in_its_name(
        self, does: Does, expected: Account, kind: str, lab: Lab
    ) -> None:
        """With who did it, and why."""
        lab.sent()
        lab.hub(does, by="gw.far.away[192.0.2.1]:25", said="so it is")
        (event,) = lab.events(kind)
        assert (event.node, event.recipient) == ("ht1", USER)
        assert "so it is" in event.detail.values()
        assert lab.accounts() == {expected: 1}

    @pytest.mark.parametrize("does", [Does.PROMISED, Does.NOTHING, Does.ENDED])
    def test_what_changes_nothing_is_not_journalled(self, does: Does, lab: Lab) -> None:
        """A promise is the sender's to tell: two would make two of one message's traffic."""
        lab.sent()
        lab.hub(does)
        assert [event.kind for event in lab.events()] == ["accepted"]

    @pytest.mark.parametrize(
        ("relay", "kind"),
        [
            ("mbx[10.1.0.3]:25", "relayed"),
            ("mbx.corp[10.1.0.3]:24", "relayed"),
            ("10.1.0.3[10.1.0.3]:25", "relayed"),
            ("gw.corp[10.1.0.3]:25", "relayed"),
            ("mbx[10.1.0.3]:10024", "handed-on"),
            ("ht2.corp[10.1.0.2]:25", "handed-on"),
            ("gw.corp[10.1.0.9]:25", "handed-on"),
            ("private/filter", "handed-on"),
            ("", "handed-on"),
            ("ht1.corp[10.1.0.1]:25", "handed-on"),
        ],
    )
    def test_what_goes_to_a_watched_server_has_moved(self, relay: str, kind: str, lab: Lab) -> None:
        """By its name or address, on a port for mail; its own evidence says what became of it."""
        lab.sent()
        lab.hub(Does.HANDED_ON, by=relay)
        assert [each.kind for each in lab.events("relayed", "handed-on")] == [kind]

    def test_a_queue_that_can_be_seen_is_evidence(self, tmp_path: Path) -> None:
        """What goes to a hub whose queue is looked into has only moved."""
        lab = other(tmp_path, queue=", queue: {run: [postqueue, -j]}")
        lab.sent()
        lab.hub(Does.HANDED_ON, by="ht2.corp[10.1.0.2]:25")
        assert [each.kind for each in lab.events("relayed", "handed-on")] == ["relayed"]

    @pytest.mark.parametrize("of_hub_first", [True, False])
    def test_an_alias_that_a_hub_resolves(self, *, of_hub_first: bool, lab: Lab) -> None:
        """The mailbox server's log knows only the new name; whichever is read first."""
        lab.sent()
        if of_hub_first:
            lab.hub(Does.HANDED_ON, ANNA, USER, by="mbx[10.1.0.3]:25")
        lab.arrives(ANNA)
        if not of_hub_first:
            lab.hub(Does.HANDED_ON, ANNA, USER, by="mbx[10.1.0.3]:25")
        assert lab.accounts() == {Account.DELIVERED: 1}
        assert not lab.ledger().copies

    def test_a_group_of_groups(self, lab: Lab) -> None:
        """Each step is told by itself, in whatever order; a ring of them ends."""
        lab.sent()
        lab.hub(Does.RENAMED, ANNA, "group@contoso.com")
        lab.hub(Does.RENAMED, "group@contoso.com", USER)
        lab.hub(Does.RENAMED, "x@contoso.com", "y@contoso.com")
        lab.hub(Does.RENAMED, "y@contoso.com", "x@contoso.com")
        lab.arrives(ANNA)
        lab.arrives("x@contoso.com")
        assert lab.accounts() == {Account.DELIVERED: 1}

    def test_a_hub_that_delivers_and_a_mailbox_that_is_seen_count_once(self, lab: Lab) -> None:
        """A hub's LMTP to the mailbox server is the same delivery as that one's own word."""
        lab.sent()
        lab.hub(Does.DELIVERED, by="mbx[10.1.0.3]:24")
        lab.arrives()
        assert lab.accounts() == {Account.DELIVERED: 1}

    @pytest.mark.parametrize("order", [(0, 1), (1, 0)])
    def test_one_log_of_two_servers_counts_once(self, order: tuple[int, int], lab: Lab) -> None:
        """A file that was given to a hub and to the mailbox server tells each thing once."""
        lab.sent()
        told = Deed(Does.DELIVERED, M, USER, queue_id="B", wall=1e9, host="mbx")
        for number in order:
            (lab.ht1, lab.mbx)[number].deeds.append(told)
            lab.witness.look()
        assert lab.accounts() == {Account.DELIVERED: 1}

    def test_a_line_is_of_the_host_that_it_names(self, lab: Lab) -> None:
        """In one file for several hosts each line is told in the name of its own."""
        lab.sent()
        lab.hub(Does.DISCARDED, host="ht2", by="discard")
        (event,) = lab.events("discarded")
        assert event.node == "ht2"


class TestQueueIds:
    """Messages that a log knows by its queue id alone."""

    def test_the_reply_tells_which_message_it_is(self, lab: Lab) -> None:
        """A discard before the Message-ID was read, or one that a gateway wrote anew."""
        lab.sent(text="2.0.0 Ok: queued as A1")
        for message in ("", "<anew@gateway>"):
            lab.hub(Does.DISCARDED, message=message, by=f"header check {message}")
        assert len(lab.events("discarded")) == 2
        assert lab.accounts() == {Account.DISCARDED: 1}

    def test_the_reply_may_come_later(self, lab: Lab) -> None:
        """The log may be read before the sender has journalled its 250."""
        lab.attempt()
        lab.hub(Does.DISCARDED, message="", by="header check")
        assert not lab.events("discarded")
        lab.outcome(text="2.0.0 Ok: queued as A1")
        assert len(lab.events("discarded")) == 1

    def test_the_attempt_may_be_seen_later(self, lab: Lab) -> None:
        """An arrival that is read a moment before the attempt waits for the next look."""
        lab.arrives()
        assert not lab.events("arrived")
        lab.sent()
        assert len(lab.events("arrived")) == 1

    @pytest.mark.parametrize(("second", "accounts"), [("7", 2), ("8", 1)])
    def test_what_a_filter_before_the_queue_threw_away_is_known_by_its_reply(
        self, lab: Lab, second: str, accounts: int
    ) -> None:
        """It has no queue id: its reply is what the server's log and the client have in common."""
        for number in ("1", "2"):
            lab.attempt(f"<{number}@app>")
        for number in ("7", second):
            said = f"250 2.7.0 Ok, discarded, id={number}"
            lab.hub(Does.DISCARDED, message="", queue_id="", by="the filter", said=said)
        assert not lab.events("discarded")
        for number in ("1", "2"):
            lab.outcome(f"<{number}@app>", text="2.7.0 Ok, discarded, id=7")
        lab.witness.look()
        found = lab.events("discarded")
        assert len({event.message for event in found}) == len(found) == accounts
        assert {event.detail["by"] for event in found} == {"the filter"}

    def test_what_a_filter_before_the_queue_threw_away_was_for_all_its_recipients(
        self, lab: Lab
    ) -> None:
        """Postfix names the first of them in its log, and the reply was for the whole message."""
        others = (USER, "ben@contoso.com")
        for to in others:
            lab.sent(to=to, text="2.7.0 Ok, discarded, id=7")
        said = "250 2.7.0 Ok, discarded, id=7"
        lab.hub(Does.DISCARDED, message="", queue_id="", by="the filter", said=said)
        assert {event.recipient for event in lab.events("discarded")} == {*others}

    def test_one_log_under_two_names_of_its_server_is_one_arrival(self, lab: Lab) -> None:
        """A collector may write a host's name with its domain, or without."""
        lab.sent()
        for source, host in ((lab.mbx, "ht1"), (lab.ht1, "ht1.corp")):
            source.deeds.append(Deed(Does.DEFERRED, M, USER, said="no", host=host, queue_id="A1"))
        assert len(lab.events("deferred")) == 1

    def test_another_server_s_is_another(self, lab: Lab) -> None:
        """Two hosts may give one queue id to two messages."""
        lab.sent(server="ht2.corp", text="queued as A1")
        lab.hub(Does.DISCARDED, message="", by="header check")
        assert not lab.events("discarded")

    def test_a_name_that_comes_again_is_another_message_s(self, lab: Lab) -> None:
        """Once a message is gone, the server gives its queue id to the next, of somebody else."""
        lab.sent(text="queued as A1")
        lab.hub(Does.HANDED_ON, by="mbx[10.1.0.3]:25")
        lab.hub(Does.ENDED, "")
        lab.hub(Does.DISCARDED, message="<theirs@x>", by="discard")
        lab.hub(Does.DISCARDED, message="", by="discard")
        assert not lab.events("discarded")

    def test_servers_without_a_name_that_use_one_id(self, lab: Lab) -> None:
        """Then it names nobody's message; each id that only one used still does."""
        lab.sent("<1@app>", server="who", text="queued as A1")
        lab.sent("<2@app>", server="else", text="queued as A1")
        lab.sent("<3@app>", server="who", text="queued as A3")
        lab.witness.look()
        known = lab.witness.known_on("ht1")
        assert (known["A1"], known["A3"]) == ("", "<3@app>")

    def test_a_log_tells_names_that_no_reply_told(self, lab: Lab) -> None:
        """A second hub's queue can be read by the ids in its log; aliases in it are resolved."""
        lab.sent()
        lab.hub(Does.PROMISED, "", host="ht2", queue_id="B7")
        lab.hub(Does.DEFERRED, ANNA, USER, host="ht2", queue_id="B7")
        lab.witness.look()
        assert lab.witness.known_on("ht2")["B7"] == M
        assert lab.witness.recipient_of(M, ANNA) == USER
        assert lab.witness.recipient_of("<theirs@x>", ANNA) == ANNA

    def test_the_mail_of_others_is_not_kept_for_ever(self, lab: Lab) -> None:
        """However busy the log is: so many deeds wait at most."""
        for number in range(30_000):
            lab.arrives(message=f"<{number}@x>")
        lab.witness.look()
        assert len(lab.witness._waiting) == 20_000


def test_what_was_not_read_is_collected(lab: Lab) -> None:
    """Each log says what it lacks."""
    lab.mbx.lacks = ["mail.log was rotated away"]
    assert lab.witness.unread() == ["mail.log was rotated away"]


def test_what_was_not_read_concerns_the_drill_of_that_time(lab: Lab) -> None:
    """The next drill of an audit neither lacks it, nor waits for the mail of the one before."""
    lab.sent()
    lab.mbx.lacks = ["mail.log was rotated away"]
    assert lab.witness.unread() == ["mail.log was rotated away", "mail.log fell silent"]
    assert [*lab.witness.missing()] == [(M, USER)]
    lab.witness.begin()
    assert (lab.witness.unread(), lab.witness.missing()) == ([], {})
    lab.sent("<2@app>")
    assert [*lab.witness.missing()] == [("<2@app>", USER)]
    lab.mbx.lacks = ["mail.log is gone"]
    assert lab.witness.unread() == ["mail.log is gone", "mail.log fell silent"]


def test_a_log_that_fell_silent_is_told_by_what_is_missing(lab: Lab) -> None:
    """What arrived, or was seen to end otherwise, needs no line in the mailbox server's log."""
    for number in (1, 2, 3):
        lab.sent(f"<{number}@app>")
    lab.arrives()
    lab.hub(Does.DISCARDED, message="<2@app>")
    assert lab.witness.unread() == ["mail.log fell silent"]
    assert [*map(len, lab.mbx.asked)] == [1]


def test_deliveries_of_names_that_nobody_sent_may_be_what_is_missing(lab: Lab) -> None:
    """A gateway wrote all Message-IDs anew: a log alone cannot tell; fewer of them hide nothing."""
    for number in (1, 2):
        lab.sent(f"<{number}@app>")
    lab.witness.look()
    lab.arrives(message="<anew1@gateway>")
    lab.arrives(ANNA, message="<anew2@gateway>")
    assert lab.witness.unread() == ["mail.log fell silent"]
    lab.arrives(USER, message="<anew3@gateway>")
    said, _ = lab.witness.unread()
    assert said.startswith(f"2 deliveries to {USER} bear Message-IDs that nobody sent (<anew1@")


def test_logs_are_read_while_a_drill_goes_on(tmp_path: Path) -> None:
    """Once a second; what is no log is left alone, for it may take its time."""
    lab = Lab(tmp_path, design(), ht1=Script())
    lab.sent()
    lab.arrives()
    lab.hub(Does.DISCARDED)
    lab.witness.keep_up()
    assert (lab.mbx.deeds, len(lab.ht1.deeds)) == ([], 1)
    lab.arrives()
    lab.witness.keep_up()
    assert len(lab.mbx.deeds) == 1


deeds = st.builds(
    Deed,
    st.sampled_from([*Does]),
    st.just(M),
    st.sampled_from(["", USER, ANNA, ARCHIVE, "user", ":blackhole:", "|program"]),
    st.sampled_from(["", USER, ANNA, "group@contoso.com"]),
    queue_id=st.sampled_from(["", "A1", "B2"]),
    wall=st.sampled_from([None, 1e9, 1e9 + 1]),
)


@given(
    deeds,
    st.sets(st.sampled_from([USER, ANNA, BEN]), min_size=1),
    st.dictionaries(st.sampled_from([ANNA, ARCHIVE]), st.sampled_from([USER, ANNA, ARCHIVE])),
    st.sets(st.sampled_from([USER, ARCHIVE])),
)
def test_nobody_gets_what_the_evidence_does_not_say(
    deed: Deed, sent_to: set[str], renamed: dict[str, str], owners: set[str]
) -> None:
    """An arrival is credited to one recipient at most, who is named, renamed, mapped or owner."""
    whose = Attribution({BEN: (ARCHIVE,)}, ())
    credit = whose.of(deed, sent_to, renamed=renamed, owners=owners)
    assert {*credit.recipients} <= sent_to
    if deed.does is not Does.DELIVERED:
        return
    assert len(credit.recipients) <= 1
    names = {deed.recipient, deed.original} - {""}
    reach = names | {renamed.get(renamed.get(n, n), n) for n in names} | {*map(renamed.get, names)}
    for each in credit.recipients:
        told = each in reach or (deed.recipient == "user" and each == USER)
        mapped = each == BEN and ARCHIVE in names
        assert told or mapped or (not names and each in owners)


def test_a_log_that_is_done_with_all_shows_an_empty_queue(tmp_path: Path) -> None:
    """What a server took and has removed lies in its queue no more: that needs no second look."""
    lab = Lab(tmp_path, design())
    assert not lab.witness.knows_empty("ht1")
    lab.attempt()
    lab.outcome(text="2.0.0 Ok: queued as Q77")
    delivered = Deed(Does.DELIVERED, M, USER, host="ht1", queue_id="Q77")
    lab.mbx.deeds.append(delivered)
    lab.witness.look()
    assert not lab.witness.knows_empty("ht1")
    lab.mbx.deeds.append(replace(delivered, does=Does.ENDED, recipient=""))
    lab.witness.look()
    assert lab.witness.knows_empty("ht1")
    assert not lab.witness.knows_empty("ht2")


def test_nobody_is_told_of_a_queue_that_its_log_shows_to_be_empty(tmp_path: Path) -> None:
    """What was to be said before any mail is not said in the end, where the log has settled it."""
    attached = AttachLab(design(), tmp_path / "run")
    attached._witness = (lab := Lab(tmp_path, design())).witness
    assert attached.begin() == {"arrivals": True, "blind": ["ht1", "ht2"]}
    assert attached.remarks == ("the queues of ht1, ht2 cannot be read",)
    lab.sent(text="2.0.0 Ok: queued as Q77")
    lab.hub(Does.ENDED, "", queue_id="Q77")
    lab.witness.look()
    assert attached.remarks == ("the queues of ht2 cannot be read",)
    lab.mbx.lacks = ["mail.log is gone"]
    sight = attached.sight()
    assert (sight["blind"], sight["unread"][0]) == (["ht2"], "mail.log is gone")
    [look] = [each for each in read_events(lab.path("ht1")) if each.kind == "queue"]
    assert look.detail["items"] == []
    assert "unread" not in attached.begin()


def test_a_log_that_has_another_of_ours_under_way_shows_no_empty_queue(tmp_path: Path) -> None:
    """A message that was stored and never answered, or came back from a filter, is still there."""
    lab = Lab(tmp_path, design())
    lab.attempt()
    lab.outcome(text="2.0.0 Ok: queued as Q77")
    ended = Deed(Does.ENDED, M, host="ht1", queue_id="Q77")
    lab.mbx.deeds += [ended, Deed(Does.DEFERRED, M, USER, host="ht1", queue_id="Q78")]
    lab.witness.look()
    assert not lab.witness.knows_empty("ht1")
    lab.attempt("<2@app>")
    lab.outcome("<2@app>", text="2.0.0 Ok: queued as Q79")
    lab.mbx.deeds.append(replace(ended, queue_id="Q78"))
    lab.witness.look()
    assert not lab.witness.knows_empty("ht1")


def test_mail_that_nobody_knows_who_took_may_lie_in_any_queue(tmp_path: Path) -> None:
    """A banner that names no server leaves open which of them has the message."""
    lab = Lab(tmp_path, design())
    lab.attempt()
    lab.outcome(text="2.0.0 Ok: queued as Q77")
    lab.attempt("<2@app>")
    lab.outcome("<2@app>", server="gateway.example", text="2.0.0 Ok: queued as Q78")
    ended = Deed(Does.ENDED, M, host="ht1", queue_id="Q77")
    lab.mbx.deeds.append(ended)
    lab.witness.look()
    assert not lab.witness.knows_empty("ht1")
    lab.mbx.deeds.append(replace(ended, message="<2@app>", queue_id="Q78"))
    lab.witness.look()
    assert lab.witness.knows_empty("ht1")
