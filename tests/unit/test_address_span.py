"""Ranges of addresses, and which connector a client gets among those that have it."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_postfix_config import hub, listener

from relaydrill import topology_files
from relaydrill.address_span import AddressSpan, in_networks, parse_address
from relaydrill.errors import TopologyError
from relaydrill.kinds.postfix.configuration import master_cf
from relaydrill.nodes import config
from relaydrill.nodes.receiving.connectors import UNSERVED, serving

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

addresses = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
# Around the mapped ones, and anywhere.
sixes = st.one_of(
    st.integers(-3, 2**32 + 2).map(lambda each: ipaddress.IPv6Address(int(_MAPPED[0]) + each)),
    st.integers(0, 2**128 - 1).map(ipaddress.IPv6Address),
)


def mapped(address: ipaddress.IPv4Address) -> ipaddress.IPv6Address:
    """As a socket that serves both IP versions shows an IPv4 client (RFC 4291 §2.5.5.2)."""
    return ipaddress.IPv6Address(f"::ffff:{address}")


@given(st.one_of(st.tuples(addresses, addresses, addresses), st.tuples(sixes, sixes, sixes)))
def test_a_span_is_the_networks_that_it_consists_of(
    three: tuple[Address, Address, Address],
) -> None:
    """An address is in it if it is in one of them, and its text reads back as itself."""
    one, other, client = three
    first, last = sorted((one, other), key=int)
    client = parse_address(str(client))
    span = AddressSpan.parse(f"{first}-{last}")
    networks = [ipaddress.ip_network(each) for each in span.networks]
    assert (client in span) == any(client in each for each in networks)
    assert span.size == sum(each.num_addresses for each in networks)
    assert AddressSpan.parse(str(span)) == span


@given(addresses, addresses, addresses)
def test_a_mapped_address_is_the_ipv4_address(
    one: ipaddress.IPv4Address, other: ipaddress.IPv4Address, client: ipaddress.IPv4Address
) -> None:
    """As a client and in a range: all four ways to write the two say the same."""
    first, last = sorted((one, other))
    plain = AddressSpan.parse(f"{first}-{last}")
    alike = AddressSpan.parse(f"{mapped(first)}-{mapped(last)}")
    assert alike == plain
    assert str(alike) == str(plain)
    assert (mapped(client) in plain) == (client in plain)
    assert in_networks(str(mapped(client)), (str(plain),)) == in_networks(
        str(client), (str(alike),)
    )


@given(sixes, sixes, addresses)
def test_a_range_of_ipv6_holds_no_ipv4_address(
    one: ipaddress.IPv6Address, other: ipaddress.IPv6Address, client: ipaddress.IPv4Address
) -> None:
    """Not even one around all that are mapped: ``::/0`` alone lets nobody of IPv4 relay."""
    first, last = sorted((one, other))
    span = AddressSpan.parse(f"{first}-{last}")
    if not (first in _MAPPED and last in _MAPPED):
        assert client not in span
        assert mapped(client) not in span


@pytest.mark.parametrize(
    ("one", "other", "overlaps", "holds"),
    [
        ("10.0.0.0/24", "10.0.0.5-10.0.0.9", True, True),
        ("10.0.0.0/24", "10.0.0.5-10.0.1.9", True, False),
        ("10.0.0.0/24", "10.0.1.0/24", False, False),
        ("0.0.0.0/0", "::/0", False, False),
        ("2001:db8::/32", "2001:db8::5-2001:db8::9", True, True),
        ("10.0.0.0/24", "::ffff:10.0.0.7/128", True, True),
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
    entry_point = config.Listener(port=25, bind=bind, connectors=(inner, outer))
    turned = config.Listener(port=25, bind=bind, connectors=(outer, inner))
    for each in (entry_point, turned):
        assert serving(each, "10.0.0.15") is inner
        assert serving(each, "10.0.0.16") is outer
        assert serving(each, "10.0.0.21") is UNSERVED


def test_a_range_may_be_written_from_one_address_to_another() -> None:
    """As Exchange shows it; one that is a network becomes that, so that the two clash."""
    remote = "[10.0.0.0-10.0.0.255, 10.0.1.1 - 10.0.1.9]"
    text = topology_files.builtin_text("sharepoint").replace("[app, 127.0.0.1/32]", remote)
    assert topology_files.parse(text).connectors["relay"].remote == (
        "10.0.0.0/24",
        "10.0.1.1-10.0.1.9",
    )
    assert in_networks("10.0.1.9", ("10.0.1.1-10.0.1.9",))
    with pytest.raises(TopologyError, match=r"10\.0\.0\.9-10\.0\.0\.1' is neither the name"):
        topology_files.parse(text.replace("10.0.1.1 - 10.0.1.9", "10.0.0.9-10.0.0.1"))


def test_everybody_is_everybody_of_both_versions() -> None:
    """A connector without a range serves an IPv6 client, too, and the narrower one wins there."""
    own = config.Connector(name="own", networks=("2001:db8::/64",))
    bind = config.Address(address="::1", port=25)
    listener = config.Listener(port=25, bind=bind, connectors=(config.Connector(), own))
    assert serving(listener, "2001:db8::9") is own
    assert serving(listener, "2001:db8:1::9").name == "default"
    assert serving(listener, "10.0.0.9").name == "default"


def test_postfix_gets_the_networks_of_a_range() -> None:
    """It knows no other form."""
    settings = hub(listener(25, networks=("10.0.0.1-10.0.0.6",), relay=True))
    assert "{mynetworks = 10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32}" in master_cf(
        settings, listening=True
    )
