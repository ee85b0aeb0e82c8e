"""Faults: one thing broken, and how it is put right. One fault a file; `noop` to start from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from relaydrill.drivers.base import HasHooks, Lab
from relaydrill.errors import UsageError
from relaydrill.faults.backpressure import backpressure
from relaydrill.faults.base import Fault, How, Proof, Sign
from relaydrill.faults.blackhole import blackhole
from relaydrill.faults.busy_banner import busy_banner
from relaydrill.faults.by_hook import by_hook
from relaydrill.faults.drain import drain
from relaydrill.faults.drop_after_store import drop_after_store
from relaydrill.faults.drop_before_store import drop_before_store
from relaydrill.faults.drop_mid_data import drop_mid_data
from relaydrill.faults.hang import hang
from relaydrill.faults.isolate import isolate
from relaydrill.faults.kill import kill
from relaydrill.faults.noop import noop
from relaydrill.faults.nxdomain import nxdomain
from relaydrill.faults.pause import pause
from relaydrill.faults.refuse import refuse
from relaydrill.faults.reject import reject
from relaydrill.faults.servfail import servfail
from relaydrill.faults.slow import slow
from relaydrill.faults.stale import stale
from relaydrill.faults.stop import stop
from relaydrill.faults.tempfail import tempfail
from relaydrill.smtp import Phase

Maker = Callable[[Phase | None], Fault]

FAULTS: Final[Mapping[str, Maker]] = MappingProxyType(
    {
        "none": noop,
        "kill": kill,
        "stop": stop,
        "pause": pause,
        "blackhole": blackhole,
        "isolate": isolate,
        "refuse": refuse,
        "hang": hang,
        "busy": busy_banner,
        "backpressure": backpressure,
        "drain": drain,
        "tempfail": tempfail,
        "reject": reject,
        "slow": slow,
        "nxdomain": nxdomain,
        "servfail": servfail,
        "stale": stale,
        "drop-mid-data": drop_mid_data,
        "drop-before-store": drop_before_store,
        "drop-after-store": drop_after_store,
    }
)
"""Every fault by kind. A maker takes the phase at which the fault acts, or None for its own."""


def make(kind: str, phase: Phase | None = None) -> Fault:
    """The fault of that kind.

    Raises:
        UsageError: There is no such kind, or it does not act at a phase of choice.
    """
    maker = FAULTS.get(kind)
    if maker is None:
        known = ", ".join(FAULTS)
        raise UsageError(
            f"no fault is called {kind!r}; there are: {known} (see: relaydrill faults)"
        )
    return maker(phase)


def make_for(lab: Lab, kind: str, phase: Phase | None = None) -> Fault:
    """The fault of that kind, as it is done on a lab.

    Raises:
        UsageError: There is no such kind, or it does not act at a phase of choice.
    """
    fault = make(kind, phase)
    named = kind + (f".{phase}" if phase else "")
    return by_hook(fault, named) if isinstance(lab, HasHooks) else fault


_KIND: Final = re.compile(r"([a-z-]+)(?:\.([a-z]+))?")


def split_kind(text: str) -> tuple[str, Phase | None]:
    """``tempfail.rcpt`` to its kind and phase.

    Raises:
        UsageError: It is no kind of fault, or no phase of SMTP.
    """
    found = _KIND.fullmatch(text)
    if not found:
        raise UsageError(f"{text!r} is no fault; write KIND or KIND.PHASE")
    kind, phase = found.groups()
    try:
        acts_at = Phase(phase) if phase else None
    except ValueError:
        known = ", ".join(Phase)
        raise UsageError(f"{phase!r} is no phase of SMTP; there are: {known}") from None
    make(kind, acts_at)
    return kind, acts_at


__all__ = ["FAULTS", "Fault", "How", "Proof", "Sign", "make", "make_for", "split_kind"]
