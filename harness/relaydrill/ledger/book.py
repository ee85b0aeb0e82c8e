"""The joined journals of one drill, to be asked. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from relaydrill.journal import Event
from relaydrill.ledger.entries import Account, Attempt, Entry
from relaydrill.ledger.observed import ANY_PORT, Belief, FaultWindow, Stall, Traffic
from relaydrill.message import WANTED


class Ledger:
    """The joined journals of one drill. Build it with `join`."""

    def __init__(self) -> None:
        self.entries: dict[tuple[str, str], Entry] = {}
        self.traffic: dict[str, list[Traffic]] = defaultdict(list)
        self.bites: dict[str, list[Event]] = defaultdict(list)
        self.faults: list[FaultWindow] = []
        self.beliefs: list[Belief] = []
        self.unseen = Account.LOST
        self.stalls: list[Stall] = []
        self.gone_workers: list[str] = []
        self._queues: dict[str, tuple[float, frozenset[tuple[str, str]]]] = {}

    def of_flow(self, flow: str) -> Iterator[Entry]:
        """The entries of one flow; `FOREIGN` for the messages of unjournalled senders."""
        return (entry for entry in self.entries.values() if entry.flow == flow)

    def attempts(self, flow: str, *, wanted: bool = True) -> list[Attempt]:
        """The attempts of one flow, by the time at which they began.

        Args:
            wanted: Those with mail that was to be taken, or else those with mail that was not.
        """
        found = [
            attempt
            for entry in self.of_flow(flow)
            for attempt in entry.attempts
            if (attempt.sort == WANTED) is wanted
        ]
        return sorted(found, key=lambda attempt: attempt.started)

    def accounts(self, flow: str) -> dict[Account, int]:
        """How many messages of a flow ended in each account; accounts of none are left out."""
        counts = Counter(entry.account for entry in self.of_flow(flow))
        return {account: counts[account] for account in Account if counts[account]}

    def traffic_of(self, node: str, flow: str, port: int) -> list[Traffic]:
        """What a node took of one flow: by message where known, else by logical port."""
        mine = {entry.message for entry in self.of_flow(flow)}
        return [
            seen
            for seen in self.traffic.get(node, ())
            if (seen.message in mine if seen.message else seen.port in (port, ANY_PORT))
        ]
