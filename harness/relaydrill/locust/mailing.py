"""Senders for an ordinary locustfile: Locust decides how many there are, and when each sends."""

from __future__ import annotations

import itertools
import random
import socket
import time
import uuid
from typing import Any, ClassVar

import dns.exception
import dns.resolver
from locust import User, events
from locust.env import Environment
from locust.exception import StopTest
from locust.runners import Runner, WorkerRunner

from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.errors import UsageError
from relaydrill.locust.statistics import count
from relaydrill.message import compose
from relaydrill.nodes.sending.host import trust
from relaydrill.personas import SenderSettings, persona_called
from relaydrill.personas.base import NoSuchName, Unresolved
from relaydrill.personas.courier import Courier, Sent
from relaydrill.smtp import NO_SUCH_NAME, Outcome


class MailUser(User):
    """One sender, with the memory that its persona has. Its tasks call `send_mail`.

    Attributes:
        host: Name that it resolves, address, or domain whose MX records count; also ``--host``. A
            port may follow, after a colon.
        port: Where it connects else.
        persona: How it picks a server; as a topology's flow.
        flow: Name in the statistics.
        sender: Envelope sender.
        recipient: Envelope recipient.
        size: Bytes of a body.
        helo: The name that it gives in EHLO; by default this machine's.
        login: User and password, for personas that log in.
        ca: PEM file of the authority to trust; by default the system's.
        connect_s: How long it waits for a connection, seconds.
        reply_s: How long it waits for a reply, seconds.
    """

    abstract = True
    port: ClassVar[int] = 25
    persona: ClassVar[str] = "single_host"
    flow: ClassVar[str] = "mail"
    sender: ClassVar[str] = ""
    recipient: ClassVar[str] = ""
    size: ClassVar[int] = 2000
    helo: ClassVar[str] = ""
    login: ClassVar[tuple[str, str]] = ("", "")
    ca: ClassVar[str] = ""
    connect_s: ClassVar[float] = 30.0
    reply_s: ClassVar[float] = 60.0

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        if not self.host:  # as Locust's own users say it; its web UI asks for one
            raise StopTest(_no_host(type(self)))
        self._name = self.helo or socket.getfqdn()
        self._persona = persona_called(self.persona)
        self._sender_state = self._persona.new_sender(SenderSettings(random.Random()))
        self._serial, self._numbers = uuid.uuid4().hex, itertools.count()
        self._courier = Courier(
            helo=self._name,
            source=(),
            directory=SystemNames(),
            endpoint=Endpoint,
            connect_s=self.connect_s,
            reply_s=self.reply_s,
            tls=trust(self.ca),
            login=Credentials(*self.login),
        )

    def send_mail(self) -> Outcome:
        """Make one attempt, have Locust count it, and return what was learnt."""
        assert self.host
        host, port = _host_and_port(self.host)
        identity = f"<{self._serial}.{next(self._numbers)}@{self._name}>"
        content = compose(
            identity,
            sender=self.sender,
            recipients=(self.recipient,),
            size=self.size,
            date=time.time(),
        )
        begin = time.monotonic()

        def tell(sent: Sent) -> None:
            took_s = time.monotonic() - begin
            count(self, self.flow, sent.outcome, took_s=took_s, size=len(content))

        return self._courier.send(
            self._persona,
            self._sender_state,
            host,
            int(port or self.port),
            sender=self.sender,
            recipient=self.recipient,
            content=content,
            tell=tell,
        ).outcome


@events.init.add_listener
def _check(environment: Environment, runner: Runner, **_: Any) -> None:
    """Refuse a locustfile whose users could not send, before it begins."""
    # The web UI asks for a host, and a worker learns it from its master.
    host_follows = environment.web_ui is not None or isinstance(runner, WorkerRunner)
    for users in environment.user_classes:
        if not issubclass(users, MailUser):
            continue
        if not (users.host or environment.host or host_follows):
            raise SystemExit(_no_host(users))
        for name in ("sender", "recipient"):
            if not getattr(users, name):
                raise SystemExit(f"{users.__name__} has no {name}: an address for the envelope")
        try:
            persona_called(users.persona)
        except UsageError as error:
            raise SystemExit(f"{users.__name__}: {error}") from None


def _host_and_port(text: str) -> tuple[str, str]:
    """Of ``mail.contoso.com``, ``10.0.0.1:25``, ``2001:db8::1`` or ``[2001:db8::1]:25``."""
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        return host, rest.removeprefix(":")
    if text.count(":") > 1:
        return text, ""
    host, _, port = text.partition(":")
    return host, port


def _no_host(users: type[MailUser]) -> str:
    return f"{users.__name__} has no host: name it there, or with --host"


class SystemNames:
    """Names as this machine resolves them."""

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """The domain's MX records.

        Raises:
            Unresolved: There is no such name, or no answer.
        """
        try:
            found = dns.resolver.resolve(domain, "MX")
        except dns.resolver.NoAnswer:
            return ()
        except dns.resolver.NXDOMAIN:
            raise NoSuchName(f"{domain}: {NO_SUCH_NAME}") from None
        except dns.exception.DNSException as error:
            raise Unresolved(f"{domain}: {error}") from None
        return tuple((each.preference, str(each.exchange).rstrip(".")) for each in found)

    def addresses(self, host: str) -> tuple[str, ...]:
        """The host's addresses, in the order in which this machine would try them.

        Raises:
            Unresolved: There is no such name, or no answer.
        """
        try:
            found = socket.getaddrinfo(host, None, socket.AF_UNSPEC, socket.SOCK_STREAM)
        except OSError as error:
            raise Unresolved(f"{host}: {error.strerror or error}") from None
        return tuple(dict.fromkeys(str(where[0]) for *_, where in found))
