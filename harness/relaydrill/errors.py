"""What can go wrong, sorted by who has to act.

    RelaydrillError
    ├── InventoryError        the topology's author: a file is wrong; every problem at once
    ├── UsageError            the person at the keyboard: an argument or a run directory is wrong
    │   └── ExchangeLogError      a file is no log of Exchange's, or cannot be read
    ├── CapabilityMissing     nobody is wrong: this driver cannot do that to this node
    └── HarnessError          Relaydrill or its machine: the drill could not be carried out
        ├── LabError              a node did not start, died by itself, or left no address free
        ├── ControlError          a node's control channel did not answer, or refused
        └── WaitTimeout           a condition did not come true by its deadline

What the *system under test* does wrong is never an exception: it is a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


class RelaydrillError(Exception):
    """Base of every error that Relaydrill raises on purpose; its text is for the user to read."""

    exit_status: int = 4


@dataclass(frozen=True)
class Problem:
    """One mistake in an inventory file.

    Attributes:
        where: ``file:line`` of the offending text, or the file alone where no line fits.
        what: What is wrong, naming the field and the value that was found.
        allowed: What would be right; empty where ``what`` already says it.
    """

    where: str
    what: str
    allowed: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" + (f" ({self.allowed})" if self.allowed else "")


class InventoryError(RelaydrillError):
    """A topology file is wrong. Carries all of its problems, in the order of their lines."""

    exit_status = 2

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems: Final = problems
        count = len(problems)
        head = f"{count} problem{'s' if count != 1 else ''}; nothing was started"
        super().__init__("\n".join([head, *(f"  {problem}" for problem in problems)]))


class UsageError(RelaydrillError):
    """An argument names something that is not there, or makes no sense together with another."""

    exit_status = 2


class ExchangeLogError(UsageError):
    """A file that should be a log of Exchange's is none, or cannot be read."""


class CapabilityMissing(RelaydrillError):
    """Nothing here can do to this node what a fault asks; the verdict becomes unknown.

    Args:
        capability: The missing power, a verb: ``kill``, ``isolate`` …
        by: What lacks it: "the process driver", "the node program".
        node: The node it was asked for.
    """

    exit_status = 3

    def __init__(self, capability: str, by: str, node: str) -> None:
        self.capability: Final = capability
        super().__init__(f"{by} cannot {capability} {node}")


class HarnessError(RelaydrillError):
    """Relaydrill itself, or the machine it runs on, failed; nothing is said of the mail tier."""


class LabError(HarnessError):
    """A lab could not be brought up or kept up: a node that died, a port in use, no address."""


class ControlError(HarnessError):
    """A node's control channel did not answer in time, or answered with an error."""


class WaitTimeout(HarnessError):
    """A condition did not come true by its deadline; the text says what was last seen."""
