"""The kinds of events that the ledger knows; all others are passed over."""

from __future__ import annotations

from typing import Final

MAIL_KINDS: Final = frozenset(
    {
        *("attempt", "outcome", "stored", "accepted", "resubmitted", "relayed", "bounced"),
        *("arrived", "handed-on", "discarded", "held"),
    }
)
"""Those that speak of one message for one recipient."""

KINDS: Final = MAIL_KINDS | {
    # What is somebody else's copy tells nothing of the message for its own recipients.
    *("copied", "unattributed"),
    *("queue", "deferred", "connected", "answered", "sight", "bitten", "backend"),
    "put-off",
    *("stalled", "starved", "worker"),
    *("inject", "not-injected", "injected", "heal", "healed"),
}
