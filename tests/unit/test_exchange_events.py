"""What each event of a tracking log means, one by one and along the course of a message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import pytest
from tests.unit.test_exchange_account import delivered, received, row, sent

from relaydrill.exchange_logs import TRACKING_TYPE, to_line
from relaydrill.exchange_logs.events import ANY, SOURCES, meaning, table
from relaydrill.exchange_logs.files import read_all
from relaydrill.exchange_logs.log_account import LogAccount, account
from relaydrill.exchange_logs.selection import Selection
from relaydrill.exchange_logs.tracking import Tracking
from relaydrill.mail_logs.deeds import Does
from relaydrill.verdict import Status

Row = dict[str, str]
_DOCUMENT = Path(__file__).parents[2] / "docs" / "labs" / "exchange-logs.md"
FIELDS = (
    *("date-time", "client-ip", "client-hostname", "server-ip", "server-hostname"),
    *("source-context", "connector-id", "source", "event-id", "internal-message-id"),
    *("message-id", "network-message-id", "recipient-address", "recipient-status"),
    *("related-recipient-address", "reference", "sender-address", "custom-data"),
)
_INTRA = "Intra-Organization SMTP Send Connector"

# Microsoft's list, "Message tracking": Exchange 2007 to SE, and the two that its users found.
_EVENT_IDS = """
AGENTINFO BADMAIL CLIENTSUBMISSION DEFER DELIVER DELIVERFAIL DROP DSN DUPLICATEDELIVER
DUPLICATEEXPAND DUPLICATEREDIRECT EXPAND FAIL HADISCARD HARECEIVE HAREDIRECT HAREDIRECTFAIL
INITMESSAGECREATED LOAD MODERATIONEXPIRE MODERATORAPPROVE MODERATORREJECT MODERATORSALLNDR
NOTIFYMAPI NOTIFYSHADOW POISONMESSAGE PROCESS PROCESSMEETINGMESSAGE RECEIVE REDIRECT RESOLVE
RESUBMIT RESUBMITDEFER RESUBMITFAIL SEND SENDEXTERNAL SUBMIT SUBMITDEFER SUBMITFAIL SUPPRESSED
THROTTLE TRANSFER RECIPIENTINFO SETROUTE
"""
DOCUMENTED = _EVENT_IDS.split()
_SOURCE_NAMES = """
ADMIN AGENT APPROVAL BOOTLOADER DNS DSN GATEWAY MAILBOXRULE MEETINGMESSAGEPROCESSOR ORAR PICKUP
POISONMESSAGE PUBLICFOLDER QUEUE REDUNDANCY REPLICATION ROUTING SAFETYNET SMTP STOREDRIVER
"""
_SOURCES = _SOURCE_NAMES.split()


def log_of(rows: Iterable[Row], version: str = "15.02.1118.040") -> str:
    """A log as Exchange 2013 and later write it."""
    lines = (
        "#Software: Microsoft Exchange Server",
        f"#Version: {version}",
        f"#Log-type: {TRACKING_TYPE}",
        "#Date: 2026-11-24T11:59:00.000Z",
        f"#Fields: {','.join(FIELDS)}",
    )
    text = "".join(f"{line}\r\n" for line in lines)
    return text + "".join(to_line(each.get(name, "") for name in FIELDS) for each in rows)


Account = Callable[..., LogAccount]


@pytest.fixture
def of_files(tmp_path: Path) -> Account:
    """The account of files with these rows, by their paths; a text stands as it is."""

    def make(files: Mapping[str, Iterable[Row] | str], **wanted: object) -> LogAccount:
        for name, rows in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(rows if isinstance(rows, str) else log_of(rows), newline="")
        return account(Tracking(read_all([tmp_path]), Selection(**wanted)))  # type: ignore[arg-type]

    return make


def _one(server: str = "EX1", kind: str = "MSGTRK") -> str:
    return f"{server}/{kind}20261124-1.LOG"


_TICK = row("AGENTINFO", 3600, client_hostname="ex1", source="AGENT", message="<tick@x>")


def test_every_documented_event_has_a_row() -> None:
    """No id of Microsoft's list is without a meaning, and no row is about an unknown id."""
    assert set(DOCUMENTED) == {event for event, _ in table()}


def test_every_documented_source_has_a_name() -> None:
    """So that what a source has discarded is told by whom; rows are of known sources only."""
    assert set(_SOURCES) == set(SOURCES)
    assert {source for _, source in table()} <= {*SOURCES, ANY}


def test_the_page_has_the_table() -> None:
    """The table for readers says of each event what the program makes of it."""
    told = set(
        re.findall(r"^\| `(\w+)`(?: by (\w+))? \| ([a-z ]+) \|", _DOCUMENT.read_text(), re.M)
    )
    meant = {
        (event, "" if source == ANY else source, str(means.does))
        for (event, source), means in table().items()
    }
    assert told == meant


_ENDS: Mapping[Does, str] = {
    Does.HELD: "held",
    Does.HANDED_ON: "handed on",
    Does.MOVED: "handed on",
    Does.DELIVERED: "delivered",
    Does.FAILED: "failed",
    Does.DISCARDED: "discarded",
}


def _expected(event: str, source: str) -> str:
    means = meaning(event, source)
    assert means
    if event == "SUBMIT":
        return "queued"  # out of the submission service's queue, not of this one
    return "delivered" if means.has_it else _ENDS.get(means.does, "queued")


@pytest.mark.parametrize("event", sorted(set(DOCUMENTED) - {"RECEIVE"}))
def test_each_event_ends_a_message_as_the_table_says(of_files: Account, event: str) -> None:
    """One RECEIVE and then this event: its meaning is the account, whatever the source."""
    sources = [*_SOURCES, "", "OTHER"]
    rows = [received(0, "EX1", message=f"<{source}@app>") for source in sources]
    ends = {"client_hostname": "EX1", "server_hostname": "mx.partner.example"}
    rows += [row(event, 1, message=f"<{source}@app>", source=source, **ends) for source in sources]
    found = of_files({_one(): rows})
    told = {fate.entry.message: str(fate.account) for fate in found.fates}
    assert told == {f"<{source}@app>": _expected(event, source) for source in sources}


def test_whoever_receives_answers_for_it(of_files: Account) -> None:
    """A RECEIVE of any source is a promise; the servers' own mail is counted apart."""
    own = {"DSN", "MEETINGMESSAGEPROCESSOR", "REPLICATION", "PUBLICFOLDER"}
    sources = [*_SOURCES, ""]
    rows = [
        received(0, "EX1", source=source, message=f"<{source}@app>", reference="1")
        for source in sources
    ]
    found = of_files({_one(): rows})
    assert found.counts == {"queued": len(sources) - len(own) - 2}
    assert found.tracking.copies == {"user@contoso.com": 2}
    assert sum(found.tracking.not_ours.values()) == len(own)


def test_an_event_that_nobody_knows_is_told_with_its_message(of_files: Account) -> None:
    """Neither lost nor queued can be said of what it stands on; others are not concerned."""
    strange = row("TELEPORT", 1, source="SMTP")
    rows = [received(0, "EX1"), strange, received(0, "EX1", message="<2@app>"), delivered(9, "EX1")]
    rows[-1]["message-id"] = "<2@app>"
    found = of_files({_one(): rows})
    assert found.counts == {"delivered": 1, "unknown": 1}
    assert "TELEPORT" in found.undelivered[0].why
    assert found.document()["unknown_events"] == {"TELEPORT": 1}


def test_an_unknown_event_keeps_lost_from_being_said(of_files: Account) -> None:
    """It may be the very event that says where the message is."""
    edge = [received(0, "EDGE1"), sent(1, "EDGE1", "EX1"), row("TELEPORT", 2)]
    found = of_files({_one("EDGE1"): edge, _one(): [received(0, "EX1", message="<2@app>"), _TICK]})
    assert found.counts == {"queued": 1, "unknown": 1}


@pytest.mark.parametrize(
    ("source", "context", "by"),
    [
        ("AGENT", "Malware Agent", "by Malware Agent"),
        ("AGENT", "", "by a transport agent"),
        ("ADMIN", "", "by an administrator"),
        ("SMTP", "x", "by SMTP"),
    ],
)
def test_what_is_dropped_is_told_by_whom(
    of_files: Account, source: str, context: str, by: str
) -> None:
    """The agent's name, or else its source, stands with what it has thrown away."""
    rows = [received(0, "EX1"), row("DROP", 1, source=source, source_context=context)]
    (fate,) = of_files({_one(): rows}).undelivered
    assert fate.account == "discarded"
    assert fate.why.startswith(by)


@pytest.mark.parametrize(
    "gone",
    [
        "550 4.3.2 QUEUE.TransportDeleted; message deleted by transport agent",
        "550 5.2.1 Content Filter agent quarantined this message",
    ],
)
def test_what_a_rule_deletes_is_discarded_and_not_just_failed(of_files: Account, gone: str) -> None:
    """A FAIL whose status says that an agent took it away: nobody tried to deliver it."""
    fail = row("FAIL", 1, source="AGENT", source_context="Transport Rule", recipient_status=gone)
    (fate,) = of_files({_one(): [received(0, "EX1"), fail]}).undelivered
    assert (fate.account, fate.why.startswith("by Transport Rule")) == ("discarded", True)


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([], "held"),
        ([row("MODERATORREJECT", 5, to="", source="APPROVAL")], "discarded"),
        ([row("MODERATORREJECT", 5, to="SystemMailbox{1f05a927}@c.com")], "discarded"),
        ([row("MODERATIONEXPIRE", 5, source="APPROVAL")], "discarded"),
        ([row("MODERATORSALLNDR", 5, to="", source="APPROVAL")], "failed"),
        ([row("MODERATORAPPROVE", 5, source="APPROVAL")], "queued"),
        ([row("MODERATORAPPROVE", 5), delivered(6, "EX1")], "delivered"),
        ([row("MODERATORAPPROVE", 5), row("FAIL", 6, source="APPROVAL")], "failed"),
    ],
)
@pytest.mark.parametrize("judge", ["EX1", "EX2"])
def test_the_course_of_moderated_mail(
    of_files: Account, last: list[Row], expected: str, judge: str
) -> None:
    """Held until a moderator speaks, wherever that is logged and whomever the row names."""
    arbiter = "SystemMailbox{1f05a927-3be2-4fb9-aa03-b59fe3b56f4c}@contoso.com"
    asked = row("INITMESSAGECREATED", 1, arbiter, source="APPROVAL")
    first = [received(0, "EX1"), asked, row("SEND", 2, arbiter, client_hostname="EX1")]
    said = [received(3, judge, source="APPROVAL"), *last] if last else []
    again = said if "MODERATORAPPROVE" in str(last) else last
    if judge == "EX1":
        files = {_one(): [*first, *again]}
    else:
        files = {_one(): first, _one("EX2"): [received(0, "EX2", message="<9@x>"), *again]}
    found = of_files(files)
    told = [fate.account for fate in found.fates if fate.entry.message == "<1@app>"]
    assert told == [expected]


def test_what_moderation_says_of_its_request_is_said_of_the_message(of_files: Account) -> None:
    """The rows bear the request's Message-ID, and refer to what a moderator was asked about."""
    request = {"message": "<ask@ex1>", "source": "APPROVAL", "reference": "<1@app>"}
    rows = [
        received(0, "EX1"),
        row("INITMESSAGECREATED", 1, "moderator@contoso.com", **request),
        row("MODERATORREJECT", 2, "", **request),
    ]
    assert of_files({_one(): rows[:2]}).counts == {"held": 1}
    assert of_files({_one(): rows}).counts == {"discarded": 1}


def test_approved_mail_that_is_received_anew_lies_there_only(of_files: Account) -> None:
    """The approval hands it to a transport service once more; the first has done with it."""
    first = [received(0, "EX1"), row("INITMESSAGECREATED", 1, source="APPROVAL")]
    then = [
        row("MODERATORAPPROVE", 5, source="APPROVAL", client_hostname="EX2"),
        received(6, "EX2", source="APPROVAL"),
        row("FAIL", 7, recipient_status="550 5.1.1 User unknown", client_hostname="EX2"),
    ]
    assert of_files({_one(): first, _one("EX2"): then}).counts == {"failed": 1}


def test_poison_is_held_until_it_moves_on(of_files: Account) -> None:
    """What the poison queue gave back was delivered."""
    rows = [received(0, "EX1"), row("POISONMESSAGE", 1, source="POISONMESSAGE")]
    assert of_files({_one(): rows}).counts == {"held": 1}
    assert of_files({_one(): [*rows, delivered(2, "EX1")]}).counts == {"delivered": 1}


def test_a_message_that_a_restart_found_and_sent_is_gone(of_files: Account) -> None:
    """LOAD finds the one copy that was there; its SEND takes it away."""
    rows = [
        received(0, "EX1"),
        row("LOAD", 5, source="BOOTLOADER", client_hostname="EX1"),
        sent(6, "EX1", "mx.partner.example"),
    ]
    assert of_files({_one(): rows}).counts == {"handed on": 1}


def test_what_began_before_the_logs_is_no_refused_mail(of_files: Account) -> None:
    """Its first row is a SEND, a FAIL or a DEFER: some server had it."""
    away = sent(1, "EX1", "mx.partner.example")
    assert of_files({_one(): [away]}).counts == {"handed on": 1}
    assert of_files({_one(): [row("FAIL", 1)]}).counts == {"failed": 1}
    assert of_files({_one(): [row("DEFER", 1, client_hostname="EX1")]}).counts == {"queued": 1}


def test_a_submission_has_a_queue_of_its_own(of_files: Account) -> None:
    """What the submission service got rid of lies with the transport service, in any order."""
    submit = {"client_hostname": "EX1", "server_hostname": "EX1", "source": "STOREDRIVER"}
    files = {
        _one(kind="MSGTRKMS"): [
            received(0, "EX1", source="STOREDRIVER"),
            row("SUBMIT", 2, **submit),
        ],
        _one(): [received(1, "EX1", client_hostname="EX1")],
    }
    found = of_files(files)
    assert found.counts == {"queued": 1}
    assert found.fates[0].entry.queued_on == ("ex1",)


# Copies.


def test_a_journal_report_is_a_copy(of_files: Account) -> None:
    """An agent made it of another message: neither mail of its own nor a duplicate."""
    report = {"message": "<r@journal.report.generator>", "to": "archive@contoso.com"}
    rows = [
        received(0, "EX1"),
        received(1, "EX1", source="AGENT", reference="<1@app>", **report),
        delivered(2, "EX1"),
        delivered(2, "EX1", **report),
    ]
    found = of_files({_one(): rows})
    assert found.counts == {"delivered": 1}
    assert found.tracking.copies == {"archive@contoso.com": 1}


def test_a_rules_bcc_is_a_copy_on_every_hop(of_files: Account) -> None:
    """The first RECEIVE does not name it, the SEND does: the next server's RECEIVE owes nothing."""
    both = "user@contoso.com;archive@contoso.com"
    files = {
        _one("EDGE1"): [received(0, "EDGE1"), sent(1, "EDGE1", "EX1", to=both)],
        _one(): [
            received(1, "EX1", to=both, client_hostname="EDGE1"),
            delivered(2, "EX1", to=both),
        ],
    }
    found = of_files(files)
    assert found.counts == {"delivered": 1}
    assert found.tracking.copies == {"archive@contoso.com": 1}


def test_only_the_archive_got_it(of_files: Account) -> None:
    """A copy is no arrival: what its recipient never got was discarded."""
    rows = [
        received(0, "EX1"),
        row("DROP", 1, source="AGENT", source_context="Malware Agent"),
        delivered(2, "EX1", to="archive@contoso.com"),
    ]
    found = of_files({_one(): rows})
    assert (found.counts, found.status) == ({"discarded": 1}, Status.FAIL)


def test_a_copy_that_failed_is_nobodys_loss(of_files: Account) -> None:
    """Nobody sent it there, so nobody is owed it."""
    rows = [received(0, "EX1"), delivered(1, "EX1"), row("FAIL", 2, "archive@contoso.com")]
    assert of_files({_one(): rows}).status is Status.PASS


def test_an_inbox_rule_makes_copies(of_files: Account) -> None:
    """Forwarded mail is a message of its own, which nobody sent."""
    forwarded = {"message": "<f@ex1>", "to": "boss@contoso.com"}
    rows = [
        received(0, "EX1"),
        delivered(1, "EX1"),
        received(2, "EX1", source="MAILBOXRULE", reference="4711", **forwarded),
        delivered(3, "EX1", **forwarded),
    ]
    found = of_files({_one(): rows})
    assert (found.counts, found.tracking.copies) == ({"delivered": 1}, {"boss@contoso.com": 1})


def test_what_an_agent_sent_elsewhere_did_not_arrive(of_files: Account) -> None:
    """A rule's redirect to a quarantine mailbox is no delivery to the recipient."""
    for target, expected in (("quarantine@contoso.com", "held"), ("x@contoso.com", "handed on")):
        rows = [
            received(0, "EX1"),
            row(
                "REDIRECT", 1, target, source="AGENT", related_recipient_address="user@contoso.com"
            ),
            delivered(2, "EX1", to=target),
        ]
        rows[1]["related-recipient-address"] = "user@contoso.com"
        found = of_files({_one(): rows})
        told = {fate.entry.recipient: fate.account for fate in found.fates}
        assert told == {"user@contoso.com": expected}
        assert target in found.undelivered[0].why


def test_members_of_a_group_that_overlap_are_owed_one_copy(of_files: Account) -> None:
    """A member that was a recipient already gets one; its group's place is taken all the same."""
    rows = [
        received(0, "EX1", to="all@contoso.com;a@contoso.com"),
        row("EXPAND", 1, "b@contoso.com", related_recipient_address="all@contoso.com"),
        row("DUPLICATEEXPAND", 1, "a@contoso.com", related_recipient_address="all@contoso.com"),
        delivered(2, "EX1", to="a@contoso.com;b@contoso.com"),
    ]
    assert of_files({_one(): rows}).counts == {"delivered": 2}


def test_names_that_lead_in_a_ring_still_owe_the_message(of_files: Account) -> None:
    """Who became somebody else and then himself again has not got it yet."""
    rows = [
        received(0, "EX1"),
        row("RESOLVE", 1, "b@contoso.com", related_recipient_address="user@contoso.com"),
        row("REDIRECT", 2, "user@contoso.com", related_recipient_address="b@contoso.com"),
    ]
    assert of_files({_one(): rows}).status is Status.UNKNOWN


def test_a_group_of_nobody_is_told(of_files: Account) -> None:
    """An EXPAND that names no members is no delivery."""
    rows = [received(0, "EX1"), row("EXPAND", 1, "", related_recipient_address="user@contoso.com")]
    (fate,) = of_files({_one(): rows}).undelivered
    assert "EXPAND to nobody" in fate.why


def test_a_mailbox_that_had_it_already_has_it(of_files: Account) -> None:
    """The store removes a duplicate only of what it holds."""
    rows = [received(0, "EX1"), row("DUPLICATEDELIVER", 1, source="STOREDRIVER")]
    assert of_files({_one(): rows}).counts == {"delivered": 1}
    rows = [received(0, "EX1"), delivered(1, "EX1"), row("DUPLICATEDELIVER", 2)]
    assert of_files({_one(): rows}).counts == {"delivered": 1}


# The servers' own mail, and what was asked for.


@pytest.mark.parametrize(
    "fields",
    [
        {"sender_address": "HealthMailboxabc123@contoso.com"},
        {"to": "HealthMailbox0659e34c@contoso.com"},
        {"to": "HealthMailbox-EX1-001@contoso.com"},
        {"sender_address": "SystemMailbox{1f05a927}@contoso.com", "source": "APPROVAL"},
        {"sender_address": "inboundproxy@contoso.com"},
        {"sender_address": "MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@contoso.com"},
    ],
)
def test_probes_are_not_ours(of_files: Account, fields: Row) -> None:
    """They are counted, and a probe that stays in a queue leaves the verdict alone."""
    rows = [received(0, "EX1"), delivered(1, "EX1"), received(2, "EX1", message="<p@x>", **fields)]
    found = of_files({_one(): rows})
    assert (found.counts, found.status) == ({"delivered": 1}, Status.PASS)
    assert sum(found.tracking.not_ours.values()) == 1


def test_a_person_whose_name_is_like_a_probes_is_a_person(of_files: Account) -> None:
    """Nobody's mail is left out because of how an address begins."""
    named = {"sender_address": "healthmailboxteam@contoso.com"}
    assert of_files({_one(): [received(0, "EX1", **named)]}).counts == {"queued": 1}


@pytest.mark.parametrize(
    ("wanted", "counts"),
    [
        ({"recipients": ("user@contoso.com",)}, {"queued": 1}),
        ({"recipients": ("all@contoso.com",)}, {"delivered": 1}),
        ({"recipients": ("@contoso.com",)}, {"delivered": 1, "queued": 1}),
        ({"recipients": ("nobody@contoso.com",)}, {}),
        ({"senders": ("app@fabrikam.com",)}, {"queued": 1}),
        ({"since": 1795521605.0}, {"delivered": 1}),
        ({"until": 1795521605.0}, {"queued": 1}),
    ],
)
def test_only_what_was_asked_for_is_accounted_for(
    of_files: Account, wanted: Mapping[str, object], counts: Mapping[str, int]
) -> None:
    """By recipient (its group counts as its name), sender, and the time of its first row."""
    rows = [
        received(0, "EX1", sender_address="app@fabrikam.com"),
        received(9, "EX1", message="<2@app>", to="all@contoso.com", sender_address="x@y.com"),
        row(
            *("EXPAND", 10, "a@contoso.com", "<2@app>"),
            related_recipient_address="all@contoso.com",
        ),
        delivered(11, "EX1", message="<2@app>", to="a@contoso.com"),
    ]
    found = of_files({_one(): rows}, **wanted)
    assert found.counts == counts
    assert found.tracking.left_out == 2 - sum(counts.values())
