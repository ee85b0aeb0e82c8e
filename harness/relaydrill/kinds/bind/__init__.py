"""BIND as a node: the name server of containers; what the fake is held against."""

from __future__ import annotations

from typing import Final

from relaydrill.kinds.kind import NodeKind, Refusal

KIND: Final = NodeKind(
    name="bind",
    title="BIND",
    roles=("dns",),
    package="bind9",
    in_image="BIND as name server",
    own_machine=True,
    refusals=(
        Refusal(
            role="dns",
            setting="netmask_ordering",
            usual=False,
            what="BIND has no netmask ordering; it is Windows DNS's",
            remedy="kind: fake",
        ),
    ),
)
