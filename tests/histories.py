"""Made-up journals: the events of a drill that never ran, written down one after another."""

from __future__ import annotations

import re
from typing import Any

from relaydrill.journal import Event
from relaydrill.smtp import Phase, Result

BODY = "a" * 64
"""The digest of an unchanged body."""
OTHER_BODY = "b" * 64
"""The digest of a changed one."""


class History:
    """Events in the order of their telling, a millisecond apart unless a time is given.

    Args:
        flow: The flow of all attempts.
        recipient: Of all messages, where no other is named.
    """

    def __init__(self, flow: str = "relay", recipient: str = "user@contoso.com") -> None:
        self.events: list[Event] = []
        self.flow = flow
        self.recipient = recipient
        self._now = 0.0

    def write(
        self,
        node: str,
        kind: str,
        message: str = "",
        /,
        *,
        at: float | None = None,
        recipient: str | None = None,
        **detail: Any,
    ) -> Event:
        """One event; ``at`` moves the clock, which may also go back."""
        self._now = self._now + 0.001 if at is None else at
        to = (self.recipient if message else "") if recipient is None else recipient
        event = Event(self._now, 1e9 + self._now, node, kind, message, to, detail)
        self.events.append(event)
        return event

    def pass_time(self, seconds: float) -> None:
        """Let time pass in which nothing is told."""
        self._now += seconds

    def attempt(
        self,
        message: str,
        result: Result | None = Result.ACCEPTED,
        *,
        at: float | None = None,
        took: float = 0.001,
        late: float = 0.0,
        code: int = 0,
        phase: Phase = Phase.REPLY,
        reason: str = "",
        server: str = "",
        choice: str = "",
        recipient: str | None = None,
        **more: Any,
    ) -> None:
        """An attempt and, unless the sender ends first, its outcome."""
        begun = self._now + 0.001 if at is None else at
        self.write(
            "app",
            "attempt",
            message,
            at=begun,
            recipient=recipient,
            flow=self.flow,
            scheduled=begun - late,
            port=25,
            digest=BODY,
        )
        if result is not None:
            detail: dict[str, Any] = {"result": str(result), "phase": str(phase)}
            detail |= {"code": code} if code else {}
            detail |= {"reason": reason} if reason else {}
            detail |= {"server": server} if server else {}
            detail |= {"choice": choice} if choice else {}
            detail |= more
            self.write("app", "outcome", message, at=begun + took, recipient=recipient, **detail)

    def accepted(self, message: str, node: str = "ht1", **rest: Any) -> None:
        """A hub's promise."""
        self.write(node, "accepted", message, **{"port": 25, **rest})

    def arrived(self, message: str, node: str = "mbx", digest: str = BODY, **rest: Any) -> None:
        """An arrival at the mailbox."""
        self.write(node, "arrived", message, digest=digest, **{"port": 25, **rest})

    def delivered(self, message: str, node: str = "ht1", *, at: float | None = None) -> None:
        """The whole road of a message that arrives, sent at a moment."""
        begun = self._now + 0.001 if at is None else at
        self.attempt(message, at=begun, took=0.0004)
        self.accepted(message, node, at=begun + 0.0003)
        self.arrived(message, at=begun + 0.0005)
        self.write(node, "relayed", message, at=begun + 0.0006, to="127.0.0.1:25")

    def queue(self, node: str, *messages: str, at: float | None = None) -> None:
        """A look into a hub's queue."""
        self.write(node, "queue", at=at, items=[[message, self.recipient] for message in messages])

    def belief(self, backend: str, state: str, *, at: float) -> None:
        """What the balancer takes a backend to be from a moment on."""
        self.write("lb1", "backend", at=at, backend=backend, port=25, state=state, reason="")

    def stall(self, begin: float, end: float, *, lost: float | None = None) -> None:
        """A time in which the machine starved; a program that mostly sleeps lost half of it."""
        lost = (end - begin) / 2 if lost is None else lost
        self.write("machine", "stalled", at=end, begin=begin, end=end, lost_s=lost)

    def fault(
        self,
        label: str,
        *,
        inject: float,
        heal: float | None,
        error: str = "",
        took: float = 0.001,
    ) -> None:
        """A fault of the plan, from its injection to its heal; with ``error``, one that failed."""
        kind, _, node = label.partition(":")
        self.write(
            "harness", "inject", at=inject, fault=label, kind=re.split("[.%]", kind)[0], node=node
        )
        if error:
            self.write("harness", "not-injected", at=inject + took, fault=label, reason=error)
            return
        self.write("harness", "injected", at=inject + took, fault=label)
        if heal is not None:
            self.write("harness", "heal", at=heal, fault=label)
            self.write("harness", "healed", at=heal + took, fault=label)
