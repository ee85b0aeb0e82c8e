"""Two programs of one machine that stand in for a pair: their listeners, and what they tell."""

from __future__ import annotations

import socket
import sys
import time
from contextlib import closing

import pytest

from relaydrill.nodes import config
from relaydrill.nodes.vrrp.router import VrrpState
from relaydrill.nodes.vrrp.stand_in import Adverts, listener
from relaydrill.wait import wait_for

ADVERT_S = 0.1


def served_by(port: int, *listening: socket.socket) -> list[int]:
    """Which listeners got any of twenty connections."""
    clients = [socket.create_connection(("127.0.0.1", port), 2) for _ in range(20)]
    found = []
    for number, each in enumerate(listening):
        try:
            while True:
                each.accept()[0].close()
                found.append(number)
        except BlockingIOError:
            pass
    for client in clients:
        client.close()
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="other kernels have no filter for listeners")
def test_the_newcomer_gets_every_connection() -> None:
    """Though the other listens, too; and who is left gets all when one of them is gone."""
    with closing(listener("127.0.0.1", 0, 64)) as first:
        port = first.getsockname()[1]
        assert served_by(port, first) == [0] * 20
        with closing(listener("127.0.0.1", port, 64)) as second:
            assert served_by(port, first, second) == [1] * 20
        assert served_by(port, first) == [0] * 20
        second = listener("127.0.0.1", port, 64)
        first.close()
        with closing(second), closing(listener("127.0.0.1", port, 64)) as third:
            assert served_by(port, second, third) == [1] * 20


def test_a_port_of_another_program_is_not_taken() -> None:
    """What listens there without sharing keeps it: the error is the kernel's."""
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        listener("127.0.0.1", other.getsockname()[1], 64)


def free_port() -> int:
    """A UDP port that nobody has just now."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Machine:
    """What a machine of a pair came to believe."""

    def __init__(self, priority: int, here: int, other: int, token: str = "secret") -> None:
        self.states: list[VrrpState] = []
        settings = config.Vrrp(
            priority=priority,
            advert_s=ADVERT_S,
            preempt=True,
            vips=(),
            hears=config.Address(address="127.0.0.1", port=here),
            other=config.Address(address="127.0.0.1", port=other),
            token=token,
        )
        self.adverts = Adverts(settings, self.states.append)

    def is_now(self, state: VrrpState) -> bool:
        """Whether it told this last."""
        return bool(self.states) and self.states[-1] is state


@pytest.fixture
def ports() -> tuple[int, int]:
    """Where two machines hear."""
    return free_port(), free_port()


@pytest.fixture
def pair(ports: tuple[int, int]) -> tuple[Machine, Machine]:
    """Two machines, neither of them started."""
    one, other = Machine(150, *ports), Machine(100, *ports[::-1])
    return one, other


def test_the_first_is_master_and_the_second_follows_it(pair: tuple[Machine, Machine]) -> None:
    """One master, one backup; when the master ends in good order, the other follows in its skew."""
    one, other = pair
    one.adverts.start()
    other.adverts.start()
    try:
        wait_for(lambda: one.is_now(VrrpState.MASTER), what="a master", deadline_s=3.0)
        time.sleep(5 * ADVERT_S)
        assert other.states == [VrrpState.BACKUP]
    finally:
        one.adverts.stop()
    begun = time.monotonic()
    try:
        wait_for(lambda: other.is_now(VrrpState.MASTER), what="its successor", deadline_s=3.0)
        assert time.monotonic() - begun < 3 * ADVERT_S
    finally:
        other.adverts.stop()


def test_what_bears_another_token_is_not_heard(ports: tuple[int, int]) -> None:
    """Advertisements of another lab, and noise, move nobody."""
    machine, stranger = Machine(100, *ports), Machine(150, *ports[::-1], token="another")
    machine.adverts.start()
    stranger.adverts.start()
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as noisy:
            for noise in (b"", b"{", b"[]", b'{"token": "secret"}', b"\xff" * 3000):
                noisy.sendto(noise, ("127.0.0.1", ports[0]))
        wait_for(lambda: machine.is_now(VrrpState.MASTER), what="a master", deadline_s=3.0)
        time.sleep(5 * ADVERT_S)
        assert machine.is_now(VrrpState.MASTER)
    finally:
        stranger.adverts.stop()
        machine.adverts.stop()
