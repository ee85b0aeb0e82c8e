"""A Postfix of somebody else's as the mail server of a sending host: mail is handed in to it.

It runs already, and nothing of it is started, configured or ended. What it tried is read off its
log, and what waits is told by a command that prints its queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
from collections import deque
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from relaydrill.errors import LabError
from relaydrill.kinds.postfix import log
from relaydrill.kinds.postfix.sending import fact_of
from relaydrill.mail_logs.framing import Framer
from relaydrill.nodes import config
from relaydrill.nodes.sending.mta import Fact

_EVERY_S: Final = 0.05
_CONNECT_S: Final = 10.0
_QUEUE_S: Final = 30.0
_TAKES_MAIL: Final = ("/smtpd", "/postscreen")
"""Ends of the tags of Postfix's daemons that do; OpenSMTPD's is ``smtpd`` alone."""


class AttachedPostfix:
    """Postfix as a sending `relaydrill.nodes.sending.mta.Mta`, where it runs already.

    Args:
        settings: With the file of its log, the command that prints its queue, and as its one
            listener where it takes mail.
    """

    title = "Postfix"

    def __init__(self, settings: config.Mta) -> None:
        self._settings = settings
        self._path = Path(settings.log)
        self._framer = Framer(settings.log)
        self._file: BinaryIO
        self._rest = b""
        self._ended = asyncio.Event()
        self._serves = asyncio.Event()
        self.last_words: deque[str] = deque(maxlen=10)

    async def begin(self) -> None:
        """Open its log; what stands there already is not of this run.

        Raises:
            LabError: It cannot be read.
        """
        try:
            self._file = self._path.open("rb")
        except OSError as error:
            raise LabError(f"{self._path}: {error.strerror}") from None
        self._file.seek(0, os.SEEK_END)

    async def takes_mail(self) -> bool:
        """Take a connection of ours for a sign of life, and its line in the log for one of that.

        A log that is another program's, or a copy that comes late, would tell of no try at all.
        The line is awaited and not looked for: whoever follows `facts` reads the log, and a second
        reader would find half of the lines, and not always that one.

        Raises:
            LabError: Nobody answers, or the log does not grow by it.
        """
        name = self._settings.name
        [listener] = self._settings.listeners
        where = f"{listener.bind.address}:{listener.bind.port}"
        self._serves.clear()
        try:
            async with asyncio.timeout(_CONNECT_S):
                reader, writer = await asyncio.open_connection(*where.rsplit(":", 1))
                await reader.readline()  # its banner: by now it has logged who is there
                writer.close()
        except (OSError, TimeoutError) as error:
            why = getattr(error, "strerror", None) or "no answer"
            raise LabError(f"{name}: the mail server at {where} takes no mail: {why}") from None
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._serves.wait()
        except TimeoutError:
            raise LabError(
                f"{name}: {self._path} tells nothing of a connection to {where}: name the log of"
                " that mail server, as it is written"
            ) from None
        return True

    async def facts(self) -> AsyncIterator[Fact]:
        """What it logs, until nobody wants to know any more."""
        try:
            async for fact in self._facts():
                yield fact
        finally:
            self._file.close()

    async def _facts(self) -> AsyncIterator[Fact]:
        while not self._ended.is_set():
            for line in self._new_lines():
                framed = self._framer.frame(line)
                if framed is None:
                    continue
                if framed.program.endswith(_TAKES_MAIL):
                    self._serves.set()
                program = framed.program.rpartition("/")[2]
                fact = log.parse(f"postfix/{program}[{framed.process}]: {framed.text}")
                if told := fact_of(fact):
                    yield told
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), _EVERY_S)

    def _new_lines(self) -> Iterator[bytes]:
        """The whole lines that were added; on into the new file where the log is turned over."""
        while True:
            *lines, self._rest = (self._rest + self._file.read()).split(b"\n")
            yield from lines
            try:
                new = self._path.stat()
            except FileNotFoundError:
                return  # it is about to come
            now = os.fstat(self._file.fileno())
            if (new.st_dev, new.st_ino) == (now.st_dev, now.st_ino):
                if new.st_size < self._file.tell():  # emptied
                    self._file.seek(0)
                    continue
                return
            self._file.close()
            self._file, self._rest = self._path.open("rb"), b""

    async def ended(self) -> int:
        """It does not end with this run."""
        await self._ended.wait()
        return 0

    async def end(self) -> None:
        """Read its log no more."""
        self._ended.set()

    def queue(self) -> list[tuple[str, str]]:
        """Queue id and recipient of everything that is queued (postqueue(1), "JSON FORMAT").

        Raises:
            LabError: The command of the inventory does not tell.
        """
        command = self._settings.queue_command
        try:
            listed = subprocess.run(
                command, capture_output=True, text=True, check=True, timeout=_QUEUE_S
            )
            return [
                (str(entry["queue_id"]), str(recipient["address"]))
                for entry in map(json.loads, filter(None, listed.stdout.splitlines()))
                for recipient in entry["recipients"]
            ]
        except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as error:
            name = self._settings.name
            raise LabError(f"the queue of {name} cannot be looked into: {error}") from None
