"""The files that a verdict rests on: what they hold, and whether they are as they were judged."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from relaydrill.documents.verdict import VERDICT as VERDICT_FORMAT
from relaydrill.drills.closing import Look, look
from relaydrill.drills.record import DRILL, JOURNALS, TOPOLOGY, VERDICT
from relaydrill.sentences import listed

EVIDENCE: Final = "evidence"
"""Where a verdict.json has the digests of the files that it rests on, by name."""

_SHOWN: Final = 6
_AT_ONCE: Final = 2
_UNKNOWN_INPUTS: Final = (
    f"nothing shows whether {DRILL} and {TOPOLOGY} are as they were when the drill ran: an earlier"
    f" version ran it, and no {VERDICT} tells"
)
_LARGEST_VERDICT: Final = 1 << 26


def look_at_all(journals: list[Path]) -> dict[str, Look | str]:
    """What each journal file holds, by its name without ``.jsonl``; or why it cannot be read."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # hashing leaves the interpreter to others
        found = pool.map(_look, journals)
        return {path.stem: each for path, each in zip(journals, found, strict=True)}


def _look(path: Path) -> Look | str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to open a pipe would be to wait for ever
            return "it is no file"
        return look(path)
    except OSError as error:
        return error.strerror or str(error)


def digests(directory: Path, looks: Mapping[str, Look | str]) -> dict[str, str]:
    """SHA-256 of each file that the verdict of a run directory rests on, by name."""
    found = {
        name: sha256((directory / name).read_bytes()).hexdigest() for name in (DRILL, TOPOLOGY)
    }
    for name, each in looks.items():
        if isinstance(each, Look):
            found[f"{JOURNALS}/{name}.jsonl"] = each.whole_digest
    return found


def changes_since_judged(
    directory: Path, now: Mapping[str, str], *, knows_inputs: bool
) -> Iterator[str]:
    """What a person should know of files that are not as they were when the drill was judged.

    Args:
        directory: Of the run.
        now: What `digests` found.
        knows_inputs: Whether the harness wrote down what it drilled. Earlier versions did not, and
            the verdicts of some do not tell what they rest on, either.

    Raises:
        UsageError: The verdict is of another format, or of a newer version.
    """
    path = directory / VERDICT
    if not path.exists():
        if not knows_inputs:
            yield _UNKNOWN_INPUTS
        return
    try:
        if not path.is_file() and not path.is_dir():
            raise ValueError("it is no file")
        if path.stat().st_size > _LARGEST_VERDICT:
            raise ValueError("it is too large")
        then = _noted(json.loads(path.read_text(encoding="utf-8")), path)
    except OSError as error:
        yield f"{VERDICT} cannot be read ({error.strerror}): changes since then are not noticed"
        return
    except (ValueError, RecursionError) as error:
        told = str(error).partition("\n")[0][:80]
        yield f"{VERDICT} cannot be read ({told}): changes since then are not noticed"
        return
    if then is None:
        if not knows_inputs:
            yield _UNKNOWN_INPUTS
    elif then != now:
        changed = sorted(name for name in {*then, *now} if then.get(name) != now.get(name))
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        yield f"changed since this run was first judged: {listed(changed[:_SHOWN])}{more}"


def _noted(verdict: Any, path: Path) -> dict[str, str] | None:
    if not isinstance(verdict, dict):
        raise ValueError("it holds no verdict")
    VERDICT_FORMAT.version_of(verdict, path)
    found = verdict.get(EVIDENCE)
    if found is None:
        return None
    if not isinstance(found, dict):
        raise ValueError(f"its {EVIDENCE} is none")
    return found
