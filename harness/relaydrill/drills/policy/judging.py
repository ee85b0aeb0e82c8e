"""What a door's answers come to: whether it does as the topology declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

from relaydrill.drills.policy.asking import (
    CLEAR,
    LOGGED_IN,
    MADE_UP,
    TLS,
    Heard,
    Interview,
    Said,
    Way,
)
from relaydrill.drills.policy.envelopes import (
    Envelope,
    Form,
    own_domain,
    to_enter,
    to_relay,
    to_try,
)
from relaydrill.drills.policy.meaning import TELLING, Answer, Meaning
from relaydrill.drills.policy.questions import (
    Question,
    Rule,
    connectors_behind,
    relaying_for,
)
from relaydrill.drivers.base import Lab
from relaydrill.errors import CapabilityMissing, ControlError
from relaydrill.sentences import listed
from relaydrill.smtp import Phase, Result
from relaydrill.verdict import Status, Verdict, failed, merge, passed, unknown

_UNASKED: Final = Answer(Result.UNSENT, Phase.CONNECT, 0, "")
_NO_ANSWER: Final = "the door gave no answer"
_SAYS_NOTHING: Final = "its refusals do not say who may relay"


@dataclass(frozen=True, slots=True)
class Point:
    """What one server's answers on one way come to.

    Attributes:
        status: See `Status`. why: What is wrong, or why it is not known; empty where nothing is.
        way: How it was asked. answer: What decided. envelope: To what it was the answer.
        server: Who answered; empty: unknown.
    """

    status: Status
    why: str
    way: Way
    answer: Answer
    envelope: Envelope | None = None
    server: str = ""


@dataclass(frozen=True, slots=True)
class _Case:
    lab: Lab
    question: Question
    interview: Interview

    @property
    def wants_tls(self) -> bool:
        """Whether whoever this question is about must use TLS, by all connectors that serve it."""
        question = self.question
        found = connectors_behind(self.lab.topology, question.door, question.port)
        if question.rule is Rule.MAY_RELAY:
            found = relaying_for(found, question.client)
        return bool(found) and all(each.tls == "required" for each in found)


def judge_question(lab: Lab, question: Question) -> Verdict:
    """Ask, and compare the answers with what the topology declares.

    A door that does not answer, or not to the end, is unknown: it has said nothing of its policy.
    So is one of whose servers one never answered.
    """
    return ask_and_judge(lab, question, None)[0]


def ask_and_judge(
    lab: Lab, question: Question, silence: Answer | None
) -> tuple[Verdict, Answer | None]:
    """As `judge_question`; also what it came to that no server greeted, None where one did.

    Args:
        silence: What it came to when this client last asked at this door, where none greeted it.
    """
    interview = Interview(lab, question)
    points = [Point(Status.UNKNOWN, _NO_ANSWER, CLEAR, silence)] if silence else []
    try:
        points = points or list(_JUDGES[question.rule](_Case(lab, question, interview)))
    except ControlError as error:  # who asks there is silent for longer than we wait
        silent = Answer(Result.UNSENT, Phase.CONNECT, 0, str(error))
        points = [Point(Status.UNKNOWN, _NO_ANSWER, CLEAR, silent)]
    if not points:
        points = [Point(Status.UNKNOWN, "there was nothing to ask", CLEAR, _UNASKED)]
    is_silent = not any(point.server for point in points) and points[0].why == _NO_ANSWER
    verdict = _verdict(question, points, interview)
    return verdict, points[0].answer if is_silent else None


def _verdict(question: Question, points: list[Point], interview: Interview) -> Verdict:
    status = merge(point.status for point in points)
    first = next(point for point in points if point.status is status)
    answered = any(point.server for point in points)
    unheard = interview.unheard if answered else ()
    figures = {
        **asdict(first.answer),
        "result": str(first.answer.result),
        "phase": str(first.answer.phase),
        "client": question.client,
        "door": question.door,
        "port": question.port,
        "way": str(first.way),
        "envelope": str(first.envelope or ""),
        "answered": sorted({point.server for point in points if point.server}),
        "unheard": list(unheard),
        "connections": interview.connections,
    }
    how = f"{first.way}, {first.envelope}" if first.envelope else str(first.way)
    if status is Status.FAIL:
        summary = f"{question}, and {first.why}: {first.answer} ({how})"
        return failed("policy", summary, **figures)
    if status is Status.UNKNOWN:
        tail = "" if first.why == _NO_ANSWER else f" ({how})"
        summary = f"{question}: not known, for {first.why}: {first.answer}{tail}"
        return unknown("policy", summary, **figures)
    if unheard:
        summary = (
            f"{question}: not known, for {listed(unheard)} never answered, in"
            f" {interview.connections} connections; {listed(figures['answered'])} said:"
            f" {first.answer}"
        )
        return unknown("policy", summary, **figures)
    ways = listed(dict.fromkeys(str(point.way) for point in points))
    return passed("policy", f"{question}: {first.answer} ({ways})", **figures)


def _may_relay(case: _Case) -> Iterator[Point]:
    """In clear unless the connector wants TLS, over TLS, and after a login, where it is offered."""
    envelopes = to_relay(case.lab.topology, case.question.client)
    heard = case.interview.ask(CLEAR, envelopes)
    if not heard.servers:
        yield _silence(heard, CLEAR)
        return
    for said in heard.servers.values():
        yield from _in_clear(case, said, envelopes)
    if not (case.wants_tls or _offered(heard, "starttls")):
        return
    over_tls = case.interview.ask(TLS, envelopes)
    yield from _each(over_tls, TLS, lambda said: _lets(said, TLS, envelopes, case.wants_tls))
    if _offered(over_tls, "auth"):
        heard = case.interview.ask(LOGGED_IN, envelopes)
        for said in heard.servers.values():
            if said.opened is None:
                yield from _lets(said, LOGGED_IN, envelopes, is_promised=True)


def _in_clear(case: _Case, said: Said, envelopes: tuple[Envelope, ...]) -> Iterator[Point]:
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
        is_promised: Whether this way must be open at all.
    """
    if said.opened is not None:
        if _has_none(said.opened) and not is_promised:
            return
        yield _not_opened(said, said.opened, way, "may not")
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
    yield _undecided(said, way, asked)


def _not_opened(said: Said, opened: Answer, way: Way, wrong: str) -> Point:
    """A session that came to nothing.

    Who asks for TLS, a certificate or a login may learn without a reply that there is none, or that
    it is wrong; but not from silence.
    """
    is_known = opened.meaning in TELLING or _has_none(opened)
    in_handshake = opened.phase in (Phase.STARTTLS, Phase.AUTH) and not opened.code
    if way.login != "none" and in_handshake and "timed out" not in opened.said:
        is_known = True
    if way.login != "none" and opened.phase is Phase.AUTH and 500 <= opened.code <= 599:
        is_known = True
    status = Status.FAIL if is_known else Status.UNKNOWN
    return Point(status, wrong if is_known else _NO_ANSWER, way, opened, server=said.server)


def _has_none(opened: Answer) -> bool:
    """Whether a server offers no STARTTLS, or no AUTH."""
    return not opened.code and opened.said.startswith("the server offers no ")


def _must_not_relay(case: _Case) -> Iterator[Point]:
    """In clear, over TLS, and after a login as nobody, as far as these are offered."""
    topology, client = case.lab.topology, case.question.client
    envelopes = to_try(topology, client)
    heard = case.interview.ask(CLEAR, envelopes)
    if not heard.servers:
        yield _silence(heard, CLEAR)
        return
    yield from _each(heard, CLEAR, lambda said: _refuses(case, said, CLEAR, envelopes))
    over_tls = Heard()
    if _offered(heard, "starttls"):
        over_tls = case.interview.ask(TLS, envelopes)
        yield from _each(over_tls, TLS, lambda said: _refuses(case, said, TLS, envelopes))
    for way, before in ((MADE_UP, over_tls), (Way(login="made-up"), heard)):
        if _offered(before, "auth"):
            yield from _as_nobody(case, way)


def _as_nobody(case: _Case, way: Way) -> Iterator[Point]:
    """A login that nobody has is refused, or it is of no use."""
    envelopes = to_relay(case.lab.topology, case.question.client)
    for said in case.interview.ask(way, envelopes).servers.values():
        for envelope, answer in zip(envelopes, said.answers, strict=False):
            if answer.meaning is Meaning.TAKEN:
                text = f"may after any login: an open relay at {answer.server}"
                yield Point(Status.FAIL, text, way, answer, envelope, said.server)
                return


def _refuses(case: _Case, said: Said, way: Way, envelopes: tuple[Envelope, ...]) -> Iterator[Point]:
    """Whether a server relays nothing for somebody who may not, whatever the envelope."""
    if said.opened is not None:
        if not _has_none(said.opened):
            yield Point(Status.UNKNOWN, _NO_ANSWER, way, said.opened, server=said.server)
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
        yield _cut_short(said, way, asked, len(envelopes))
    else:
        yield _telling(case, said, way, asked)


def _taken(
    case: _Case, said: Said, envelope: Envelope, asked: list[tuple[Envelope, Answer]]
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


def _telling(case: _Case, said: Said, way: Way, asked: list[tuple[Envelope, Answer]]) -> Point:
    """A refusal that says that this client may not relay; without one it is not known."""
    own = f"@{own_domain(case.lab.topology)}"
    for envelope, answer in asked:
        # Who refuses a sender of its own domain may mind nothing but that.
        is_of_sender = answer.meaning is Meaning.CLIENT and envelope.sender.endswith(own)
        if envelope.form is Form.ELSEWHERE and answer.meaning in TELLING and not is_of_sender:
            return Point(Status.PASS, "", way, answer, envelope, said.server)
    return _undecided(said, way, asked)


def _undecided(said: Said, way: Way, asked: list[tuple[Envelope, Answer]]) -> Point:
    """Answers of which none decides."""
    refused = [each for each in asked if each[1].meaning not in (Meaning.LATER, Meaning.SILENT)]
    why = _SAYS_NOTHING if refused else _NO_ANSWER
    if not asked:
        return Point(Status.UNKNOWN, why, way, _UNASKED, server=said.server)
    envelope, answer = (refused or asked)[0]
    return Point(Status.UNKNOWN, why, way, answer, envelope, said.server)


def _cut_short(said: Said, way: Way, asked: list[tuple[Envelope, Answer]], most: int) -> Point:
    envelope, answer = asked[-1] if asked else (None, _UNASKED)
    why = f"it answered {len(asked)} of {most} questions"
    return Point(Status.UNKNOWN, why, way, answer, envelope, said.server)


def _wants_tls(case: _Case) -> Iterator[Point]:
    """MAIL is refused in clear, whoever it is from (RFC 3207 §4)."""
    envelopes = to_enter(case.lab.topology, case.question.client)
    heard = case.interview.ask(CLEAR, envelopes)
    yield from _each(heard, CLEAR, lambda said: [_refuses_clear(said, envelopes)])


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
    return _undecided(said, CLEAR, asked)


def _wants_login(case: _Case) -> Iterator[Point]:
    """Nothing is taken without a login, not even for the server's own domain (RFC 6409 §4.3).

    At MAIL, or at RCPT by those that keep all refusals for it (Postfix's smtpd_delay_reject).
    """
    envelopes = to_enter(case.lab.topology, case.question.client)
    heard = case.interview.ask(CLEAR, envelopes)
    if not heard.servers:
        yield _silence(heard, CLEAR)
        return
    has_tls = case.wants_tls or _offered(heard, "starttls")
    if not case.wants_tls:
        yield from _each(heard, CLEAR, lambda said: [_shuts_out(said, CLEAR, envelopes)])
    if has_tls:
        heard = case.interview.ask(TLS, envelopes)
        yield from _each(heard, TLS, lambda said: [_shuts_out(said, TLS, envelopes)])


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
    return _undecided(said, way, asked)


def _no_session(said: Said, way: Way, asked: list[tuple[Envelope, Answer]], most: int) -> Point:
    if said.opened is not None:
        return Point(Status.UNKNOWN, _NO_ANSWER, way, said.opened, server=said.server)
    return _cut_short(said, way, asked, most)


def _may_with_login(case: _Case) -> Iterator[Point]:
    envelopes = to_relay(case.lab.topology, case.question.client)
    heard = case.interview.ask(LOGGED_IN, envelopes)
    yield from _each(
        heard, LOGGED_IN, lambda said: _lets(said, LOGGED_IN, envelopes, is_promised=True)
    )


def _bears_name(case: _Case) -> Iterator[Point]:
    """The session begins with this name in the certificate, and its user can log in."""
    envelopes = to_relay(case.lab.topology, case.question.client)[:1]
    way = Way(tls=True, login="own", name=case.question.name)
    for said in (heard := case.interview.ask(way, envelopes)).servers.values():
        if said.opened is not None:
            wrong = "does not, or its users cannot log in"
            yield _not_opened(said, said.opened, way, wrong)
        else:
            answer = said.answers[0] if said.answers else _UNASKED
            yield Point(Status.PASS, "", way, answer, envelopes[0], said.server)
    if not heard.servers:
        yield _silence(heard, way)


def _each(heard: Heard, way: Way, judge: Callable[[Said], Any]) -> Iterator[Point]:
    """What each server that answered comes to; or that none did."""
    if not heard.servers:
        yield _silence(heard, way)
    for said in heard.servers.values():
        yield from judge(said)


def _silence(heard: Heard, way: Way) -> Point:
    return Point(Status.UNKNOWN, _NO_ANSWER, way, heard.silence or _UNASKED)


def _offered(heard: Heard, extension: str) -> bool:
    return any(extension in said.offers for said in heard.servers.values())


_JUDGES: Final[dict[Rule, Callable[[_Case], Iterator[Point]]]] = {
    Rule.MAY_RELAY: _may_relay,
    Rule.MUST_NOT_RELAY: _must_not_relay,
    Rule.NOT_WITHOUT_LOGIN: _must_not_relay,
    Rule.MAY_WITH_LOGIN: _may_with_login,
    Rule.WANTS_TLS: _wants_tls,
    Rule.WANTS_LOGIN: _wants_login,
    Rule.BEARS_NAME: _bears_name,
}
