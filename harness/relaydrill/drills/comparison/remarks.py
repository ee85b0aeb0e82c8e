"""What makes two runs poor company: whatever else than the design was not the same."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from relaydrill.drills import record
from relaydrill.drills.audit import Audit
from relaydrill.drills.comparison.rows import Rows, judged_in, rows_of
from relaydrill.drills.result import Judgement
from relaydrill.errors import UsageError
from relaydrill.sentences import listed
from relaydrill.topology import Expect, Topology

_SAME_LENGTH: Final = 0.01
"""By what part the lengths of one fault may differ."""


def remarks_on(base: Audit | Judgement, change: Audit | Judgement) -> tuple[str, ...]:
    """What weakens a comparison, a sentence each.

    Args:
        base: What was before.
        change: What is after.
    """
    return tuple(dict.fromkeys(_remarks(base, change)))


def _remarks(base: Audit | Judgement, change: Audit | Judgement) -> Iterator[str]:
    if base.directory.exists() and base.directory.resolve() == change.directory.resolve():
        yield f"BASE and CHANGE are one directory: {base.directory}"
    old, new = base.topology, change.topology
    if old.name != new.name:
        yield f"the topologies have two names: {old.name} in BASE, {new.name} in CHANGE"
    if base.driver != change.driver:
        yield _two("driver", base.driver, change.driver, "labs of another driver have other times")
    if old.clock != new.clock:
        yield _two("clock", f"{old.clock:g}", f"{new.clock:g}", "the machine's own part differs")
    seeds = {_seeds(base), _seeds(change)}
    if len(seeds) > 1:
        yield _two("seed", _seeds(base), _seeds(change), "mail was sent at other moments")
    before, after = _versions(base), _versions(change)
    if before and after and before != after:
        yield _two("Relaydrill", before, after, "both are judged by the version that compares them")
    yield from _on_flows(old, new)
    yield from _on_acceptances(old, new)
    yield from _on_lengths(rows_of(base), rows_of(change))
    yield from _said_of_one_side(base, change)


def _two(what: str, base: str, change: str, so: str) -> str:
    return f"{what} {base} in BASE, {change} in CHANGE: {so}"


def _seeds(found: Audit | Judgement) -> str:
    # A second look of an audit has a seed of its own; the first row is never one of a finding.
    return str(found.seed if isinstance(found, Audit) else found.drill.seed)


def _versions(found: Audit | Judgement) -> str:
    """Which versions ran it; empty where it does not tell, or lies there no more."""
    versions: dict[str, None] = {}
    for each in judged_in(found):
        with suppress(UsageError):
            versions[record.load(each.directory).relaydrill] = None
    return listed(each for each in versions if each)


def _on_flows(old: Topology, new: Topology) -> Iterator[str]:
    """Of the flows of both: other rates make other gaps, and other promises other verdicts."""
    for name in old.flows:
        if name not in new.flows:
            continue
        rate, other = (f"{each.flows[name].rate:g}/s" for each in (old, new))
        if rate != other:
            yield _two(f"rate of {name}", rate, other, "its times are known less or more exactly")
        promises = [*_promises(old.expectation(name), new.expectation(name))]
        if promises:
            yield (
                f"{name} promises {listed(promises)}: a verdict may differ for that alone, while"
                " mail flows as before"
            )


def _promises(old: Expect, new: Expect) -> Iterator[str]:
    before, after = old.model_dump(), new.model_dump()
    for key in before:
        if before[key] != after[key]:
            yield f"{key} {_value(before[key])} in BASE and {_value(after[key])} in CHANGE"


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return listed(map(str, value)) or "nothing"
    if value is None:
        return "as by default"
    return str(value).lower()


def _on_acceptances(old: Topology, new: Topology) -> Iterator[str]:
    """What only one of the authors accepts: the same failure counts on the other side."""
    sides = {"BASE": _accepted(old), "CHANGE": _accepted(new)}
    for side, own in sides.items():
        (other,) = (nodes for name, nodes in sides.items() if name != side)
        if alone := [node for node in own if node not in other]:
            yield f"only the author of {side} accepts a loss of {listed(alone)}"


def _accepted(topology: Topology) -> list[str]:
    return [
        f"{listed(each.lost)} for {listed(each.flows)}" if each.flows else listed(each.lost)
        for each in topology.accept
    ]


def _on_lengths(before: Rows, after: Rows) -> Iterator[str]:
    """Faults that were in force for longer on one side: what only a heal ended lasted as long."""
    found: dict[str, tuple[float, float]] = {}
    for key, (judgement, _) in before.items():
        if key in after:
            lengths = _length_s(judgement), _length_s(after[key][0])
            if not math.isclose(*lengths, rel_tol=_SAME_LENGTH):
                found[key.fault] = lengths
    if found:
        fault, (old_s, new_s) = next(iter(found.items()))
        what = "the fault was" if len(found) == 1 else f"{len(found)} faults were"
        yield (
            f"{what} in force for another time: {fault} for {old_s:.0f} s in BASE, {new_s:.0f} s in"
            " CHANGE; an outage that lasts until the heal is longer by that alone, and not called"
            " worse for it"
        )


def _length_s(judgement: Judgement) -> float:
    return max((fault.duration_s for fault in judgement.drill.faults), default=0.0)


def _said_of_one_side(base: Audit | Judgement, change: Audit | Judgement) -> Iterator[str]:
    """What the runs' own remarks say of one side and not of the other."""
    sides = {"BASE": _own(base), "CHANGE": _own(change)}
    for side, own in sides.items():
        other = {each for name, told in sides.items() if name != side for each in told}
        yield from (f"{side}: {each}" for each in own if each not in other)


def _own(found: Audit | Judgement) -> list[str]:
    return [remark for row in judged_in(found) for remark in row.remarks]
