"""All faults by kind: those that come with Relaydrill, and those that other packages add."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Final

from relaydrill import extensions
from relaydrill.errors import UsageError
from relaydrill.faults.fault import (
    WHOLE,
    Fault,
    MachineFault,
    Proof,
    ServiceFault,
    WayFault,
)
from relaydrill.faults.table import TABLE
from relaydrill.smtp import Phase

FAULTS: Final[Mapping[str, Fault]] = MappingProxyType({fault.kind: fault for fault in TABLE})
"""Those that come with Relaydrill, by kind, each at its own phase."""

_OWN: Final = tuple(FAULTS)
_NAME: Final = re.compile("[a-z][a-z-]*")


def kinds() -> tuple[str, ...]:
    """All kinds that there are.

    Raises:
        UsageError: Two packages have one of the same name.
    """
    return (*FAULTS, *extensions.added(extensions.FAULTS, _OWN))


def fault_called(
    kind: str, phase: Phase | None = None, percent: float = WHOLE, amount: str = ""
) -> Fault:
    """The fault of that kind; of one with code of its own, a new object each time.

    Args:
        kind: Its name.
        phase: Where it is to act; None: at its own phase.
        percent: On how many sessions of a hundred; above 0.
        amount: How much of it; empty: its own amount.

    Raises:
        UsageError: There is no such kind, it does not act at a phase of choice, or on a share of
            the sessions, or has no such amount, or what a package adds under this name is no fault.
    """
    entry = extensions.added(extensions.FAULTS, _OWN).get(kind)
    if kind not in FAULTS and entry is None:
        known = ", ".join(kinds())
        raise UsageError(
            f"no fault is called {kind!r}; there are: {known} (see: relaydrill faults)"
        )
    found = _loaded(entry) if entry else FAULTS[kind]
    if phase is not None:
        if not isinstance(found, ServiceFault) or not found.phases:
            raise UsageError(f"{kind} takes no phase; write {kind}, not {kind}.{phase}")
        found = found.at(phase)
    if amount:
        if not isinstance(found, WayFault):
            raise UsageError(f"{kind} takes no amount; write {kind}, not {kind}={amount}")
        found = found.with_amount(amount)
    if percent != WHOLE:
        if not isinstance(found, ServiceFault | WayFault):
            raise UsageError(f"{kind} takes no share of sessions; write {kind}")
        found = found.of(percent)
    return found


def _loaded(entry: EntryPoint) -> Fault:
    found = extensions.made(entry)
    if wrong := _wrong_with(found, entry.name):
        raise UsageError(f"{extensions.told(entry)}: {wrong}")
    assert isinstance(found, Fault)
    return found


def _wrong_with(found: object, kind: str) -> str:
    """Why something is no fault of that kind; empty if it is."""
    if not isinstance(found, Fault):
        return f"{found!r} is no fault: it lacks kind, summary or proof"
    if found.kind != kind or not _NAME.fullmatch(kind):
        return f"the fault calls itself {found.kind!r}; both names must be one, of a-z and -"
    proof: object = found.proof
    if not isinstance(proof, Proof):
        return f"its proof is {proof!r}, and no relaydrill.faults.Proof"
    is_data = isinstance(found, MachineFault | ServiceFault | WayFault)
    if not is_data and not all(callable(getattr(found, do, None)) for do in ("inject", "heal")):
        return "the fault has no inject and heal"
    return ""
