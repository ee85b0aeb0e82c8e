"""The faults of the network on the way to a node, in the direction that a person says."""

from __future__ import annotations

from typing import Final

from relaydrill.faults.amount import Form, parse_amount
from relaydrill.faults.fault import NetworkFault

OF_THE_NETWORK: Final = (
    # A route, or a rule of a firewall, that swallows one direction: no refusal, no reset.
    NetworkFault(
        kind="cut",
        state="unreachable",
        does="gets nothing of what is sent to it: it vanishes on the way",
        effect="cut",
    ),
    NetworkFault(
        kind="latency",
        state="far away",
        does="gets every packet {amount} late",
        effect="latency",
        form=Form.AROUND,
        amount=parse_amount("latency", Form.AROUND, "200ms~50ms"),
    ),
    NetworkFault(
        kind="loss",
        state="losing packets",
        does="does not get {amount} of the packets; they are sent again",
        effect="loss",
        form=Form.PART,
        amount=parse_amount("loss", Form.PART, "30%"),
    ),
    NetworkFault(
        kind="bandwidth",
        state="behind a thin line",
        does="gets {amount} of a connection at most",
        effect="bandwidth",
        form=Form.RATE,
        amount=parse_amount("bandwidth", Form.RATE, "8kB/s"),
    ),
    NetworkFault(
        kind="slice",
        state="fed in slices",
        does="gets what is sent in slices, {amount}",
        effect="slice",
        form=Form.RATE,
        amount=parse_amount("slice", Form.RATE, "20B/10ms"),
    ),
    # A middlebox that has seen enough: a quota, or an inspection that ends in a fault.
    NetworkFault(
        kind="limit",
        state="losing connections",
        does="gets {amount} of a connection, which is closed then, at both ends",
        effect="limit",
        form=Form.SIZE,
        amount=parse_amount("limit", Form.SIZE, "2000B"),
    ),
    NetworkFault(
        kind="reset-after",
        state="having connections reset",
        does="gets {amount} of a connection, which is reset then, at both ends",
        effect="reset-after",
        form=Form.SIZE,
        amount=parse_amount("reset-after", Form.SIZE, "500B"),
    ),
    NetworkFault(
        kind="slow-close",
        state="late to hear of ends",
        does="learns {amount} late that a connection was closed",
        effect="slow-close",
        form=Form.TIME,
        amount=parse_amount("slow-close", Form.TIME, "5s"),
    ),
)
"""In the order in which ``relaydrill faults`` shows them."""
