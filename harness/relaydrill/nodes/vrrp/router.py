"""The state machine of a VRRP router, as RFC 5798 §6.4 has it. Pure: told the time, and what came.

What is not here: the way out of the state Initialize, which is the start of a node, and the address
owner's priority 255, which no machine of a pair has.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

MISSED_ADVERTS: Final = 3
"""Advertisements that a backup waits for in vain (RFC 5798 §6.1)."""

RESIGNS: Final = 0
"""The priority that a master advertises when it ends in good order (RFC 5798 §5.2.4)."""

_LATE: Final = 0.5
"""Of an advertisement's time: who was not run for so long has heard nothing meanwhile."""


class VrrpState(enum.StrEnum):
    """What a router is."""

    INITIALIZE = "initialize"
    BACKUP = "backup"
    MASTER = "master"


@dataclass(frozen=True, slots=True)
class Terms:
    """What a router is set to.

    Attributes:
        priority: 1 to 254.
        advert_s: From one advertisement to the next.
        preempt: Whether it takes over from a living master of a lower priority.
    """

    priority: int
    advert_s: float
    preempt: bool

    @property
    def skew_s(self) -> float:
        """How much longer it waits than one of the highest priority (RFC 5798 §6.1, Skew_Time)."""
        return (256 - self.priority) / 256 * self.advert_s

    @property
    def master_down_s(self) -> float:
        """How long a master may be silent (RFC 5798 §6.1, Master_Down_Interval)."""
        return MISSED_ADVERTS * self.advert_s + self.skew_s


class Router:
    """One router; it begins as a backup.

    Args:
        now: Monotonic seconds.
        later_s: How much longer than usual it waits for a first sign.

    Attributes:
        state: What it believes to be.
        next_s: The moment for which it has to be asked again at the latest.
    """

    def __init__(self, terms: Terms, now: float, later_s: float = 0.0) -> None:
        self.state = VrrpState.BACKUP
        self.next_s = now + terms.master_down_s + later_s
        self._terms = terms
        self._awake = now

    def hear(self, priority: int, now: float) -> None:
        """Take in the other's advertisement."""
        terms = self._terms
        if self.state is VrrpState.MASTER:
            if priority == RESIGNS:
                self.next_s = now
            elif priority > terms.priority:
                self.state = VrrpState.BACKUP
                self.next_s = now + terms.master_down_s
        elif priority == RESIGNS:
            self.next_s = now + terms.skew_s
        elif not terms.preempt or priority >= terms.priority:
            self.next_s = now + terms.master_down_s

    def look(self, now: float) -> bool:
        """Let time pass until now, and tell whether an advertisement has to be sent.

        A backup that was kept from its processor has not heard whether the master is there: that
        time does not count.
        """
        terms = self._terms
        overslept_s = now - self._awake
        self._awake = now
        if self.state is VrrpState.BACKUP and overslept_s > _LATE * terms.advert_s:
            self.next_s += overslept_s
        if now < self.next_s:
            return False
        self.state = VrrpState.MASTER
        self.next_s = now + terms.advert_s
        return True
