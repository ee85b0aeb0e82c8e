"""One false-alarm rate for all statistical tests that belong together. Pure.

Of a drill's checks two are statistical: ``return`` (a healed node has its share again: one test for
each node, flow and drill) and ``spread`` (one test for each flow, over all of its servers). All
others look at facts, and a healthy tier never fails them by chance.

A drill that stands for itself is a family of its own: of k tests each fails at `RATE` / k
(Bonferroni). So few choices need to be planned for that.

An audit may make hundreds of tests, and to plan every drill for `RATE` / 250 would make it half as
long again. Therefore it looks twice. The first look is planned for one false alarm in 100
(`DOUBT`). What chance explains less well than that is no verdict yet: the same drill runs again,
with choices of its own, planned for a rate so small that both together keep to the test's part.
What chance cannot explain at all (a node that gets nothing) fails at the first look.

Those parts add up (the union bound), whatever the tests have in common: half of `RATE` is for the
units alone, a quarter for two at a time, an eighth for three, and so on. How many sets there are of
a size nobody knows before those of the size before have been judged. Holm's step-down would let a
test fail at a slightly higher p once another has failed, and then the verdict of a row would hang
on that of the others; each row here is judged by what its own drill file says, alone as well as in
its audit. Where drills were not planned as a family (the audits of earlier versions), Holm's
procedure is applied to their rows afterwards.

Sources: S. Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6
(1979), 65-70. Two looks are independent, for no choice is in both: P(p1 <= a and p2 <= b) <= a b.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from relaydrill.documents.audit import FalseAlarmDocument
from relaydrill.drills.model import Drill
from relaydrill.drills.recovery import recovery_of
from relaydrill.faults import FaultSpec
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.verdict import Levels, Status, Verdict

RATE: Final = 0.01
"""Of false alarms: at most one audit of a healthy tier in 100 fails by chance, and one drill."""

DOUBT: Final = 0.01
"""Where chance explains a first look less well than this, there is a second one."""

PLANNED: Final = "each planned for its part of it, in two looks"
HOLM: Final = "Holm"

_CLEAR_PART: Final = 0.1
"""Of a test's rate, for what fails at the first look; the rest is for the second."""

_FIRST_MISS: Final = 0.04
_SECOND_MISS: Final = 0.01
"""Together they are the one miss in 20 that a single look promises."""


def count_tests(topology: Topology, flows: Iterable[str], faults: Sequence[FaultSpec]) -> int:
    """How many statistical tests a drill makes."""
    if not faults:
        return sum(bool(topology.expectation(flow).spread) for flow in flows)
    healed = [fault.node for fault in faults if not fault.for_good]
    return sum(
        recovery_of(topology, node, flow).test is not None for flow in flows for node in healed
    )


def count_all(topology: Topology, drills: Iterable[Drill]) -> int:
    """How many statistical tests several drills make."""
    return sum(count_tests(topology, drill.flows, drill.faults) for drill in drills)


def levels_of_one(tests: int) -> Levels:
    """Of a drill that stands for itself."""
    level = RATE / max(1, tests)
    return Levels(level, level)


def first_look(tests: int, size: int = 1) -> Levels:
    """Of those of an audit's drills that break as many units each.

    Args:
        tests: How many all of them make.
        size: How many units are lost at a time.
    """
    return Levels(_CLEAR_PART * _each(tests, size), DOUBT, _FIRST_MISS)


def second_look(tests: int, own: int, size: int = 1) -> Levels:
    """Of a drill that runs again since its first look left a doubt.

    A doubt about one of its tests has all of them looked at again. So there is a second look in at
    most ``own`` x `DOUBT` of all cases, and in it each of them may fail; together they have ``own``
    parts of the rate.

    Args:
        tests: As of `first_look`.
        own: How many of them are this drill's.
        size: As of `first_look`.
    """
    alarm = min(DOUBT, (1 - _CLEAR_PART) * _each(tests, size) / (DOUBT * max(1, own)))
    return Levels(alarm, alarm, _SECOND_MISS)


def _each(tests: int, size: int) -> float:
    """One test's part of the rate."""
    return RATE * 0.5**size / max(1, tests)


def by_chance(check: str, summary: str, levels: Levels, **figures: Any) -> Verdict:
    """The verdict of a statistical test by its p, which the figures have.

    Args:
        check: As of `Verdict`.
        summary: As of `Verdict`.
        levels: At which the drill decides.
        **figures: As of `Verdict`.
    """
    status = levels.status(figures["p"])
    if status is Status.UNKNOWN:
        often = f"{1 / figures['p']:.0f}"
        summary += f"; chance alone does that once in {often}: a second look has to decide"
    told = {**figures, "alarm": levels.alarm, "doubt": levels.doubt}
    return Verdict(check, status, summary, told)


def is_in_doubt(verdict: Verdict) -> bool:
    """Whether a second look is to decide: it had its choices, and chance explains them badly."""
    p, doubt = verdict.figures.get("p"), verdict.figures.get("doubt")
    is_open = verdict.status is Status.UNKNOWN
    return is_open and p is not None and doubt is not None and p <= doubt


def is_kept(topology: Topology, *phases: Sequence[Drill]) -> bool:
    """Whether drills were planned so that together they keep to `RATE`, by the union bound.

    Args:
        topology: What is drilled.
        phases: Each with all drills that were planned together: of single units, of two, and so on.
    """
    total = 0.0
    for size, drills in enumerate(phases, 1):
        tests = count_all(topology, drills)
        for drill in drills:
            own, levels = count_tests(topology, drill.flows, drill.faults), drill.levels
            again = second_look(tests, own, size).alarm if levels.doubt > levels.alarm else 0.0
            total += own * levels.alarm + own * levels.doubt * own * again
    return total <= RATE * (1 + 1e-9)


@dataclass(frozen=True, slots=True)
class FalseAlarm:
    """What an audit says of its false alarms.

    Attributes:
        tests: How many statistical tests its drills make, second looks aside.
        method: How they keep to the rate together: `PLANNED` or `HOLM`.
        again: Drills whose first look left a doubt, each with the directory of that first look.
        rate: Of healthy tiers, this part at most fails by chance, in all tests together.
    """

    tests: int
    method: str
    again: tuple[tuple[str, str], ...] = ()
    rate: float = RATE

    @property
    def sentence(self) -> str:
        """For a person, without the full stop."""
        if not self.tests:
            return "No check of this audit is statistical: nothing fails by chance"
        whole = f"{self.tests} statistical tests (return, spread)" if self.tests > 1 else "the test"
        told = (
            f"False alarms: at most {self.rate:.0%} of audits of a healthy tier fail by chance, in"
            f" {whole} together ({self.method})"
        )
        if self.again:
            names = listed(tuple(name for name, _ in self.again))
            told += f"; {names} ran twice, to decide what a first look had left in doubt"
        return told

    def document(self) -> FalseAlarmDocument:
        """Plain JSON values."""
        return {
            "rate": self.rate,
            "tests": self.tests,
            "method": self.method,
            "again": [{"drill": name, "first_look": where} for name, where in self.again],
        }

    @classmethod
    def from_document(cls, data: dict[str, Any]) -> FalseAlarm:
        """Read back what `document` wrote.

        Raises:
            KeyError, TypeError, ValueError: It is something else.
        """
        again = tuple((str(each["drill"]), str(each["first_look"])) for each in data["again"])
        return cls(int(data["tests"]), str(data["method"]), again, float(data["rate"]))


def holm(found: Sequence[float], tests: int, rate: float = RATE) -> list[bool]:
    """Which tests of a family fail, by Holm's step-down procedure.

    Args:
        found: The p of those that are known.
        tests: How many there are, at least as many; those that are not known are taken for the ones
            that chance explains best.
        rate: Of false alarms, of all together.
    """
    fails = [False] * len(found)
    for rank, number in enumerate(sorted(range(len(found)), key=found.__getitem__)):
        if found[number] > rate / (tests - rank):
            break
        fails[number] = True
    return fails
