"""Plans drawn by Hypothesis, and made smaller by it. Nothing else imports that library.

What it draws follows from the seed alone, and not from what the plans before have come to. So
plans can be tried several at a time, and ahead of the search, and the same one is found.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from random import Random
from typing import TYPE_CHECKING, Final, TypeVar

from relaydrill.drills.exploring.exploration import Plan
from relaydrill.drills.exploring.space import Drawn, Space
from relaydrill.errors import UsageError

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy

_AT_A_TIME: Final = 100
"""Plans that are drawn in one go. Another number makes another search of the same seed."""

_FRUITLESS: Final = 3
"""So many goes one after another without a new plan, and there is none left."""


Choice = TypeVar("Choice")


class Drawing:
    """All plans of a seed, one after the other, and what is left of one when it is made smaller.

    Args:
        space: What they are drawn from.
        seed: Of all chance.

    Raises:
        UsageError: Hypothesis is not installed.
    """

    def __init__(self, space: Space, seed: int) -> None:
        _must_be_installed()
        self._space = space
        self._seed = seed
        self._goes: dict[Plan, int] = {}

    def __iter__(self) -> Iterator[Plan]:
        """Each plan once, in the order in which they are drawn, until there is no other."""
        fruitless = go = 0
        while fruitless < _FRUITLESS:
            new: dict[Plan, int] = {}

            def take(drawn: list[Drawn], new: dict[Plan, int] = new, go: int = go) -> bool:
                found = self._space.plan_of(drawn)
                if found is not None and found not in self._goes:
                    new.setdefault(found, go)
                return False

            self._find(take, go)
            self._goes |= new
            yield from new
            fruitless = 0 if new else fruitless + 1
            go += 1

    def smallest(self, found: Plan, breaks: Callable[[Plan], bool]) -> Plan:
        """What is left of a plan that is made smaller, as long as it breaks a promise.

        Args:
            found: One of those that were drawn, the first that breaks one.
            breaks: Whether a plan does; asked for many, and for some of them again.
        """

        def is_it(drawn: list[Drawn]) -> bool:
            asked = self._space.plan_of(drawn)
            return asked is not None and breaks(asked)

        left = self._find(is_it, self._goes[found])
        return (left and self._space.plan_of(left)) or found

    def _find(self, condition: Callable[[list[Drawn]], bool], go: int) -> list[Drawn] | None:
        from hypothesis import Phase, find, settings
        from hypothesis.errors import NoSuchExample

        told = settings(
            max_examples=_AT_A_TIME,
            database=None,
            deadline=None,
            derandomize=False,
            phases=[Phase.generate, Phase.shrink],
        )
        chance = Random(f"{self._seed}/{go}")
        try:
            return find(_lists(self._space), condition, settings=told, random=chance)
        except NoSuchExample:
            return None


def _must_be_installed() -> None:
    try:
        importlib.import_module("hypothesis")
    except ModuleNotFoundError as error:
        raise UsageError(
            f"explore draws its plans with the package {error.name}; run:"
            " pip install 'relaydrill[explore]'"
        ) from None


def _lists(space: Space) -> SearchStrategy[list[Drawn]]:
    """Lists of drawn faults: what comes first in the space is what they are made smaller to."""
    from hypothesis import strategies

    @strategies.composite
    def fault(draw: DrawFn) -> Drawn:
        unit = draw(strategies.sampled_from(tuple(space.aims)))
        aim = draw(strategies.sampled_from(space.aims[unit]))
        moment = draw(strategies.sampled_from(_often(space.moments)))
        return Drawn(aim, moment, draw(strategies.sampled_from(_often(space.durations))))

    return strategies.lists(fault(), min_size=1, max_size=space.most)


def _often(choices: tuple[Choice, ...]) -> tuple[Choice, ...]:
    """Choices of which the first is as likely as all others: most plans overlap, and for long."""
    return (choices[0],) * (len(choices) - 1) + choices
