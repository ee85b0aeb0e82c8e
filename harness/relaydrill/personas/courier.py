"""One message sent as a persona sends it: the road from a host name to an outcome."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from relaydrill.personas.base import Directory, Learning, Mind, Persona, Unresolved
from relaydrill.placement import Credentials, Endpoint
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


@dataclass(frozen=True, slots=True)
class Courier:
    """Everything that a sending host lends to the personas that send from it.

    Attributes:
        helo: The name it gives in EHLO. source: Its own address; empty for any.
        directory: Its resolver. endpoint: Real endpoint of an address and a logical port.
        connect_s, reply_s: Its timeouts, wall seconds.
        tls: Context that trusts the right authority. login: Its user and password.
        permits: Whether it may connect to an endpoint at all.
    """

    helo: str
    source: str
    directory: Directory
    endpoint: Callable[[str, int], Endpoint]
    connect_s: float
    reply_s: float
    tls: ssl.SSLContext
    login: Credentials = field(repr=False)
    permits: Callable[[Endpoint], bool] = lambda _where: True

    def send(
        self,
        persona: Persona,
        mind: Mind,
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
            persona, mind: Whose behaviour to follow, and which of its kind it is.
            host: Name to resolve, or domain whose MX records count. port: Logical port.
            sender, recipient: The envelope. content: Headers and body, CRLF.
            tell: Called once with what was learnt, at the moment when that is: a message is the
                server's from its 250 on (RFC 5321 §4.2.5), however long it takes to answer QUIT.
        """
        outcome = Outcome(Result.UNREACHABLE, Phase.CONNECT, reason=f"no address for {host}")
        first, undecided = "", None
        try:
            for address in mind.addresses(host, self.directory):
                first = first or address
                route = self._route(persona, host, self.endpoint(address, port))
                if not self.permits(route.endpoint):
                    undecided = outcome = _fenced(route.endpoint)
                    break
                with _delivery(route, sender, recipient, content) as outcome:
                    is_accepted = outcome.result is Result.ACCEPTED
                    if not is_accepted and isinstance(mind, Learning):
                        mind.learn(address, outcome)
                    if outcome.result is Result.UNANSWERED:
                        undecided = outcome
                    if is_accepted or not persona.goes_on(outcome):
                        # A server that may have it outweighs a later one's refusal.
                        sent = Sent(outcome if is_accepted else undecided or outcome, first)
                        tell(sent)
                        return sent
        except Unresolved as error:
            if not first:  # what was tried before tells more
                outcome = Outcome(Result.UNREACHABLE, Phase.CONNECT, reason=str(error))
        sent = Sent(undecided or outcome, first)
        tell(sent)
        return sent

    def ask(
        self,
        address: str,
        port: int,
        *,
        sender: str,
        recipient: str,
        name: str = "",
        tls: bool = False,
        verify: bool = True,
        login: bool = False,
    ) -> Outcome:
        """Whether a server would take a message, as far as RCPT tells; none is sent.

        Args:
            address, port: Where; the port is a logical one. sender, recipient: The envelope.
            name: What the certificate must bear. tls: Whether to do STARTTLS.
            verify: Whether to look at the certificate then. login: Whether to log in.
        """
        route = Route(
            self.endpoint(address, port),
            helo=self.helo,
            source=self.source,
            connect_s=self.connect_s,
            reply_s=self.reply_s,
            tls=(self.tls if verify else _trusting()) if tls else None,
            server_name=name,
            login=self.login if login else None,
        )
        if not self.permits(route.endpoint):
            return _fenced(route.endpoint)
        try:
            session = SmtpSession.connect(route)
        except SessionEnded as ended:
            return ended.outcome
        try:
            outcome = session.ask(sender, recipient)
        except SessionEnded as ended:
            session.close()
            return ended.outcome
        with contextlib.suppress(OSError):
            session.quit()
        return outcome

    def _route(self, persona: Persona, host: str, endpoint: Endpoint) -> Route:
        secure = persona.authenticates
        return Route(
            endpoint,
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


def _trusting() -> ssl.SSLContext:
    """A context that takes every certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


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
