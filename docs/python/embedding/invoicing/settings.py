"""Where the relay is, and where mail waits for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """The application's settings.

    Attributes:
        host, port: The one SMTP host that it can name. timeout_s: For each answer of it.
        outbox: The folder in which mail waits.
    """

    host: str
    port: int
    outbox: Path
    timeout_s: float = 5.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read ``INVOICING_SMTP`` (``host:port``) and ``INVOICING_OUTBOX``."""
        host, _, port = environment.get("INVOICING_SMTP", "localhost:25").partition(":")
        return cls(host, int(port or 25), Path(environment.get("INVOICING_OUTBOX", "outbox")))
