"""What a master tells its workers to send, and what they tell of it: plain JSON values.

A message travels as what it is written from, and is written anew where it is sent: an order has the
same few hundred bytes whatever the size of its message.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from relaydrill.nodes.sending.workload import Load, OutgoingMessage, compose_message
from relaydrill.smtp import Outcome, Phase, Reply, Result


def order_of(message: OutgoingMessage) -> dict[str, Any]:
    """A message as an order."""
    return {
        "load": asdict(message.load),
        "number": message.number,
        "sort": message.sort,
        "due": message.due,
        "date": message.date,
    }


def message_of(order: dict[str, Any], fqdn: str) -> OutgoingMessage:
    """The message of an order.

    Args:
        order: The order as it came.
        fqdn: The name of the host that is said to send it.
    """
    return compose_message(
        Load(**order["load"]),
        order["number"],
        fqdn=fqdn,
        sort=order["sort"],
        due=order["due"],
        date=order["date"],
    )


def told(outcome: Outcome) -> dict[str, Any]:
    """An outcome as a worker tells it."""
    return asdict(outcome)


def heard(said: dict[str, Any]) -> Outcome:
    """The outcome that a worker has told.

    Raises:
        ValueError: There is no such result, phase or reply.
    """
    reply = said["reply"]
    return Outcome(
        Result(said["result"]),
        Phase(said["phase"]),
        Reply(reply["code"], reply["text"]) if reply else None,
        said["reason"],
        said["address"],
        said["server"],
    )
