"""The lab's own certificate authority, and a certificate for every hub."""

from __future__ import annotations

from pathlib import Path

import trustme

from relaydrill.drivers.configure import certificate_names
from relaydrill.topology import Topology


def authority(directory: Path) -> Path:
    """Where the authority's certificate lies."""
    return directory / "ca.pem"


def certificate(directory: Path, node: str) -> Path:
    """Where a node's certificate chain lies."""
    return directory / f"{node}.pem"


def key(directory: Path, node: str) -> Path:
    """Where a node's private key lies."""
    return directory / f"{node}.key"


def issue(topology: Topology, directory: Path) -> Path:
    """Make an authority and the hubs' certificates, and return the authority's path.

    Private keys are readable by their owner only; the authority's own is never written down.
    """
    ca = trustme.CA(organization_name="Relaydrill lab")
    ca.cert_pem.write_to_path(str(authority(directory)))
    for hub in topology.hubs:
        issued = ca.issue_cert(*certificate_names(topology, hub))
        key(directory, hub).touch(mode=0o600)
        issued.private_key_pem.write_to_path(str(key(directory, hub)))
        issued.cert_chain_pems[0].write_to_path(str(certificate(directory, hub)))
        for blob in issued.cert_chain_pems[1:]:
            blob.write_to_path(str(certificate(directory, hub)), append=True)
    return authority(directory)
