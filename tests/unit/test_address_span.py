"""Ranges of addresses, and which connector a client gets among those that have it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_postfix_config import hub, listener

from relaydrill import inventory
from relaydrill.address_span import AddressSpan
from relaydrill.errors import InventoryError
from relaydrill.nodes import config
from relaydrill.nodes.postfix.configuration import master_cf
from relaydrill.nodes.receiving.connectors import UNSERVED, serving
from relaydrill.placement import in_networks

addresses = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)


@given(addresses, addresses, addresses)
def test_a_span_is_the_networks_that_it_consists_of(
    one: ipaddress.IPv4Address, other: ipaddress.IPv4Address, client: ipaddress.IPv4Address
) -> None:
    """An address is in it if it is in one of them, and its text reads back as itself."""
    first, last = sorted((one, other))
    span = AddressSpan.parse(f"{first}-{last}")
    networks = [ipaddress.ip_network(each) for each in span.networks]
    assert (client in span) == any(client in each for each in networks)
    assert span.size == sum(each.num_addresses for each in networks)
    assert AddressSpan.parse(str(span)) == span


@pytest.mark.parametrize(
    ("one", "other", "overlaps", "holds"),
    [
        ("10.0.0.0/24", "10.0.0.5-10.0.0.9", True, True),
        ("10.0.0.0/24", "10.0.0.5-10.0.1.9", True, False),
        ("10.0.0.0/24", "10.0.1.0/24", False, False),
        ("0.0.0.0/0", "::/0", False, False),
        ("10.0.0.1-10.0.0.9", "10.0.0.9-10.0.0.12", True, False),
    ],
)
def test_spans_overlap_or_hold_each_other(
    one: str, other: str, overlaps: bool, holds: bool
) -> None:
    """Within one IP version, ends included."""
    first, second = AddressSpan.parse(one), AddressSpan.parse(other)
    assert first.overlaps(second) is second.overlaps(first) is overlaps
    assert first.holds(second) is holds
    assert not second.holds(first)


@pytest.mark.parametrize("text", ["10.0.0.9-10.0.0.1", "10.0.0.1-::1", "10.0.0.1-", "app-1", "x/8"])
def test_what_is_no_span_is_refused(text: str) -> None:
    """Backwards, of two versions, or half."""
    with pytest.raises(ValueError, match=r"."):
        AddressSpan.parse(text)


def test_the_smallest_range_around_a_client_serves_it() -> None:
    """Of nested ranges the inner one wins, even where both begin alike (Receive connectors)."""
    outer = config.Connector(name="outer", networks=("10.0.0.1-10.0.0.20",))
    inner = config.Connector(name="inner", networks=("10.0.0.1-10.0.0.15",))
    bind = config.Address(address="10.0.0.1", port=25)
    door = config.Listener(port=25, bind=bind, connectors=(inner, outer))
    turned = config.Listener(port=25, bind=bind, connectors=(outer, inner))
    for each in (door, turned):
        assert serving(each, "10.0.0.15") is inner
        assert serving(each, "10.0.0.16") is outer
        assert serving(each, "10.0.0.21") is UNSERVED


def test_a_range_may_be_written_from_one_address_to_another() -> None:
    """As Exchange shows it; one that is a network becomes that, so that the two clash."""
    remote = "[10.0.0.0-10.0.0.255, 10.0.1.1 - 10.0.1.9]"
    text = inventory.builtin_text("sharepoint").replace("[app, 127.0.0.1/32]", remote)
    assert inventory.parse(text).connectors["relay"].remote == (
        "10.0.0.0/24",
        "10.0.1.1-10.0.1.9",
    )
    assert in_networks("10.0.1.9", ("10.0.1.1-10.0.1.9",))
    with pytest.raises(InventoryError, match=r"10\.0\.0\.9-10\.0\.0\.1' is neither the name"):
        inventory.parse(text.replace("10.0.1.1 - 10.0.1.9", "10.0.0.9-10.0.0.1"))


def test_postfix_gets_the_networks_of_a_range() -> None:
    """It knows no other form."""
    settings = hub(listener(25, networks=("10.0.0.1-10.0.0.6",), relay=True))
    assert "{mynetworks = 10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32}" in master_cf(
        settings, listening=True
    )
