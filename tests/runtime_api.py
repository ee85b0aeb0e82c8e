"""A stand-in for HAProxy's runtime API, with servers that can be set, and a level of permission."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field

_HEAD = "1\n# be_name srv_name srv_addr srv_op_state srv_admin_state srv_port\n"
_FLAGS = {"ready": 0, "maint": 1, "drain": 8}


@dataclass
class FakeHaproxy:
    """What it is told, and what it answers.

    Attributes:
        port: Where it listens.
        states: Of its servers.
        level: Of the socket.
        told: Every command that was to change something.
    """

    port: int
    states: dict[str, str] = field(default_factory=dict)
    level: str = "admin"
    told: list[str] = field(default_factory=list)

    @property
    def where(self) -> str:
        """As an inventory names it."""
        return f"tcp:127.0.0.1:{self.port}"

    def answer(self, command: str) -> str:
        """As HAProxy 2.6 does; an empty line where it has obeyed."""
        if command == "show cli level":
            return f"{self.level}\n\n"
        if command == "show servers state":
            return _HEAD + "".join(self._rows()) + "\n"
        self.told.append(command)
        if self.level != "admin":
            return "Permission denied\n\n"
        words = command.split()
        server = words[2] if words[0] == "set" else words[3]
        if server not in self.states:
            return "No such server.\n\n"
        if words[0] == "set":
            self.states[server] = words[4]
        return "\n"

    def _rows(self) -> Iterator[str]:
        for server, state in self.states.items():
            backend, _, name = server.partition("/")
            yield f"{backend} {name} 127.9.0.11 2 {_FLAGS[state]} 25\n"


@contextlib.contextmanager
def runtime_api(*servers: str) -> Iterator[FakeHaproxy]:
    """One with these servers, all of them ready."""
    serving = socket.create_server(("127.0.0.1", 0))
    fake = FakeHaproxy(int(serving.getsockname()[1]), dict.fromkeys(servers, "ready"))

    def serve() -> None:
        while True:
            connection, _ = serving.accept()
            with connection:
                command = connection.recv(4096).decode().strip()
                if command == "end":
                    return
                connection.sendall(fake.answer(command).encode())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield fake
    finally:
        with socket.create_connection(serving.getsockname()) as ending:
            ending.sendall(b"end")
        thread.join()
        serving.close()
