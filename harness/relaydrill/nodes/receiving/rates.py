"""How much one address has sent within a time, as Postfix's anvil(8) counts it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from relaydrill import clock
from relaydrill.nodes import config

What = Literal["messages", "sessions"]


@dataclass(slots=True)
class _Window:
    """What came since a moment."""

    since: float
    count: int = 0


class Rates:
    """How many messages and sessions each connector of a node had of each address.

    A time begins with the first that comes when the one before is over; what is refused counts.
    """

    def __init__(self) -> None:
        self._windows: dict[tuple[What, int, str, str], _Window] = {}

    def has_room(self, what: What, port: int, connector: config.Connector, client: str) -> bool:
        """Whether one more would be taken; nothing is counted."""
        most = _most(what, connector)
        if most is None:
            return True
        found = self._window(what, port, connector, client)
        return found is None or found.count < most

    def count(self, what: What, port: int, connector: config.Connector, client: str) -> bool:
        """Count one; whether it is within the limit."""
        most = _most(what, connector)
        if most is None:
            return True
        found = self._window(what, port, connector, client)
        if found is None:
            found = _Window(clock.monotonic())
            self._windows[what, port, connector.name, client] = found
        found.count += 1
        return found.count <= most

    def _window(
        self, what: What, port: int, connector: config.Connector, client: str
    ) -> _Window | None:
        """What is being counted; None where a time would begin anew."""
        found = self._windows.get((what, port, connector.name, client))
        per = connector.rate_limit.per if connector.rate_limit else 0.0
        return found if found and clock.monotonic() - found.since < per else None


def _most(what: What, connector: config.Connector) -> int | None:
    limit = connector.rate_limit
    if limit is None:
        return None
    return limit.messages if what == "messages" else limit.sessions
