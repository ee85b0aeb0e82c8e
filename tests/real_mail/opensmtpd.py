"""An OpenSMTPD of its own, with the users and folders that are built into it."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.real_mail.programs import Process, program, with_mounts

_CONFIGURATION: Final = """\
listen on {address} port 25 hostname {name}.contoso.com
action "onward" relay host smtp://{onward}:25 src {address} helo {name}.contoso.com
match from any for any action "onward"
"""

# Prints what lies in its spool as ``postqueue -j`` does: a folder for each message, with envelopes.
_QUEUE: Final = """
import json, pathlib, re, sys
for path in pathlib.Path(sys.argv[1], "smtpd/queue").rglob("message"):
    people = []
    for envelope in path.parent.iterdir():
        found = re.search(r"^rcpt: (\\S+)", envelope.read_text(errors="replace"), re.M)
        if found and envelope != path:
            people.append({"address": found[1]})
    named = re.search(r"^message-id: *(<[^>]*>)", path.read_text(errors="replace"), re.M | re.I)
    if named and people:
        print(json.dumps({"message_id": named[1], "recipients": people}))
"""


@dataclass
class OpenSMTPD:
    """One instance, a hub that passes all mail on.

    Attributes:
        folder: Its own.
        name: First part of its host name.
        address: Where it listens on port 25.
        onward: The address of the next server.
    """

    folder: Path
    name: str
    address: str
    onward: str

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "said"

    @property
    def queue(self) -> dict[str, list[str]]:
        """The inventory's command that prints its queue."""
        return {"run": [sys.executable, "-c", _QUEUE, str(self.folder / "spool")]}

    def mailbox(self, name: str) -> Path:
        """It has none."""
        return self.folder / "mail" / name

    def start(self) -> None:
        """Write its files, and return when it listens."""
        for part in ("spool", "run", "lib/opensmtpd/empty"):
            (self.folder / part).mkdir(parents=True)
        for part, mode in (("smtpd", 0o711), ("smtpd/offline", 0o770)):
            (self.folder / "spool" / part).mkdir(mode=mode)
            (self.folder / "spool" / part).chmod(mode)
        for kind, line in (("passwd", "{0}:x:{1}:{1}::/:/bin/false\n"), ("group", "{0}:x:{1}:\n")):
            more = line.format("opensmtpd", 64801) + line.format("opensmtpq", 64802)
            (self.folder / kind).write_text(Path("/etc", kind).read_text() + more)
        for part in ("purge", "temporary", "queue", "incoming", "corrupt"):
            made = self.folder / "spool" / "smtpd" / part
            made.mkdir(mode=0o700)
            os.chown(made, 64802, 0)
        os.chown(self.folder / "spool" / "smtpd" / "offline", 0, 64802)
        configuration = self.folder / "smtpd.conf"
        words = {"address": self.address, "name": self.name, "onward": self.onward}
        configuration.write_text(_CONFIGURATION.format(**words))
        configuration.chmod(0o600)
        smtpd = program("smtpd")
        mounts = {
            Path(smtpd).parents[1] / "libexec": "/usr/libexec",
            self.folder / "spool": "/var/spool",
            self.folder / "run": "/run",
            self.folder / "lib": "/var/lib",
            self.folder / "passwd": "/etc/passwd",
            self.folder / "group": "/etc/group",
        }
        command = with_mounts(mounts, [smtpd, "-d", "-f", str(configuration)])
        self._running = Process(command, self.log, (self.address, 25))

    def stop(self) -> None:
        """End it."""
        self._running.stop()
