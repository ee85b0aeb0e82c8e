"""The receive connectors of one node: where it listens, and when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Final

from relaydrill.journal import Journal
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.exchange_log_writers import ReceiveLog
from relaydrill.nodes.receiving.dialogue import Dialogue
from relaydrill.nodes.receiving.fast_path import FastPath
from relaydrill.nodes.receiving.logged_dialogue import LoggedDialogue
from relaydrill.nodes.receiving.policy import Policy
from relaydrill.nodes.receiving.reception import Acceptor, Primary, Reception

_LAST_SESSIONS_S: Final = 1.0


class Listeners:
    """The receive connectors of one node.

    Args:
        settings: The node's configuration.
        acceptor: What takes the messages.
        journal: The node's journal.
        disturbances: Service faults in force.
        primary: The node, where it is a hub.
    """

    def __init__(
        self,
        settings: config.Receiver,
        acceptor: Acceptor,
        journal: Journal,
        disturbances: Disturbances,
        *,
        primary: Primary | None = None,
    ) -> None:
        self._reception = Reception(settings, acceptor, journal, disturbances, primary)
        self._log = ReceiveLog(Path(settings.logs), settings.name) if settings.logs else None
        self._servers: list[asyncio.Server] = []

    async def open(self) -> None:
        """Listen on every connector.

        Raises:
            OSError: An address or port cannot be bound.
        """
        loop, reception = asyncio.get_running_loop(), self._reception
        for listener in reception.settings.listeners:
            policy = Policy(reception, listener)
            self._servers.append(
                await loop.create_server(
                    self._session(listener, policy),
                    listener.bind.address,
                    listener.bind.port,
                    backlog=reception.settings.backlog,
                )
            )

    def _session(self, listener: config.Listener, policy: Policy) -> Callable[[], asyncio.Protocol]:
        if self._log is not None:
            return functools.partial(LoggedDialogue, listener, self._reception, policy, self._log)
        whole = functools.partial(Dialogue, listener, self._reception, policy)
        if self._reception.acceptor.answers_at_once:
            return functools.partial(FastPath, listener, self._reception, whole)
        return whole

    async def close(self) -> None:
        """Stop listening; sessions that are open go on."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    def finish(self) -> None:
        """Close what the sessions share on the disk, once none will come any more."""
        self._reception.known.close()

    async def follow(self) -> None:
        """Listen, or not, as the disturbances want it.

        Closing lets the sessions that are open come to their end first, for as long as a session
        usually takes: from then on the node takes nothing.
        """
        if self._reception.disturbances.closed and self._servers:
            await self.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LAST_SESSIONS_S):
                    await self._reception.empty.wait()
        elif not self._reception.disturbances.closed and not self._servers:
            await self.open()
