"""Asking at an entry point until every server behind it has answered, each known by its banner.

A balancer picks a server for each connection, so one answer of a VIP is one server's. Connections
are made until each server has answered all; they are bounded, for one that is down, or that this
client's affinity never leads to, will not answer at all.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal

from relaydrill import clock
from relaydrill.drills.policy.envelopes import Envelope
from relaydrill.drills.policy.meaning import Answer
from relaydrill.drills.policy.questions import Question, servers_behind
from relaydrill.drivers.base import Lab
from relaydrill.smtp import Phase, Result
from relaydrill.topology.banners import named_in
from relaydrill.wait import sleep_until

_ANSWER_S: Final = 180.0
"""Of one session: servers may hold each refusal back for 5 s (Exchange's TarpitInterval)."""
_TRIES: Final = 8
"""Connections for each server behind a VIP that bring nothing new. By chance alone, the odds that
one of three is missed by 28 of them are 1 to 28,000."""
_MORE_TRIES: Final = 4
_MOST_SILENT: Final = 3
"""Connections in a row that no server greets."""
_BUSY: Final = 421
_PAUSE_S: Final = 0.05
"""After a session that was refused for their number: an earlier one may still count."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a session comes to where it is asked.

    Attributes:
        tls: Whether by STARTTLS.
        login: Whether it logs in: as who may, or as nobody.
        name: What the certificate must bear; empty: whatever it bears.
    """

    tls: bool = False
    login: Literal["none", "own", "made-up"] = "none"
    name: str = ""

    def __str__(self) -> str:
        logged_in = {"none": "", "own": " after a login", "made-up": " after a made-up login"}
        return ("over TLS" if self.tls else "in clear") + logged_in[self.login]


CLEAR: Final = Way()
TLS: Final = Way(tls=True)
LOGGED_IN: Final = Way(tls=True, login="own")
MADE_UP: Final = Way(tls=True, login="made-up")


@dataclass(slots=True)
class Said:
    """What one server said on one way.

    Attributes:
        server: The node, or the name in the banner where that is no node's; empty: unknown.
        opened: Why a session could not begin, where that is the answer; None: it could.
        offers: Extensions that it offered last.
        answers: To the envelopes, in their order.
    """

    server: str
    opened: Answer | None = None
    offers: frozenset[str] = frozenset()
    answers: list[Answer] = field(default_factory=list)


@dataclass(slots=True)
class Heard:
    """What an entry point said on one way.

    Attributes:
        servers: What each server said, by the name in its banner.
        silence: The last connection that no server greeted; None: there was none.
        connections: How many were made.
    """

    servers: dict[str, Said] = field(default_factory=dict)
    silence: Answer | None = None
    connections: int = 0


class Interview:
    """All that one client asks at one entry point.

    Args:
        question: Of which client, at which entry point.
    """

    def __init__(self, lab: Lab, question: Question) -> None:
        self._lab = lab
        self._question = question
        self._named = named_in(lab.topology)
        self._expected = servers_behind(lab.topology, question.entry_point)
        self._is_vip = question.entry_point in lab.topology.vips
        self._reached = len(self._expected)
        self._connections = 0
        self._met = dict[str, None]()

    def ask(self, way: Way, envelopes: tuple[Envelope, ...]) -> Heard:
        """Ask every server behind it; those that never answered before are not waited for.

        Raises:
            ControlError: Who asks does not answer.
        """
        heard, useless, silent = Heard(), 0, 0
        most = _TRIES * len(self._expected) + _MORE_TRIES
        while useless < most and silent < _MOST_SILENT and not self._is_whole(heard, envelopes):
            told = self._session(way, envelopes, heard)
            heard.connections += 1
            said = self._of(told, heard)
            if said is None:
                silent += 1
                useless += 1
                heard.silence = Answer.of(told["opened"])
                if not self._is_vip and heard.silence.code != _BUSY:
                    break
                sleep_until(clock.monotonic() + _PAUSE_S)
                continue
            silent = 0
            useless += not _took_in(said, told, len(envelopes))
        self._reached = min(self._reached, max(1, len(heard.servers)))
        self._met |= dict.fromkeys(each.server for each in heard.servers.values())
        self._connections += heard.connections
        return heard

    @property
    def connections(self) -> int:
        """How many were made."""
        return self._connections

    @property
    def unheard(self) -> tuple[str, ...]:
        """The servers behind the entry point that never answered.

        A banner that names no node may be any one's of them: as many are taken to have answered.
        """
        missing = [each for each in self._expected if each not in self._met]
        known = {*self._expected, *self._lab.topology.nodes}
        strangers = sum(each not in known for each in self._met)
        return () if strangers >= len(missing) else tuple(missing)

    def _is_whole(self, heard: Heard, envelopes: tuple[Envelope, ...]) -> bool:
        done = sum(
            said.opened is not None or len(said.answers) >= len(envelopes)
            for said in heard.servers.values()
        )
        return done >= self._reached

    def _session(self, way: Way, envelopes: tuple[Envelope, ...], heard: Heard) -> dict[str, Any]:
        told: dict[str, Any] = self._lab.control(self._question.client)(
            "ask",
            timeout_s=_ANSWER_S,
            host=self._question.entry_point,
            port=self._question.port,
            envelopes=[(each.sender, each.recipient) for each in envelopes],
            asked={banner: len(said.answers) for banner, said in heard.servers.items()},
            name=way.name,
            tls=way.tls,
            verify=bool(way.name),
            login=way.login,
        )
        return told

    def _of(self, told: dict[str, Any], heard: Heard) -> Said | None:
        """Which server it was that said this; None if none greeted."""
        opened = Answer.of(told["opened"])
        banner = told["server"] or opened.server
        before_greeting = opened.phase in (Phase.CONNECT, Phase.BANNER)
        if opened.result is not Result.ACCEPTED and (before_greeting or not banner):
            return None
        return heard.servers.setdefault(banner, Said(self._named(banner) or banner))


def _took_in(said: Said, told: dict[str, Any], most: int) -> bool:
    """Add what a session told; False if it brought nothing new."""
    opened = Answer.of(told["opened"])
    if opened.result is not Result.ACCEPTED:
        is_new = said.opened is None and not said.answers
        if is_new:
            said.opened = opened
        return is_new
    said.offers = frozenset(told["offers"])
    answers = [Answer.of(each) for each in told["answers"]]
    # What ended a session after other questions may be about their number: it is asked once more.
    if len(answers) > 1 and answers[-1].is_end:
        del answers[-1]
    is_new = bool(answers) and len(said.answers) < most
    said.answers += answers
    return is_new
