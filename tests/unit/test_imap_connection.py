"""An IMAP server is known by its certificate's name; what is wrong with it says what to mend."""

from __future__ import annotations

import contextlib
import imaplib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from relaydrill.drivers.attach.imap_connection import opened
from relaydrill.drivers.attach.reaching import Bounds
from relaydrill.endpoint import Credentials
from relaydrill.errors import LabError
from relaydrill.topology.attach import Imap, Login, NamedServer

_LOGIN = Login(user="env:USER", password="env:PASSWORD")
_BOUNDS = Bounds(("127.0.0.0/8",))
AUTHORITY, STRANGER = trustme.CA(), trustme.CA()


@contextlib.contextmanager
def server(certificate: trustme.LeafCert | None) -> Iterator[int]:
    """Greets, takes any login, and offers nothing else; its port.

    Args:
        certificate: What it shows from the first byte on; None speaks in clear.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if certificate:
        certificate.configure_cert(context)
    serving = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError), serving.accept()[0] as plain:
            plain.settimeout(5)
            connection = context.wrap_socket(plain, server_side=True) if certificate else plain
            with connection:
                connection.sendall(b"* OK ready\r\n")
                while line := connection.recv(4096):
                    tag = line.partition(b" ")[0]
                    said = b"* CAPABILITY IMAP4rev1\r\n" if b"CAPABILITY" in line else b""
                    connection.sendall(said + tag + b" OK done\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield int(serving.getsockname()[1])
    finally:
        thread.join()
        serving.close()


def connect(settings: Imap) -> imaplib.IMAP4:
    """Log in there, trusting one authority."""
    trust = ssl.create_default_context()
    AUTHORITY.configure_trust(trust)
    return opened(settings, Credentials("anna", "secret"), trust, _BOUNDS)


def to(name: str, port: int, tls: str = "implicit") -> Imap:
    """A mailbox at a loopback address, whose server has this name."""
    place = NamedServer(address="127.0.0.1", name=name)
    return Imap.model_validate({"server": place, "port": port, "tls": tls, "login": _LOGIN})


@pytest.mark.parametrize(
    ("name", "in_certificate"),
    [
        ("imap.contoso.com", "imap.contoso.com"),
        ("imap.contoso.com", "*.contoso.com"),
        ("localhost", "localhost"),
    ],
)
def test_a_certificate_is_checked_for_the_name(name: str, in_certificate: str) -> None:
    """The address leads there; the name is what the certificate must bear."""
    with server(AUTHORITY.issue_cert(in_certificate)) as port:
        connect(to(name, port)).shutdown()


def test_a_server_by_name_alone_is_found_by_it() -> None:
    """The name is resolved, and the certificate checked for it."""
    with server(AUTHORITY.issue_cert("localhost")) as port:
        connect(Imap(server="localhost", port=port, login=_LOGIN)).shutdown()


def test_a_server_by_address_needs_the_address_in_its_certificate() -> None:
    """As a client has it that knows no name."""
    with server(AUTHORITY.issue_cert("127.0.0.1")) as port:
        connect(Imap(server="127.0.0.1", port=port, login=_LOGIN)).shutdown()
    with (
        server(AUTHORITY.issue_cert("imap.contoso.com")) as port,
        pytest.raises(LabError, match="its certificate is not for 127.0.0.1: name the server as"),
    ):
        connect(Imap(server="127.0.0.1", port=port, login=_LOGIN))


@pytest.mark.parametrize(
    ("certificate", "told"),
    [
        (AUTHORITY.issue_cert("other.org"), "its certificate is not for imap.contoso.com: name"),
        (
            STRANGER.issue_cert("imap.contoso.com"),
            "authority that is not trusted here .* attach.ca",
        ),
        (
            AUTHORITY.issue_cert(
                "imap.contoso.com", not_after=datetime.now(UTC) - timedelta(days=1)
            ),
            "its certificate has expired: renew it on the server",
        ),
        (None, "does not begin with TLS: say tls: starttls"),
    ],
)
def test_what_is_wrong_says_what_to_mend(certificate: trustme.LeafCert | None, told: str) -> None:
    """The server's certificate, the inventory's name, its authority, or its tls."""
    with server(certificate) as port, pytest.raises(LabError, match=told):
        connect(to("imap.contoso.com", port))


def test_a_server_without_starttls_is_told() -> None:
    """Nothing goes in clear where the inventory wants TLS."""
    with server(None) as port, pytest.raises(imaplib.IMAP4.error, match="TLS not supported"):
        connect(to("imap.contoso.com", port, "starttls"))


def test_a_server_outside_of_the_fence_is_not_connected_to() -> None:
    """Whatever its name says."""
    bounds = Bounds(("10.0.0.0/8",))
    with pytest.raises(LabError, match=r"127.0.0.1 is outside of attach.allow.hosts \(10.0.0.0/8"):
        opened(to("a.org", 9), Credentials("a", "b"), ssl.create_default_context(), bounds)
