"""The Exim of this machine as the mail server of a sending host.

It takes the machine for its own (``/etc/exim4``), so it runs in containers only.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

from relaydrill.errors import LabError
from relaydrill.nodes import child, config
from relaydrill.nodes.exim.configuration import exim_conf, queue_interval
from relaydrill.nodes.exim.log import parse
from relaydrill.nodes.sending.mta import Fact
from relaydrill.wait import wait_for

_CONFIGURATION: Final = Path("/etc/exim4/exim4.conf")
_OWNER: Final = "Debian-exim"
_SERVES_S: Final = 15.0
_ENDS_S: Final = 8.0
_LAST_WORDS: Final = 6
_LOOK_S: Final = 0.01


class Exim:
    """Exim in the foreground as a sending `relaydrill.nodes.sending.mta.Mta`.

    Its log is a file, for its deliverers run as another user and cannot write to a pipe of ours.
    """

    title = "Exim"

    def __init__(self, settings: config.Mta) -> None:
        self.last_words: collections.deque[str] = collections.deque(maxlen=_LAST_WORDS)
        self._settings = settings
        self._log = Path(settings.workdir) / "log" / "exim_main.log"
        self._process: asyncio.subprocess.Process

    async def start(self) -> None:
        """Configure it and start it; it need not listen yet.

        Raises:
            LabError: It is not installed, or its configuration is wrong.
        """
        if shutil.which("exim4") is None:
            raise LabError(f"{self._settings.name} is of kind exim, and none is installed here")
        self._configure()
        self._process = await asyncio.create_subprocess_exec(
            "exim4",
            "-bdf",
            f"-q{queue_interval(self._settings)}",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=None,
        )

    async def serves(self) -> bool:
        """Wait until it takes mail; False if it has ended instead.

        Raises:
            WaitTimeout: It does neither.
        """
        await asyncio.to_thread(
            wait_for,
            lambda: self._process.returncode is not None or self._listens(),
            what="exim to listen",
            deadline_s=_SERVES_S,
            every_s=_LOOK_S,
        )
        return self._process.returncode is None

    async def facts(self) -> AsyncIterator[Fact]:
        """What it logs, until it ends."""
        with self._log.open("rb") as log:
            rest = b""
            while True:
                is_over = self._process.returncode is not None
                *lines, rest = (rest + log.read()).split(b"\n")
                for line in lines:
                    text = line.decode("utf-8", "replace")
                    self.last_words.append(text)
                    if fact := parse(text):
                        yield fact
                if is_over:
                    return
                if not lines:
                    await asyncio.sleep(_LOOK_S)

    async def ended(self) -> int:
        """Wait until it has ended; its exit status."""
        return await self._process.wait()

    async def end(self) -> None:
        """End it in good order."""
        await child.end(self._process, patience_s=_ENDS_S)

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
