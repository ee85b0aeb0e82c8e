"""The lab's own certificate authority, a certificate for every hub, and some with a flaw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import trustme

from relaydrill.disturbance import Flaw
from relaydrill.drivers.configure import certificate_names
from relaydrill.topology import Topology

_ELSEWHERE: Final = "elsewhere.invalid"
_DAY: Final = timedelta(days=1)


def authority(directory: Path) -> Path:
    """Where the authority's certificate lies."""
    return directory / "ca.pem"


def certificate(directory: Path, node: str) -> Path:
    """Where a node's certificate chain lies."""
    return directory / f"{node}.pem"


def key(directory: Path, node: str) -> Path:
    """Where a node's private key lies."""
    return directory / f"{node}.key"


class Authority:
    """Who signs the certificates of one lab. Its own key is never written down.

    Args:
        ca: With its key.
        path: Where its certificate lies.

    Attributes:
        path: Where its certificate lies.
    """

    def __init__(self, ca: trustme.CA, path: Path) -> None:
        self.path = path
        self._ca = ca

    def flawed(self, topology: Topology, hub: str, flaw: Flaw) -> tuple[str, str]:
        """A certificate of a hub with one thing wrong, and nothing else.

        Args:
            topology: The design.
            hub: Whose it is.
            flaw: What is wrong with it.

        Returns:
            Its chain and its private key, PEM.
        """
        ca = trustme.CA() if flaw == "unknown authority" else self._ca
        names = (_ELSEWHERE,) if flaw == "wrong name" else certificate_names(topology, hub)
        now = datetime.now(UTC)
        issued = ca.issue_cert(
            *names,
            not_before=now + _DAY if flaw == "not yet valid" else None,
            not_after=now - _DAY if flaw == "expired" else None,
        )
        chain = b"".join(blob.bytes() for blob in issued.cert_chain_pems)
        return chain.decode("ascii"), issued.private_key_pem.bytes().decode("ascii")


def issue(topology: Topology, directory: Path) -> Authority:
    """Make an authority and certificates.

    Hubs have one, and balancers that run a file of the user's own, which may ask for some.
    Private keys are readable by their owner only.
    """
    ca = trustme.CA(organization_name="Relaydrill lab")
    ca.cert_pem.write_to_path(str(authority(directory)))
    own_files = [name for name, each in topology.balancers.items() if each.runs_own_file]
    for hub in (*topology.hubs, *own_files):
        issued = ca.issue_cert(*certificate_names(topology, hub))
        key(directory, hub).touch(mode=0o600)
        issued.private_key_pem.write_to_path(str(key(directory, hub)))
        issued.cert_chain_pems[0].write_to_path(str(certificate(directory, hub)))
        for blob in issued.cert_chain_pems[1:]:
            blob.write_to_path(str(certificate(directory, hub)), append=True)
    return Authority(ca, authority(directory))
