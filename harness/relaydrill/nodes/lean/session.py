"""aiosmtpd's session, made and fed with less work."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Coroutine
from typing import Any, Final, cast

from aiosmtpd.proxy_protocol import get_proxy
from aiosmtpd.smtp import (
    ALLOWED_BEFORE_STARTTLS,
    BOGUS_LIMIT,
    MISSING,
    SMTP,
    AuthenticatorType,
    TLSSetupException,
    _AuthMechAttr,
    syntax,
)

from relaydrill.nodes.lean.body import Body, Flaw
from relaydrill.nodes.lean.eager import Eager
from relaydrill.nodes.lean.reader import MailReader
from relaydrill.nodes.lean.tables import Commands, tables_of

PLAIN: Final = (
    r"<([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)>"
)
"""A path of plain atoms: what nearly every client sends."""

_PLAIN_PATH: Final = re.compile(PLAIN + r"(?:[ \t]+([!-'*-~][ -'*-~]*))?")
"""Such a path, and what follows it without comments."""

PARAMETERS: Final = r"(?: (SIZE=[0-9]{1,9}))?(?: (BODY=8BITMIME))?"
"""What nearly every client says after the sender, if anything."""

_PLAIN_FROM: Final = re.compile(rf"FROM:{PLAIN}{PARAMETERS}", re.I)
_PLAIN_TO: Final = re.compile(rf"TO:{PLAIN}", re.I)

_CHUNK: Final = 64 * 1024


class _Unclear(Exception):
    """A line is no command; its text is the refusal."""


class LeanSmtp(SMTP):
    """A session of aiosmtpd.

    Args:
        handler: Its hooks, as aiosmtpd wants them.
        hostname: What it calls itself.
        timeout: Of a client that says nothing, seconds.
        authenticator: Checks logins.
        data_size_limit: Bytes of a message; None for any. Certificates are given to it later.
    """

    def __init__(
        self,
        handler: object,
        *,
        hostname: str,
        timeout: float,
        authenticator: AuthenticatorType | None = None,
        data_size_limit: int | None = 33_554_432,
    ) -> None:
        # Not SMTP's own: it would look through every member of this object and the handler.
        loop = asyncio.get_running_loop()
        asyncio.StreamReaderProtocol.__init__(
            self,
            MailReader(loop=loop, limit=self.line_length_limit),
            client_connected_cb=self._cb_client_connected,
            loop=loop,
        )
        self.__ident__ = ""
        self.loop = loop
        self.event_handler = handler
        self.data_size_limit = data_size_limit
        self.enable_SMTPUTF8 = False
        self._decode_data = False
        self.hostname = hostname
        self.tls_context = None
        self.require_starttls = None
        self._timeout_duration = timeout
        self._timeout_handle = None
        self._tls_handshake_okay = True
        self._tls_protocol = None
        self._original_transport = None
        self.session = None
        self.envelope = None
        self.transport = None
        self._handler_coroutine = None
        self._auth_require_tls = True
        self._proxy_timeout = None
        self._authenticator = authenticator
        self._auth_callback = None
        self._auth_required = False
        self._enforce_call_limit = False
        self._ehlo_hook_ver = "new"
        kind: Any = type(self)
        tables = tables_of(kind, handler)
        self._auth_methods = {
            mechanism: _AuthMechAttr(getattr(self if builtin else handler, name), builtin)
            for mechanism, (name, builtin) in tables.mechanisms.items()
        }
        self._handle_hooks = tables.hooks
        self._commands = tables.commands
        self._smtp_methods = Commands(self, tables.commands)  # type: ignore[assignment]
        self._idle_until = 0.0
        self._timer_s = 0.0

    transport: asyncio.Transport | None
    _reader: MailReader
    _writer: asyncio.StreamWriter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin the session; it goes on whenever something has come in."""
        if self.transport is not None and self._original_transport is not None:
            super().connection_made(transport)  # the same session, over TLS from now on
            return
        self._connect(transport)
        self._set_going(self._serve())

    def _connect(self, transport: asyncio.BaseTransport) -> None:
        """Make ready for a client."""
        self._set_rset_state()  # type: ignore[no-untyped-call]
        self.session = self._create_session()
        self.session.peer = transport.get_extra_info("peername")
        self._reset_timeout()
        asyncio.StreamReaderProtocol.connection_made(self, transport)
        # By kind, not by class: those of other loops are none of asyncio's own.
        self.transport = cast(asyncio.Transport, transport)

    def _set_going(self, course: Coroutine[Any, Any, None]) -> None:
        """Let the session run its course."""
        session = Eager(self._to_its_end(course), self.loop)
        self._handler_coroutine = session  # type: ignore[assignment]
        self._reader.eager = session
        session.start()

    def heard(self, line: bytes) -> None:
        """A command has come in; empty where it was too long to be read."""

    def said(self, reply: bytes) -> None:
        """A reply goes out, without its last line end."""

    is_disturbed = False
    """Whether `prevents` is to be asked before each command."""

    async def prevents(self, command: str, arg: str | None) -> bool:
        """Whether something else is done in the place of a command."""
        return False

    async def push(self, status: Any) -> None:
        """Send a reply."""
        reply = status if isinstance(status, bytes) else status.encode("ascii")
        self.said(reply)
        self._writer.write(reply + b"\r\n")
        if self._paused or self._writer.is_closing() or self._reader.exception():  # type: ignore[attr-defined]
            await self._writer.drain()

    async def _to_its_end(self, course: Coroutine[Any, Any, None]) -> None:
        """Serve the client, and hang up where it is gone, however far the session has come.

        Stock closes no connection that ends before the banner is out: it stays until the timeout.
        """
        try:
            await course
        except (asyncio.CancelledError, ConnectionResetError):
            self._writer.close()
            raise

    async def _serve(self) -> None:
        """The whole of a session."""
        if self._proxy_timeout is not None and not await self._knows_whom_for():
            return
        await self.push(f"220 {self.hostname} {self.__ident__}")
        await self._obey()

    async def _go_on(self, content: bytes | None) -> None:
        """A session from its middle on, after a message where one has just come in."""
        if content is not None:
            try:
                await self._took(content)
            except ConnectionResetError:
                raise
            except Exception as error:
                await self._failed(error)
        await self._obey()

    async def _obey(self) -> None:
        """One command after the other, until one of the two hangs up."""
        bogus = 0
        while self.transport is not None:
            try:
                line = await self._reader.line()
                self.heard(line)
                command, arg = self._understood(line)
                if name := self._commands.get(command):
                    self._reset_timeout()
                    if not self.is_disturbed or not await self.prevents(command, arg):
                        await getattr(self, name)(arg)
                    continue
                bogus += 1
                await self._refuse_bogus(command, bogus)
            except _Unclear as refusal:
                await self.push(str(refusal))
            except ConnectionResetError:
                raise
            except Exception as error:
                await self._failed(error)

    async def _knows_whom_for(self) -> bool:
        """Whether a proxy has said, as it must before all else, whom it speaks for."""
        assert self.session is not None
        self._reset_timeout(self._proxy_timeout)
        self.session.proxy_data = await get_proxy(self._reader)
        is_fine = bool(self.session.proxy_data)
        if is_fine:
            status = await self._call_handler_hook("PROXY", self.session.proxy_data)
            is_fine = status is not MISSING and bool(status)
        if is_fine:
            self._reset_timeout()
        elif self.transport:
            self.transport.close()
        return is_fine

    def _understood(self, line: bytes) -> tuple[str, str | None]:
        """The command of a line, and what follows it.

        Raises:
            _Unclear: It is none, or must not be given now.
        """
        if not line:
            raise _Unclear("500 Command line too long")
        line = line.rstrip(b"\r\n")
        verb, _, rest = line.partition(b" ")
        if not line or not verb.isascii():
            raise _Unclear("500 Error: bad syntax")
        command = verb.decode("ascii").upper()
        if not rest.isascii():
            raise _Unclear("500 Error: strict ASCII mode")
        arg = rest.strip().decode("ascii") if rest else None
        assert self.session is not None
        extended = self.session.extended_smtp
        most = self.command_size_limits[command] if extended else self.command_size_limit
        if len(line) > most:
            raise _Unclear("500 Command line too long")
        is_in_the_clear = self.require_starttls and not self._tls_protocol
        if is_in_the_clear and command not in ALLOWED_BEFORE_STARTTLS:  # RFC 3207 §4
            raise _Unclear("530 Must issue a STARTTLS command first")
        return command, arg

    async def _refuse_bogus(self, command: str, times: int) -> None:
        """Refuse a command that there is not; whoever gives too many is shown out."""
        if times < BOGUS_LIMIT:
            await self.push(f'500 Error: command "{command}" not recognized')
            return
        await self.push("502 5.5.1 Too many unrecognized commands, goodbye.")
        if self.transport:
            self.transport.close()

    async def _failed(self, error: Exception) -> None:
        """Answer a command that a defect has broken, as the library does.

        That a client breaks off the handshake, for it does not like the certificate, is no defect.
        """
        if not isinstance(error, TLSSetupException):
            await self.push(await self.handle_exception(error))
        elif self.transport:
            self.transport.close()
            self.connection_lost(error)

    def _reset_timeout(self, duration: float | None = None) -> None:
        """Begin to count the client's silence anew.

        The timer that runs goes on: when it is over, it looks how long the silence really was.
        """
        limit = duration or self._timeout_duration
        self._idle_until = self.loop.time() + limit
        if self._timeout_handle is None or limit < self._timer_s:
            if self._timeout_handle is not None:
                self._timeout_handle.cancel()
            self._set_timer(limit)

    def _set_timer(self, seconds: float) -> None:
        self._timer_s = seconds
        self._timeout_handle = self.loop.call_later(seconds, self._timer_over)

    def _timer_over(self) -> None:
        left = self._idle_until - self.loop.time()
        if left > 0:
            self._set_timer(left)
        else:
            self._timeout_cb()  # type: ignore[no-untyped-call]

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """The address of MAIL or RCPT, and what follows it."""
        plain = _PLAIN_PATH.fullmatch(arg)
        if plain:
            return plain[1], plain[2] or ""
        return super()._getaddr(arg)

    @syntax("MAIL FROM: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:
        """Begin a message; a plain command needs no closer look."""
        session, envelope = self.session, self.envelope
        assert session is not None
        assert envelope is not None
        plain = _PLAIN_FROM.fullmatch(arg or "")
        if plain is None or envelope.mail_from or self._may_not_send or self._is_not_fine(plain):
            await super().smtp_MAIL(arg)
            return
        envelope.smtp_utf8 = False
        options = [each.upper() for each in (plain[2], plain[3]) if each]
        status = await self._call_handler_hook("MAIL", plain[1], options)
        if status is MISSING:
            envelope.mail_from = plain[1]
            envelope.mail_options.extend(options)
            status = "250 OK"
        await self.push(status)

    @property
    def _may_not_send(self) -> bool:
        """Whether something must come before a message."""
        session = self.session
        assert session is not None
        return not session.host_name or (self._auth_required and not session.authenticated)

    def _is_not_fine(self, plain: re.Match[str]) -> bool:
        """Whether the parameters of MAIL need a closer look."""
        assert self.session is not None
        most, size = self.data_size_limit, plain[2]
        if not size and not plain[3]:
            return False
        return not self.session.extended_smtp or bool(size and most and int(size[5:]) > most)

    @syntax("RCPT TO: <address>", extended=" [SP <mail-parameters>]")
    async def smtp_RCPT(self, arg: str | None) -> None:
        """Take a recipient; a plain command needs no closer look."""
        envelope = self.envelope
        assert envelope is not None
        plain = _PLAIN_TO.fullmatch(arg or "")
        if plain is None or not envelope.mail_from or self._may_not_send:
            await super().smtp_RCPT(arg)
            return
        status = await self._call_handler_hook("RCPT", plain[1], [])
        if status is MISSING:
            envelope.rcpt_tos.append(plain[1])
            status = "250 OK"
        await self.push(status)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        """Take a message, in as large pieces as it comes."""
        if await self.check_helo_needed() or await self.check_auth_needed("DATA"):
            return
        assert self.envelope is not None
        if not self.envelope.rcpt_tos:
            await self.push("503 Error: need RCPT command")
            return
        if arg:
            await self.push("501 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        body = await self._body()
        if body.flaw is not Flaw.NONE:
            await self.push(REFUSALS[body.flaw])
            self._set_post_data_state()  # type: ignore[no-untyped-call]
            return
        await self._took(body.content)

    async def _took(self, content: bytes) -> None:
        """A message has come in whole: say what becomes of it."""
        assert self.envelope is not None
        self.envelope.content = self.envelope.original_content = content
        status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push("250 OK" if status is MISSING else status)

    async def _body(self) -> Body:
        """What comes until the dot.

        Raises:
            ConnectionResetError: It ended before.
        """
        reader = self._reader
        body = Body(longest_line=self.line_length_limit, most=self.data_size_limit or 0)
        while True:
            piece = await reader.read(_CHUNK)
            if not piece:
                raise ConnectionResetError
            # Stock gives a whole message no longer than a command. RFC 5321 §4.5.3.2.5: each piece.
            self._reset_timeout()
            after = body.feed(piece)
            if after is not None:
                if after:
                    reader.unread(after)
                return body


REFUSALS: Final = {
    Flaw.LONG_LINE: "500 Line too long (see RFC5321 4.5.3.1.6)",
    Flaw.TOO_MUCH: "552 Error: Too much mail data",
}
