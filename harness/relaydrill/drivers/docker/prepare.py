"""The first service of a compose lab: what the other containers need, put into their volume.

Run in a container as ``python3 -m relaydrill.drivers.docker.prepare TOPOLOGY SUBNET``. Secrets and
certificates are made there and then, so that no compose file ever holds one.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

from relaydrill import topology_files
from relaydrill.drivers import certificates
from relaydrill.drivers.configure import configure
from relaydrill.drivers.docker.seating import (
    PREPARED,
    address_in,
    gateway_of,
    paths,
    seats,
    second_address_in,
)
from relaydrill.endpoint import Credentials
from relaydrill.errors import RelaydrillError
from relaydrill.placement import Placement
from relaydrill.topology import Topology


def prepare(topology: Topology, subnet: str, folder: Path) -> None:
    """Write every node's configuration and certificate, once: a lab that stands is left alone.

    Args:
        topology: The design.
        subnet: The network's range.
        folder: The volume.
    """
    done = folder / "prepared"
    if done.exists():
        return
    with tempfile.TemporaryDirectory() as tls_folder:
        tls = Path(tls_folder)
        placement = Placement(
            seats=seats(
                topology,
                lambda number: address_in(subnet, number),
                second_address_in(topology, subnet),
            ),
            credentials=Credentials("app", secrets.token_hex(8)),
            control_token=secrets.token_hex(16),
            ca_file=str(certificates.issue(topology, tls).path),
            own_shell=f"{gateway_of(subnet)}/32",
            own_kernels=True,
        )
        ca = f"{PREPARED}/ca.pem"
        configs = configure(topology, placement, paths(lambda node: f"{PREPARED}/{node}", ca=ca))
        shutil.copy(certificates.authority(tls), folder / "ca.pem")
        for node, settings in configs.items():
            own = folder / node
            own.mkdir(exist_ok=True)
            (own / "config.json").write_text(json.dumps(settings))
            if certificates.certificate(tls, node).exists():
                shutil.copy(certificates.certificate(tls, node), own / "cert.pem")
                shutil.copy(certificates.key(tls, node), own / "key.pem")
    done.touch()


def main(arguments: list[str]) -> int:
    """Prepare what the arguments name, and return the exit status."""
    source, subnet = arguments
    try:
        prepare(topology_files.load(source), subnet, Path(PREPARED))
    except RelaydrillError as error:
        print(error, file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
