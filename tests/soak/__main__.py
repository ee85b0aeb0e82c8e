"""``make soak``: 45 minutes of faults, a thousand kills of hubs, two hundred of the harness."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click

from relaydrill.drills.runner import Step
from tests.soak import run


class _Display:
    """One line that says where it stands; in a pipe, nothing until a part is over."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()

    def step(self, step: Step) -> None:
        """Of a drill."""
        self.tell(f"{step.done:4.0%} {step.stage}")

    def tell(self, text: str) -> None:
        """Anything else."""
        if self._live:
            click.echo(f"\r\033[K  {text[:100]}", nl=False)

    def over(self, name: str, began: float, wrong: Iterator[str]) -> int:
        """Say how a part ended, and return how much was wrong."""
        found = [*wrong]
        if self._live:
            click.echo("\r\033[K", nl=False)
        took = time.monotonic() - began
        click.echo(f"{name}: {'FAIL' if found else 'pass'} in {took:.0f} s")
        for each in found[:20]:
            click.echo(f"  {each}")
        return len(found)


@click.command()
@click.option("--minutes", default=45.0, show_default=True, help="Of faults, 50 messages a second.")
@click.option("--kills", default=1000, show_default=True, help="Of hubs, one after the other.")
@click.option("--harness", default=200, show_default=True, help="kill -9 of the harness itself.")
@click.option("--seed", default=1, show_default=True, help="Of every choice.")
def main(minutes: float, kills: int, harness: int, seed: int) -> None:
    """Ends with 1 where anything did not hold."""
    display = _Display()
    wrong = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if minutes:
            part = run.faults(
                folder / "faults", wall_s=60 * minutes, seed=seed, observe=display.step
            )
            wrong += display.over(f"faults for {minutes:g} min", time.monotonic(), part)
        if kills:
            part = run.kills(folder / "kills", kills=kills, seed=seed, observe=display.step)
            wrong += display.over(f"{kills} kills of hubs", time.monotonic(), part)
        if harness:
            part = run.harness_kills(
                folder / "harness", times=harness, seed=seed, tell=display.tell
            )
            wrong += display.over(f"{harness} kills of the harness", time.monotonic(), part)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
