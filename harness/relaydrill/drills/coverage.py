"""What of a drill's evidence is whole, and what is missing, in sentences.

A verdict rests on journals. Before it says anything of the mail it is shown that they are all
there, that each holds what its node wrote, that the drill ran to its end, and that each sender
tried what its schedule says. What is missing is a hole: nothing is known of what may have stood
there, so that it neither passes a check nor fails one.

Runs of format 1 have no marks at the ends of their journals: see `relaydrill.drills.double_entry`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from relaydrill.drills.closing import Look
from relaydrill.drills.double_entry import told_late, told_twice, untold_by_others
from relaydrill.drills.loads import PlannedLoad, loads_of
from relaydrill.drills.missing_attempts import missing_attempts
from relaydrill.drills.record import HARNESS, JOURNALS, MACHINE, Recorded, digests_of_inputs
from relaydrill.faults import FaultSpec
from relaydrill.journal import Event, read_events
from relaydrill.ledger import FaultWindow, Ledger
from relaydrill.sentences import listed

_SHOWN: Final = 3
_EXACT_S: Final = 0.01
"""Wall seconds: nothing of a plan happens sooner than this before its time."""

_FAR_MORE: Final = 10
_AS_WELL_ALL: Final = 100_000
"""A schedule of ten times what is told, and a million more, is not computed one by one."""

_TAIL_S: Final = 0.25
"""Wall seconds: in format 1 what is due so shortly before the end may not have been tried."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is missing of the evidence of one drill.

    Attributes:
        holes: What concerns all flows.
        of_flows: What concerns one, by flow. Sentences.
        knows_inputs: Whether the harness wrote down what it drilled, so that a change is noticed.
    """

    holes: tuple[str, ...]
    of_flows: Mapping[str, tuple[str, ...]]
    knows_inputs: bool

    def of(self, flow: str) -> tuple[str, ...]:
        """All that is missing for one flow."""
        return (*self.holes, *self.of_flows.get(flow, ()))


def cover(run: Recorded, ledger: Ledger, looks: Mapping[str, Look | str]) -> Coverage:
    """What is missing of a run's evidence.

    Args:
        run: The run.
        ledger: Of all journals that could be read.
        looks: What each journal file holds, by its name without ``.jsonl``; of one that cannot be
            read, why.
    """
    own = [*_own_events(run, looks)]
    inputs = (*_inputs(run, own),)
    knows_inputs = any(event.kind == "saved" for event in own)
    if run.begun is None and run.problems:
        return Coverage(inputs, {}, knows_inputs)  # nothing was sent, and the problems say why
    marked = is_marked(run, looks)
    holes = (*inputs, *_journals(run, looks, run.topology.nodes, marked=marked), *_nonsense(ledger))
    if run.begun is None:
        return Coverage((*holes, "the drill never began"), {}, knows_inputs)
    course = (*_course(run, own, marked=marked), *_faults(run, ledger, run.begun))
    if not marked:
        course = (*course, *told_twice(run.journals()), *told_late(run, ledger))
    of_flows: dict[str, tuple[str, ...]] = {}
    for flow in run.drill.flows:
        until, exact = _until(run, own, flow, run.begun)
        lacking = _schedule(run, ledger, looks, flow, (run.begun, until), exact=exact)
        doubled = () if marked else untold_by_others(run.topology, ledger, flow)
        of_flows[flow] = (*lacking, *doubled)
    return Coverage((*holes, *course), of_flows, knows_inputs)


def cover_senders(
    run: Recorded, ledger: Ledger, looks: Mapping[str, Look | str]
) -> tuple[str, ...]:
    """What is missing of what the senders of a run tell.

    Args:
        run: The run.
        ledger: Of the journals of its senders, and of the harness.
        looks: At the same journals.
    """
    own = [*_own_events(run, looks)]
    inputs = (*_inputs(run, own),)
    if run.begun is None:
        return inputs if run.problems else (*inputs, "the drill never began")
    marked = is_marked(run, looks)
    found = [
        *inputs,
        *_journals(run, looks, run.topology.senders, marked=marked),
        *_nonsense(ledger),
    ]
    found += _course(run, own, marked=marked)
    for flow in run.drill.flows:
        until, exact = _until(run, own, flow, run.begun)
        found += _schedule(run, ledger, looks, flow, (run.begun, until), exact=exact)
    return tuple(found)


def is_marked(run: Recorded, looks: Mapping[str, Look | str]) -> bool:
    """Whether the journals of a run are to end with marks."""
    marks = (look.mark for look in looks.values() if isinstance(look, Look))
    return run.version > 1 or any(marks)


def _own_events(run: Recorded, looks: Mapping[str, Look | str]) -> Iterator[Event]:
    """What the harness and the watch of the machine wrote."""
    for name in (HARNESS, MACHINE):
        if isinstance(looks.get(name), Look):
            yield from read_events(run.directory / JOURNALS / f"{name}.jsonl")


def _inputs(run: Recorded, own: list[Event]) -> Iterator[str]:
    """What was drilled, and what was promised, is as it was when the drill was over.

    Else times of another clock, or faults of another plan, would be judged. Earlier versions did
    not write this down.
    """
    now = digests_of_inputs(run.directory)
    for event in own:
        if event.kind == "saved" and isinstance(then := event.detail.get("files"), dict):
            changed = [name for name in now if now[name] != then.get(name)]
            if changed:
                were = "was" if len(changed) == 1 else "were"
                told = f"{listed(changed)} {were} changed after the drill"
                yield f"{told}, as {_called(HARNESS)} shows"


def _called(name: str) -> str:
    return f"{JOURNALS}/{name}.jsonl"


def _journals(
    run: Recorded, looks: Mapping[str, Look | str], nodes: Iterable[str], *, marked: bool
) -> Iterator[str]:
    """Each of these nodes' journals is there, and as it was when the drill was over."""
    wanted = [*nodes, HARNESS, *((MACHINE,) if marked else ())]
    missing = [_called(name) for name in wanted if name not in looks]
    if missing:
        yield f"{listed(missing)} {'is' if len(missing) == 1 else 'are'} missing"
    for name, look in looks.items():
        if isinstance(look, str):
            yield f"{_called(name)} cannot be read: {look}"
        elif name not in (*wanted, MACHINE):
            yield f"{_called(name)} belongs to no node of this drill"
        elif marked and (lack := look.missing(_called(name))):
            yield lack


def _nonsense(ledger: Ledger) -> Iterator[str]:
    """Every line is an event that says what its kind must."""
    yield from map(str, ledger.nonsense[:_SHOWN])
    if (more := len(ledger.nonsense) - _SHOWN) > 0:
        yield f"{more} more lines are no events"


def _course(run: Recorded, own: list[Event], *, marked: bool) -> Iterator[str]:
    """The drill ran to its end."""
    if not marked:
        return
    begins = [event.detail.get("begin") for event in own if event.kind == "begun"]
    if begins != [run.begun]:
        yield f"{_called(HARNESS)} does not say that the drill began when drill.json says"
    lengths = [event.detail.get("length_s") for event in own if event.kind == "over"]
    if not lengths:
        yield "the drill was cut short: its harness ended before it was over"
    elif lengths != [run.drill.length_s]:
        yield f"{_called(HARNESS)} does not say that the drill lasted as long as drill.json says"
    if not any(event.kind == "watched" for event in own):
        yield "the load watcher did not run to the end of the drill"


def _faults(run: Recorded, ledger: Ledger, begun: float) -> Iterator[str]:
    """Each fault of the plan, and no other, was injected, or could not be; and healed in time."""
    turns: Counter[str] = Counter()
    for spec in sorted(run.drill.faults, key=lambda each: each.start_s):
        windows = [each for each in ledger.faults if each.label == spec.label]
        turn, turns[spec.label] = turns[spec.label], turns[spec.label] + 1
        if turn >= len(windows):
            yield f"{spec} was never injected"
        elif not windows[turn].error:
            yield from _window(run, spec, windows[turn], begun)
        elif windows[turn].injected is not None:
            yield f"{spec} was injected, and could not be: {_called(HARNESS)} says both"
    broken = Counter(each.label for each in ledger.faults)
    for label in broken - turns:
        yield f"{label} was injected, and drill.json does not plan it"


def _window(run: Recorded, spec: FaultSpec, window: FaultWindow, begun: float) -> Iterator[str]:
    clock = run.topology.clock
    if spec.start_s - (window.inject - begun) * clock > _EXACT_S * clock:
        yield f"{spec} was injected before its time"
    if window.injected is None:
        yield f"there is no sign that {spec} began"
    end_s = run.drill.length_s if spec.for_good else spec.end_s
    early_s = end_s - (window.heal - begun) * clock if window.heal is not None else 0.0
    if early_s > _EXACT_S * clock:
        yield f"{spec} was healed {early_s:.1f} s before its time: the drill was cut short"
    if window.healed is None and not spec.for_good:
        yield f"there is no sign that {spec} was healed"


def _until(run: Recorded, own: list[Event], flow: str, begun: float) -> tuple[float, bool]:
    """Until when a flow's attempts are due, and whether that is known exactly."""
    stops = [each.mono for each in own if each.kind == "stop" and each.detail.get("flow") == flow]
    end = begun + run.drill.length_s / run.topology.clock
    # A drill that was cut short has attempts missing up to the end that it was to have.
    return (max(stops[-1], end), True) if stops else (end, False)


def _schedule(
    run: Recorded,
    ledger: Ledger,
    looks: Mapping[str, Look | str],
    flow: str,
    span: tuple[float, float],
    *,
    exact: bool,
) -> Iterator[str]:
    """Every attempt that the schedule wants stands in its sender's journal."""
    begun, until = span
    loads = [*loads_of(run.topology, run.drill, flow)]
    scheduled = ledger.scheduled(flow)
    expected = sum(min(each.most, each.rate * (until - begun)) for each in loads)
    if expected > _FAR_MORE * (len(scheduled) + _AS_WELL_ALL):
        # To reckon when each was due would take longer than the drill that nobody ran.
        yield f"{len(scheduled)} attempts of {flow} are told of the {expected:.3g} of its schedule"
        return
    missing = missing_attempts(loads, begun, until, scheduled)
    for load in loads:
        count, due = missing[load.node]
        if due and not exact and due[0] >= until - _TAIL_S:
            continue
        if due and isinstance(looks.get(load.node), Look):
            yield _lacks(run, load, count, due, begun)


def _lacks(run: Recorded, load: PlannedLoad, count: int, due: list[float], begun: float) -> str:
    first_s = (due[0] - begun) * run.topology.clock
    return (
        f"{_called(load.node)} lacks {len(due)} of the {count} attempts of {load.flow}'s schedule,"
        f" the first of them due {first_s:.1f} s after the begin"
    )
