"""Loopback networks: one address for each host, never shared by two labs."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import random
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from relaydrill.drivers import loopback
from relaydrill.drivers.loopback import network
from relaydrill.errors import LabError
from relaydrill.placement import CONTROL_PORT

HOSTS = {
    "ht1": frozenset({25, 587}),
    "mbx": frozenset({25}),
    "app": frozenset[int](),
}
NEEDS_LOOPBACK = pytest.mark.skipif(sys.platform != "linux", reason="one loopback address only")
pytestmark = NEEDS_LOOPBACK


def test_every_host_has_an_address_and_its_own_ports() -> None:
    """Addresses are loopback, all in one /24 and all different; each seat has what it needs."""
    with network(HOSTS) as net:
        addresses = [ipaddress.ip_address(seat.address) for seat in net.seats.values()]
        assert len(set(addresses)) == 3
        assert all(address.is_loopback for address in addresses)
        assert all(str(address).startswith(net.prefix + ".") for address in addresses)
        for host, logical in HOSTS.items():
            assert set(net.seats[host].ports) == {*logical, CONTROL_PORT}


def test_seats_are_given_in_the_order_of_the_hosts() -> None:
    """The same hosts get the same last numbers in every lab: logs of two runs can be compared."""
    with network(HOSTS) as net:
        last = [seat.address.rpartition(".")[2] for seat in net.seats.values()]
        assert last == ["1", "2", "3"]


def test_every_port_of_a_seat_can_be_bound() -> None:
    """What is handed out is free: a server can listen on all of it at once."""
    with network(HOSTS) as net, contextlib.ExitStack() as stack:
        for seat in net.seats.values():
            for port in seat.ports.values():
                stack.enter_context(socket.create_server((seat.address, port)))


class Chance:
    """Chance that always falls the same way, and then the other way."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)

    def randrange(self, *_bounds: int) -> int:
        """The next number; the last one for ever."""
        return self._numbers.pop(0) if len(self._numbers) > 1 else self._numbers[0]


def test_two_labs_never_get_the_same_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is taken is passed over, however often chance falls on it."""
    monkeypatch.setattr(random, "SystemRandom", lambda: Chance(77, 77, 77, 77, 78))
    with network(HOSTS) as first, network(HOSTS) as second:
        assert first.prefix == "127.77.77"
        assert second.prefix != first.prefix


def test_many_labs_at_once_have_networks_of_their_own() -> None:
    """Forty labs side by side: forty networks."""
    with contextlib.ExitStack() as stack:
        prefixes = [stack.enter_context(network(HOSTS)).prefix for _ in range(40)]
    assert len(set(prefixes)) == 40


def test_a_network_that_is_given_back_can_be_had_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving gives the claim back at once."""
    monkeypatch.setattr(random, "SystemRandom", lambda: Chance(99))
    for _ in range(3):
        with network(HOSTS) as net:
            assert net.prefix == "127.99.99"


def test_no_free_network_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """When every try hits a taken network, the lab does not start, and says why."""
    monkeypatch.setattr(random, "SystemRandom", lambda: Chance(88))
    with network(HOSTS), pytest.raises(LabError, match="no free loopback network in 64 tries"):
        network(HOSTS).__enter__()


CLAIMANT = """
import random, sys
from relaydrill.drivers import loopback
class Chance:
    def randrange(self, *bounds): return 66
random.SystemRandom = Chance
with loopback.network({"ht1": frozenset({25})}) as net:
    print(net.prefix, flush=True)
    sys.stdin.read()
"""


def test_a_claimant_s_death_gives_its_network_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim is the kernel's: after a kill -9 of its holder the network is free again."""
    monkeypatch.setattr(random, "SystemRandom", lambda: Chance(66))
    holder = subprocess.Popen(
        [sys.executable, "-c", CLAIMANT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdin
    assert holder.stdout.readline().strip() == "127.66.66"
    with pytest.raises(LabError):
        network(HOSTS).__enter__()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    holder.stdin.close()
    with network(HOSTS) as net:
        assert net.prefix == "127.66.66"


def test_more_hosts_than_addresses_are_refused() -> None:
    """A lab that does not fit is refused before anything is claimed."""
    hosts = {f"h{number}": frozenset({25}) for number in range(254)}
    with pytest.raises(LabError, match="254 hosts do not fit"):
        network(hosts).__enter__()


def test_as_many_hosts_as_fit_all_get_usable_addresses() -> None:
    """A full network: nobody sits on its own address, the claim's or the broadcast address."""
    hosts = {f"h{number}": frozenset({25}) for number in range(253)}
    with network(hosts) as net:
        last = {int(seat.address.rpartition(".")[2]) for seat in net.seats.values()}
    assert last == set(range(1, 254))


def unprivileged(address: str, port: int, real: object = loopback._why_not) -> str:
    """What an unprivileged user meets: ports below 1024 may not be bound."""
    if 0 < port < 1024:
        return "this user may not bind ports below 1024"
    assert callable(real)
    return str(real(address, port))


def test_ports_that_may_not_be_bound_are_mapped_and_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without privileges 25 and 587 stand on high ports, the same for all hosts, with a remark."""
    monkeypatch.setattr(loopback, "_why_not", unprivileged)
    with network(HOSTS) as net:
        hub, mailbox = net.seats["ht1"], net.seats["mbx"]
    assert hub.ports[25] == mailbox.ports[25] >= 10_025
    assert hub.mapped.keys() == {25, 587}
    assert hub.endpoint(25).port == hub.ports[25]
    assert [remark.split(":")[0] for remark in net.remarks] == [
        f"port 25 stands on {hub.ports[25]}",
        f"port 587 stands on {hub.ports[587]}",
    ]
    assert all("may not bind" in remark for remark in net.remarks)


class Refusing(socket.socket):
    """A socket for which the kernel refuses low ports, as it does for an unprivileged user."""

    def bind(self, address: tuple[str, int]) -> None:  # type: ignore[override]
        """Refuse ports below 1024."""
        if 0 < address[1] < 1024:
            raise PermissionError(errno.EACCES, "Permission denied")
        super().bind(address)


def test_the_kernel_s_refusal_is_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel says to an unprivileged user becomes a remark in plain words."""
    monkeypatch.setattr(socket, "socket", Refusing)
    with network(HOSTS) as net:
        assert net.seats["ht1"].mapped
        assert "this user may not bind ports below 1024" in net.remarks[0]


@contextlib.contextmanager
def everywhere(port: int) -> Iterator[None]:
    """A program that listens on a port of every address."""
    with socket.create_server(("0.0.0.0", port)):
        yield


def free_port() -> int:
    """A port that nobody uses."""
    with socket.create_server(("0.0.0.0", 0)) as server:
        return int(server.getsockname()[1])


def test_a_port_in_use_on_every_address_is_mapped_and_said_so() -> None:
    """A mail server of the machine's own does not keep a lab from starting."""
    port = free_port()
    with everywhere(port), network({"ht1": frozenset({port})}) as net:
        seat = net.seats["ht1"]
        assert seat.ports[port] != port
        assert 10_000 <= seat.ports[port] <= 32_767
        assert "another program already listens" in net.remarks[0]
        with socket.create_server((seat.address, seat.ports[port])):
            pass


def test_a_control_port_in_use_is_mapped_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control channel gives way like any other port, without a remark: nobody types it."""
    control = free_port()  # the real one would collide with every lab on this machine
    monkeypatch.setattr(loopback, "CONTROL_PORT", control)
    with everywhere(control), network(HOSTS) as net:
        seat = net.seats["app"]
        assert seat.ports[control] != control
        with socket.create_server((seat.address, seat.ports[control])):
            pass
    assert not [each for each in net.remarks if str(control) in each]


def test_no_two_ports_are_mapped_to_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither two mapped ports, nor a mapped one and one that stands for itself, ever meet."""

    def taken(address: str, port: int) -> str:
        """As for an unprivileged user, on a machine where 10025 is in use."""
        return "in use" if port == 10_025 else unprivileged(address, port)

    logical = frozenset({24, 25, 26, 587, 10_024, 10_026, 10_587})
    monkeypatch.setattr(loopback, "_why_not", taken)
    with network({"ht1": logical}) as net:
        real = list(net.seats["ht1"].ports.values())
        assert len(set(real)) == len(real)


def test_one_loopback_address_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where only 127.0.0.1 exists, the message names the way out."""
    monkeypatch.setattr(loopback, "_bindable", lambda _address, _port: False)
    with pytest.raises(LabError, match="--driver docker"):
        network(HOSTS).__enter__()
