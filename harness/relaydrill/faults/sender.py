"""The faults of a sender's own side: what it cannot reach, and what its resolver tells it."""

from __future__ import annotations

from typing import Final

from relaydrill.faults.amount import Form, parse_amount
from relaydrill.faults.fault import SenderFault

OF_THE_SENDER: Final = (
    # A route that is gone, or a firewall before the sender that drops.
    SenderFault(
        kind="unreachable",
        state="unreachable from here",
        does="cannot be reached from its senders: nothing answers; it is whole itself",
        effect="silent",
    ),
    # A firewall before the sender that rejects.
    SenderFault(
        kind="unreachable-refused",
        state="refused from here",
        does="cannot be reached from its senders: they are refused; it is whole itself",
        effect="refused",
    ),
    # A middlebox that takes the connection, and ends it.
    SenderFault(
        kind="unreachable-reset",
        state="reset from here",
        does="cannot be reached from its senders: connections open, and are reset; it is whole",
        effect="reset",
    ),
    SenderFault(
        kind="late-dns",
        state="late to answer here",
        does="is heard by its senders {amount} late; it answers in time itself",
        effect="late",
        form=Form.TIME,
        amount=parse_amount("late-dns", Form.TIME, "3s"),
    ),
    # A forwarder between the two that has lost its upstream (RFC 2308 §7.1).
    SenderFault(
        kind="failing-dns",
        state="failing to answer here",
        does="has its answers to its senders replaced by SERVFAIL; it is whole itself",
        effect="servfail",
    ),
    # A cache between the two that kept a record for too long.
    SenderFault(
        kind="stale-dns",
        state="stale here",
        does="is heard by its senders with an address that nobody has; it is whole itself",
        effect="stale",
    ),
)
"""In the order in which ``relaydrill faults`` shows them."""
