"""HAProxy as a node: the balancer before the hubs, as a process or in a container."""

from __future__ import annotations

from typing import Final

from relaydrill.kinds.kind import NodeKind

KIND: Final = NodeKind(
    name="haproxy",
    title="HAProxy",
    roles=("balancer", "standby"),
    package="haproxy",
    in_image="HAProxy as balancer",
)
