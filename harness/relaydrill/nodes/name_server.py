"""The DNS server: authoritative for the topology's zones and names, or a caching resolver."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from typing import Any, Final

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.answer_order import arranged, near_first
from relaydrill.nodes.disturbance import OF_A_NAME_SERVER, Disturbance, Disturbances

_MOST_TCP_S: Final = 10.0

Answer = tuple[dns.rcode.Rcode, tuple[str, ...], float]
"""Result, records as text, and for how many seconds they may be kept."""


class NameServer:
    """A DNS node.

    A resolver keeps what it was told for its TTL and orders each answer anew, as its own ``order``
    says. What was not found is not kept.
    """

    disturbable = OF_A_NAME_SERVER

    def __init__(self, settings: config.Dns, journal: Journal, disturbances: Disturbances) -> None:
        self._settings = settings
        self._journal = journal
        self._disturbances = disturbances
        self._turns: Counter[tuple[str, str]] = Counter()
        self._chance = random.Random(settings.name)
        self._kept: dict[tuple[str, str], tuple[float, Answer]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._datagrams: asyncio.DatagramTransport
        self._streams: asyncio.Server

    async def start(self) -> None:
        """Listen for datagrams and for connections.

        Raises:
            OSError: The address cannot be bound.
        """
        loop, bind = asyncio.get_running_loop(), self._settings.bind
        self._datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self), local_addr=(bind.address, bind.port)
        )
        self._streams = await asyncio.start_server(self._stream, bind.address, bind.port)

    async def stop(self) -> None:
        """Listen no more; questions under way stay without an answer."""
        self._datagrams.close()
        self._streams.close()
        for task in self._tasks:
            task.cancel()

    async def refresh(self) -> None:
        """The next answer follows the disturbances by itself."""

    async def handle(self, op: str, args: dict[str, Any]) -> Any:
        """``flush`` forgets everything that a resolver has kept."""
        if op == "flush":
            return self._kept.clear()
        raise CapabilityMissing(op, "the node program", self._settings.name)

    def asked(self, wire: bytes, client: tuple[str, int]) -> None:
        """A datagram came in."""

        async def answer() -> None:
            reply = await self._reply(wire, client[0])
            if reply is not None and not self._datagrams.is_closing():
                self._datagrams.sendto(reply, client)

        task = asyncio.get_running_loop().create_task(answer())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A connection: questions and answers, each with its length before it (RFC 1035 §4.2.2)."""
        client = writer.get_extra_info("peername")[0]
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, TimeoutError):
            async with asyncio.timeout(_MOST_TCP_S):
                while True:
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    reply = await self._reply(await reader.readexactly(length), client)
                    if reply is None:
                        break
                    writer.write(len(reply).to_bytes(2, "big") + reply)
                    await writer.drain()
        writer.close()

    async def _reply(self, wire: bytes, client: str) -> bytes | None:
        """The answer to a question; None where there is none."""
        try:
            query = dns.message.from_wire(wire)
            [question] = query.question
        except (dns.exception.DNSException, ValueError):
            return None
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        disturbance = self._disturbances.first
        if disturbance and await self._disturb(disturbance, client):
            return None
        code, records, kept_s = await self._answer(name, kind, client, disturbance)
        response = dns.message.make_response(
            query, recursion_available=bool(self._settings.upstream)
        )
        if not self._settings.upstream:
            response.flags |= dns.flags.AA
        response.set_rcode(code)
        if records:
            ttl = max(1, round(kept_s))
            rrset = dns.rrset.from_text_list(
                question.name, ttl, dns.rdataclass.IN, question.rdtype, records
            )
            response.answer.append(rrset)
        self._journal.write(
            "answered",
            name=name,
            type=kind,
            rcode=dns.rcode.to_text(code),
            records=list(records),
            client=client,
        )
        # The library would shuffle the records otherwise, and their order is what matters here.
        return response.to_wire(want_shuffle=False)

    async def _disturb(self, disturbance: Disturbance, client: str) -> bool:
        """Let a fault act; True if there shall be no answer."""
        self._journal.write(
            "bitten", fault=disturbance.label, phase=str(disturbance.phase or ""), client=client
        )
        if disturbance.action == "delay":
            await asyncio.sleep(disturbance.delay_s)
        return disturbance.action == "hang"

    async def _answer(
        self, name: str, kind: str, client: str, disturbance: Disturbance | None
    ) -> Answer:
        if disturbance and disturbance.action == "rcode":
            return dns.rcode.from_text(disturbance.rcode), (), 0.0
        code, records, kept_s = await self._known(name, kind)
        if disturbance and disturbance.action == "stale" and kind == "A" and records:
            return code, (self._settings.stale,), kept_s
        turn = self._turns[name, kind]
        self._turns[name, kind] += 1
        records = arranged(records, self._settings.order, turn=turn, chance=self._chance)
        if kind == "A" and self._settings.netmask_ordering:
            records = near_first(records, client)
        return code, records, kept_s

    async def _known(self, name: str, kind: str) -> Answer:
        if not self._settings.upstream:
            return self._own(name, kind)
        now = time.monotonic()
        until, kept = self._kept.get((name, kind), (0.0, None))
        if kept and now < until:
            return kept
        answer = await self._forwarded(name, kind)
        if answer[1]:
            self._kept[name, kind] = (now + answer[2], answer)
        return answer

    def _own(self, name: str, kind: str) -> Answer:
        """What this server itself knows."""
        settings = self._settings
        if name not in settings.mx and name not in settings.hosts:
            return dns.rcode.NXDOMAIN, (), 0.0
        found: tuple[str, ...] = ()
        if kind == "MX":
            found = tuple(f"{mx.preference} {mx.host}." for mx in settings.mx.get(name, ()))
        elif kind == "A":
            found = settings.hosts.get(name, ())
        return dns.rcode.NOERROR, found, settings.ttl_s

    async def _forwarded(self, name: str, kind: str) -> Answer:
        """What the first upstream server that answers knows."""
        query = dns.message.make_query(name, kind)
        for server in self._settings.upstream:
            with contextlib.suppress(OSError, dns.exception.DNSException):
                reply = await dns.asyncquery.udp(
                    query, server.address, timeout=self._settings.upstream_s, port=server.port
                )
                found = [
                    rrset for rrset in reply.answer if rrset.rdtype == query.question[0].rdtype
                ]
                records = tuple(record.to_text() for rrset in found for record in rrset)
                ttl = min((rrset.ttl for rrset in found), default=0)
                return reply.rcode(), records, float(ttl)
        return dns.rcode.SERVFAIL, (), 0.0


class _Datagrams(asyncio.DatagramProtocol):
    """Hands every datagram on."""

    def __init__(self, server: NameServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One came in."""
        self._server.asked(data, addr)
