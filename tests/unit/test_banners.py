"""Which node a banner names: by its name, or by those that the inventory knows it as."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.histories import History
from tests.unit.test_witness import design

from relaydrill import topology_files
from relaydrill.ledger import Tried, join
from relaydrill.smtp import Result
from relaydrill.topology import Topology
from relaydrill.topology.banners import named_in


def renamed() -> Topology:
    """A real lab whose hub ht1 is called otherwise, as its mailbox server is."""
    text = topology_files.dump(design()).replace("ht1.corp", "gw.corp")
    return topology_files.parse(text, "theirs.yaml")


@pytest.mark.parametrize(
    ("banner", "node"),
    [
        ("gw.corp", "ht1"),
        ("GW.Corp.", "ht1"),
        ("gw.other.corp", ""),  # another host of that name
        ("ht1.corp", ""),  # whoever that is, the inventory says that it is not ht1
        ("ht2.corp", "ht2"),
        ("mbx.anywhere", "mbx"),
        ("app", "app"),
        ("", ""),
        ("ESMTP", ""),
    ],
)
def test_a_banner_names_who_is_known_so(banner: str, node: str) -> None:
    """The whole name that is declared; or, where none is, what begins with the node's name."""
    assert named_in(renamed())(banner) == node


def test_who_is_left_out_is_not_found() -> None:
    """Nodes that speak for themselves are nobody else's to recognise."""
    assert named_in(renamed(), but=("ht2",))("ht2.corp") == ""


def test_attempts_fall_on_who_is_known_as_the_banner_says() -> None:
    """The spread over the hubs of a real lab is counted by the names that they have there."""
    history = History()
    history.attempt("<1@app>", Result.REFUSED, code=452, server="gw.corp")
    tries = join(history.events).tries("relay", named_in(renamed()))
    assert tries == Counter({Tried("", None, Result.REFUSED, True, "ht1"): 1})
