"""The master of a drill's workers: it passes orders on, and tells what the workers tell.

``python -m relaydrill.locust.master`` is started by the node
`relaydrill.nodes.sending.shared_sender`. It reads JSON lines from its standard input, first where
to listen and what workers are to know, then one order a line; and writes JSON lines to its standard
output::

    {"event": "worker", "worker": "w1_3f9c21", "state": "came"}     or "gone"
    {"event": "ready"}                                              all workers have come
    {"event": "failed", "reason": …}                                and then it ends
    {"event": "outcome", "id": 7, "worker": …, "outcome": …, "notes": …, "took_s": 0.004}
    {"event": "unsent", "id": 8, "reason": …}                       no worker was there
    {"event": "given up", "ids": [3, 4]}                            their worker is gone

It ends when its input does, and has the workers end, too.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from collections.abc import Callable
from typing import Any, Final

import gevent
from gevent.event import Event
from gevent.fileobject import FileObjectPosix
from locust.env import Environment
from locust.event import Events
from locust.exception import RPCError
from locust.rpc.protocol import Message
from locust.runners import STATE_MISSING, MasterRunner

import relaydrill
from relaydrill.errors import LabError, WaitTimeout
from relaydrill.locust.drilling import ABLE, HELLO, ORDER, OUTCOME, SETTINGS, DrillUser
from relaydrill.wait import wait_for

_COME_S: Final = 10.0
_FREE_S: Final = 3.0
_LOOK_S: Final = 0.1

Say = Callable[..., None]
"""Writes one line of what happened."""


class Master:
    """The workers of one sender node.

    Args:
        told: The first line of the input.
        say: Where what happens goes.

    Raises:
        LabError: It cannot listen.
    """

    def __init__(self, told: dict[str, Any], say: Say) -> None:
        self._told = told
        self._say = say
        self._seats: list[str] = [""] * int(told["workers"])
        self._spares: list[str] = []
        self._strangers: set[str] = set()
        self._under_way: dict[int, str] = {}
        self._all_came = Event()
        self._watching = gevent.Greenlet(self._watch)
        self._refusal = ""
        self._runner = self._listen()
        for kind, listener in ((HELLO, self._greet), (ABLE, self._seat), (OUTCOME, self._tell)):
            self._runner.register_message(kind, listener)
        self._runner.environment.events.worker_connect.add_listener(self._notice)

    def gather(self) -> None:
        """Wait until all workers have come.

        Raises:
            LabError: One may not take part, or too few came in time.
        """
        self._all_came.wait(_COME_S)
        if self._refusal:
            raise LabError(self._refusal)
        if "" in self._seats:
            came = len(self._seats) - self._seats.count("")
            others = (
                f"; {len(self._strangers)} more came whose locustfile has no DrillUser"
                if self._strangers
                else ""
            )
            raise LabError(
                f"{came} of {len(self._seats)} Locust workers connected to {self._where} within"
                f" {_COME_S:g} s{others}; start them first: locust -f locustfile.py --worker"
                f" --master-host {self._told['address']} --master-port {self._told['port']}"
            )
        self._watching.start()

    def order(self, order: dict[str, Any]) -> None:
        """Have a worker carry out an order: the one whose sender it is, or else the next one."""
        seats, number = self._seats, int(order["id"])
        own = int(order["member"]) % len(seats)
        worker = next((each for each in (*seats[own:], *seats[:own]) if each), "")
        if not worker:
            self._say("unsent", id=number, reason="no Locust worker is left")
            return
        self._under_way[number] = worker
        self._runner.send_message(ORDER, order, worker)

    def end(self) -> None:
        """Have all workers end."""
        self._watching.kill()
        self._runner.quit()

    @property
    def _where(self) -> str:
        return f"{self._told['address']}:{self._told['port']}"

    def _listen(self) -> MasterRunner:
        environment = Environment(user_classes=[DrillUser], events=Events())
        address, port = self._told["address"], self._told["port"]
        try:
            # The master of the lab before this one may be sending its workers home still.
            wait_for(lambda: _is_free(address, port), what="the port", deadline_s=_FREE_S)
            return environment.create_master_runner(address, port)
        except WaitTimeout:
            why = "another program has it"
        except (RPCError, OSError) as error:
            why = str(error)
        raise LabError(f"no Locust master can listen on {self._where}: {why}")

    def _notice(self, client_id: str, **_: Any) -> None:
        self._strangers.add(client_id)

    def _greet(self, msg: Message, **_: Any) -> None:
        worker, version = msg.node_id, msg.data["version"]
        self._strangers.discard(worker)
        if version != relaydrill.__version__:
            self._refusal = (
                f"the worker {_short(worker)} has relaydrill {version}, and this is"
                f" {relaydrill.__version__}; install the same there"
            )
            self._all_came.set()
            return
        told = {"settings": json.dumps(self._told["settings"])}
        self._runner.send_message(SETTINGS, {**told, "authority": self._told["authority"]}, worker)

    def _seat(self, msg: Message, **_: Any) -> None:
        self._say("worker", worker=_short(msg.node_id), state="came")
        self._spares.append(msg.node_id)
        self._fill_seats()

    def _fill_seats(self) -> None:
        """A worker that nobody needs yet takes the place of one that goes."""
        for at, worker in enumerate(self._seats):
            if not worker and self._spares:
                self._seats[at] = self._spares.pop(0)
        if "" not in self._seats:
            self._all_came.set()

    def _tell(self, msg: Message, **_: Any) -> None:
        if self._under_way.pop(msg.data["id"], None):
            self._say("outcome", worker=_short(msg.node_id), **msg.data)

    def _watch(self) -> None:
        """Notice workers that are gone: Locust tells nobody."""
        while True:
            gevent.sleep(_LOOK_S)
            for worker in (*self._seats, *self._spares):
                if worker and self._is_gone(worker):
                    self._give_up(worker)

    def _is_gone(self, worker: str) -> bool:
        client = self._runner.clients.get(worker)
        return client is None or client.state == STATE_MISSING

    def _give_up(self, worker: str) -> None:
        self._say("worker", worker=_short(worker), state="gone")
        self._seats = ["" if each == worker else each for each in self._seats]
        self._spares = [each for each in self._spares if each != worker]
        lost = [number for number, whose in self._under_way.items() if whose == worker]
        for number in lost:
            del self._under_way[number]
        self._say("given up", ids=lost)
        # Where it is merely cut off, it is to end when it hears again, and send nothing more.
        self._runner.send_message("quit", client_id=worker)
        self._fill_seats()


def _is_free(address: str, port: int) -> bool:
    """Whether nobody listens there.

    Raises:
        OSError: Nobody could: it is no address of this machine's.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _short(worker: str) -> str:
    """A worker's host, and enough of its number to tell it from others there."""
    host, _, number = worker.rpartition("_")
    return f"{host}_{number[:6]}"


def main() -> int:
    """Serve a sender node until standard input ends, and return the exit status."""
    # What libraries print is no event: it goes where errors go.
    events = os.dup(1)
    os.dup2(2, 1)

    def say(event: str, **more: Any) -> None:
        os.write(events, json.dumps({"event": event, **more}).encode() + b"\n")

    lines = FileObjectPosix(0, "rb")
    try:
        master = Master(json.loads(lines.readline()), say)
    except LabError as error:
        say("failed", reason=str(error))
        return 4
    try:
        master.gather()
        say("ready")
        for line in lines:
            master.order(json.loads(line))
    except LabError as error:
        say("failed", reason=str(error))
        return 4
    finally:
        master.end()
    return 0


if __name__ == "__main__":
    status = main()
    sys.stderr.flush()
    os._exit(status)  # ZeroMQ would wait for workers that are gone
