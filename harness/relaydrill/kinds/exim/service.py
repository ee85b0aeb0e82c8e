"""The Exim of this machine as the mail server of a sending host.

It takes the machine for its own (``/etc/exim4``), so it runs in containers only.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from relaydrill.journal import Journal
from relaydrill.kinds.exim import KIND
from relaydrill.kinds.exim.configuration import exim_conf, queue_interval
from relaydrill.kinds.exim.log import parse
from relaydrill.nodes import config
from relaydrill.nodes.disturbances import Disturbances
from relaydrill.nodes.program import Program, find_program
from relaydrill.nodes.sending.mta import Fact
from relaydrill.nodes.sending.sending_mta import SendingMta
from relaydrill.nodes.service import Service

_CONFIGURATION: Final = Path("/etc/exim4/exim4.conf")
_OWNER: Final = "Debian-exim"
_ENDS_S: Final = 8.0
_LOOK_S: Final = 0.01


class Exim(Program):
    """Exim in the foreground as a sending `relaydrill.nodes.sending.mta.Mta`.

    Its log is a file, for its deliverers run as another user and cannot write to a pipe of ours.
    """

    def __init__(self, settings: config.Mta) -> None:
        super().__init__(KIND.title, ends_s=_ENDS_S)
        self._settings = settings
        self._log = Path(settings.workdir) / "log" / "exim_main.log"

    async def begin(self) -> None:
        """Configure it and start it; it need not listen yet.

        Raises:
            LabError: It is not installed, or its configuration is wrong.
        """
        program = find_program(
            "exim4", node=self._settings.name, kind=KIND.name, package=KIND.package
        )
        self._configure()
        await self.start(
            *(program, "-bdf", f"-q{queue_interval(self._settings)}"),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=None,
        )

    async def takes_mail(self) -> bool:
        """Wait until it takes mail; False if it has ended instead.

        Raises:
            WaitTimeout: It does neither.
        """
        return await self.serves(self._listens)

    async def facts(self) -> AsyncIterator[Fact]:
        """What it logs, until it ends."""
        with self._log.open("rb") as log:
            rest = b""
            while True:
                is_over = self.has_ended
                *lines, rest = (rest + log.read()).split(b"\n")
                for line in lines:
                    text = line.decode("utf-8", "replace")
                    self.note(text, aloud=False)
                    if fact := parse(text):
                        yield fact
                if is_over:
                    return
                if not lines:
                    await asyncio.sleep(_LOOK_S)

    def queue(self) -> list[tuple[str, str]]:
        """Queue id and recipient of everything that is queued."""
        listed = subprocess.run(["exim4", "-bpr"], capture_output=True, text=True, check=False)
        found, queue_id = [], ""
        for line in listed.stdout.splitlines():
            match line.split():
                # Age, size, queue id and sender; a bounce, which has none, is nothing of ours.
                case [_, _, listed_id, sender, *_]:
                    queue_id = listed_id if sender != "<>" else ""
                case [recipient] if queue_id:
                    found.append((queue_id, recipient))
        return found

    def _configure(self) -> None:
        for folder in (Path(self._settings.workdir), self._log.parent):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.chown(folder, _OWNER, _OWNER)
        self._log.touch()
        shutil.chown(self._log, _OWNER, _OWNER)
        _CONFIGURATION.write_text(
            exim_conf(self._settings, log=str(self._log.parent / "exim_%s.log"))
        )

    def _listens(self) -> bool:
        [listener] = self._settings.listeners
        with contextlib.suppress(OSError):
            socket.create_connection((listener.bind.address, listener.bind.port), 1.0).close()
            return True
        return False


def build(settings: config.NodeConfig, journal: Journal, _disturbances: Disturbances) -> Service:
    """A sending host that hands mail in to Exim."""
    assert isinstance(settings, config.Mta)
    return SendingMta(settings, journal, Exim(settings))
