"""A balancer's health checks, as HAProxy does them: inter, fall and rise."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable
from typing import Final

from relaydrill import node_settings
from relaydrill.fibres.sockets import new_socket
from relaydrill.nodes import config
from relaydrill.nodes.receiving.dialogue import PROBE_NAME

Believe = Callable[[bool, str], None]

_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)
_REPLY_LINE: Final = re.compile(rb"(\d{3})([- \r]).*", re.DOTALL)


class HealthCheck:
    """The check of one backend's port.

    Args:
        check: Kind and timing, wall seconds.
        target: What is checked.
        source: The balancer's own address.
        preface: Sent first: a PROXY header, or nothing.
        believe: Called with the new state and the reason whenever the belief changes.
        connect_s: Timeout of the TCP connection, where the interval is not shorter.
        first_s: When to begin.
    """

    def __init__(
        self,
        check: node_settings.HealthCheck,
        target: config.Address,
        source: str,
        preface: bytes,
        believe: Believe,
        *,
        connect_s: float,
        first_s: float = 0.0,
    ) -> None:
        self._check = check
        self._target = target
        self._source = source
        self._preface = preface
        self._believe = believe
        self._connect_s = min(connect_s, check.interval)
        self._first_s = first_s
        self._up = True
        self._untried = True
        self._in_a_row = 0
        self._paused = False

    async def run(self) -> None:
        """Check for ever, each check an interval after the *end* of the one before."""
        await asyncio.sleep(self._first_s)
        while True:
            if not self._paused:
                reason = await self._once()
                self._count(good=not reason, reason=reason)
            await asyncio.sleep(self._check.interval)

    def pause(self) -> None:
        """Check no more; what a check under way finds is ignored."""
        self._paused = True

    def resume(self) -> None:
        """Check again. The backend counts as up, but only until its next check."""
        self._paused = False
        self._up = True
        self._untried = True
        self._in_a_row = 0

    def _count(self, *, good: bool, reason: str) -> None:
        """Change the belief after ``fall`` bad checks in a row, or ``rise`` good ones.

        Where nothing has been seen of the backend yet, the first bad check is enough.
        """
        if self._paused:
            return
        wanted = self._check.rise
        if self._up:
            wanted = 1 if self._untried else self._check.fall
        self._untried = False
        self._in_a_row = 0 if good is self._up else self._in_a_row + 1
        if self._in_a_row >= wanted:
            self._up = good
            self._in_a_row = 0
            self._believe(good, reason or f"{wanted} good checks")

    async def _once(self) -> str:
        """One check; empty if the backend passed, else why it did not."""
        with new_socket(socket.AF_INET, socket.SOCK_STREAM, is_check=True) as connection:
            connection.setblocking(False)
            try:
                async with asyncio.timeout(self._connect_s):
                    await self._connect(connection)
                async with asyncio.timeout(self._check.patience):
                    return await self._ask(connection)
            except OSError as error:
                return cause(error)
            except asyncio.IncompleteReadError:
                return "connection closed"
            except (ValueError, asyncio.LimitOverrunError):  # or a line without an end
                return "not SMTP"

    async def _connect(self, connection: socket.socket) -> None:
        connection.bind((self._source, 0))
        if self._check.kind == "tcp":
            # The shortest check that there is: the connection is reset, where the system allows
            # it before its handshake is over, and then the backend's program never hears of it.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            if hasattr(socket, "TCP_QUICKACK"):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        target = (self._target.address, self._target.port)
        await asyncio.get_running_loop().sock_connect(connection, target)

    async def _ask(self, connection: socket.socket) -> str:
        if self._check.kind == "tcp":
            await asyncio.get_running_loop().sock_sendall(connection, self._preface)
            return ""
        reader, writer = await asyncio.open_connection(sock=connection)
        try:
            writer.write(self._preface)
            for command in _dialogue(self._check.kind):
                if command:
                    writer.write(command.encode() + b"\r\n")
                code = await _reply_code(reader, lines=bool(command) or self._check.kind == "mail")
                by_policy = code == 530 and command.startswith(("MAIL", "RSET"))
                if not 200 <= code <= 299 and not by_policy:
                    return f"{code} to {command.split(' ')[0] or 'the banner'}"
            return ""
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


def cause(error: OSError) -> str:
    """Why a connection failed, in a few words."""
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case TimeoutError():
            return "timed out"
        case ConnectionResetError() | BrokenPipeError():
            return "connection reset"
    return str(error)


def _dialogue(kind: str) -> tuple[str, ...]:
    """What is said; the empty command waits for the banner. All of it must be answered 2xx.

    But 530 to MAIL and what follows is a healthy server's answer, too: it wants TLS, AUTH, or
    another client (RFC 4954 §6). Back pressure is a 4xx.
    """
    hello = ("", f"EHLO {PROBE_NAME}")
    mail = (f"MAIL FROM:<probe@{PROBE_NAME}>", "RSET") if kind == "mail" else ()
    return (*hello, *mail, "QUIT")


async def _reply_code(reader: asyncio.StreamReader, *, lines: bool) -> int:
    """The code of one reply; ``lines`` allows for more than one line.

    Raises:
        ValueError: It is no SMTP reply.
    """
    while True:
        found = _REPLY_LINE.fullmatch(await reader.readuntil(b"\n"))
        if found is None or (found[2] == b"-" and not lines):
            raise ValueError("not SMTP")
        if found[2] != b"-":
            return int(found[1])
