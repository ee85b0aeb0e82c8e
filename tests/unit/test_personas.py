"""How each persona spreads its load, over thousands of choices, and what it does when one fails."""

from __future__ import annotations

import random
import time
from collections import Counter
from itertools import count

import pytest

from relaydrill.personas import PERSONAS, SenderSettings, SenderState, Unresolved
from relaydrill.personas.base import Directory, Learning
from relaydrill.smtp import Outcome, Phase, Reply, Result

DOMAIN = "contoso.com"
CHOICES = 6000


class Zone:
    """A zone whose answers are rotated by one for each question, as most name servers do.

    Args:
        mx: Preference and host.
        hosts: Addresses by host.
    """

    def __init__(self, mx: list[tuple[int, str]], hosts: dict[str, list[str]]) -> None:
        self._mx = mx
        self._hosts = hosts
        self._turns = {name: count() for name in (DOMAIN, *hosts)}

    def mx(self, domain: str) -> tuple[tuple[int, str], ...]:
        """The records in this turn's order."""
        first = next(self._turns[domain]) % len(self._mx) if self._mx else 0
        return tuple(self._mx[first:] + self._mx[:first])

    def addresses(self, host: str) -> tuple[str, ...]:
        """The addresses in this turn's order."""
        if host not in self._hosts:
            raise Unresolved(host)
        own = self._hosts[host]
        first = next(self._turns[host]) % len(own)
        return tuple(own[first:] + own[:first])


def six() -> Zone:
    """Three equal MX hosts with two addresses each."""
    hosts = {host: [f"{host}1", f"{host}2"] for host in "abc"}
    return Zone([(10, host) for host in "abc"], hosts)


def lopsided() -> Zone:
    """Two equal MX hosts, the first with two addresses and the second with one, and a spare."""
    hosts = {"a": ["a1", "a2"], "b": ["b1"], "spare": ["s1"]}
    return Zone([(10, "a"), (10, "b"), (20, "spare")], hosts)


def named() -> Zone:
    """One name with three addresses, and no MX."""
    return Zone([], {"mail": ["a1", "b1", "c1"]})


def born(seed: object = 1, pin: str = "", shun_s: float = 900.0) -> SenderSettings:
    """What a sender is born with."""
    return SenderSettings(random.Random(f"{seed}"), pin, shun_s=shun_s)


def shares(
    persona: str, directory: Directory, *, senders: int, target: str = DOMAIN, pin: str = ""
) -> dict[str, float]:
    """The share of each address among the first choices of a population that takes turns."""
    made = [PERSONAS[persona].new_sender(born(number, pin)) for number in range(senders)]
    counts = Counter(
        next(iter(made[turn % senders].addresses(target, directory))) for turn in range(CHOICES)
    )
    return {address: counts[address] / CHOICES for address in sorted(counts)}


def near(**expected: float) -> object:
    """Shares to within what 6000 choices allow (four standard deviations)."""
    return pytest.approx(expected, abs=0.026)


EVEN = near(a1=1 / 6, a2=1 / 6, b1=1 / 6, b2=1 / 6, c1=1 / 6, c2=1 / 6)


@pytest.mark.parametrize("persona", ["rfc5321", "postfix", "exim", "rotated_list", "lowest_mx"])
def test_three_equal_hosts_of_two_addresses_are_even(persona: str) -> None:
    """Personas that choose anew for each message spread evenly over three MX of two addresses."""
    assert shares(persona, six(), senders=7) == EVEN


@pytest.mark.parametrize(
    ("persona", "expected"),
    [
        ("rfc5321", near(a1=1 / 4, a2=1 / 4, b1=1 / 2)),
        ("exim", near(a1=1 / 4, a2=1 / 4, b1=1 / 2)),
        ("postfix", near(a1=1 / 3, a2=1 / 3, b1=1 / 3)),
        ("rotated_list", near(a1=1 / 3, a2=1 / 3, b1=1 / 3)),
    ],
)
def test_hosts_or_addresses_are_what_is_chosen(persona: str, expected: object) -> None:
    """Postfix and Exchange choose addresses, so a second one counts; the RFC and Exim hosts."""
    assert shares(persona, lopsided(), senders=7) == expected


def test_pinned_senders_stay_with_one_host_and_share_its_addresses() -> None:
    """A sender never leaves its MX; all pinned to one, both of its addresses share the load."""
    assert shares("pinned_mx", six(), senders=50, pin="a") == near(a1=1 / 2, a2=1 / 2)
    sender, zone = PERSONAS["pinned_mx"].new_sender(born()), six()
    hosts = {next(sender.addresses(DOMAIN, zone))[0] for _ in range(100)}
    assert len(hosts) == 1


def test_a_population_of_pinned_senders_is_spread_by_their_number() -> None:
    """Each of six thousand picks a host for itself, whatever the order of the answers."""
    found = shares("pinned_mx", six(), senders=CHOICES)
    assert found == EVEN


def test_a_caching_client_keeps_its_first_answer() -> None:
    """One client is one choice, however much it sends; a hundred of them follow the rotation."""
    assert shares("caching_client", named(), senders=1, target="mail") == {"a1": 1.0}
    hundred = shares("caching_client", named(), senders=99, target="mail")
    assert hundred == near(a1=1 / 3, b1=1 / 3, c1=1 / 3)


@pytest.mark.parametrize("persona", ["single_host", "first_address"])
def test_clients_of_a_name_follow_the_rotation(persona: str) -> None:
    """The first address of each new answer: DNS alone decides."""
    assert shares(persona, named(), senders=1, target="mail") == near(a1=1 / 3, b1=1 / 3, c1=1 / 3)


@pytest.mark.parametrize("persona", ["single_host", "mail_client", "caching_client"])
def test_in_the_servers_own_subnet_a_client_pins_itself(persona: str) -> None:
    """RFC 6724 rule 9: the address with the longest common prefix is first, whatever DNS rotates.

    10.0.0.9 and 10.0.0.11 share 30 bits, 10.0.0.9 and 10.0.0.12 but 29; two that share as many keep
    the order of the answer.
    """
    answers = {"mail": ["10.0.0.12", "10.0.0.11", "10.0.0.13"], "far": ["10.0.0.12", "10.0.0.13"]}
    zone = Zone([], answers)
    near = SenderSettings(random.Random(1), near="10.0.0.9", cache_s=0.0)
    sender = PERSONAS[persona].new_sender(near)
    firsts = Counter(next(iter(sender.addresses("mail", zone))) for _ in range(30))
    assert firsts == {"10.0.0.11": 30}
    firsts = Counter(next(iter(sender.addresses("far", zone))) for _ in range(30))
    assert firsts == {"10.0.0.12": 15, "10.0.0.13": 15}


@pytest.mark.parametrize(
    ("persona", "addresses"),
    [
        ("single_host", 1),
        ("first_address", 1),
        ("caching_client", 1),
        ("mail_client", 3),
    ],
)
def test_how_many_addresses_of_a_name_are_tried(persona: str, addresses: int) -> None:
    """Application servers try one, mail clients all."""
    sender = PERSONAS[persona].new_sender(born())
    assert len(list(sender.addresses("mail", named()))) == addresses


@pytest.mark.parametrize(
    ("persona", "addresses"),
    [
        ("lowest_mx", 1),
        ("pinned_mx", 2),
        ("postfix", 5),
        ("exim", 5),
        ("rfc5321", 6),
        ("rotated_list", 6),
    ],
)
def test_how_many_addresses_of_a_domain_are_tried(persona: str, addresses: int) -> None:
    """Swaks tries one, a pinned MTA its host's two, Postfix and Exim five, the others all six."""
    sender: SenderState = PERSONAS[persona].new_sender(born())
    tried = list(sender.addresses(DOMAIN, six()))
    assert len(tried) == addresses
    assert len(set(tried)) == addresses


@pytest.mark.parametrize("persona", ["rfc5321", "postfix", "exim", "rotated_list"])
def test_a_higher_preference_is_for_the_rest(persona: str) -> None:
    """The spare host comes after every host of a lower number (RFC 5321 §5.1)."""
    sender = PERSONAS[persona].new_sender(born())
    for _ in range(50):
        assert list(sender.addresses(DOMAIN, lopsided()))[-1] == "s1"


def test_a_domain_without_mx_is_its_own_host() -> None:
    """The implicit MX of RFC 5321 §5.1."""
    zone = Zone([], {DOMAIN: ["x1"]})
    sender = PERSONAS["rfc5321"].new_sender(born())
    assert list(sender.addresses(DOMAIN, zone)) == ["x1"]


UNREACHED = Outcome(Result.UNREACHABLE, Phase.CONNECT)
BUSY = Outcome(Result.REFUSED, Phase.BANNER, Reply(421, "later"))
CLOSED = Outcome(Result.REFUSED, Phase.BANNER, Reply(554, "no"))
FULL = Outcome(Result.REFUSED, Phase.MAIL, Reply(452, "full"))
CUT = Outcome(Result.UNANSWERED, Phase.REPLY, reason="connection closed")
UNWANTED = Outcome(Result.REFUSED, Phase.RCPT, Reply(550, "no such user"))


@pytest.mark.parametrize(
    ("persona", "goes_on"),
    [
        ("single_host", [True, False, False, False, False, False]),
        ("pinned_mx", [True, False, False, False, False, False]),
        ("rfc5321", [True, True, True, True, True, False]),
        ("postfix", [True, True, True, True, True, False]),
        ("exim", [True, True, False, True, True, False]),
        ("rotated_list", [True, True, True, False, False, False]),
    ],
)
def test_after_what_the_next_address_is_tried(persona: str, goes_on: list[bool]) -> None:
    """No connection: all. What may pass: MTAs. A 5xx banner: all MTAs but Exim. A 5xx later: none.

    What Postfix and Exim do was measured with the real programs, which
    ``tests/drills/test_sending_mtas.py`` runs beside them.
    """
    outcomes = (UNREACHED, BUSY, CLOSED, FULL, CUT, UNWANTED)
    assert [PERSONAS[persona].goes_on(each) for each in outcomes] == goes_on


@pytest.mark.parametrize(
    ("outcome", "shuns"),
    [(UNREACHED, True), (BUSY, True), (FULL, False), (CUT, False), (UNWANTED, False)],
)
def test_exim_leaves_a_failed_host_alone_for_its_retry_time(outcome: Outcome, shuns: bool) -> None:
    """A host's failure is remembered, a message's is not; after the retry time it is tried again.

    With all hosts remembered so, a message is not tried at all.
    """
    sender, zone = PERSONAS["exim"].new_sender(born(shun_s=0.05)), named()
    assert isinstance(sender, Learning)
    assert len(list(sender.addresses("mail", zone))) == 3
    sender.learn("b1", outcome)
    assert set(sender.addresses("mail", zone)) == ({"a1", "c1"} if shuns else {"a1", "b1", "c1"})
    sender.learn("a1", outcome)
    sender.learn("c1", outcome)
    if shuns:
        with pytest.raises(Unresolved, match="retry time not reached"):
            next(sender.addresses("mail", zone))
    time.sleep(0.06)
    assert len(list(sender.addresses("mail", zone))) == 3
