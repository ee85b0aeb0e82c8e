"""Certificates as people put them on a hub: under another name, run out, of nobody known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import trustme

from relaydrill.drivers.base import Lab
from relaydrill.drivers.readiness import await_backends

from .defect import Renewal


@runtime_checkable
class HasHubs(Lab, Protocol):
    """A lab whose nodes read their certificates from files of this machine when they start."""

    def settings(self, node: str) -> dict[str, Any]:
        """The configuration that a node was started with, plain JSON values."""

    def stop(self, node: str) -> None:
        """End a node's program in good order."""

    def restart(self, node: str) -> None:
        """Start a node's program again."""


def renew(lab: HasHubs, renewals: tuple[Renewal, ...]) -> None:
    """Put new certificates on hubs and start them anew, as somebody does who renews them.

    The lab's own authority keeps its key to itself; so there is a new one, which every sender is
    made to trust beside the old, unless the certificate is to be of nobody known.
    """
    ca, stranger = trustme.CA(), trustme.CA()
    known = Path(lab.settings(next(iter(lab.topology.senders)))["ca"])
    with known.open("ab") as bundle:
        bundle.write(ca.cert_pem.bytes())
    for each in renewals:
        issuer = ca if each.trusted else stranger
        yesterday = datetime.now(UTC) - timedelta(days=1)
        issued = issuer.issue_cert(*each.names, not_after=yesterday if each.expired else None)
        tls = lab.settings(each.node)["tls"]
        Path(tls["key"]).write_bytes(issued.private_key_pem.bytes())
        Path(tls["certificate"]).write_bytes(
            b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        )
        lab.stop(each.node)
        lab.restart(each.node)
    for sender in lab.topology.senders:  # they read whom to trust when they start
        lab.stop(sender)
        lab.restart(sender)
    await_backends(lab)
