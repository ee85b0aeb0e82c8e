"""The account of servers' own logs: ``account --json``."""

from __future__ import annotations

from typing import Annotated, Final, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from relaydrill.documents.formats import Format
from relaydrill.verdict import Status

ACCOUNT: Final = Format(
    "relaydrill.account",
    1,
    what="What became of the mail in servers' own logs.",
    where="account --json",
)


class LastSeen(TypedDict):
    """Where a message was last seen."""

    time: float | None
    """When, seconds since the epoch; null: its line has no time."""
    server: str
    """The server whose log tells."""
    queue_id: str
    """As that server called it."""
    by: str
    """What took it, or kept it: a relay, a program, a person."""
    said: str
    """The server's own words."""
    where: str
    """The line: file:number."""


class MailFate(TypedDict):
    """What became of one message for one recipient, where that was not one delivery."""

    account: str
    """One word of `accounts`."""
    message: str
    """The Message-ID; empty where no log tells it."""
    recipient: str
    """Whom it was for."""
    original: str
    """Whom it was first for, where another recipient stands in; else empty."""
    sender: str
    """The envelope sender."""
    arrived: int
    """How often it arrived."""
    begins_before: bool
    """Whether its begin is not in these logs."""
    note: str
    """What else is to be said of it."""
    last: LastSeen
    """Where it was last seen."""


class ReadFile(TypedDict):
    """How much of a file was understood."""

    name: str
    """The file; of one that is packed, with the member's name."""
    lines: int
    """All lines."""
    understood: int
    """Lines that say what became of mail."""
    of_other_programs: int
    """Lines of programs that have nothing to do with mail."""
    not_understood: int
    """Lines of mail servers that are in no table."""


class MailPart(TypedDict):
    """The account of the logs of Postfix, Exim, Dovecot and HAProxy."""

    status: Status
    """`fail`: something was lost, failed, discarded or came twice; `unknown`: not all is known."""
    servers: dict[str, dict[str, int]]
    """By server, messages and what was done with them, each with its count."""
    balancers: dict[str, dict[str, dict[str, int]]]
    """By host, and by BACKEND/SERVER, sessions and those that were broken off."""
    changes: dict[str, list[str]]
    """By host, servers of a balancer that came and went, a sentence each."""
    accounts: dict[str, int]
    """By account, messages and recipients; accounts of none are left out."""
    copies: dict[str, int]
    """By account, copies for somebody else, which are not judged."""
    undelivered: list[MailFate]
    """What was not delivered once, the worst first; at most 10,000."""
    not_listed: dict[str, int]
    """By account, how many more there are."""
    renamed: int
    """Recipients for whom others stand in."""
    files: list[ReadFile]
    """The files that were read."""
    remarks: list[str]
    """What else is to be said, a sentence each."""
    missing: list[str]
    """What was not read whole, a sentence each."""


class LastStep(TypedDict):
    """The last that the logs say of a message."""

    time: float
    """When, seconds since the epoch."""
    server: str
    """The server whose log tells."""
    event: str
    """The event, as Exchange calls it."""
    to: str
    """Where it was sent."""
    said: str
    """The log's own words."""


class ExchangeFate(TypedDict):
    """What became of one message for one recipient, where that was not one delivery."""

    account: str
    """One word of `accounts`."""
    message: str
    """The Message-ID."""
    recipient: str
    """Whom it was for."""
    arrived: int
    """How often it arrived."""
    queued_on: list[str]
    """Servers in whose queues it is."""
    why: str
    """What is to be said of it: who has discarded it, what was not read."""
    last: NotRequired[LastStep]
    """The last that the logs say of it; not there where they say nothing."""


CoveredLog = TypedDict(
    "CoveredLog",
    {
        "from": Annotated[
            float | None,
            Field(description="Its first moment, seconds since the epoch; null: not known."),
        ],
        "to": Annotated[
            float | None,
            Field(description="Its last moment, seconds since the epoch; null: not known."),
        ],
        "files": Annotated[int, Field(description="How many files there are.")],
        "holes": Annotated[
            list[str], Field(description="What is missing between them, a sentence each.")
        ],
    },
)
CoveredLog.__doc__ = "Which time one sort of log covers."


class ExchangePart(TypedDict):
    """The account of Exchange's logs."""

    status: Status
    """`fail`: something was lost, failed, discarded or came twice; `unknown`: not all is known."""
    servers: dict[str, dict[str, int]]
    """By server, rows of each event, sessions, and those refused and broken off."""
    accounts: dict[str, int]
    """By account, messages and recipients; accounts of none are left out."""
    undelivered: list[ExchangeFate]
    """What was not delivered once, the worst first."""
    copies: dict[str, int]
    """Copies that servers made for others, by the address that got them."""
    passed_over: dict[str, int]
    """Rows that change nothing for any message, by event."""
    unknown_events: dict[str, int]
    """Rows whose event nobody knows, by event."""
    not_ours: dict[str, int]
    """The servers' own mail, by its sort."""
    left_out: int
    """Messages that were not asked for."""
    renamed: int
    """Recipients for whom others stand in."""
    coverage: dict[str, dict[str, CoveredLog]]
    """By server and sort of log, which time is covered."""
    clocks: list[str]
    """How far the servers' clocks are apart, a sentence each."""
    remarks: list[str]
    """What else is to be said, a sentence each."""
    unread: list[str]
    """What was not read whole, a sentence each."""
    missing: list[str]
    """What is missing of what the senders saw (--run), a sentence each."""


class AccountDocument(TypedDict):
    """What became of the mail in servers' own logs."""

    format: Literal["relaydrill.account"]
    version: Literal[1]
    status: Status
    """The worse of both parts."""
    mail: MailPart | None
    """Of the logs of Postfix, Exim, Dovecot and HAProxy; null where there are none."""
    exchange: ExchangePart | None
    """Of Exchange's logs; null where there are none."""
