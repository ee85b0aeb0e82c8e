"""What sees mail arrive at mailbox servers that run elsewhere."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from relaydrill.drivers.attach.observers import Arrival, observer_of
from relaydrill.errors import LabError, UsageError
from relaydrill.journal import Journal
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
    status: str = "sent",
    said: str = "delivered to maildir",
) -> str:
    """What Postfix logs of one message."""
    return _LOG.format(message=message, program=program, relay=program, status=status, said=said)


def add(path: Path, text: str) -> None:
    """Write at the end of a file."""
    with path.open("a") as file:
        file.write(text)


@pytest.mark.parametrize("program", ["virtual", "local", "lmtp", "pipe"])
def test_what_postfix_delivers_has_arrived(program: str, tmp_path: Path) -> None:
    """Each last step of Postfix counts, once; what stood in the log before is not new."""
    path = tmp_path / "mail.log"
    path.write_text(log("<old@x>"))
    observer = observer_of(Arrivals(postfix_log=str(path)), "")
    assert list(observer.new()) == []
    add(path, log("<1@x>", program=program) + log("<2@x>", program=program))
    found = [Arrival("<1@x>", "user@contoso.com"), Arrival("<2@x>", "user@contoso.com")]
    assert list(observer.new()) == found
    assert list(observer.new()) == []
    observer.close()


@pytest.mark.parametrize(
    ("program", "status", "said"),
    [
        ("smtp", "sent", "250 2.0.0 Ok: queued as X"),
        ("discard", "sent", "contoso.com"),
        ("virtual", "deferred", "maildir delivery failed: disk full"),
        ("virtual", "bounced", "unknown user"),
        ("local", "sent", "forwarded as D4E5F6"),
    ],
)
def test_what_postfix_passes_on_has_not_arrived(
    program: str, status: str, said: str, tmp_path: Path
) -> None:
    """Passed on, thrown away, put off, returned: none of that is an arrival."""
    path = tmp_path / "mail.log"
    path.touch()
    observer = observer_of(Arrivals(postfix_log=str(path)), "")
    add(path, log("<1@x>", program=program, status=status, said=said))
    assert list(observer.new()) == []
    observer.close()


def test_half_a_line_waits_for_its_end(tmp_path: Path) -> None:
    """A line that is being written is read when it is whole, from whatever point on."""
    path = tmp_path / "mail.log"
    path.touch()
    observer = observer_of(Arrivals(postfix_log=str(path)), "")
    text = log("<1@x>")
    for at in range(len(text)):
        add(path, text[at])
        found = list(observer.new())
        if found:
            break
    assert found == [Arrival("<1@x>", "user@contoso.com")]
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
        assert len(list(observer.new())) == 1
        path.write_text("")
    path.write_text(log("<3@x>"))
    rest = ["<1@x>", "<2@x>", "<3@x>"] if way == "renamed" else ["<3@x>"]
    assert [each.message for each in observer.new()] == rest
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


_TRACKING = """\
\ufeff#Software: Microsoft Exchange Server
#Version: 8.0.0.0
#Log-type: Message Tracking Log
#Date: 2026-11-24T00:00:00.000Z
#Fields: date-time,source,event-id,message-id,recipient-address
"""


def tracked(
    message: str, *recipients: str, source: str = "STOREDRIVER", event: str = "DELIVER"
) -> str:
    """A row of a message tracking log."""
    return f"2026-11-24T10:00:00.000Z,{source},{event},{message},{';'.join(recipients)}\r\n"


def test_tracking_logs_tell_what_the_store_driver_delivered(tmp_path: Path) -> None:
    """Rows of DELIVER that were added, in old and new files, whole ones only, each once."""
    old = tmp_path / "ht1" / "MSGTRK20261124-1.LOG"
    old.parent.mkdir()
    add(old, _TRACKING + tracked("<old@x>", "a@x"))
    observer = observer_of(Arrivals(tracking_logs=str(tmp_path)), "")
    assert list(observer.new()) == []
    add(old, tracked("<1@x>", "a@x", "b@x") + tracked("<1@x>", "a@x", source="SMTP", event="SEND"))
    half = tracked("<2@x>", "a@x")
    add(old, half[:30])
    assert list(observer.new()) == [Arrival("<1@x>", "a@x"), Arrival("<1@x>", "b@x")]
    add(old, half[30:])
    add(tmp_path / "MSGTRK20261125-1.log", _TRACKING + tracked("<3@x>", "a@x"))
    assert {each.message for each in observer.new()} == {"<2@x>", "<3@x>"}
    assert list(observer.new()) == []
    observer.close()


def test_what_is_no_tracking_log_is_told(tmp_path: Path) -> None:
    """A folder that is not there, and a file of another kind, are no empty mailboxes."""
    with pytest.raises(UsageError, match="there is no such folder"):
        observer_of(Arrivals(tracking_logs=str(tmp_path / "nowhere")), "")
    add(tmp_path / "MSGTRK1.LOG", "hello\n")
    with pytest.raises(LabError, match="no log of Exchange's"):
        observer_of(Arrivals(tracking_logs=str(tmp_path)), "")
