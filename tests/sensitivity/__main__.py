"""``python -m tests.sensitivity``: every defect of the catalogue, and the healthy drills.

Exit status: 0 all caught and no false alarm; 1 a defect was missed, or a healthy design failed;
2 the options are wrong; 3 not everything was proven; 4 a lab failed; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from relaydrill.drills.runner import Step
from relaydrill.errors import HarnessError, RelaydrillError, UsageError
from tests.docker_engine import why_no_docker

from .catalogue import CATALOGUE
from .defect import Defect, Linted, Planned
from .healthy import DESIGNS, Design, Quiet, run_healthy
from .results import Results, load
from .running import MISSED, Outcome, run_defect
from .table import show
from .twins import TWINS, run_twins
from .worlds import WORLD, World, told, world_of, world_of_defect

_LONGEST_LINE: Final = 400


class _Display:
    """Where it stands: a bar on a terminal, a line for each outcome in a pipe."""

    def __init__(self, console: Console, total: int) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.fields[what]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("[dim]{task.fields[stage]}"),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID = self._bar.add_task("", total=total, what="starting", stage="")

    def __enter__(self) -> _Display:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def observe(self, step: Step) -> None:
        """What a drill does now."""
        self._bar.update(self._task, what=step.drill[:44], stage=step.stage or "mail flows")

    def told(self, each: Outcome | Quiet) -> None:
        """A defect, or a healthy drill, was run."""
        if isinstance(each, Outcome):
            what = f"{each.result:9} {each.id}"
        else:
            what = f"{each.status:9} {each.design}: {each.drill}"
        if not self._console.is_terminal:
            where = f", {each.world}" if each.world else ""
            print(f"{what} (seed {each.seed}{where})  {each.said}"[:_LONGEST_LINE], flush=True)
        self._bar.advance(self._task)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--healthy", default=200, show_default=True, help="How many healthy drills, twins left out."
)
@click.option("--only", multiple=True, metavar="ID", help="Only these defects; may be repeated.")
@click.option("--subject", multiple=True, metavar="SUBJECT", help="Only defects of these subjects.")
@click.option("--no-defects", is_flag=True, help="Healthy drills alone.")
@click.option(
    "--driver",
    type=click.Choice(["simulate", "process"]),
    default=WORLD,
    show_default=True,
    help="What runs the labs; what cannot be simulated runs as processes.",
)
@click.option("--simulated-only", is_flag=True, help="Leave out what cannot be simulated.")
@click.option("--repeat", default=1, show_default=True, help="Runs of each defect, seed by seed.")
@click.option("--seed", default=1, show_default=True, help="The first seed.")
@click.option("--minutes", default=60.0, show_default=True, help="Begin nothing after so long.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("relaydrill-runs", "sensitivity.json"),
    show_default=True,
    help="Where the results go, as JSON.",
)
@click.option("--more", is_flag=True, help="Add to the results that are in --out already.")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="Keep runs that did not go as wanted."
)
@click.option("--list", "listing", is_flag=True, help="Show the catalogue, and run nothing.")
def command(
    healthy: int,
    only: tuple[str, ...],
    subject: tuple[str, ...],
    no_defects: bool,
    driver: World,
    simulated_only: bool,
    repeat: int,
    seed: int,
    minutes: float,
    out: Path,
    more: bool,
    keep: Path | None,
    listing: bool,
) -> int:
    """Run every defect of the catalogue and some healthy drills; print both rates."""
    chosen = () if no_defects else choose(only, subject)
    if simulated_only:
        chosen = tuple(each for each in chosen if world_of_defect(each) in (None, WORLD))
    console = Console(highlight=False)
    if listing:
        for each in chosen:
            print(f"{each.subject:14} {each.id:40} {each.wrong} [{told(each)}]")
        return 0
    out.parent.mkdir(parents=True, exist_ok=True)
    results = load(out) if more and out.exists() else Results(out)
    with tempfile.TemporaryDirectory(prefix="sensitivity-") as temporary:
        folder = keep or Path(temporary)
        seeds = range(seed, seed + repeat)
        plan = Plan(chosen, healthy, seeds, driver, simulated_only, minutes * 60, folder)
        run(results, plan, console)
    show(results, console)
    print(f"Results in {out}")
    return results.exit_status


def choose(only: tuple[str, ...], subjects: tuple[str, ...]) -> tuple[Defect, ...]:
    """The defects that are to be run.

    Raises:
        UsageError: There is no such defect or subject.
    """
    unknown = set(only) - {each.id for each in CATALOGUE}
    unknown |= set(subjects) - {each.subject for each in CATALOGUE}
    if unknown:
        raise UsageError(f"not in the catalogue: {', '.join(sorted(unknown))}; see --list")
    return tuple(
        each
        for each in CATALOGUE
        if (not only or each.id in only) and (not subjects or each.subject in subjects)
    )


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run.

    Attributes:
        defects: Which defects.
        healthy: How many healthy drills, twins left out.
        seeds: One seed for each run of a defect; the first is that of the first healthy drill.
        driver: What runs the labs of all that it can run.
        simulated_only: Whether what cannot be simulated is left out.
        most_s: Nothing is begun after so long, seconds.
        folder: Where labs and runs are written.
    """

    defects: tuple[Defect, ...]
    healthy: int
    seeds: range
    driver: World
    simulated_only: bool
    most_s: float
    folder: Path

    @property
    def designs(self) -> tuple[Design, ...]:
        """The healthy designs that are drilled."""
        return tuple(
            each
            for each in DESIGNS
            if not self.simulated_only or world_of(each.topology()) == WORLD
        )

    @property
    def total(self) -> int:
        """How many outcomes there will be: what is read off a design is looked at once."""
        once = sum(isinstance(each.way, Linted | Planned) for each in self.defects)
        runs = once + len(self.seeds) * (len(self.defects) - once)
        return runs + (len(TWINS) + self.healthy if self.healthy else 0)


def run(results: Results, plan: Plan, console: Console) -> None:
    """Run all of it, and save the results after each outcome."""
    begun, before_s = time.monotonic(), results.wall_s
    with (
        _Display(console, plan.total) as display,
        # An interruption between two outcomes must take the lab down, too.
        contextlib.closing(_outcomes(results, plan, begun + plan.most_s, display)) as outcomes,
    ):
        for outcome in outcomes:
            results.wall_s = before_s + time.monotonic() - begun
            if isinstance(outcome, Outcome):
                results.outcomes.append(outcome)
            else:
                results.quiets.append(outcome)
            results.save()
            display.told(outcome)
    results.save()


def _outcomes(
    results: Results, plan: Plan, until: float, display: _Display
) -> Generator[Outcome | Quiet]:
    for defect in plan.defects:
        if defect.containers and (why := why_no_docker("node", "postfix", "haproxy")):
            results.cut_short = f"{defect.id} and its like: {why}"
            continue
        if time.monotonic() > until:
            results.cut_short = f"the time was over before {defect.id}"
            return
        try:
            yield from run_defect(
                defect,
                plan.folder / defect.id,
                tuple(plan.seeds),
                display.observe,
                wanted=plan.driver,
            )
        except (HarnessError, OSError) as error:  # one lab less is no reason to lose the others
            said = f"the harness failed: {type(error).__name__}: {error}"
            world = world_of_defect(defect, plan.driver) or ""
            yield Outcome(defect.id, defect.subject, plan.seeds[-1], MISSED, said, 0.0, world)
    if plan.healthy:
        yield from run_twins(plan.folder)
    for quiet in run_healthy(
        plan.healthy,
        plan.seeds[0],
        plan.folder,
        display.observe,
        wanted=plan.driver,
        designs=plan.designs,
    ):
        yield quiet
        if time.monotonic() > until:
            results.cut_short = "the time was over before all healthy drills were run"
            return


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def main() -> NoReturn:
    """Run the command, and exit."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        status = command(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        status = 2
    except UsageError as error:
        print(f"sensitivity: {error}", file=sys.stderr)
        status = 2
    except RelaydrillError as error:
        print(f"sensitivity: {error}", file=sys.stderr)
        status = 4
    except (KeyboardInterrupt, click.Abort):
        print("Interrupted; every lab was taken down, and the results so far are saved.")
        status = 130
    sys.exit(status or 0)


if __name__ == "__main__":
    main()
