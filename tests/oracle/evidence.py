"""Evidence taken away: a line of a journal removed, doubled or moved in time, or part of a journal.

What was passed or failed may become unknown by it. It may never fail where it passed, nor pass
where it failed: that would be a verdict for which nothing is needed but a hole.

Three ways, for what shows that a journal is whole differs:

- ``marked``: the marks stay as the harness made them. Something happened to the files afterwards.
- ``unwritten``: the marks are true to what is there. A disk was full, and the line never written.
- ``unmarked``: there are no marks; the directory is of an earlier version.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from relaydrill.drills.judge import judge
from relaydrill.errors import RelaydrillError

from . import files
from .story import Story
from .tier import play

Way = Literal["marked", "unwritten", "unmarked"]
Deed = Literal["removed", "doubled", "moved", "halved", "gone", "emptied", "torn"]

DEEDS: Final[tuple[Deed, ...]] = (
    *("removed", "removed", "removed", "doubled", "doubled", "moved", "moved"),
    *("halved", "gone", "emptied", "torn"),
)
_OF_ALL: Final = frozenset({"halved", "gone", "emptied", "torn"})


@dataclass(frozen=True)
class Alteration:
    """What was done to a run directory.

    Attributes:
        node: Whose journal.
        kind: Which kind of line; empty: more than a line.
        by: By how much it was moved, wall seconds.
    """

    deed: Deed
    node: str
    kind: str
    number: int
    by: float = 0.0

    def __str__(self) -> str:
        what = f"{self.kind} (line {self.number + 1})" if self.kind else "journal"
        by = f" by {self.by:+.3f} s" if self.by else ""
        return f"{self.deed}{by}: {what} of {self.node}"


@dataclass(frozen=True)
class Flip:
    """A verdict that a hole turned round."""

    alteration: Alteration
    flow: str
    before: str
    after: str
    why: str

    def __str__(self) -> str:
        return f"{self.before} -> {self.after} of {self.flow}; {self.alteration}: {self.why}"


def choose(chance: random.Random, journals: dict[str, list[bytes]]) -> Alteration:
    """What to do: every journal, and in it every kind of line, is as likely."""
    deed = chance.choice(DEEDS)
    node = chance.choice(sorted(name for name, lines in journals.items() if lines))
    if deed in _OF_ALL:
        return Alteration(deed, node, "", len(journals[node]) // 2)
    by_kind: dict[str, list[int]] = defaultdict(list)
    for number, line in enumerate(journals[node]):
        by_kind[str(json.loads(line)["kind"])].append(number)
    kind = chance.choice(sorted(by_kind))
    number = chance.choice(by_kind[kind])
    by = chance.choice([-3.0, -0.3, -0.02, 0.02, 0.3, 3.0]) if deed == "moved" else 0.0
    return Alteration(deed, node, kind, number, by)


def altered(
    journals: dict[str, list[bytes]], alteration: Alteration, *, marks_again: bool
) -> dict[str, list[bytes]]:
    """The journals after that. Of a journal that is gone nothing is left, not even the file."""
    found = {node: [*lines] for node, lines in journals.items()}
    node, number = alteration.node, alteration.number
    lines = found[node]
    match alteration.deed:
        case "removed":
            del lines[number]
        case "doubled":
            lines.insert(number, lines[number])
        case "moved":
            event: dict[str, Any] = json.loads(lines[number])
            event["mono"] = round(event["mono"] + alteration.by, 6)
            event["wall"] = round(event["wall"] + alteration.by, 6)
            lines[number] = json.dumps(event, separators=(",", ":")).encode() + b"\n"
        case "halved":
            del lines[number:]
        case "gone":
            del found[node]
            return found
        case "emptied":
            lines.clear()
        case "torn":
            lines[-1] = lines[-1][: len(lines[-1]) // 2]
    if marks_again:
        kept = [line for line in lines if line.endswith(b"\n") and b'"kind":"closed"' not in line]
        mono = json.loads(kept[-1])["mono"] if kept else 0.0
        found[node] = [*kept, files.closing(node, kept, mono + 0.01)]
    return found


def flips(
    story: Story, directory: Path, chance: random.Random, *, way: Way, times: int
) -> list[Flip]:
    """The verdicts that were turned round, of so many alterations of one run.

    Args:
        story: The run, whose truth is known.
        directory: To write in.
        chance: Source of the random choices.
        way: How to alter it.
        times: How many alterations.
    """
    played = play(story)
    run, journals = directory / "run", files.journals_of(played, 1 if way == "unmarked" else 2)
    shutil.rmtree(run, ignore_errors=True)
    files.write(played, run, form=1 if way == "unmarked" else files.FORMAT)
    before = _said(run)
    found = []
    for _ in range(times):
        alteration = choose(chance, journals)
        now = altered(journals, alteration, marks_again=way == "unwritten")
        _put(run, now)
        for flow, (status, why) in _said(run).items():
            if {before.get(flow, ("", ""))[0], status} == {"pass", "fail"}:
                found.append(Flip(alteration, flow, before[flow][0], status, why))
    return found


def _put(run: Path, journals: dict[str, list[bytes]]) -> None:
    for path in (run / "journals").iterdir():
        path.unlink()
    for node, lines in journals.items():
        (run / "journals" / f"{node}.jsonl").write_bytes(b"".join(lines))


def _said(run: Path) -> dict[str, tuple[str, str]]:
    """The status of each flow, and what decides it; nothing where the product declines to judge."""
    try:
        judgement = judge(run)
    except RelaydrillError:
        return {}
    return {
        flow.flow: (str(flow.status), f"{flow.worst.check}: {flow.worst.summary}")
        for flow in judgement.flows
    }
