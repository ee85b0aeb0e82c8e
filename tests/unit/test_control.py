"""The control channel: one request, one answer, and an error that says who failed."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill.endpoint import Endpoint
from relaydrill.errors import CapabilityMissing, ControlError
from relaydrill.nodes import config
from relaydrill.nodes.control import ControlClient, ControlServer

TOKEN = "the lab's token"


async def handle(op: str, args: dict[str, Any]) -> Any:
    """A node that can do a few things."""
    match op:
        case "ping":
            return "ht1"
        case "echo":
            return args
        case "fail":
            raise ValueError("no such label")
        case "sleep":
            await asyncio.sleep(60)
    raise CapabilityMissing(op, "the node program", "ht1")


def free_port() -> int:
    """A port that nobody uses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def where() -> Iterator[Endpoint]:
    """Where a control server listens, in a thread of its own."""
    endpoint = Endpoint("127.0.0.1", free_port())
    loop = asyncio.new_event_loop()
    settings = config.Control(address=endpoint.address, port=endpoint.port, token=TOKEN)
    server = ControlServer(settings, handle)
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(5)
    yield endpoint

    async def end() -> None:
        await server.stop()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(end(), loop).result(5)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def client(where: Endpoint) -> ControlClient:
    """A harness's end."""
    return ControlClient("ht1", where, TOKEN)


def test_a_request_is_answered(client: ControlClient) -> None:
    """The result comes back as it was, and arguments arrive as they were."""
    assert client("ping") == "ht1"
    assert client("echo", a=[1, "ü\n", None], b={"c": 1.5}) == {
        "a": [1, "ü\n", None],
        "b": {"c": 1.5},
    }
    assert client.answers()


def test_a_large_answer_is_whole(client: ControlClient) -> None:
    """The look into a long queue does not break the line."""
    items = [[f"<{number}@app.contoso.com>", "user@contoso.com"] for number in range(50_000)]
    assert client("echo", items=items) == {"items": items}


@pytest.mark.parametrize("token", ["", "another", TOKEN + "x", TOKEN[:-1], "ü"])
def test_a_wrong_token_is_refused(where: Endpoint, token: str) -> None:
    """Without the lab's token nothing is done, whatever is asked; and the node does not answer."""
    stranger = ControlClient("ht1", where, token)
    with pytest.raises(ControlError, match="ht1 could not ping"):
        stranger("ping")
    assert not stranger.answers()


def test_an_unknown_request_is_a_missing_capability(client: ControlClient) -> None:
    """What a node cannot do makes a drill unknown, so it is told apart from a failure."""
    with pytest.raises(CapabilityMissing, match="cannot fly ht1") as caught:
        client("fly")
    assert caught.value.capability == "fly"


def test_an_error_of_the_node_is_carried_over(client: ControlClient) -> None:
    """What went wrong in the node is in the harness's error, and the node goes on."""
    with pytest.raises(ControlError, match="ht1 could not fail: ValueError: no such label"):
        client("fail")
    assert client.answers()


def test_a_node_that_does_not_answer_in_time(client: ControlClient) -> None:
    """A request has a deadline, and the error says what was asked and where."""
    with pytest.raises(ControlError, match=r"ht1 does not answer 'sleep' on 127\.0\.0\.1:\d+: tim"):
        client("sleep", timeout_s=0.1)
    assert client.answers()


def test_nobody_there() -> None:
    """A node that is not there refuses, and that is an error of the channel."""
    client = ControlClient("ht1", Endpoint("127.0.0.1", free_port()), TOKEN)
    with pytest.raises(ControlError, match="refused"):
        client("ping")
    assert not client.answers()


def talk(where: Endpoint, *requests: bytes) -> list[dict[str, Any]]:
    """Speak to the server in the raw, and read its answers until it closes."""
    with socket.create_connection((where.address, where.port), timeout=5) as connection:
        connection.sendall(b"".join(requests))
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as answers:
            return [json.loads(line) for line in answers]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n",
        b"{}\n",
        b"[]\n",
        b"null\n",
        b"\xff\xfe\n",
        json.dumps({"token": TOKEN}).encode() + b"\n",
        json.dumps({"token": TOKEN, "op": "echo"}).encode() + b"\n",
        json.dumps({"token": None, "op": "ping", "args": {}}).encode() + b"\n",
    ],
)
def test_garbage_is_refused_and_harms_nobody(where: Endpoint, garbage: bytes) -> None:
    """Whoever speaks nonsense gets an error; the same connection and all others go on."""
    good = json.dumps({"token": TOKEN, "op": "ping", "args": {}}).encode() + b"\n"
    bad, well = talk(where, garbage, good)
    assert not bad["ok"]
    assert bad["error"]
    assert well == {"ok": True, "result": "ht1"}


@given(line=st.binary(max_size=60).map(lambda text: text.replace(b"\n", b"")))
def test_no_line_gets_through_without_the_token(where: Endpoint, line: bytes) -> None:
    """Whatever bytes come in, they are answered, and never carried out."""
    (answer,) = talk(where, line + b"\n")
    assert answer["ok"] is False


def test_several_requests_on_one_connection(where: Endpoint) -> None:
    """A client may keep its connection: requests are answered in turn."""
    request = {"token": TOKEN, "op": "echo", "args": {}}
    lines = [json.dumps(request | {"args": {"n": n}}).encode() + b"\n" for n in range(5)]
    assert [answer["result"]["n"] for answer in talk(where, *lines)] == [0, 1, 2, 3, 4]


Answer = Callable[[socket.socket], None]


@pytest.fixture
def broken_node() -> Iterator[Callable[[bytes], ControlClient]]:
    """Makes the client of a node that answers a request with given bytes and hangs up."""
    servers: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def make(answer: bytes) -> ControlClient:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)

        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        return ControlClient("ht1", Endpoint("127.0.0.1", server.getsockname()[1]), TOKEN)

    yield make
    for thread in threads:
        thread.join(5)
    for server in servers:
        server.close()


@pytest.mark.parametrize("answer", [b"", b'{"ok": true, "resu', b"{}"])
def test_a_node_that_dies_while_it_answers(
    broken_node: Callable[[bytes], ControlClient], answer: bytes
) -> None:
    """Half an answer is none: it is an error of the channel, and no crash of the harness."""
    with pytest.raises(ControlError, match="ht1 closed its control channel during 'ping'"):
        broken_node(answer)("ping")


@pytest.mark.parametrize("answer", [b"220 mail ready\r\n", b"\n", b"{\n", b"[]\n", b"{}\n", b"5\n"])
def test_another_program_on_the_node_s_port(
    broken_node: Callable[[bytes], ControlClient], answer: bytes
) -> None:
    """What is no control answer is said to be none."""
    with pytest.raises(ControlError, match="no control answer"):
        broken_node(answer)("ping")
