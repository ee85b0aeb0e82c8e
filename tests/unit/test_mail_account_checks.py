"""What checks, filters and aliases make of a message's recipients, in the account of logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.test_mail_account import counts, in_utc, put, read

from relaydrill.mail_account.result import MailAccount

__all__ = ["in_utc"]

FROM = "from=<s@app.test> to=<{to}> proto=ESMTP helo=<app>"


def lines(*said: str, minute: int = 25) -> list[str]:
    """Lines of a Postfix, of which each says by whom."""
    return [f"Nov 24 04:{minute}:01 mx1 postfix/{each}" for each in said]


def taken(recipients: int, *checks: str) -> list[str]:
    """A message comes in, with what checks say of it."""
    return [
        "smtpd[7]: 4A9E60E1: client=app[10.0.0.1]",
        "cleanup[8]: 4A9E60E1: message-id=<1@app>",
        *checks,
        f"qmgr[9]: 4A9E60E1: from=<s@app.test>, size=9, nrcpt={recipients} (queue active)",
    ]


def delivered(to: str, original: str = "", queue_id: str = "4A9E60E1") -> str:
    """It goes into a mailbox."""
    was = f"orig_to=<{original}>, " if original else ""
    return (
        f"virtual[10]: {queue_id}: to=<{to}>, {was}relay=virtual, delay=0.1, delays=0/0/0/0.1,"
        " dsn=2.0.0, status=sent (delivered to maildir)"
    )


REMOVED = "qmgr[9]: 4A9E60E1: removed"


def accounted(folder: Path, log: list[str]) -> MailAccount:
    """The account of one log."""
    return read(put(folder / "mail.log", [f"{line}\n".encode() for line in log]))


@pytest.mark.parametrize("named", ["anna@x.test", "ben@x.test"])
def test_a_redirect_of_a_message_for_several_is_no_delivery_to_all(
    tmp_path: Path, named: str
) -> None:
    """Postfix names one of them, and delivers to one of them: the other has got nothing."""
    to = FROM.format(to=named)
    said = f"cleanup[8]: 4A9E60E1: redirect: header Subject: hi from app[1]; {to}: ben@x.test"
    found = accounted(tmp_path, lines(*taken(1, said), delivered("ben@x.test"), REMOVED))
    assert counts(found) == {"delivered": 1, "unknown": 1}
    assert found.undelivered[0].leg.said == "redirected to ben@x.test"


@pytest.mark.parametrize(
    ("what", "expected", "copies"),
    [
        ("redirect", {"delivered": 1, "unknown": 1}, 0),
        ("bcc", {"delivered": 1}, 1),
        ("hold", {"held": 1}, 0),
    ],
)
def test_what_a_check_says_before_there_is_a_queue_id_is_of_the_next_message(
    tmp_path: Path, what: str, expected: dict[str, int], copies: int
) -> None:
    """As a Postfix 3.7 writes it for access(5): the address stands at the end of what is said."""
    check = (
        f"smtpd[7]: NOQUEUE: {what}: RCPT from app[10.0.0.1]: <u@x.test>: Recipient address"
        f" q@x.test; {FROM.format(to='u@x.test')}"
    )
    done = {
        "redirect": [delivered("q@x.test"), REMOVED],
        "bcc": [delivered("u@x.test"), delivered("q@x.test"), REMOVED],
        "hold": [],
    }[what]
    found = accounted(tmp_path, lines(check, *taken(len(done) - 1 or 1, *()), *done))
    assert counts(found) == expected
    assert found.copies["delivered"] == copies


@pytest.mark.parametrize(
    ("originals", "expected"),
    [
        (["sales@x.test", "info@x.test"], "delivered"),
        (["sales@x.test", ""], "delivered"),
        (["sales@x.test", "sales@x.test"], "duplicated"),
        (["", ""], "duplicated"),
    ],
)
def test_two_aliases_of_one_mailbox_are_owed_a_message_each(
    tmp_path: Path, originals: list[str], expected: str
) -> None:
    """A duplicate is what comes twice for one of the addresses that it was sent to."""
    first, second = originals
    log = lines(*taken(1), delivered("anna@x.test", first), REMOVED)
    again = [each.replace("4A9E60E1", "4A9E60E2") for each in taken(1)]
    log += lines(*again, delivered("anna@x.test", second, "4A9E60E2"), minute=26)
    log += lines(REMOVED.replace("4A9E60E1", "4A9E60E2"), minute=26)
    told = counts(accounted(tmp_path, log))
    assert told[expected] == 1
    assert set(told) == {expected}


@pytest.mark.parametrize(
    ("said", "expected", "refused"),
    [
        ("accept: END-OF-MESSAGE: 250 2.7.0 Ok, discarded, id=01-01 - spam", {"discarded": 1}, 0),
        ("accept: END-OF-MESSAGE: 250 2.0.0 Ok: queued as 4A9E60E1", {}, 0),
        ("reject: END-OF-MESSAGE: 554 5.7.0 Reject, id=01-01 - discarded", {}, 1),
    ],
)
def test_a_filter_before_the_queue_may_throw_mail_away(
    tmp_path: Path, said: str, expected: dict[str, int], refused: int
) -> None:
    """It answers 250, and nothing comes in again: ``smtpd_proxy_filter``, without a queue id."""
    found = accounted(
        tmp_path,
        lines(
            "smtpd[7]: NOQUEUE: client=app[10.0.0.1]",
            f"smtpd[7]: proxy-{said}; {FROM.format(to='u@x.test')}",
        ),
    )
    assert counts(found) == expected
    assert {fate.leg.recipient for fate in found.undelivered} <= {"u@x.test"}
    assert found.servers["mx1"]["refused"] == refused


def test_what_was_held_for_an_alias_and_released_is_held_no_more(tmp_path: Path) -> None:
    """The check names the alias, and the delivery whoever stands in for it."""
    to = FROM.format(to="sales@x.test")
    held = taken(2, f"cleanup[8]: 4A9E60E1: hold: header Subject: hi from app[1]; {to}: why")
    released = "postsuper[11]: 4A9E60E1: released from hold"
    done = [delivered("anna@x.test", "sales@x.test"), delivered("ben@x.test"), REMOVED]
    log = lines(*held[:-1], released, held[-1], *done)
    assert counts(accounted(tmp_path, log)) == {"delivered": 2}
    assert counts(accounted(tmp_path, log[:3])) == {"held": 1}
    assert counts(accounted(tmp_path, log[:5])) == {"queued": 1}
    missing = [line for line in log if "ben@" not in line]
    assert counts(accounted(tmp_path, missing)) == {"delivered": 1, "unknown": 1}
