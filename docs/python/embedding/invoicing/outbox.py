"""Mail that waits on disk until a relay has taken it: no invoice lives in memory alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from pathlib import Path


class Outbox:
    """A folder with one file for each message that waits, and one for each that was refused.

    Args:
        folder: Made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.refused = folder / "refused"
        self.refused.mkdir(parents=True, exist_ok=True)

    def put(self, message: EmailMessage) -> None:
        """Keep a message, whole or not at all."""
        name = str(message["Message-ID"]).strip("<>").replace("/", "_")
        aside = self.folder / f"{name}.new"
        with aside.open("wb") as file:
            file.write(message.as_bytes(policy=SMTP))
            file.flush()
            os.fsync(file.fileno())
        aside.rename(self.folder / f"{name}.eml")

    def waiting(self) -> Iterator[tuple[Path, EmailMessage]]:
        """The messages that wait, and their files, oldest first."""
        parser = BytesParser(EmailMessage, policy=SMTP)
        for path in sorted(self.folder.glob("*.eml"), key=lambda path: path.stat().st_mtime_ns):
            yield path, parser.parsebytes(path.read_bytes())

    def __len__(self) -> int:
        return sum(1 for _ in self.folder.glob("*.eml"))
