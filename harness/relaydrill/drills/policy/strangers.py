"""Whether a sender that no connector names is a stranger at all, by the address it asks from.

On a real lab several senders may be one machine, and a range that relays may hold it. What a
server allows to such a one it allows to whom it should: that says nothing of strangers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.address_span import AddressSpan, parse_address
from relaydrill.drills.policy.questions import Question, Rule, connectors_behind
from relaydrill.drivers.base import Lab
from relaydrill.topology import Connector

_OF_STRANGERS: Final = (Rule.MUST_NOT_RELAY, Rule.NOT_WITHOUT_LOGIN)


def why_no_stranger(lab: Lab, question: Question) -> str:
    """Why an answer to a stranger's question would be one to somebody who may; empty if it is not.

    By the connector that serves its address by design: the one with the smallest range around it.
    """
    attach = lab.topology.attach
    if attach is None or question.rule not in _OF_STRANGERS:
        return ""
    client, seats = question.client, lab.placement.seats
    address = seats[client].address
    serving = [
        (span.size, not connector.relay, remote, connector)
        for connector in connectors_behind(lab.topology, question.entry_point, question.port)
        for remote, span in _spans(lab, connector)
        if parse_address(address) in span
    ]
    if not serving:
        return ""
    _, _, remote, connector = min(serving, key=lambda each: each[:2])
    if not connector.relay or connector.auth != "none":
        return ""
    remedy = f"give {client} an address of its own (attach.nodes.{client}.address), or ask from"
    if remote in seats:
        return (
            f"{client} and {remote} ask from the same address {address}, and {remote} may relay:"
            f" {remedy} elsewhere"
        )
    return (
        f"{client} asks from {address}, and the range {remote} holds it, which may relay: {remedy}"
        " outside of it"
    )


def _spans(lab: Lab, connector: Connector) -> Iterator[tuple[str, AddressSpan]]:
    """The addresses that a connector serves, each with how it is declared."""
    for remote in connector.remote:
        seat = lab.placement.seats.get(remote)
        yield remote, AddressSpan.parse(seat.address if seat else remote)
