"""Which server each attempt was with, which fault explains it, and who did not serve it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from relaydrill.drills.checks.blame import Suspect, reply_of
from relaydrill.ledger import Attempt
from relaydrill.sentences import listed
from relaydrill.smtp import Phase
from relaydrill.topology.paths import targets_of

if TYPE_CHECKING:
    from relaydrill.drills.checks.case import Case


def explaining(case: Case, attempt: Attempt) -> tuple[Suspect, ...]:
    """The faults that explain an attempt, by its way and its time, and by what it was told.

    A reply is the doing of a fault that gives one, and of none that cuts, or keeps silent; and the
    other way round.
    """
    found = case.blame.explaining(attempt)
    if len(found) < 2:  # nobody else to tell it from
        return found
    if attempt.code >= 400:
        same = [s for s in found if reply_of(s.window) == (attempt.code, attempt.phase)]
        fitting = same or [each for each in found if reply_of(each.window)]
    else:
        fitting = [each for each in found if not reply_of(each.window)]
    return tuple(fitting) or found


class Encounters:
    """Which server each attempt of a flow was with.

    Args:
        attempts: Those that may be asked for.
    """

    def __init__(self, case: Case, attempts: Iterable[Attempt]) -> None:
        self._case = case
        self._attempts = attempts

    def server(self, attempt: Attempt) -> str:
        """The server that an attempt was with; empty where nothing tells.

        The name in its banner; or the one that journalled the message meanwhile; or the only one
        that its sender could go to.
        """
        if name := self._case.answered_by(attempt):
            return name
        if attempt.accepted and (taker := self._takers.get(attempt.ended or 0.0)):
            return taker
        return self._only

    @cached_property
    def _takers(self) -> dict[float, str]:
        """Who journalled what was accepted late, by when the answer came."""
        nodes = self._case.topology.nodes
        late = {each.ended for each in self._attempts if each.accepted and each.ended}
        taken = self._case.ledger.acceptances(self._case.flow, self._case.named) if late else ()
        return {moment: taker for moment, taker in taken if moment in late and taker in nodes}

    @cached_property
    def _only(self) -> str:
        topology = self._case.topology
        targets = {*targets_of(topology, self._case.flow)}
        return next(iter(targets & {*topology.nodes}), "") if len(targets) == 1 else ""


def by_whom(case: Case, attempts: Sequence[Attempt]) -> Counter[str]:
    """How many of some attempts each server did not serve; what nobody is named for is left out.

    What a server answers is its own doing. What was cut, or late, may as well be the doing of what
    stands before it, and counts for a server only where no fault elsewhere explains it.
    """
    encounters = Encounters(case, attempts)
    found: Counter[str] = Counter()
    for attempt in attempts:
        if not (server := encounters.server(attempt)):
            continue
        nodes = {each.window.node for each in explaining(case, attempt)}
        if nodes <= {server} or _is_its_own(attempt):
            found[server] += 1
    return found


def _is_its_own(attempt: Attempt) -> bool:
    """Whether it failed for what a server said, or showed: a certificate, or no STARTTLS."""
    is_cut = "connection" in attempt.reason or "timed out" in attempt.reason
    return attempt.code >= 400 or (attempt.phase == Phase.STARTTLS and not is_cut)


def named(counts: Counter[str], of: int) -> str:
    """``by ht2``, ``21 by ht1 and 20 by ht2``; empty where nobody is named.

    Args:
        counts: How many of each.
        of: How many there were in all: one name for all of them needs no number.
    """
    if len(counts) == 1 and counts.total() == of:
        return f"by {next(iter(counts))}"
    return listed(f"{count} by {name}" for name, count in counts.most_common(4))


def outcomes_of(met: Sequence[Attempt]) -> str:
    """What senders met: ``refused 41 of them``, ``took 3 of them late and cut 2 of them``."""
    refused = sum(each.code >= 400 for each in met)
    late = sum(each.accepted for each in met)
    in_tls = sum(each.code < 400 and _is_its_own(each) for each in met)
    cut = len(met) - refused - late - in_tls
    told = (
        (refused, f"refused {refused} of them"),
        (late, f"took {late} of them late"),
        (in_tls, f"failed {in_tls} of them in TLS"),
        (cut, f"cut or did not answer {cut} of them"),
    )
    return listed(text for count, text in told if count)
