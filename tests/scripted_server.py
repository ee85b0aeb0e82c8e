"""An SMTP server that answers by a script: the other end of the sending side's tests."""

from __future__ import annotations

import contextlib
import enum
import socket
import ssl
import struct
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import BinaryIO, Self

from relaydrill.endpoint import Endpoint
from relaydrill.smtp import Phase


class Cut(enum.Enum):
    """Ways not to answer."""

    CLOSE = "the connection is closed"
    RESET = "the connection is reset"
    SILENCE = "nothing comes, until the client gives up"


Answer = str | Cut

POLITE: Mapping[Phase, Answer] = {
    Phase.BANNER: "220 ht1.contoso.com ready",
    Phase.EHLO: "250-ht1.contoso.com Hello\r\n250-STARTTLS\r\n250 AUTH LOGIN PLAIN",
    Phase.STARTTLS: "220 2.0.0 SMTP server ready",
    Phase.AUTH: "235 2.7.0 Authentication successful",
    Phase.MAIL: "250 2.1.0 Sender OK",
    Phase.RCPT: "250 2.1.5 Recipient OK",
    Phase.DATA: "354 Start mail input; end with <CRLF>.<CRLF>",
    Phase.REPLY: "250 2.6.0 Queued mail for delivery",
    Phase.QUIT: "221 2.0.0 Service closing transmission channel",
}
_VERBS = {
    b"EHLO": Phase.EHLO,
    b"STARTTLS": Phase.STARTTLS,
    b"AUTH": Phase.AUTH,
    b"MAIL": Phase.MAIL,
    b"RCPT": Phase.RCPT,
    b"DATA": Phase.DATA,
    b"QUIT": Phase.QUIT,
}


class _Ended(Exception):
    """The script has ended the session."""


class ScriptedServer:
    """Serves any number of sessions, one after another, in a thread.

    Args:
        answers: What it answers at which phase; politely where nothing is said. An answer at
            `Phase.BODY` comes in the middle of the message.
        recipients: What it answers to some recipients.
        tls: The context for STARTTLS.
        address: Where it listens.

    Attributes:
        lines: All command lines that came, without their ends.
        bodies: What came after DATA, as it came, without the final dot.
        clients: The address that each session came from.
    """

    def __init__(
        self,
        answers: Mapping[Phase, Answer] | None = None,
        *,
        recipients: Mapping[str, Answer] | None = None,
        tls: ssl.SSLContext | None = None,
        address: str = "127.0.0.1",
    ) -> None:
        self.lines: list[bytes] = []
        self.bodies: list[bytes] = []
        self.clients: list[str] = []
        self._answers = {**POLITE, **(answers or {})}
        self._recipients = recipients or {}
        self._tls = tls
        self._listener = socket.create_server((address, 0))
        self._thread = threading.Thread(target=self._serve_all)

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        return Endpoint(*self._listener.getsockname()[:2])

    def mend(self) -> None:
        """Answer politely from now on."""
        self._answers = dict(POLITE)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve_all(self) -> None:
        while True:
            try:
                connection, client = self._listener.accept()
            except OSError:
                return
            self.clients.append(client[0])
            with contextlib.suppress(_Ended, OSError), contextlib.ExitStack() as opened:
                self._serve(opened.enter_context(connection), opened)

    def _serve(self, connection: socket.socket, opened: contextlib.ExitStack) -> None:
        self._answer(connection, self._answers[Phase.BANNER])
        stream = opened.enter_context(connection.makefile("rb"))
        while line := stream.readline():
            self.lines.append(line.rstrip(b"\r\n"))
            phase = _VERBS.get(line.split()[0].upper())
            if phase is None:
                self._answer(connection, "250 OK")
                continue
            answer = self._answers[phase]
            if phase is Phase.RCPT:
                address = line.split(b"<")[1].split(b">")[0].decode()
                answer = self._recipients.get(address, answer)
            self._answer(connection, answer)
            if phase is Phase.STARTTLS and self._tls and str(answer).startswith("220"):
                connection = opened.enter_context(
                    self._tls.wrap_socket(connection, server_side=True)
                )
                stream = opened.enter_context(connection.makefile("rb"))
            if phase is Phase.DATA and str(answer).startswith("354"):
                self._receive(connection, stream)

    def _receive(self, connection: socket.socket, stream: BinaryIO) -> None:
        if Phase.BODY in self._answers:
            stream.read(1)
            self._answer(connection, self._answers[Phase.BODY])
            raise _Ended
        lines = iter(stream.readline, b".\r\n")
        self.bodies.append(b"".join(line for line in lines if line or self._hung_up()))
        self._answer(connection, self._answers[Phase.REPLY])

    @staticmethod
    def _hung_up() -> bool:
        raise _Ended

    @staticmethod
    def _answer(connection: socket.socket, answer: Answer) -> None:
        match answer:
            case Cut.SILENCE:
                connection.settimeout(20)
                while connection.recv(65536):
                    pass
                raise _Ended
            case Cut.RESET:
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                raise _Ended
            case Cut.CLOSE:
                raise _Ended
            case str(text):
                connection.sendall(text.encode("latin-1") + b"\r\n")
                if text.startswith("421"):
                    raise _Ended
