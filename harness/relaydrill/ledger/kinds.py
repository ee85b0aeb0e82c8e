"""The kinds of events that the ledger knows; all others are passed over."""

from __future__ import annotations

from typing import Final

MAIL_KINDS: Final = frozenset(
    {"attempt", "outcome", "stored", "accepted", "resubmitted", "relayed", "bounced", "arrived"}
)
"""Those that speak of one message for one recipient."""

KINDS: Final = MAIL_KINDS | {
    *("queue", "deferred", "connected", "answered", "sight", "bitten", "backend"),
    *("stalled", "worker"),
    *("inject", "not-injected", "injected", "heal", "healed"),
}
