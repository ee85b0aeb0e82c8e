"""What sees mail arrive at mailbox servers that run elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from relaydrill.drivers.attach.observers import Observer, observer_of
from relaydrill.errors import UsageError
from relaydrill.journal import Journal
from relaydrill.mail_logs.deeds import Deed, Does
from relaydrill.topology.attach import Arrivals

_LOG = """\
Nov 25 00:28:39 mbx postfix/smtpd[116]: A1B2C3: client=unknown[10.213.26.11]
Nov 25 00:28:39 mbx postfix/cleanup[117]: A1B2C3: message-id={message}
Nov 25 00:28:39 mbx postfix/qmgr[107]: A1B2C3: from=<a@x.org>, size=2628, nrcpt=1 (queue active)
Nov 25 00:28:39 mbx postfix/{program}[142]: A1B2C3: to=<user@contoso.com>, relay={relay}, \
delay=0.01, delays=0/0/0/0, dsn=2.0.0, status={status} ({said})
Nov 25 00:28:39 mbx postfix/qmgr[107]: A1B2C3: removed
"""


def log(
    message: str,
    *,
    program: str = "virtual",
    relay: str = "",
    status: str = "sent",
    said: str = "delivered to maildir",
) -> str:
    """What Postfix logs of one message."""
    relay = relay or program
    return _LOG.format(message=message, program=program, relay=relay, status=status, said=said)


def add(path: Path, text: str) -> None:
    """Write at the end of a file."""
    with path.open("a") as file:
        file.write(text)


def arrived(observer: Observer) -> list[tuple[str, str]]:
    """The messages that have arrived since the last look, and for whom."""
    deeds = [each for each in observer.new() if isinstance(each, Deed)]
    return [(each.message, each.recipient) for each in deeds if each.does is Does.DELIVERED]


@pytest.mark.parametrize(
    ("program", "relay", "said"),
    [
        ("virtual", "virtual", "delivered to maildir"),
        ("local", "local", "delivered to mailbox"),
        ("lmtp", "mbx[private/dovecot-lmtp]", "250 2.0.0 <user@contoso.com> Zx1 Saved"),
        ("pipe", "dovecot", "delivered via dovecot service"),
    ],
)
def test_what_postfix_delivers_has_arrived(
    program: str, relay: str, said: str, tmp_path: Path
) -> None:
    """What goes into a mailbox counts, once; what stood in the log before is not new."""
    path = tmp_path / "mail.log"
    path.write_text(log("<old@x>"))
    observer = observer_of(Arrivals(postfix_log=str(path)), "")
    assert arrived(observer) == []
    words = {"program": program, "relay": relay, "said": said}
    add(path, log("<1@x>", **words) + log("<2@x>", **words))
    assert arrived(observer) == [("<1@x>", "user@contoso.com"), ("<2@x>", "user@contoso.com")]
    assert arrived(observer) == []
    observer.close()


@pytest.mark.parametrize(
    ("program", "status", "said", "does"),
    [
        ("smtp", "sent", "250 2.0.0 Ok: queued as X", Does.HANDED_ON),
        ("lmtp", "sent", "250 2.0.0 Ok", Does.HANDED_ON),
        ("pipe", "sent", "delivered via spamcheck service", Does.HANDED_ON),
        ("discard", "sent", "contoso.com", Does.DISCARDED),
        ("smtp", "sent", "250 2.7.0 Ok, discarded, id=07-01 - spam", Does.DISCARDED),
        ("virtual", "deferred", "maildir delivery failed: disk full", Does.DEFERRED),
        ("virtual", "bounced", "unknown user", Does.FAILED),
        ("local", "sent", "forwarded as D4E5F6", Does.MOVED),
        ("local", "sent", "delivered to command: cat >/dev/null", Does.HANDED_ON),
        ("local", "sent", "delivered to file: /dev/null", Does.DISCARDED),
    ],
)
def test_what_postfix_passes_on_has_not_arrived(
    program: str, status: str, said: str, does: Does, tmp_path: Path
) -> None:
    """Passed on, thrown away, put off, returned: none of that is an arrival, and each is told."""
    path = tmp_path / "mail.log"
    path.touch()
    observer = observer_of(Arrivals(postfix_log=str(path)), "")
    add(path, log("<1@x>", program=program, status=status, said=said))
    deeds = [each for each in observer.new() if isinstance(each, Deed)]
    assert [each.does for each in deeds if each.recipient] == [does]
    observer.close()


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    """A line that is being written is read when it is whole, from whatever point on."""
    path = tmp_path / "mail.log"
    path.touch()
    observer = observer_of(Arrivals(postfix_log=str(path)), "")
    text = log("<1@x>")
    for at in range(len(text)):
        add(path, text[at])
        if found := arrived(observer):
            break
    assert found == [("<1@x>", "user@contoso.com")]
    observer.close()


@pytest.mark.parametrize("way", ["renamed", "emptied"])
def test_a_log_that_is_turned_over_is_read_on(way: str, tmp_path: Path) -> None:
    """Nothing is missed or told twice when logrotate comes by, with or without copytruncate."""
    path = tmp_path / "mail.log"
    path.write_text(log("<old@x>") * 3)
    observer = observer_of(Arrivals(postfix_log=str(path)), "")
    add(path, log("<1@x>"))
    if way == "renamed":
        path.rename(tmp_path / "mail.log.1")
        add(tmp_path / "mail.log.1", log("<2@x>"))
    else:
        assert len(arrived(observer)) == 1
        path.write_text("")
    path.write_text(log("<3@x>"))
    rest = ["<1@x>", "<2@x>", "<3@x>"] if way == "renamed" else ["<3@x>"]
    assert [message for message, _ in arrived(observer)] == rest
    observer.close()


def test_a_journal_of_another_lab_tells_everything(tmp_path: Path) -> None:
    """Recipient, digest and time are as the other mailbox server wrote them; torn lines are not."""
    path = tmp_path / "mbx.jsonl"
    journal = Journal.open("mbx", path)
    observer = observer_of(Arrivals(journal=str(path)), "")
    before = time.monotonic()
    journal.write("arrived", "<1@x>", "user@contoso.com", digest="d1")
    add(path, '{"mono": torn\n')
    journal.write("ready", pid=1)
    [arrival] = observer.new()
    assert (arrival.message, arrival.recipient, arrival.digest) == (
        "<1@x>",
        "user@contoso.com",
        "d1",
    )
    assert arrival.mono is not None
    assert before - 0.001 <= arrival.mono <= time.monotonic()
    journal.close()
    observer.close()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A wrong path is a mistake of the inventory, told before anything is sent."""
    missing = tmp_path / "nowhere"
    for arrivals in (Arrivals(postfix_log=str(missing)), Arrivals(journal=str(missing))):
        with pytest.raises(UsageError, match="nowhere: No such file"):
            observer_of(arrivals, "")
