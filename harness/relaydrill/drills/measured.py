"""A time that a check found, with what it may be wrong by. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.documents.comparison import TimeDocument


@dataclass(frozen=True, slots=True)
class Measured:
    """A time that a check found, field seconds.

    Attributes:
        found_s: As it was found.
        give_s: How exactly it is known: so much more or less.
        excused_s: How much of it may be the machine's doing.
        after_heal_s: Where it ended only because the fault was healed, how long after that: nobody
            knows for how long it would have lasted. None: it ended by itself.
        is_open: Whether it was not over at the end of the drill.
    """

    found_s: float
    give_s: float
    excused_s: float = 0.0
    after_heal_s: float | None = None
    is_open: bool = False

    def __str__(self) -> str:
        return f"{self.found_s:.1f} ± {self.give_s:.1f} s"

    @property
    def is_cut(self) -> bool:
        """Whether it says only how long it lasted at least."""
        return self.is_open or self.after_heal_s is not None

    @property
    def least_s(self) -> float:
        """It was no shorter."""
        return self._least(self.found_s)

    @property
    def most_s(self) -> float:
        """It was no longer; of one that the heal ended, nobody knows."""
        return float("inf") if self.is_cut else self.found_s + self.give_s

    def since_heal(self) -> tuple[float, float]:
        """Of one that the heal ended: how long at least and at most it lasted after that."""
        after_s = self.after_heal_s or 0.0
        return self._least(after_s), float("inf") if self.is_open else after_s + self.give_s

    def _least(self, time_s: float) -> float:
        return max(0.0, time_s - self.give_s - self.excused_s)

    def document(self) -> TimeDocument:
        """Plain JSON values."""
        return {
            "found_s": round(self.found_s, 3),
            "give_s": round(self.give_s, 3),
            "excused_s": round(self.excused_s, 3),
            "until_heal": self.is_cut,
        }
