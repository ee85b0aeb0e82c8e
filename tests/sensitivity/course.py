"""What happens in a drill that never ran, as data. All times are field seconds after its begin.

Such a drill goes by a plain rule (`tests.sensitivity.telling`): servers take mail in turn, a broken
one fails what comes to it until its balancer notices, and all mail arrives. What an entry says is
what is otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from relaydrill.smtp import Phase, Result

NOBODY: Final = "nobody"
"""In place of a server: no name was told."""

NEVER: Final = float("inf")


@dataclass(frozen=True, slots=True)
class Happens:
    """What becomes of some attempts. Of several that would do, the first counts.

    Attributes:
        begin: Only attempts made from then on, monotonic seconds.
        end: Only attempts made until then, monotonic seconds.
        turn: Only where it is this server's turn; empty: anybody's.
        flow: Only of this flow; empty: of any.
        every: Only each so many-th of these.
        result: As its sender journals it.
        code: As its sender journals it.
        phase: As its sender journals it.
        reason: As its sender journals it.
        took: For how long it lasts, where it is not held until a moment.
        until: When it is over, with all that began sooner; 0: when it has lasted.
        by: Who answers; empty: whose turn it is; or `NOBODY`.
        stored: Whether the server says that it accepted it; None: if the sender was told so.
        copies: How often it arrives, if it was stored.
        after: So long after its attempt.
        digest: Of the body that arrives; empty: of the one that was sent.
        changed: What was written anew on the way.
        known_by: The mark that it is known by.
        leaves: How it leaves its server in place of arriving: ``discarded``, ``handed-on``, or
            ``held``; ``whither`` says by whom, or to whom.
        mailboxes: Of each arrival, where not the recipient's own.
        needs: Which are to get it.
        seen_at: To whom copies of it come.
        declared: Whether they are known to be such.
        strangers: To whom it comes though it was sent to none of them, besides.
        mixed_with: Another message whose marks something bears that arrives besides.
        kept: Whether it lies in the server's queue at the end.
        bitten: The fault that the server says it did to it; empty: none.
        probe: Whether it says that a health check was what met it.
    """

    begin: float = 0.0
    end: float = NEVER
    turn: str = ""
    broken: bool = False
    flow: str = ""
    every: int = 1
    result: Result | None = Result.ACCEPTED
    code: int = 250
    phase: Phase = Phase.REPLY
    reason: str = ""
    took: float = 0.05
    until: float = 0.0
    by: str = ""
    stored: bool | None = None
    copies: int = 1
    after: float = 0.05
    digest: str = ""
    changed: tuple[str, ...] = ()
    known_by: str = ""
    leaves: str = ""
    whither: str = ""
    mailboxes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    seen_at: tuple[str, ...] = ()
    declared: bool = False
    strangers: tuple[str, ...] = ()
    mixed_with: str = ""
    kept: bool = False
    bitten: str = ""
    probe: bool = False

    @property
    def is_stored(self) -> bool:
        """Whether a server has it."""
        return self.result is Result.ACCEPTED if self.stored is None else self.stored


@dataclass(frozen=True, slots=True)
class Hole:
    """What is missing of one journal.

    Attributes:
        journal: Whose.
        kind: Only events of this kind are; empty: of all.
        part: How much of them there is still, from the begin.
        closed: Whether the journal was closed without them: its node never wrote them.
        gone: Whether there is no such file.
    """

    journal: str
    kind: str = ""
    part: float = 0.0
    closed: bool = False
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """Found by judging a drill that never ran: the defect is in what its journals tell.

    Attributes:
        faults: As of a drill that runs.
        flows: As of a drill that runs.
        happens: What is otherwise than by the plain rule.
        noticed: After how long a balancer marks a broken server down, or a healed one up; None: it
            never does, and believes in it all the time.
        back: Whether balancers take a healed server back at all.
        inert: Whether the faults do nothing at all.
        stalls: When the machine starved: begin, end, and how much of it a program lost.
        unread: What logs of others could not be read whole.
        holes: What is missing of the journals.
        tests: Of the audit that the drill belongs to; 0: it stands for itself.
    """

    faults: tuple[str, ...] = ()
    flows: tuple[str, ...] = ("relay",)
    happens: tuple[Happens, ...] = ()
    noticed: float | None = 8.0
    back: bool = True
    inert: bool = False
    stalls: tuple[tuple[float, float, float], ...] = ()
    unread: tuple[str, ...] = ()
    holes: tuple[Hole, ...] = ()
    tests: int = 0


def refused(code: int, phase: Phase, **when: Any) -> Happens:
    """Attempts that a server refuses.

    Args:
        code: The reply code.
        phase: The phase of the session.
        when: Whatever else there is to say of them.
    """
    return Happens(result=Result.REFUSED, code=code, phase=phase, **when)


def cut(phase: Phase, **when: Any) -> Happens:
    """Attempts whose session ends without an answer.

    Args:
        phase: The phase of the session.
        when: As of `refused`.
    """
    return Happens(result=Result.DROPPED, code=0, phase=phase, **when)
