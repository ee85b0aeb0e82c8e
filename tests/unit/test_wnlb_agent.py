"""What a WNLB host says of itself, with real heartbeats on loopback and a filter of the test's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from relaydrill.nodes import config
from relaydrill.nodes.wnlb.agent import Agent
from relaydrill.nodes.wnlb.membership import HostState
from relaydrill.wait import wait_for


class SlowFilter:
    """Comes into force when the test lets it."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.asked: list[tuple[frozenset[str], bool]] = []

    def apply(self, live: frozenset[str], *, is_stopped: bool) -> None:
        """As the kernel's, and as slow as one likes."""
        self.asked.append((live, is_stopped))
        assert self.let.wait(20.0)


@pytest.fixture
def cluster() -> config.Cluster:
    """A cluster of one host, with heartbeats every 20 ms."""
    ports = []
    with socket.socket(type=socket.SOCK_DGRAM) as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        for each in (one, two):
            each.bind(("127.0.0.1", 0))
            ports.append(each.getsockname()[1])
    host, observer = (config.Address(address="127.0.0.1", port=port) for port in ports)
    return config.Cluster(
        name="lb1",
        hosts=(config.ClusterHost(name="ht1", priority=1, beats=host),),
        observer=observer,
        vips={"mail": "127.0.0.9"},
        rules=(),
        heartbeat=0.02,
        missed=50,
        convergence=0.02,
        token="t",
        kernel=True,
    )


@pytest.fixture
def filter_() -> SlowFilter:
    """The host's filter."""
    return SlowFilter()


@pytest.fixture
def pair(cluster: config.Cluster, filter_: SlowFilter) -> Iterator[tuple[Agent, Agent]]:
    """The host's agent, and that of the cluster's node."""
    host, node = Agent(cluster, "ht1", filter_=filter_), Agent(cluster)
    node.start()
    host.start()
    yield host, node
    filter_.let.set()
    host.stop()
    node.stop()


def test_a_view_is_told_when_the_filter_keeps_it(
    pair: tuple[Agent, Agent], filter_: SlowFilter
) -> None:
    """Whoever is told that a host has converged may rely on it with the next connection."""
    host, _ = pair
    wait_for(lambda: filter_.asked, what="the filter to be asked", deadline_s=10.0)
    assert host.membership.view == {"ht1"}
    assert host.view == frozenset()
    filter_.let.set()
    wait_for(lambda: host.view == {"ht1"}, what="the view to be told", deadline_s=10.0)


def test_a_host_says_that_it_is_stopped_when_its_filter_is(
    pair: tuple[Agent, Agent], filter_: SlowFilter
) -> None:
    """An order is carried out when the kernel has it; the host is not heard to say so before."""
    host, node = pair
    filter_.let.set()
    wait_for(lambda: host.view == {"ht1"}, what="the host to share", deadline_s=10.0)
    filter_.let.clear()
    node.order("ht1", HostState.STOPPED)
    wait_for(lambda: filter_.asked[-1][1], what="the filter to be asked", deadline_s=10.0)
    assert node.membership.state_of("ht1") is HostState.STARTED
    filter_.let.set()
    wait_for(
        lambda: node.membership.state_of("ht1") is HostState.STOPPED,
        what="the host to say so",
        deadline_s=10.0,
    )
