"""The load balancer as a TCP proxy: VIPs with port rules, backends, health checks, drain."""

from __future__ import annotations

import asyncio
import functools
import itertools
from typing import Any

from relaydrill.disturbance import Action
from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.balancing.health import HealthCheck, cause
from relaydrill.nodes.balancing.proxying import PROXY_LOCAL, Half, proxy_header
from relaydrill.nodes.vrrp.stand_in import listener


class Server:
    """One backend for one port: what the balancer believes of it, and its sessions.

    Attributes:
        sessions: Those that it has, and those that are being opened, in their order.
        check: Its health check, where there is one.
    """

    def __init__(self, name: str, port: int, target: config.Address) -> None:
        self.name = name
        self.port = port
        self.target = target
        self.up = True
        self.admin = "ready"
        self.sessions: dict[Half, None] = {}
        self.cuts = 0
        self.check: HealthCheck | None = None

    @property
    def takes_new(self) -> bool:
        """Whether new connections may go to it."""
        return self.up and self.admin == "ready"

    @property
    def state(self) -> str:
        """``up``, ``down``, ``drain`` or ``maint``."""
        return ("up" if self.up else "down") if self.admin == "ready" else self.admin

    def administer(self, state: str) -> None:
        """Set it to ready, drain or maint.

        In maintenance it is not checked; what comes back from there counts as up, and its next
        check decides.
        """
        was, self.admin = self.admin, state
        if self.check is None or state == was:
            return
        if state == "maint":
            self.check.pause()
        elif was == "maint":
            self.up = True
            self.check.resume()

    def cut_sessions(self) -> None:
        """End every session at once; one whose connection is just being made ends with that."""
        self.cuts += 1
        for session in tuple(self.sessions):
            session.cut()


class Front(Half):
    """A client's connection, from the accept to the backend that it is given to."""

    def __init__(self, service: BalancerService, front: config.Front) -> None:
        super().__init__()
        self._service = service
        self._front = front
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hold the client's bytes back until a backend is there."""
        super().connection_made(transport)
        assert self.transport
        self.transport.pause_reading()
        self._service.clients[self] = None
        self._task = asyncio.get_running_loop().create_task(self._service.join(self, self._front))

    def connection_lost(self, error: Exception | None) -> None:
        """Give up looking for a backend."""
        self._service.clients.pop(self, None)
        if self._task:
            self._task.cancel()
        super().connection_lost(error)


class Back(Half):
    """The balancer's connection to a backend; counted among the backend's sessions."""

    def __init__(self, server: Server, client: Front) -> None:
        super().__init__()
        self._server = server
        self.other = client  # at once: a backend's banner may come before the connector goes on

    def connection_lost(self, error: Exception | None) -> None:
        """Count it no more."""
        self._server.sessions.pop(self, None)
        super().connection_lost(error)


class BalancerService:
    """The balancer.

    Attributes:
        clients: The connections that it has, in their order.
    """

    disturbable: frozenset[Action] = frozenset()

    def __init__(self, settings: config.Balancer, journal: Journal) -> None:
        self._settings = settings
        self._journal = journal
        ports = sorted({front.port for front in settings.fronts})
        self._farms: dict[int, list[Server]] = {
            port: [
                Server(backend.name, port, backend.endpoints[port])
                for backend in settings.backends
                if port in backend.endpoints
            ]
            for port in ports
        }
        self._turns = {port: itertools.count() for port in ports}
        self.clients: dict[Front, None] = {}
        self._listeners: list[asyncio.Server] = []
        self._checks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen on the VIPs and begin to check; every backend counts as up until it fails.

        One of a pair listens when it is told to take the VIPs, unless keepalived moves them.
        """
        vrrp = self._settings.vrrp
        if vrrp is None or vrrp.keepalived:
            await self._listen(shared=False)
        if self._settings.check.kind != "none":
            self._start_checks(list(itertools.chain.from_iterable(self._farms.values())))

    async def take_vips(self) -> None:
        """Listen on the VIPs, before whoever else does.

        Raises:
            OSError: One cannot be bound.
        """
        await self._listen(shared=True)

    async def leave_vips(self) -> None:
        """Leave the VIPs to another: packets of sessions that came by them do not come here."""
        self._close_listeners()
        for client in tuple(self.clients):
            client.reset()

    async def _listen(self, *, shared: bool) -> None:
        loop, backlog = asyncio.get_running_loop(), self._settings.backlog
        for front in self._settings.fronts:
            make = functools.partial(Front, self, front)
            address, port = front.bind.address, front.bind.port
            self._listeners.append(
                await loop.create_server(
                    make, sock=listener(address, port, backlog), backlog=backlog
                )
                if shared
                else await loop.create_server(make, address, port, backlog=backlog)
            )

    def _close_listeners(self) -> None:
        for each in self._listeners:
            each.close()
        self._listeners.clear()

    def _start_checks(self, servers: list[Server]) -> None:
        """Check all servers, spread evenly over the interval.

        The first round comes an interval late, because one bad check is enough in it: a lab brings
        up the balancer and its backends at the same moment, and HAProxy is slower to begin.
        """
        for number, server in enumerate(servers):
            server.check = HealthCheck(
                self._settings.check,
                server.target,
                self._settings.address,
                PROXY_LOCAL if self._settings.source == "proxy" else b"",
                functools.partial(self._believe, server),
                connect_s=self._settings.connect_s,
                first_s=self._settings.check.interval * (1 + number / len(servers)),
            )
            self._checks.append(asyncio.get_running_loop().create_task(server.check.run()))

    async def stop(self) -> None:
        """Stop checking and listening."""
        for task in self._checks:
            task.cancel()
        self._close_listeners()

    async def refresh(self) -> None:
        """A balancer has no session of its own to disturb."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``state`` sets a backend to ready, drain or maint; ``backends`` tells all states."""
        if op == "backends":
            return [
                {"backend": server.name, "port": server.port, "state": server.state}
                for server in itertools.chain.from_iterable(self._farms.values())
            ]
        if op == "state":
            return self._administer(str(args["backend"]), str(args["state"]))
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def _administer(self, backend: str, state: str) -> None:
        if state not in ("ready", "drain", "maint"):
            raise ValueError(f"no state {state!r}: ready, drain or maint")
        servers = [
            server
            for server in itertools.chain.from_iterable(self._farms.values())
            if server.name == backend
        ]
        if not servers:
            raise ValueError(f"no backend {backend!r}")
        for server in servers:
            server.administer(state)
            self._journal_state(server, "by the operator")
            if state == "maint":
                self._marked_down(server)

    def _believe(self, server: Server, up: bool, reason: str) -> None:
        server.up = up
        self._journal_state(server, reason)
        if not up:
            self._marked_down(server)

    def _marked_down(self, server: Server) -> None:
        if self._settings.on_marked_down == "shutdown":
            server.cut_sessions()

    def _journal_state(self, server: Server, reason: str) -> None:
        self._journal.write(
            "backend", backend=server.name, port=server.port, state=server.state, reason=reason
        )

    async def join(self, client: Front, front: config.Front) -> None:
        """Give a client's connection to a backend, or close it."""
        assert client.transport
        peer: tuple[str, int] | None = client.transport.get_extra_info("peername")
        if peer is None:  # it has reset the connection already
            client.transport.close()
            return
        reason = "no backend is up"
        for server in self._candidates(front.port):
            try:
                await self._connect(client, peer, front, server)
                return
            except OSError as error:
                reason = f"{server.name}: {cause(error)}"
        self._journal.write("unserved", client=peer[0], port=front.port, reason=reason)
        client.transport.close()

    def _candidates(self, port: int) -> list[Server]:
        """The backends to try for one connection, in order."""
        ready = [server for server in self._farms[port] if server.takes_new]
        if not ready:
            return []
        turn = next(self._turns[port]) % len(ready)
        order = ready[turn:] + ready[:turn]
        if self._settings.method == "leastconn":
            order.sort(key=lambda server: len(server.sessions))
        return order if self._settings.redispatch else order[:1]

    async def _connect(
        self, client: Front, peer: tuple[str, int], front: config.Front, server: Server
    ) -> None:
        loop = asyncio.get_running_loop()
        half = Back(server, client)
        # Counted from here: a server that does not answer must not seem to be the idlest.
        server.sessions[half] = None
        cuts = server.cuts
        try:
            async with asyncio.timeout(self._settings.connect_s):
                await loop.create_connection(
                    lambda: half,
                    server.target.address,
                    server.target.port,
                    local_addr=(self._settings.address, 0),
                )
            if server.cuts != cuts:
                half.cut()
                raise ConnectionAbortedError("marked down meanwhile")
        except BaseException:
            server.sessions.pop(half, None)
            raise
        assert half.transport
        assert client.transport
        client.other = half
        self._journal.write("connected", client=peer[0], port=front.port, backend=server.name)
        if self._settings.source == "proxy":
            half.transport.write(proxy_header(peer, (front.bind.address, front.bind.port)))
        client.transport.resume_reading()
