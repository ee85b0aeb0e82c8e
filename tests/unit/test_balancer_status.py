"""What a real HAProxy tells of its servers, and what is journalled of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from tests.unit.test_causes import ELSEWHERE, bench

from relaydrill.drivers.attach.status import StatusWatch, sockets, states_of
from relaydrill.journal import Event
from relaydrill.topology import Topology

HEAD = (
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
    "srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health "
    "srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord\n"
)


def row(address: str, operational: int, administrative: int = 0, port: int = 25) -> str:
    """A server of the table."""
    told = f"{operational} {administrative}"
    return f"3 smtp 1 some {address} {told} 1 1 5 6 3 4 6 0 0 0 - {port} -\n"


def elsewhere(api: str) -> Topology:
    """A real lab; a hook of one hub says where HAProxy's runtime API is."""
    act = "{haproxy: {socket: '" + api + "', server: ['smtp/{node}'], state: STATE}}"
    hooks = ", hooks: {drain: {inject: IN, heal: OUT}}}"
    hooks = hooks.replace("IN", act.replace("STATE", "maint")).replace(
        "OUT", act.replace("STATE", "ready")
    )
    fence = f"hosts: [127.0.0.0/8], ports: [25, {api.rpartition(':')[2]}]"
    attach = ELSEWHERE.replace("hosts: [127.9.0.0/24]", fence)
    return bench(attach=attach.replace("127.9.0.12}", "127.9.0.12" + hooks))


@pytest.mark.parametrize(
    ("operational", "administrative", "state"),
    [(2, 0, "up"), (1, 0, "up"), (0, 0, "down"), (0, 1, "maint"), (2, 8, "drain"), (2, 4, "up")],
)
def test_a_state_is_read(operational: int, administrative: int, state: str) -> None:
    """As the management guide numbers them; a maintenance that the file began may be over."""
    printed = HEAD + row("127.9.0.12", operational, administrative) + row("127.9.0.99", 2) + "\n"
    servers = {("127.9.0.12", "25"): ("ht2", 25)}
    assert [*states_of(printed, servers)] == [(("ht2", 25), state)]


def test_a_hook_says_where_the_status_is() -> None:
    """Of the one balancer before the server; without such a hook nothing is asked."""
    assert sockets(elsewhere("tcp:127.0.0.1:9")) == {"lb1": "tcp:127.0.0.1:9"}
    assert sockets(bench(attach=ELSEWHERE)) == {}
    assert sockets(bench()) == {}


@pytest.fixture
def api() -> Iterator[tuple[str, list[str]]]:
    """A runtime API, and what it answers: the last of these."""
    answers = [HEAD + row("127.9.0.12", 2)]
    serving = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            connection, _ = serving.accept()
            with connection:
                if connection.recv(4096) == b"end":
                    return
                connection.sendall(answers[-1].encode())

    thread = threading.Thread(target=serve)
    thread.start()
    port = serving.getsockname()[1]
    yield f"tcp:127.0.0.1:{port}", answers
    with socket.create_connection(serving.getsockname()) as ending:
        ending.sendall(b"end")
    thread.join()
    serving.close()


def test_each_change_is_journalled_once(api: tuple[str, list[str]]) -> None:
    """What is known at the begin, what changes, and that nobody answers any more."""
    where, answers = api
    events: list[Event] = []
    watch = StatusWatch(elsewhere(where), "lb1", where, events.append)
    try:
        watch.look()
        for answer in (HEAD + row("127.9.0.12", 0), "what?\n# foreign\nrow\n"):
            answers.append(answer)
            count = len(events)
            deadline = time.monotonic() + 10
            while len(events) == count and time.monotonic() < deadline:
                time.sleep(0.02)
    finally:
        watch.close()
    assert [(event.node, event.kind) for event in events] == [("lb1", "backend")] * 3
    assert [event.detail["state"] for event in events] == ["up", "down", "unseen"]
    assert {(event.detail["backend"], event.detail["port"]) for event in events} == {("ht2", 25)}
