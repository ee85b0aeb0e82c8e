"""The Postfix of this machine: configure it, start it, read its log and its queue, end it.

It takes the machine for its own (``/etc/postfix``, ``/var/spool/postfix``), so it runs in
containers only.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import psutil

from relaydrill.kinds.postfix import KIND
from relaydrill.kinds.postfix.configuration import Settings, main_cf, master_cf
from relaydrill.nodes.kernel_table import ESTABLISHED, LISTENING, connections
from relaydrill.nodes.program import Program, find_program
from relaydrill.wait import wait_for

_CONFIGURATION: Final = Path("/etc/postfix")
_SPOOL: Final = Path("/var/spool/postfix")
_SASL: Final = _CONFIGURATION / "sasl" / "smtpd.conf"
_SERVES_S: Final = 15.0
_ENDS_S: Final = 8.0
_COOL_S: Final = 60.0
_TROUBLE: Final = re.compile(r"\]: (?:warning|error|fatal|panic): |daemon started")


class Postfix(Program):
    """Postfix in the foreground."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(KIND.title, ends_s=_ENDS_S)
        self._settings = settings
        self._overrides: dict[str, str] = {}
        self._listening = True

    async def begin(self) -> None:
        """Configure it and start it; it does not listen yet.

        Raises:
            LabError: It is not installed, or its configuration is wrong.
        """
        program = find_program(
            "postfix", node=self._settings.name, kind=KIND.name, package=KIND.package
        )
        self._configure()
        self._enrol()
        self._tidy()
        await self.start(program, "start-fg")

    async def log_lines(self) -> AsyncIterator[str]:
        """What it logs, until it ends."""
        async for line in self.lines():
            # The rest is in the journal; every line here costs the engine as much as a message.
            self.note(line, aloud=_TROUBLE.search(line) is not None)
            yield line

    async def takes_mail(self) -> bool:
        """Wait until it listens everywhere; False if it has ended instead.

        Raises:
            WaitTimeout: It does neither.
        """
        return await self.serves(self._listens)

    def send_signal(self, number: signal.Signals) -> None:
        """Send its master a signal: ``postfix start-fg`` is a shell script that waits for that.

        The script would die of it, and the master go on and take mail.
        """
        try:
            self._master().send_signal(number)
        except (OSError, ValueError, psutil.NoSuchProcess):  # it has not begun, or has ended
            super().send_signal(number)

    async def listen(self, *, on: bool) -> None:
        """Take its network services away, or bring them back.

        Raises:
            WaitTimeout: It did not follow.
        """
        self._listening = on
        self._configure()
        self._reload()
        await asyncio.to_thread(
            wait_for,
            lambda: self._listens() if on else not self._listens_anywhere(),
            what="postfix to listen" if on else "postfix to listen no more",
            deadline_s=_SERVES_S,
            every_s=0.01,
        )

    async def override(self, parameters: Mapping[str, str]) -> None:
        """Set parameters otherwise than the settings say; none: as the settings say."""
        self._overrides = dict(parameters)
        self._configure()
        self._reload()
        # Servers that were forked before know the old parameters.
        for server in self._servers():
            with contextlib.suppress(psutil.NoSuchProcess):
                server.terminate()

    def freeze(self) -> None:
        """Stop whatever takes connections; the kernel goes on opening them."""
        for process in (self._master(), *self._servers()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.suspend()

    def thaw(self) -> None:
        """Let it take connections again."""
        for process in (*self._servers(), self._master()):
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def waiting_clients(self) -> Iterator[tuple[str, int]]:
        """Clients whose connection the kernel has opened and nobody has taken: address and port."""
        ours = self._wanted()
        for entry in connections():
            if entry.state == ESTABLISHED and entry.inode == 0 and entry.local in ours:
                yield entry.remote

    def queue(self) -> list[tuple[str, str]]:
        """Queue id and recipient of everything that is queued."""
        listed = subprocess.run(["postqueue", "-j"], capture_output=True, text=True, check=False)
        found = []
        for line in listed.stdout.splitlines():
            with contextlib.suppress(ValueError, KeyError):
                entry: dict[str, Any] = json.loads(line)
                queue_id = str(entry["queue_id"])
                for recipient in entry["recipients"]:
                    found.append((queue_id, str(recipient["address"])))
        return found

    @staticmethod
    def coming_in() -> set[str]:
        """Queue ids of what the queue manager has not looked at."""
        found = (each.name for each in (_SPOOL / "incoming").iterdir())
        return {name for name in found if "." not in name}

    def message_id(self, queue_id: str) -> str:
        """The Message-ID of a queued message; empty if it has left the queue."""
        shown = subprocess.run(
            ["postcat", "-hq", queue_id], capture_output=True, text=True, check=False
        )
        for line in shown.stdout.splitlines():
            name, _, value = line.partition(":")
            if name.lower() == "message-id":
                return value.strip()
        return ""

    @staticmethod
    def _tidy() -> None:
        """Take away what a kill left, and what Postfix would stumble over at its start.

        The number of a process that is somebody else now; and messages that were just coming in,
        under a name that ``postsuper`` complains of where it cannot: nobody was promised those.
        """
        (_SPOOL / "pid/master.pid").unlink(missing_ok=True)
        for half_written in (_SPOOL / "incoming").glob("*.*"):
            half_written.unlink(missing_ok=True)

    def _configure(self) -> None:
        settings = self._settings
        files = {
            "main.cf": main_cf(settings, overrides=self._overrides),
            "master.cf": master_cf(settings, listening=self._listening),
        }
        for name, text in files.items():
            # Renamed into place: Postfix may be reading it.
            aside = _CONFIGURATION / f"{name}.new"
            aside.write_text(text)
            # Or every program of Postfix waits until the file is two seconds old, and reads it
            # again: somebody might be writing it still.
            long_ago = time.time() - _COOL_S
            os.utime(aside, (long_ago, long_ago))
            aside.replace(_CONFIGURATION / name)

    def _enrol(self) -> None:
        """Tell Cyrus SASL who may log in."""
        _SASL.parent.mkdir(parents=True, exist_ok=True)
        _SASL.write_text(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN LOGIN\n"
        )
        for login in self._settings.logins:
            subprocess.run(
                ["saslpasswd2", "-p", "-c", "-u", self._settings.fqdn, login.user],
                input=login.password.encode(),
                check=True,
            )
        database = Path("/etc/sasldb2")
        if database.exists():
            shutil.chown(database, "root", "postfix")
            database.chmod(0o640)

    def _reload(self) -> None:
        # What `postfix reload` does after a look at all of its files, which takes seconds.
        self._master().send_signal(signal.SIGHUP)

    def _listens(self) -> bool:
        return self._wanted() <= self._open()

    def _listens_anywhere(self) -> bool:
        return bool(self._wanted() & self._open())

    def _wanted(self) -> set[tuple[str, int]]:
        return {(each.bind.address, each.bind.port) for each in self._settings.listeners}

    @staticmethod
    def _open() -> set[tuple[str, int]]:
        return {entry.local for entry in connections() if entry.state == LISTENING}

    def _master(self) -> psutil.Process:
        return psutil.Process(int((_SPOOL / "pid/master.pid").read_text()))

    def _servers(self) -> list[psutil.Process]:
        found = []
        for process in self._master().children():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.name() == "smtpd":
                    found.append(process)
        return found
