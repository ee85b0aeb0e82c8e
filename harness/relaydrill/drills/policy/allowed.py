"""Whether those may relay who may by the topology, and who log in."""

from __future__ import annotations

from collections.abc import Iterator

from relaydrill.drills.policy.asking import CLEAR, LOGGED_IN, TLS, Said, Way
from relaydrill.drills.policy.envelopes import Envelope, to_relay
from relaydrill.drills.policy.meaning import TELLING, Meaning
from relaydrill.drills.policy.point import (
    UNASKED,
    Asked,
    Point,
    has_none,
    no_greeting,
    not_opened,
    of_each,
    offered,
    undecided,
)
from relaydrill.verdict import Status


def may_relay(case: Asked) -> Iterator[Point]:
    """In clear unless the connector wants TLS, over TLS, and after a login, where it is offered."""
    envelopes = to_relay(case.lab.topology, case.question.client)
    heard = case.interview.ask(CLEAR, envelopes)
    if not heard.servers:
        yield no_greeting(heard, CLEAR)
        return
    for said in heard.servers.values():
        yield from _in_clear(case, said, envelopes)
    if not (case.wants_tls or offered(heard, "starttls")):
        return
    over_tls = case.interview.ask(TLS, envelopes)
    yield from of_each(over_tls, TLS, lambda said: _lets(said, TLS, envelopes, case.wants_tls))
    if offered(over_tls, "auth"):
        heard = case.interview.ask(LOGGED_IN, envelopes)
        for said in heard.servers.values():
            if said.opened is None:
                yield from _lets(said, LOGGED_IN, envelopes, is_promised=True)


def _in_clear(case: Asked, said: Said, envelopes: tuple[Envelope, ...]) -> Iterator[Point]:
    if not case.wants_tls:
        yield from _lets(said, CLEAR, envelopes, is_promised=True)
        return
    for envelope, answer in zip(envelopes, said.answers, strict=False):
        if answer.meaning is Meaning.TAKEN:
            text = "needs no TLS for it"
            yield Point(Status.FAIL, text, CLEAR, answer, envelope, said.server)


def _lets(
    said: Said, way: Way, envelopes: tuple[Envelope, ...], is_promised: bool
) -> Iterator[Point]:
    """Whether a server relays for somebody who may.

    Args:
        said: What a server said.
        way: How it was asked.
        envelopes: What was asked.
        is_promised: Whether this way must be open at all.
    """
    if said.opened is not None:
        if has_none(said.opened) and not is_promised:
            return
        yield not_opened(said, said.opened, way, "may not")
        return
    asked = list(zip(envelopes, said.answers, strict=False))
    for envelope, answer in asked:
        if answer.meaning is Meaning.TAKEN:
            yield Point(Status.PASS, "", way, answer, envelope, said.server)
            return
    for envelope, answer in asked:
        if answer.meaning in TELLING:
            yield Point(Status.FAIL, "may not", way, answer, envelope, said.server)
            return
    yield undecided(said, way, asked)


def may_with_login(case: Asked) -> Iterator[Point]:
    """Over TLS and with a login of its own a client may send anywhere."""
    envelopes = to_relay(case.lab.topology, case.question.client)
    heard = case.interview.ask(LOGGED_IN, envelopes)
    yield from of_each(
        heard, LOGGED_IN, lambda said: _lets(said, LOGGED_IN, envelopes, is_promised=True)
    )


def bears_name(case: Asked) -> Iterator[Point]:
    """The session begins with this name in the certificate, and its user can log in."""
    envelopes = to_relay(case.lab.topology, case.question.client)[:1]
    way = Way(tls=True, login="own", name=case.question.name)
    for said in (heard := case.interview.ask(way, envelopes)).servers.values():
        if said.opened is not None:
            wrong = "does not, or its users cannot log in"
            yield not_opened(said, said.opened, way, wrong)
        else:
            answer = said.answers[0] if said.answers else UNASKED
            yield Point(Status.PASS, "", way, answer, envelopes[0], said.server)
    if not heard.servers:
        yield no_greeting(heard, way)
