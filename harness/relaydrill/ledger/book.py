"""The joined journals of one drill, to be asked. Pure."""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from relaydrill.ledger.attempts import Attempts
from relaydrill.ledger.entries import Account, Attempt, Copy, Entry, Named
from relaydrill.ledger.looks import Look, Queues
from relaydrill.ledger.nonsense import Nonsense
from relaydrill.ledger.observed import ANY_PORT, Belief, Bite, FaultWindow, PutOff, Stall, Traffic
from relaydrill.ledger.tried import Tried
from relaydrill.message import WANTED

if TYPE_CHECKING:
    from relaydrill.ledger.ordinary import Ordinary

_EVER, _AFTER_ALL = float("-inf"), float("inf")


class Ledger:
    """The joined journals of one drill. Build it with `join`, or with `join_journals`.

    Attributes:
        whole: The entries that are kept whole, by message and recipient.
        ordinary: All others, where there are many; see `relaydrill.ledger.ordinary`.
        queues: What is known of all queues.
        stalls: When the machine stood still, or starved, as its watch saw it.
        starved: When each node waited for a processor.
        nonsense: Lines of the journals that are no events.
        copies: What came to somebody to whom it was not sent, once for each.
        unread: What of the evidence could not be read whole, a sentence each.
    """

    def __init__(self, ordinary: Ordinary | None = None) -> None:
        self.whole: dict[tuple[str, str], Entry] = {}
        self.ordinary = ordinary
        self.traffic: dict[str, list[Traffic]] = defaultdict(list)
        self.bites: dict[str, list[Bite]] = defaultdict(list)
        self.put_offs: dict[str, list[PutOff]] = defaultdict(list)
        self.faults: list[FaultWindow] = []
        self.beliefs: list[Belief] = []
        self.unseen = Account.LOST
        self.stalls: list[Stall] = []
        self.starved: dict[str, list[Stall]] = defaultdict(list)
        self.gone_workers: list[str] = []
        self.queues = Queues()
        self.nonsense: list[Nonsense] = []
        self.copies: list[Copy] = []
        self.unread: tuple[str, ...] = ()

    @cached_property
    def entries(self) -> Mapping[tuple[str, str], Entry]:
        """All entries, by message and recipient; those of ordinary mail are made when asked for."""
        return self.whole if self.ordinary is None else _Entries(self.whole, self.ordinary)

    def of_flow(self, flow: str) -> Iterator[Entry]:
        """The entries of one flow; `FOREIGN` for the messages of unjournalled senders."""
        yield from self.unusual(flow)
        if self.ordinary:
            yield from map(self.ordinary.entry, self.ordinary.numbers(flow))

    def unusual(self, flow: str) -> Iterator[Entry]:
        """The entries of a flow, but for ordinary ones: delivered once, or taken by nobody.

        In a small ledger no entry counts as ordinary.
        """
        return (entry for entry in self.whole.values() if entry.flow == flow)

    def attempts(self, flow: str, *, wanted: bool = True) -> Attempts:
        """The attempts of one flow, by the time at which they began.

        Args:
            flow: Its name.
            wanted: Those with mail that was to be taken, or else those with mail that was not.
        """
        found: list[Attempt] = [
            attempt
            for entry in self.unusual(flow)
            for attempt in entry.attempts
            if (attempt.sort == WANTED) is wanted
        ]
        if self.ordinary:
            return self.ordinary.attempts(flow, found, wanted=wanted)
        return Attempts.of(found)

    def scheduled(self, flow: str) -> array[float]:
        """When each attempt of a flow was due, whatever sort of mail it was, in whatever order."""
        found = array(
            "d", [each.scheduled for entry in self.unusual(flow) for each in entry.attempts]
        )
        return found + self.ordinary.scheduled(flow) if self.ordinary else found

    def untold(self, flow: str, named: Named) -> Counter[str]:
        """How many messages of a flow nodes took by their senders' word, and did not journal.

        Args:
            flow: Its name.
            named: Says which node a banner names, of those that journal what they take before they
                answer.
        """
        found = Counter(
            node
            for entry in self.unusual(flow)
            for node in {named(each.server) for each in entry.attempts if each.accepted}
            if node and node not in entry.seen_by
        )
        return found + (self.ordinary.untold(flow, named) if self.ordinary else Counter())

    def acceptances(self, flow: str, named: Named) -> Iterator[tuple[float, str]]:
        """When each acceptance of a flow's wanted mail came, and from whom, in whatever order.

        That is the node whose name the banner bears; where it is no node's, the first that
        journalled the message while it was being sent; or else the banner itself, which may be
        empty.

        Args:
            flow: Its name.
            named: Says which node a banner names.
        """
        for entry in self.unusual(flow):
            for attempt in entry.attempts:
                if attempt.accepted and attempt.sort == WANTED and attempt.ended is not None:
                    yield attempt.ended, entry.taker(attempt, named)
        if self.ordinary:
            yield from self.ordinary.acceptances(flow, named)

    def tries(
        self,
        flow: str,
        named: Named,
        *,
        since: float = _EVER,
        until: float = _AFTER_ALL,
        over_by: float = _AFTER_ALL,
    ) -> Counter[Tried]:
        """On whom the attempts of a flow with wanted mail fell, and who took it.

        Args:
            flow: Its name.
            named: Says which node a banner names.
            since: Of attempts that began at this moment or later.
            until: And before this one.
            over_by: And that had their outcome by then; what has none is left out.
        """
        found = Counter[Tried]()
        for entry in self.unusual(flow):
            for attempt in entry.attempts:
                if attempt.sort != WANTED or not since <= attempt.started < until:
                    continue
                if attempt.ended is not None and attempt.ended <= over_by:
                    tried = Tried.of(attempt, named)
                    if attempt.accepted:
                        tried = tried._replace(by=entry.taker(attempt, named))
                    found[tried] += 1
        if self.ordinary:
            found += self.ordinary.tries(flow, named, since, until, over_by)
        return found

    def accounts(self, flow: str) -> dict[Account, int]:
        """How many messages of a flow ended in each account; accounts of none are left out."""
        counts = Counter(entry.account for entry in self.unusual(flow))
        if self.ordinary:
            counts += self.ordinary.accounts(flow)
        return {account: counts[account] for account in Account if counts[account]}

    def under_way(self, flow: str, moment: float, *, over_for_s: float = 0.0) -> set[str]:
        """The messages that were being sent at a moment, or had been over for so long at most."""
        found = {
            entry.message
            for entry in self.unusual(flow)
            for attempt in entry.attempts
            if attempt.started < moment
            and (attempt.ended is None or attempt.ended > moment - over_for_s)
        }
        return found.union(
            self.ordinary.under_way(flow, moment, over_for_s) if self.ordinary else ()
        )

    def over_reused_connections(self, flow: str) -> Iterator[Entry]:
        """A flow's messages that were taken over a connection which had served another before."""
        return (
            entry
            for entry in self.unusual(flow)
            if any(each.reused and each.accepted for each in entry.attempts)
        )

    def traffic_of(
        self,
        node: str,
        flow: str,
        port: int,
        *,
        after: float = _EVER,
        before: float = _AFTER_ALL,
    ) -> list[Traffic]:
        """What a node took of one flow: by message where known, else by logical port.

        Args:
            node: Its name.
            flow: The flow's name.
            port: The flow's logical port.
            after: Only after this moment.
            before: And before this one.
        """
        found = [
            seen
            for seen in self.traffic.get(node, ())
            if after < seen.mono < before and self._is_of(seen, flow, port)
        ]
        if self.ordinary:
            found += self.ordinary.traffic(node, flow, port, after, before)
        return found

    def took(
        self,
        node: str,
        flow: str,
        port: int,
        *,
        after: float = _EVER,
        before: float = _AFTER_ALL,
    ) -> int:
        """How much `traffic_of` would give."""
        found = sum(
            after < seen.mono < before and self._is_of(seen, flow, port)
            for seen in self.traffic.get(node, ())
        )
        ordinary = self.ordinary
        return found + (ordinary.took(node, flow, port, after, before) if ordinary else 0)

    def last_sign(self, node: str, until: float) -> float | None:
        """When a node took anything for the last time until a moment; None if it took nothing."""
        signs = [seen.mono for seen in self.traffic.get(node, ()) if seen.mono <= until]
        last = self.ordinary.last_sign(node, until) if self.ordinary else None
        return max([*signs, *([] if last is None else [last])], default=None)

    def look(self, node: str) -> Look | None:
        """The last look into a node's queue; None if there was none."""
        return self.queues.looks.get(node)

    def last_departure(self, node: str) -> float | None:
        """When anything left a node's queue for the last time; None if nothing ever did."""
        found = [self.queues.departed.get(node)]
        found += [self.ordinary.departed.get(node)] if self.ordinary else []
        return max((moment for moment in found if moment is not None), default=None)

    def across(self, flow: str, moment: float) -> Iterator[Entry]:
        """The entries of a flow that were accepted before a moment, and arrived at it or later."""
        for entry in self.unusual(flow):
            moments = [each[0][0] for each in (entry.accepted, entry.arrived) if each]
            if len(moments) == 2 and moments[0] < moment <= moments[1]:
                yield entry
        if self.ordinary:
            yield from map(self.ordinary.entry, self.ordinary.across(flow, moment))

    def copies_of(self, flow: str) -> Iterator[Copy]:
        """Those of a flow's messages that came to somebody to whom they were not sent."""
        return (each for each in self.copies if flow in self._flows_of(each.message))

    def has_all_arrived(self, message: str) -> bool:
        """Whether a message has arrived for everybody to whom it was sent."""
        found = self._entries_of_unusual.get(message, ())
        if found:
            return all(entry.has_arrived for entry in found)
        return self.ordinary is not None and self.ordinary.has_arrived(message)

    def _is_of(self, seen: Traffic, flow: str, port: int) -> bool:
        if not seen.message:
            return seen.port in (port, ANY_PORT)
        return flow in self._flows_of(seen.message)

    def _flows_of(self, message: str) -> Iterable[str]:
        found = self._flows_of_unusual.get(message, ())
        return found if found or not self.ordinary else self.ordinary.flows_of(message)

    @cached_property
    def _flows_of_unusual(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for entry in self.whole.values():
            found[entry.message].add(entry.flow)
        return found

    @cached_property
    def _entries_of_unusual(self) -> dict[str, list[Entry]]:
        found: dict[str, list[Entry]] = defaultdict(list)
        for entry in self.whole.values():
            found[entry.message].append(entry)
        return found


class _Entries(Mapping[tuple[str, str], Entry]):
    """All entries of a large ledger."""

    def __init__(self, whole: dict[tuple[str, str], Entry], ordinary: Ordinary) -> None:
        self._whole = whole
        self._ordinary = ordinary

    def __len__(self) -> int:
        return len(self._whole) + self._ordinary.count

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return chain(self._whole, self._ordinary.keys())

    def __getitem__(self, key: tuple[str, str]) -> Entry:
        found = self._whole.get(key)
        return self._ordinary.entry(self._numbers[key]) if found is None else found

    @cached_property
    def _numbers(self) -> dict[tuple[str, str], int]:
        return {key: number for number, key in enumerate(self._ordinary.keys())}
