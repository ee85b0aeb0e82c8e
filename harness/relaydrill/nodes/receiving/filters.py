"""What an Edge server turns away: Exchange's anti-spam agents, in the order in which they act.

The connection filter's refusal comes after RCPT, for only then is it known whether the recipient is
exempt; the content filter's comes after the dot (Exchange 2007, "Understanding anti-spam").
"""

from __future__ import annotations

import enum
from typing import Final

from relaydrill.address_span import in_networks
from relaydrill.message import GTUBE, SPAM_MARK
from relaydrill.node_settings import Filters
from relaydrill.nodes.receiving import replies
from relaydrill.smtp import Reply


class Layer(enum.StrEnum):
    """One agent."""

    CONNECTION = "connection"
    SENDER = "sender"
    RECIPIENT = "recipient"
    CONTENT = "content"


Refusal = tuple[Layer, Reply]


class Filtering:
    """The filters of one server.

    Args:
        filters: What they turn away; None where there are none.
    """

    def __init__(self, filters: Filters | None) -> None:
        self._filters: Final = filters or Filters(content=False)
        self._recipients = {each.lower() for each in self._filters.recipients}
        self._senders = {each.lower() for each in self._filters.senders}

    @property
    def tarpit_s(self) -> float:
        """How long an unauthenticated client waits for the refusal of a recipient."""
        return self._filters.tarpit

    def sender(self, address: str) -> Refusal | None:
        """Whether this envelope sender is turned away at MAIL."""
        lowered = address.lower()
        domain = f"@{lowered.rpartition('@')[2]}"
        if lowered and {lowered, domain} & self._senders:
            return Layer.SENDER, replies.SENDER_DENIED
        return None

    def recipient(self, address: str, client: str) -> Refusal | None:
        """Whether this recipient is refused, for the client's sake or for its own."""
        if in_networks(client, self._filters.blocked):
            return Layer.CONNECTION, replies.on_block_list(client)
        if self._recipients and address.lower() not in self._recipients:
            return Layer.RECIPIENT, replies.USER_UNKNOWN
        return None

    def content(self, message: bytes) -> Refusal | None:
        """Whether this message is refused after its dot."""
        if self._filters.content and (GTUBE in message or SPAM_MARK in message):
            return Layer.CONTENT, replies.SPAM
        return None


NO_FILTERS: Final = Filtering(None)
"""Lets everything pass."""
