"""What a healthy server puts off: greylists, rates of one address, and whose attempts these are."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relaydrill import clock, topology_files
from relaydrill.drills.checks.restraint import Restraint
from relaydrill.errors import TopologyError
from relaydrill.ledger import Attempt, PutOff
from relaydrill.node_settings import Greylist, RateLimit
from relaydrill.nodes import config
from relaydrill.nodes.receiving.greylist import KnownSenders, key_of
from relaydrill.nodes.receiving.rates import Rates
from relaydrill.smtp import Result


@dataclass
class Hands:
    """A clock that a test turns."""

    now: float = 1_000.0

    def monotonic(self) -> float:
        """What it shows."""
        return self.now

    def wall(self) -> float:
        """The same."""
        return self.now

    def sleep(self, seconds: float, /) -> None:
        """Turn it on."""
        self.now += seconds


RULES = Greylist(delay=300.0)
asked = st.lists(
    st.tuples(
        st.floats(0, 400),
        st.sampled_from(["10.0.0.1", "10.0.0.9", "10.0.1.1", "2001:db8::1"]),
        st.sampled_from(["a@x.test", "b@x.test"]),
        st.booleans(),
    ),
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(asked)
def test_a_sender_passes_once_its_delay_is_over_however_often_it_asked(
    tmp_path_factory: pytest.TempPathFactory, questions: list[tuple[float, str, str, bool]]
) -> None:
    """The first sight of a triplet counts: no retry prolongs the delay, and no restart forgets."""
    path = tmp_path_factory.mktemp("greylist") / "ht1.greylist.sqlite"
    first: dict[str, float] = {}
    hands, known = Hands(), KnownSenders(path)
    with clock.given(hands):
        for wait_s, client, sender, is_restarted in questions:
            if is_restarted:
                known.close()
                known = KnownSenders(path)
            hands.sleep(wait_s)
            key = key_of(RULES, client, sender, "u@contoso.com")
            since = first.setdefault(key, hands.now)
            put_off = known.puts_off(RULES, client, sender, "u@contoso.com")
            assert put_off is (hands.now - since < 300.0)
    known.close()


def test_a_network_is_one_client_and_a_source_one_key() -> None:
    """Neighbours in the same /24 are one, as in Postgrey; by source the envelope does not count."""

    def key(client: str, sender: str = "a@x.test", **rules: Any) -> str:
        return key_of(Greylist(**rules), client, sender, "U@contoso.com")

    assert key("10.0.0.1") == key("10.0.0.200") != key("10.0.1.1")
    assert key("10.0.0.1") != key("10.0.0.1", "b@x.test")
    assert key("10.0.0.1", network=32) != key("10.0.0.2", network=32)
    assert key("10.0.0.1", key="source") == key("10.0.0.1", "b@x.test", key="source")
    assert key("2001:db8::1") == key("2001:db8::2") != key("2001:db8:1::1")


@given(
    st.integers(1, 5),
    st.lists(st.tuples(st.floats(0, 40), st.sampled_from("ab")), max_size=40),
)
def test_a_rate_is_counted_as_anvil_does(most: int, coming: list[tuple[float, str]]) -> None:
    """From the first of an address on for a minute, then anew; what is refused counts."""
    connector = config.Connector(rate_limit=RateLimit(messages=most))
    hands, rates = Hands(), Rates()
    windows: dict[str, tuple[float, int]] = {}
    with clock.given(hands):
        for wait_s, client in coming:
            hands.sleep(wait_s)
            since, count = windows.get(client, (float("-inf"), 0))
            if hands.now - since >= 60.0:
                since, count = hands.now, 0
            windows[client] = since, count + 1
            has_room = rates.has_room("messages", 25, connector, client)
            assert has_room is (count < most)
            assert rates.count("messages", 25, connector, client) is has_room
            assert rates.count("sessions", 25, connector, client)


def restraint(*put_offs: PutOff) -> Restraint:
    """What is asked of a flow at port 25, whose banners name their server."""
    found: dict[str, list[PutOff]] = defaultdict(list)
    for each in put_offs:
        found[each.node].append(each)
    case: Any = SimpleNamespace(
        flow="relay",
        topology=SimpleNamespace(flows={"relay": SimpleNamespace(port=25)}),
        ledger=SimpleNamespace(put_offs=found),
        answered_by=lambda attempt: attempt.server,
    )
    return Restraint(case)


def put_off(mono: float, node: str = "ht1", port: int = 25, code: int = 450) -> PutOff:
    """A recipient that was greylisted."""
    return PutOff(mono, node, "greylist", "relay", port, "rcpt", code, "10.0.0.1")


def tried(server: str = "ht1", code: int = 450, phase: str = "rcpt", began: float = 5.0) -> Attempt:
    """An attempt of a second."""
    return Attempt(
        *("relay", began, began, began + 1.0, Result.REFUSED), phase, code, server=server
    )


@pytest.mark.parametrize(
    ("attempt", "known"),
    [
        (tried(), True),
        (tried(server=""), True),
        (tried(server="ht2"), False),
        (tried(code=451), False),
        (tried(phase="mail"), False),
        (tried(began=6.6), False),
        (tried(began=4.2), False),
    ],
)
def test_an_attempt_is_put_off_by_the_server_that_says_so_of_its_time(
    attempt: Attempt, known: bool
) -> None:
    """Another server, reply, phase or time is another cause: nothing is put down to a limit."""
    asked_of = restraint(put_off(5.5), put_off(5.5, port=587), put_off(9.0))
    found = asked_of.of(attempt)
    assert (found is not None) is known
    assert bool(asked_of.told([attempt])) is known


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "connectors: {relay: {rate_limit: {per: 1min}}}",
            "connectors.relay.rate_limit: it limits nothing",
        ),
        (
            "nodes: {ht1: {kind: postfix}}\nconnectors: {relay: {greylist: {delay: 5min}}}",
            "connectors.relay.greylist: ht1 is a real postfix, which has no greylist of its own",
        ),
        (
            "nodes: {ht1: {kind: postfix}}\nconnectors: {relay: {rate_limit: {messages: 5}},"
            " client: {rate_limit: {messages: 5, per: 5min}}}",
            "connectors.client.rate_limit.per: ht1 is a real postfix, and counts all in one time",
        ),
        (
            "nodes: {app: {kind: exim}}\nflows: {relay: {retry: 5min}, submission: null}",
            "flows.relay.retry: app is a real exim, and tries again at times of its own",
        ),
        (
            "nodes: {app: {load: {workers: 2}}}\nflows: {relay: {retry: 5min}}",
            "flows.relay.retry: app shares its load among Locust workers",
        ),
    ],
)
def test_what_nobody_could_do_is_a_mistake_with_its_place(change: str, said: str) -> None:
    """Limits of nothing, a greylist that a real program lacks, retries that are another's."""
    with pytest.raises(TopologyError) as caught:
        topology_files.parse(f"extends: sharepoint\nname: mine\n{change}\n", "mine.yaml")
    assert said in str(caught.value)
