"""From the rows of all hosts to the account of every message. Pure."""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from relaydrill.mail_account.hosts import Host
from relaydrill.mail_account.joining import Filters, Joined, joined, links
from relaydrill.mail_account.legs import BEFORE, ENDED, Gathered, Way
from relaydrill.mail_account.mixing import mixed
from relaydrill.mail_account.other_names import Unclaimed
from relaydrill.mail_account.result import (
    BAD,
    DELIVERED,
    MOST_LISTED,
    OPEN,
    ORDER,
    Fate,
    MailAccount,
)

_MARGIN_S: Final = 60.0
_FAR_AHEAD_S: Final = 5.0
_HOURS_S: Final = 7200.0
_MOST_LEAD_S: Final = 26 * 3600.0
_ZONE_S: Final = 900.0
_SAME_S: Final = 2.0
_SHORT_ID: Final = re.compile(r"[0-9A-F]+")
"""Postfix's without ``enable_long_queue_ids``, of which hosts may give out the same."""


_BY_WAY: Final = (
    (Way.QUEUED, "queued"),
    (Way.HELD, "held"),
    (Way.DISCARDED, "discarded"),
    (Way.FAILED, "failed"),
    (Way.UNTOLD, "unknown"),
)
"""What it comes to where nothing arrived: what may still arrive comes first."""


class Accounting:
    """Comes from rows to the account.

    Args:
        hosts: All of them, by their numbers.
    """

    def __init__(self, legs: Gathered, hosts: Iterable[Host], filters: Filters) -> None:
        self._legs, self._filters = legs, filters
        self._hosts = list(hosts)
        self._onward = links(legs)
        self._takers = [name.decode("utf-8", "backslashreplace") for name in legs.takers]
        self._near = [self._hosts_behind(number) for number in range(len(self._takers))]
        self._is_near = np.array([bool(near) for near in self._near])
        self._listed: list[tuple[int, int, Fate]] = []
        self._serial = 0
        self._unclaimed: Unclaimed | None = None
        self.found = MailAccount()

    def account(self) -> MailAccount:
        """The account of all rows."""
        found = self.found
        found.servers = {host.name: Counter() for host in self._hosts}
        found.balancers = {host.name: host.sessions for host in self._hosts if host.sessions}
        found.changes = {host.name: host.changes for host in self._hosts if host.changes}
        assert self._onward.astray is not None
        elsewhere = self._onward.astray.behind(lambda taker: self._near[taker], self._onward.lead)
        for part in joined(self._legs, self._filters, elsewhere):
            found.again += part.again
            self._tally(part)
            self._judge(part)
        for host in self._hosts:
            told = found.servers[host.name]
            told["refused"] += host.refused
            told["deferrals"] = host.tries
        found.undelivered = sorted(
            (fate for _, _, fate in self._listed),
            key=lambda fate: (ORDER.index(fate.account), fate.at, fate.leg.message),
        )
        self._remark()
        return found

    def _tally(self, part: Joined) -> None:
        rows = part.rows
        for host in self._hosts:
            own = rows[(rows["host"] == host.number) & (rows["way"] != Way.RENAMED)]
            told = self.found.servers[host.name]
            told["messages"] += len(np.unique(own[["message", "queue_id"]]))
            counts = np.bincount(own["way"], minlength=len(Way))
            for way in Way:
                if counts[way]:
                    told[_TALLY[way]] += int(counts[way])

    def _judge(self, part: Joined) -> None:
        """All groups at once where they are ordinary, and one by one where they are not."""
        ways, found = part.ways, self.found
        arrived = ways[:, Way.DELIVERED]
        elsewhere = [Way.DISCARDED, Way.HELD, Way.QUEUED, Way.FAILED, Way.REFUSED, Way.UNTOLD]
        is_open = ways[:, elsewhere].any(axis=1)
        went_on = ways[:, [Way.MOVED, Way.HANDED_ON]].any(axis=1)
        renamed = ways[:, Way.RENAMED] > 0
        wanted, own = part.is_wanted, part.is_wanted & ~part.is_copy
        plain = (arrived == 1) & ~is_open
        found.counts[DELIVERED] += int((plain & own).sum())
        found.copies[DELIVERED] += int((plain & wanted & part.is_copy).sum())
        stood_in = (arrived == 0) & ~is_open & renamed
        stood_in[_beside_others(part, stood_in & went_on)] = False
        found.renamed += int((stood_in & wanted).sum())
        far = (arrived == 0) & ~is_open & ~renamed & went_on & self._all_far(part)
        for number in np.flatnonzero(far & wanted):
            if part.is_copy[number] or len(self._listed) >= MOST_LISTED:
                continue
            self._list(self._fate(part, part.group(int(number)), "handed on"))
        found.counts["handed on"] += int((far & own).sum())
        found.copies["handed on"] += int((far & wanted & part.is_copy).sum())
        for number in np.flatnonzero(wanted & ~plain & ~stood_in & ~far):
            self._one(part, int(number))

    def _all_far(self, part: Joined) -> NDArray[np.bool_]:
        """By group: whether it ended with a taker of whom nothing is at hand."""
        rows = part.rows[part.order]
        is_last = ~part.followed[part.order]
        near = is_last & self._is_near[rows["taker"]] & (rows["way"] == Way.HANDED_ON)
        moved = is_last & (rows["way"] == Way.MOVED)
        begins = part.begins
        if not len(begins):
            return np.zeros(0, bool)
        some_last = np.logical_or.reduceat(is_last, begins)
        return some_last & ~np.logical_or.reduceat(near | moved, begins)

    def _one(self, part: Joined, number: int) -> None:
        group = part.group(number)
        ways = part.ways[number]
        account, note = self._word(part, group, ways)
        if not account:
            self.found.renamed += 1
            return
        if part.is_copy[number]:
            self.found.copies[account] += 1
            return
        self.found.counts[account] += 1
        if account in BAD or account in OPEN:
            self._list(self._fate(part, group, account, note))

    def _word(self, part: Joined, group: NDArray[Any], ways: NDArray[Any]) -> tuple[str, str]:
        """What it comes to, and what else is to be said; no word where others stand in for it."""
        if ways[Way.DELIVERED] > 1:
            return ("duplicated" if self._came_twice(part, group) else DELIVERED), ""
        if ways[Way.DELIVERED]:
            return DELIVERED, ""
        for way, word in _BY_WAY:
            if ways[way]:
                return word, ""
        if not ways[Way.MOVED] and not ways[Way.HANDED_ON]:
            return ("refused", "") if ways[Way.REFUSED] else ("", "")
        rows = part.rows[group]
        last = [row for row in rows[~part.followed[group]] if not self._turned_up(part, row)]
        if not last:
            # Of what the next host has by another name it tells by that.
            is_elsewhere = part.elsewhere[group].any()
            return ("", "") if is_elsewhere else self._renamed_onward(part, group)
        for row in last:
            if row["way"] == Way.MOVED or self._near[int(row["taker"])]:
                return self._went_to(part, row)
        return "handed on", ""

    def _each_once(self, rows: NDArray[Any]) -> list[Any]:
        """The same without what stands in one log under two names of its host.

        No two servers give out one long queue id, which is made of the time, for one message. A log
        that names its host in another way may be of another zone.
        """
        kept: list[Any] = []
        for row in rows:
            apart = [
                float(row["at"]) - float(each["at"]) for each in kept if _may_be_one(row, each)
            ]
            is_again = any(abs(span - _ZONE_S * round(span / _ZONE_S)) <= _SAME_S for span in apart)
            if not is_again or _SHORT_ID.fullmatch(self._legs.leg(row).queue_id):
                kept.append(row)
        return kept

    def _there(self, part: Joined, row: Any) -> NDArray[Any]:
        """What the hosts that it went on to say of the message, under whichever queue ids."""
        hosts = self._near[int(row["taker"])] - {int(row["host"])}
        rows = part.rows
        same = (rows["message"] == row["message"]) & (rows["way"] != Way.RENAMED)
        found: NDArray[Any] = rows[same & np.isin(rows["host"], sorted(hosts))]
        return found

    def _turned_up(self, part: Joined, row: Any) -> bool:
        """Whether it is where it went on to, though no reply told its queue id there.

        An Exim tells no reply without ``smtp_confirmation`` in its ``log_selector``.
        """
        if row["next_id"] or row["way"] != Way.HANDED_ON or not self._near[int(row["taker"])]:
            return False
        return bool((self._there(part, row)["begun"] >= row["begun"] - _FAR_AHEAD_S).any())

    def _came_since(self, part: Joined, own: NDArray[Any]) -> NDArray[Any]:
        """What the servers say of a message that it went on to from a group's rows."""
        rows = part.rows
        same = rows["message"] == own["message"][0]
        by_name = [self._there(part, row) for row in own if self._turned_up(part, row)]
        return np.concatenate((rows[same & np.isin(rows["queue_id"], own["next_id"])], *by_name))

    def _came_twice(self, part: Joined, group: NDArray[Any]) -> bool:
        """Whether it arrived more than once for one of the addresses that it was sent to.

        Two aliases of one mailbox are owed a message each.
        """
        rows = part.rows[group]
        arrived = self._each_once(rows[rows["way"] == Way.DELIVERED])
        return len({int(row["original"]) for row in arrived}) < len(arrived)

    def _renamed_onward(self, part: Joined, group: NDArray[Any]) -> tuple[str, str]:
        """It went on to where its recipient has another name, or to where no line names it."""
        rows = part.rows
        own = rows[group]
        if not own["recipient"][0]:
            return "", ""  # whoever it is: of what has it now the same is told
        same = rows["message"] == own["message"][0]
        there = self._came_since(part, own)
        before = rows[same & np.isin(rows["queue_id"], own["queue_id"])]
        new = set(there["recipient"]) - set(before["recipient"]) - {0}
        if new:
            return "", ""
        return "unknown", "the next server has the message, and no line of it names this recipient"

    def _went_to(self, part: Joined, row: Any) -> tuple[str, str]:
        """It went on to hosts whose logs are at hand, and none has it."""
        at = float(row["at"])
        hosts = self._near[int(row["taker"])] or {int(row["host"])}
        names = " or ".join(self._hosts[number].name for number in sorted(hosts))
        why = [why for number in hosts if (why := self._blind(int(row["host"]), number, at))]
        if why:
            return "unknown", f"handed on to {names}: {why[0]}"
        taker = self._takers[int(row["taker"])]
        if row["way"] != Way.MOVED and not self._is_called(taker, hosts):
            # Behind an address that is nobody's name there may be others, without a log.
            return "unknown", f"{names} had other mail that went there, and not this"
        if not row["next_id"] and len(self._there(part, row)):
            return "unknown", f"{names} has the message, and it may have gone there before"
        if not row["next_id"] and self._may_be_renamed(row, hosts):
            return (
                "unknown",
                f"{names} has mail for this recipient that nobody else has the name of",
            )
        return "lost", f"handed on to {names}, whose log does not have it"

    def _may_be_renamed(self, row: Any, hosts: set[int]) -> bool:
        """Whether it may be there under another Message-ID, where no reply told its queue id."""
        unclaimed = self._unclaimed = self._unclaimed or Unclaimed(self._legs)
        own, at = int(row["host"]), float(row["at"])
        spans = {host: self._onward.lead.get((own, host), (0.0, 0.0)) for host in hosts - {own}}
        return any(
            unclaimed.has(row["recipient"], host, at + least, at + most)
            for host, (least, most) in spans.items()
        )

    def _is_called(self, taker: str, hosts: set[int]) -> bool:
        """Whether a taker's name is that of the one machine that is known behind it."""
        label = taker.partition("[")[0].lower().partition(".")[0]
        machines = {self._hosts[number].machine.lower() for number in hosts}
        return [each.partition(".")[0] for each in machines] == [label]

    def _blind(self, source: int, target: int, at: float) -> str:
        """Why a host's log need not have what went to it at a time; empty if it must have."""
        host = self._hosts[target]
        if host.lost_lines:
            return f"the log of {host.name} says that lines of it were dropped"
        least, most = self._onward.lead.get((source, target), (-_MARGIN_S, _MARGIN_S))
        if source == target:
            least = most = 0.0
        if max(abs(least), abs(most)) > _MOST_LEAD_S:
            return f"the clock of {host.name} is too far from the other's to compare"
        early, late = at + least - _MARGIN_S, at + most + _MARGIN_S
        if not any(first <= early and late <= last for first, last in _merged(host.covered)):
            return f"the log of {host.name} does not cover that time"
        return ""

    def _hosts_behind(self, taker: int) -> set[int]:
        """The numbers of the hosts at hand that a name is known, or sure, to stand for."""
        known = self._onward.hosts.get(taker, set())
        if known:
            return known
        name = self._takers[taker].partition("[")[0].lower().rstrip(".")
        if not name or name in ("localhost", "none", "127.0.0.1", "::1"):
            return set()
        return {
            host.number for host in self._hosts if host.machine.lower() == name and host.covered
        }

    def _fate(self, part: Joined, group: NDArray[Any], account: str, note: str = "") -> Fate:
        rows = part.rows[group]
        told = rows[rows["way"] != Way.RENAMED]
        decides = [way for way, word in _BY_WAY if word == account]
        these = told[np.isin(told["way"], decides)] if decides else told
        row = max(these if len(these) else told, key=lambda row: float(row["at"]))
        begins_before = all(each["flags"] & BEFORE for each in told)
        if begins_before and not note:
            note = "its begin is not in these logs"
        if account == "queued" and not row["flags"] & ENDED and not note:
            note = "still there where its log ends"
        return Fate(
            account,
            self._legs.leg(row),
            self._hosts[int(row["host"])].name,
            float(row["at"]),
            int((told["way"] == Way.DELIVERED).sum()),
            begins_before,
            note,
        )

    def _list(self, fate: Fate) -> None:
        """Keep it to be told, if it is one of the worst."""
        self._serial += 1
        each = (-ORDER.index(fate.account), -self._serial, fate)
        if len(self._listed) < MOST_LISTED:
            heapq.heappush(self._listed, each)
        else:
            heapq.heappushpop(self._listed, each)

    def _remark(self) -> None:
        found = self.found
        if found.again:
            found.remarks.append(
                f"{found.again} deliveries stand in more than one file; each counts once"
            )
        found.remarks += self._clocks()

    def _clocks(self) -> Iterator[str]:
        for (source, target), (least, most) in sorted(self._onward.lead.items()):
            if least > _FAR_AHEAD_S or most < -_FAR_AHEAD_S:
                ahead = "ahead of" if most > 0 else "behind"
                low, high = sorted((abs(least), abs(most)))
                one, other = self._hosts[target].name, self._hosts[source].name
                yield f"the clock of {one} is {_span(low, high)} {ahead} that of {other}"


def _beside_others(part: Joined, groups: NDArray[np.bool_]) -> NDArray[Any]:
    """Those of some groups whose mail one server handed on beside those that came of them there.

    An archive's copy bears the recipient as its original one, too: it does not stand in for what
    went on. Who comes of a recipient on a server further on does.
    """
    numbers = np.repeat(np.arange(len(part)), np.diff(np.append(part.begins, len(part.order))))
    is_of_these = groups[numbers]
    rows, numbers = part.rows[part.order[is_of_these]], numbers[is_of_these]
    here = mixed(mixed(numbers, rows["queue_id"]), rows["host"])
    is_mark = rows["way"] == Way.RENAMED
    is_further = is_mark & ~np.isin(here, here[~is_mark])
    return np.setdiff1d(numbers, numbers[is_further])


def _span(low: float, high: float) -> str:
    if high < _HOURS_S:
        return f"{low:.0f} to {high:.0f} s"
    return f"{low / 3600:.1f} to {high / 3600:.1f} h"


def _may_be_one(row: Any, other: Any) -> bool:
    is_same = row["queue_id"] == other["queue_id"] and row["original"] == other["original"]
    return bool(is_same and row["host"] != other["host"])


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + _MARGIN_S:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


_TALLY: Final = {
    Way.DELIVERED: "delivered",
    Way.MOVED: "moved",
    Way.HANDED_ON: "handed_on",
    Way.DISCARDED: "discarded",
    Way.HELD: "held",
    Way.QUEUED: "queued",
    Way.FAILED: "failed",
    Way.REFUSED: "refused",
    Way.UNTOLD: "untold",
    Way.RENAMED: "renamed",
}
