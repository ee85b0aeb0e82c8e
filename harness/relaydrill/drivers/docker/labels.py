"""Labels on everything that a run makes in the engine: whose it is, so that ``clean`` can tell."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import dataclass
from typing import Final

import psutil

RUN: Final = "org.relaydrill.run"
OWNER: Final = "org.relaydrill.owner"
NODE: Final = "org.relaydrill.node"
LAB: Final = "org.relaydrill.lab"


@dataclass(frozen=True, slots=True)
class Owner:
    """The harness process that made something.

    Attributes:
        host: Its machine. pid, born: The process, and the moment at which it began.
    """

    host: str
    pid: int
    born: float

    @classmethod
    def myself(cls) -> Owner:
        """This process."""
        pid = os.getpid()
        return cls(socket.gethostname(), pid, psutil.Process(pid).create_time())

    @classmethod
    def from_text(cls, text: str) -> Owner | None:
        """Read a label; None where it is none of ours."""
        try:
            host, pid, born = json.loads(text)
            return cls(str(host), int(pid), float(born))
        except (ValueError, TypeError):
            return None

    def to_text(self) -> str:
        """For a label."""
        return json.dumps([self.host, self.pid, self.born])

    @property
    def lives(self) -> bool:
        """Whether the process may still run; one on another machine is not asked about."""
        if self.host != socket.gethostname():
            return True
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.born) < 0.5
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


def labels(run: str, lab: str, node: str = "") -> dict[str, str]:
    """What a container or a network of a run bears."""
    common = {RUN: run, LAB: lab, OWNER: Owner.myself().to_text()}
    return common | ({NODE: node} if node else {})
