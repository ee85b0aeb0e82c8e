"""The control channel of a node that has none: what its inventory lets one look at."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from relaydrill.drivers.attach.actions import Actions
from relaydrill.drivers.attach.witness import Witness
from relaydrill.errors import CapabilityMissing, ControlError, LabError
from relaydrill.journal import Event
from relaydrill.topology.attach import AttachedNode

Item = tuple[str, str]

_MOST_LOOKS: Final = 4


class RemoteControl:
    """Looks into the queue of a node that runs elsewhere, by the command of its inventory.

    Args:
        node: Its name.
        attached: What the inventory says of it.
        actions: How commands are run.
        witness: Who knows the messages by their queue ids.
    """

    def __init__(
        self, node: str, attached: AttachedNode, actions: Actions, witness: Witness
    ) -> None:
        self.node = node
        self._attached = attached
        self._actions = actions
        self._witness = witness

    def __call__(self, op: str, *, timeout_s: float = 10.0, **args: Any) -> Any:
        """``queue_length``; ``queue`` also journals what lies there.

        Raises:
            CapabilityMissing: Anything else, or there is no command.
            ControlError: The command failed, or printed no queue.
        """
        if op not in ("queue_length", "queue") or self._attached.queue is None:
            raise CapabilityMissing(op, "the inventory", self.node)
        if op == "queue_length":
            return len(self._items())
        items = self._looked_twice()
        self._witness.append(
            Event(time.monotonic(), time.time(), self.node, "queue", detail={"items": items})
        )
        return items

    def answers(self) -> bool:
        """It keeps no such channel."""
        return False

    def _looked_twice(self) -> list[Item]:
        """What lies there by two looks in a row that agree.

        A message that goes from one of Postfix's queues to another while ``postqueue`` lists them
        one after the other is in none of them.
        """
        items = self._items()
        for _ in range(_MOST_LOOKS):
            before, items = items, self._items()
            if sorted(before) == sorted(items):
                break
        return items

    def _items(self) -> list[Item]:
        assert self._attached.queue
        try:
            printed = self._actions.do(
                self._attached.queue, node=self.node, address=self._attached.address, fault=""
            )
        except LabError as error:
            raise ControlError(f"the queue of {self.node} cannot be looked into: {error}") from None
        self._witness.look()
        known = self._witness.known_on(self.node)
        try:
            items = [item for line in printed.splitlines() if line for item in parse(line, known)]
        except (ValueError, KeyError, TypeError) as error:
            raise ControlError(
                f"the queue command of {self.node} printed no JSON lines as postqueue -j does:"
                f" {error}"
            ) from None
        return [(each, self._witness.recipient_of(each, to)) for each, to in items]


def parse(line: str, queue_ids: dict[str, str]) -> list[Item]:
    """One line of ``postqueue -j``: a message with its recipients (postqueue(1), "JSON FORMAT").

    A command of one's own may give ``message_id``; Postfix gives ``queue_id``, which the server had
    named to the sender.
    """
    entry = json.loads(line)
    message = entry.get("message_id") or queue_ids.get(str(entry["queue_id"]), "")
    return [(str(message), str(each["address"])) for each in entry["recipients"]]
