"""What keepalived is told, and what its log says."""

from __future__ import annotations

import pytest

from relaydrill.nodes import config
from relaydrill.nodes.own_network import interface_of
from relaydrill.nodes.vrrp.keepalived import entered, render
from relaydrill.nodes.vrrp.router import VrrpState

WHERE = config.Address(address="172.20.0.14", port=112)
SETTINGS = config.Vrrp(
    priority=150,
    advert_s=0.2,
    preempt=True,
    vips=("172.20.0.30", "172.20.0.31"),
    hears=WHERE,
    other=WHERE,
    token="t",
    keepalived=True,
)


def test_the_configuration_says_what_the_topology_says() -> None:
    """Priority, interval, interface and every VIP; version 3, for parts of a second."""
    lines = [line.strip() for line in render(SETTINGS, "eth1").splitlines()]
    for line in (
        *("vrrp_version 3", "interface eth1", "priority 150", "advert_int 0.20"),
        *("172.20.0.30/32", "172.20.0.31/32"),
    ):
        assert line in lines
    assert "nopreempt" not in lines
    assert not any(line.startswith("vrrp_startup_delay") for line in lines)


def test_who_does_not_preempt_says_so_and_may_begin_later() -> None:
    """The program knows ``nopreempt``, and a delay at its start."""
    late = SETTINGS.model_copy(update={"preempt": False, "later_s": 3.0})
    lines = [line.strip() for line in render(late, "eth0").splitlines()]
    assert "nopreempt" in lines
    assert "vrrp_startup_delay 3" in lines


@pytest.mark.parametrize(
    ("line", "state"),
    [
        ("Fri Nov 27 10:40:23 2026: (pair) Entering MASTER STATE", VrrpState.MASTER),
        ("Fri Nov 27 10:40:22 2026: (pair) Entering BACKUP STATE (init)", VrrpState.BACKUP),
        ("Fri Nov 27 10:40:22 2026: (pair) Entering FAULT STATE", VrrpState.BACKUP),
        ("Fri Nov 27 10:40:23 2026: (pair) Receive advertisement timeout", None),
    ],
)
def test_its_log_tells_the_state(line: str, state: VrrpState | None) -> None:
    """Lines of keepalived 2.2.7; a machine without a network is no master."""
    assert entered(line) is state


def test_an_address_is_found_on_its_interface() -> None:
    """127.0.0.1 has one; an address that nobody has here has none."""
    assert interface_of("127.0.0.1").startswith("lo")
    assert interface_of("192.0.2.1") == ""
