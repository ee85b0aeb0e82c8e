"""The control channel: one JSON request a line over TCP, one JSON answer a line.

A request is ``{"token": …, "op": …, "args": {…}}``; an answer ``{"ok": true, "result": …}`` or
``{"ok": false, "error": …}``. It is the same under every driver; only where it listens differs.
"""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import Awaitable, Callable
from typing import Any

from relaydrill.endpoint import Endpoint
from relaydrill.errors import CapabilityMissing, ControlError
from relaydrill.fibres.sockets import connection
from relaydrill.nodes import config

Handler = Callable[[str, dict[str, Any]], Awaitable[Any]]

_LONGEST_LINE = 64 * 1024 * 1024  # a queue of a hundred thousand messages fits


class ControlServer:
    """A node's end of the channel."""

    def __init__(self, where: config.Control, handle: Handler) -> None:
        self._where = where
        self._handle = handle
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. From here on the node counts as ready."""
        self._server = await asyncio.start_server(
            self._serve, self._where.address, self._where.port, limit=_LONGEST_LINE
        )

    async def stop(self) -> None:
        """Stop listening."""
        if self._server:
            self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                answer = await self._answer(line)
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            if not hmac.compare_digest(str(request.get("token", "")), self._where.token):
                return {"ok": False, "error": "wrong token"}
            return {"ok": True, "result": await self._handle(request["op"], request["args"])}
        except CapabilityMissing as error:
            return {"ok": False, "error": str(error), "missing": error.capability}
        except Exception as error:  # the answer carries whatever went wrong to the harness
            return {"ok": False, "error": f"{type(error).__name__}: {error}"}


class ControlClient:
    """The harness's end of the channel to one node; each request is a connection of its own.

    Args:
        node: Its name, for messages.
        where: Where it listens.
        token: The lab's token.
    """

    def __init__(self, node: str, where: Endpoint, token: str) -> None:
        self.node = node
        self._where = where
        self._token = token

    def __call__(self, op: str, *, timeout_s: float = 10.0, **args: Any) -> Any:
        """Ask, and return the result.

        Raises:
            CapabilityMissing: The node knows no such request.
            ControlError: No connection, no answer within ``timeout_s``, or an error from the node.
        """
        request = json.dumps({"token": self._token, "op": op, "args": args}).encode() + b"\n"
        try:
            with connection(self._where, timeout_s=timeout_s) as asking:
                asking.settimeout(timeout_s)
                asking.sendall(request)
                with asking.makefile("rb") as answers:
                    line = answers.readline()
        except OSError as error:
            raise ControlError(
                f"{self.node} does not answer {op!r} on {self._where}: {error}"
            ) from error
        if not line.endswith(b"\n"):
            raise ControlError(f"{self.node} closed its control channel during {op!r}")
        answer = _answer(line)
        if answer is None:
            what = f"{self.node} gave no control answer to {op!r} on {self._where}: {line[:80]!r}"
            raise ControlError(what)
        if "missing" in answer:
            raise CapabilityMissing(answer["missing"], "its node program", self.node)
        if not answer["ok"]:
            raise ControlError(f"{self.node} could not {op}: {answer['error']}")
        return answer["result"]

    def answers(self) -> bool:
        """Whether the node is up and ready."""
        try:
            self("ping", timeout_s=1.0)
        except ControlError:
            return False
        return True


def _answer(line: bytes) -> dict[str, Any] | None:
    """An answer; None where the line is none, because another program has the port."""
    try:
        answer = json.loads(line)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and "ok" in answer else None
