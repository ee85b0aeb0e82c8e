"""What really lies in mailboxes: files on disk, read by the standard library alone."""

from __future__ import annotations

import email
import email.policy
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def messages(maildirs: Iterable[Path]) -> Counter[str]:
    """How many files of each Message-ID lie in some Maildirs; a Maildir need not be there."""
    found: Counter[str] = Counter()
    for maildir in maildirs:
        for part in ("new", "cur"):
            for path in sorted((maildir / part).glob("*")):
                with path.open("rb") as file:
                    message = email.message_from_binary_file(file, policy=email.policy.compat32)
                found[str(message["Message-ID"]).strip()] += 1
    return found
