"""Promises that outlive their hub, or do not."""

from __future__ import annotations

from typing import Final

from .course import Happens, Judged
from .defect import GONE, Defect, Drilled, Finding, Tampered

_HUBS: Final = ("ht1", "ht2", "ht3")


def _all_hubs(settings: str) -> str:
    return "nodes: {" + ", ".join(f"{hub}: {{{settings}}}" for hub in _HUBS) + "}\n"


DEFECTS: Final = (
    Defect(
        id="answers-before-storing",
        subject="durability",
        wrong="one hub answers 250 five seconds before the message is on its disk",
        change="nodes: {ht1: {ack: before_store, ack_lag: 5s}}",
        way=Drilled((f"kill:ht1{GONE}",), ("relay",)),
        findings=(Finding("account", ("lost", "accepted by ht1"), "relay"),),
    ),
    Defect(
        id="queue-stranded",
        subject="durability",
        wrong="a hub dies for good with mail on its disk, and nobody has a copy (Exchange 2007)",
        change="",
        way=Drilled(("kill:mbx@10s+20s", "kill:ht1@15s+forever"), ("relay",)),
        findings=(Finding("account", ("stranded on ht1, which is gone for good",), "relay"),),
    ),
    Defect(
        id="late-acknowledgement-holds-the-sender-up",
        subject="durability",
        wrong="hubs acknowledge when the next hop has the mail: with it away nothing is accepted",
        change=_all_hubs("ack: delayed, ack_delay: 30s"),
        way=Drilled(("kill:mbx@10s+50s",), ("relay",)),
        findings=(Finding("gap", ("nothing accepted",), "relay"),),
    ),
    Defect(
        id="shadow-and-primary-both-deliver",
        subject="durability",
        wrong="a primary comes back after its shadow took over, where duplicates are forbidden",
        change=_all_hubs("ack: shadow, shadow: {heartbeat: 2s, resubmit: 8s}")
        + "expect: {duplicated: 0, gap: 15s}",
        way=Drilled(("kill:mbx@10s+50s", "kill:ht1@14s+36s"), ("relay",)),
        findings=(Finding("account", ("duplicated",), "relay"),),
    ),
    Defect(
        id="mailbox-server-forgets",
        subject="durability",
        wrong="the mailbox server acknowledges, and one message in ten is never seen again",
        change="",
        way=Tampered("mbx", "arrived", flows=("relay",)),
        findings=(Finding("account", ("lost",), "relay"),),
    ),
    Defect(
        id="answered-in-place-of-the-hubs",
        subject="durability",
        wrong="something before the hubs answers 250 by itself now and then: no hub has the mail",
        change="",
        way=Judged(happens=(Happens(every=30, stored=False),)),
        findings=(
            Finding("account", ("lost", "accepted by no node"), "relay"),
            Finding("cause", ("had been promised with 250", "accepted by no node")),
        ),
    ),
)
