"""What a design says of a node, as the node is told it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill import node_settings, topology_files
from relaydrill.drivers.configure import Paths, configure, service_ports
from relaydrill.endpoint import Credentials
from relaydrill.node_settings import HealthCheck, HubSettings, Settings, Shadow, section_at_clock
from relaydrill.nodes import config
from relaydrill.placement import CONTROL_PORT, Placement, Seat
from relaydrill.scalars import LONGEST_S
from relaydrill.topology import Hub, Role, Topology

SECTIONS = [
    each
    for each in vars(node_settings).values()
    if isinstance(each, type) and issubclass(each, Settings) and each is not Settings
]
clocks = st.floats(0.1, 100.0)
seconds = st.floats(0.001, 600.0)


def durations(section: Settings) -> dict[str, float]:
    """Every number of a section and of those in it that is no whole one: all are durations."""
    found: dict[str, float] = {}
    for name, value in section:
        if isinstance(value, Settings):
            found |= {f"{name}.{inner}": each for inner, each in durations(value).items()}
        elif isinstance(value, float):
            found[name] = value
    return found


@pytest.mark.parametrize("section", SECTIONS, ids=lambda section: section.__name__)
def test_every_duration_runs_by_the_clock(section: type[Settings]) -> None:
    """Those of sections inside of it, too; whatever is no duration stays as it is."""
    said = section()
    told = said.at_clock(10.0)
    assert durations(told) == {name: value / 10.0 for name, value in durations(said).items()}
    assert said.at_clock(1.0) == said
    assert {name for name, value in told if value != getattr(said, name)} == {
        name.partition(".")[0] for name, value in durations(said).items() if value
    }


@given(interval=seconds, timeout=st.none() | seconds, clock=clocks)
def test_what_is_not_said_stays_open(interval: float, timeout: float | None, clock: float) -> None:
    """A timeout that is the interval is so by every clock."""
    told = HealthCheck(interval=interval, timeout=timeout).at_clock(clock)
    assert told.interval == interval / clock
    assert told.timeout == (None if timeout is None else timeout / clock)
    assert told.patience == (told.interval if timeout is None else told.timeout)


@given(lag=seconds, resubmit=st.floats(0.0, LONGEST_S), clock=clocks)
def test_a_node_reads_what_its_driver_has_written(
    lag: float, resubmit: float, clock: float
) -> None:
    """By way of JSON nothing is lost, and no clock is too slow for it."""
    declared = Hub(role=Role.HUB, ack_lag=lag, shadow=Shadow(resubmit=resubmit), copies=2)
    told = section_at_clock(HubSettings, declared, clock)
    settings = config.Hub(**_COMMON, **told)
    read = config.parse(settings.model_dump_json())
    assert read == settings
    assert isinstance(read, config.Hub)
    assert (read.ack_lag, read.copies) == (lag / clock, 2)
    assert read.shadow.resubmit == min(resubmit / clock, LONGEST_S)


_COMMON: dict[str, Any] = {
    "name": "ht1",
    "fqdn": "ht1.contoso.com",
    "address": "127.0.0.1",
    "control": config.Control(address="127.0.0.1", port=1, token="t"),
    "journal": "",
    "listeners": (),
    "domains": (),
    "queue": "",
    "routes": (),
}


@pytest.mark.parametrize("name", topology_files.builtins())
def test_every_node_is_told_its_kind(name: str) -> None:
    """Each of a built-in design reads its own configuration, and is what the design says."""
    topology: Topology = topology_files.load(name)
    seats = {
        host: Seat(f"127.0.0.{number}", {port: port for port in (*ports, CONTROL_PORT)})
        for number, (host, ports) in enumerate(service_ports(topology).items(), 1)
    }
    placement = Placement(seats, Credentials("app", "secret"), "token", "ca.pem")
    paths = Paths(journal=str, queue=str, certificate=str, key=str, workdir=str, logs=str, ca="ca")
    for node, written in configure(topology, placement, paths).items():
        assert written["kind"] == topology.nodes[node].kind
