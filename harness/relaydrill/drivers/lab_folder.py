"""The folder of a lab whose nodes are programs of this machine: where each keeps its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from relaydrill.drivers import certificates
from relaydrill.drivers.configure import Paths


@dataclass(frozen=True, slots=True)
class LabFolder:
    """Where everything of a lab is.

    Attributes:
        whole: The folder.
    """

    whole: Path

    @property
    def tls(self) -> Path:
        """Where certificates are."""
        return self.whole / "tls"

    @property
    def exchange_logs(self) -> Path:
        """Where hubs and Edge servers with ``logs: true`` keep them, a folder for each."""
        return self.whole / "exchange-logs"

    def journal(self, node: str) -> Path:
        """A node's journal file."""
        return self.whole / "journals" / f"{node}.jsonl"

    def make(self) -> None:
        """Make the parts that nodes expect to be there."""
        for part in ("journals", "queues", "tls", "work"):
            (self.whole / part).mkdir(parents=True, exist_ok=True)

    def lose_queue(self, node: str) -> None:
        """Take away what a node has queued, and the copies that it keeps for others."""
        for file in (self.whole / "queues").glob(f"{node}.*"):
            file.unlink(missing_ok=True)

    def paths(self) -> Paths:
        """The same, as the nodes are told."""
        return Paths(
            journal=lambda node: str(self.journal(node)),
            queue=lambda node: str(self.whole / "queues" / f"{node}.sqlite"),
            certificate=lambda node: str(certificates.certificate(self.tls, node)),
            key=lambda node: str(certificates.key(self.tls, node)),
            workdir=lambda node: str(self.whole / "work" / node),
            logs=lambda node: str(self.exchange_logs / node),
            ca=str(certificates.authority(self.tls)),
        )
