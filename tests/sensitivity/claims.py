"""What a verdict claims, and the defects by which each of its claims is tried.

A verdict can be wrong in eleven ways: each has three defects at the least, or nobody knows whether
the harness would notice. A defect may stand in more than one list.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

CLAIMS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "completeness": (
            "journal-of-the-mailbox-missing",
            "journal-of-the-balancer-missing",
            "journal-of-the-mailbox-halved",
            "journal-of-a-hub-halved",
            "disk-of-the-sender-full",
            "sender-notes-only-what-went-well",
            "drill-cut-short",
            "fault-never-healed",
            "fault-never-injected",
            "machine-not-watched",
        ),
        "opportunity": (
            "silence-of-a-hub-that-had-two",
            "silence-of-a-second",
            "kill-that-does-nothing",
            "freeze-that-does-nothing",
            "refusals-that-nobody-met",
            "fault-on-a-hub-without-mail",
            "wnlb-weight-left-at-zero",
        ),
        "attribution": (
            "met-by-the-other-port-alone",
            "met-by-health-checks-alone",
            "met-by-sessions-of-others",
            "slow-to-nobody",
            "another-hub-refuses",
            "flow-that-does-not-pass-the-fault",
            "dead-on-one-port-alone",
            "back-behind-the-other-balancer-alone",
            "refuses-behind-one-of-two-balancers",
        ),
        "time among several faults": (
            "control-restarts-no-clock",
            "later-fault-restarts-no-clock",
            "acceptance-covers-no-other-fault",
            "acceptance-covers-no-other-fault-in-a-lab",
            "acceptance-ends-with-its-fault",
            "balancer-is-back-and-cuts",
            "not-back-before-its-next-fault",
            "healed-hub-goes-on-failing",
        ),
        "outcomes": (
            "tried-first-and-taken-elsewhere",
            "tried-first-and-refused",
            "back-and-taken-elsewhere",
            "back-and-refusing",
            "back-and-refusing-each-third",
            "balancer-that-leaves-one-out",
        ),
        "queues": (
            "mailbox-server-gone-for-good",
            "mailbox-server-gone-for-good-in-a-lab",
            "one-message-is-stuck",
            "nothing-is-delivered",
            "everything-is-queued",
            "refused-and-queued",
            "twin-in-a-queue",
            "queue-left-by-a-freeze",
            "queue-not-looked-into",
            "missing-mail-and-a-queue-unseen",
        ),
        "excuses": (
            "attempt-not-sent-in-an-outage",
            "attempt-without-outcome-in-an-outage",
            "slight-load-in-a-freeze",
            "stall-before-the-fault",
            "stall-in-the-steady-state",
            "lost-while-the-machine-starved",
            "outage-with-the-machine-starved-through",
            "machine-a-little-busy-all-the-time",
        ),
        "policy": (
            "relay-for-the-whole-world",
            "relay-for-a-whole-subnet",
            "relay-once-starttls-is-said",
            "one-hub-relays-for-the-balancer",
            "relay-for-all-but-one-network",
            "snat-open-relay",
        ),
        "families of tests": (
            "audit-of-a-hub-that-gets-nothing",
            "audit-of-a-hub-that-gets-little",
            "drill-of-a-hub-that-gets-little",
            "audit-of-an-uneven-spread",
        ),
        "thresholds": (
            "default-kill-rides-out-nothing",
            "default-pause-rides-out-nothing",
            "default-hang-rides-out-nothing",
            "default-busy-rides-out-nothing",
            "default-drain-rides-out-nothing",
            "default-reject-rides-out-nothing",
            "default-slow-rides-out-nothing",
            "default-drop-mid-data-rides-out-nothing",
            "default-drop-before-store-rides-out-nothing",
            "greylisting-and-senders-that-do-not-retry",
        ),
        "causes": (
            "check-that-the-balancer-does-not-have",
            "hubs-one-after-another",
            "refusals-behind-a-check-by-ehlo",
            "no-check-goes-as-far-as-rcpt",
            "late-by-one-hub",
            "tls-cut-by-one-hub",
            "lost-by-a-hub-that-came-back",
            "healed-and-refusing",
            "answered-in-place-of-the-hubs",
            "back-and-slow",
            "another-hub-refuses",
            "never-flowed-before-the-fault",
            "balancer-alone",
        ),
    }
)
"""Ids of the catalogue, by claim."""
