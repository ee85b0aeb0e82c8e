"""What a mail store did with mail in place of keeping it, in the account of logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.test_mail_account import counts, in_utc, put, read

from relaydrill.mail_account.result import MailAccount

__all__ = ["in_utc"]

# As a Dovecot 2.3.19 writes them into a file of its own.
BINNED = (
    "discard action: Marked message to be discarded if not explicitly delivered (discard action)"
)
SENT_ON = "redirect action: forwarded to <boss@y.test>"
REJECTED = "reject action: rejected message from <s@app.test> (reject)"
PIPED = "pipe action: piped message to program `scan'"
KEPT = "stored mail into mailbox 'INBOX'"
FILED = "fileinto action: stored mail into mailbox 'Junk'"
ANSWERED = "vacation action: sent vacation response to <s@app.test>"


def sent(*recipients: str, queue_id: str = "4XyzAB1cD2", minute: int = 25) -> list[str]:
    """What a Postfix says of a message that it has given to a Dovecot."""
    said = [
        f"smtpd[7]: {queue_id}: client=app[10.0.0.1]",
        f"cleanup[8]: {queue_id}: message-id=<1@app>",
        f"qmgr[9]: {queue_id}: from=<s@app.test>, size=9, nrcpt={len(recipients)} (queue active)",
        *(
            f"lmtp[10]: {queue_id}: to=<{to}>, relay=mbx[private/dovecot-lmtp], delay=0.1,"
            f" delays=0/0/0/0.1, dsn=2.0.0, status=sent (250 2.0.0 <{to}> aB3dEfGhIjKlMnOp Saved)"
            for to in recipients
        ),
        f"qmgr[9]: {queue_id}: removed",
    ]
    return [f"Nov 24 04:{minute}:01 mx1 postfix/{each}" for each in said]


def kept_by(user: str, *what: str, session: str = "aB3dEfGh", minute: int = 25) -> list[str]:
    """What a Dovecot says of it."""
    frame = f"Nov 24 04:{minute}:01 lmtp({user})<71><{session}>: Info: "
    return [f"{frame}sieve: msgid=<1@app>: {each}" for each in what]


def accounted(folder: Path, **logs: list[str]) -> MailAccount:
    """The account of some logs, by their names."""
    for name, lines in logs.items():
        put(folder / f"{name}.log", [f"{line}\n".encode() for line in lines])
    return read(folder)


@pytest.mark.parametrize(
    ("what", "expected", "by"),
    [
        ([KEPT], "delivered", ""),
        ([FILED], "delivered", ""),
        ([BINNED], "discarded", "a Sieve script of Dovecot's"),
        ([BINNED, KEPT], "delivered", ""),
        ([SENT_ON], "handed on", "boss@y.test"),
        ([SENT_ON, KEPT], "delivered", ""),
        ([PIPED], "handed on", "|scan"),
        ([REJECTED], "failed", "a Sieve script of Dovecot's"),
        ([ANSWERED, KEPT], "delivered", ""),
        ([], "delivered", ""),
    ],
)
@pytest.mark.parametrize("user", ["u@x.test", "u", "uid77"])
@pytest.mark.parametrize("where", ["own file", "syslog", "syslog with a number", "another host"])
def test_what_a_script_did_is_what_became_of_it(
    tmp_path: Path, what: list[str], expected: str, by: str, user: str, where: str
) -> None:
    """Postfix says ``sent`` and Dovecot ``Saved``, whatever a script has done with the message."""
    said = kept_by(user, *what)
    if where == "own file":
        found = accounted(tmp_path, dovecot=said, mail=sent("u@x.test"))
    else:
        host = "mbx9" if where == "another host" else "mx1"
        tag = "dovecot[99]" if where == "syslog with a number" else "dovecot"
        lines = [
            each.replace(" lmtp", f" {host} {tag}: lmtp").replace("Info: ", "") for each in said
        ]
        if where == "another host":
            found = accounted(tmp_path, mbx9=lines, mail=sent("u@x.test"))
        else:
            first = f"Nov 24 04:25:01 mx1 {tag}: imap-login: Login: user=<u>, method=PLAIN"
            found = accounted(tmp_path, mail=[first, *lines, *sent("u@x.test")])
    assert counts(found) == {expected: 1}
    assert [fate.leg.by for fate in found.undelivered] == ([by] if by else [])


def test_one_of_two_recipients_threw_it_away(tmp_path: Path) -> None:
    """The store's name of a recipient has no detail, and each of them has its own line."""
    said = kept_by("anna@x.test", KEPT) + kept_by("ben@x.test", BINNED, session="aB3dEfGh:R2")
    found = accounted(tmp_path, dovecot=said, mail=sent("anna@x.test", "ben+list@x.test"))
    assert counts(found) == {"delivered": 1, "discarded": 1}
    assert found.undelivered[0].leg.recipient == "ben+list@x.test"


def test_where_nobody_knows_whose_it_was_nobody_is_said_to_have_it(tmp_path: Path) -> None:
    """Accounts have names of their own: one of two did not keep it."""
    said = kept_by("a1", KEPT) + kept_by("b1", BINNED, session="aB3dEfGh:R2")
    found = accounted(tmp_path, dovecot=said, mail=sent("anna@x.test", "ben@x.test"))
    assert counts(found) == {"unknown": 2}


def test_a_second_copy_that_a_script_removes_is_no_duplicate(tmp_path: Path) -> None:
    """Of what was sent twice, the test ``duplicate`` throws the second away."""
    mail = sent("u@x.test") + sent("u@x.test", queue_id="4XyzAB9cD9", minute=26)
    first = kept_by("u@x.test", KEPT)
    again = {"session": "zZ3dEfGh", "minute": 26}
    binned = kept_by("u@x.test", BINNED, **again)  # type: ignore[arg-type]
    assert counts(accounted(tmp_path / "1", dovecot=first + binned, mail=mail)) == {"delivered": 1}
    both = first + kept_by("u@x.test", KEPT, **again)  # type: ignore[arg-type]
    assert counts(accounted(tmp_path / "2", dovecot=both, mail=mail)) == {"duplicated": 1}


def test_what_a_store_says_in_two_files_counts_once(tmp_path: Path) -> None:
    """A copy of its log takes no second delivery away."""
    mail = sent("u@x.test") + sent("u@x.test", queue_id="4XyzAB9cD9", minute=26)
    said = kept_by("u@x.test", BINNED)
    more = kept_by("u@x.test", KEPT, session="zZ3dEfGh", minute=26)
    found = accounted(tmp_path, dovecot=said, copy=[*said, *more], mail=mail)
    assert counts(found) == {"delivered": 1}


@pytest.mark.parametrize(
    ("what", "is_whole"), [([KEPT], True), ([BINNED, KEPT], True), ([BINNED], False)]
)
def test_what_was_not_kept_of_mail_without_a_name_is_told(
    tmp_path: Path, what: list[str], is_whole: bool
) -> None:
    """A Dovecot 2.3 says ``unspecified`` where there is no Message-ID, or no brackets around it."""
    said = [each.replace("<1@app>", "unspecified") for each in kept_by("u@x.test", *what)]
    nameless = [each.replace("<1@app>", "<>") for each in sent("u@x.test")]
    found = accounted(tmp_path, dovecot=said, mail=nameless)
    assert counts(found) == {"delivered": 1}
    assert ["did not keep 1 " in each for each in found.unread] == ([] if is_whole else [True])


def test_without_a_name_and_a_session_each_line_stands_for_itself(tmp_path: Path) -> None:
    """As a Dovecot 2.2 writes it: what was kept may be another message."""
    frame = "Nov 24 04:25:01 lmtp(71, u@x.test): Info: sieve: msgid=unspecified: "
    mail = [each.replace("<1@app>", "<>") for each in sent("u@x.test")]
    found = accounted(tmp_path, dovecot=[frame + each for each in (KEPT, BINNED)], mail=mail)
    assert ["did not keep 1 " in each for each in found.unread] == [True]
