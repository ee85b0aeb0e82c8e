"""SMTP as facts, without a socket: phases, replies, and what a sender learnt from one attempt."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Final

REFUSED: Final = "connection refused"
"""The reason of an outcome where the address answered that nobody listens."""

NO_SUCH_NAME: Final = "there is no such name (NXDOMAIN)"
"""The end of one where a name server answered that the name does not exist (RFC 1035 §4.1.1)."""

NO_ANSWER: Final = "no name server answers"
"""The end of one where each name server was silent."""

NAME_FAILED: Final = "from the name server"
"""The end of one where a name server failed the question: SERVFAIL, REFUSED (RFC 1035 §4.1.1)."""


NO_EXCHANGER: Final = "no exchanger has an address (5.4.4)"
"""The end of one where no MX host of a domain, nor the domain itself, has any (RFC 5321 §5.1)."""


BAD_CERTIFICATE: Final = "certificate: "
"""The begin of one where a server's certificate did not hold; why follows."""

NO_STARTTLS: Final = "the server offers no STARTTLS"
"""The reason of one where a server must be spoken to in the clear, and its sender will not."""


class Phase(enum.StrEnum):
    """The steps of one SMTP session, in the order in which a sender passes them.

    ``BODY`` lies between the 354 and the final dot, ``DOT`` between the dot and the storing of the
    message, ``REPLY`` between the storing and the reply. Sender-side outcomes never end in
    ``DOT``: from outside, ``DOT`` and ``REPLY`` are one silence (RFC 5321 §4.2.5, §6.1).
    """

    CONNECT = "connect"
    BANNER = "banner"
    EHLO = "ehlo"
    STARTTLS = "starttls"
    AUTH = "auth"
    MAIL = "mail"
    RCPT = "rcpt"
    DATA = "data"
    BODY = "body"
    DOT = "dot"
    REPLY = "reply"
    QUIT = "quit"


_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3}) ?(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Reply:
    r"""One SMTP reply (RFC 5321 §4.2), with its enhanced status code if it has one (RFC 3463).

    Attributes:
        code: Three digits, 200 to 599.
        text: The rest of the line; further lines are joined with ``\n``.
    """

    code: int
    text: str = ""

    def __post_init__(self) -> None:
        if not 200 <= self.code <= 599:
            raise ValueError(f"{self.code} is no SMTP reply code (200-599)")

    @property
    def ok(self) -> bool:
        """2xx: done. 354 is not ``ok``: it asks for more."""
        return 200 <= self.code <= 299

    @property
    def transient(self) -> bool:
        """4xx: the sender may try again later (RFC 5321 §4.2.1)."""
        return 400 <= self.code <= 499

    @property
    def enhanced(self) -> str:
        """The enhanced status code, such as ``4.3.1``; empty where the reply has none."""
        found = _ENHANCED.match(self.text)
        return found.group(1) if found else ""

    def __str__(self) -> str:
        return f"{self.code} {self.text}".rstrip()


class Result(enum.StrEnum):
    """What the sender knows of one recipient when an attempt is over."""

    ACCEPTED = "accepted"
    """250 after the dot: the server has taken responsibility (RFC 5321 §4.1.1.4)."""
    REFUSED = "refused"
    """A 4xx or 5xx at any phase; at CONNECT the sender's own, of a domain that takes no mail."""
    UNANSWERED = "unanswered"
    """The dot was sent and nothing came back: the sender cannot know."""
    DROPPED = "dropped"
    """Connected, and cut off or silent before the dot."""
    UNREACHABLE = "unreachable"
    """No connection: refused, timed out, or no address for the name."""
    UNSENT = "unsent"
    """The sender's own machine failed (no source address, no file descriptor): proves nothing."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one attempt to send told the sender about one recipient.

    Attributes:
        result: See `Result`.
        phase: The last phase that was entered.
        reply: The reply that decided, if one came.
        reason: Why, where no reply says it: "connection refused", "timed out after 3 s".
        address: ``ip:port`` that was tried last; empty where none was.
        server: The name in the banner of the server that answered; empty where none did.
        reused: Whether its connection had served an earlier message.
    """

    result: Result
    phase: Phase
    reply: Reply | None = None
    reason: str = ""
    address: str = ""
    server: str = ""
    reused: bool = False

    @classmethod
    def null_mx(cls, domain: str, said: str = "") -> Outcome:
        """A sender's own no for good, without a connection: the domain takes no mail (RFC 7505).

        Args:
            domain: The domain; empty where it is not told.
            said: A real sender's own words for it.
        """
        why = said or f"{domain} takes no mail: it has a null MX (MX 0 .)"
        reply = Reply(556, "5.1.10 Recipient address has null MX")
        return cls(Result.REFUSED, Phase.CONNECT, reply, why)

    def __str__(self) -> str:
        said = str(self.reply) if self.reply else self.reason
        return f"{self.result} at {self.phase}" + (f": {said}" if said else "")
