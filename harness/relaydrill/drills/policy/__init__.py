"""Who may send what, asked of every entry point: the connectors as they are, not as declared.

Nothing is sent: each question ends after RCPT. What a topology declares says what the answer must
be (`questions`). It is sought over TLS and in clear, from every server behind a VIP (`asking`), for
every kind of envelope (`envelopes`); and only an answer that says who may relay counts as one
(`meaning`, `judging`). An entry point that lets somebody relay whom no connector names is an open
relay, whatever opened it: a range too wide, or a balancer that puts its own address in place of
the client's.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, cast

from relaydrill import clock
from relaydrill.documents.policy import AnswerDocument, PolicyDocument
from relaydrill.drills.policy.envelopes import FOREIGN
from relaydrill.drills.policy.judging import ask_and_judge, judge_question
from relaydrill.drills.policy.meaning import Answer
from relaydrill.drills.policy.questions import Question, Rule, lacking, questions
from relaydrill.drivers.base import Lab
from relaydrill.errors import UsageError
from relaydrill.verdict import Status, Verdict, merge

__all__ = [
    "FOREIGN",
    "Policy",
    "Question",
    "Rule",
    "judge_policy",
    "judge_question",
    "lacking",
    "questions",
]

_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True)
class Policy:
    """What all entry points said.

    Attributes:
        answers: Every question with its verdict.
        lacking: Why it is not whole; empty if it is.
    """

    answers: tuple[tuple[Question, Verdict], ...]
    lacking: str

    @property
    def status(self) -> Status:
        """The worst of all; unknown where something could not be asked."""
        whole = (Status.UNKNOWN,) if self.lacking else ()
        return merge([*whole, *(verdict.status for _, verdict in self.answers)])

    def document(self) -> PolicyDocument:
        """What ``--json`` prints."""
        return {
            "format": "relaydrill.policy",
            "version": 1,
            "status": self.status,
            "lacking": self.lacking,
            "answers": [_plain(question, verdict) for question, verdict in self.answers],
        }


def _plain(question: Question, verdict: Verdict) -> AnswerDocument:
    found = {
        "question": str(question),
        "rule": str(question.rule),
        "status": verdict.status,
        "summary": verdict.summary,
        **verdict.figures,
    }
    return cast("AnswerDocument", found)


def judge_policy(lab: Lab) -> Policy:
    """Ask every question of a lab's topology.

    Raises:
        UsageError: It has no entry point, or nobody who could ask.
    """
    asked = questions(lab.topology)
    if not asked:
        raise UsageError(
            f"topology {lab.topology.name} has no hub, Edge server or VIP, or no sender of kind"
            " fake that could ask them"
        )
    return Policy(_judged(lab, asked), lacking(lab.topology))


def _judged(lab: Lab, asked: tuple[Question, ...]) -> tuple[tuple[Question, Verdict], ...]:
    """All questions with their verdicts: first through the VIPs, then of all nodes at a time.

    At one port of a node one by one: a connector may cap the sessions of a client, or of all.
    """
    vips = [each for each in asked if each.entry_point in lab.topology.vips]
    found = _judged_in_turn(lab, vips)
    ports = dict[tuple[str, int], list[Question]]()
    for each in asked:
        if each not in found:
            ports.setdefault((each.entry_point, each.port), []).append(each)
    if clock.current() is not clock.MACHINE:  # a simulated lab is one thread, and waits for nobody
        for own in ports.values():
            found |= _judged_in_turn(lab, own)
        return tuple((each, found[each]) for each in asked)
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="policy") as pool:
        for some in pool.map(lambda own: _judged_in_turn(lab, own), ports.values()):
            found |= some
    return tuple((each, found[each]) for each in asked)


def _judged_in_turn(lab: Lab, asked: list[Question]) -> dict[Question, Verdict]:
    """One by one; a client that no server greeted somewhere is not made to wait there again."""
    found = dict[Question, Verdict]()
    silent = dict[tuple[str, str, int], Answer]()
    for question in asked:
        here = (question.client, question.entry_point, question.port)
        found[question], silence = ask_and_judge(lab, question, silent.get(here))
        if silence:
            silent[here] = silence
    return found
