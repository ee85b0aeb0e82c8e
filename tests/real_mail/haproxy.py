"""A HAProxy of its own, before some hubs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.real_mail.programs import Process, program

_CONFIGURATION: Final = """\
global
    stats socket {folder}/runtime.sock mode 600 level admin
defaults
    mode tcp
    timeout connect 2s
    timeout client 30s
    timeout server 30s
listen smtp
    bind {address}:25
    balance roundrobin
    option smtpchk HELO check.contoso.com
    default-server inter 1s fall 2 rise 2
"""


@dataclass
class HAProxy:
    """One instance, that gives sessions to each hub in its turn.

    Attributes:
        folder: Its own.
        address: Its own.
        hubs: Their addresses, by name.
    """

    folder: Path
    address: str
    hubs: Mapping[str, str]

    def start(self) -> None:
        """Write its file, and return when it listens."""
        self.folder.mkdir()
        text = _CONFIGURATION.format(folder=self.folder, address=self.address)
        for name, hub in self.hubs.items():
            text += f"    server {name} {hub}:25 check source {self.address}\n"
        configuration = self.folder / "haproxy.cfg"
        configuration.write_text(text)
        command = [program("haproxy"), "-db", "-f", str(configuration)]
        self._running = Process(command, self.folder / "said", (self.address, 25))

    def stop(self) -> None:
        """End it."""
        self._running.stop()
