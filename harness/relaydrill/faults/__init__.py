"""Faults: what can be broken, and how a person writes it. Data alone: no lab and no driver.

`relaydrill.injection` does a fault to a node of a lab, and undoes it.
"""

from relaydrill.faults.fault import (
    ACTING,
    ENDING,
    WHOLE,
    Fault,
    How,
    MachineFault,
    NetworkFault,
    Power,
    Proof,
    SenderFault,
    ServiceFault,
    Sign,
    WayFault,
    breaks_nothing,
    strength_of,
)
from relaydrill.faults.known import FAULTS, fault_called, kinds
from relaydrill.faults.spec import FaultSpec, FaultText

__all__ = [
    "ACTING",
    "ENDING",
    "FAULTS",
    "WHOLE",
    "Fault",
    "FaultSpec",
    "FaultText",
    "How",
    "MachineFault",
    "NetworkFault",
    "Power",
    "Proof",
    "SenderFault",
    "ServiceFault",
    "Sign",
    "WayFault",
    "breaks_nothing",
    "fault_called",
    "kinds",
    "strength_of",
]
