"""The DNS server: authoritative for the topology's zones and names, or a caching resolver."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from dataclasses import replace
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

from relaydrill.disturbance import OF_A_NAME_SERVER, Disturbance
from relaydrill.errors import CapabilityMissing
from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.answer_order import arranged, near_first
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.kept_answers import Kept
from relaydrill.nodes.zone_data import ROOT, Answer, RecordSet, ZoneData, denial, whole_seconds

_MOST_TCP_S: Final = 10.0

_FOLLOWED: Final = 16


class NameServer:
    """A DNS node.

    A resolver keeps what it was told for its TTL, and what it was told is not there for as long as
    the SOA beside that says (RFC 2308). It orders each answer anew, as its own ``order`` says.
    """

    disturbable = OF_A_NAME_SERVER

    def __init__(self, settings: config.Dns, journal: Journal, disturbances: Disturbances) -> None:
        self._settings = settings
        self._journal = journal
        self._disturbances = disturbances
        self._turns: Counter[tuple[str, str]] = Counter()
        self._chance = random.Random(settings.name)
        self._zones = ZoneData(settings, settings.hosts)
        self._kept = Kept()
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
            return self._kept.forget()
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
        disturbance = self._disturbances.of(_Question())
        if disturbance and await self._disturb(disturbance, client):
            return None
        answer = await self._answer(name, kind, client, disturbance)
        response = dns.message.make_response(
            query, recursion_available=bool(self._settings.upstream)
        )
        if not self._settings.upstream:
            response.flags |= dns.flags.AA
        response.set_rcode(dns.rcode.from_text(answer.rcode))
        response.answer += [_written(each) for each in answer.sets]
        if answer.soa:
            response.authority.append(_written(answer.soa))
        self._journal.write(
            "answered",
            name=name,
            type=kind,
            rcode=answer.rcode,
            records=[data for each in answer.sets if each.kind == kind for data in each.records],
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
            is_denied = disturbance.rcode == "NXDOMAIN"
            return Answer(
                disturbance.rcode, soa=denial(self._zones.soa(ROOT)) if is_denied else None
            )
        answer = await (self._resolved if self._settings.upstream else self._own)(name, kind)
        is_stale = bool(disturbance and disturbance.action == "stale" and kind in ("A", "AAAA"))
        sets = tuple(
            replace(each, records=self._arranged(each, client, is_stale=is_stale))
            for each in answer.sets
            if not (is_stale and each.kind == "AAAA")  # of old there was no IPv6
        )
        return replace(answer, sets=sets)

    def _arranged(self, found: RecordSet, client: str, *, is_stale: bool) -> tuple[str, ...]:
        """The records of a name in this answer's order."""
        if found.kind == "CNAME":
            return found.records
        if is_stale:
            return (self._settings.stale,)
        turn = self._turns[found.owner, found.kind]
        self._turns[found.owner, found.kind] += 1
        order = self._settings.order
        records = arranged(found.records, order, turn=turn, chance=self._chance)
        if found.kind == "A" and self._settings.netmask_ordering:
            return near_first(records, client)
        return records

    async def _own(self, name: str, kind: str) -> Answer:
        """What this server itself knows."""
        return self._zones.answer(name, kind)

    async def _resolved(self, name: str, kind: str) -> Answer:
        """What it has kept, or is told now; it follows every alias to its end."""
        chain: list[RecordSet] = []
        while len(chain) <= _FOLLOWED:
            known = self._kept.known(name, kind)
            if known is None:
                told = await self._forwarded(name, kind)
                if told.rcode not in ("NOERROR", "NXDOMAIN"):
                    return Answer(told.rcode)
                self._kept.learn(name, kind, told)
                known = told
            chain += known.sets
            if not known.sets or known.sets[-1].kind != "CNAME" or kind == "CNAME" or known.soa:
                return replace(known, sets=tuple(chain))
            name = known.sets[-1].records[0].rstrip(".")
        return Answer("SERVFAIL")

    async def _forwarded(self, name: str, kind: str) -> Answer:
        """What the first upstream server that answers knows."""
        query = dns.message.make_query(name, kind)
        for server in self._settings.upstream:
            with contextlib.suppress(OSError, dns.exception.DNSException):
                # Not the library's timeout, which goes by the machine's clock.
                async with asyncio.timeout(self._settings.upstream_s):
                    reply = await dns.asyncquery.udp(query, server.address, port=server.port)
                soas = [_read(each) for each in reply.authority if each.rdtype == dns.rdatatype.SOA]
                sets = tuple(_read(each) for each in reply.answer)
                return Answer(dns.rcode.to_text(reply.rcode()), sets, next(iter(soas), None))
        return Answer("SERVFAIL")


def _written(found: RecordSet) -> dns.rrset.RRset:
    owner, ttl = dns.name.from_text(found.owner), whole_seconds(found.ttl_s)
    return dns.rrset.from_text_list(owner, ttl, dns.rdataclass.IN, found.kind, found.records)


def _read(found: dns.rrset.RRset) -> RecordSet:
    owner = found.name.to_text(omit_final_dot=True).lower()
    records = tuple(record.to_text() for record in found)
    return RecordSet(owner, dns.rdatatype.to_text(found.rdtype), float(found.ttl), records)


class _Question:
    """What tells a question from others."""


class _Datagrams(asyncio.DatagramProtocol):
    """Hands every datagram on."""

    def __init__(self, server: NameServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """One came in."""
        self._server.asked(data, addr)
