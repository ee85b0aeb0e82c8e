"""What personas do with MX records that are not what they should be, as the standard wants it."""

from __future__ import annotations

import random
from collections.abc import Mapping

import pytest

from relaydrill.personas import (
    PERSONAS,
    NoSuchName,
    NullMx,
    SenderSettings,
    SenderState,
    Unresolved,
)
from relaydrill.topology import BY_MX

DOMAIN = "contoso.com"
GOOD = {"a": ("10.0.0.1",), "b": ("10.0.0.2",)}


class Zone:
    """A zone; a host that is not in it does not exist, and one of None cannot be told just now.

    Args:
        mx: Preference and host of each record.
        hosts: Addresses by host.
    """

    def __init__(
        self, mx: list[tuple[int, str]], hosts: Mapping[str, tuple[str, ...] | None]
    ) -> None:
        self._mx = tuple(mx)
        self._hosts = hosts
        self.asked: list[str] = []

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """The records."""
        return self._mx

    def addresses(self, host: str) -> tuple[str, ...]:
        """A host's addresses."""
        self.asked.append(host)
        if host not in self._hosts:
            raise NoSuchName(f"{host}: no such name")
        found = self._hosts[host]
        if found is None:
            raise Unresolved(f"{host}: SERVFAIL")
        return found


def sender(persona: str) -> SenderState:
    """A sender of a kind."""
    return PERSONAS[persona].new_sender(SenderSettings(random.Random(1)))


def tried(persona: str, zone: Zone) -> list[str]:
    """All addresses that a sender would try, one failing after the other."""
    return [*sender(persona).addresses(DOMAIN, zone)]


every_mta = pytest.mark.parametrize("persona", sorted(BY_MX))
going_on = pytest.mark.parametrize("persona", ["rfc5321", "postfix", "exim", "rotated_list"])


@every_mta
@pytest.mark.parametrize("preference", [0, 10])
def test_a_null_mx_is_an_end_at_once(persona: str, preference: int) -> None:
    """RFC 7505 §3: no host is looked up, not even the domain itself, and nothing is tried."""
    zone = Zone([(preference, "")], {DOMAIN: ("10.0.0.9",)})
    with pytest.raises(NullMx) as caught:
        tried(persona, zone)
    assert caught.value.domain == DOMAIN
    assert zone.asked == []


@every_mta
def test_a_null_mx_beside_others_counts_for_postfix_alone(persona: str) -> None:
    """Measured: Postfix 3.7 gives up at once, Exim 4.96 tries the others."""
    zone = Zone([(0, ""), (10, "a")], GOOD)
    if persona == "postfix":
        with pytest.raises(NullMx):
            tried(persona, zone)
    else:
        assert tried(persona, zone) == ["10.0.0.1"]


@every_mta
def test_the_domain_itself_counts_only_without_any_mx(persona: str) -> None:
    """RFC 5321 §5.1: an MX whose host has no address does not bring the implicit one back."""
    own = {DOMAIN: ("10.0.0.9",)}
    assert tried(persona, Zone([], own)) == ["10.0.0.9"]
    with pytest.raises(NoSuchName, match="contoso.com: no exchanger has an address"):
        tried(persona, Zone([(10, "gone")], own))
    with pytest.raises(NoSuchName, match="contoso.com: no exchanger has an address"):
        tried(persona, Zone([(10, "empty")], {**own, "empty": ()}))


@going_on
@pytest.mark.parametrize("hosts", [{}, {"bad": ()}, {"bad": None}])
def test_a_host_without_address_is_passed_over(
    persona: str, hosts: Mapping[str, tuple[str, ...] | None]
) -> None:
    """The next one is tried, whether the name is gone, empty, or cannot be told just now."""
    zone = Zone([(10, "bad"), (20, "a"), (30, "b")], {**GOOD, **hosts})
    assert tried(persona, zone) == ["10.0.0.1", "10.0.0.2"]


@every_mta
def test_where_one_cannot_be_told_it_is_not_for_good(persona: str) -> None:
    """No address, and one host that could not be looked up: to be tried again later."""
    zone = Zone([(10, "bad"), (10, "worse")], {"bad": None, "worse": None})
    with pytest.raises(Unresolved, match="SERVFAIL") as caught:
        tried(persona, zone)
    assert not isinstance(caught.value, NoSuchName)


@going_on
def test_an_address_in_a_record_is_one_for_postfix_alone(persona: str) -> None:
    """Measured: Postfix 3.7 connects to it, Exim 4.96 goes on to the next host."""
    zone = Zone([(10, "10.0.0.7"), (20, "a")], GOOD)
    expected = ["10.0.0.7", "10.0.0.1"] if persona == "postfix" else ["10.0.0.1"]
    assert tried(persona, zone) == expected
