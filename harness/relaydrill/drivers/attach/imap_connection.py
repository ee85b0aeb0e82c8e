"""A connection to an IMAP server: within the fence, with its certificate checked by name.

What is wrong with a certificate is said so that one knows which side to mend.
"""

from __future__ import annotations

import contextlib
import imaplib
import socket
import ssl
from typing import Final

from relaydrill.drivers.attach.reaching import Bounds
from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.errors import LabError
from relaydrill.topology.attach import Imap

_TIMEOUT_S: Final = 20.0

_EXPIRED, _NOT_YET, _WRONG_NAME, _WRONG_ADDRESS = 10, 9, 62, 64
_UNTRUSTED: Final = frozenset((18, 19, 20, 21, 2))
"""X509_V_ERR_… of OpenSSL's x509_vfy.h: expired, not yet valid, host name and IP address mismatch;
self-signed, or by an authority that is not at hand."""


def opened(where: Imap, login: Credentials, trust: ssl.SSLContext, bounds: Bounds) -> imaplib.IMAP4:
    """A session that is logged in.

    Args:
        where: The server.
        login: Name and password.
        trust: Context with the authorities that count.
        bounds: Where this machine may connect to.

    Raises:
        LabError: It lies outside of the fence, or does not prove who it is.
        imaplib.IMAP4.error, OSError: It does not answer as it should.
    """
    at = bounds.endpoint(where.host, where.port)
    try:
        mailbox = _Session(at, where.name, trust if where.tls == "implicit" else None)
        with contextlib.ExitStack() as on_error:
            on_error.callback(mailbox.shutdown)
            if where.tls == "starttls":
                mailbox.starttls(trust)
            mailbox.login(login.user, login.password)
            on_error.pop_all()
    except ssl.SSLCertVerificationError as error:
        raise LabError(_about_certificate(error, where.name)) from None
    except ssl.SSLError as error:
        if error.reason in ("WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG"):
            text = f"port {where.port} does not begin with TLS: say tls: starttls, or another port"
            raise LabError(text) from None
        raise
    return mailbox


class _Session(imaplib.IMAP4):
    """An IMAP session with a server that is asked for by one name and reached at an address.

    Args:
        at: Where it is.
        name: Which its certificate must bear.
        implicit: Context for TLS from the first byte on; None: in clear.
    """

    def __init__(self, at: Endpoint, name: str, implicit: ssl.SSLContext | None) -> None:
        self._at = at
        self._implicit = implicit
        super().__init__(name, at.port, _TIMEOUT_S)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        """Connect to the address that was looked at; `starttls` checks for the name."""
        connection = socket.create_connection((self._at.address, self._at.port), timeout)
        if self._implicit is None:
            return connection
        try:
            return self._implicit.wrap_socket(connection, server_hostname=self.host)
        except BaseException:
            connection.close()
            raise


def _about_certificate(error: ssl.SSLCertVerificationError, name: str) -> str:
    """What is wrong with a certificate, and who can mend it."""
    match error.verify_code:
        case code if code == _EXPIRED:
            return "its certificate has expired: renew it on the server"
        case code if code == _NOT_YET:
            return "its certificate is not valid yet: set the clock right, here or on the server"
        case code if code in (_WRONG_NAME, _WRONG_ADDRESS):
            return (
                f"its certificate is not for {name}: name the server as its certificate does"
                " (server: {address: …, name: …}), or give it one for this name"
            )
        case code if code in _UNTRUSTED:
            return (
                "its certificate is signed by an authority that is not trusted here"
                f" ({error.verify_message}): name that authority's file in attach.ca, or give the"
                " server a certificate of one that is trusted"
            )
    return f"its certificate does not hold: {error.verify_message}"
