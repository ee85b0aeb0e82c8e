"""What tests of IPv6 want of the machine."""

from __future__ import annotations

import subprocess
from typing import Final

import pytest

_TRIAL: Final = "fd72:656c:6179:ffff::1/128"


def _may_add_addresses() -> bool:
    """Whether addresses can be put on the loopback interface, and taken off again."""
    try:
        return all(
            subprocess.run(
                ["ip", "-6", "address", do, _TRIAL, "dev", "lo"], capture_output=True, check=False
            ).returncode
            == 0
            for do in ("replace", "del")
        )
    except OSError:
        return False


NEEDS_LOCAL_IPV6: Final = pytest.mark.skipif(
    not _may_add_addresses(), reason="no IPv6 here, or this user may not add addresses to lo"
)
