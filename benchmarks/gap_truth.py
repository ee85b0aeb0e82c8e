"""How exactly a gap is measured: a listener that is closed for a known time.

The truth is written down by the listener itself, at its last and first accept; the measured gap
comes from the sender's journal, as in every drill.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from relaydrill.drills.checks.gap import longest_gap
from relaydrill.endpoint import Credentials, Endpoint
from relaydrill.ledger import Attempt, Attempts
from relaydrill.message import compose
from relaydrill.personas import PERSONAS, SenderSettings
from relaydrill.personas.courier import Courier
from relaydrill.personas.directories import KnownHosts

_RATE = 100.0
_CLOSED_S = 1.0
_PORT = 20_025
_ADDRESS = "127.99.25.1"


def run(folder: Path) -> Iterator[str]:
    """Measure, and yield a line for each figure."""
    for _ in range(5):
        truth, measured = _once()
        error = measured - truth
        bound = 0.005 + 1 / _RATE
        verdict = "within" if abs(error) <= bound else "BEYOND"
        yield (
            f"closed {truth * 1000:7.1f} ms, measured {measured * 1000:7.1f} ms, "
            f"error {error * 1000:+6.1f} ms, {verdict} ±{bound * 1000:.0f} ms"
        )


def _once() -> tuple[float, float]:
    attempts: list[Attempt] = []
    courier = Courier(
        helo="bench.invalid",
        source=(),
        directory=KnownHosts({"x": (_ADDRESS,)}),
        endpoint=lambda address, _port: Endpoint(address, _PORT),
        connect_s=2.0,
        reply_s=2.0,
        tls=ssl.create_default_context(),
        login=Credentials("", ""),
    )

    persona = PERSONAS["single_host"]
    sender = persona.new_sender(SenderSettings(random.Random(1)))

    def attempt(due: float) -> None:
        record = Attempt("bench", due, time.monotonic())
        content = compose("<b@b>", sender="a@b", recipients=("c@d",), size=500, date=0)
        outcome = courier.send(
            persona, sender, "x", 25, sender="a@b", recipient="c@d", content=content
        ).outcome
        record.ended, record.result = time.monotonic(), outcome.result
        attempts.append(record)

    begin = time.monotonic() + 0.05
    count = int((_CLOSED_S + 2.0) * _RATE)
    with ThreadPoolExecutor(64) as pool:
        server = _Listener()
        closer = threading.Timer(1.05, server.close)
        closer.start()
        opener = threading.Timer(1.05 + _CLOSED_S, server.open)
        opener.start()
        for number in range(count):
            due = begin + number / _RATE
            time.sleep(max(0.0, due - time.monotonic()))
            pool.submit(attempt, due)
    closer.join()
    opener.join()
    truth = server.opened - server.closed
    server.close()
    gap = longest_gap(Attempts.of(attempts))
    assert gap
    return truth, gap.seconds


class _Listener:
    """A server that says yes to everything, and can be closed and opened again."""

    def __init__(self) -> None:
        self.closed = self.opened = 0.0
        self.open()

    def open(self) -> None:
        """Listen."""
        self._socket = socket.create_server((_ADDRESS, _PORT), backlog=128)
        self.opened = time.monotonic()
        threading.Thread(target=self._accept, args=(self._socket,), daemon=True).start()

    def close(self) -> None:
        """Listen no more: connections are refused from here on."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.closed = time.monotonic()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            connection.sendall(b"220 bench\r\n")
            in_data = False
            for line in lines:
                if in_data and line != b".\r\n":
                    continue
                command = b"." if in_data else line[:4].upper()
                in_data = command == b"DATA"
                connection.sendall(b"354 go\r\n" if in_data else b"250 ok\r\n")
                if command == b"QUIT":
                    return
