"""What the lines of Postfix's and Exim's logs mean, and what becomes of a message by them."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.mail_logs import dovecot, exim, postfix
from relaydrill.mail_logs.deeds import Deed, Does
from relaydrill.mail_logs.following import Following
from relaydrill.mail_logs.framing import Framer
from relaydrill.mail_logs.reading import NOTHING, UNDECLARED, Takers, Told

SAMPLES = Path(__file__).parent / "mail_logs"
END = datetime(2026, 11, 30).timestamp()


def follow(*lines: str, takers: Takers = UNDECLARED, remembered: int = 100) -> list[Deed]:
    """The deeds that some lines tell, all of one source."""
    framer, following = Framer("log", END), Following(takers, remembered)
    found = [deed for line in lines for deed in following.take(framer.frame(line.encode()))]
    return [*found, *following.rest()]


def at(text: str, program: str = "postfix/smtp", host: str = "mx1", process: int = 7) -> str:
    """A line of a syslog."""
    return f"Nov 24 04:25:01 {host} {program}[{process}]: {text}"


def delivery(said: str, *, relay: str = "mx[10.0.0.9]:25", status: str = "sent") -> str:
    """What an agent says of one delivery."""
    return (
        f"A1B2C3: to=<u@x.test>, relay={relay}, delay=0.1, delays=0/0/0/0.1, dsn=2.0.0,"
        f" status={status} ({said})"
    )


AGENTS: list[tuple[str, str, str, Does, str]] = [
    ("virtual", "virtual", "delivered to maildir", Does.DELIVERED, "virtual"),
    ("virtual", "virtual", "delivered to mailbox", Does.DELIVERED, "virtual"),
    ("local", "local", "delivered to mailbox", Does.DELIVERED, "local"),
    ("local", "local", "delivered to file: /var/mail/u", Does.DELIVERED, "/var/mail/u"),
    ("local", "local", "delivered to file: /dev/null", Does.DISCARDED, "/dev/null"),
    ("local", "local", "delivered to file: /q/quarantine", Does.DISCARDED, "/q/quarantine"),
    ("local", "local", "delivered to file: /dev/zero", Does.DISCARDED, "/dev/zero"),
    ("virtual", "virtual", "delivered to file: /proc/1/fd/1", Does.DISCARDED, "/proc/1/fd/1"),
    ("local", "local", "delivered to file: /srv/spamtrap", Does.DISCARDED, "/srv/spamtrap"),
    ("local", "local", "delivered to file: /srv/archive/all", Does.HANDED_ON, "/srv/archive/all"),
    ("local", "local", "delivered to file: /var/mail-backup", Does.HANDED_ON, "/var/mail-backup"),
    ("local", "local", "delivered to file: /home/u/archive", Does.DELIVERED, "/home/u/archive"),
    (
        "local",
        "local",
        "delivered to file: /var/mail/copydesk",
        Does.DELIVERED,
        "/var/mail/copydesk",
    ),
    ("pipe", "dovecot-null", "delivered via dovecot-null service", Does.HANDED_ON, "dovecot-null"),
    (
        "pipe",
        "dovecot-learn",
        "delivered via dovecot-learn service",
        Does.HANDED_ON,
        "dovecot-learn",
    ),
    (
        "pipe",
        "dovecot_archive",
        "delivered via dovecot_archive service",
        Does.HANDED_ON,
        "dovecot_archive",
    ),
    (
        "local",
        "local",
        "delivered to command: dovecot-lda -m Archive 2>/dev/null",
        Does.DELIVERED,
        "|dovecot-lda -m Archive 2>/dev/null",
    ),
    ("local", "local", "delivered to command: procmail -a", Does.HANDED_ON, "|procmail -a"),
    (
        "local",
        "local",
        "delivered to command: /usr/lib/dovecot/dovecot-lda",
        Does.DELIVERED,
        "|/usr/lib/dovecot/dovecot-lda",
    ),
    ("local", "local", "forwarded as D4E5F6", Does.MOVED, "local"),
    ("discard", "none", "silently", Does.DISCARDED, "discard"),
    ("pipe", "spamcheck", "delivered via spamcheck service", Does.HANDED_ON, "spamcheck"),
    ("pipe", "dovecot", "delivered via dovecot service", Does.DELIVERED, "dovecot"),
    ("pipe", "dovecot-spam", "delivered via dovecot-spam service", Does.HANDED_ON, "dovecot-spam"),
    (
        "lmtp",
        "mx[private/dovecot-lmtp]",
        "250 2.0.0 Ok",
        Does.DELIVERED,
        "mx[private/dovecot-lmtp]",
    ),
    ("lmtp", "h[10.0.0.9]:24", "250 2.0.0 <u@x.test> Ab+1 Saved", Does.DELIVERED, "h[10.0.0.9]:24"),
    (
        "lmtp",
        "h[10.0.0.9]:24",
        "250 2.1.5 Ok SESSIONID=<cyrus-1>",
        Does.DELIVERED,
        "h[10.0.0.9]:24",
    ),
    ("lmtp", "h[10.0.0.9]:24", "250 2.0.0 Ok", Does.HANDED_ON, "h[10.0.0.9]:24"),
    (
        "lmtp",
        "h[10.0.0.9]:10024",
        "250 2.0.0 Ok: queued as F1",
        Does.HANDED_ON,
        "h[10.0.0.9]:10024",
    ),
    ("lmtp", "h[10.0.0.9]:24", "250 2.7.0 Ok, discarded, id=1-1", Does.DISCARDED, "h[10.0.0.9]:24"),
    ("smtp", "h[10.0.0.9]:25", "250 2.0.0 Ok: queued as F1E2", Does.HANDED_ON, "h[10.0.0.9]:25"),
    ("smtp", "h[10.0.0.9]:25", "250 Ok, id=1-1, DISCARD(bounce)", Does.DISCARDED, "h[10.0.0.9]:25"),
    ("smtp", "h[10.0.0.9]:25", "250 Message quarantined", Does.DISCARDED, "h[10.0.0.9]:25"),
    ("smtp", "h[10.0.0.9]:25", "250 2.5.0 Ok, id=1-1, BOUNCE", Does.FAILED, "h[10.0.0.9]:25"),
    ("lmtp", "h[10.0.0.9]:24", "250 2.5.0 Ok, bounced", Does.FAILED, "h[10.0.0.9]:24"),
    (
        "smtp",
        "h[10.0.0.9]:25",
        "250 Ok: queued as B0, not bounced",
        Does.HANDED_ON,
        "h[10.0.0.9]:25",
    ),
    ("smtp", "h[10.0.0.9]:25", "250 Ok: queued as BOUNCE", Does.HANDED_ON, "h[10.0.0.9]:25"),
    ("smtp", "h[10.0.0.9]:25", "250 <bounce@x> bounce.x Ok", Does.HANDED_ON, "h[10.0.0.9]:25"),
    (
        "smtp",
        "h[10.0.0.9]:25",
        "250 Ok, bounced if nobody is there",
        Does.HANDED_ON,
        "h[10.0.0.9]:25",
    ),
    (
        "smtp",
        "h[10.0.0.9]:25",
        "250 2.5.0 Ok, id=1-1, DISCARD(bounce.suppressed)",
        Does.DISCARDED,
        "h[10.0.0.9]:25",
    ),
    (
        "smtp",
        "h[10.0.0.9]:25",
        "250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as F1",
        Does.HANDED_ON,
        "h[10.0.0.9]:25",
    ),
    ("local", "local", "discarded", Does.DISCARDED, "local"),
    ("local", "local", "delivered to command: discarded", Does.HANDED_ON, "|discarded"),
    ("qmgr", "none", "undeliverable postmaster notification discarded", Does.DISCARDED, "qmgr"),
    ("smtp", "h[10.0.0.9]:25", "250 <discard@x> queued", Does.HANDED_ON, "h[10.0.0.9]:25"),
    ("smtp", "h[10.0.0.9]:25", "250 Ok, not discarded", Does.HANDED_ON, "h[10.0.0.9]:25"),
    ("smtp", "discard.x[10.0.0.9]:25", "250 Ok", Does.HANDED_ON, "discard.x[10.0.0.9]:25"),
]


@pytest.mark.parametrize(("program", "relay", "said", "does", "by"), AGENTS)
def test_sent_means_what_the_agent_did(
    program: str, relay: str, said: str, does: Does, by: str
) -> None:
    """``status=sent`` is an arrival only where a mailbox took it; all else is told by name."""
    told = postfix.read(program, delivery(said, relay=relay), UNDECLARED)
    assert told is not None
    assert (told.does, told.by, told.recipient) == (does, by, "u@x.test")


@pytest.mark.parametrize("program", sorted(postfix.AGENTS))
@pytest.mark.parametrize(
    ("status", "does"),
    [
        ("deferred", Does.DEFERRED),
        ("SOFTBOUNCE", Does.DEFERRED),
        ("bounced", Does.FAILED),
        ("deliverable", Does.NOTHING),
        ("undeliverable", Does.NOTHING),
        ("undeliverable-but-not-cached", Does.NOTHING),
    ],
)
def test_what_is_not_sent_means_the_same_for_all_agents(
    program: str, status: str, does: Does
) -> None:
    """Put off, given up, or only asked: whoever says so."""
    told = postfix.read(program, delivery("why", status=status), UNDECLARED)
    assert told is not None
    assert told.does is does


@pytest.mark.parametrize("named", ["to", "orig_to"])
def test_a_quoted_address_is_no_end_of_a_line(named: str) -> None:
    """Whoever sends mail chooses the recipient, and may choose one that looks like a delivery."""
    address = '"x>, relay=virtual, delay=1, status=sent (delivered to maildir)"@x.test'
    to = f"to=<{address}>" if named == "to" else f"to=<u@x.test>, orig_to=<{address}>"
    line = f"A1B2C3: {to}, relay=virtual, delay=1, dsn=5.1.1, status=bounced (unknown user)"
    told = postfix.read("virtual", line, UNDECLARED)
    assert told is not None
    assert (told.does, told.recipient if named == "to" else told.original) == (Does.FAILED, address)


def test_an_inventory_says_what_is_a_mailbox_and_what_is_none() -> None:
    """What is declared counts for more than what is recognised by its name."""
    box, pipe = delivery("250 Ok", relay="h[10.0.0.9]:24"), delivery("x", relay="box")
    declared = Takers(mailboxes=("10.0.0.9]:24", "BOX"), filters=("dovecot",))
    found = [
        postfix.read("lmtp", box, declared),
        postfix.read("pipe", pipe, declared),
        postfix.read("lmtp", delivery("250 Ok", relay="mx[private/dovecot-lmtp]"), declared),
        exim.read("1xVojD-00001Y-04 => u <u@x.test> R=local T=box_1", declared),
    ]
    assert [told.does for told in found if told] == [
        Does.DELIVERED,
        Does.DELIVERED,
        Does.HANDED_ON,
        Does.DELIVERED,
    ]


TAGS = {
    "postfix/smtp": "smtp",
    "postfix-mbx/smtp": "smtp",
    "postfix/25/smtpd": "smtpd",
    "mx-out/submission/smtpd": "smtpd",
    "smtp": "smtp",
    "dovecot": "",
    "postfix/something": "",
    "sshd": "",
}


@pytest.mark.parametrize("tag", TAGS)
def test_a_program_is_known_whatever_stands_before_it(tag: str) -> None:
    """``syslog_name`` is free: only the last part of a tag is Postfix's own."""
    assert postfix.program_of(tag) == TAGS[tag]


def test_what_a_real_postfix_says_is_all_understood() -> None:
    """49 messages through two Postfix 3.7: aliases, checks, milters, filters, copies, holds."""
    following = Following()
    deeds: dict[str, Counter[tuple[str, str]]] = {}
    for name in ("ht1", "mbx"):
        framer = Framer(name, END)
        for line in (SAMPLES / f"{name}.log").read_bytes().splitlines():
            for deed in following.take(framer.frame(line)):
                key = deed.message.removeprefix("<").removesuffix(".t@app.test>")
                if deed.does not in (Does.PROMISED, Does.ENDED, Does.DEFERRED):
                    deeds.setdefault(key, Counter())[deed.does.value, deed.recipient] += 1
    assert following.not_understood == 0
    assert [*following.rest()] == []
    found = {key: sorted(f"{does} {to}" for does, to in each) for key, each in deeds.items()}
    assert {key: found[key] for key in REAL} == REAL


REAL = {
    "1": ["delivered user@drill.test"],
    "2": ["delivered anna@drill.test", "delivered ben@drill.test"],
    "3": ["delivered anna@drill.test", "delivered ben@drill.test"],
    "4": ["discarded gone@drill.test"],
    "7": ["delivered hub@drill.test", "handed on hub@drill.test"],
    "8": ["held "],
    "9": ["handed on toprog@local.test"],
    "10": ["delivered tofile@local.test"],
    "11": ["discarded tonull@local.test"],
    "13": ["delivered anna@drill.test", "moved fwd@local.test"],
    "14": ["failed fail@local.test"],
    "15": ["delivered root@local.test"],
    "16": ["discarded user@drill.test"],
    "17": ["held user@drill.test"],
    "18": ["refused user@drill.test"],
    "19": ["delivered target@drill.test", "handed on "],
    "22": ["copied copyto@drill.test", "delivered copyto@drill.test", "delivered user@drill.test"],
    "27": ["delivered holdme@drill.test", "held holdme@drill.test"],
    "33": ["delivered user@drill.test", "refused nope@drill.test"],
    "34": ["delivered user@drill.test", "handed on user@drill.test"],
    "36": ["discarded mdisc@drill.test"],
    "37": ["discarded ", "held mquar@drill.test"],
    "38": ["refused mrej@drill.test"],
    "40": ["handed on user@drill.test"],
    "41": ["delivered user@drill.test", "moved user@drill.test"],
    "42": ["delivered arch@drill.test", "delivered withbcc@drill.test"],
    "49": ['delivered "a b"@drill.test'],
}
"""By the number of a message: what the two servers were set up to do with it."""


REAL_EXIM = {
    "1": ["delivered user@drill.test"],
    "2": ["delivered anna@drill.test", "delivered ben@drill.test"],
    "3": ["delivered anna@drill.test", "delivered ben@drill.test"],
    "4": ["discarded hole@drill.test"],
    "5": ["failed gone@drill.test"],
    "6": ["discarded "],
    "7": ["discarded null@drill.test"],
    "8": ["delivered file@drill.test"],
    "9": ["handed on piped@drill.test"],
    "10": ["handed on other@hub.test"],
    "11": ["handed on user@hub.test"],
    "12": ["failed "],
    "13": ["delivered user@lmtp.test"],
    "14": ["handed on prog@drill.test"],
    "15": ["delivered withcopy@drill.test", "handed on withcopy@drill.test"],
    "16": ["discarded "],
    "17": ["delivered user@drill.test"],
    "20": ["discarded "],
    "22": ["delivered user@drill.test", "held "],
    "24": ["delivered user@drill.test"],
}


@pytest.mark.parametrize("kind", ["plain", "all"])
def test_what_a_real_exim_says_is_all_understood(kind: str) -> None:
    """24 messages through an Exim 4.96, with no ``log_selector`` and with all of it."""
    following, framer = Following(), Framer(kind, END)
    deeds: dict[str, set[str]] = {}
    for line in (SAMPLES / f"exim-{kind}.log").read_bytes().splitlines():
        for deed in following.take(framer.frame(line)):
            key = deed.message.removeprefix("<").removesuffix(".t@app.test>")
            if deed.does not in (Does.PROMISED, Does.ENDED, Does.DEFERRED):
                deeds.setdefault(key, set()).add(f"{deed.does.value} {deed.recipient}")
    assert following.not_understood == 0
    assert [*following.rest()] == []
    dropped = "discarded acldrop@drill.test"  # told by its session, which has a number only then
    assert (dropped in deeds["17"]) is (kind == "all")
    assert {key: sorted(deeds[key] - {dropped}) for key in REAL_EXIM} == REAL_EXIM


NAMED = at("A1B2C3: message-id=<1@x>", "postfix/cleanup")


def told_of(deeds: Iterable[Deed], message: str) -> list[str]:
    """What happened to one message, in order."""
    return [each.does.value for each in deeds if each.message == message]


def test_what_was_redirected_is_not_its_recipients_any_more() -> None:
    """A check that sends mail elsewhere leaves no ``orig_to`` to credit it by."""
    deeds = follow(
        at("A1B2C3: message-id=<1@x>", "postfix/cleanup"),
        at(
            "A1B2C3: redirect: header X: y from h[1.1.1.1]; from=<a@x> to=<u@x.test> proto=SMTP"
            " helo=<h>: q@x.test",
            "postfix/cleanup",
        ),
        at(
            "A1B2C3: to=<q@x.test>, orig_to=<u@x.test>, relay=virtual, delay=0, delays=0/0/0/0,"
            " dsn=2.0.0, status=sent (delivered to maildir)",
            "postfix/virtual",
        ),
    )
    assert [(each.does, each.recipient, each.original) for each in deeds] == [
        (Does.HANDED_ON, "", ""),
        (Does.DELIVERED, "q@x.test", ""),
    ]
    assert deeds[0].by == "q@x.test"
    assert deeds[0].said.startswith("header_checks: header X: y")


def test_a_redirect_at_rcpt_tells_to_whom() -> None:
    """A check of access(5) has the address in its words, and no queue id yet."""
    told = postfix.read(
        "smtpd",
        "NOQUEUE: redirect: RCPT from h[1.1.1.1]: <u@x>: Recipient address triggers REDIRECT q@x;"
        " from=<a@x> to=<u@x> proto=SMTP",
        UNDECLARED,
    )
    assert told is not None
    assert (told.recipient, told.original) == ("q@x", "u@x")
    assert postfix.read("smtpd", "NOQUEUE: redirect:  ", UNDECLARED) is not None


@pytest.mark.parametrize(
    ("said", "does"),
    [
        ("milter-reject: END-OF-MESSAGE from h[1.1.1.1]: 5.7.1 virus Eicar found", Does.REFUSED),
        ("milter-reject: END-OF-MESSAGE from h[1.1.1.1]: 4.7.1 Try again later", Does.REFUSED),
        ("milter-discard: END-OF-MESSAGE from h[1.1.1.1]: milter triggers DISCARD", Does.DISCARDED),
        ("milter-hold: END-OF-MESSAGE from h[1.1.1.1]: milter triggers HOLD action", Does.HELD),
        ("discard: header Subject: spam from h[1.1.1.1]", Does.DISCARDED),
        ("hold: body virus from h[1.1.1.1]", Does.HELD),
        ("warning: header Subject: discard: all from h[1.1.1.1]", Does.NOTHING),
        ("info: header Subject: hold: all from h[1.1.1.1]", Does.NOTHING),
        ("prepend: header Subject: milter-discard: x from h[1.1.1.1]", Does.NOTHING),
        ("replace: header Subject: reject: x from h[1.1.1.1]", Does.NOTHING),
        ("strip: header Received: x from h[1.1.1.1]", Does.NOTHING),
        ("filter: header X: y from h[1.1.1.1]", Does.NOTHING),
    ],
)
def test_what_a_milter_or_a_check_does_is_its_first_word(said: str, does: Does) -> None:
    """As ClamAV's, Rspamd's and SpamAssassin's milters have Postfix do it, whatever mail says."""
    line = f"A1B2C3: {said}; from=<a@x> to=<u@x.test> proto=ESMTP helo=<x>: hold: y>"
    told = postfix.read("cleanup", line, UNDECLARED)
    assert told is not None
    assert told.does is does


def test_two_hosts_may_give_out_one_queue_id() -> None:
    """What one host says of a queue id is nothing to the other's."""
    deeds = follow(
        at("A1B2C3: message-id=<1@x>", "postfix/cleanup", "mx1"),
        at("A1B2C3: message-id=<2@x>", "postfix/cleanup", "mx2"),
        at(delivery("delivered to maildir", relay="virtual"), "postfix/virtual", "mx2"),
        at(delivery("x", relay="none"), "postfix/discard", "mx1"),
    )
    assert [(each.message, each.does) for each in deeds] == [
        ("<2@x>", Does.DELIVERED),
        ("<1@x>", Does.DISCARDED),
    ]


def test_a_queue_id_is_given_out_again() -> None:
    """After ``removed``, and where nothing ended it: a refused message has no such line."""
    sent = at(delivery("delivered to maildir", relay="virtual"), "postfix/virtual")
    lines = []
    for number in range(4):
        lines += [
            at("A1B2C3: client=h[1.1.1.1]", "postfix/smtpd"),
            at(f"A1B2C3: message-id=<{number}@x>", "postfix/cleanup"),
        ]
        lines += [sent] if number % 2 else []
        lines += [at("A1B2C3: removed", "postfix/qmgr")] if number == 1 else []
    deeds = follow(*lines)
    assert [each.message for each in deeds if each.does is Does.DELIVERED] == ["<1@x>", "<3@x>"]


def test_a_message_with_two_ids_is_known_by_its_first() -> None:
    """A header may have two, and Postfix tells both; a message without any has none."""
    sent = at(delivery("delivered to maildir", relay="virtual"), "postfix/virtual")
    begin = at("A1B2C3: client=h[1.1.1.1]", "postfix/smtpd")
    named = [at(f"A1B2C3: message-id={each}", "postfix/cleanup") for each in ("<1@x>", "<2@x>")]
    assert told_of(follow(begin, *named, sent), "<1@x>") == ["delivered"]
    [deed] = follow(begin, at("A1B2C3: message-id=<>", "postfix/cleanup"), sent)
    assert (deed.message, deed.does) == ("", Does.DELIVERED)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("<1@x>", "<1@x>"),
        ("(a comment) <1@x>", "<1@x>"),
        ("<a 1@x>", "<a1@x>"),
        ("<1@x> <2@x>", "<1@x>"),
        ("1@x", "<1@x>"),
        ("<>", ""),
        ("", ""),
    ],
)
def test_a_message_has_one_name_for_all(said: str, message: str) -> None:
    """As a Postfix 3.7 logs odd Message-IDs, and as a Dovecot 2.3 names the same."""
    told = postfix.read("cleanup", f"A1B2C3: message-id={said}", UNDECLARED)
    assert told is not None
    assert (told.message, told.nameless) == (message, not message)


def test_what_is_held_is_told_once_until_it_is_released() -> None:
    """Exim says at each queue run that a message is frozen."""
    queue_id = "2026-11-24 04:25:01 1xVojD-00001Y-04"
    frozen = f"{queue_id} Message is frozen"
    deeds = follow(
        f"{queue_id} <= a@x P=local S=9 id=1@x",
        *[frozen] * 3,
        f"{queue_id} Unfrozen by forced delivery",
        frozen,
    )
    assert told_of(deeds, "<1@x>") == ["promised", "held", "promised", "held"]


def test_what_was_put_in_anew_is_under_way_no_more_under_its_old_queue_id() -> None:
    """As a Postfix 3.7 writes it for ``postsuper -r``."""
    deeds = follow(
        at("A1B2C3: message-id=<1@x>", "postfix/cleanup"),
        at(delivery("refused", status="deferred")),
        at("A1B2C3: requeued", "postfix/postsuper"),
        at("D4E5F6: uid=102 from=<a@x> orig_id=A1B2C3", "postfix/pickup"),
        at("D4E5F6: message-id=<1@x>", "postfix/cleanup"),
        at(delivery("delivered to maildir").replace("A1B2C3", "D4E5F6"), "postfix/virtual"),
        at("D4E5F6: removed", "postfix/qmgr"),
    )
    assert [(each.does, each.queue_id) for each in deeds if each.message == "<1@x>"] == [
        (Does.DEFERRED, "A1B2C3"),
        (Does.ENDED, "A1B2C3"),
        (Does.DELIVERED, "D4E5F6"),
        (Does.ENDED, "D4E5F6"),
    ]


@pytest.mark.parametrize(("second", "count"), [("/var/mail/b", 1), ("/var/mail/a", 2)])
def test_two_files_of_one_alias_are_one_arrival(second: str, count: int) -> None:
    """The same file a second time is a second arrival."""
    said = [f"delivered to file: {file}" for file in ("/var/mail/a", second)]
    deeds = follow(
        at("A1B2C3: message-id=<1@x>", "postfix/cleanup"),
        *(at(delivery(each, relay="local"), "postfix/local") for each in said),
    )
    assert told_of(deeds, "<1@x>") == ["delivered"] * count


def test_a_line_may_come_before_the_one_that_names_its_message() -> None:
    """Several programs write into one log: a delivery waits for its Message-ID."""
    deeds = follow(
        at(delivery("delivered to maildir", relay="virtual"), "postfix/virtual"),
        at("A1B2C3: removed", "postfix/qmgr"),
        at("A1B2C3: message-id=<1@x>", "postfix/cleanup"),
    )
    assert told_of(deeds, "<1@x>") == ["delivered", "ended"]


def test_what_nobody_names_is_told_by_its_queue_id_after_a_while() -> None:
    """A logger may drop the line with the Message-ID: what waits for it is not held for ever."""
    framer, following = Framer("log", END), Following()
    unnamed = at(delivery("silently", relay="none"), "postfix/discard")
    named = [line.replace("A1B2C3", "D4E5F6") for line in (unnamed, NAMED)]
    for line in (unnamed, named[0]):
        assert [*following.take(framer.frame(line.encode()))] == []
    assert [*following.overdue()] == []
    [told] = following.take(framer.frame(named[1].encode()))
    assert (told.does, told.message, told.queue_id) == (Does.DISCARDED, "<1@x>", "D4E5F6")
    [late] = following.overdue()
    assert (late.does, late.message, late.queue_id) == (Does.DISCARDED, "", "A1B2C3")
    assert [*following.overdue()] == [*following.rest()] == []


def test_a_log_that_begins_in_the_middle_tells_what_it_can() -> None:
    """Without its Message-ID a delivery is still told, at the end, and is nobody's."""
    [deed] = follow(at(delivery("delivered to maildir", relay="virtual"), "postfix/virtual"))
    assert (deed.message, deed.queue_id, deed.does) == ("", "A1B2C3", Does.DELIVERED)


@pytest.mark.parametrize("between", ["", "disconnect from h[1.1.1.1]"])
def test_what_a_check_did_is_its_own_sessions(between: str) -> None:
    """A hold at RCPT is of the message that comes next in this session, and of no other's."""
    hold = "NOQUEUE: hold: RCPT from h[1.1.1.1]: <u@x>: held; from=<a@x> to=<u@x> proto=SMTP"
    lines = [at(hold, "postfix/smtpd")]
    lines += [at(between, "postfix/smtpd")] if between else []
    lines += [
        at("A1B2C3: client=h[1.1.1.1]", "postfix/smtpd"),
        at("A1B2C3: message-id=<1@x>", "postfix/cleanup"),
    ]
    deeds = follow(*lines)
    assert told_of(deeds, "<1@x>") == ([] if between else ["held"])


def test_what_is_discarded_unread_is_told_by_its_queue_id() -> None:
    """A check that discards at RCPT: no Message-ID is logged, and the next message is another."""
    deeds = follow(
        at("A1B2C3: client=h[1.1.1.1]", "postfix/smtpd"),
        at(
            "A1B2C3: discard: RCPT from h[1.1.1.1]: <u@x>: no; from=<a@x> to=<u@x> proto=SMTP",
            "postfix/smtpd",
        ),
        at("A1B2C3: client=h[1.1.1.1]", "postfix/smtpd"),
        at("A1B2C3: message-id=<2@x>", "postfix/cleanup"),
    )
    assert [(each.does, each.message, each.queue_id) for each in deeds] == [
        (Does.DISCARDED, "", "A1B2C3")
    ]


def test_what_is_remembered_is_bounded() -> None:
    """Of what is done with, only so much is kept; what is open is kept."""
    following, framer = Following(remembered=10), Framer("log", END)
    lines = [at("FFFFFF: message-id=<open@x>", "postfix/cleanup")]
    for number in range(1000):
        queue_id = f"{number:06X}"
        lines += [
            at(f"{queue_id}: message-id=<{number}@x>", "postfix/cleanup"),
            at(f"{queue_id}: removed", "postfix/qmgr"),
        ]
    lines += [at(delivery("delivered to maildir").replace("A1B2C3", "FFFFFF"), "postfix/virtual")]
    deeds = [each for line in lines for each in following.take(framer.frame(line.encode()))]
    assert following.remembered == 11
    assert told_of(deeds, "<open@x>") == ["delivered"]


AFTER_DATA = "SMTP error from remote mail server after end of data"
_OF_ALIAS = ("a@x.test", "u@x.test", "")
_OF_BLACKHOLE = ("blackhole@x.test", "", "mail_spool")
EXIM: list[tuple[str, Does, str, str, str]] = [
    ("=> u <u@x.test> R=local_user T=mail_spool", Does.DELIVERED, "u@x.test", "", "mail_spool"),
    (
        "=> anna <sales@x.test> R=local_user T=maildir_home S=9 QT=1s DT=0s",
        Does.DELIVERED,
        "anna@x.test",
        "sales@x.test",
        "maildir_home",
    ),
    ("-> u@x.test R=local T=local_delivery", Does.DELIVERED, "u@x.test", "", "local_delivery"),
    (
        "=> /var/mail/f <u@x.test> R=aliases T=address_file",
        Does.DELIVERED,
        "u@x.test",
        "",
        "/var/mail/f",
    ),
    ("=> /dev/zero <u@x.test> R=al T=address_file", Does.DISCARDED, "u@x.test", "", "/dev/zero"),
    (
        "=> /srv/archive <u@x.test> R=al T=address_file",
        Does.HANDED_ON,
        "u@x.test",
        "",
        "/srv/archive",
    ),
    ("=> /dev/null <u@x.test> R=al T=**bypassed**", Does.DISCARDED, "u@x.test", "", "/dev/null"),
    (
        "=> :blackhole: <u@x.test> R=aliases",
        Does.DISCARDED,
        "u@x.test",
        "",
        ":blackhole: (router aliases)",
    ),
    ("=> |/bin/f -x <u@x.test> R=al T=address_pipe", Does.HANDED_ON, "u@x.test", "", "|/bin/f -x"),
    ("=> u <u@x.test> R=local T=program", Does.HANDED_ON, "u@x.test", "", "program"),
    ("=> u <u@x.test> R=local T=procmail_pipe", Does.HANDED_ON, "u@x.test", "", "procmail_pipe"),
    (
        '=> u@x.test R=out T=remote_smtp H=mx.x [10.0.0.9] C="250 2.0.0 Ok: queued as F1"',
        Does.HANDED_ON,
        "u@x.test",
        "",
        "mx.x[10.0.0.9]:25",
    ),
    (
        '=> u@x.test R=out T=smtp H=mx.x [10.0.0.9]:26* X=TLS1.3 C="250 Ok, discarded, id=1"',
        Does.DISCARDED,
        "u@x.test",
        "",
        "mx.x[10.0.0.9]:26",
    ),
    (
        '=> u@x.test R=l T=lmtp H=mx.x [10.0.0.9]:24 C="250 2.0.0 <u@x.test> A+1 Saved"',
        Does.DELIVERED,
        "u@x.test",
        "",
        "mx.x[10.0.0.9]:24",
    ),
    ("=> u@x.test R=l T=dovecot_lmtp", Does.DELIVERED, "u@x.test", "", "dovecot_lmtp"),
    (
        "=> blackhole (DATA ACL discarded recipients): why",
        Does.DISCARDED,
        "",
        "",
        "DATA ACL",
    ),
    ("=> discarded (system filter)", Does.DISCARDED, "", "", "system filter"),
    ("** u@x.test R=al: no such", Does.FAILED, "u@x.test", "", ""),
    ("** u@x.test: retry timeout exceeded", Does.FAILED, "u@x.test", "", ""),
    ("== u@x.test R=out T=smtp defer (111): refused", Does.DEFERRED, "u@x.test", "", ""),
    (
        "** |/bin/php -q /p <u@x.test> F=<a@x> R=al T=address_pipe: Child process returned 1",
        Does.FAILED,
        "u@x.test",
        "",
        "",
    ),
    (
        "== |/bin/php -q /p <u@x.test> R=al T=address_pipe defer (0): Child process",
        Does.DEFERRED,
        "u@x.test",
        "",
        "",
    ),
    ('** "a b"@x.test <u@x.test>: no such', Does.FAILED, '"a b"@x.test', "u@x.test", ""),
    ("** >s@x <u@x.test> R=vac T=address_reply: failed", Does.NOTHING, "", "", ""),
    ("** u@[IPv6:::1] R=al: no such", Does.FAILED, "u@[IPv6:::1]", "", ""),
    ("*> u@x.test R=out T=smtp", Does.NOTHING, "", "", ""),
    (
        "=> u <u@x.test> R=v T=virtual_boxtrapper_userdelivery",
        Does.HANDED_ON,
        "u@x.test",
        "",
        "virtual_boxtrapper_userdelivery",
    ),
    ("*** Frozen", Does.HELD, "", "", "exim"),
    ("Frozen (delivery error message)", Does.HELD, "", "", "exim"),
    ("Message is frozen", Does.HELD, "", "", "exim"),
    ("Unfrozen by forced delivery", Does.PROMISED, "", "", ""),
    ("removed by root", Does.DISCARDED, "", "", "root"),
    ("cancelled by root", Does.FAILED, "", "", "root"),
    ("H=h [1.1.1.1] F=<a@x> rejected after DATA: no", Does.REFUSED, "", "", "exim"),
    (
        'H=h (h.x) [1.1.1.1]:26 I=[2.2.2.2]:25 X=TLS1.3:A CV=no DN="CN=a b" U=u F=<a@x>'
        " temporarily rejected after DATA: no",
        Does.REFUSED,
        "",
        "",
        "exim",
    ),
    (
        "H=mx.x [1.1.1.1]: SMTP error from remote mail server after RCPT TO:<u@x.test>:"
        " 451 4.7.1 Greylisted: rejected by policy for now",
        Does.NOTHING,
        "",
        "",
        "",
    ),
    ("H=h [1.1.1.1] Warning: would be rejected later", Does.NOTHING, "", "", ""),
    ("(= a@x H=h [1.1.1.1] P=esmtp S=9 id=1@x", Does.PROMISED, "", "", ""),
    ("=> blackhole spam, says the scanner", Does.DISCARDED, "", "", "local_scan()"),
    ("=> blackhole <blackhole@x.test> R=l T=mail_spool", Does.DELIVERED, *_OF_BLACKHOLE),
    (
        '=> u@x.test R=out T=smtp H=mx.x [10.0.0.9] C="250 2.5.0 Ok, id=1-1, BOUNCE"',
        Does.FAILED,
        "u@x.test",
        "",
        "mx.x[10.0.0.9]:25",
    ),
    (
        '>> u@x.test R=out T=remote_smtp H=mx.x [10.0.0.9] C="250 2.0.0 Ok: queued as F1"',
        Does.HANDED_ON,
        "u@x.test",
        "",
        "mx.x[10.0.0.9]:25",
    ),
    (
        "=> a@x.test (b@x.test, c@x.test) <u@x.test> R=l T=mail_spool",
        Does.DELIVERED,
        "a@x.test",
        "u@x.test",
        "mail_spool",
    ),
    ("== a@x.test (b@x.test) <u@x.test> R=l defer (-1)", Does.DEFERRED, *_OF_ALIAS),
    ("** a@x.test (b@x.test, c@x.test) <u@x.test>: no such", Does.FAILED, *_OF_ALIAS),
    ("=> save junk <u@x.test> R=f T=address_file", Does.DELIVERED, "u@x.test", "", "address_file"),
    ("=> q@x.test <system-filter> R=l T=mail_spool", Does.DELIVERED, "q@x.test", "", "mail_spool"),
    ("original recipients ignored (system filter)", Does.RENAMED, "", "", "a system filter"),
    ("cancelled by system filter: no", Does.FAILED, "", "", "system filter: no"),
    ("cancelled by timeout_frozen_after", Does.FAILED, "", "", "timeout_frozen_after"),
    ("** mua_wrapper is set but recipients cannot all be delivered", Does.FAILED, "", "", "exim"),
    ("** u@x.test routing yielded a local delivery", Does.FAILED, "u@x.test", "", ""),
    ("u@x.test: error ignored", Does.NOTHING, "", "", ""),
    ("frozen by ACL", Does.HELD, "", "", "exim"),
    (f"H=mx.x [10.0.0.9]: {AFTER_DATA}: 451 4.3.0 later", Does.NOTHING, "", "", ""),
    (
        f"== u@x.test R=o T=smtp defer (-46) H=mx.x [10.0.0.9]: {AFTER_DATA}: 451 4.3.0 later",
        Does.DEFERRED,
        "u@x.test",
        "",
        "mx.x[10.0.0.9]:25",
    ),
    (
        f"** u@x.test R=o T=smtp H=mx.x [10.0.0.9]: {AFTER_DATA}: 550 5.7.1 discarded: spam",
        Does.FAILED,
        "u@x.test",
        "",
        "mx.x[10.0.0.9]:25",
    ),
    ("frozen by root", Does.HELD, "", "", "exim"),
    ("Frozen by the system filter: why", Does.HELD, "", "", "exim"),
    ("unfrozen by root", Does.PROMISED, "", "", ""),
    ("Unfrozen by auto-thaw", Does.PROMISED, "", "", ""),
    ("Unfrozen by errmsg timer", Does.PROMISED, "", "", ""),
    ("no immediate delivery: queued by ACL", Does.NOTHING, "", "", ""),
    ("Delivery deferred by system filter", Does.NOTHING, "", "", ""),
    ("Spool file is locked (another process is handling this message)", Does.NOTHING, "", "", ""),
    ("Format error in spool file 1xVojD-00001Y-04-H: size=9", Does.HELD, "", "", "exim"),
    ("Message removed because older than 4d", Does.DISCARDED, "", "", "exim"),
    ("rescind the above message-accept", Does.REFUSED, "", "", "exim"),
    ("address <u@x.test> marked delivered by root", Does.DISCARDED, "u@x.test", "", "root"),
    ("recipient <u@x.test> added by root", Does.COPIED, "u@x.test", "", "root"),
    ("PRDR R=<u@x.test> refusal", Does.REFUSED, "u@x.test", "", "exim"),
    ("PRDR R=<u@x.test> acceptance", Does.NOTHING, "", "", ""),
    ("SMTP connection lost after final dot H=h [1.1.1.1]", Does.NOTHING, "", "", ""),
    ("Completed", Does.ENDED, "", "", ""),
    ("Completed QT=3s", Does.ENDED, "", "", ""),
    ("DKIM: d=x s=y", Does.NOTHING, "", "", ""),
]


@pytest.mark.parametrize(("rest", "does", "recipient", "original", "by"), EXIM)
def test_each_flag_of_exims_means_one_thing(
    rest: str, does: Does, recipient: str, original: str, by: str
) -> None:
    """What stands behind a flag, a router and a transport decides what was done, and by whom."""
    for queue_id in ("1xVojD-00001Y-04", "1xVojD-0000000001Y-04Ab"):
        told = exim.read(f"{queue_id} {rest}", UNDECLARED)
        assert told is not None
        assert (told.does, told.recipient, told.original, told.by) == (
            does,
            recipient,
            original,
            by,
        )


def test_a_subject_names_no_message() -> None:
    """Exim's ``<=`` tells the id before the subject, whatever the subject says."""
    came = "1xVojD-00001Y-04 <= a@x H=h [1.1.1.1] P=esmtp S=9"
    told = exim.read(f'{came} id=1@x T="2 id=2@x" from <a@x> for u@x', UNDECLARED)
    assert told is not None
    assert (told.message, told.sender) == ("<1@x>", "a@x")
    without = exim.read(f'{came} T="2 id=2@x"', UNDECLARED)
    assert without is not None
    assert (without.message, without.nameless) == ("", True)


def test_an_exim_is_followed_like_a_postfix() -> None:
    """From ``<=`` to ``Completed``, in its own log or in syslog."""
    stamp, queue_id = "2026-11-24 04:25:01", "1xVojD-00001Y-04"
    lines = [
        f"{queue_id} <= a@x H=h [1.1.1.1] P=esmtp S=9 id=1@x",
        f"{queue_id} => u <u@x.test> R=local T=mail_spool",
        f"{queue_id} Completed",
    ]
    for form in (stamp + " {}", stamp + ".123 [7] {}", "Nov 24 04:25:01 mx1 exim[7]: {}"):
        deeds = follow(*(form.format(line) for line in lines))
        assert told_of(deeds, "<1@x>") == ["promised", "delivered", "ended"]


STORE = "lmtp(anna@x.test)<71><Zx1>: "
STORED = STORE + "msgid=<1@x>: saved mail to INBOX"
DROPPED = (
    f"{STORE}sieve: msgid=<1@x>: marked message to be discarded if not explicitly delivered"
    " (discard action)"
)
FILED = STORE + "sieve: msgid=<1@x>: stored mail into mailbox 'Spam'"
ACTION = STORE + "sieve: msgid=<1@x>: "
"""From 2.3 on, as a Dovecot 2.3.19 writes it."""

BINNED = (
    f"{ACTION}discard action: Marked message to be discarded if not explicitly delivered"
    " (discard action)"
)
SENT_ON = ACTION + "redirect action: forwarded to <boss@y.test>"
REJECTED = ACTION + "reject action: rejected message from <s@app.test> (reject)"
SAVED = "250 2.0.0 <anna@x.test> Zx1 Saved"
EVENT = (
    'stats: {"event":"sieve_action_finished","hostname":"mx1","fields":{"action_name":"keep",'
    '"user":"anna@x.test","session":"Zx1","message_id":"<1@x>"}}'
)
TABBED = (
    "stats: event:sieve_action_finished\thostname:mx1\tfield:action_name=discard"
    "\tfield:user=anna@x.test\tfield:session=Zx1\tfield:message_id=<1@x>"
)
"""As ``event_exporter`` has them with ``json`` and ``tab-text``, into the log."""


@pytest.mark.parametrize(
    ("said", "does"),
    [
        ([STORED], Does.DELIVERED),
        ([FILED], Does.DELIVERED),
        ([DROPPED], Does.DISCARDED),
        ([DROPPED, FILED], Does.DELIVERED),
        ([BINNED], Does.DISCARDED),
        ([BINNED, FILED], Does.DELIVERED),
        ([SENT_ON], Does.HANDED_ON),
        ([STORE + "sieve: msgid=<1@x>: forwarded to <boss@y.test>"], Does.HANDED_ON),
        ([SENT_ON, STORED], Does.DELIVERED),
        ([ACTION + "redirect action: discarded duplicate forward to <b@y.test>"], Does.HANDED_ON),
        ([ACTION + "pipe action: piped message to program `scan'"], Does.HANDED_ON),
        ([REJECTED], Does.FAILED),
        ([REJECTED, SENT_ON], Does.HANDED_ON),
        ([ACTION + "reject action: not sending reject message to <>"], Does.DISCARDED),
        ([ACTION + "fileinto action: stored mail into mailbox 'Junk'"], Does.DELIVERED),
        ([ACTION + "vacation action: sent vacation response to <a@x>", STORED], Does.DELIVERED),
        (
            [STORE + "msgid=<1@x>, subject=a: forwarded to <b@y>: saved mail to INBOX"],
            Does.DELIVERED,
        ),
        ([BINNED.replace("anna@", "other@").replace("Zx1", "Zx2"), STORED], Does.DELIVERED),
        ([BINNED, STORED.replace("Zx1", "Zx2")], Does.DISCARDED),
        ([BINNED.replace("anna@x.test", "anna")], Does.DISCARDED),
        ([DROPPED.replace("<1@x>", "<2@x>")], Does.DELIVERED),
        ([DROPPED.replace("anna", "ben"), STORED], Does.DELIVERED),
        (
            [BINNED, ACTION + "fileinto action: stored mail into mailbox 'J.S' (J/S)"],
            Does.DELIVERED,
        ),
        ([BINNED, ACTION + "stored mail into mailbox [SPECIAL-USE \\Junk]"], Does.DELIVERED),
        ([BINNED, ACTION + "stored mail into mailbox [SPECIAL-USE \\Junk] (J)"], Does.DELIVERED),
        ([BINNED, ACTION + "keep action: left message in mailbox 'INBOX'"], Does.DELIVERED),
        (
            [
                ACTION
                + "reject action: not sending reject message (would cause second response to s)"
            ],
            Does.DISCARDED,
        ),
        ([BINNED.replace("lmtp(", "imap(")], Does.DELIVERED),
        ([BINNED.replace("<1@x>", f"<{'1' * 197}...")], Does.DISCARDED),
        ([BINNED.replace("sieve: msgid", "Info: sieve: msgid")], Does.DISCARDED),
        ([BINNED.replace("msgid=<1@x>:", "from=a@x, msgid=<1@x>, size=9:")], Does.DISCARDED),
        ([EVENT.replace("keep", "discard")], Does.DISCARDED),
        ([EVENT.replace("keep", "redirect")], Does.HANDED_ON),
        ([EVENT.replace("keep", "ereject")], Does.FAILED),
        ([EVENT.replace("keep", "discard"), EVENT], Does.DELIVERED),
        ([EVENT.replace("keep", "discard").replace('"fields"', '"field"')], Does.DELIVERED),
        ([TABBED], Does.DISCARDED),
        ([TABBED.replace("message_id=<1@x>", "message_id=1")], Does.DISCARDED),
        ([TABBED.replace("finished", "started")], Does.DELIVERED),
        ([DROPPED.replace("anna@x.test", "mailbox7")], Does.DISCARDED),
        ([], Does.DELIVERED),
    ],
)
def test_what_a_mail_store_did_not_keep_was_not_delivered(said: list[str], does: Does) -> None:
    """Dovecot says ``Saved`` and then what its script did; the delivery is told once, as that."""
    line = delivery(SAVED, relay="mx1[private/lmtp]").replace("u@x.test", "anna@x.test")
    deeds = follow(
        at("A1B2C3: message-id=<1@x>", "postfix/cleanup"),
        *(at(each, "dovecot").replace("[7]", "") for each in said),
        at(line, "postfix/lmtp"),
    )
    mine = [each for each in deeds if each.message == "<1@x>"]
    assert [(each.does, each.recipient) for each in mine] == [(does, "anna@x.test")]


@pytest.mark.parametrize(("session", "does"), [("Zx1", "discarded"), ("Zx2", "delivered")])
def test_a_message_without_a_name_is_known_by_the_stores_session(session: str, does: str) -> None:
    """Dovecot calls it ``unspecified``, and tells its session to whoever brings the message."""
    deeds = follow(
        at("A1B2C3: message-id=<>", "postfix/cleanup"),
        at(BINNED.replace("<1@x>", "unspecified"), "dovecot"),
        at(delivery(f"250 2.0.0 <anna@x.test> {session} Saved"), "postfix/lmtp"),
    )
    assert [each.does.value for each in deeds] == [does]


def test_a_message_without_a_name_is_not_another_one() -> None:
    """A Dovecot 2.2 tells neither its name nor its session: nobody knows which one it was."""
    deeds = follow(
        at("A1B2C3: message-id=<>", "postfix/cleanup"),
        at(BINNED.replace("<1@x>", "unspecified").replace("<71><Zx1>", ""), "dovecot"),
        at(delivery("250 2.0.0 Ok", relay="mx1[private/dovecot-lmtp]"), "postfix/lmtp"),
    )
    assert [each.does.value for each in deeds] == ["delivered"]


def test_half_a_line_of_a_stores_is_no_delivery() -> None:
    """What was cut off in the middle of a mailbox's name says of no mailbox that it has it."""
    cut = [FILED[:-3], STORED[: -len("INBOX")], SENT_ON[:-1], BINNED[:-60]]
    assert [follow(at(each, "dovecot")) for each in cut] == [[]] * 4


def test_a_mail_store_may_have_a_log_of_its_own() -> None:
    """Where no mail server tells of a message, its store does: in syslog, and in its own file."""
    for line in (at(STORED, "dovecot"), f"Nov 24 04:25:01 {STORED}"):
        [deed] = follow(line)
        assert (deed.does, deed.message, deed.recipient) == (
            Does.DELIVERED,
            "<1@x>",
            "anna@x.test",
        )
    [dropped] = follow(f"Nov 24 04:25:01 {DROPPED.replace('sieve', 'Info: sieve')}")
    assert (dropped.does, dropped.by) == (Does.DISCARDED, "a Sieve script of Dovecot's")


@given(st.text(max_size=80), st.sampled_from(sorted(postfix.PROGRAMS)))
def test_no_words_are_too_strange(words: str, program: str) -> None:
    """Whatever a line says behind a queue id: it is read, or told to be not understood."""
    for text in (words, f"A1B2C3: {words}", f"A1B2C3: to=<{words}", f"NOQUEUE: {words}"):
        told = postfix.read(program, text, UNDECLARED)
        assert told is None or isinstance(told, Told)
        assert told is None or told.does is not Does.DELIVERED
    for text in (words, f"1xVojD-00001Y-04 {words}", f"1xVojD-00001Y-04 <= {words}"):
        exim.read(text, UNDECLARED)


@given(st.data())
def test_half_a_line_is_no_delivery(data: st.DataObject) -> None:
    """A line that was cut anywhere tells no delivery that it did not tell whole."""
    whole = delivery("delivered to maildir", relay="virtual")
    half = whole[: data.draw(st.integers(0, len(whole) - 1))]
    told = postfix.read("virtual", half, UNDECLARED)
    assert told is None or told.does is Does.NOTHING


def test_lines_of_no_message_are_understood_as_that() -> None:
    """A server that only starts is a server whose log is read."""
    for program, text in (
        ("master", "daemon started -- version 3.7.11"),
        ("smtpd", "connect from h[1.1.1.1]"),
        ("qmgr", "warning: connect to transport private/x: No such file"),
        ("smtp", "A1B2C3: host h[1.1.1.1] said: 450 later (in reply to RCPT TO command)"),
        ("bounce", "A1B2C3: sender non-delivery notification: D4E5F6"),
    ):
        assert postfix.read(program, text, UNDECLARED) is NOTHING


@pytest.mark.parametrize("does", ["discard", "keep"])
def test_an_event_in_a_file_of_its_own_is_a_stores_word(does: str) -> None:
    """``event_exporter`` may write a line of JSON for each, without any other frame."""
    event = EVENT.removeprefix("stats: ").replace("keep", does)
    deeds = follow(
        at("A1B2C3: message-id=<1@x>", "postfix/cleanup"),
        event,
        at(delivery(SAVED, relay="mx1[private/lmtp]"), "postfix/lmtp"),
    )
    assert [each.does.value for each in deeds] == [{"discard": "discarded"}.get(does, "delivered")]


def test_what_a_script_keeps_in_several_mailboxes_came_once() -> None:
    """Where Dovecot's lines are all there is; another session is another arrival."""
    lines = [at(each, "dovecot").replace("[7]", "") for each in (FILED, STORED, STORED)]
    assert told_of(follow(*lines), "<1@x>") == ["delivered"]
    again = lines[-1].replace("Zx1", "Zx2")
    assert told_of(follow(*lines, again), "<1@x>") == ["delivered"] * 2


def test_what_a_proxy_filter_threw_away_is_not_the_next_messages() -> None:
    """Its line stands in a session whose next message is another one, which may arrive."""
    deeds = follow(
        at(
            "proxy-accept: END-OF-MESSAGE: 250 2.7.0 Ok, discarded, id=7; from=<a@x> to=<u@x.test>"
            " proto=ESMTP helo=<h>",
            "postfix/smtpd",
        ),
        at("A1B2C3: client=h[1.1.1.1]", "postfix/smtpd"),
        at("A1B2C3: message-id=<1@x>", "postfix/cleanup"),
        at(delivery("delivered to maildir", relay="virtual"), "postfix/virtual"),
    )
    assert [(each.does.value, each.message) for each in deeds] == [
        ("discarded", ""),
        ("delivered", "<1@x>"),
    ]
    assert deeds[0].said == "250 2.7.0 Ok, discarded, id=7"


def test_what_exim_hands_on_while_it_takes_it_is_of_that_message() -> None:
    """A cutthrough delivery is told before the line that names its message."""
    stamp = "2026-11-24 04:25:0{} 1xVojD-00001Y-04 "
    deeds = follow(
        stamp.format(1) + '>> u@x.test R=r T=t H=mx [10.0.0.9] C="250 OK id=1"',
        stamp.format(2) + "<= a@x H=h [1.1.1.1] P=esmtp S=9 id=1@x",
        stamp.format(2) + "Completed",
    )
    assert told_of(deeds, "<1@x>") == ["handed on", "promised", "ended"]


def test_recipients_that_a_system_filter_ignored_are_not_waited_for() -> None:
    """Exim then delivers to those of the filter alone: it is sent to somebody else."""
    stamp = "2026-11-24 04:25:01 1xVojD-00001Y-04 "
    deeds = follow(
        stamp + "<= a@x P=local S=9 id=1@x",
        stamp + "original recipients ignored (system filter)",
        stamp + "=> q@x.test <system-filter> R=l T=mail_spool",
        stamp + "Completed",
    )
    assert [(each.does.value, each.recipient, each.by) for each in deeds[1:3]] == [
        ("handed on", "", "somebody else"),
        ("delivered", "q@x.test", "mail_spool"),
    ]


@pytest.mark.parametrize("name", ["ht1", "mbx"])
def test_a_tag_that_ends_at_the_slash_changes_nothing(name: str) -> None:
    """What a real Postfix says is told by its words, too, but for what a person has deleted."""
    found = []
    for tag in (None, b" postfix["):
        framer, following = Framer(name, END), Following()
        deeds: list[Deed] = []
        for line in (SAMPLES / f"{name}.log").read_bytes().splitlines():
            line = re.sub(rb" postfix[\w./-]*\[", tag, line) if tag else line
            deeds += following.take(framer.frame(line))
        found.append([(each.does, each.message, each.recipient, each.by) for each in deeds])
    apart = [both for both in zip(*found, strict=True) if both[0] != both[1]]
    assert {(one[0], one[3], other[0]) for one, other in apart} <= {
        (Does.DISCARDED, "postsuper", Does.ENDED)
    }


@pytest.mark.parametrize(
    "line",
    [
        "A1B2C3: to=<" + ">, orig_to=<" * 5000,
        "A1B2C3: to=<" + ">, relay=a, " * 5000,
        "A1B2C3: to=<" + '"' * 60_000,
        "1xVojD-00001Y-04 => " + " (a)" * 15_000,
        "1xVojD-00001Y-04 ** " + " (a" * 20_000,
        "lmtp(a)<1><b>: " + "msgid=<a>: " * 5500,
        "lmtp(a)<1><b>: msgid=<" + "..." * 20_000,
        "lmtp(a)<1><b>: msgid=<a>" + ": stored mail into mailbox '' (" * 2000 + "]",
        "lmtp(a)<1><b>: msgid=<a>" + ": piped message to program `" * 2200,
        "1xVojD-00001Y-04 => a@b R=c T=d" + ' C="' * 15_000,
        "1xVojD-00001Y-04 => a@b R=c T=d" + " H=a [" * 10_000,
        "1xVojD-00001Y-04 => a@b R=c T=d" + " H=a (b) [1" * 6000,
    ],
)
def test_no_line_takes_long(line: str) -> None:
    """Whoever sends mail has a say in what a log says: 64 KB of it are read in a moment."""
    began = time.process_time()
    postfix.read("smtp", line, UNDECLARED)
    exim.read(line, UNDECLARED)
    dovecot.read(line)
    assert time.process_time() - began < 1.0


SELDOM = {
    "1": ["delivered user@contoso.com"],  # fakereject
    "2": ["delivered user@contoso.com"],  # fakedefer
    "3": ["delivered user@contoso.com", "held "],
    "4": ["delivered user@contoso.com"],  # queue_only
    "5": ["discarded "],
    "7": ["delivered archive", "handed on "],
    "8": ["failed "],
    "10": ["delivered user@contoso.com", "discarded u@dead.test"],
    "11": ["delivered user@contoso.com", "held "],
    "12": ["discarded ", "held "],
    "13": ["discarded ben@contoso.com", "held "],
    "14": ["copied anna@contoso.com", "failed ", "held "],
}
"""By the number of a message: what an Exim was told to do with it, or a person did by hand."""


def test_what_a_real_exim_does_seldom_is_understood() -> None:
    """14 messages through an Exim 4.96: its controls, a system filter, and ``-M…`` commands."""
    following, framer = Following(), Framer("exim", END)
    deeds: dict[str, set[str]] = {}
    for line in (SAMPLES / "exim-seldom.log").read_bytes().splitlines():
        for deed in following.take(framer.frame(line)):
            if deed.message and deed.does not in (Does.PROMISED, Does.ENDED, Does.DEFERRED):
                key = deed.message.strip("<>").removesuffix("@app.test")
                deeds.setdefault(key, set()).add(f"{deed.does.value} {deed.recipient}")
    assert following.not_understood == 0
    assert [*following.rest()] == []
    assert {key: sorted(found) for key, found in deeds.items()} == SELDOM
