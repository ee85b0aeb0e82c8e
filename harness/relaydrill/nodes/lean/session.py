"""aiosmtpd's session, made and fed with less work."""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from aiosmtpd.smtp import MISSING, SMTP, AuthenticatorType, _AuthMechAttr, syntax

from relaydrill.nodes.lean.body import Body, Flaw
from relaydrill.nodes.lean.reader import MailReader

_PLAIN_PATH: Final = re.compile(
    r"<([A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*)>(?:[ \t]+([!-'*-~][ -'*-~]*))?"
)
"""A path of plain atoms, and what follows it without comments: what nearly every client sends."""

_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Tables:
    """What stock aiosmtpd finds out for every session: the same for all of a class and handler."""

    mechanisms: Mapping[str, tuple[str, bool]]
    hooks: dict[str, Callable[..., Any]]
    commands: Mapping[str, str]


class _Commands(Mapping[str, Any]):
    """The methods of a session by their SMTP commands, each bound only when it is asked for."""

    __slots__ = ("_names", "_session")

    def __init__(self, session: object, names: Mapping[str, str]) -> None:
        self._session = session
        self._names = names

    def __getitem__(self, command: str) -> Any:
        return getattr(self._session, self._names[command])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class LeanSmtp(SMTP):
    """A session of aiosmtpd.

    Args:
        handler: Its hooks, as aiosmtpd wants them.
        hostname: What it calls itself. timeout: Of a client that says nothing, seconds.
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
        tables = _tables(kind, handler)
        self._auth_methods = {
            mechanism: _AuthMechAttr(getattr(self if builtin else handler, name), builtin)
            for mechanism, (name, builtin) in tables.mechanisms.items()
        }
        self._handle_hooks = tables.hooks
        self._smtp_methods = _Commands(self, tables.commands)  # type: ignore[assignment]
        self._idle_until = 0.0
        self._timer_s = 0.0

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
            await self.push(_REFUSALS[body.flaw])
            self._set_post_data_state()  # type: ignore[no-untyped-call]
            return
        self.envelope.content = self.envelope.original_content = body.content
        status = await self._call_handler_hook("DATA")
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push("250 OK" if status is MISSING else status)

    async def _body(self) -> Body:
        """What comes until the dot.

        Raises:
            ConnectionResetError: It ended before.
        """
        reader = self._reader
        assert isinstance(reader, MailReader)
        body = Body(longest_line=self.line_length_limit, most=self.data_size_limit or 0)
        while True:
            piece = await reader.read(_CHUNK)
            if not piece:
                raise ConnectionResetError
            after = body.feed(piece)
            if after is not None:
                if after:
                    reader.unread(after)
                return body


_REFUSALS: Final = {
    Flaw.LONG_LINE: "500 Line too long (see RFC5321 4.5.3.1.6)",
    Flaw.TOO_MUCH: "552 Error: Too much mail data",
}


@functools.lru_cache(maxsize=64)
def _tables(session: Hashable, handler: Hashable) -> _Tables:
    """As aiosmtpd makes them."""
    mechanisms: dict[str, tuple[str, bool]] = {}
    for owner, builtin in ((session, True), (type(handler), False)):
        for name, function in inspect.getmembers(owner):
            if name.startswith("auth_"):
                usual = name.removeprefix("auth_").replace("__", "-")
                mechanism = getattr(function, "__auth_mechanism_name__", usual)
                mechanisms[mechanism] = (name, builtin)
    return _Tables(
        mechanisms=mechanisms,
        hooks={
            name.removeprefix("handle_"): getattr(handler, name)
            for name in dir(handler)
            if name.startswith("handle_")
        },
        commands={
            name.removeprefix("smtp_"): name for name in dir(session) if name.startswith("smtp_")
        },
    )
