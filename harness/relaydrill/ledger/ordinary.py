"""Ordinary mail, kept in columns: sent once, and either delivered once or taken by nobody.

A message for one recipient is ordinary if the journals tell of one attempt with its outcome, and

- it was accepted, whoever stored it passed it on, and it arrived once with the body that was sent;
- or it was turned down before the dot, and nobody took it.

Of all others, and of those that an unusual line speaks of, `relaydrill.ledger.joining` says what
became of them. It would say the same of these: a test holds the two together.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

import numpy as np

from relaydrill.ledger.attempts import NEVER, Attempts, Columns
from relaydrill.ledger.bulk import Journals
from relaydrill.ledger.columns import Array, Table, digests_of
from relaydrill.ledger.entries import Account, Attempt, Entry, Named
from relaydrill.ledger.observed import ANY_PORT, Traffic
from relaydrill.ledger.tried import Tried
from relaydrill.message import WANTED
from relaydrill.smtp import Result

ACCOUNTS: Final = {
    Result.ACCEPTED: Account.DELIVERED,
    Result.REFUSED: Account.REFUSED,
    Result.DROPPED: Account.NOT_ACCEPTED,
    Result.UNREACHABLE: Account.NOT_ACCEPTED,
    Result.UNSENT: Account.NOT_ACCEPTED,
}
"""What became of ordinary mail by what its sender saw; what else a sender saw is not ordinary."""


class Ordinary:
    """The ordinary mail of all flows, by flow and by the time at which it was sent.

    A message's place in this order is its number here.

    Args:
        journals: All that there is.
        rows: The rows of it that are ordinary.
        messages: The message of each row, ordinary or not.
        recipients: The recipient of each row.

    Attributes:
        senders: The nodes that made attempts, with ordinary mail or other.
        departed: When each node that passed ordinary mail on did so for the last time.
    """

    def __init__(
        self, journals: Journals, rows: Array, messages: list[str], recipients: list[str]
    ) -> None:
        sent, over = journals.attempts, journals.outcomes
        heads, tellings = [*journals.heads], [*journals.tellings]
        flows = sorted({flow for flow, _ in heads})
        flow_of = np.array([flows.index(flow) for flow, _ in heads], dtype="i4")

        sent_at = sent.last(len(messages))[rows]
        by_flow = flow_of[sent.column("head")[sent_at]]
        order = np.lexsort((sent.column("mono")[sent_at], by_flow))
        rows, sent_at, by_flow = rows[order], sent_at[order], by_flow[order]
        over_at = over.last(len(messages))[rows]
        bounds = np.searchsorted(by_flow, np.arange(len(flows) + 1)).tolist()
        self._flows = dict(zip(flows, pairwise(bounds), strict=True))

        self._messages = [messages[row] for row in rows.tolist()]
        self._recipients = [recipients[row] for row in rows.tolist()]
        self._digests = digests_of(journals.sent_digests)[sent_at]
        self._started = sent.column("mono")[sent_at]
        self._scheduled = sent.column("scheduled")[sent_at]
        self._ended = over.column("mono")[over_at]
        self._slack = over.column("slack_s")[over_at]
        # What two attempts have in common but for their times is told once.
        told = sent.column("head")[sent_at].astype("i8") * len(tellings)
        pairs, self._told = np.unique(told + over.column("telling")[over_at], return_inverse=True)
        self._tellings = [
            _attempt(heads[pair // len(tellings)], tellings[pair % len(tellings)])
            for pair in pairs.tolist()
        ]

        place = np.full(len(messages), -1, dtype="i4")
        place[rows] = np.arange(len(rows))
        self._nodes = [*journals.nodes]
        self._accepted = _Sights(journals.accepted, place)
        self._arrived = _Sights(journals.arrived, place)
        self._passed = journals.passed
        self.senders = frozenset(journals.senders)
        self.departed = _last_of_each(self._nodes, journals.relayed, place)

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._messages)

    def keys(self) -> Iterator[tuple[str, str]]:
        """The message and the recipient of each."""
        return zip(self._messages, self._recipients, strict=True)

    def entry(self, number: int) -> Entry:
        """One of them, as the ledger has all others."""
        (attempt,) = Attempts(self._columns(np.array([number])))
        digest = self._digests[number].tobytes().hex()
        accepted = [(mono, self._nodes[node]) for mono, node in self._accepted.of(number)]
        arrived = [(mono, self._nodes[node], digest) for mono, node in self._arrived.of(number)]
        message, recipient = self._messages[number], self._recipients[number]
        return Entry(
            *(message, recipient, attempt.flow, digest, [attempt], accepted, arrived),
            mailboxes=[""] * len(arrived),
        )

    def numbers(self, flow: str) -> range:
        """Those of one flow."""
        return range(*self._flows.get(flow, (0, 0)))

    def accounts(self, flow: str) -> Counter[Account]:
        """How many of one flow ended in each account."""
        begin, end = self._flows.get(flow, (0, 0))
        counts = np.bincount(self._told[begin:end], minlength=len(self._tellings)).tolist()
        found = Counter[Account]()
        for telling, count in zip(self._tellings, counts, strict=True):
            if count:
                found[ACCOUNTS[Result(telling.result or "")]] += count
        return found

    def attempts(self, flow: str, others: list[Attempt], *, wanted: bool) -> Attempts:
        """The attempts of one flow, these and others, by the time at which they began."""
        numbers = np.arange(*self._flows.get(flow, (0, 0)))
        is_asked = np.array([(each.sort == WANTED) is wanted for each in self._tellings], "?")
        numbers = numbers[is_asked[self._told[numbers]]]
        return Attempts(_merged(self._columns(numbers), Attempts.of(others).columns))

    def scheduled(self, flow: str) -> array[float]:
        """When each was due; see `Ledger.scheduled`."""
        return _as_doubles(self._scheduled[slice(*self._flows.get(flow, (0, 0)))])

    def untold(self, flow: str, named: Named) -> Counter[str]:
        """How many nodes took by their senders' word, and did not journal; see `Ledger.untold`."""
        begin, end = self._flows.get(flow, (0, 0))
        names = [named(each.server) if each.accepted else "" for each in self._tellings]
        known = [self._nodes.index(name) if name in self._nodes else -1 for name in names]
        told = self._told[begin:end]
        node = np.array(known, "i8")[told] if known else np.empty(0, "i8")
        keys = np.arange(begin, end) * (len(self._nodes) + 1) + node
        seen = [
            each.place.astype("i8") * (len(self._nodes) + 1) + each.node
            for each in (self._accepted, self._arrived)
        ]
        is_named = np.array([*map(bool, names)], "?")[told] if names else np.empty(0, "?")
        missing = told[is_named & ~np.isin(keys, np.concatenate(seen))]
        return Counter(map(names.__getitem__, missing.tolist()))

    def acceptances(self, flow: str, named: Named) -> Iterator[tuple[float, str]]:
        """When each acceptance of wanted mail came, and from whom; see `Ledger.acceptances`."""
        numbers = np.arange(*self._flows.get(flow, (0, 0)))
        is_asked = [each.accepted and each.sort == WANTED for each in self._tellings]
        numbers = numbers[np.array(is_asked, "?")[self._told[numbers]]]
        names = [named(each.server) for each in self._tellings]
        is_named = np.array([*map(bool, names)], "?")[self._told[numbers]]
        by_name, by_journal = numbers[is_named], numbers[~is_named]
        told = self._told[by_name].tolist()
        yield from zip(self._ended[by_name].tolist(), map(names.__getitem__, told), strict=True)
        if len(by_journal):
            yield from zip(
                self._ended[by_journal].tolist(), self._own_takers(by_journal), strict=True
            )

    def tries(
        self, flow: str, named: Named, since: float, until: float, over_by: float
    ) -> Counter[Tried]:
        """On whom the attempts with wanted mail fell, and who took it; see `Ledger.tries`."""
        begin, end = self._flows.get(flow, (0, 0))
        started, ended = self._started[begin:end], self._ended[begin:end]
        numbers = begin + np.flatnonzero(
            (started >= since) & (started < until) & (ended <= over_by)
        )
        is_wanted = np.array([each.sort == WANTED for each in self._tellings], "?")
        numbers = numbers[is_wanted[self._told[numbers]]]
        tried = [Tried.of(each, named) for each in self._tellings]
        # Of an acceptance whose banner bears no node's name, the node's journal tells.
        is_told = np.array([not each.is_accepted or bool(each.by) for each in tried], "?")
        is_plain = is_told[self._told[numbers]]
        counts = np.bincount(self._told[numbers[is_plain]], minlength=len(tried)).tolist()
        found = Counter[Tried]()
        for telling, count in zip(tried, counts, strict=True):
            if count:
                found[telling] += count
        others = numbers[~is_plain]
        if len(others):
            for told, taker in zip(
                self._told[others].tolist(), self._own_takers(others), strict=True
            ):
                found[tried[told]._replace(by=taker)] += 1
        return found

    def _own_takers(self, numbers: Array) -> Iterator[str]:
        """Of each, who journalled it first while it was being sent, or else its banner."""
        place, mono = self._accepted.place, self._accepted.mono
        meanwhile = (mono >= self._started[place]) & (mono <= self._ended[place])
        places, first = np.unique(place[meanwhile], return_index=True)
        takers = np.full(self.count, -1)
        takers[places] = self._accepted.node[meanwhile][first]
        told = self._told[numbers].tolist()
        for taker, telling in zip(takers[numbers].tolist(), told, strict=True):
            yield self._nodes[taker] if taker >= 0 else self._tellings[telling].server

    def _columns(self, numbers: Array) -> Columns:
        return Columns(
            _as_doubles(self._scheduled[numbers]),
            _as_doubles(self._started[numbers]),
            _as_doubles(self._ended[numbers]),
            _as_doubles(self._slack[numbers]),
            _as_ints(self._told[numbers]),
            self._tellings,
        )

    def flows_of(self, message: str) -> Iterator[str]:
        """The flow of a message; none if there is no such."""
        number = self._number_of.get(message)
        if number is not None:
            yield self._tellings[self._told[number]].flow

    def has_arrived(self, message: str) -> bool:
        """Whether there is a message of this name, and it was delivered."""
        number = self._number_of.get(message)
        return number is not None and self._tellings[self._told[number]].accepted

    @cached_property
    def _number_of(self) -> dict[str, int]:
        return {message: number for number, message in enumerate(self._messages)}

    def under_way(self, flow: str, moment: float, over_for_s: float) -> Iterator[str]:
        """The messages that were being sent at a moment, or had been over for so long at most."""
        begin, end = self._flows.get(flow, (0, 0))
        was = self._started[begin:end] < moment
        was &= self._ended[begin:end] > moment - over_for_s
        return (self._messages[begin + at] for at in np.flatnonzero(was).tolist())

    def took(self, node: str, flow: str, port: int, after: float, before: float) -> int:
        """How much of a flow's traffic a node saw between two moments, both left out."""
        return sum(len(each) for each, *_ in self._traffic(node, flow, port, after, before))

    def traffic(
        self, node: str, flow: str, port: int, after: float, before: float
    ) -> Iterator[Traffic]:
        """What `took` counts."""
        for monos, ports, places in self._traffic(node, flow, port, after, before):
            for mono, of, at in zip(monos.tolist(), ports.tolist(), places.tolist(), strict=True):
                yield Traffic(mono, self._messages[at] if at >= 0 else "", of)

    def last_sign(self, node: str, until: float) -> float | None:
        """When a node took anything for the last time until a moment."""
        if node not in self._nodes:
            return None
        me, found = self._nodes.index(node), []
        passed = self._passed
        for nodes, monos in (
            (self._accepted.node, self._accepted.mono),
            (self._arrived.node, self._arrived.mono),
            (passed.column("node"), passed.column("mono")),
        ):
            mine = monos[(nodes == me) & (monos <= until)]
            found += [float(mine.max())] if len(mine) else []
        return max(found, default=None)

    def across(self, flow: str, moment: float) -> Iterator[int]:
        """Those that were accepted before a moment, and arrived at it or later."""
        begin, end = self._flows.get(flow, (0, 0))
        first, last = self._accepted.span(begin, end)
        early = self._accepted.place[first:last][self._accepted.mono[first:last] < moment]
        first, last = self._arrived.span(begin, end)
        late = self._arrived.place[first:last][self._arrived.mono[first:last] >= moment]
        yield from np.intersect1d(early, late).tolist()

    def _traffic(
        self, node: str, flow: str, port: int, after: float, before: float
    ) -> Iterator[tuple[Array, Array, Array]]:
        """Times, ports and places, a table at a time; the place of what names no message is -1."""
        if node not in self._nodes:
            return
        me = self._nodes.index(node)
        for sights in (self._accepted, self._arrived):
            begin, end = sights.span(*self._flows.get(flow, (0, 0)))
            mono = sights.mono[begin:end]
            mine = (sights.node[begin:end] == me) & (mono > after) & (mono < before)
            yield mono[mine], sights.port[begin:end][mine], sights.place[begin:end][mine]
        mono, of = self._passed.column("mono"), self._passed.column("port")
        mine = (self._passed.column("node") == me) & (mono > after) & (mono < before)
        mine &= (of == port) | (of == ANY_PORT)
        yield mono[mine], of[mine], np.full(int(mine.sum()), -1)


def _last_of_each(nodes: list[str], table: Table, places: Array) -> dict[str, float]:
    """When each node wrote the last line of a table that is about ordinary mail."""
    is_ordinary = places[table.column("row")] >= 0
    monos, of = table.column("mono")[is_ordinary], table.column("node")[is_ordinary]
    last = {node: monos[of == number] for number, node in enumerate(nodes)}
    return {node: float(found.max()) for node, found in last.items() if len(found)}


class _Sights:
    """Where ordinary mail was seen, by its place and then by time.

    Args:
        table: Of all mail.
        places: The place of each row; -1 for what is not ordinary.
    """

    def __init__(self, table: Table, places: Array) -> None:
        place = places[table.column("row")]
        known = np.flatnonzero(place >= 0)
        order = known[np.lexsort((table.column("mono")[known], place[known]))]
        self.place = place[order]
        self.mono = table.column("mono")[order]
        self.node = table.column("node")[order]
        self.port = table.column("port")[order]

    def span(self, begin: int, end: int) -> tuple[int, int]:
        """Where the sights of some places in a row lie."""
        first, last = np.searchsorted(self.place, (begin, end)).tolist()
        return first, last

    def of(self, place: int) -> Iterator[tuple[float, int]]:
        """Time and node of each sight of one."""
        begin, end = self.span(place, place + 1)
        return zip(self.mono[begin:end].tolist(), self.node[begin:end].tolist(), strict=True)


def _attempt(head: tuple[str, str], telling: tuple[Any, ...]) -> Attempt:
    (flow, sort), (result, phase, code, reason, address, server, choice, member) = head, telling
    said = (Result(result), phase, code, reason, address, server)
    return Attempt(flow, NEVER, NEVER, None, *said, sort, choice, member)


def _merged(some: Columns, others: Columns) -> Columns:
    """Both, by the time at which they began."""
    if not others.started:
        return some
    first = len(some.tellings)
    told = np.concatenate([np.array(some.told), np.array(others.told) + first])
    started = np.concatenate([some.started, others.started])
    order = np.argsort(started, kind="stable")
    return Columns(
        _as_doubles(np.concatenate([some.scheduled, others.scheduled])[order]),
        _as_doubles(started[order]),
        _as_doubles(np.concatenate([some.ended, others.ended])[order]),
        _as_doubles(np.concatenate([some.slack, others.slack])[order]),
        _as_ints(told[order]),
        [*some.tellings, *others.tellings],
    )


def _as_doubles(values: Array) -> array[float]:
    return array("d", values.astype("d").tobytes())


def _as_ints(values: Array) -> array[int]:
    return array("i", values.astype("i").tobytes())
