"""A host that sends as personas do: its resolver, its timeouts, and the memory of its senders."""

from __future__ import annotations

import functools
import random
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relaydrill.address_span import in_networks
from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.hindrance import NOBODY
from relaydrill.nodes import config
from relaydrill.nodes.sending.workload import OutgoingMessage
from relaydrill.personas import Directory, SenderSettings, SenderState, persona_called
from relaydrill.personas.courier import Courier, Inquiry, Sent
from relaydrill.personas.directories import KnownHosts, NameServers
from relaydrill.personas.own_side import OwnSide
from relaydrill.smtp import Outcome


def trust(ca: str) -> ssl.SSLContext:
    """What trusts the authority in a file, or those of this machine; one for all that ask.

    Reading this machine's authorities takes 20 ms of processor. A file is read again once it has
    changed: in a simulated lab a node that starts anew does so in a process that goes on.

    Raises:
        OSError: The file is not there, or holds no certificate.
    """
    if not ca:
        return _trust("", ())
    seen = Path(ca).stat()
    return _trust(ca, (seen.st_ino, seen.st_mtime_ns, seen.st_size))


@functools.cache
def _trust(ca: str, _version: tuple[int, ...]) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca or None)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What one attempt came to.

    Attributes:
        outcome: What the sender has learnt.
        choice: The node that was tried first, or its address.
        member: Which sender of the population it was, where a sender keeps to its choice.
    """

    outcome: Outcome
    choice: str
    member: int | None

    @property
    def notes(self) -> dict[str, Any]:
        """What the journal tells beside the outcome."""
        kept = {} if self.member is None else {"member": self.member}
        return {"choice": self.choice, **kept}


class SendingHost:
    """Makes attempts; several threads may do so at a time.

    Args:
        settings: The node's configuration.
        tls: Context that trusts the right authority; by default the one that the configuration
            names.
        side: What is wrong on its own side; by default nothing.
    """

    def __init__(
        self,
        settings: config.Sender,
        tls: ssl.SSLContext | None = None,
        side: OwnSide | None = None,
    ) -> None:
        self._settings = settings
        self._courier = _courier(settings, tls or trust(settings.ca), side or OwnSide())
        self._senders: dict[tuple[str, str, str, str], SenderState] = {}
        self._lock = threading.Lock()

    def ask(
        self,
        *,
        host: str,
        port: int,
        envelopes: Iterable[Iterable[str]],
        **how: Any,
    ) -> dict[str, Any]:
        """What a host of the topology says to a client of here; see `Inquiry`."""
        [address] = self._settings.hosts[host]
        asked = tuple((sender, recipient) for sender, recipient in envelopes)
        answers = self._courier.ask(address, port, Inquiry(asked, **how))
        return {
            "opened": _told(answers.opened),
            "server": answers.server,
            "offers": sorted(answers.offers),
            "answers": [_told(outcome) for outcome in answers.outcomes],
        }

    def send(self, message: OutgoingMessage, tell: Callable[[Learnt], None]) -> None:
        """Send a message as its persona does. Never raises for the network.

        Args:
            message: The message.
            tell: Called once, as `Courier.send` does it: the session may still be under way.
        """
        load = message.load
        member = message.number % load.population
        persona = persona_called(load.persona)
        keeps = persona.chooses == "sender" and not load.pin

        def learn(sent: Sent) -> None:
            choice = self._settings.nodes.get(sent.choice, sent.choice)
            tell(Learnt(sent.outcome, choice, member if keeps else None))

        self._courier.send(
            persona,
            self._sender(load.drill, load.persona, f"{load.seed} {member}", load.pin),
            load.host,
            load.port,
            sender=load.sender,
            recipient=message.recipient,
            content=message.content,
            tell=learn,
        )

    def _sender(self, drill: str, persona: str, seed: str, pin: str) -> SenderState:
        """A member of a population; the first message of a drill forgets the drills before it."""
        key = (drill, persona, seed, pin)
        with self._lock:
            if key not in self._senders:
                if self._senders and next(iter(self._senders))[0] != drill:
                    self._senders.clear()
                settings = SenderSettings(
                    random.Random(seed),
                    pin,
                    cache_s=self._settings.cache_s,
                    shun_s=self._settings.shun_s,
                    near=self._settings.address if self._settings.near else "",
                )
                self._senders[key] = persona_called(persona).new_sender(settings)
            return self._senders[key]


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "result": str(outcome.result),
        "phase": str(outcome.phase),
        "code": outcome.reply.code if outcome.reply else 0,
        "said": str(outcome.reply or outcome.reason),
        "address": outcome.address,
        "server": outcome.server,
    }


def _courier(settings: config.Sender, tls: ssl.SSLContext, side: OwnSide) -> Courier:
    def endpoint(address: str, port: int) -> Endpoint:
        return Endpoint(address, settings.ports.get(address, {}).get(port, port))

    def permits(where: Endpoint) -> bool:
        """Whether the fence is not in the way: DNS may lead anywhere."""
        if where.address == NOBODY:  # never connected to; see `OwnSide.bars`
            return True
        if settings.fence_ports and where.port not in settings.fence_ports:
            return False
        return not settings.fence or in_networks(where.address, settings.fence)

    return Courier(
        helo=settings.fqdn,
        source=settings.addresses,
        directory=_directory(settings, side),
        endpoint=endpoint,
        connect_s=settings.connect_s,
        reply_s=settings.reply_s,
        tls=tls,
        login=Credentials(settings.login.user, settings.login.password),
        permits=permits,
        bars=side.bars,
        every_s=settings.every_s,
    )


def _directory(settings: config.Sender, side: OwnSide) -> Directory:
    hosts = {
        host: (*settings.hosts6.get(host, ()), *addresses)
        for host, addresses in settings.hosts.items()
    }
    if not settings.dns:
        return KnownHosts(hosts)
    servers = [Endpoint(server.address, server.port) for server in settings.dns]
    return NameServers(
        servers,
        settings.dns_s,
        hosts,
        settings.addresses,
        asks_for_ipv6=bool(settings.second_address),
        side=side,
    )
