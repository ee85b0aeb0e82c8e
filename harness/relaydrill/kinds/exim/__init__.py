"""Exim as a node: a mail server that sends."""

from __future__ import annotations

from typing import Final

from relaydrill.kinds.kind import NodeKind, Retries

KIND: Final = NodeKind(
    name="exim",
    title="Exim",
    roles=("sender",),
    package="exim4-daemon-light",
    in_image="Exim as sending MTA",
    own_machine=True,
    # Specification, "The default configuration file"; Debian runs its queue each 30 min.
    retries=Retries(first=900.0, longest=21600.0, queue_run=1800.0),
)
