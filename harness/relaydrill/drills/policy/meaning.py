"""What an answer says about who may relay. Pure.

A server refuses for many reasons. One that knows no such domain, doubts the sender, is busy or
limits what a client may do has not said whether it relays.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import Any, Final, Self

from relaydrill.smtp import Phase, Result


class Meaning(enum.Enum):
    """What an answer comes to."""

    TAKEN = "accepted"
    RELAY = "refused, for the server does not relay"
    CLIENT = "refused to this client"
    LOGIN = "a login is wanted"
    TLS = "TLS is wanted"
    OTHER = "refused for a reason that says nothing of who may relay"
    LATER = "neither taken nor refused for good"
    SILENT = "no answer"


TELLING: Final = frozenset((Meaning.RELAY, Meaning.CLIENT, Meaning.LOGIN, Meaning.TLS))
"""Refusals that say who may not."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered.

    Attributes:
        result: See `Result`.
        phase: Where the question ended.
        code: Of the reply; 0: there was none.
        said: The reply, or why there was none.
        address: Where.
        server: The name in its banner.
    """

    result: Result
    phase: Phase
    code: int
    said: str
    address: str = ""
    server: str = ""

    @classmethod
    def of(cls, told: dict[str, Any]) -> Self:
        """An answer as a sender tells it."""
        return cls(**{**told, "result": Result(told["result"]), "phase": Phase(told["phase"])})

    @property
    def is_end(self) -> bool:
        """Whether the server ended the session with it, or the connection was lost."""
        return self.code in (0, 421)  # RFC 5321 §3.8

    @property
    def meaning(self) -> Meaning:
        """What it says of who may relay."""
        if self.result is Result.ACCEPTED:
            return Meaning.TAKEN
        if not self.code:
            return Meaning.SILENT
        if not 500 <= self.code <= 599:
            return Meaning.LATER
        return _refusal(self.phase, self.code, self.said)

    def __str__(self) -> str:
        return f"{self.said} at {self.phase}"


_TLS_CODES: Final = frozenset((523, 538))  # RFC 5248 §2.4; RFC 2554 §6
_TLS_WORDS: Final = re.compile(r"\b(?:starttls|tls|ssl|encrypt\w*)\b", re.I)
_LOGIN_CODES: Final = frozenset((530, 534, 535))  # RFC 4954 §6
_RELAY_WORDS: Final = re.compile(r"\brelay|rcpthosts|not local", re.I)
_CLIENT_WORDS: Final = re.compile(
    r"not (?:permitted|allowed|authori[sz]ed)|authenticat|access denied|prohibited|no permission",
    re.I,
)
_SENDER_WORDS: Final = re.compile(
    r"\bsenders?\b|mail from|return[ -]path|\bspoof|\bspf\b|\bdmarc\b|\bdkim\b|\b(?:he|eh)lo\b"
    r"|send as|owned by",
    re.I,
)
_REPUTATION_WORDS: Final = re.compile(
    r"(?:block|black|deny)[ -]?list|\brbl\b|dnsbl|blocked using|reputation|\bspam"
    r"|external client with ip|reverse (?:dns|hostname)|find your hostname|\bptr\b|\brate\b"
    r"|too many|gr[ae]y-?list|\bbanned\b|unsolicited",
    re.I,
)
_ENHANCED: Final = re.compile(r"\b5\.\d{1,3}\.\d{1,3}\b")
_SAYS_NOTHING: Final = re.compile(r"5\.1\.[2378]|5\.4\.[46]|5\.7\.(?:2\d|30)")
"""RFC 3463: a bad destination system, bad syntax, a bad sender; no route, a loop. And what is about
the proof of who sends, or the way there: DKIM, SPF, reverse DNS (RFC 7372), a sender's null MX
(RFC 7505), a flood, ARC (RFC 8617), REQUIRETLS (RFC 8689)."""
_QUOTED: Final = re.compile(r"<[^>]*>")
"""What a reply repeats of the client's own words."""


def _refusal(phase: Phase, code: int, said: str) -> Meaning:
    """What a 5xx says; its enhanced code counts (RFC 3463), and where it has none, its words."""
    words = _QUOTED.sub("", said)
    if phase in (Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.STARTTLS):
        return Meaning.OTHER  # it has not been asked yet
    if code in _TLS_CODES or (code == 530 and _TLS_WORDS.search(words)):
        return Meaning.TLS
    if code in _LOGIN_CODES:
        return Meaning.LOGIN
    if phase is Phase.AUTH or _SENDER_WORDS.search(words) or _REPUTATION_WORDS.search(words):
        return Meaning.OTHER
    found = _ENHANCED.search(words)
    enhanced = found[0] if found else ""
    if code not in (550, 551, 553, 554) or _SAYS_NOTHING.fullmatch(enhanced):
        return Meaning.OTHER
    if _RELAY_WORDS.search(words) or code == 551:  # "User not local" (RFC 5321 §3.4)
        return Meaning.RELAY
    # X.7.Z is about security and policy (RFC 3463 §3.8), all else about addresses and limits.
    is_policy = enhanced.startswith("5.7.") or (not enhanced and _CLIENT_WORDS.search(words))
    return Meaning.CLIENT if is_policy else Meaning.OTHER
