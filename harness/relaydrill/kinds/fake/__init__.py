"""Relaydrill's own programs, which play every role; they lie in `relaydrill.nodes`."""

from __future__ import annotations

from typing import Final

from relaydrill.kinds.kind import FAKE, NodeKind

KIND: Final = NodeKind(
    name=FAKE,
    title="Relaydrill's own",
    roles=("hub", "mailbox", "edge", "balancer", "standby", "dns", "sender"),
)
