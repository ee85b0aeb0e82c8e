"""One SMTP session as a server: aiosmtpd in Exchange's words, with service faults and PROXY v2."""

from __future__ import annotations

import asyncio
import collections
import re
from dataclasses import dataclass, field
from typing import Any, Final

from relaydrill.disturbance import LIES, Action, Disturbance
from relaydrill.nodes import config
from relaydrill.nodes.lean import LeanSmtp
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.connectors import UNSERVED, PutOff
from relaydrill.nodes.receiving.reception import Reception
from relaydrill.nodes.transport.shadow import DISCARD, KEEP
from relaydrill.smtp import Phase

PROBE_NAME = "healthcheck.relaydrill.invalid"
"""The EHLO name of health checks, by which their sessions are told from mail."""

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

_FOR_SIZE: Final = 26
"""Bytes by which MAIL may be longer than other commands (RFC 1870 §3)."""

_HANDSHAKE_FAILURE: Final = bytes((21, 3, 3, 0, 2, 2, 40))

_ROWS: Final = re.compile(r"[0-9]{1,18} [0-9]{1,18}")
_SHADOWED: Final = re.compile(rf"[^ ]{{1,64}} {_ROWS.pattern}")


@dataclass(slots=True)
class SessionState:
    """How far a session has come.

    Attributes:
        client: Its address.
        connector: What serves it.
        probe: Whether it is a health check's.
        helo: What it called itself; empty: it has not greeted.
        is_extended: Whether by EHLO.
        sender: Envelope sender of the message that it has begun; None: there is none.
        options: Options of its MAIL command.
        recipients: Its recipients so far.
    """

    client: str
    connector: config.Connector
    probe: bool = False
    helo: str = ""
    is_extended: bool = False
    sender: str = ""
    options: list[str] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)


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

    def take_over(
        self, transport: asyncio.Transport, state: SessionState, content: bytes | None
    ) -> None:
        """Go on with a session that another protocol has begun, and that is counted already.

        Args:
            transport: Its connection.
            state: What the session has come to.
            content: A message that has just come in whole; None: a command is next.
        """
        self.client, self.probe = state.client, state.probe
        self._begun = self._greeted = True
        self._settle(state.connector)
        self.reception.entered(self)
        self._connect(transport)
        session, envelope = self.session, self.envelope
        assert session
        assert envelope
        session.host_name = state.helo or None
        session.extended_smtp = state.is_extended
        if state.is_extended and self.data_size_limit:
            self.command_size_limits["MAIL"] += _FOR_SIZE
        if state.sender:
            envelope.smtp_utf8 = False
            envelope.mail_from = state.sender
            envelope.mail_options.extend(state.options)
            envelope.rcpt_tos.extend(state.recipients)
        self._set_going(self._go_on(content))

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
                limit, reply = refused
                words = self.reception.refuse(self, Phase.BANNER, reply, layer=limit)
                await super().push(words)
                self._hang_up()
                return
            self._greeted = True
            status = str(replies.banner(self.reception.settings.fqdn, replies.date()))
        if status is None or self._closing:
            return
        if isinstance(status, str):
            status = replies.in_exchange_words(status).encode("ascii", "replace")
        await super().push(status)
        if status.startswith(b"421"):
            self._hang_up()  # RFC 5321 §3.8: 421 closes the channel

    def _served(self) -> PutOff | None:
        """Give the client its connector, now that it is known; the refusal if that is full."""
        self._settle(self.reception.serving(self.listener, self.client))
        return self.reception.occupancy.enter(self.listener.port, self.connector, self.client)

    def _settle(self, connector: config.Connector) -> None:
        self.connector = connector
        context = self.reception.tls_context if connector.tls != "none" else None
        self.tls_context = context
        self.require_starttls = context and connector.tls == "required"
        self._auth_required = connector.auth == "required"
        self.data_size_limit = connector.size
        self._is_counted = True

    def _hang_up(self) -> None:
        """End the session once what was said has been sent."""
        if self.transport:
            self.transport.close()

    async def interfere(self, phase: Phase) -> bool:
        """Let a service fault act at this point; True if the usual course must not follow."""
        disturbance = self.reception.disturbances.at(phase, self)
        if disturbance is None or disturbance.action in LIES:
            return False
        self._is_bitten(disturbance, phase)
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
            case "certificate":
                self.tls_context = self.reception.showing(disturbance)
                return False
            case "outdated":
                self.tls_context = self.reception.outdated
                return False
            case "strip":
                if self.session and not self.session.ssl:
                    self.tls_context = None
                return False
            case "alert" | "stall":
                await self._break_off_handshake(disturbance)
                return True
        reply = disturbance.reply or replies.UNAVAILABLE
        await super().push(str(reply))
        if reply.code == 421:
            self._hang_up()
        return True

    async def _break_off_handshake(self, disturbance: Disturbance) -> None:
        """Agree to STARTTLS, and end the handshake with an alert, or not at all until it is lifted.

        An alert is a record of its own (RFC 8446 §6: fatal, handshake_failure), and answers the
        client's hello: before that a client takes it for a part of the reply.
        """
        await self.push("220 Ready to start TLS")
        if disturbance.action == "stall":
            await self.reception.disturbances.lifted(disturbance.label)
            self.abort()
            return
        await self._reader.read(1)
        if self.transport:
            self.transport.write(_HANDSHAKE_FAILURE)
            self.transport.close()

    def lies(self) -> Action | None:
        """What is really done with a message that the client is told to be taken; None: that."""
        disturbance = self.reception.disturbances.at(Phase.DOT, self)
        if disturbance is None or disturbance.action not in LIES:
            return None
        self._is_bitten(disturbance, Phase.DOT)
        return disturbance.action

    def _is_bitten(self, disturbance: Disturbance, phase: Phase) -> None:
        """Journal that a service fault acts on this session."""
        self.reception.journal.write(
            "bitten",
            fault=disturbance.label,
            phase=str(phase),
            client=self.client,
            port=self.listener.port,
            probe=self.probe,
        )

    def _timeout_cb(self) -> None:
        """Say why before closing an idle session; the library closes it silently."""
        if self.transport and self._greeted:
            self.transport.write(f"{replies.IDLE}\r\n".encode())
        super()._timeout_cb()  # type: ignore[no-untyped-call]

    @property
    def is_disturbed(self) -> bool:  # type: ignore[override]
        """Whether a service fault is in force."""
        return bool(self.reception.disturbances)

    async def smtp_EHLO(self, hostname: str) -> None:
        """Greet; the library lets MAIL be longer by 26 with every EHLO, and not with the first."""
        self.command_size_limits.clear()
        await super().smtp_EHLO(hostname)

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
            self.reception.disturbances.at(Phase.BODY, self)
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
