"""What each event of Exchange's message tracking logs means: one table for 2007 to SE. Pure.

Sources: Microsoft's "Message tracking" and "Search message tracking logs" for Exchange 2007, 2010,
2013, 2016, 2019 and SE (event types, source values); SENDEXTERNAL, which those pages lack, as its
users report it (MicrosoftDocs/OfficeDocs-Exchange #821, #1722, #1771); RECIPIENTINFO and SETROUTE
from OfficeDocs-o365seccomp #937; the source REPLICATION from OfficeDocs-Exchange #2996.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from relaydrill.mail_logs.deeds import Does


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an event does to a message for the recipients that its row names.

    Attributes:
        does: What it does to it.
        says: That in a few words, to stand behind the event's name.
        everywhere: Whether it ends the message on every server, whichever has logged it: a
            moderator's word is logged where the arbitration mailbox is, not where the message lay.
        has_it: Whether it shows that the mailbox had the message already.
    """

    does: Does
    says: str
    everywhere: bool = False
    has_it: bool = False


ANY: Final = "*"
"""Stands for every source that has no row of its own."""

SOURCES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ADMIN": "an administrator",
        "AGENT": "a transport agent",
        "APPROVAL": "the approval of moderated mail",
        "BOOTLOADER": "the start of the transport service",
        "DNS": "DNS",
        "DSN": "a delivery status notification",
        "GATEWAY": "a foreign connector",
        "MAILBOXRULE": "an inbox rule",
        "MEETINGMESSAGEPROCESSOR": "the meeting message processor",
        "ORAR": "an alternate recipient that the originator asked for",
        "PICKUP": "the pickup directory",
        "POISONMESSAGE": "the poison message identifier",
        "PUBLICFOLDER": "a public folder",
        "QUEUE": "a queue",
        "REDUNDANCY": "shadow redundancy",
        "REPLICATION": "replication",
        "ROUTING": "the categorizer",
        "SAFETYNET": "Safety Net",
        "SMTP": "SMTP",
        "STOREDRIVER": "the store driver",
    }
)
"""Every source, and who that is."""

SYSTEM_SOURCES: Final = frozenset({"DSN", "MEETINGMESSAGEPROCESSOR", "REPLICATION", "PUBLICFOLDER"})
"""Whoever makes mail of the server's own: what these RECEIVE, no person has sent.

What APPROVAL receives may be a person's mail that a moderator has approved.
"""

_NOTHING: Final = Does.NOTHING
_TABLE: Final[Mapping[tuple[str, str], Meaning]] = MappingProxyType(
    {
        ("AGENTINFO", ANY): Meaning(_NOTHING, "a remark of a transport agent"),
        ("BADMAIL", ANY): Meaning(Does.FAILED, "can be neither delivered nor returned"),
        ("CLIENTSUBMISSION", ANY): Meaning(_NOTHING, "submitted from an Outbox"),
        ("DEFER", ANY): Meaning(Does.DEFERRED, "has to wait"),
        ("DELIVER", ANY): Meaning(Does.DELIVERED, "is in a mailbox"),
        ("DELIVER", "AGENT"): Meaning(Does.HANDED_ON, "a delivery agent took it"),
        ("DELIVER", "GATEWAY"): Meaning(Does.HANDED_ON, "a foreign system took it"),
        ("DELIVERFAIL", ANY): Meaning(Does.DEFERRED, "the mailbox lacks the folder it was for"),
        ("DROP", ANY): Meaning(Does.DISCARDED, "dropped on purpose, and nobody told"),
        ("DSN", ANY): Meaning(_NOTHING, "a delivery status notification was made"),
        ("DUPLICATEDELIVER", ANY): Meaning(
            Does.MOVED, "the mailbox has it already; this copy was removed", has_it=True
        ),
        ("DUPLICATEEXPAND", ANY): Meaning(Does.RENAMED, "a member was a recipient already"),
        ("DUPLICATEREDIRECT", ANY): Meaning(
            Does.RENAMED, "the alternate recipient was a recipient already"
        ),
        ("EXPAND", ANY): Meaning(Does.RENAMED, "a group became its members"),
        ("FAIL", ANY): Meaning(Does.FAILED, "given up"),
        ("HADISCARD", ANY): Meaning(_NOTHING, "a shadow copy is no longer needed"),
        ("HARECEIVE", ANY): Meaning(_NOTHING, "a shadow copy came in"),
        ("HAREDIRECT", ANY): Meaning(_NOTHING, "a shadow copy was made"),
        ("HAREDIRECTFAIL", ANY): Meaning(_NOTHING, "no shadow copy could be made"),
        ("INITMESSAGECREATED", ANY): Meaning(Does.HELD, "waits for a moderator"),
        ("LOAD", ANY): Meaning(Does.PROMISED, "found in the queue at the start"),
        ("MODERATIONEXPIRE", ANY): Meaning(
            Does.DISCARDED, "no moderator answered in time", everywhere=True
        ),
        ("MODERATORAPPROVE", ANY): Meaning(Does.PROMISED, "approved by a moderator"),
        ("MODERATORREJECT", ANY): Meaning(
            Does.DISCARDED, "rejected by a moderator", everywhere=True
        ),
        ("MODERATORSALLNDR", ANY): Meaning(
            Does.FAILED, "no moderator could be asked", everywhere=True
        ),
        ("NOTIFYMAPI", ANY): Meaning(_NOTHING, "seen in an Outbox"),
        ("NOTIFYSHADOW", ANY): Meaning(_NOTHING, "seen in an Outbox, and needs a shadow copy"),
        ("POISONMESSAGE", ANY): Meaning(Does.HELD, "in the poison message queue"),
        ("PROCESS", ANY): Meaning(Does.HANDED_ON, "taken by a component of the server"),
        ("PROCESSMEETINGMESSAGE", ANY): Meaning(_NOTHING, "a calendar was brought up to date"),
        ("RECEIVE", ANY): Meaning(Does.PROMISED, "taken"),
        ("RECEIVE", "AGENT"): Meaning(
            Does.COPIED, "made by an agent: a journal report, or a copy of the message it refers to"
        ),
        ("RECEIVE", "MAILBOXRULE"): Meaning(Does.COPIED, "made by an inbox rule"),
        ("RECIPIENTINFO", ANY): Meaning(_NOTHING, "a remark on the recipients"),
        ("REDIRECT", ANY): Meaning(Does.RENAMED, "another recipient stands in"),
        ("REDIRECT", "AGENT"): Meaning(
            Does.HANDED_ON, "an agent sent it to somebody else in place of the recipient"
        ),
        ("RESOLVE", ANY): Meaning(Does.RENAMED, "another address of the recipient"),
        ("RESUBMIT", ANY): Meaning(Does.PROMISED, "sent once more out of a safe copy"),
        ("RESUBMITDEFER", ANY): Meaning(Does.DEFERRED, "its safe copy has to wait"),
        ("RESUBMITFAIL", ANY): Meaning(Does.FAILED, "its safe copy could not be sent"),
        ("SEND", ANY): Meaning(Does.MOVED, "sent to another service or server"),
        ("SEND", "AGENT"): Meaning(Does.HANDED_ON, "a delivery agent took it"),
        ("SEND", "GATEWAY"): Meaning(Does.HANDED_ON, "a foreign system took it"),
        ("SENDEXTERNAL", ANY): Meaning(Does.MOVED, "sent out of the organization"),
        ("SETROUTE", ANY): Meaning(_NOTHING, "its way was chosen"),
        ("SUBMIT", ANY): Meaning(Does.MOVED, "from the mailbox to a transport service"),
        ("SUBMITDEFER", ANY): Meaning(Does.DEFERRED, "the transport service did not take it yet"),
        ("SUBMITFAIL", ANY): Meaning(Does.FAILED, "the transport service did not take it"),
        ("SUPPRESSED", ANY): Meaning(Does.DISCARDED, "its transmission was suppressed"),
        ("THROTTLE", ANY): Meaning(Does.DEFERRED, "slowed down"),
        ("TRANSFER", ANY): Meaning(_NOTHING, "some recipients got a fork of their own"),
    }
)


def meaning(event: str, source: str) -> Meaning | None:
    """What an event of this source means; None where the table does not know its id."""
    return _TABLE.get((event, source)) or _TABLE.get((event, ANY))


def is_of_moderation(event: str) -> bool:
    """Whether it tells of a moderator: its row may bear the request's name, not the message's."""
    return event.startswith("MODERAT") or event == "INITMESSAGECREATED"


def table() -> Mapping[tuple[str, str], Meaning]:
    """All rows: by event id, and by source, `ANY` for all that have no row of their own."""
    return _TABLE
