"""An SMTP session whose lines go into the SmtpReceive protocol log."""

from __future__ import annotations

import asyncio
import re
from typing import Final

from relaydrill.nodes import config
from relaydrill.nodes.exchange_log_writers import ReceiveLog
from relaydrill.nodes.receiving import replies
from relaydrill.nodes.receiving.dialogue import Dialogue
from relaydrill.nodes.receiving.reception import Reception

_SECRET: Final = "<Binary Data>"
_AUTH: Final = re.compile(
    rb"\W*(AUTH|X-EXPS)\W*(LOGIN|PLAIN|NTLM|GSSAPI|CRAM-MD5)?\b(.*)", re.I | re.S
)


class LoggedDialogue(Dialogue):
    """One SMTP session.

    Args:
        log: The server's protocol log. Others: as for `Dialogue`.
    """

    def __init__(
        self, listener: config.Listener, reception: Reception, policy: object, log: ReceiveLog
    ) -> None:
        self._log = log
        self._number = 0
        self._peer_port = 0
        self._after_auth = False
        self._ended_by_peer = False
        self._is_over = False
        super().__init__(listener, reception, policy)
        self.session_id = log.session()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take note of the client's port."""
        if not self.client and (peer := transport.get_extra_info("peername")):
            self._peer_port = peer[1]
        super().connection_made(transport)

    def eof_received(self) -> bool | None:
        """The client has ended the session."""
        self._ended_by_peer = True
        return super().eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """Note who has ended the session; one that said nothing leaves no trace."""
        if self._number and not self._is_over:
            self.note("-", context="Remote" if error or self._ended_by_peer else "Local")
            self._is_over = True
        super().connection_lost(error)

    def _cb_client_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super()._cb_client_connected(reader, writer)
        read_line = reader.readline

        async def secret() -> bytes:
            """What the library reads so is the answer to a challenge: a password, or as good."""
            line = await read_line()
            self.note("<", _SECRET)
            return line

        reader.readline = secret  # type: ignore[method-assign]

    def said(self, reply: bytes) -> None:
        """Note a reply, line by line; a challenge may hold the user's name."""
        text = reply.decode("utf-8", "replace")
        if text.startswith("334"):
            text = "334 <authentication response>"
        for line in text.split("\r\n"):
            self.note(">", line)

    def heard(self, line: bytes) -> None:
        """Note a command; whatever may hold a password is left out."""
        if not line:  # one too long to be read at once, an AUTH perhaps
            self.note("<", _SECRET)
            return
        if auth := _AUTH.match(line):
            self._after_auth = True
            name = auth.group(1).decode().upper()
            mechanism = (auth.group(2) or b"").decode().upper()
            rest = _SECRET if auth.group(3).strip() else ""
            self.note("<", " ".join(part for part in (name, mechanism, rest) if part))
            return
        verb = line.split(maxsplit=1)[0].upper() if line.strip() else b""
        if verb.decode("ascii", "replace") in self._smtp_methods:
            self._after_auth = False
        elif self._after_auth:  # the answer to a challenge that never came
            self.note("<", _SECRET)
            return
        self.note("<", line.rstrip(b"\r\n").decode("utf-8", "replace"))

    def note(self, event: str, data: str = "", context: str = "") -> None:
        """Write a row, and before the first one that the session has begun."""
        if self._is_over:
            return
        if not self._number and event != "+":
            self.note("+")
        bind = self.listener.bind
        self._log.write(
            self.connector.name,
            self.session_id,
            self._number,
            f"{bind.address}:{bind.port}",
            f"{self.client}:{self._peer_port}",
            event,
            data,
            context,
        )
        self._number += 1

    async def smtp_STARTTLS(self, arg: str) -> None:
        """Go over to TLS, and note that it was done."""
        await super().smtp_STARTTLS(arg)
        if self._tls_protocol and self.session and self.session.ssl:
            self.note("*", context="TLS negotiation succeeded")

    async def smtp_AUTH(self, arg: str) -> None:
        """Authenticate, and note who it was."""
        await super().smtp_AUTH(arg)
        if self.session and self.session.authenticated:
            login = getattr(self.session.auth_data, "login", b"")
            self.note("*", login.decode("utf-8", "replace"), "authenticated")

    def _timeout_cb(self) -> None:
        if self.transport and self._greeted:
            self.note(">", str(replies.IDLE))
        super()._timeout_cb()
