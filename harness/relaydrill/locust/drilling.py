"""A Locust worker of a drill: its users carry out the orders of a sender node's master."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from typing import Any, ClassVar, Final

import gevent
from gevent.queue import Queue
from locust import User, events, task
from locust.env import Environment
from locust.rpc.protocol import Message
from locust.runners import Runner, WorkerRunner

import relaydrill
from relaydrill.locust.statistics import count
from relaydrill.nodes import config
from relaydrill.nodes.sending.host import Learnt, SendingHost
from relaydrill.nodes.sending.orders import message_of, told

HELLO: Final = "relaydrill-hello"
SETTINGS: Final = "relaydrill-settings"
ABLE: Final = "relaydrill-able"
ORDER: Final = "relaydrill-order"
OUTCOME: Final = "relaydrill-outcome"

_LOOK_S: Final = 0.5
_DEAF_S: Final = 2.0
"""Oversleeping after which a worker ends: Locust's master gives it up after 3 s without a
heartbeat."""
_SILENT_S: Final = 5.0

_log = logging.getLogger(__name__)


class Work:
    """What a worker has to do, and the road back.

    Args:
        environment: The worker's.
        runner: Its connection to the master.
        users: The class whose users work here.
    """

    def __init__(
        self, environment: Environment, runner: WorkerRunner, users: type[DrillUser]
    ) -> None:
        self._runner = runner
        self._users = users
        self._orders: Queue[dict[str, Any]] = Queue()
        self._host: SendingHost
        self._fqdn = ""
        self._heard = time.monotonic()
        environment.events.heartbeat_received.add_listener(self._hear)
        runner.register_message(SETTINGS, self._settle)
        runner.register_message(ORDER, self._take)
        gevent.spawn(self._watch)
        runner.send_message(HELLO, {"version": relaydrill.__version__})

    def carry_out(self, user: User) -> None:
        """Wait for an order, carry it out, and tell what came of it."""
        order = self._orders.get()
        message = message_of(order, self._fqdn)
        begin = time.monotonic()

        def tell(learnt: Learnt) -> None:
            took_s = time.monotonic() - begin
            self._runner.send_message(
                OUTCOME,
                {
                    "id": order["id"],
                    "outcome": told(learnt.outcome),
                    "notes": learnt.notes,
                    "took_s": took_s,
                },
            )
            flow, size = message.load.flow, len(message.content)
            count(user, flow, learnt.outcome, took_s=took_s, size=size)

        self._host.send(message, tell)

    def _settle(self, environment: Environment, msg: Message, **_: Any) -> None:
        settings = config.Sender.model_validate_json(msg.data["settings"])
        if not _is_own(settings.address):
            settings = settings.model_copy(update={"address": ""})
        authority = msg.data["authority"] or None
        self._host = SendingHost(settings, ssl.create_default_context(cadata=authority))
        self._fqdn = settings.fqdn
        self._runner.spawn_users({self._users.__name__: settings.most_at_once})
        self._runner.send_message(ABLE)

    def _take(self, environment: Environment, msg: Message, **_: Any) -> None:
        self._orders.put(msg.data)

    def _hear(self, **_: Any) -> None:
        self._heard = time.monotonic()

    def _watch(self) -> None:
        """End this worker when it was deaf for so long that it counts as gone, or hears nobody.

        It would send what it was told meanwhile although its master has given all that up.
        """
        while True:
            begin = time.monotonic()
            gevent.sleep(_LOOK_S)
            now = time.monotonic()
            if now - begin > _LOOK_S + _DEAF_S:
                _log.error("this worker was blocked for %.1f s, and ends", now - begin)
                break
            if now - self._heard > _SILENT_S:
                _log.error("nothing heard from the master for %.0f s; this worker ends", _SILENT_S)
                break
        while not self._orders.empty():
            self._orders.get_nowait()
        self._runner.quit()


class DrillUser(User):
    """A user that sends what a drill orders; its locustfile only imports it.

    See docs/python/locust.md.
    """

    work: ClassVar[Work]

    @task
    def carry_out_an_order(self) -> None:
        """Wait for an order, and carry it out."""
        self.work.carry_out(self)


@events.init.add_listener
def _join(environment: Environment, runner: Runner, **_: Any) -> None:
    """Once this worker is connected, it says that it is one of a drill's."""
    for users in environment.user_classes:
        if issubclass(users, DrillUser):
            if not isinstance(runner, WorkerRunner):
                raise SystemExit(
                    f"{users.__name__} is for the workers of a drill: add --worker, and start"
                    " relaydrill drill with a sender that has load:"
                )
            users.work = Work(environment, runner, users)


def _is_own(address: str) -> bool:
    """Whether an address is this machine's; on another one, its own will do."""
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True
