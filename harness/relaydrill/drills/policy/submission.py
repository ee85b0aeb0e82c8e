"""Whether a server that wants TLS, or a login, does nothing without."""

from __future__ import annotations

from collections.abc import Iterator

from relaydrill.drills.policy.asking import CLEAR, TLS, Said, Way
from relaydrill.drills.policy.envelopes import Envelope, Form, to_enter
from relaydrill.drills.policy.meaning import TELLING, Answer, Meaning
from relaydrill.drills.policy.point import (
    NO_ANSWER,
    Asked,
    Point,
    cut_short,
    no_greeting,
    of_each,
    offered,
    undecided,
)
from relaydrill.smtp import Phase
from relaydrill.verdict import Status


def wants_tls(case: Asked) -> Iterator[Point]:
    """MAIL is refused in clear, whoever it is from (RFC 3207 §4)."""
    envelopes = to_enter(case.lab.topology, case.question.client)
    heard = case.interview.ask(CLEAR, envelopes)
    yield from of_each(heard, CLEAR, lambda said: [_refuses_clear(said, envelopes)])


def _refuses_clear(said: Said, envelopes: tuple[Envelope, ...]) -> Point:
    asked = list(zip(envelopes, said.answers, strict=False))
    for envelope, answer in asked:
        if answer.phase is Phase.RCPT:  # so MAIL was taken
            return Point(Status.FAIL, "does without", CLEAR, answer, envelope, said.server)
    if len(asked) < len(envelopes):
        return _no_session(said, CLEAR, asked, len(envelopes))
    for envelope, answer in asked:
        # In clear nobody can log in where no login is offered.
        is_closed = answer.meaning is Meaning.LOGIN and "auth" not in said.offers
        if is_closed or answer.meaning in (Meaning.TLS, Meaning.CLIENT, Meaning.RELAY):
            return Point(Status.PASS, "", CLEAR, answer, envelope, said.server)
    return undecided(said, CLEAR, asked)


def wants_login(case: Asked) -> Iterator[Point]:
    """Nothing is taken without a login, not even for the server's own domain (RFC 6409 §4.3).

    At MAIL, or at RCPT by those that keep all refusals for it (Postfix's smtpd_delay_reject).
    """
    envelopes = to_enter(case.lab.topology, case.question.client)
    heard = case.interview.ask(CLEAR, envelopes)
    if not heard.servers:
        yield no_greeting(heard, CLEAR)
        return
    has_tls = case.wants_tls or offered(heard, "starttls")
    if not case.wants_tls:
        yield from of_each(heard, CLEAR, lambda said: [_shuts_out(said, CLEAR, envelopes)])
    if has_tls:
        heard = case.interview.ask(TLS, envelopes)
        yield from of_each(heard, TLS, lambda said: [_shuts_out(said, TLS, envelopes)])


def _shuts_out(said: Said, way: Way, envelopes: tuple[Envelope, ...]) -> Point:
    asked = list(zip(envelopes, said.answers, strict=False))
    for envelope, answer in asked:
        if answer.meaning is Meaning.TAKEN:
            return Point(Status.FAIL, "does without", way, answer, envelope, said.server)
    if len(asked) < len(envelopes):
        return _no_session(said, way, asked, len(envelopes))
    for envelope, answer in asked:
        if envelope.form is Form.OWN and answer.meaning in TELLING:
            return Point(Status.PASS, "", way, answer, envelope, said.server)
    return undecided(said, way, asked)


def _no_session(said: Said, way: Way, asked: list[tuple[Envelope, Answer]], most: int) -> Point:
    if said.opened is not None:
        return Point(Status.UNKNOWN, NO_ANSWER, way, said.opened, server=said.server)
    return cut_short(said, way, asked, most)
