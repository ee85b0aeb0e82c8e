"""One message sent as a persona sends it: the road from a host name to an outcome."""

from __future__ import annotations

import contextlib
import functools
import secrets
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.fibres.barring import Bar
from relaydrill.personas.base import (
    Directory,
    Learning,
    NullMx,
    Persona,
    Racing,
    SenderState,
    Unresolved,
)
from relaydrill.smtp import Outcome, Phase, Result
from relaydrill.smtp_client import Route, SessionEnded, SmtpSession


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one message.

    Attributes:
        outcome: What was learnt at last.
        choice: The address that was tried first; empty where none was.
    """

    outcome: Outcome
    choice: str


def _nobody(_sent: Sent) -> None:
    """Who is told where nobody wants to know."""


Login = Literal["none", "own", "made-up"]
"""Whose user and password a session logs in with: a made-up one is nobody's."""

_MOST_REFUSALS: Final = 8
"""In one session. A server may end it after some (Exchange's MaxProtocolErrors: 5), or answer ever
slower (Postfix's smtpd_soft_error_limit: 10)."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What to ask a server in one session.

    Attributes:
        envelopes: Sender and recipient of each question, in this order.
        asked: How many of them a server has answered already, by the name in its banner.
        name: What the certificate must bear.
        tls: Whether to do STARTTLS.
        verify: Whether to look at the certificate then.
        login: Whether to log in, and as whom.
    """

    envelopes: tuple[tuple[str, str], ...]
    asked: Mapping[str, int] = field(default_factory=dict)
    name: str = ""
    tls: bool = False
    verify: bool = False
    login: Login = "none"


@dataclass(frozen=True, slots=True)
class Answers:
    """What a server said in one session.

    Attributes:
        opened: Whether the session came to where it could have begun a message; why not.
        server: The name in its banner.
        offers: Extensions that its EHLO offered last.
        outcomes: The answer to each question that it had not been asked, as far as the session
            went: the last may be that it ended.
    """

    opened: Outcome
    server: str = ""
    offers: frozenset[str] = frozenset()
    outcomes: tuple[Outcome, ...] = ()


@dataclass(frozen=True, slots=True)
class Courier:
    """Everything that a sending host lends to the personas that send from it.

    Attributes:
        helo: The name it gives in EHLO.
        source: Its own addresses, one of each IP version; none for any.
        directory: Its resolver.
        endpoint: Real endpoint of an address and a logical port.
        connect_s: How long it waits for a connection, wall seconds.
        reply_s: How long it waits for a reply, wall seconds.
        tls: Context that trusts the right authority.
        login: Its user and password.
        permits: Whether it may connect to an endpoint at all.
        bars: What a connection to an address and a logical port meets on this side; None: nothing.
        every_s: How long after one address the next is begun by who tries several at once, wall
            seconds (RFC 8305 §5: 250 ms).
    """

    helo: str
    source: tuple[str, ...]
    directory: Directory
    endpoint: Callable[[str, int], Endpoint]
    connect_s: float
    reply_s: float
    tls: ssl.SSLContext
    login: Credentials = field(repr=False)
    permits: Callable[[Endpoint], bool] = lambda _where: True
    bars: Callable[[str, int], Bar | None] = lambda _address, _port: None
    every_s: float = 0.25

    def send(
        self,
        persona: Persona,
        state: SenderState,
        host: str,
        port: int,
        *,
        sender: str,
        recipient: str,
        content: bytes,
        tell: Callable[[Sent], None] = _nobody,
    ) -> Sent:
        """Send one message to one recipient, and say what was learnt. Never raises for the network.

        Args:
            persona: Whose behaviour to follow.
            state: Which sender of its kind it is, with what that remembers.
            host: Name to resolve, or domain whose MX records count.
            port: Logical port.
            sender: Envelope sender.
            recipient: Envelope recipient.
            content: Headers and body, CRLF.
            tell: Called once with what was learnt, at the moment when that is: a message is the
                server's from its 250 on (RFC 5321 §4.2.5), however long it takes to answer QUIT.
        """
        outcome = Outcome(Result.UNREACHABLE, Phase.CONNECT, reason=f"no address for {host}")
        first, undecided = "", None
        try:
            for address, route in self._routes(persona, state, host, port):
                first = first or address
                if fenced := [each for each in route.ends if not self.permits(each)]:
                    undecided = outcome = _fenced(fenced[0])
                    break
                with _delivery(route, sender, recipient, content) as outcome:
                    is_accepted = outcome.result is Result.ACCEPTED
                    if not is_accepted and isinstance(state, Learning):
                        state.learn(address, outcome)
                    if outcome.result is Result.UNANSWERED:
                        undecided = outcome
                    if is_accepted or not persona.goes_on(outcome):
                        # A server that may have it outweighs a later one's refusal.
                        sent = Sent(outcome if is_accepted else undecided or outcome, first)
                        tell(sent)
                        return sent
        except NullMx as error:
            outcome = Outcome.null_mx(error.domain)
        except Unresolved as error:
            if not first:  # what was tried before tells more
                outcome = Outcome(Result.UNREACHABLE, Phase.CONNECT, reason=str(error))
        sent = Sent(undecided or outcome, first)
        tell(sent)
        return sent

    def ask(self, address: str, port: int, inquiry: Inquiry) -> Answers:
        """What a server says in one session to whoever would send; no message is sent.

        Args:
            address: Address of the other end.
            port: Its logical port.
            inquiry: What to ask, and how.
        """
        route = Route(
            self.endpoint(address, port),
            helo=self.helo,
            source=self.source,
            connect_s=self.connect_s,
            reply_s=self.reply_s,
            tls=(self.tls if inquiry.verify else _trusting()) if inquiry.tls else None,
            server_name=inquiry.name,
            login=self._credentials(inquiry.login),
        )
        if not self.permits(route.endpoint):
            return Answers(_fenced(route.endpoint))
        try:
            session = SmtpSession.connect(route)
        except SessionEnded as ended:
            return Answers(ended.outcome)
        begin = inquiry.asked.get(session.server, 0)
        outcomes = tuple(_questioned(session, inquiry.envelopes[begin:]))
        opened = Outcome(Result.ACCEPTED, Phase.EHLO, address=str(route.endpoint))
        return Answers(opened, session.server, session.offers, outcomes)

    def _credentials(self, login: Login) -> Credentials | None:
        match login:
            case "own":
                return self.login
            case "made-up":
                word = secrets.token_hex(8)
                return Credentials(f"nobody-{word}", word)
        return None

    def _routes(
        self, persona: Persona, state: SenderState, host: str, port: int
    ) -> Iterator[tuple[str, Route]]:
        """The addresses that are tried one after another, or the first of all that are at once."""
        addresses = state.addresses(host, self.directory)
        if not (isinstance(persona, Racing) and persona.races):
            for address in addresses:
                yield address, self._route(persona, host, port, address)
        elif every := [*addresses]:
            yield every[0], self._route(persona, host, port, *every)

    def _route(self, persona: Persona, host: str, port: int, *addresses: str) -> Route:
        secure = persona.authenticates
        first, *rivals = (self.endpoint(each, port) for each in addresses)
        return Route(
            first,
            rivals=(*rivals,),
            barred=lambda where: self.bars(where.address, port),
            every_s=self.every_s,
            helo=self.helo,
            source=self.source,
            connect_s=self.connect_s,
            reply_s=self.reply_s,
            tls=self.tls if secure else None,
            server_name=host,
            login=self.login if secure else None,
        )


def _fenced(where: Endpoint) -> Outcome:
    """What becomes of an attempt that may not be made: it says nothing of the server."""
    reason = f"{where} is outside of what the inventory allows"
    return Outcome(Result.UNSENT, Phase.CONNECT, reason=reason, address=str(where))


@functools.cache
def _trusting() -> ssl.SSLContext:
    """A context that takes every certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _questioned(session: SmtpSession, envelopes: tuple[tuple[str, str], ...]) -> Iterator[Outcome]:
    """The answer to each question, until the session ends or has had enough refusals.

    Whom a server refuses at MAIL it has refused for every recipient.
    """
    refusals, refused = 0, dict[str, Outcome]()
    try:
        for sender, recipient in envelopes:
            if sender in refused:
                yield refused[sender]
                continue
            if refusals >= _MOST_REFUSALS:
                break
            outcome = session.ask(sender, recipient)
            yield outcome
            if outcome.result is Result.REFUSED:
                refusals += 1
                if outcome.phase is Phase.MAIL:
                    refused[sender] = outcome
            if not session.reset():
                break
    except SessionEnded as ended:
        yield ended.outcome
        session.close()
        return
    session.quit()


@contextlib.contextmanager
def _delivery(route: Route, sender: str, recipient: str, content: bytes) -> Iterator[Outcome]:
    """One session with one server: what it came to, and once that has been told its end by QUIT."""
    with contextlib.ExitStack() as opened:
        is_whole = True
        try:
            session = SmtpSession.connect(route)
            opened.callback(session.close)
            outcome = session.send(sender, (recipient,), content)[recipient]
        except SessionEnded as ended:
            outcome, is_whole = ended.outcome, False
            opened.close()
        yield outcome
        if is_whole:
            with contextlib.suppress(OSError):
                session.quit()
