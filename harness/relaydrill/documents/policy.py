"""Who may relay: ``policy --json``."""

from __future__ import annotations

from typing import Final, Literal

from typing_extensions import TypedDict

from relaydrill.documents.formats import Format
from relaydrill.verdict import Status

POLICY: Final = Format(
    "relaydrill.policy",
    1,
    what="Every question of who may relay, with the servers' answers.",
    where="policy --json",
)


class AnswerDocument(TypedDict):
    """One question, and the answer that decided."""

    question: str
    """Who asked whom, in words."""
    rule: str
    """What the topology declares about it, in words."""
    status: Status
    """Whether the answer is as declared; `unknown`: it says nothing of who may relay."""
    summary: str
    """One sentence with what decided."""
    result: str
    """What became of the session: `accepted`, `refused`, `unanswered`, and so on."""
    phase: str
    """The phase of the session that the question ended at: `connect`, `rcpt`, and so on."""
    code: int
    """Of the reply; 0: there was none."""
    said: str
    """The reply, or why there was none."""
    address: str
    """The address that was asked."""
    server: str
    """The name in the banner of the server that answered; empty if none did."""
    client: str
    """The sender that asked."""
    entry_point: str
    """The VIP, hub or Edge server that was asked."""
    port: int
    """The port that was asked at."""
    way: str
    """In clear or over TLS, with a login or without."""
    envelope: str
    """The kind of envelope that was given; empty where it did not come to that."""
    answered: list[str]
    """Servers behind the entry point that answered."""
    unheard: list[str]
    """Servers behind the entry point that never answered."""
    connections: int
    """How many connections the question took."""


class PolicyDocument(TypedDict):
    """Every question of who may relay, with the servers' answers."""

    format: Literal["relaydrill.policy"]
    version: Literal[1]
    status: Status
    """The worst of all; `unknown` where something could not be asked."""
    lacking: str
    """Why it is not whole; empty if it is."""
    answers: list[AnswerDocument]
    """All questions."""
