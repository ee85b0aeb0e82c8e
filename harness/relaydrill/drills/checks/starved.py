"""How much of each moment the machine took from the programs that a message passes. Pure.

Two tell of it: the watch of the machine, which mostly sleeps and loses one turn of the processor at
a time, and each node, which the kernel tells how long it waited for its turns. The programs that
a message passes each wait for their own, one after another: what they lost adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Final, NamedTuple

from relaydrill.ledger import Stall

TURNS: Final = 4
"""Programs that a message passes before its answer: sender, balancer, hub, and the hub's journal
and reply."""


class Starved(NamedTuple):
    """A time in which the machine took as much, moment for moment.

    Attributes:
        begin: When it begins, monotonic seconds.
        end: When it ends.
        part: How much of it is lost for a message that waits for an answer, at most 1.
    """

    begin: float
    end: float
    part: float


def starved(
    machine: Iterable[Stall],
    nodes: Mapping[str, Iterable[Stall]],
    has_answered: Callable[[Stall], bool],
) -> list[Starved]:
    """When the machine starved a message's programs, in order, and none of them overlap.

    Args:
        machine: What the watch of the machine lost.
        nodes: What each node lost that a message may pass.
        has_answered: Whether a server refused something in that time: it had its turn then, so
            that no more is lost than what one program lost.
    """
    whole = [_Loss("", each, has_answered(each)) for each in apart(machine)]
    for node, stalls in nodes.items():
        whole += [_Loss(node, each, has_answered(each)) for each in apart(stalls)]
    changes = [(each.stall.begin, 1, each) for each in whole]
    changes += [(each.stall.end, 0, each) for each in whole]
    changes.sort(key=lambda change: change[:2])
    return [*_pieces(changes)]


def apart(stalls: Iterable[Stall]) -> list[Stall]:
    """The same time, in stalls that do not overlap; those that last no time are left out."""
    found: list[Stall] = []
    for each in sorted(stalls, key=attrgetter("begin")):
        if found and each.begin < (last := found[-1]).end:
            end = max(last.end, each.end)
            found[-1] = Stall(last.begin, end, min(last.lost_s + each.lost_s, end - last.begin))
        elif each.begin < each.end:
            found.append(each)
    return found


class _Loss(NamedTuple):
    node: str
    stall: Stall
    is_answered: bool

    @property
    def part(self) -> float:
        return self.stall.lost_s / (self.stall.end - self.stall.begin)


def _pieces(changes: list[tuple[float, int, _Loss]]) -> Iterator[Starved]:
    now: dict[str, _Loss] = {}
    since = float("-inf")
    for moment, begins, loss in changes:
        if now and since < moment:
            yield Starved(since, moment, _part(now))
        since = moment
        if begins:
            now[loss.node] = loss
        else:
            del now[loss.node]


def _part(now: Mapping[str, _Loss]) -> float:
    turns = 1 if any(each.is_answered for each in now.values()) else TURNS
    watched = now[""].part if "" in now else 0.0
    own = sorted(each.part for node, each in now.items() if node)
    return min(1.0, max(turns * watched, sum(own[-turns:])))
