"""What the sessions of one node share: settings, journal, faults, and who takes their messages."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
import warnings
from functools import cached_property
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from relaydrill.disturbance import Disturbance
from relaydrill.journal import Journal
from relaydrill.node_settings import Limit
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.connectors import Occupancy, PutOff, serving
from relaydrill.nodes.receiving.filters import NO_FILTERS, Filtering
from relaydrill.nodes.receiving.greylist import KnownSenders
from relaydrill.smtp import Phase, Reply

_REMEMBERED: Final = 4096
"""Clients whose receive connector is known; a bound on memory, and no more."""


class Received(NamedTuple):
    """A message as it stands after the dot, before anything is promised.

    Attributes:
        sender: Envelope sender.
        recipients: Envelope recipients.
        content: Headers and body, CRLF.
        client: The client's address.
        helo: What it called itself.
        port: Logical port that it came in by.
        tls: Whether the session was encrypted.
        connector: Name of the receive connector that took it.
        shadow_of: What was said to XSHADOW, where it is another hub's copy: that hub, and its rows.
        session: Identity of the session, where a protocol log is kept.
        kept_for: For whom it is really kept, once for each; None: for its recipients. Only a server
            that lies makes a difference.
    """

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    client: str
    helo: str
    port: int
    tls: bool
    connector: str
    shadow_of: str = ""
    session: str = ""
    kept_for: tuple[str, ...] | None = None

    @property
    def kept(self) -> tuple[str, ...]:
        """For whom it is to be kept, once for each."""
        return self.recipients if self.kept_for is None else self.kept_for


class Acceptor(Protocol):
    """What a node does with a message."""

    @property
    def answers_at_once(self) -> bool:
        """Whether `accept` never waits."""

    async def accept(self, received: Received) -> Reply:
        """Store and journal it, and say what is answered after the dot.

        It must not wait before it has stored: a client that hangs up ends the waiting, and could
        leave a message half entered.
        """

    def takes(self, recipient: str, *, relay: bool) -> Reply | None:
        """None if mail for ``recipient`` is taken, else the refusal."""


class Primary(Protocol):
    """A hub that has copies of its messages kept; see `relaydrill.nodes.transport.shadow`."""

    def discards(self, first: int, last: int) -> bool:
        """Whether none of these rows is in the queue any more, so that a shadow may forget them."""


class Refused(Protocol):
    """A session, as far as the journal tells of it."""

    listener: config.Listener

    @property
    def client(self) -> str:
        """Its address."""

    @property
    def connector(self) -> config.Connector:
        """What serves it."""


class Reception:
    """What all sessions of one node share.

    Args:
        settings: The node's configuration.
        acceptor: What takes the messages.
        journal: The node's journal.
        disturbances: Service faults in force.
        primary: The node, where it is a hub.
    """

    def __init__(
        self,
        settings: config.Receiver,
        acceptor: Acceptor,
        journal: Journal,
        disturbances: Disturbances,
        primary: Primary | None = None,
    ) -> None:
        self.settings = settings
        self.acceptor = acceptor
        self.primary = primary
        self.journal = journal
        self.disturbances = disturbances
        self.tls_context = _server_tls(settings.tls)
        self.filtering = Filtering(getattr(settings, "filters", None))
        self.occupancy = Occupancy()
        self.known = KnownSenders(_beside_queue(settings))
        self._shown: tuple[Disturbance, ssl.SSLContext] | None = None
        self.empty = asyncio.Event()
        self.empty.set()
        self._sessions: set[object] = set()
        self._served: dict[tuple[str, int, str], config.Connector] = {}

    def serving(self, listener: config.Listener, client: str) -> config.Connector:
        """The receive connector for a client; remembered, for most come again."""
        key = (listener.bind.address, listener.port, client)
        if key not in self._served:
            if len(self._served) >= _REMEMBERED:
                self._served.clear()
            self._served[key] = serving(listener, client)
        return self._served[key]

    def filters_of(self, connector: config.Connector) -> Filtering:
        """The filters that act on its sessions: none on those of the organisation's own servers."""
        return NO_FILTERS if connector.internal else self.filtering

    def puts_off(
        self, connector: config.Connector, client: str, sender: str, recipient: str
    ) -> PutOff | None:
        """The refusal of a recipient by the connector's greylist, if it puts this one off."""
        greylist = connector.greylist
        if greylist is None or not self.known.puts_off(greylist, client, sender, recipient):
            return None
        return Limit.GREYLIST, replies.GREYLISTED

    def showing(self, disturbance: Disturbance) -> ssl.SSLContext:
        """What makes a session show the certificate of a service fault."""
        if self._shown is None or self._shown[0] is not disturbance:
            self._shown = disturbance, _with_certificate(disturbance)
        return self._shown[1]

    @cached_property
    def outdated(self) -> ssl.SSLContext | None:
        """What makes a session know no TLS newer than 1.1; None where it has no certificate."""
        context = _server_tls(self.settings.tls)
        if context:
            context.set_ciphers("DEFAULT@SECLEVEL=0")  # OpenSSL signs nothing so weak otherwise
            with warnings.catch_warnings():  # that they are outdated is the point
                warnings.simplefilter("ignore", DeprecationWarning)
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context

    def entered(self, session: object) -> None:
        """A session has begun."""
        self._sessions.add(session)
        self.empty.clear()

    def left(self, session: object) -> None:
        """A session is over."""
        self._sessions.discard(session)
        if not self._sessions:
            self.empty.set()

    def refuse(
        self,
        to: Refused,
        phase: Phase,
        reply: Reply,
        *,
        recipient: str = "",
        layer: str = "",
    ) -> str:
        """Journal a refusal, and return its words.

        Args:
            to: The session.
            phase: The phase of the session.
            reply: What is answered.
            recipient: The envelope recipient; empty where there is none yet.
            layer: The filter that refuses, or the limit that puts off, if one does.
        """
        self.journal.write(
            "put-off" if isinstance(layer, Limit) else "refused",
            "",
            recipient,
            phase=str(phase),
            code=reply.code,
            text=reply.text,
            client=to.client,
            port=to.listener.port,
            connector=to.connector.name,
            layer=str(layer),
        )
        return str(reply)

    def authenticate(
        self, dialogue: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Check a user and password against the node's logins."""
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        given = (bytes(data.login), bytes(data.password))
        known = {(login.user.encode(), login.password.encode()) for login in self.settings.logins}
        return AuthResult(success=given in known, handled=False, auth_data=data)


def _beside_queue(settings: config.Receiver) -> Path:
    """Where a node keeps what it knows of senders: beside its queue, with which it is lost."""
    queue = str(getattr(settings, "queue", settings.name))
    return Path(f"{queue.removesuffix('.sqlite')}.greylist.sqlite")


def _with_certificate(disturbance: Disturbance) -> ssl.SSLContext:
    """A context with the certificate of a service fault: the library reads files, and no bytes."""
    with tempfile.TemporaryDirectory() as folder:  # for its owner only
        certificate, key = Path(folder, "cert.pem"), Path(folder, "key.pem")
        certificate.write_text(disturbance.certificate, encoding="ascii")
        key.write_text(disturbance.key, encoding="ascii")
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    return context


def _server_tls(tls: config.Tls | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate, tls.key)
    return context
