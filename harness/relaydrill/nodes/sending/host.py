"""A host that sends as personas do: its resolver, its timeouts, and the memory of its senders."""

from __future__ import annotations

import functools
import random
import ssl
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from relaydrill.nodes import config
from relaydrill.nodes.sending.workload import Letter
from relaydrill.personas import PERSONAS, Circumstances, Directory, Mind
from relaydrill.personas.courier import Courier, Inquiry, Sent
from relaydrill.personas.directories import KnownHosts, NameServers
from relaydrill.placement import Credentials, Endpoint, in_networks
from relaydrill.smtp import Outcome


@functools.cache
def trust(ca: str) -> ssl.SSLContext:
    """What trusts the authority in a file, or those of this machine; one for all that ask.

    Reading this machine's authorities takes 20 ms of processor.

    Raises:
        OSError: The file is not there, or holds no certificate.
    """
    return ssl.create_default_context(cafile=ca or None)


@dataclass(frozen=True, slots=True)
class Learnt:
    """What one attempt came to.

    Attributes:
        outcome: What the sender has learnt. choice: The node that was tried first, or its address.
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
        settings: The node's configuration. tls: Context that trusts the right authority; by default
            the one that the configuration names.
    """

    def __init__(self, settings: config.Sender, tls: ssl.SSLContext | None = None) -> None:
        self._settings = settings
        self._courier = _courier(settings, tls or trust(settings.ca))
        self._minds: dict[tuple[str, str, str, str], Mind] = {}
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

    def send(self, letter: Letter, tell: Callable[[Learnt], None]) -> None:
        """Send a letter as its persona does. Never raises for the network.

        Args:
            tell: Called once, as `Courier.send` does it: the session may still be under way.
        """
        load = letter.load
        member = letter.number % load.population
        persona = PERSONAS[load.persona]
        keeps = persona.chooses == "sender" and not load.pin

        def learn(sent: Sent) -> None:
            choice = self._settings.nodes.get(sent.choice, sent.choice)
            tell(Learnt(sent.outcome, choice, member if keeps else None))

        self._courier.send(
            persona,
            self._mind(load.drill, load.persona, f"{load.seed} {member}", load.pin),
            load.host,
            load.port,
            sender=load.sender,
            recipient=letter.recipient,
            content=letter.content,
            tell=learn,
        )

    def _mind(self, drill: str, persona: str, seed: str, pin: str) -> Mind:
        """A member of a population; the first message of a drill forgets the drills before it."""
        key = (drill, persona, seed, pin)
        with self._lock:
            if key not in self._minds:
                if self._minds and next(iter(self._minds))[0] != drill:
                    self._minds.clear()
                born = Circumstances(
                    random.Random(seed),
                    pin,
                    cache_s=self._settings.cache_s,
                    shun_s=self._settings.shun_s,
                    near=self._settings.address if self._settings.near else "",
                )
                self._minds[key] = PERSONAS[persona].mind(born)
            return self._minds[key]


def _told(outcome: Outcome) -> dict[str, Any]:
    return {
        "result": str(outcome.result),
        "phase": str(outcome.phase),
        "code": outcome.reply.code if outcome.reply else 0,
        "said": str(outcome.reply or outcome.reason),
        "address": outcome.address,
        "server": outcome.server,
    }


def _courier(settings: config.Sender, tls: ssl.SSLContext) -> Courier:
    def endpoint(address: str, port: int) -> Endpoint:
        return Endpoint(address, settings.ports.get(address, {}).get(port, port))

    def permits(where: Endpoint) -> bool:
        """Whether the fence is not in the way: DNS may lead anywhere."""
        if settings.fence_ports and where.port not in settings.fence_ports:
            return False
        return not settings.fence or in_networks(where.address, settings.fence)

    return Courier(
        helo=settings.fqdn,
        source=settings.address,
        directory=_directory(settings),
        endpoint=endpoint,
        connect_s=settings.connect_s,
        reply_s=settings.reply_s,
        tls=tls,
        login=Credentials(settings.login.user, settings.login.password),
        permits=permits,
    )


def _directory(settings: config.Sender) -> Directory:
    if not settings.dns:
        return KnownHosts(settings.hosts)
    servers = [Endpoint(server.address, server.port) for server in settings.dns]
    return NameServers(servers, settings.dns_s, settings.hosts, settings.address)
