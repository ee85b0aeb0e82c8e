"""What a drill is: a value. Durations are field seconds unless a name says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relaydrill.documents.run import DrillDocument
from relaydrill.faults import FaultSpec
from relaydrill.journal import LAST_S
from relaydrill.verdict import Levels


@dataclass(frozen=True, slots=True)
class Drill:
    """A workload and a fault plan over one topology.

    Attributes:
        name: For people and file names.
        flows: Which flows send.
        faults: What is broken; empty for the steady state.
        length_s: How long the flows send.
        settle_s: How long at most to wait afterwards for the queues to drain.
        seed: Of every random choice.
        levels: At which its statistical tests decide; see `relaydrill.drills.family`.
    """

    name: str
    flows: tuple[str, ...]
    faults: tuple[FaultSpec, ...]
    length_s: float
    settle_s: float
    seed: int
    levels: Levels = field(default_factory=Levels)

    def to_json(self) -> DrillDocument:
        """Plain JSON values, for the run directory."""
        return {
            "name": self.name,
            "flows": list(self.flows),
            "faults": [str(fault) for fault in self.faults],
            "length_s": self.length_s,
            "settle_s": self.settle_s,
            "seed": self.seed,
            "levels": {
                "alarm": self.levels.alarm,
                "doubt": self.levels.doubt,
                "miss": self.levels.miss,
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Drill:
        """Read back what `to_json` wrote.

        Raises:
            KeyError, TypeError, ValueError, UsageError: It is no drill.
        """
        return cls(
            name=str(data["name"]),
            flows=_texts(data, "flows"),
            faults=tuple(FaultSpec.parse(text) for text in _texts(data, "faults")),
            length_s=_finite(data, "length_s"),
            settle_s=_finite(data, "settle_s"),
            seed=int(data["seed"]),
            levels=_levels(data.get("levels", {})),
        )


def _levels(data: Mapping[str, Any]) -> Levels:
    found, most = Levels(**{key: float(each) for key, each in data.items()}), Levels()
    if found.doubt > most.doubt or found.miss > most.miss:
        raise ValueError(
            f"its levels err more often than {most.doubt:.0%} and {most.miss:.0%}: doubt"
            f" {found.doubt:g}, miss {found.miss:g}"
        )
    return found


def _texts(data: Mapping[str, Any], name: str) -> tuple[str, ...]:
    found = data[name]
    if not isinstance(found, list | tuple) or not all(isinstance(each, str) for each in found):
        raise ValueError(f"{name} is {found!r}, which is no list of names")
    return tuple(found)


def _finite(data: Mapping[str, Any], name: str) -> float:
    found = float(data[name])
    if not 0 <= found <= LAST_S:
        raise ValueError(f"{name} is {found}, which is no duration")
    return found
