"""Containers that a killed drill left broken, and what of a lab's containers is closed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from relaydrill import topology_files
from relaydrill.errors import LabError, UsageError, WaitTimeout

pytest.importorskip("docker")
pytest.importorskip("testcontainers")

from docker.errors import APIError

from relaydrill.drivers.docker import network, seating
from relaydrill.drivers.docker.container import NodeContainer
from relaydrill.drivers.docker.labels import LAB, NODE, OWNER, RUN, Owner
from relaydrill.drivers.docker.leftovers import clean
from relaydrill.drivers.docker.standing import found
from relaydrill.process_identity import ProcessIdentity, process_table

_LAB = """\
name: left
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
flows:
  relay: {from: app, to: ht1}
"""


def container(node: str, *, status: str = "running", networks: tuple[str, ...] = ("lab",)) -> Any:
    """A container of a compose project."""
    return SimpleNamespace(
        id=node,
        labels={NODE: node, LAB: "left"},
        status=status,
        attrs={"NetworkSettings": {"Networks": {name: {} for name in networks}}},
    )


def test_what_a_killed_drill_left_broken_is_told_with_the_remedy(tmp_path: Path) -> None:
    """Frozen, or off the network: each by its node, before anything is waited for."""
    there = [container("ht1", networks=()), container("mbx", status="paused"), container("app")]
    engine: Any = SimpleNamespace(
        containers=SimpleNamespace(list=lambda **_: there),
        api=SimpleNamespace(inspect_container=lambda _id: {}),
    )
    topology = topology_files.parse(_LAB, "left.yaml")
    with (
        pytest.raises(UsageError, match="ht1 is cut off its network, mbx is paused, .*") as told,
        found(engine, "mine", topology, lambda node: tmp_path / node),
    ):
        pass
    assert str(told.value).endswith("docker compose -p mine -f FILE up -d --force-recreate ht1 mbx")


def refuses(**_options: Any) -> None:
    """An engine that cannot remove."""
    raise APIError("no", explanation="device busy")


@pytest.mark.parametrize("made", [None, SimpleNamespace(remove=refuses)])
def test_a_container_that_is_not_there_or_stays_leaves_no_connection(
    made: Any, tmp_path: Path
) -> None:
    """Each has a client of its own at the engine, from before it was made."""
    closed: list[bool] = []
    client = SimpleNamespace(client=SimpleNamespace(close=lambda: closed.append(True)))
    maker: Any = SimpleNamespace(_container=made, get_docker_client=lambda: client)
    node = NodeContainer("ht1", "10.0.0.1", tmp_path / "ht1.jsonl", {}, _made=maker)
    if made is None:
        node.remove()
    else:
        with pytest.raises(LabError, match="could not remove ht1: device busy"):
            node.remove()
    assert closed == [True]


class Nets:
    """An engine that has one free range, which another lab is quicker to take, so many times.

    Attributes:
        open: How many clients of it are open.
        leaving: How often a network will not be removed, for containers of it have not left yet.
    """

    def __init__(self, taken: int, leaving: int = 0) -> None:
        self.open = 0
        self.ranges: list[str] = []
        self.leaving = leaving
        self._taken = taken

    def network(self, docker_client_kw: dict[str, Any], docker_network_kw: dict[str, Any]) -> Any:
        """What testcontainers calls a network, with a client of its own."""
        self.open += 1
        made = SimpleNamespace(
            name="n",
            _docker=SimpleNamespace(client=SimpleNamespace(close=self._close)),
            _unwrap_network=SimpleNamespace(reload=lambda: None, attrs=_RANGE),
            remove=self._remove,
        )

        def create() -> Any:
            pools = (docker_network_kw.get("ipam") or {}).get("Config") or ()
            self.ranges = [each["Subnet"] for each in pools]
            if pools and self._taken:
                self._taken -= 1
                raise APIError("Pool overlaps with other one on this address space")
            return made

        return _Entered(made, create)

    def _close(self) -> None:
        self.open -= 1

    def _remove(self) -> None:
        if self.leaving:
            self.leaving -= 1
            raise APIError("403", explanation="network n has active endpoints")


_RANGE = {"IPAM": {"Config": [{"Subnet": "10.0.0.0/24", "Gateway": "10.0.0.1"}]}}


class _Entered:
    """A network that a block makes and removes."""

    def __init__(self, made: Any, create: Any) -> None:
        self._made = made
        self.create = create

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)

    def __enter__(self) -> Any:
        return self.create()

    def __exit__(self, *_: object) -> None:
        pass


def test_a_network_leaves_no_connection_at_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the one that shows a free range, nor one that came too late."""
    nets = Nets(taken=2)
    monkeypatch.setattr(network, "Network", nets.network)
    with network.bridge({"a": "b"}) as made:
        assert str(made.subnet) == "10.0.0.0/24"
        assert nets.open == 1
    assert nets.open == 0


def test_a_network_with_ipv6_has_a_range_that_no_other_has(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It follows from the IPv4 range, which is this network's own; hosts have the same number."""
    nets = Nets(taken=0)
    monkeypatch.setattr(network, "Network", nets.network)
    with network.bridge({"a": "b"}, with_ipv6=True) as made:
        assert nets.ranges == ["10.0.0.0/24", "fd72:656d:a00::/64"]
    dual = topology_files.parse(_LAB.replace("role: hub", "role: hub, ip: dual"), "left.yaml")
    second = seating.second_address_in(dual, made.subnet)
    assert second
    assert (made.address(1), second(1)) == ("10.0.0.11", "fd72:656d:a00::b")
    plain = topology_files.parse(_LAB, "left.yaml")
    assert seating.second_address_in(plain, made.subnet) is None
    with network.bridge({"a": "b"}):
        assert nets.ranges == ["10.0.0.0/24"]


def test_a_network_is_removed_when_its_containers_have_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An engine that is busy still has some of them, though it said that they were removed."""
    nets = Nets(taken=0, leaving=2)
    monkeypatch.setattr(network, "Network", nets.network)
    with network.bridge({"a": "b"}):
        pass
    assert (nets.leaving, nets.open) == (0, 0)


def test_a_network_that_its_containers_never_leave_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An engine may keep some of those that are gone: only its restart helps."""
    nets = Nets(taken=0, leaving=1000)
    monkeypatch.setattr(network, "Network", nets.network)
    monkeypatch.setattr(network, "_LEAVING_S", 0.3)
    with pytest.raises(WaitTimeout, match="restart the engine"), network.bridge({"a": "b"}):
        pass
    assert nets.open == 0


def test_a_network_that_cannot_be_removed_keeps_no_other_run_from_it() -> None:
    """Somebody may be removing its containers just now: it is told, and the rest is cleaned."""
    gone: list[str] = []

    def net(run: str, remove: Any) -> Any:
        owner = Owner("h", ProcessIdentity(2**22 + 1, 1.0, process_table())).to_text()
        return SimpleNamespace(attrs={"Labels": {RUN: run, LAB: run, OWNER: owner}}, remove=remove)

    nets = [net("a", refuses), net("b", lambda: gone.append("b"))]
    engine: Any = SimpleNamespace(
        info=lambda: {"SystemTime": "2030-01-02T03:04:05.1Z"},
        containers=SimpleNamespace(list=lambda **_: []),
        networks=SimpleNamespace(list=lambda **_: nets),
    )
    removed, kept = clean(engine)
    assert [each.lab for each in removed] == gone == ["b"]
    assert [(each.lab, "device busy" in each.why) for each in kept] == [("a", True)]


class Machine:
    """A container whose engine can be slow: between two questions it may end.

    Attributes:
        status: As the engine says it.
        is_refused: Whether the next kill comes too late.
        starts: How often it was started.
    """

    id = "c"

    def __init__(self) -> None:
        self.status = "running"
        self.is_refused = False
        self.starts = 0

    def reload(self) -> None:
        """Nothing to be read."""

    def kill(self) -> None:
        """End it; the engine refuses where it has ended by itself."""
        self.status = "exited"
        if self.is_refused:
            raise APIError("not running", explanation="container c is not running")

    def wait(self) -> None:
        """It has ended."""

    def start(self) -> None:
        """Run."""
        self.status = "running"
        self.starts += 1


def a_node(machine: Any, tmp_path: Path, follow: Any) -> NodeContainer:
    """A node in such a container, its journal copied by something."""
    follower: Any = SimpleNamespace(finish=lambda: None, follow=follow)
    return NodeContainer(
        "ht1", "10.0.0.1", tmp_path / "j", {}, _adopted=machine, _follower=follower
    )


def test_one_that_ends_while_it_is_killed_has_ended(tmp_path: Path) -> None:
    """A program that was told to end may do so between two questions to the engine."""
    machine = Machine()
    machine.is_refused = True
    node = a_node(machine, tmp_path, lambda: None)
    node.kill()
    assert not node.is_alive()


def test_a_start_that_is_cut_short_is_done_once_more_with_its_journal(tmp_path: Path) -> None:
    """A node that runs and whose journal nobody copies would look as if it did nothing."""
    machine, begun = Machine(), []

    def follow() -> None:
        begun.append(machine.starts)
        if len(begun) == 1:
            raise KeyboardInterrupt

    node = a_node(machine, tmp_path, follow)
    node.kill()
    with pytest.raises(KeyboardInterrupt):
        node.start_again()
    assert node.was_told_to_end, "whoever heals it starts it anew"
    node.kill()
    node.start_again()
    assert (begun, node.was_told_to_end) == ([1, 2], False)
