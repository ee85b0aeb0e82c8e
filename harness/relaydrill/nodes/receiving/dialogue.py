"""One SMTP session as a server: aiosmtpd in Exchange's words, with service faults and PROXY v2."""

from __future__ import annotations

import asyncio
import collections
import re
import ssl
from dataclasses import dataclass
from typing import Any, Final, Protocol

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.disturbance import Disturbances
from relaydrill.nodes.lean import LeanSmtp
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.connectors import UNSERVED, Occupancy, serving
from relaydrill.nodes.receiving.filters import Filtering
from relaydrill.nodes.transport.shadow import DISCARD, KEEP
from relaydrill.smtp import Phase, Reply

PROBE_NAME = "healthcheck.relaydrill.invalid"
"""The EHLO name of health checks, by which their sessions are told from mail."""

_REMEMBERED: Final = 4096
"""Clients whose receive connector is known; a bound on memory, and no more."""

_PHASES: Final = {
    "HELO": Phase.EHLO,
    "EHLO": Phase.EHLO,
    "STARTTLS": Phase.STARTTLS,
    "AUTH": Phase.AUTH,
    "MAIL": Phase.MAIL,
    "RCPT": Phase.RCPT,
    "DATA": Phase.DATA,
}
"""The phase that a command begins; HELO is EHLO of old."""

_ROWS: Final = re.compile(r"[0-9]{1,18} [0-9]{1,18}")
_SHADOWED: Final = re.compile(rf"[^ ]{{1,64}} {_ROWS.pattern}")


@dataclass(frozen=True, slots=True)
class Received:
    """A message as it stands after the dot, before anything is promised.

    Attributes:
        sender, recipients: The envelope. content: Headers and body, CRLF.
        client: The client's address. helo: What it called itself.
        port: Logical port that it came in by. tls: Whether the session was encrypted.
        connector: Name of the receive connector that took it.
        shadow_of: What was said to XSHADOW, where it is another hub's copy: that hub, and its rows.
        session: Identity of the session, where a protocol log is kept.
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


class Acceptor(Protocol):
    """What a node does with a message."""

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
        self.empty = asyncio.Event()
        self.empty.set()
        self._sessions: set[Dialogue] = set()
        self._served: dict[tuple[str, int, str], config.Connector] = {}

    def serving(self, listener: config.Listener, client: str) -> config.Connector:
        """The receive connector for a client; remembered, for most come again."""
        key = (listener.bind.address, listener.port, client)
        if key not in self._served:
            if len(self._served) >= _REMEMBERED:
                self._served.clear()
            self._served[key] = serving(listener, client)
        return self._served[key]

    def entered(self, dialogue: Dialogue) -> None:
        """A session has begun."""
        self._sessions.add(dialogue)
        self.empty.clear()

    def left(self, dialogue: Dialogue) -> None:
        """A session is over."""
        self._sessions.discard(dialogue)
        if not self._sessions:
            self.empty.set()

    def authenticate(
        self, dialogue: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any
    ) -> AuthResult:
        """Check a user and password against the node's logins."""
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        given = (bytes(data.login), bytes(data.password))
        known = {(login.user.encode(), login.password.encode()) for login in self.settings.logins}
        return AuthResult(success=given in known, handled=False, auth_data=data)


def _server_tls(tls: config.Tls | None) -> ssl.SSLContext | None:
    if tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tls.certificate, tls.key)
    return context


class Dialogue(LeanSmtp):
    """One SMTP session.

    Args:
        listener: Where it came in.
        reception: What all sessions of the node share.
        policy: The hooks of the SMTP library; see `relaydrill.nodes.receiving.policy`.
    """

    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"
    session_id = ""

    def __init__(self, listener: config.Listener, reception: Reception, policy: object) -> None:
        # The library keeps these limits on the class and clears them for every new session, so one
        # session could make another refuse a legal command.
        self.command_size_limits = collections.defaultdict(lambda: self.command_size_limit)
        self.listener = listener
        self.reception = reception
        self.connector = UNSERVED
        self.client = ""
        self.shadow_of = ""
        self._is_counted = False
        self.probe = False
        self._begun = False
        self._greeted = False
        super().__init__(
            policy,
            hostname=reception.settings.fqdn,
            authenticator=reception.authenticate,
            timeout=reception.settings.idle_s,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the client; a trusted proxy must tell first whom it speaks for."""
        if not self.client:
            # A client that has reset the connection already has no name any more.
            peer = transport.get_extra_info("peername")
            self.client = peer[0] if peer else "0.0.0.0"
            if self.client in self.reception.settings.trusted_proxies:
                self._proxy_timeout = self.reception.settings.idle_s
            self.reception.entered(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Forget the session."""
        self.reception.left(self)
        if self._is_counted:
            self._is_counted = False
            self.reception.occupancy.leave(self.listener.port, self.connector, self.client)
        super().connection_lost(error)

    def abort(self) -> None:
        """Cut the connection at once."""
        transport: Any = self._original_transport or self.transport
        if transport:
            transport.abort()

    @property
    def _closing(self) -> bool:
        return self.transport is None or self.transport.is_closing()

    async def push(self, status: str | bytes | None) -> None:
        """Send a reply, in Exchange's words; the first one is the banner."""
        if not self._begun:
            self._begun = True
            if self.is_disturbed and await self.interfere(Phase.BANNER):
                return
            if refused := self._served():
                await self._refuse_for_good(refused)
                return
            self._greeted = True
            status = str(replies.banner(self.reception.settings.fqdn, replies.date()))
        if status is None or self._closing:
            return
        if isinstance(status, str):
            status = replies.in_exchange_words(status).encode("ascii", "replace")
        await super().push(status)

    def _served(self) -> Reply | None:
        """Give the client its connector, now that it is known; the refusal if that is full."""
        connector = self.connector = self.reception.serving(self.listener, self.client)
        context = self.reception.tls_context if connector.tls != "none" else None
        self.tls_context = context
        self.require_starttls = context and connector.tls == "required"
        self._auth_required = connector.auth == "required"
        self.data_size_limit = connector.size_limit
        self._is_counted = True
        return self.reception.occupancy.enter(self.listener.port, connector, self.client)

    async def _refuse_for_good(self, reply: Reply) -> None:
        self.reception.journal.write(
            "refused",
            phase=str(Phase.BANNER),
            code=reply.code,
            text=reply.text,
            client=self.client,
            port=self.listener.port,
            connector=self.connector.name,
        )
        await super().push(str(reply))
        if self.transport:
            self.transport.close()

    async def interfere(self, phase: Phase) -> bool:
        """Let a service fault act at this point; True if the usual course must not follow."""
        disturbance = self.reception.disturbances.at(phase)
        if disturbance is None:
            return False
        self.reception.journal.write(
            "bitten",
            fault=disturbance.label,
            phase=str(phase),
            client=self.client,
            probe=self.probe,
        )
        match disturbance.action:
            case "delay":
                await asyncio.sleep(disturbance.delay_s)
                return False
            case "hang":
                await self.reception.disturbances.lifted(disturbance.label)
                return False
            case "drop":
                self.abort()
                return True
        reply = disturbance.reply or replies.UNAVAILABLE
        await super().push(str(reply))
        if reply.code == 421 and self.transport:
            self.transport.close()  # RFC 5321 §3.8: 421 closes the channel
        return True

    def _timeout_cb(self) -> None:
        """Say why before closing an idle session; the library closes it silently."""
        if self.transport and self._greeted:
            self.transport.write(f"{replies.IDLE}\r\n".encode())
        super()._timeout_cb()  # type: ignore[no-untyped-call]

    @property
    def is_disturbed(self) -> bool:  # type: ignore[override]
        """Whether a service fault is in force."""
        return bool(self.reception.disturbances)

    async def prevents(self, command: str, arg: str | None) -> bool:
        """Let a service fault act at a command's phase; True if the command must not follow."""
        phase = _PHASES.get(command)
        if phase is Phase.EHLO:
            self.names_itself(arg)
        return phase is not None and await self.interfere(phase)

    def names_itself(self, name: str | None) -> None:
        """Note by which name the client greets: a health check has one of its own."""
        self.probe = self.probe or name == PROBE_NAME

    async def smtp_XSHADOW(self, arg: str | None) -> None:
        """Take what follows as another hub's copies; only from servers of the organisation."""
        if await self._is_no_peer(arg, _SHADOWED, str(replies.UNRECOGNIZED)):
            return
        self.shadow_of = arg or ""
        await self.push(str(replies.OK))

    async def smtp_XQDISCARD(self, arg: str | None) -> None:
        """Tell whether rows have left the queue; only servers of the organisation may ask."""
        if await self._is_no_peer(arg, _ROWS, str(replies.UNRECOGNIZED)):
            return
        first, last = map(int, (arg or "").split(" "))
        gone = self.reception.primary and self.reception.primary.discards(first, last)
        await self.push(f"250 {DISCARD if gone else KEEP}")

    async def _is_no_peer(self, arg: str | None, form: re.Pattern[str], refusal: str) -> bool:
        """Refuse a command of hubs among themselves to others, and what is none of its kind."""
        is_fine = self.connector.internal and form.fullmatch(arg or "")
        if not is_fine:
            await self.push(refusal)
        return not is_fine

    async def smtp_DATA(self, arg: str | None) -> None:
        """Receive the message unless a fault acts in the middle of it."""
        envelope = self.envelope
        if (
            self.reception.disturbances.at(Phase.BODY)
            and envelope
            and envelope.rcpt_tos
            and not arg
        ):
            await super().push("354 Start mail input; end with <CRLF>.<CRLF>")
            await self._reader.read(1)
            if not await self.interfere(Phase.BODY):
                self.abort()  # lifted meanwhile; but half the message has been thrown away
            return
        await super().smtp_DATA(arg)
