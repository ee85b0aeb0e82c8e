"""What of a fault a balancer's health check sees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from relaydrill.drills.checks.blame import fault_of, said_by
from relaydrill.faults import MachineFault, NetworkFault, Power, ServiceFault, strength_of
from relaydrill.faults.aiming import origins
from relaydrill.ledger import FaultWindow
from relaydrill.smtp import Phase
from relaydrill.topology import HealthCheck

if TYPE_CHECKING:
    from relaydrill.drills.checks.case import Case


_SEEN_BY: Final = {
    "tcp": (Phase.CONNECT,),
    "smtp": (Phase.CONNECT, Phase.BANNER, Phase.EHLO),
    "mail": (Phase.CONNECT, Phase.BANNER, Phase.EHLO, Phase.MAIL),
}
"""The steps of a session that each kind of check takes; see `HealthCheck`."""


def phase_of(window: FaultWindow) -> Phase:
    """The first step of a session at which a client meets a fault.

    The kernel of a frozen server still completes connections, until their queue is full.
    """
    fault = fault_of(window)
    if isinstance(fault, MachineFault) and fault.power is Power.PAUSE:
        return Phase.BANNER
    return (isinstance(fault, ServiceFault) and fault.met_at) or Phase.CONNECT


def sees(case: Case, balancer: str, check: HealthCheck, window: FaultWindow) -> bool:
    """Whether a check of that kind, with these timers, fails on a server with this fault.

    Of a fault of a share of the sessions chance alone says whether enough in a row will. Of the
    network a check sees what is on its own way, and only that nothing comes through it for certain.

    Args:
        case: The flow of a drill.
        balancer: Whose check it is.
        check: How it is made.
        window: When the fault was in force.
    """
    fault = fault_of(window)
    if strength_of(fault) < 1.0:
        return False
    if isinstance(fault, NetworkFault):
        return _is_cut_off(case, balancer, fault, window)
    if phase_of(window) not in _steps(case, check.kind, window.node):
        return False
    delay_s = fault.delay_s if isinstance(fault, ServiceFault) else 0.0
    if window.by_hook and delay_s:
        return False  # how slow, its hook alone knows
    return not delay_s or delay_s > check.longest_s


def is_on_its_way(case: Case, balancer: str, window: FaultWindow) -> bool:
    """Whether a fault of the network is on the way from a balancer to a server."""
    among = origins(case.topology, said_by(window).origin, window.node)
    return bool({*among} & {*case.topology.machines_of(balancer)})


def _is_cut_off(case: Case, balancer: str, fault: NetworkFault, window: FaultWindow) -> bool:
    """Whether nothing comes through on a balancer's own way: all that a check sees of a network."""
    return fault.effect == "cut" and is_on_its_way(case, balancer, window)


def kind_that_sees(case: Case, balancer: str, window: FaultWindow) -> str:
    """The kind of check that goes no further than it must to see a fault; empty where none does."""
    fault = fault_of(window)
    if isinstance(fault, NetworkFault):
        return "tcp" if _is_cut_off(case, balancer, fault, window) else ""
    kinds = (kind for kind in _SEEN_BY if phase_of(window) in _steps(case, kind, window.node))
    return next(kinds, "")


def _steps(case: Case, kind: str, node: str) -> tuple[Phase, ...]:
    """The steps of a session that a kind of check takes on the flow's port of a server.

    No check does STARTTLS or logs in: where MAIL wants that first, none comes as far as MAIL.
    """
    port = case.topology.flows[case.flow].port
    has_a_lock = any(
        each.port == port and "required" in (each.tls, each.auth)
        for each in case.topology.connectors_of(node).values()
    )
    steps = _SEEN_BY.get(kind, ())
    return tuple(each for each in steps if each is not Phase.MAIL or not has_a_lock)
