"""The three parts of a soak, each with what it found wrong; nothing, where all held."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from relaydrill.drills.model import Drill
from relaydrill.drills.result import Judgement
from relaydrill.drills.runner import Observer, run_drill
from relaydrill.drivers.process import ProcessLab
from relaydrill.drivers.registry import Registry
from relaydrill.ledger import Account, Attempt
from relaydrill.smtp import Result
from relaydrill.topology import Topology
from tests.leftovers import processes_in
from tests.soak.plan import CLOCK, design, kills_drill, soak_drill
from tests.soak.watch import Watch
from tests.standing_lab import RUN

_LATE_S: Final = 1.0
"""Wall seconds. An attempt that is later than that is the machine's doing; drift would grow."""

_NEVER: Final = (Account.LOST, Account.PHANTOM, Account.ALTERED, Account.QUEUED)

Tell = Callable[[str], None]


def faults(folder: Path, *, wall_s: float, seed: int, observe: Observer) -> Iterator[str]:
    """Fifty messages a second through a fault every few seconds: what did not hold.

    Every message is accounted for and none is lost; no process grows; the schedule does not drift.
    """
    topology = design()
    drill = soak_drill(topology, wall_s=wall_s, seed=seed)
    found, watch = _drilled(topology, folder, drill, observe)
    yield from wrong_accounts(found)
    yield from watch.leaks()
    yield from _drift(found)
    yield from _not_injected(found)


def kills(
    folder: Path, *, kills: int, seed: int, observe: Observer, topology: Topology | None = None
) -> Iterator[str]:
    """One hub killed after the other: every promise that a sender saw stands in a journal.

    Args:
        folder: Where its files go.
        kills: How many kills.
        seed: Seed of all random choices.
        observe: Called with what happens.
        topology: Another lab than the usual one.
    """
    topology = topology or design()
    drill = kills_drill(topology, kills=kills, seed=seed)
    found, _ = _drilled(topology, folder, drill, observe)
    yield from wrong_accounts(found)
    yield from _not_injected(found)
    for entry in found.ledger.entries.values():
        if entry.saw is Result.ACCEPTED and not entry.accepted:
            yield f"{entry.message} was promised with 250, and no journal has it"


def _drilled(
    topology: Topology, folder: Path, drill: Drill, observe: Observer
) -> tuple[Judgement, Watch]:
    registry = Registry(folder / "registry")
    with ProcessLab(topology, folder / "lab", registry=registry) as lab, Watch(lab) as watch:
        found = run_drill(lab, drill, folder / "run", observe)
    return found, watch


def wrong_accounts(found: Judgement) -> Iterator[str]:
    """Messages that are not where they should be, by flow."""
    for flow in found.drill.flows:
        counts = found.ledger.accounts(flow)
        for account in _NEVER:
            if counts.get(account):
                yield f"{flow}: {counts[account]} {account}"
        if not counts.get(Account.DELIVERED):
            yield f"{flow}: nothing was delivered"


def _drift(found: Judgement) -> Iterator[str]:
    """Lateness that grows: the last fifth of the attempts against the first."""
    for flow in found.drill.flows:
        attempts = found.ledger.attempts(flow)
        fifth = max(1, len(attempts) // 5)
        begin, end = _lateness(attempts[:fifth]), _lateness(attempts[-fifth:])
        if end > begin + _LATE_S:
            yield f"{flow}: attempts came {begin:.3f} s late at first, {end:.3f} s at last"
        wanted = found.topology.flows[flow].wanted_rate * found.drill.length_s / CLOCK
        if not 0.97 * wanted <= len(attempts) <= 1.03 * wanted + 5:
            yield f"{flow}: {len(attempts)} attempts where the schedule has {wanted:.0f}"


def _lateness(attempts: list[Attempt]) -> float:
    """The median, so that a machine that starves for a moment is no drift."""
    late = sorted(attempt.late_s for attempt in attempts)
    return late[len(late) // 2]


def _not_injected(found: Judgement) -> Iterator[str]:
    for window in found.ledger.faults:
        if window.injected is None or window.healed is None:
            yield f"{window.label} was not injected, or not healed: {window.error}"


def harness_kills(folder: Path, *, times: int, seed: int, tell: Tell) -> Iterator[str]:
    """A kill -9 of the whole harness at a random moment: ``clean`` leaves nothing of it."""
    chance = random.Random(seed)
    for number in range(times):
        home = folder / f"{number}"
        home.mkdir(parents=True)
        after_s = chance.uniform(0.2, 5.0)
        yield from (f"after {after_s:.2f} s: {each}" for each in _killed_at(home, after_s))
        tell(f"{number + 1} of {times}")


def _killed_at(home: Path, after_s: float) -> Iterator[str]:
    environment = {**os.environ, "XDG_STATE_HOME": str(home / "state")}
    command = [*RUN, "drill", "sharepoint", "--fault", "kill:ht1", "--out", "run"]
    with subprocess.Popen(
        command,
        cwd=home,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as drill:
        try:
            drill.wait(after_s)
        except subprocess.TimeoutExpired:
            drill.send_signal(signal.SIGKILL)
    cleaned = subprocess.run(
        [*RUN, "clean"], cwd=home, env=environment, capture_output=True, text=True, timeout=60
    )
    if cleaned.returncode:
        yield f"clean ended with {cleaned.returncode}: {cleaned.stderr.strip()}"
    if left := processes_in(home):
        yield f"processes are left: {left}"
    if records := [*(home / "state").rglob("labs/*.json")]:
        yield f"records are left: {[record.name for record in records]}"
