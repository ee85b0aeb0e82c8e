"""What one line tells of one queue id, before its Message-ID is known. Pure.

Readers of one program's log each (`postfix`, `exim`) give these; `following` makes deeds of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from relaydrill.mail_logs.deeds import Does


class Told(NamedTuple):
    """What one line tells of one queue id.

    Attributes:
        does: What happened, to the message for one recipient.
        queue_id: Which; empty where the server had none yet.
        recipient: For whom; empty where the line speaks of the message as a whole.
        original: As in `relaydrill.mail_logs.deeds.Deed`.
        by: As in `relaydrill.mail_logs.deeds.Deed`.
        said: As in `relaydrill.mail_logs.deeds.Deed`.
        message: Its Message-ID, where this is the line that tells it.
        next_id: The queue id under which whatever took it has it.
        sender: The envelope's; empty where the line does not tell, or there is none.
        nameless: Whether this is the line that would tell a Message-ID, and there is none.
        opens: Whether a message begins here under this queue id.
        over: Whether nothing more is to come under it.
        was: The queue id under which the message was here until now.
        is_probe: Whether only an address was asked about: there is no mail.
    """

    does: Does
    queue_id: str = ""
    recipient: str = ""
    original: str = ""
    by: str = ""
    said: str = ""
    message: str = ""
    next_id: str = ""
    sender: str = ""
    nameless: bool = False
    opens: bool = False
    over: bool = False
    was: str = ""
    is_probe: bool = False


NOTHING: Final = Told(Does.NOTHING)
"""A line that is understood, and of no interest."""


@dataclass(frozen=True, slots=True)
class Takers:
    """What an inventory says of who takes mail over, beside what is recognised anyway.

    Attributes:
        mailboxes: Transports, relays, sockets or commands that count as a mailbox; each a part of
            the name in the log, in any case.
        filters: Those that do not, whatever they are called; likewise.
    """

    mailboxes: tuple[str, ...] = ()
    filters: tuple[str, ...] = ()

    def is_mailbox(self, name: str, *, recognised: bool = False) -> bool:
        """Whether what this name stands for is a mailbox."""
        lower = name.lower()
        if any(each.lower() in lower for each in self.filters):
            return False
        return recognised or any(each.lower() in lower for each in self.mailboxes)


UNDECLARED: Final = Takers()
_STORES: Final = re.compile(r"dovecot|cyrus|cyrdeliver", re.I)
_LOOKS_INTO: Final = re.compile(r"filter|scan|spam|virus|clam|amavis|quarantine|check", re.I)
_KEEPS_NOTHING: Final = re.compile(
    r"archiv|backup|cop(?:y|ies)\b|journal|audit|learn|train|report"
    r"|dev-?null|null\b|discard|trash|black-?hole",
    re.I,
)
"""What bears the name of a store and keeps nothing, or keeps it for somebody else."""


def keeps_mail(name: str) -> bool:
    """Whether something is a mail store of those that are known, by its name (Dovecot, Cyrus)."""
    program = name.partition(" ")[0]  # behind it are words such as the name of a mailbox
    return (
        bool(_STORES.search(name))
        and not _LOOKS_INTO.search(name)
        and not _KEEPS_NOTHING.search(program)
    )


_NO_MAILBOX_FILE: Final = re.compile(
    r"^/(?:dev|proc|sys)/|quarantine|discarded|spam-?trap|black-?hole", re.I
)
_OF_OTHERS: Final = re.compile(
    r"(?<![^\W_])(?:(?:mail|all)?-?archives?|backups?|cop(?:y|ies)|journal|audit)(?![^\W_])", re.I
)
_MAILBOXES: Final = re.compile(r"^/(?:home|users)/|mail_?dir|/\.[^/]+/?$", re.I)


def is_swallowing(path: str) -> bool:
    """Whether a file that mail is written into is nobody's mailbox: a device, a quarantine."""
    return bool(_NO_MAILBOX_FILE.search(path.strip()))


def is_for_others(path: str) -> bool:
    """Whether a file that mail is written into is an archive by its name, and nobody's mailbox."""
    path = path.strip()
    return bool(_OF_OTHERS.search(path)) and not _MAILBOXES.search(path)


_STORE_SAYS: Final = re.compile(
    r"250 2\.0\.0 <[^>]*> (?P<session>\S+) Saved\b|SESSIONID=<[\w.]*cyrus", re.I
)


def store_says(reply: str) -> bool:
    """Whether a reply is that of an LMTP server with mailboxes behind it.

    Dovecot's is ``250 2.0.0 <RECIPIENT> SESSION Saved``; Cyrus gives its session's name.
    """
    return bool(_STORE_SAYS.search(reply))


def session_in(reply: str) -> str:
    """The name of the session that a reply of Dovecot's tells; empty where it tells none."""
    found = _STORE_SAYS.search(reply)
    return (found["session"] or "") if found else ""


_QUEUED_AS: Final = re.compile(
    r".*\bqueued as (?P<postfix>\w+)|.*\bid=(?P<exim>\w{6}-\w{6,11}-\w{2,4})\b", re.S
)
_SAYS_NOTHING: Final = re.compile(r"<[^>]*>|\[[^\]]*\]|queued as \S+|\bid=\S+")
_THROWN_AWAY: Final = re.compile(
    r"(?<![\w.@-])(?<!not )(?<!no )(?<!never )(?<!without )"
    r"(?:discard(?:ed|ing)?|quarantined?|blackholed?|silently dropped|dropped)(?![\w@-]|\.\w)",
    re.I,
)


_SENT_BACK: Final = re.compile(r"[,;(] *(?:BOUNCE|bounced)(?= *(?:$|[,;()]))")


def queued_as(reply: str) -> str:
    """The queue id that a reply names: Postfix's ``queued as``, Exim's ``id=``; else empty."""
    found = _QUEUED_AS.match(reply) if "queued as" in reply or "id=" in reply else None
    return (found["postfix"] or found["exim"]) if found else ""


def throws_away(reply: str) -> bool:
    """Whether a reply that took a message says that it throws it away.

    Amavis says ``250 2.7.0 Ok, discarded, id=…``; others name a quarantine. What is in
    brackets, and ids, do not count.
    """
    return bool(_THROWN_AWAY.search(reply)) and bool(
        _THROWN_AWAY.search(_SAYS_NOTHING.sub(" ", reply))
    )


def sends_back(reply: str) -> bool:
    """Whether a reply that took a message says that it returns it to its sender.

    Amavis says ``250 2.5.0 Ok, id=…, BOUNCE``.
    """
    return bool(_SENT_BACK.search(reply))


def is_no_promise(reply: str) -> bool:
    """Whether a reply that took a message says that it will not be delivered."""
    return throws_away(reply) or sends_back(reply)
