"""What is true of a run, and what the product says of it.

The truth comes from `tests.oracle`, a model that shares no code with the checks. Runs have numbers,
so that one can be repeated: ``python -m tests.oracle --seed 2 --only NUMBER``. Hypothesis draws
others, and brings what it finds down to a small story.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .drawing import draw
from .evidence import Way, flips
from .trial import scratch, story_of, try_out

SEED: Final = 2
RUNS: Final = 1500
LONGEST_S: Final = 60.0
"""After this time the rest of the runs is left to the next machine, or to the command."""

MOST_UNKNOWN: Final = 0.02
_ENOUGH: Final = 200


@pytest.mark.timeout(240)
def test_verdicts_of_many_runs_agree_with_what_is_true() -> None:
    """Never a pass where a promise broke or a fault did not bite, nor a fail where all was kept.

    And of the clear cases at most 2 % are unknown.
    """
    until = time.monotonic() + LONGEST_S
    wrong, clear, unknown = [], 0, 0
    with scratch() as directory:
        for number in range(RUNS):
            for found in try_out(story_of(SEED, number), directory):
                if found.wrong:
                    wrong.append(f"--seed {SEED} --only {number}: {found.told()}")
                clear += found.truth.is_clear
                unknown += found.truth.is_clear and str(found.said.status) == "unknown"
            if time.monotonic() > until and clear >= _ENOUGH:
                break
    assert not wrong, f"{len(wrong)} wrong verdicts; the first:\n{wrong[0]}"
    assert unknown <= max(2, MOST_UNKNOWN * clear), f"{unknown} of {clear} clear cases are unknown"


@pytest.mark.parametrize(("seed", "number"), [(31, 936), (31, 3193), (31, 12077)])
def test_what_was_told_wrongly_once_is_told_rightly(seed: int, number: int) -> None:
    """Runs in which a verdict was wrong, or what was held to be true.

    What a slow server took is not what a heal released; and a fault that breaks nothing does not
    end the time in which a healed server has to return.
    """
    with scratch() as directory:
        for found in try_out(story_of(seed, number), directory):
            assert not found.wrong, found.told()


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,  # `make oracle` goes on looking; a change is not judged by another's luck
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(chance=st.randoms(use_true_random=False))
def test_a_verdict_agrees_with_what_is_true(chance: random.Random) -> None:
    """The same of any story; what Hypothesis finds it makes small."""
    story = draw(chance)
    with scratch() as directory:
        for found in try_out(story, directory):
            assert not found.wrong, f"{story.told()}\n{found.told()}"


@pytest.mark.parametrize("way", ["marked", "unmarked"])
def test_a_hole_in_the_evidence_turns_no_verdict_round(way: Way) -> None:
    """A line removed, doubled or moved, a journal halved: pass and fail never change places.

    Both may become unknown.
    """
    found = []
    with scratch() as directory:
        for number in range(30):
            chance = random.Random(f"evidence {SEED} {number}")
            told = flips(story_of(SEED, number), directory, chance, way=way, times=4)
            found += [f"story {number}: {flip}" for flip in told]
    assert not found, "\n".join(found)


def test_the_same_story_is_the_same_run(tmp_path: Path) -> None:
    """Whoever repeats a number sees the same."""
    first, second = (try_out(story_of(SEED, 3), tmp_path / name) for name in ("a", "b"))
    assert [each.told() for each in first] == [each.told() for each in second]
