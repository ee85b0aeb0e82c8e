"""Exchange's words: the replies of a Hub or Edge Transport server.

Texts are those that Exchange Server 2007 to 2019 send; where the versions differ, 2007's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from email.utils import formatdate
from types import MappingProxyType
from typing import Final

from relaydrill import clock
from relaydrill.smtp import Reply

SENDER_OK: Final = Reply(250, "2.1.0 Sender OK")
RECIPIENT_OK: Final = Reply(250, "2.1.5 Recipient OK")
RESETTING: Final = Reply(250, "2.0.0 Resetting")
OK: Final = Reply(250, "2.0.0 OK")
CLOSING: Final = Reply(221, "2.0.0 Service closing transmission channel")
UNABLE_TO_RELAY: Final = Reply(550, "5.7.1 Unable to relay")
NOT_AUTHENTICATED: Final = Reply(530, "5.7.1 Client was not authenticated")
UNRECOGNIZED: Final = Reply(500, "5.3.3 Unrecognized command")
USER_UNKNOWN: Final = Reply(550, "5.1.1 User unknown")
SENDER_DENIED: Final = Reply(554, "5.1.0 Sender denied")
SPAM: Final = Reply(550, "5.7.1 Message rejected as spam by Content Filtering.")
BACK_PRESSURE: Final = Reply(452, "4.3.1 Insufficient system resources")
UNAVAILABLE: Final = Reply(421, "4.3.2 Service not available")
IDLE: Final = Reply(451, "4.7.0 Timeout waiting for client input")
LOOP: Final = Reply(554, "5.4.6 Hop count exceeded - possible mail loop")
LOCAL_ERROR: Final = Reply(451, "4.3.0 Local error in processing")
TOO_MANY_CONNECTIONS: Final = Reply(
    421,
    "4.3.2 The maximum number of concurrent server connections has exceeded a limit, closing"
    " transmission channel",
)
TOO_MANY_FROM_SOURCE: Final = Reply(
    421,
    "4.3.2 The maximum number of concurrent connections has exceeded a limit, closing"
    " transmission channel",
)
TOO_MANY_MESSAGES: Final = Reply(
    421, "4.4.2 Message submission rate for this client has exceeded the configured limit"
)
TOO_MANY_SESSIONS: Final = Reply(421, "4.7.0 Error: too many connections from this client")
"""Postfix's (smtpd(8)), without the names: Exchange has no such limit of one source."""
GREYLISTED: Final = Reply(450, "4.2.0 Recipient address rejected: Greylisted")
"""Postgrey's: Exchange has no greylisting of its own (RFC 6647 §5: 421 or 450)."""
TOO_MANY_RECIPIENTS: Final = Reply(452, "4.5.3 Too many recipients")
TOO_MANY_ERRORS: Final = Reply(
    421, "4.7.0 Too many errors on this connection, closing transmission channel"
)

MOST_HOPS: Final = 30
"""Received headers beyond which a message is taken to loop."""


def banner(fqdn: str, date: str) -> Reply:
    """The greeting; ``date`` in the form of RFC 5322."""
    return Reply(220, f"{fqdn} Microsoft ESMTP MAIL Service ready at {date}")


def queued(message_id: str, internal_id: int) -> Reply:
    """250 after the dot."""
    return Reply(250, f"2.6.0 {message_id} [InternalId={internal_id}] Queued mail for delivery")


def on_block_list(client: str) -> Reply:
    """The refusal of a client on the block list, which names its address."""
    return Reply(
        550,
        f"5.7.1 External client with IP address {client} does not have permissions to submit to"
        " this server.",
    )


def date() -> str:
    """Now, as RFC 5322 §3.3 writes it."""
    return _date(int(clock.wall()))


@functools.lru_cache(maxsize=2)
def _date(second: int) -> str:
    return formatdate(second)


def hello(fqdn: str, client: str) -> str:
    """First line of the answer to HELO and EHLO, without its code."""
    return f"{fqdn} Hello [{client}]"


def capabilities(fqdn: str, client: str, size_limit: int, more: str = "") -> str:
    """The answer to EHLO, which announces what this server really does, and nothing else."""
    lines = [hello(fqdn, client), f"SIZE {size_limit}", "ENHANCEDSTATUSCODES"]
    if more:
        lines.append(more)
    return "\r\n".join([*(f"250-{line}" for line in lines), "250 8BITMIME"])


# What aiosmtpd says by itself, and what Exchange says in its place; by the reply's code.
_STOCK: Final[Mapping[str, tuple[tuple[re.Pattern[str], str], ...]]] = MappingProxyType(
    {
        "220": ((re.compile(r"220 Ready to start TLS"), "220 2.0.0 SMTP server ready"),),
        "354": ((re.compile(r"354 .*"), "354 Start mail input; end with <CRLF>.<CRLF>"),),
        "500": (
            (re.compile(r"500 Error: command .*"), "500 5.3.3 Unrecognized command"),
            (re.compile(r"500 Error: bad syntax"), "500 5.3.3 Unrecognized command"),
            (re.compile(r"500 Error: \(.*", re.S), str(LOCAL_ERROR)),
        ),
        "501": ((re.compile(r"501 (?!5)(.*)"), r"501 5.5.4 Invalid arguments"),),
        "502": ((re.compile(r"502 5\.5\.1 Too many unrecognized .*"), str(TOO_MANY_ERRORS)),),
        "503": (
            (re.compile(r"503 Error: send (HELO|EHLO) first"), "503 5.5.2 Send hello first"),
            (re.compile(r"503 Error: need MAIL command"), "503 5.5.2 Need mail command"),
            (re.compile(r"503 Error: need RCPT command"), "503 5.5.2 Need rcpt command"),
            (re.compile(r"503 Error: nested MAIL command"), "503 5.5.2 Sender already specified"),
        ),
        "530": (
            (re.compile(r"530 5\.7\.0 Authentication required"), str(NOT_AUTHENTICATED)),
            (re.compile(r"530 Must issue .*"), "530 5.7.0 Must issue a STARTTLS command first"),
        ),
        "535": ((re.compile(r"535 .*"), "535 5.7.3 Authentication unsuccessful"),),
        "552": (
            (re.compile(r"552 .*"), "552 5.3.4 Message size exceeds fixed maximum message size"),
        ),
    }
)


def in_exchange_words(stock: str) -> str:
    """A reply of the SMTP library in the words that Exchange uses for the same case.

    An exception inside a handler becomes a 500 in the library, which would make the sender bounce
    the message; the field's answer is a 451.
    """
    for pattern, words in _STOCK.get(stock[:3], ()):
        if pattern.fullmatch(stock):
            return words
    return stock
