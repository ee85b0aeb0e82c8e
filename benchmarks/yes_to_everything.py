"""A mail server that says yes to whatever it hears: what the event loop alone costs.

``python -m benchmarks.yes_to_everything ADDRESS:PORT`` serves until it is ended.
"""

from __future__ import annotations

import asyncio
import sys

from relaydrill.event_loop import new_event_loop


class _Yes(asyncio.Protocol):
    """One session; it looks at no more of a line than it must to keep the dialogue going."""

    _transport: asyncio.Transport
    _is_in_message = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]
        self._transport.write(b"220 yes\r\n")

    def data_received(self, data: bytes) -> None:
        if self._is_in_message:
            if not data.endswith(b".\r\n"):
                return
            self._is_in_message = False
            self._transport.write(b"250 yes\r\n")
        elif data.startswith(b"DATA"):
            self._is_in_message = True
            self._transport.write(b"354 yes\r\n")
        elif data.startswith(b"QUIT"):
            self._transport.write(b"221 yes\r\n")
            self._transport.close()
        else:
            self._transport.write(b"250 yes\r\n")


async def _serve(address: str, port: int) -> None:
    server = await asyncio.get_running_loop().create_server(_Yes, address, port, backlog=200)
    await server.serve_forever()


if __name__ == "__main__":
    where, _, number = sys.argv[1].rpartition(":")
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(where, int(number)))
