"""Labels on everything that a run makes in the engine: whose it is, so that ``clean`` can tell."""

from __future__ import annotations

import json
import socket
from dataclasses import asdict, dataclass
from typing import Final

from relaydrill.process_identity import ProcessIdentity

RUN: Final = "org.relaydrill.run"
OWNER: Final = "org.relaydrill.owner"
NODE: Final = "org.relaydrill.node"
LAB: Final = "org.relaydrill.lab"

PROJECT: Final = "com.docker.compose.project"
"""Compose's own: which project a container is of."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The harness process that made something.

    Attributes:
        host: What its machine, or its container, is called: for people, since several may have
            one name.
        process: Which one it is there.
    """

    host: str
    process: ProcessIdentity

    @classmethod
    def myself(cls) -> Owner:
        """This process."""
        return cls(socket.gethostname(), ProcessIdentity.myself())

    @classmethod
    def from_text(cls, text: str) -> Owner | None:
        """Read a label; None where it is none of ours."""
        try:
            said = json.loads(text)
            if isinstance(said, list):  # an earlier version's: its moment is another clock's
                host, pid, born, *_ = said
                return cls(str(host), ProcessIdentity(int(pid), float(born)))
            process = ProcessIdentity(int(said["pid"]), float(said["born"]), str(said["table"]))
            return cls(str(said["host"]), process)
        except (ValueError, TypeError, KeyError):
            return None

    def to_text(self) -> str:
        """For a label."""
        return json.dumps({"host": self.host, **asdict(self.process)})

    @property
    def is_of_here(self) -> bool:
        """Whether its number means something here."""
        return bool(self.process.table) and self.process.is_of_here

    @property
    def has_ended(self) -> bool:
        """Whether it runs no more; of one elsewhere its number does not tell."""
        return self.is_of_here and not self.process.lives

    def __str__(self) -> str:
        return f"process {self.process.pid} on {self.host}"


def labels(run: str, lab: str, node: str = "") -> dict[str, str]:
    """What a container or a network of a run bears."""
    common = {RUN: run, LAB: lab, OWNER: Owner.myself().to_text()}
    return common | ({NODE: node} if node else {})
