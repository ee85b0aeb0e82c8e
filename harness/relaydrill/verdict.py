"""Three-valued verdicts, and the arithmetic behind the statistical ones. Pure.

Verdicts merge by rank: fail, then unknown, then pass. Unknown outranks pass: what was not proven is
never reported as holding.
"""

from __future__ import annotations

import enum
import functools
import math
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final


class Status(enum.StrEnum):
    """What a check, a flow's drill or a whole audit comes to."""

    PASS = "pass"
    UNKNOWN = "unknown"
    FAIL = "fail"

    @property
    def exit_status(self) -> int:
        """What a command ends with that comes to this."""
        return {Status.PASS: 0, Status.FAIL: 1, Status.UNKNOWN: 3}[self]


_RANK = {Status.PASS: 0, Status.UNKNOWN: 1, Status.FAIL: 2}


def merge(statuses: Iterable[Status]) -> Status:
    """The worst of them; of none at all, unknown: nothing checked is never a pass."""
    return max(statuses, key=_RANK.__getitem__, default=Status.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found.

    Attributes:
        check: The check's name.
        status: See `Status`.
        summary: One sentence with the figures that decided.
        figures: The same figures for machines, plain JSON values, durations in field seconds.
        accepted: Reason for which the topology's author accepts this failure; empty if not.
    """

    check: str
    status: Status
    summary: str
    figures: dict[str, Any] = field(default_factory=dict)
    accepted: str = ""

    @property
    def counts_as(self) -> Status:
        """The status after acceptance: an accepted failure does not fail."""
        return Status.PASS if self.accepted and self.status is Status.FAIL else self.status

    def accept(self, reason: str) -> Verdict:
        """The same finding, marked as one that the author accepts."""
        return replace(self, accepted=reason)


def passed(check: str, summary: str, **figures: Any) -> Verdict:
    """A check that held, with what shows it."""
    return Verdict(check, Status.PASS, summary, figures)


def failed(check: str, summary: str, **figures: Any) -> Verdict:
    """A check that did not hold, with what shows it."""
    return Verdict(check, Status.FAIL, summary, figures)


def unknown(check: str, summary: str, **figures: Any) -> Verdict:
    """A check that could not decide, with the reason."""
    return Verdict(check, Status.UNKNOWN, summary, figures)


@dataclass(frozen=True, slots=True)
class Levels:
    """What the p of a statistical test means: how likely chance alone is, with a healthy tier.

    Attributes:
        alarm: The test fails where p is at most so much.
        doubt: Between ``alarm`` and this it decides nothing: fresh choices have to. Where the two
            are the same, one look decides.
        miss: How often at most the share that must be noticed may give a p above ``doubt``.

    Raises:
        ValueError: They are not 0 < alarm <= doubt < 1, or miss is no probability.
    """

    alarm: float = 0.01
    doubt: float = 0.01
    miss: float = 0.05

    def __post_init__(self) -> None:
        if not (0 < self.alarm <= self.doubt < 1 and 0 < self.miss < 1):
            raise ValueError(f"no levels of a test: {self.alarm}, {self.doubt}, {self.miss}")

    def status(self, p: float) -> Status:
        """What a test with enough choices comes to."""
        if p <= self.alarm:
            return Status.FAIL
        return Status.UNKNOWN if p <= self.doubt else Status.PASS


_NOTHING_BELOW: Final = 60.0
"""Terms e^60 times smaller than another change no float, not even a million of them."""


def binomial_below(k: int, n: int, p: float) -> float:
    """P(X <= k) for n independent choices of probability p, exactly (log-space sum)."""
    if k < 0:
        return 0.0
    if k >= n or p <= 0.0:
        return 1.0
    if p >= 1.0:
        return 0.0
    log_p, log_q = math.log(p), math.log1p(-p)
    log_n = math.lgamma(n + 1)

    def log_term(i: int) -> float:
        return log_n - math.lgamma(i + 1) - math.lgamma(n - i + 1) + i * log_p + (n - i) * log_q

    # They rise to the mode, and fall from there. Those that add nothing to a float are left out.
    top = min(k, int((n + 1) * p))
    least = log_term(top) - _NOTHING_BELOW
    first = bisect_left(range(top), least, key=log_term)
    last = top + bisect_right(range(top, k + 1), -least, key=lambda i: -log_term(i))
    return min(1.0, math.fsum(math.exp(log_term(i)) for i in range(first, last)))


def interval(k: int, n: int, error: float) -> tuple[float, float]:
    """Exact (Clopper-Pearson) two-sided interval for a share of which k of n choices were seen.

    Args:
        k: Choices that fell on the backend.
        n: All choices, at least one.
        error: Probability, at most, that the interval misses the true share.
    """
    if not 0 <= k <= n or n < 1:
        raise ValueError(f"{k} of {n} choices")
    low = 0.0 if k == 0 else _solve(lambda p: 1.0 - binomial_below(k - 1, n, p), error / 2)
    high = 1.0 if k == n else 1.0 - _solve(lambda q: binomial_below(k, n, 1.0 - q), error / 2)
    return low, high


def _solve(rising: Callable[[float], float], target: float) -> float:
    """Where a function that rises over [0, 1] reaches ``target``, to within 1e-9."""
    low, high = 0.0, 1.0
    for _ in range(30):
        middle = (low + high) / 2
        if rising(middle) < target:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@dataclass(frozen=True, slots=True)
class ShareTest:
    """A one-sided test of "this backend gets its fair share", with both error rates stated.

    It rejects when so few choices fell on the backend as chance allows, at the fair share, with
    probability ``alarm`` at most; and from ``choices`` on, a backend which gets only ``worse``
    of all choices passes with probability ``miss`` at most.

    Attributes:
        fair: The fair share.
        worse: The share that must be noticed.
        alarm: Promised false-alarm rate.
        miss: Promised miss rate.
        choices: Independent choices needed: with so many, or any larger number, both promises hold.
    """

    fair: float
    worse: float
    alarm: float
    miss: float
    choices: int

    def p(self, k: int, n: int) -> float:
        """How likely so few of n choices are, or fewer, at the fair share."""
        return binomial_below(k, n, self.fair)

    def rejects(self, k: int, n: int) -> bool:
        """Whether k of n choices are too few."""
        return self.p(k, n) <= self.alarm


@functools.cache
def share_test(fair: float, worse: float, *, alarm: float = 0.01, miss: float = 0.05) -> ShareTest:
    """Plan a share test: how many choices its two promises need.

    Args:
        fair: Fair share, above ``worse``.
        worse: The share that must be noticed, 0 or more.
        alarm: False-alarm rate.
        miss: Miss rate.

    Raises:
        ValueError: The shares are not 0 <= worse < fair < 1.
    """
    if not 0 <= worse < fair < 1:
        raise ValueError(f"no test of a fair share {fair} against {worse}")
    # The power does not rise evenly: counts are whole, so a few more choices may have less of it.
    # What is wanted is the number beyond the last that is not enough; where as many again have
    # been good, the evenly rising part has long won.
    not_enough, n, critical = 0, 0, -1
    while n < 2 * (not_enough + 1):
        n += 1
        while binomial_below(critical + 1, n, fair) <= alarm:
            critical += 1  # the largest count that is rejected at n; it never falls with n
        if critical < 0 or binomial_below(critical, n, worse) < 1 - miss:
            not_enough = n
    return ShareTest(fair, worse, alarm, miss, not_enough + 1)


@dataclass(frozen=True, slots=True)
class SpreadTest:
    """An exact test of "each of these servers gets an equal share", with both error rates stated.

    Attributes:
        fair: The equal share.
        worse: The share of one server that must be noticed, as too small.
        alarm: Promised false-alarm rate, of all servers together.
        each: Of one of them.
        miss: Promised miss rate.
        choices: Independent choices needed.
    """

    fair: float
    worse: float
    alarm: float
    each: float
    miss: float
    choices: int

    def p(self, k: int, n: int) -> float:
        """The p-value of one server's share, for all servers together (Bonferroni).

        It is at most ``alarm`` where, and only where, `rejects` says so.
        """
        tail = min(binomial_below(k, n, self.fair), 1.0 - binomial_below(k - 1, n, self.fair))
        return min(1.0, 2 * tail * self.alarm / self.each)

    def rejects(self, k: int, n: int) -> str:
        """``less than`` or ``more than`` where k of n choices are no equal share; else empty."""
        if self.p(k, n) > self.alarm:
            return ""
        return "less than" if k < n * self.fair else "more than"


@functools.cache
def spread_test(servers: int, *, alarm: float = 0.01, miss: float = 0.05) -> SpreadTest:
    """Plan a spread test that notices a server which gets half of its equal share.

    Args:
        servers: How many, at least two.
        alarm: False-alarm rate.
        miss: Miss rate.

    Raises:
        ValueError: There are fewer than two.
    """
    if servers < 2:
        raise ValueError(f"{servers} servers cannot share anything")
    fair, each = 1 / servers, alarm / servers
    planned = share_test(fair, fair / 2, alarm=each / 2, miss=miss)
    return SpreadTest(fair, fair / 2, alarm, each, miss, planned.choices)
