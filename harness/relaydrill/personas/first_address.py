"""A client that resolves a name for every message and tries the first address alone.

Jakarta Mail does so (facts: it uses the first IP address only), and many scripts.
"""

from __future__ import annotations

from dataclasses import dataclass

from relaydrill.personas.single_host import SingleHost


@dataclass(frozen=True, slots=True)
class FirstAddress(SingleHost):
    """As an application server behaves, for mail from anywhere: DNS alone spreads its load."""

    name: str = "first_address"
