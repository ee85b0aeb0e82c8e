"""The sending side of SMTP: smtplib, driven phase by phase.

smtplib's own ``sendmail`` and its ``with`` blur what matters to an account: a server that hangs up
before the dot, one that hangs up after it, and one that says 421 to QUIT after a good 250 all raise
the same error. Here each phase is entered by name, and an error says in which one it came.
"""

from __future__ import annotations

import contextlib
import errno
import smtplib
import socket
import ssl
from dataclasses import dataclass, field, replace
from typing import Final, NoReturn, TypedDict

from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.fibres.barring import Barred, nothing_barred, stop_at
from relaydrill.fibres.racing import Reset, first_connection
from relaydrill.fibres.sockets import connection, for_fibres
from relaydrill.message import in_seven_bits
from relaydrill.smtp import (
    BAD_CERTIFICATE,
    NO_STARTTLS,
    REFUSED,
    Outcome,
    Phase,
    Reply,
    Result,
)


@dataclass(frozen=True, slots=True)
class Route:
    """Where a session goes, and how.

    Attributes:
        endpoint: Address and port to connect to.
        rivals: Others that are tried at the same time, each begun a moment later; the first that
            opens is the one.
        every_s: That moment, wall seconds.
        helo: The name to give in EHLO.
        source: Own addresses to connect from, one of each IP version; none for any.
        connect_s: Timeout of the TCP connection.
        reply_s: Timeout of every reply.
        tls: Context for STARTTLS; None sends in the clear.
        server_name: The name that the certificate must bear.
        login: For AUTH; None does without.
        barred: What a connection meets on this machine's own side instead of the other end.
    """

    endpoint: Endpoint
    helo: str
    rivals: tuple[Endpoint, ...] = ()
    every_s: float = 0.25
    source: tuple[str, ...] = ()
    connect_s: float = 30.0
    reply_s: float = 300.0
    tls: ssl.SSLContext | None = None
    server_name: str = ""
    login: Credentials | None = field(default=None, repr=False)
    barred: Barred = field(default=nothing_barred, repr=False)

    @property
    def ends(self) -> tuple[Endpoint, ...]:
        """Wherever it may connect to."""
        return (self.endpoint, *self.rivals)


class _Limits(TypedDict):
    timeout_s: float
    source: tuple[str, ...]


class SessionEnded(Exception):
    """The session cannot go on; `outcome` says for all pending recipients why."""

    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(str(outcome))


class SmtpSession:
    """One open session, ready for MAIL. Made by `connect`, ended by `quit` or `close`."""

    def __init__(self, route: Route) -> None:
        self._route = route
        self._phase = Phase.CONNECT
        self._smtp = smtplib.SMTP(local_hostname=route.helo, timeout=route.reply_s)
        self._server = ""

    @classmethod
    def connect(cls, route: Route) -> SmtpSession:
        """Connect, greet, and do STARTTLS and AUTH where the route has them.

        Raises:
            SessionEnded: At any of these; the outcome holds the phase and the reply or reason.
        """
        session = cls(route)
        try:
            session._open()
        except BaseException:
            session.close()
            raise
        return session

    def send(self, sender: str, recipients: tuple[str, ...], content: bytes) -> dict[str, Outcome]:
        """Send one message, and return what was learnt about each recipient.

        What is 8-bit goes to a server that does not offer 8BITMIME in seven bits (RFC 6152 §3).

        Only a 250 after the dot is acceptance (RFC 5321 §4.2.5): any other 2xx there counts as
        refused.

        Raises:
            SessionEnded: The connection was lost; nothing is known beyond the phase.
        """
        self._enter(Phase.MAIL)
        parameters = ""
        if not content.isascii():
            if self._smtp.has_extn("8bitmime"):
                parameters = " BODY=8BITMIME"
            else:
                content = in_seven_bits(content)
        reply = self._command(f"MAIL FROM:<{sender}>{parameters}")
        if not reply.ok:
            return dict.fromkeys(recipients, self._refused(reply))
        outcomes: dict[str, Outcome] = {}
        for recipient in recipients:
            self._enter(Phase.RCPT)
            reply = self._command(f"RCPT TO:<{recipient}>")
            if not reply.ok:
                outcomes[recipient] = self._refused(reply)
        taken = [recipient for recipient in recipients if recipient not in outcomes]
        if taken:
            outcomes |= dict.fromkeys(taken, self._send_content(content))
        return outcomes

    def ask(self, sender: str, recipient: str) -> Outcome:
        """Whether a message would be taken so far as RCPT tells, without sending one.

        Raises:
            SessionEnded: The connection was lost.
        """
        self._enter(Phase.MAIL)
        reply = self._command(f"MAIL FROM:<{sender}>")
        if not reply.ok:
            return self._refused(reply)
        self._enter(Phase.RCPT)
        reply = self._command(f"RCPT TO:<{recipient}>")
        return self._outcome(Result.ACCEPTED, reply) if reply.ok else self._refused(reply)

    @property
    def server(self) -> str:
        """The name in the banner."""
        return self._server

    @property
    def offers(self) -> frozenset[str]:
        """What the answer to the last EHLO offers: names of extensions, in lower case."""
        return frozenset(self._smtp.esmtp_features)

    def extension(self, line: str) -> Reply:
        """Say a command that only some servers know, and return its reply.

        Raises:
            SessionEnded: The connection was lost.
        """
        return self._command(line)

    def quit(self) -> None:
        """Say QUIT and close; whatever the server answers changes nothing any more."""
        with contextlib.suppress(SessionEnded):
            self._enter(Phase.QUIT)
            self._command("QUIT")
        self.close()

    def close(self) -> None:
        """Close the connection without a word."""
        self._smtp.close()

    def reset(self) -> bool:
        """RSET, after a refusal; False if the session is no longer of use."""
        with contextlib.suppress(SessionEnded):
            return self._command("RSET").ok
        return False

    def _open(self) -> None:
        route, smtp = self._route, self._smtp
        try:
            smtp.sock = self._connected()
            route = self._route
        except ConnectionResetError as error:
            # Connected, and cut before it could be noticed: a SYN is refused, never reset.
            self._enter(Phase.BANNER)
            self._fail(error)
        except OSError as error:
            self._fail(error)
        smtp.sock.settimeout(route.reply_s)
        # The certificate is checked against the name that was asked for, not the address.
        smtp._host = route.server_name or route.endpoint.address  # type: ignore[attr-defined]
        self._enter(Phase.BANNER)
        reply = self._reply()
        self._server = reply.text.split(" ", 1)[0]
        self._must_be_ok(reply)
        self._ehlo()
        if route.tls:
            self._starttls(route.tls)
        if route.login:
            self._authenticate(route.login)

    def _connected(self) -> socket.socket:
        """A connection; of several that are tried, the route is then the one that opened."""
        route = self._route
        limits: _Limits = {"timeout_s": route.connect_s, "source": route.source}
        if not route.rivals:
            if bar := route.barred(route.endpoint):
                limits["timeout_s"] = stop_at(bar, route.connect_s)
            return connection(route.endpoint, **limits)
        try:
            where, made = first_connection(
                route.ends, every_s=route.every_s, barred=route.barred, **limits
            )
        except Reset as error:
            self._route = replace(route, endpoint=error.where)
            raise
        self._route = replace(route, endpoint=where)
        return made

    def _ehlo(self) -> None:
        self._enter(Phase.EHLO)
        try:
            code, text = self._smtp.ehlo()
        except (smtplib.SMTPException, OSError) as error:
            self._fail(error)
        self._must_be_ok(self._checked(code, text))

    def _starttls(self, context: ssl.SSLContext) -> None:
        self._enter(Phase.STARTTLS)
        if not self._smtp.has_extn("starttls"):
            self._end(Result.DROPPED, reason=NO_STARTTLS)
        try:
            self._smtp.starttls(context=for_fibres(context))
        except smtplib.SMTPResponseException as error:  # anything but 220
            raise SessionEnded(self._refused(self._error_reply(error))) from None
        except (smtplib.SMTPException, OSError) as error:
            self._fail(error)
        self._ehlo()

    def _authenticate(self, login: Credentials) -> None:
        self._enter(Phase.AUTH)
        smtp = self._smtp
        smtp.user, smtp.password = login.user, login.password
        offered = smtp.esmtp_features.get("auth", "").upper().split()
        try:
            # smtplib's own login tries the next mechanism after a refusal, also where that refusal
            # was a 421: then the connection's end would hide the reply.
            if "PLAIN" in offered:
                smtp.auth("PLAIN", smtp.auth_plain)
            elif "LOGIN" in offered:
                smtp.auth("LOGIN", smtp.auth_login)
            else:
                self._end(Result.DROPPED, reason="the server offers no AUTH that is known here")
        except smtplib.SMTPResponseException as error:  # anything but 235
            raise SessionEnded(self._refused(self._error_reply(error))) from None
        except (smtplib.SMTPException, OSError) as error:
            self._fail(error)

    def _send_content(self, content: bytes) -> Outcome:
        self._enter(Phase.DATA)
        reply = self._command("DATA")
        if reply.code != 354:
            return self._refused(reply)
        self._enter(Phase.BODY)
        body = with_transparent_dots(content)
        end = b".\r\n" if body.endswith(b"\r\n") else b"\r\n.\r\n"
        try:
            self._smtp.send(body + end)
        except (smtplib.SMTPException, OSError) as error:
            self._fail(error)
        self._enter(Phase.REPLY)
        reply = self._reply()
        if reply.code == 250:
            return self._outcome(Result.ACCEPTED, reply)
        return self._refused(reply)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase

    def _command(self, line: str) -> Reply:
        try:
            self._smtp.putcmd(line)
        except (smtplib.SMTPException, OSError) as error:
            self._fail(error)
        return self._reply()

    def _reply(self) -> Reply:
        try:
            code, text = self._smtp.getreply()
        except (smtplib.SMTPException, OSError) as error:
            self._fail(error)
        return self._checked(code, text)

    def _checked(self, code: int, text: bytes | str) -> Reply:
        if not 200 <= code <= 599:
            self._end(self._cut_result, reason=f"no SMTP reply: {code} {text!r}")
        return Reply(code, text.decode("ascii", "replace") if isinstance(text, bytes) else text)

    def _error_reply(self, error: smtplib.SMTPResponseException) -> Reply:
        return self._checked(error.smtp_code, error.smtp_error)

    def _must_be_ok(self, reply: Reply) -> None:
        if not reply.ok:
            raise SessionEnded(self._refused(reply))

    def _refused(self, reply: Reply) -> Outcome:
        return self._outcome(Result.REFUSED, reply)

    @property
    def _cut_result(self) -> Result:
        """What a cut means in the present phase."""
        if self._phase is Phase.CONNECT:
            return Result.UNREACHABLE
        return Result.UNANSWERED if self._phase is Phase.REPLY else Result.DROPPED

    def _fail(self, error: Exception) -> NoReturn:
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        local = isinstance(cause, OSError) and cause.errno in _LOCAL_ERRNOS
        result = Result.UNSENT if local and self._phase is Phase.CONNECT else self._cut_result
        self._end(result, reason=_reason(cause))

    def _end(self, result: Result, *, reason: str) -> NoReturn:
        raise SessionEnded(self._outcome(result, reason=reason))

    def _outcome(self, result: Result, reply: Reply | None = None, reason: str = "") -> Outcome:
        address = str(self._route.endpoint)
        return Outcome(result, self._phase, reply, reason, address, self._server)


def with_transparent_dots(content: bytes) -> bytes:
    """A message as it goes over the wire: a dot that begins a line is doubled (RFC 5321 §4.5.2).

    As smtplib does it, a line begins also after an LF alone: no server may take such a dot for the
    end of the message.
    """
    if content.startswith(b"."):
        content = b"." + content
    return content.replace(b"\n.", b"\n..")


# Errors of one's own machine: they say nothing of the server.
_LOCAL_ERRNOS: Final = frozenset(
    (errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EMFILE, errno.ENFILE, errno.ENOBUFS)
)


def _reason(error: BaseException) -> str:
    match error:
        case ConnectionRefusedError():
            return REFUSED
        case TimeoutError():
            return "timed out"
        case ConnectionResetError() | BrokenPipeError():
            return "connection reset"
        case ssl.SSLCertVerificationError():
            return f"{BAD_CERTIFICATE}{error.verify_message}"
        case smtplib.SMTPServerDisconnected() | ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "connection closed"
    return str(error) or type(error).__name__
