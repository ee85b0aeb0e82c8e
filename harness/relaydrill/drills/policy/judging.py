"""What an entry point's answers come to: whether it does as the topology declares."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Final

from relaydrill.drills.policy.allowed import bears_name, may_relay, may_with_login
from relaydrill.drills.policy.asking import CLEAR, Interview
from relaydrill.drills.policy.meaning import Answer
from relaydrill.drills.policy.open_relay import must_not_relay
from relaydrill.drills.policy.point import NO_ANSWER, UNASKED, Asked, Point
from relaydrill.drills.policy.questions import Question, Rule
from relaydrill.drills.policy.strangers import why_no_stranger
from relaydrill.drills.policy.submission import wants_login, wants_tls
from relaydrill.drivers.base import Lab
from relaydrill.errors import ControlError
from relaydrill.sentences import listed
from relaydrill.smtp import Phase, Result
from relaydrill.verdict import Status, Verdict, failed, merge, passed, unknown


def judge_question(lab: Lab, question: Question) -> Verdict:
    """Ask, and compare the answers with what the topology declares.

    An entry point that does not answer, or not to the end, is unknown: it has said nothing of its
    policy. So is one of whose servers one never answered.
    """
    return ask_and_judge(lab, question, None)[0]


def ask_and_judge(
    lab: Lab, question: Question, silence: Answer | None
) -> tuple[Verdict, Answer | None]:
    """As `judge_question`; also what it came to that no server greeted, None where one did.

    Args:
        lab: Where.
        question: Who asks, at which server.
        silence: What it came to when this client last asked here, where none greeted it.
    """
    interview = Interview(lab, question)
    points = [Point(Status.UNKNOWN, NO_ANSWER, CLEAR, silence)] if silence else []
    try:
        points = points or list(_JUDGES[question.rule](Asked(lab, question, interview)))
    except ControlError as error:  # who asks there is silent for longer than we wait
        silent = Answer(Result.UNSENT, Phase.CONNECT, 0, str(error))
        points = [Point(Status.UNKNOWN, NO_ANSWER, CLEAR, silent)]
    if not points:
        points = [Point(Status.UNKNOWN, "there was nothing to ask", CLEAR, UNASKED)]
    is_silent = not any(point.server for point in points) and points[0].why == NO_ANSWER
    if reason := why_no_stranger(lab, question):
        points = [_not_known(point, reason) for point in points]
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
        "entry_point": question.entry_point,
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
        tail = "" if first.why == NO_ANSWER else f" ({how})"
        summary = f"{question}: not known: {first.why}: {first.answer}{tail}"
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


def _not_known(point: Point, reason: str) -> Point:
    """What a server allowed to somebody who is no stranger to it says nothing of strangers."""
    return (
        replace(point, status=Status.UNKNOWN, why=reason) if point.status is Status.FAIL else point
    )


_JUDGES: Final[dict[Rule, Callable[[Asked], Iterator[Point]]]] = {
    Rule.MAY_RELAY: may_relay,
    Rule.MUST_NOT_RELAY: must_not_relay,
    Rule.NOT_WITHOUT_LOGIN: must_not_relay,
    Rule.MAY_WITH_LOGIN: may_with_login,
    Rule.WANTS_TLS: wants_tls,
    Rule.WANTS_LOGIN: wants_login,
    Rule.BEARS_NAME: bears_name,
}
