"""Whether a server relays for somebody who may not, whatever the envelope and the way."""

from __future__ import annotations

from collections.abc import Iterator

from relaydrill.drills.policy.asking import CLEAR, MADE_UP, TLS, Heard, Said, Way
from relaydrill.drills.policy.envelopes import Envelope, Form, own_domain, to_relay, to_try
from relaydrill.drills.policy.meaning import TELLING, Answer, Meaning
from relaydrill.drills.policy.point import (
    NO_ANSWER,
    Asked,
    Point,
    cut_short,
    has_none,
    no_greeting,
    of_each,
    offered,
    undecided,
)
from relaydrill.drivers.base import Lab
from relaydrill.errors import CapabilityMissing, ControlError
from relaydrill.smtp import Phase
from relaydrill.verdict import Status


def must_not_relay(case: Asked) -> Iterator[Point]:
    """In clear, over TLS, and after a login as nobody, as far as these are offered."""
    topology, client = case.lab.topology, case.question.client
    envelopes = to_try(topology, client)
    heard = case.interview.ask(CLEAR, envelopes)
    if not heard.servers:
        yield no_greeting(heard, CLEAR)
        return
    yield from of_each(heard, CLEAR, lambda said: _refuses(case, said, CLEAR, envelopes))
    over_tls = Heard()
    if offered(heard, "starttls"):
        over_tls = case.interview.ask(TLS, envelopes)
        yield from of_each(over_tls, TLS, lambda said: _refuses(case, said, TLS, envelopes))
    for way, before in ((MADE_UP, over_tls), (Way(login="made-up"), heard)):
        if offered(before, "auth"):
            yield from _as_nobody(case, way)


def _as_nobody(case: Asked, way: Way) -> Iterator[Point]:
    """A login that nobody has is refused, or it is of no use."""
    envelopes = to_relay(case.lab.topology, case.question.client)
    for said in case.interview.ask(way, envelopes).servers.values():
        for envelope, answer in zip(envelopes, said.answers, strict=False):
            if answer.meaning is Meaning.TAKEN:
                text = f"may after any login: an open relay at {answer.server}"
                yield Point(Status.FAIL, text, way, answer, envelope, said.server)
                return


def _refuses(case: Asked, said: Said, way: Way, envelopes: tuple[Envelope, ...]) -> Iterator[Point]:
    """Whether a server relays nothing for somebody who may not, whatever the envelope."""
    if said.opened is not None:
        if not has_none(said.opened):
            yield Point(Status.UNKNOWN, NO_ANSWER, way, said.opened, server=said.server)
        return
    asked = list(zip(envelopes, said.answers, strict=False))
    unsure = None
    for envelope, answer in asked:
        if answer.meaning is not Meaning.TAKEN:
            continue
        status, why = _taken(case, said, envelope, asked)
        point = Point(status, why, way, answer, envelope, said.server)
        if status is Status.FAIL:
            yield point
            return
        if status is Status.UNKNOWN:
            unsure = unsure or point
    if unsure:
        yield unsure
    elif len(asked) < len(envelopes):
        yield cut_short(said, way, asked, len(envelopes))
    else:
        yield _telling(case, said, way, asked)


def _taken(
    case: Asked, said: Said, envelope: Envelope, asked: list[tuple[Envelope, Answer]]
) -> tuple[Status, str]:
    """What it means that a server took an envelope from somebody who may not relay.

    An address of its own domain may be one: then it is delivered there, and nothing is relayed.
    Where a node can tell which way it would go, that is known; elsewhere a server that takes such
    an address, and refuses an ordinary one of nobody's, has taken it apart.
    """
    if envelope.form is Form.ELSEWHERE:
        server = next(answer.server for each, answer in asked if each is envelope)
        return Status.FAIL, f"may: an open relay at {server or said.server}"
    if envelope.form is not Form.HIDDEN:
        return Status.PASS, ""
    is_local = _stays(case.lab, said.server, envelope.recipient)
    if is_local is None:
        refuses_nobody = any(
            each.form is Form.NOBODY and answer.phase is Phase.RCPT and 500 <= answer.code <= 599
            for each, answer in asked
        )
        if not refuses_nobody:
            text = "RCPT does not tell whether an address of its own is relayed to what it hides"
            return Status.UNKNOWN, text
    if is_local:
        return Status.PASS, ""
    return Status.FAIL, f"may: an open relay at {said.server} to what an address hides"


def _stays(lab: Lab, server: str, recipient: str) -> bool | None:
    """Whether a server would send mail for an address where all of its own domain's goes.

    None where it cannot tell.
    """
    if server not in lab.topology.nodes:
        return None
    ways = []
    for address in (recipient, f"user@{own_domain(lab.topology)}"):
        try:
            ways.append(lab.control(server)("way", recipient=address))
        except (CapabilityMissing, ControlError):
            return None
    return bool(ways[0] == ways[1])


def _telling(case: Asked, said: Said, way: Way, asked: list[tuple[Envelope, Answer]]) -> Point:
    """A refusal that says that this client may not relay; without one it is not known."""
    own = f"@{own_domain(case.lab.topology)}"
    for envelope, answer in asked:
        # Who refuses a sender of its own domain may mind nothing but that.
        is_of_sender = answer.meaning is Meaning.CLIENT and envelope.sender.endswith(own)
        if envelope.form is Form.ELSEWHERE and answer.meaning in TELLING and not is_of_sender:
            return Point(Status.PASS, "", way, answer, envelope, said.server)
    return undecided(said, way, asked)
