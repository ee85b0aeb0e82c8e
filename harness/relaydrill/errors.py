"""What can go wrong, sorted by who has to act.

    RelaydrillError
    ├── TopologyError         the topology's author: a file is wrong; every mistake at once
    ├── UsageError            the person at the keyboard: an argument or a run directory is wrong
    │   ├── ExchangeLogError      a file is no log of Exchange's, or cannot be read
    │   └── MailLogError          a log of a mail server is not there, or cannot be read
    ├── CapabilityMissing     nobody: this driver cannot do that to this node
    │   └── FaultRefused          a real lab refused the fault, and still works
    └── HarnessError          Relaydrill or its machine: the drill could not be carried out
        ├── LabError              a node did not start, died by itself, or left no address free
        ├── ControlError          a node's control channel did not answer, or refused
        └── WaitTimeout           a condition did not come true by its deadline

What the *system under test* does wrong is never an exception: it is a verdict.
"""

from __future__ import annotations

from typing import Final

from relaydrill.marks import Mistake


class RelaydrillError(Exception):
    """Base of every error that Relaydrill raises on purpose; its text is for the user to read."""

    exit_status: int = 4


class TopologyError(RelaydrillError):
    """A topology file is wrong. Carries all mistakes in it, in the order of their lines."""

    exit_status = 2

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        self.mistakes: Final = mistakes
        count = len(mistakes)
        head = f"{count} problem{'s' if count != 1 else ''}; nothing was started"
        super().__init__("\n".join([head, *(f"  {mistake}" for mistake in mistakes)]))


class UsageError(RelaydrillError):
    """An argument names something that is not there, or makes no sense together with another."""

    exit_status = 2


class ExchangeLogError(UsageError):
    """A file that should be a log of Exchange's is none, or cannot be read."""


class MailLogError(UsageError):
    """A file that should be the log of a mail server is not there, or cannot be read."""


class CapabilityMissing(RelaydrillError):
    """Nothing here can do to this node what a fault asks; the verdict becomes unknown.

    Args:
        capability: The missing power, a verb: ``kill``, ``isolate`` …
        by: What lacks it: "the process driver", "the node program".
        node: The node it was asked for.
    """

    exit_status = 3

    def __init__(self, capability: str, by: str, node: str) -> None:
        self.capability = capability
        super().__init__(f"{by} cannot {capability} {node}")


class FaultRefused(CapabilityMissing):
    """A real lab refused a fault, and is known to work still.

    Args:
        fault: What was to be done to it.
        why: What was said instead.
    """

    def __init__(self, fault: str, why: str) -> None:
        self.capability = fault
        RelaydrillError.__init__(self, why)


class HarnessError(RelaydrillError):
    """Relaydrill itself, or the machine it runs on, failed; nothing is said of the mail tier."""


class LabError(HarnessError):
    """A lab could not be brought up or kept up: a node that died, a port in use, no address."""


class ControlError(HarnessError):
    """A node's control channel did not answer in time, or answered with an error."""


class WaitTimeout(HarnessError):
    """A condition did not come true by its deadline; the text says what was last seen."""
