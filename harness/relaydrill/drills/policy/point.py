"""What one server's answers on one way come to, and the answers that decide nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from relaydrill.drills.policy.asking import Heard, Interview, Said, Way
from relaydrill.drills.policy.envelopes import Envelope
from relaydrill.drills.policy.meaning import TELLING, Answer, Meaning
from relaydrill.drills.policy.questions import Question, Rule, connectors_behind, relaying_for
from relaydrill.drivers.base import Lab
from relaydrill.smtp import Phase, Result
from relaydrill.verdict import Status

UNASKED: Final = Answer(Result.UNSENT, Phase.CONNECT, 0, "")
NO_ANSWER: Final = "there was no answer"
_SAYS_NOTHING: Final = "its refusals do not say who may relay"


@dataclass(frozen=True, slots=True)
class Point:
    """What one server's answers on one way come to.

    Attributes:
        status: See `Status`.
        why: What is wrong, or why it is not known; empty where nothing is.
        way: How it was asked.
        answer: What decided.
        envelope: To what it was the answer.
        server: Who answered; empty: unknown.
    """

    status: Status
    why: str
    way: Way
    answer: Answer
    envelope: Envelope | None = None
    server: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What one question is asked with.

    Attributes:
        lab: Where.
        question: Who asks, at which server.
        interview: Asks, and keeps what was said.
    """

    lab: Lab
    question: Question
    interview: Interview

    @property
    def wants_tls(self) -> bool:
        """Whether whoever this question is about must use TLS, by all connectors that serve it."""
        question = self.question
        found = connectors_behind(self.lab.topology, question.entry_point, question.port)
        if question.rule is Rule.MAY_RELAY:
            found = relaying_for(found, question.client)
        return bool(found) and all(each.tls == "required" for each in found)


def no_greeting(heard: Heard, way: Way) -> Point:
    """That no server greeted."""
    return Point(Status.UNKNOWN, NO_ANSWER, way, heard.silence or UNASKED)


def of_each(heard: Heard, way: Way, judge: Callable[[Said], Any]) -> Iterator[Point]:
    """What each server that answered comes to; or that none did."""
    if not heard.servers:
        yield no_greeting(heard, way)
    for said in heard.servers.values():
        yield from judge(said)


def offered(heard: Heard, extension: str) -> bool:
    """Whether any server offered an extension of SMTP."""
    return any(extension in said.offers for said in heard.servers.values())


def undecided(said: Said, way: Way, asked: list[tuple[Envelope, Answer]]) -> Point:
    """Answers of which none decides."""
    refused = [each for each in asked if each[1].meaning not in (Meaning.LATER, Meaning.SILENT)]
    why = _SAYS_NOTHING if refused else NO_ANSWER
    if not asked:
        return Point(Status.UNKNOWN, why, way, UNASKED, server=said.server)
    envelope, answer = (refused or asked)[0]
    return Point(Status.UNKNOWN, why, way, answer, envelope, said.server)


def cut_short(said: Said, way: Way, asked: list[tuple[Envelope, Answer]], most: int) -> Point:
    """Answers to the first questions, where there were more."""
    envelope, answer = asked[-1] if asked else (None, UNASKED)
    why = f"it answered {len(asked)} of {most} questions"
    return Point(Status.UNKNOWN, why, way, answer, envelope, said.server)


def not_opened(said: Said, opened: Answer, way: Way, wrong: str) -> Point:
    """A session that came to nothing.

    Who asks for TLS, a certificate or a login may learn without a reply that there is none, or that
    it is wrong; but not from silence.
    """
    is_known = opened.meaning in TELLING or has_none(opened)
    in_handshake = opened.phase in (Phase.STARTTLS, Phase.AUTH) and not opened.code
    if way.login != "none" and in_handshake and "timed out" not in opened.said:
        is_known = True
    if way.login != "none" and opened.phase is Phase.AUTH and 500 <= opened.code <= 599:
        is_known = True
    status = Status.FAIL if is_known else Status.UNKNOWN
    return Point(status, wrong if is_known else NO_ANSWER, way, opened, server=said.server)


def has_none(opened: Answer) -> bool:
    """Whether a server offers no STARTTLS, or no AUTH."""
    return not opened.code and opened.said.startswith("the server offers no ")
