"""Faults by hand, and the account of mail that the caller's own program has sent."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from relaydrill.api.boundary import a_text, own_errors
from relaydrill.api.labs import must_be_up
from relaydrill.drills.lab_ledger import read_ledger
from relaydrill.drivers.base import Lab
from relaydrill.errors import FaultRefused, HarnessError, UsageError
from relaydrill.faults import FaultSpec
from relaydrill.injection import Injections, to_hold
from relaydrill.journal import Journal
from relaydrill.ledger import Ledger


class Experiment:
    """What is broken by hand on a lab, and what became of the mail meanwhile; see `experiment`.

    Attributes:
        lab: The lab.
        began: Monotonic time; mail counts from there on.
    """

    def __init__(self, lab: Lab, injections: Injections, began: float) -> None:
        self.lab = lab
        self.began = began
        self._injections = injections
        self._is_over = False

    def broken(self, fault: str) -> contextlib.AbstractContextManager[None]:
        """A block in which something is broken; its end heals it.

        Args:
            fault: ``KIND[.PHASE][%SHARE]:NODE``, such as ``kill:ht1``.

        Raises:
            UsageError: There is no such fault or node, or the node cannot suffer it; (on entering)
                or not beside what it suffers already, or the experiment has ended.
            CapabilityMissing: (on entering) This lab cannot do it, or may not; it is whole.
            HarnessError: (on entering or leaving) It did not work.
        """
        return self._holding(to_hold(self.lab.topology, a_text(fault, "fault")))

    @contextlib.contextmanager
    def _holding(self, spec: FaultSpec) -> Iterator[None]:
        if self._is_over:  # nobody would heal it, and the journal is closed
            raise UsageError(f"{spec.label}: the experiment's with block has ended")
        if reason := self._injections.refusal(spec):
            raise UsageError(reason)
        with own_errors():
            found = self._injections.inject(spec, self.began, needs_mail=False)
        if found.not_injected:
            raise FaultRefused(spec.label, f"{spec.label} was not injected: {found.not_injected}")
        try:
            yield
        finally:
            with own_errors():
                found.heal()

    def ledger(self, *, settle_s: float = 120.0) -> Ledger:
        """The account of all mail since the experiment began, whoever sent it.

        What a program of your own has sent is of the flow `relaydrill.FOREIGN`.

        Args:
            settle_s: Seconds in the field to let the queues drain at most; what is queued then is
                accounted as queued.

        Raises:
            HarnessError: A queue could not be looked into.
        """
        with own_errors():
            found, problems = read_ledger(
                self.lab,
                since=self.began,
                deadline_s=settle_s / self.lab.topology.clock,
                gone=self._injections.gone,
            )
        if problems:
            raise HarnessError("; ".join(problems))
        return found


@contextlib.contextmanager
def experiment(lab: Lab) -> Iterator[Experiment]:
    """A block in which you break a lab by hand; its end heals whatever is still broken.

    Args:
        lab: What to break; with nothing broken.

    Raises:
        UsageError: The lab is not up.
        HarnessError: (on leaving) Something stays broken.
    """
    must_be_up(lab)
    began = time.monotonic()
    with own_errors():
        journal = Journal.open("harness", lab.journal("harness"))
    with contextlib.closing(journal):
        injections = Injections(lab, journal)
        found = Experiment(lab, injections, began)
        try:
            yield found
        finally:
            found._is_over = True
            with own_errors():
                injections.heal()
