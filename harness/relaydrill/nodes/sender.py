"""The sending host: runs personas on a schedule, and journals every attempt."""

from __future__ import annotations

import asyncio
import functools
import random
import ssl
import threading
from typing import Any

from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.disturbance import Action
from relaydrill.nodes.workload import Letter, Workload, note_outcome
from relaydrill.personas import PERSONAS, Circumstances, Directory, Mind
from relaydrill.personas.courier import Courier
from relaydrill.personas.directories import KnownHosts, NameServers
from relaydrill.placement import Credentials, Endpoint, in_networks


class SenderService:
    """The sender node."""

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.Sender, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        self._courier = _courier(settings)
        self._minds: dict[tuple[str, str, str, str], Mind] = {}
        self._lock = threading.Lock()
        self._workload = Workload(settings, self._send, journal, most_at_once=settings.most_at_once)

    async def start(self) -> None:
        """A sender listens nowhere but on its control channel."""

    async def stop(self) -> None:
        """End the schedules; attempts under way are given up, and so have no outcome."""
        self._workload.close()

    async def refresh(self) -> None:
        """There is nothing to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``ask`` probes a server without sending; the rest as `relaydrill.nodes.workload`."""
        if op == "ask":
            return await asyncio.to_thread(self._ask, **args)
        return await self._workload.handle(op, args)

    def _ask(self, *, host: str, port: int, **how: Any) -> dict[str, Any]:
        """What a host of the topology says to a client of here; see `Courier.ask`."""
        [address] = self._settings.hosts[host]
        outcome = self._courier.ask(address, port, **how)
        return {
            "result": str(outcome.result),
            "phase": str(outcome.phase),
            "code": outcome.reply.code if outcome.reply else 0,
            "said": str(outcome.reply or outcome.reason),
            "address": outcome.address,
            "server": outcome.server,
        }

    def _send(self, letter: Letter) -> None:
        load = letter.load
        member = letter.number % load.population
        sent = self._courier.send(
            PERSONAS[load.persona],
            self._mind(load.drill, load.persona, f"{load.seed} {member}", load.pin),
            load.host,
            load.port,
            sender=load.sender,
            recipient=letter.recipient,
            content=letter.content,
        )
        choice = self._settings.nodes.get(sent.choice, sent.choice)
        keeps = PERSONAS[load.persona].chooses == "sender" and not load.pin
        one_of = {"member": member} if keeps else {}
        note_outcome(self._journal, letter, sent.outcome, choice=choice, **one_of)

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


@functools.cache
def trust(ca: str) -> ssl.SSLContext:
    """What trusts the authority in a file, or those of this machine; one for all that ask.

    Raises:
        OSError: The file is not there, or holds no certificate.
    """
    return ssl.create_default_context(cafile=ca or None)


def _courier(settings: config.Sender) -> Courier:
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
        tls=trust(settings.ca),
        login=Credentials(settings.login.user, settings.login.password),
        permits=permits,
    )


def _directory(settings: config.Sender) -> Directory:
    if not settings.dns:
        return KnownHosts(settings.hosts)
    servers = [Endpoint(server.address, server.port) for server in settings.dns]
    return NameServers(servers, settings.dns_s, settings.hosts, settings.address)
