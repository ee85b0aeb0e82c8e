"""Arrivals by Postfix's log: what its last step delivered, with the Message-ID of its queue id."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from relaydrill.drivers.attach.observers.arrival import Arrival
from relaydrill.drivers.attach.observers.growing import GrowingFile
from relaydrill.nodes.postfix.log import Named, Passed, Removed, parse

_DELIVERS: Final = re.compile(r"/(?:virtual|local|lmtp|pipe)\[\d+\]: ")
"""The programs whose ``status=sent`` means that mail is in its mailbox: neither ``smtp``, which
passes it on, nor ``discard``, which throws it away."""

_FORWARDED: Final = "forwarded as"


class PostfixLogObserver:
    """The log of a Postfix in which the test domain's mail ends.

    Args:
        path: Its file. What stands in it already is not new.

    Raises:
        UsageError: It is not there.
    """

    def __init__(self, path: Path) -> None:
        self._file = GrowingFile(path)
        self._messages: dict[str, str] = {}

    def new(self) -> Iterator[Arrival]:
        """What has been delivered."""
        for line in self._file.new_lines():
            match parse(line):
                case Named(queue_id, message):
                    self._messages[queue_id] = message
                case Removed(queue_id):
                    self._messages.pop(queue_id, None)
                case Passed(queue_id, recipient, "sent", said=said) if _DELIVERS.search(line):
                    message = self._messages.get(queue_id, "")
                    if message and not said.startswith(_FORWARDED):
                        yield Arrival(message, recipient)

    def close(self) -> None:
        """Look no more."""
        self._file.close()
