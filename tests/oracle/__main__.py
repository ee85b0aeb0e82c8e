"""``python -m tests.oracle``: many runs whose truth is known, and how the product judged them.

Exit status: 0 every verdict may stand, and few are unknown; 1 there is a wrong one; 2 the options
are wrong; 3 more than 2 % of the clear cases are unknown.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import sys
from collections import Counter, defaultdict
from pathlib import Path
from typing import Final

from . import files
from .evidence import flips
from .trial import Found, scratch, story_of, try_out

MOST_UNKNOWN: Final = 0.02
_SHOWN: Final = 5
_TIMES: Final = 8
_TOLD_EVERY: Final = 1000


class Tally:
    """What came of many runs."""

    def __init__(self) -> None:
        self.runs = 0
        self.counts: Counter[tuple[str, str]] = Counter()
        self.clear: Counter[str] = Counter()
        self.wrong: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.unknown: dict[str, list[int]] = defaultdict(list)

    def add(self, number: int, found: list[Found]) -> None:
        """One more run."""
        self.runs += 1
        for each in found:
            said = str(each.said.status)
            self.counts[each.truth.named, said] += 1
            if each.truth.is_clear:
                self.clear[said] += 1
                if said == "unknown":
                    self.unknown[each.said.worst.check].append(number)
            if each.wrong:
                self.wrong[each.wrong, each.cause].append(number)

    @property
    def wrong_ones(self) -> int:
        """How many verdicts were wrong."""
        return sum(map(len, self.wrong.values()))

    @property
    def unknown_part(self) -> float:
        """The part of the clear cases that was left unknown."""
        return self.clear["unknown"] / max(1, self.clear.total())

    def table(self) -> str:
        """The figures."""
        verdicts = ("pass", "fail", "unknown")
        lines = [f"{self.runs} runs", f"{'truth':10}" + "".join(f"{each:>10}" for each in verdicts)]
        for truth in ("kept", "broken", "unproven", "close"):
            row = "".join(f"{self.counts[truth, each]:>10}" for each in verdicts)
            lines.append(f"{truth:10}{row}")
        lines.append(
            f"clear cases: {self.clear.total()}, unknown {self.clear['unknown']}"
            f" ({self.unknown_part:.2%})"
        )
        for check, numbers in sorted(self.unknown.items()):
            lines.append(f"  unknown by {check}: {len(numbers)}, such as {numbers[:_SHOWN]}")
        for (what, cause), numbers in sorted(self.wrong.items(), key=lambda each: -len(each[1])):
            lines.append(f"{what}: {len(numbers)}x {cause}: {numbers[:_SHOWN]}")
        return "\n".join(lines)


def main() -> int:
    """Run, print, and return the exit status."""
    options = argparse.ArgumentParser(prog="python -m tests.oracle")
    options.add_argument("--runs", type=int, default=1000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--first", type=int, default=0, help="number of the first run")
    options.add_argument("--only", type=int, help="this run alone, told in full")
    options.add_argument(
        "--evidence",
        choices=("marked", "unwritten", "unmarked"),
        help="take evidence away, and count the verdicts that it turns round",
    )
    options.add_argument("--keep", type=Path, help="with --only: where to leave its run directory")
    options.add_argument("--format", type=int, default=files.FORMAT)
    told = options.parse_args()
    with scratch() as directory:
        if told.only is not None:
            story = story_of(told.seed, told.only)
            print(story.told())
            found = try_out(story, directory, form=told.format)
            print("\n".join(each.told() for each in found))
            if told.keep:
                shutil.copytree(directory / "run", told.keep)
            return int(any(each.wrong for each in found))
        if told.evidence:
            return _evidence(told, directory)
        tally = Tally()
        with contextlib.suppress(KeyboardInterrupt):
            for number in range(told.first, told.first + told.runs):
                tally.add(number, try_out(story_of(told.seed, number), directory, form=told.format))
                if tally.runs % _TOLD_EVERY == 0:
                    print(f"{tally.runs} of {told.runs}, {tally.wrong_ones} wrong", file=sys.stderr)
    print(tally.table())
    if tally.wrong:
        print(f"one again, in full: python -m tests.oracle --seed {told.seed} --only NUMBER")
        return 1
    return 3 if tally.unknown_part > MOST_UNKNOWN else 0


def _evidence(told: argparse.Namespace, directory: Path) -> int:
    """Take evidence away from many runs, and count."""
    groups: dict[str, list[str]] = defaultdict(list)
    for number in range(told.first, told.first + told.runs):
        chance = random.Random(f"evidence {told.seed} {number}")
        story = story_of(told.seed, number)
        for flip in flips(story, directory, chance, way=told.evidence, times=_TIMES):
            deed, kind = flip.alteration.deed, flip.alteration.kind or "journal"
            check = flip.why.partition(":")[0]
            group = f"{flip.before} -> {flip.after}: {deed} {kind} of {_sort(flip.alteration.node)}"
            groups[f"{group} ({check})"].append(f"{number}: {flip}")
    print(f"{told.runs} runs, {_TIMES} alterations each, {told.evidence}:")
    for group, found in sorted(groups.items(), key=lambda each: -len(each[1])):
        print(f"{len(found):5} {group}\n        {found[0][:300]}")
    return int(bool(groups))


def _sort(node: str) -> str:
    return node.rstrip("0123456789")


if __name__ == "__main__":
    sys.exit(main())
