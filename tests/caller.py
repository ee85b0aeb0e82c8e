"""A client that talks to a lab from where a sender sits: in its container, or at its address.

`CLIENT` is the program that runs there. It reads one JSON request a line, and writes one answer.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import docker

from relaydrill.drivers.base import Lab
from relaydrill.drivers.docker.labels import NODE, RUN

CLIENT: Final = r'''
import concurrent.futures, json, socket, sys, time

held = {}

def what(error):
    if isinstance(error, TimeoutError):
        return "silence"
    return {111: "refused", 104: "reset"}.get(getattr(error, "errno", 0), repr(error))

def call(address, port, source, deadline_s):
    """The connection, and who greeted, or why nobody did."""
    connection = socket.socket()
    connection.bind((source, 0))
    end = time.monotonic() + deadline_s
    try:
        connection.settimeout(deadline_s)
        connection.connect((address, port))
        connection.settimeout(max(0.001, end - time.monotonic()))
        banner = connection.recv(512).decode()
    except OSError as error:
        return connection, what(error)
    return connection, banner.split()[1].partition(".")[0] if banner else "closed"

def once(address, port, source, deadline_s):
    begun = time.monotonic()
    connection, said = call(address, port, source, deadline_s)
    connection.close()
    return [said, begun, time.monotonic()]

def burst(address, port, sources, each, deadline_s):
    with concurrent.futures.ThreadPoolExecutor(len(sources) * each) as pool:
        calls = [
            pool.submit(once, address, port, source, deadline_s)
            for source in sources for _ in range(each)
        ]
        return [call.result() for call in calls]

def hold(key, address, port, source, deadline_s):
    held[key], said = call(address, port, source, deadline_s)
    return said

def say(key, line, deadline_s):
    held[key].settimeout(deadline_s)
    try:
        held[key].sendall(line.encode() + b"\r\n")
        return held[key].recv(512).decode().partition(" ")[0] or "closed"
    except OSError as error:
        return what(error)

def rename(key, to):
    held[to] = held.pop(key)

for line in sys.stdin:
    request = json.loads(line)
    answer = globals()[request.pop("op")](**request)
    print(json.dumps(answer), flush=True)
'''


class Called(NamedTuple):
    """What became of one connection: who greeted, or ``silence``, ``refused``, ``reset``.

    Times are monotonic.
    """

    said: str
    begun: float
    ended: float


class Caller:
    """A client beside a sender of a lab."""

    def __init__(self, lab: Lab, sender: str, process: subprocess.Popen[str]) -> None:
        self._lab = lab
        self.address = lab.placement.seats[sender].address
        self._process = process

    def burst(
        self,
        each: int,
        *,
        vip: str = "mail",
        port: int = 25,
        sources: tuple[str, ...] = (),
        deadline_s: float = 10.0,
    ) -> list[Called]:
        """Connect so often at once from each source, and wait for the banners."""
        found = self._ask(
            op="burst",
            **self._where(vip, port),
            sources=sources or (self.address,),
            each=each,
            deadline_s=deadline_s,
        )
        return [Called(*one) for one in found]

    def greeted(self, each: int, **options: Any) -> Counter[str]:
        """The same, counted."""
        return Counter(one.said for one in self.burst(each, **options))

    def hold(self, key: str, *, vip: str = "mail", port: int = 25) -> str:
        """Connect and stay; who greeted."""
        return str(
            self._ask(
                op="hold", key=key, **self._where(vip, port), source=self.address, deadline_s=10.0
            )
        )

    def say(self, key: str, line: str, *, deadline_s: float = 5.0) -> str:
        """Send a line on a connection that is held; the reply's code, or what came in its place."""
        return str(self._ask(op="say", key=key, line=line, deadline_s=deadline_s))

    def rename(self, key: str, to: str) -> None:
        """Call a connection that is held by another name."""
        self._ask(op="rename", key=key, to=to)

    def _where(self, vip: str, port: int) -> dict[str, Any]:
        endpoint = self._lab.placement.seats[vip].endpoint(port)
        return {"address": endpoint.address, "port": endpoint.port}

    def _ask(self, **request: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def caller(lab: Lab, sender: str = "app") -> Iterator[Caller]:
    """A client beside a sender."""
    command = [sys.executable, "-c", CLIENT]
    if lab.driver == "docker":
        command = ["docker", "exec", "-i", _container(lab, sender), "python3", "-c", CLIENT]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Caller(lab, sender, process)
        finally:
            assert process.stdin
            process.stdin.close()


def _container(lab: Lab, node: str) -> str:
    engine = docker.from_env()
    wanted = [f"{RUN}={lab.run}", f"{NODE}={node}"]  # type: ignore[attr-defined]
    (container,) = engine.containers.list(filters={"label": list(wanted)})
    engine.close()
    return str(container.id)
