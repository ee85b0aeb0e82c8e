"""Run defects, and say of each whether it was caught."""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Generator, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from relaydrill.drills.closing import close
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.judge import judge
from relaydrill.drills.model import Drill
from relaydrill.drills.policy import judge_policy
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import Observer, run_drill
from relaydrill.drivers.base import Lab
from relaydrill.drivers.catalogue import lab_maker
from relaydrill.ledger import Ledger
from relaydrill.planning import Outlook, outlooks
from relaydrill.verdict import Status, Verdict, failed, passed

from .certificate import HasHubs, renew
from .course import Judged
from .defect import Asked, Defect, Drilled, Finding, Linted, Planned, Tampered
from .linting import findings_of
from .telling import judge_made_up
from .worlds import WORLD, World, make_whole, world_of_defect

CAUGHT: Final = "caught"
MISSED: Final = "missed"
UNDECIDED: Final = "undecided"
"""The machine starved meanwhile, and the verdict was unknown: it proves nothing of the harness."""

_STEADY_S: Final = 20.0
_AFTER_S: Final = 5.0
"""Field seconds: two of the wall clock, for a hundred messages; and half of one after a heal."""

_AS_CAUSE: Final = {"fail": Status.FAIL, "unknown": Status.UNKNOWN}

Said = dict[tuple[str, str], Verdict]
"""What was found: by place and check."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one run of a defect.

    Attributes:
        result: `CAUGHT`, `MISSED` or `UNDECIDED`.
        world: The driver of its lab; empty: it had none.
        said: The findings that were wanted, as they were given; one line.
        starved_s: For how long the machine starved while it ran, wall seconds.
    """

    id: str
    subject: str
    seed: int
    result: str
    said: str
    starved_s: float
    world: str = ""

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def run_defect(
    defect: Defect,
    folder: Path,
    seeds: tuple[int, ...],
    observe: Observer = lambda _step: None,
    *,
    wanted: World = WORLD,
) -> Iterator[Outcome]:
    """Run a defect once for each seed, one after the other on one lab.

    What is read off a design has no luck, either, and is looked at once.

    Args:
        defect: The defect.
        folder: Where labs and runs are written; what was caught is removed again.
        seeds: One seed for each run.
        observe: Called with what happens.
        wanted: The driver of its lab; what cannot be simulated runs as processes then.

    Raises:
        HarnessError: A lab failed.
    """
    world = world_of_defect(defect, wanted)
    for outcome in _outcomes(defect, folder, seeds, observe, world):
        yield replace(outcome, world=world or "")
    shutil.rmtree(folder / "lab", ignore_errors=True)


def _outcomes(
    defect: Defect, folder: Path, seeds: tuple[int, ...], observe: Observer, world: World | None
) -> Generator[Outcome]:
    match defect.way:
        case Drilled() | Tampered():
            for seed, found in _drilled(defect, folder, seeds, observe, world):
                outcome = outcome_of(defect, seed, said_by(found), found.ledger)
                yield outcome
                if outcome.result == CAUGHT:
                    _tidy(found, folder)
        case Asked():
            with _standing(defect, folder / "lab", world) as lab:
                for seed in seeds:
                    answers = judge_policy(lab).answers
                    said = {(str(asked), "policy"): verdict for asked, verdict in answers}
                    yield outcome_of(defect, seed, said)
        case Planned():
            found_out = outlooks(defect.topology())
            yield outcome_of(defect, seeds[0], {(e.gone, "plan"): _told(e) for e in found_out})
        case Linted():
            yield outcome_of(defect, seeds[0], _linted(defect))
        case Judged() as way:
            for seed in seeds:
                run = folder / f"run{seed}"
                found = judge_made_up(way, defect.topology(), run, seed, defect.id)
                # Whatever starves in it, starves on paper: no excuse for a miss.
                yield outcome_of(defect, seed, said_by(found))
                shutil.rmtree(run)


def outcome_of(defect: Defect, seed: int, said: Said, ledger: Ledger | None = None) -> Outcome:
    """Compare what was found with what must be."""
    wanting = [finding for finding in defect.findings if not _is_given(finding, said)]
    starved_s = sum(stall.end - stall.begin for stall in ledger.stalls) if ledger else 0.0
    if not wanting:
        result = CAUGHT
    elif starved_s and all(_is_unknown(finding, said) for finding in wanting):
        result = UNDECIDED
    else:
        result = MISSED
    shown = "; ".join(_shown(finding, said) for finding in wanting or defect.findings)
    return Outcome(defect.id, defect.subject, seed, result, shown, round(starved_s, 3))


def said_by(found: Judgement) -> Said:
    """The verdicts of a drill, by flow and check; and its findings, as ``cause``."""
    said = {(flow.flow, each.check): each for flow in found.flows for each in flow.checks}
    for number, each in enumerate(found.findings):
        status = _AS_CAUSE.get(each.status, Status.PASS)
        text = f"{each.title}: {each.sentence}; remedy: {each.remedy}"
        said[f"finding {number}", "cause"] = Verdict("cause", status, text)
    return said


@contextlib.contextmanager
def _standing(defect: Defect, folder: Path, world: World | None) -> Generator[Lab]:
    """The defect's lab, with the certificates that somebody has put in it."""
    with lab_maker(world or WORLD)(defect.topology(), folder) as lab:
        if defect.renewed:
            assert isinstance(lab, HasHubs)
            renew(lab, defect.renewed)
        yield lab


def drill_once(defect: Defect, folder: Path, *, wanted: World = WORLD) -> Judgement:
    """One drill of a defect, for a test that looks further into it.

    Args:
        defect: The defect.
        folder: Where the lab and the run are written.
        wanted: As of `run_defect`.

    Raises:
        TypeError: It is found in another way.
    """
    world = world_of_defect(defect, wanted)
    with contextlib.closing(_drilled(defect, folder, (1,), lambda _step: None, world)) as runs:
        return next(runs)[1]


def _drilled(
    defect: Defect, folder: Path, seeds: tuple[int, ...], observe: Observer, world: World | None
) -> Generator[tuple[int, Judgement]]:
    way = defect.way
    if not isinstance(way, Drilled | Tampered):
        raise TypeError(f"{defect.id} is found without a drill")
    faults = way.faults if isinstance(way, Drilled) else ()
    with _standing(defect, folder / "lab", world) as lab:
        for seed in seeds:
            make_whole(lab)
            drill = no_longer_than_needed(
                defect,
                plan(lab.topology, faults=faults, flows=way.flows, seed=seed, name=defect.id),
            )
            directory = folder / f"run{seed}"
            found = run_drill(lab, drill, directory, observe)
            if isinstance(way, Tampered):
                tamper(way, directory)
                found = judge(directory)
            yield seed, found


def no_longer_than_needed(defect: Defect, drill: Drill) -> Drill:
    """The drill, cut to what the defect's findings want: it only gets harder to find anything.

    A finding about the return of a healed node, or about a spread, needs the whole of it.
    """
    checks = {finding.check for finding in defect.findings}
    if checks & {"return", "spread"} or any(fault.for_good for fault in drill.faults):
        return drill
    end_s = max((fault.end_s for fault in drill.faults), default=_STEADY_S - _AFTER_S)
    return replace(drill, length_s=min(drill.length_s, end_s + _AFTER_S))


def tamper(way: Tampered, directory: Path) -> None:
    """Write a defect into the journals of a run, as a lie of that node's and no hole."""
    journal = directory / "journals" / f"{way.node}.jsonl"
    lines, count = [], 0
    for line in journal.read_text(encoding="utf-8").splitlines():
        event = json.loads(line)
        if event["kind"] == way.kind:
            count += 1
            if count % way.every == 0:
                if not way.detail:
                    continue
                event["detail"] = {**event["detail"], **way.detail}
        lines.append(json.dumps(event))
    journal.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    close(journal)


def _is_given(finding: Finding, said: Said) -> bool:
    return any(
        # A failure that the author accepts fails nothing.
        verdict.counts_as is finding.status
        and all(word in verdict.summary for word in finding.says)
        and not any(word in verdict.summary for word in finding.never)
        for verdict in _about(finding, said)
    )


def _is_unknown(finding: Finding, said: Said) -> bool:
    return any(verdict.status is Status.UNKNOWN for verdict in _about(finding, said))


def _about(finding: Finding, said: Said) -> list[Verdict]:
    return [
        verdict
        for (where, check), verdict in said.items()
        if check == finding.check and finding.where in ("", where)
    ]


def _shown(finding: Finding, said: Said) -> str:
    told = [f"{each.status}: {each.summary}" for each in _about(finding, said)]
    place = f"{finding.where} " if finding.where else ""
    return f"{place}{finding.check} {' | '.join(told) or 'said nothing'}"


def _told(outlook: Outlook) -> Verdict:
    """An outlook in words."""
    over = [
        f"{name} gets {share.rate:.1f}/s and bears {share.capacity:g}/s"
        for name, share in outlook.nodes.items()
        if share.overloaded
    ]
    lost = [f"{outlook.lost:.1f}/s find no way in"] if outlook.lost > 1e-9 else []
    text = "; ".join([*over, *lost]) or "holds"
    return (passed if outlook.holds else failed)("plan", text)


def _linted(defect: Defect) -> Said:
    """What the linter says, each finding by its rule."""
    return {
        (f"{rule} {number}", rule): failed(rule, text)
        for number, (rule, text) in enumerate(findings_of(defect.topology()))
    }


def _tidy(found: Judgement, folder: Path) -> None:
    shutil.rmtree(folder / found.directory.name, ignore_errors=True)
