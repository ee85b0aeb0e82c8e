"""The text of a fault, and what it says: ``KIND[.PHASE][%SHARE][:NODE][@START][+DURATION]``.

Durations are field seconds, a share is in percent of the sessions. A fault of the network may have
an amount in the place of a phase, and say from where the node is reached: ``latency=2s:app>ht1``.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Final

from pydantic_core import PydanticCustomError

from relaydrill.errors import UsageError
from relaydrill.faults.fault import WHOLE, Fault
from relaydrill.faults.known import fault_called
from relaydrill.faults.reach import is_from_here, is_of_a_way
from relaydrill.impairment import Way
from relaydrill.scalars import parse_duration, show_duration
from relaydrill.smtp import Phase

_TEXT: Final = re.compile(
    r"(?P<kind>[^:@+]+)(?::(?:(?P<origin>[^@+<>]+)(?P<way><>|>|<))?(?P<node>[^@+<>]+))?"
    r"(?:@(?P<start>[^+]+))?(?:\+(?P<duration>.+))?"
)
_KIND: Final = re.compile(
    r"(?P<kind>[a-z-]+)(?:\.(?P<phase>[a-z]+)|=(?P<amount>[^%]+%?))?(?:%(?P<share>[^%]*))?"
)
_PERCENT: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3})?")
_FOR_GOOD: Final = "forever"

KIND_FORM: Final = "KIND[.PHASE][%SHARE]"
"""How a person writes what is done, on whatever node."""

FORM: Final = f"{KIND_FORM}:NODE[@START][+DURATION]"
"""How a person writes a fault."""

NETWORK_FORM: Final = "KIND[=AMOUNT][%SHARE]:[FROM>]NODE[@START][+DURATION]"
"""How a person writes a fault of the network."""

EVERYWHERE: Final = "*"
"""In the place of FROM: every other node."""


@dataclass(frozen=True, slots=True)
class FaultText:
    """A fault as a person writes it. The kind is a fault's; whether there is such a node is open.

    Attributes:
        kind: Which fault; see `relaydrill.faults.FAULTS`.
        phase: Where it is to act; None: at the fault's own phase.
        node: What is broken: a node or a site; empty where it does not say.
        start_s: When, from the begin of the workload; None where it does not say.
        duration_s: How long; infinite for ``forever``, None where it does not say.
        percent: On how many sessions of a hundred it is to act.
        amount: How much of it; empty where it does not say.
        origin: From where the node is reached, of a fault of the network: a node or a site; empty:
            from everywhere.
        way: Which packets between the two are meant.
    """

    kind: str
    phase: Phase | None = None
    node: str = ""
    start_s: float | None = None
    duration_s: float | None = None
    percent: float = WHOLE
    amount: str = ""
    origin: str = ""
    way: Way = Way.TO

    @classmethod
    def parse(cls, text: str) -> FaultText:
        """Read a fault; nothing but its kind must be there.

        Raises:
            UsageError: It is no fault, or says something that makes no sense.
        """
        found = _TEXT.fullmatch(text.strip())
        if not found:
            raise UsageError(f"{text!r} is no fault; write {FORM}")
        kind, phase, percent, amount = _kind(found["kind"])
        origin, way = _way(text, kind, found["origin"], found["way"])
        return cls(
            kind,
            phase,
            found["node"] or "",
            _seconds(text, found["start"]),
            _seconds(text, found["duration"]),
            percent,
            amount,
            origin,
            way,
        )

    @classmethod
    def of_kind(cls, text: str) -> FaultText:
        """Read ``KIND[.PHASE][%SHARE]``, and nothing else.

        Raises:
            UsageError: It is no kind of fault, or no phase of SMTP, or no share.
        """
        kind, phase, percent, amount = _kind(text)
        return cls(kind, phase, percent=percent, amount=amount)

    @property
    def kind_text(self) -> str:
        """``tempfail.rcpt``, ``tempfail.rcpt%30``."""
        return _kind_text(self.kind, self.phase, self.percent, self.amount)

    @property
    def fault(self) -> Fault:
        """What it is."""
        return fault_called(self.kind, self.phase, self.percent, self.amount)

    def at(self, node: str, start_s: float, duration_s: float) -> FaultSpec:
        """The same fault of a node, at a time.

        Args:
            node: What is broken.
            start_s: From the begin of the workload.
            duration_s: Until it is healed.
        """
        return FaultSpec(
            self.kind,
            node,
            start_s,
            duration_s,
            self.phase,
            self.percent,
            self.amount,
            self.origin,
            self.way,
        )

    @property
    def is_timed(self) -> bool:
        """Whether it says when, or for how long."""
        return (self.start_s, self.duration_s) != (None, None)


@dataclass(frozen=True, slots=True)
class FaultSpec:
    """One fault that is to be injected: what, where, when and for how long.

    Attributes:
        kind: Which fault; see `relaydrill.faults.FAULTS`.
        node: What is broken.
        start_s: From the begin of the workload.
        duration_s: Until it is healed; where that is infinite, not before all mail has been
            accounted for.
        phase: Where it is to act; None: at the fault's own phase.
        percent: On how many sessions of a hundred it is to act.
        amount: As of `FaultText`, as are those that follow.
        origin: From where.
        way: Which packets.
    """

    kind: str
    node: str
    start_s: float
    duration_s: float
    phase: Phase | None = None
    percent: float = WHOLE
    amount: str = ""
    origin: str = ""
    way: Way = Way.TO

    @classmethod
    def parse(cls, text: str) -> FaultSpec:
        """Read a fault that says everything about itself, as a run directory does.

        Raises:
            UsageError: It does not, or it is no fault.
        """
        found = _TEXT.fullmatch(text)
        if not found or not all(found[part] for part in ("kind", "node", "start", "duration")):
            raise UsageError(f"{text!r} is no whole fault: {KIND_FORM}:NODE@START+DURATION")
        said = FaultText.parse(text)
        return said.at(said.node, said.start_s or 0.0, said.duration_s or 0.0)

    @property
    def label(self) -> str:
        """Names it within its plan, and for a person: ``tempfail.rcpt:ht1``."""
        return f"{self.kind_text}:{self.where}"

    @property
    def where(self) -> str:
        """What is broken, as a person writes it: ``ht1``, ``app>ht1``."""
        return f"{self.origin}{self.way}{self.node}" if self.origin else self.node

    @property
    def kind_text(self) -> str:
        """``tempfail.rcpt``, ``tempfail.rcpt%30``."""
        return _kind_text(self.kind, self.phase, self.percent, self.amount)

    @property
    def fault(self) -> Fault:
        """What it is.

        Raises:
            UsageError: There is no such fault.
        """
        return fault_called(self.kind, self.phase, self.percent, self.amount)

    @property
    def for_good(self) -> bool:
        """Whether the account is made while it is still broken."""
        return math.isinf(self.duration_s)

    @property
    def end_s(self) -> float:
        """When it is healed, from the begin of the workload."""
        # Decimals that are added are no decimal any more: what begins then is not to come first.
        return round(self.start_s + self.duration_s, 6)

    def __str__(self) -> str:
        duration = _FOR_GOOD if self.for_good else show_duration(self.duration_s)
        return f"{self.label}@{show_duration(self.start_s)}+{duration}"


def _kind_text(kind: str, phase: Phase | None, percent: float, amount: str) -> str:
    share = "" if percent == WHOLE else f"%{percent:g}"
    return kind + (f".{phase}" if phase else "") + (f"={amount}" if amount else "") + share


def _kind(text: str) -> tuple[str, Phase | None, float, str]:
    found = _KIND.fullmatch(text)
    if not found:
        raise UsageError(
            f"{text!r} is no fault; write KIND, KIND.PHASE or KIND=AMOUNT, or any with %SHARE"
        )
    kind, named, share, amount = found["kind"], found["phase"], found["share"], found["amount"]
    percent = WHOLE if share is None else _percent(text, share)
    try:
        phase = Phase(named) if named else None
    except ValueError:
        known = ", ".join(Phase)
        raise UsageError(f"{named!r} is no phase of SMTP; there are: {known}") from None
    fault_called(kind, phase, percent, amount or "")
    return kind, phase, percent, amount or ""


def _way(text: str, kind: str, origin: str | None, way: str | None) -> tuple[str, Way]:
    """From where, and which packets; from everywhere is not said.

    Raises:
        UsageError: The fault is of a node, wherever it is reached from.
    """
    if origin is None or way is None:
        return "", Way.TO
    if not is_of_a_way(kind):
        raise UsageError(
            f"{text!r}: {kind} is done to a node, from wherever it is reached; write"
            f" {kind}:NODE, or a fault of the network in its place, as cut:{origin}{way}NODE"
        )
    if is_from_here(kind) and way != Way.TO:
        raise UsageError(
            f"{text!r}: {kind} is done to what a sender begins, at its own end; write"
            f" {kind}:SENDER>NODE"
        )
    is_plain = origin == EVERYWHERE and way == Way.TO
    return ("" if is_plain else origin), Way(way)


def _percent(text: str, share: str) -> float:
    percent = float(share) if _PERCENT.fullmatch(share) else 0.0
    if not 0.0 < percent <= WHOLE:
        raise UsageError(
            f"{text!r}: {share!r} is no share of the sessions; write a number above 0 and up to"
            " 100, as tempfail.rcpt%30"
        )
    return percent


def _seconds(text: str, duration: str | None) -> float | None:
    if duration is None:
        return None
    if duration == _FOR_GOOD:
        return math.inf
    try:
        return parse_duration(duration)
    except PydanticCustomError as error:
        raise UsageError(f"{text!r}: {duration!r} is {error}") from None
