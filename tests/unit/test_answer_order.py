"""In which order the records of a DNS answer stand."""

from __future__ import annotations

import random
from collections import Counter

from relaydrill.nodes.answer_order import arranged, near_first

RECORDS = ("a", "b", "c")


def test_rotation_moves_the_first_to_the_end() -> None:
    """Each answer begins one further, and after the last one with the first again."""
    chance = random.Random(1)
    turns = [arranged(RECORDS, "rotate", turn=turn, chance=chance) for turn in range(4)]
    assert turns == [("a", "b", "c"), ("b", "c", "a"), ("c", "a", "b"), ("a", "b", "c")]


def test_a_fixed_order_stays_and_a_random_one_is_even() -> None:
    """Fixed is as declared; of 6000 random answers each record begins a third."""
    chance = random.Random(1)
    assert {arranged(RECORDS, "fixed", turn=turn, chance=chance) for turn in range(9)} == {RECORDS}
    firsts = Counter(
        arranged(RECORDS, "random", turn=turn, chance=chance)[0] for turn in range(6000)
    )
    assert all(1850 < firsts[record] < 2150 for record in RECORDS)


def test_no_records_are_no_trouble() -> None:
    """An empty answer has no order."""
    assert arranged((), "rotate", turn=5, chance=random.Random(1)) == ()


def test_netmask_ordering_puts_the_clients_own_network_first() -> None:
    """Addresses in the client's /24 come first; within each part the given order stays."""
    addresses = ("10.1.0.9", "10.2.0.1", "10.1.0.2", "10.3.0.1")
    assert near_first(addresses, "10.1.0.77") == ("10.1.0.9", "10.1.0.2", "10.2.0.1", "10.3.0.1")
    assert near_first(addresses, "10.3.0.5") == ("10.3.0.1", "10.1.0.9", "10.2.0.1", "10.1.0.2")
    assert near_first(addresses, "192.0.2.1") == addresses
