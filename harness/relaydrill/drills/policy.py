"""Who may send what, asked of every door: the receive connectors as they are, not as declared.

Nothing is sent: each question ends after RCPT. What a topology declares says what the answer must
be; a door that lets somebody relay whom no connector names is an open relay, whatever it is that
opened it: a range too wide, or a balancer that puts its own address in place of the client's.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from relaydrill.drivers.base import Lab
from relaydrill.errors import ControlError, UsageError
from relaydrill.message import ELSEWHERE
from relaydrill.smtp import Phase, Result
from relaydrill.topology import Connector, Role, Topology
from relaydrill.verdict import Status, Verdict, failed, merge, passed, unknown

FOREIGN: Final = f"probe@{ELSEWHERE}"
"""A recipient of no accepted domain."""

_SMTP_PORT: Final = 25
_NO_ROUTE: Final = " 5.4.4 "
"""Unable to route (RFC 3463 §3.5): no word on who may relay."""
_CLOSING: Final = 421
"""The server is going away, or full (RFC 5321 §3.8): no word on that either."""
_ANSWER_S: Final = 60.0


class Rule(enum.StrEnum):
    """What a question is about."""

    MAY_RELAY = "may relay"
    MUST_NOT_RELAY = "must not relay"
    NOT_WITHOUT_LOGIN = "must not relay without a login"
    MAY_WITH_LOGIN = "may relay with a login"
    WANTS_TLS = "wants TLS"
    WANTS_LOGIN = "wants a login"
    BEARS_NAME = "bears the name"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask at one door.

    Attributes:
        rule: What it is about. client: The sender that asks. door: A VIP, a hub or an Edge server.
        port: Logical port. name: For `Rule.BEARS_NAME`, what the certificate must bear.
    """

    rule: Rule
    client: str
    door: str
    port: int
    name: str = ""

    def __str__(self) -> str:
        match self.rule:
            case Rule.BEARS_NAME:
                return f"{self.door} port {self.port} bears the name {self.name}"
            case Rule.WANTS_TLS | Rule.WANTS_LOGIN:
                return f"{self.door} port {self.port} {self.rule}"
        return f"{self.client} {self.rule} through {self.door} port {self.port}"


def questions(topology: Topology) -> tuple[Question, ...]:
    """Everything that a topology's connectors promise, and forbid, at every door."""
    clients = [name for name, node in topology.senders.items() if node.kind == "fake"]
    return tuple(dict.fromkeys(_questions(topology, clients))) if clients else ()


def _questions(topology: Topology, clients: list[str]) -> Iterator[Question]:
    for door, port, connectors in _doors(topology):
        login = bool(connectors) and all(each.auth == "required" for each in connectors)
        stranger = Rule.NOT_WITHOUT_LOGIN if login else Rule.MUST_NOT_RELAY
        for client in clients:
            rule = Rule.MAY_RELAY if _may_relay(connectors, client) else stranger
            yield Question(rule, client, door, port)
        first = clients[0]
        if connectors and all(each.tls == "required" for each in connectors):
            yield Question(Rule.WANTS_TLS, first, door, port)
        if login:
            yield Question(Rule.WANTS_LOGIN, first, door, port)
            yield Question(Rule.MAY_WITH_LOGIN, first, door, port)
            for name in _advertised(topology, port):
                yield Question(Rule.BEARS_NAME, first, door, port, name)


def _doors(topology: Topology) -> Iterator[tuple[str, int, list[Connector]]]:
    """Every door with a port, and the connectors behind it."""
    for vip, (balancer, rule) in topology.vips.items():
        for port in rule.ports:
            yield vip, port, _at(topology, topology.balancers[balancer].backends[0], port)
    for node in (*topology.hubs, *topology.edges):
        ports = {each.port for each in topology.connectors_of(node).values()} or {_SMTP_PORT}
        for port in sorted(ports):
            yield node, port, _at(topology, node, port)


def _at(topology: Topology, node: str, port: int) -> list[Connector]:
    return [each for each in topology.connectors_of(node).values() if each.port == port]


def _may_relay(connectors: list[Connector], client: str) -> bool:
    """Whether a connector that relays without a login names the client itself."""
    return any(each.relay and each.auth == "none" and client in each.remote for each in connectors)


def _advertised(topology: Topology, port: int) -> Iterator[str]:
    """The names that lead to a VIP with this port: clients compare them with the certificate."""
    for name, targets in topology.names.items():
        for target in targets:
            if target in topology.vips and port in topology.vips[target][1].ports:
                yield name


def judge_question(lab: Lab, question: Question) -> Verdict:
    """Ask, and compare the answer with what the topology declares.

    A door that does not answer, or not to the end, is unknown: it has said nothing of its policy.
    """
    try:
        asked = _ask(lab, question)
    except ControlError as error:  # the door, or who asks there, is silent for longer than we wait
        asked = {**_SILENCE, "said": str(error)}
    told = f"{asked['said']} at {asked['phase']}"
    figures = {**asked, "client": question.client, "door": question.door, "port": question.port}
    if _unanswered(question.rule, asked):
        summary = f"{question}: not known, for the door gave no answer: {told}"
        return unknown("policy", summary, **figures)
    wrong = _WRONG[question.rule](asked)
    if not wrong:
        return passed("policy", f"{question}: {told}", **figures)
    return failed("policy", f"{question}, and {wrong}: {told}", **figures)


_SILENCE: Final = {
    "result": str(Result.UNSENT),
    "phase": str(Phase.CONNECT),
    "code": 0,
    "address": "",
    "server": "",
}
_WITH_TLS: Final = frozenset(
    (Rule.NOT_WITHOUT_LOGIN, Rule.MAY_WITH_LOGIN, Rule.WANTS_LOGIN, Rule.BEARS_NAME)
)
_WITH_LOGIN: Final = frozenset((Rule.MAY_WITH_LOGIN, Rule.BEARS_NAME))


def _ask(lab: Lab, question: Question) -> dict[str, Any]:
    answer: dict[str, Any] = lab.control(question.client)(
        "ask",
        timeout_s=_ANSWER_S,
        host=question.door,
        port=question.port,
        sender=f"{question.client}@{lab.topology.domains[0]}",
        recipient=FOREIGN,
        name=question.name,
        tls=question.rule in _WITH_TLS,
        verify=question.rule is Rule.BEARS_NAME,
        login=question.rule in _WITH_LOGIN,
    )
    return answer


def _unanswered(rule: Rule, asked: dict[str, Any]) -> bool:
    """Whether a door said neither yes nor no.

    Who asks for a certificate, or for a login, may also learn without a reply that it is wrong, or
    that there is none; but not before the server has greeted.
    """
    if _NO_ROUTE in asked["said"]:
        return True  # Postfix refuses at RCPT what it has no way for, whoever it is that asks
    if asked["code"] == _CLOSING:
        return True
    if asked["code"] or asked["result"] == Result.ACCEPTED:
        return False
    wants_more = rule in _WITH_LOGIN
    return not wants_more or asked["phase"] not in (Phase.STARTTLS, Phase.AUTH)


def _wrong_to_relay(asked: dict[str, Any]) -> str:
    return "" if asked["result"] == "accepted" else "may not"


def _wrong_not_to_relay(asked: dict[str, Any]) -> str:
    return _unless_refused(asked, f"may: an open relay at {asked['server']}")


def _wrong_without(asked: dict[str, Any]) -> str:
    return _unless_refused(asked, "does without")


def _unless_refused(asked: dict[str, Any], accepted: str) -> str:
    if asked["result"] == "accepted":
        return accepted
    return "" if 500 <= asked["code"] <= 599 else "was not refused for good"


def _wrong_name(asked: dict[str, Any]) -> str:
    return "" if asked["result"] == "accepted" else "does not, or its users cannot log in"


_WRONG: Final = {
    Rule.MAY_RELAY: _wrong_to_relay,
    Rule.MUST_NOT_RELAY: _wrong_not_to_relay,
    Rule.NOT_WITHOUT_LOGIN: _wrong_not_to_relay,
    Rule.MAY_WITH_LOGIN: _wrong_to_relay,
    Rule.WANTS_TLS: _wrong_without,
    Rule.WANTS_LOGIN: _wrong_without,
    Rule.BEARS_NAME: _wrong_name,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """What all doors said.

    Attributes:
        answers: Every question with its verdict. lacking: Why it is not whole; empty if it is.
    """

    answers: tuple[tuple[Question, Verdict], ...]
    lacking: str

    @property
    def status(self) -> Status:
        """The worst of all; unknown where something could not be asked."""
        whole = (Status.UNKNOWN,) if self.lacking else ()
        return merge([*whole, *(verdict.status for _, verdict in self.answers)])

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "status": str(self.status),
            "lacking": self.lacking,
            "answers": [
                {
                    "question": str(question),
                    "rule": str(question.rule),
                    "status": str(verdict.status),
                    "summary": verdict.summary,
                    **verdict.figures,
                }
                for question, verdict in self.answers
            ],
        }


def judge_policy(lab: Lab) -> Policy:
    """Ask every question of a lab's topology.

    Raises:
        UsageError: It has no door, or nobody who could ask.
    """
    asked = questions(lab.topology)
    if not asked:
        raise UsageError(
            f"topology {lab.topology.name} has no hub, Edge server or VIP, or no sender of kind"
            " fake that could ask them"
        )
    answers = tuple((question, judge_question(lab, question)) for question in asked)
    return Policy(answers, lacking(lab.topology))


def lacking(topology: Topology) -> str:
    """Why a topology's policy cannot be judged whole; empty if it can."""
    if not any(node.kind == "fake" for node in topology.senders.values()):
        return "no sender of kind fake can ask"
    relaying = [each for each in topology.connectors.values() if each.relay]
    named = {remote for each in relaying for remote in each.remote}
    senders = topology.of_role(Role.SENDER)
    if relaying and not any(name not in named for name in senders):
        return "every sender may relay: a sender that no connector names would show who else may"
    return ""
