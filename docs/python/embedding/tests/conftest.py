"""The application, pointed at the lab."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from invoicing.mailer import Mailer
from invoicing.settings import Settings


@pytest.fixture
def mailer(relay_lab: Any, tmp_path: Path) -> Mailer:
    """The application as it runs: its settings from the environment, its relay the lab's VIP."""
    relay = relay_lab.reachable("mail", 25)
    environment = {
        "INVOICING_SMTP": f"{relay.address}:{relay.port}",
        "INVOICING_OUTBOX": str(tmp_path / "outbox"),
    }
    return Mailer(Settings.from_environment(environment))
