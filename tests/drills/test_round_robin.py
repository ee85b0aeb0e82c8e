"""A name of several addresses in place of a balancer: whom it helps when a hub dies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from relaydrill import topology_files
from relaydrill.drills.result import Judgement
from relaydrill.verdict import Status

RunDrill = Callable[..., Judgement]

DESIGN = """
name: round-robin
clock: 10
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  app: {role: sender, sorts_near: NEAR}
  mbx: {role: mailbox, domains: [contoso.com]}
  ns1: {role: dns, order: ORDER}
names: {mail.contoso.com: [ht1, ht2]}
connectors: {relay: {port: 25, relay: true, tls: offered, auth: AUTH}}
flows:
  relay: {from: app, to: mail.contoso.com, persona: PERSONA, rate: 40/s}
expect: {gap: 15s, spread: [ht1, ht2]}
"""


def judged(drill: RunDrill, *faults: str, **words: str) -> Judgement:
    """A drill of the design with its words filled in."""
    text = DESIGN
    for word, value in {"order": "rotate", "near": "false", "auth": "none", **words}.items():
        text = text.replace(word.upper(), value)
    return drill(topology_files.parse(text, "round-robin.yaml"), *faults)


def statuses(found: Judgement) -> dict[str, Any]:
    """The status of each check."""
    return {check.check: check.status for check in found.flow("relay").checks}


def test_a_client_of_every_address_rides_out_a_dead_hub(drill_on_processes: RunDrill) -> None:
    """What tries each address in turn gets there: refused connections cost it nothing."""
    found = judged(drill_on_processes, "kill:ht1", persona="mail_client")
    assert found.status is Status.PASS


def test_an_application_server_loses_a_dead_hub_s_share(drill: RunDrill) -> None:
    """A client of one address fails for its half as long as the name gives the dead hub's."""
    found = judged(drill, "kill:ht1", persona="single_host")
    assert statuses(found)["degraded"] is Status.FAIL
    assert statuses(found)["gap"] is Status.PASS
    bad = [each for each in found.ledger.attempts("relay") if not each.accepted]
    assert len(bad) == pytest.approx(40 * 3.0 / 2, rel=0.4)


def test_in_the_hubs_own_subnet_rotation_does_not_spread_a_host(drill: RunDrill) -> None:
    """RFC 6724 rule 9: the application's own address decides, and one hub gets everything.

    Hosts get their addresses in the order of the file: 3 shares more with 2 than with 1.
    """
    found = judged(drill, persona="single_host", near="true")
    assert statuses(found)["spread"] is Status.FAIL
    counts = {each.choice for each in found.ledger.attempts("relay")}
    assert len(counts) == 1
