"""IPv6 addresses for labs made of local processes, on this machine's loopback interface.

IPv6 has but one loopback address, and hosts are told apart by theirs. So each has one of a unique
local range (RFC 4193), put on the interface ``lo`` and taken off again: packets to it never leave
the machine. That needs root (CAP_NET_ADMIN).

A lab's range follows from its 127.x.y.0/24, which is claimed: no two have the same one, and what a
killed lab has left is known by its claim being free.
"""

from __future__ import annotations

import contextlib
import ipaddress
import subprocess
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from relaydrill.errors import LabError

_RANGE: Final = ipaddress.IPv6Network("fd72:656c:6179::/48")
"""Of all labs; the digits spell "relay"."""

_TABLE: Final = Path("/proc/net/if_inet6")
_DEVICE: Final = "lo"
_LONGEST_S: Final = 10.0


@contextlib.contextmanager
def addresses(
    prefix: str, numbers: Mapping[str, int], *, is_claimed: Callable[[str], bool]
) -> Iterator[dict[str, str]]:
    """Addresses for the hosts of a lab, for as long as it is there.

    Args:
        prefix: ``127.x.y``, which it has claimed.
        numbers: Of each host in its range.
        is_claimed: Whether a lab has such a prefix.

    Raises:
        LabError: This system has no IPv6, or this user may not add addresses.
    """
    if not numbers:
        yield {}
        return
    _take_off(each for each in _present() if not is_claimed(_prefix_of(each)))
    found = {host: str(_range_of(prefix)[number]) for host, number in numbers.items()}
    try:
        _run("add", list(found.values()))
        yield found
    finally:
        _take_off(each for each in _present() if _prefix_of(each) == prefix)


def _range_of(prefix: str) -> ipaddress.IPv6Network:
    _, high, low = (int(each) for each in prefix.split("."))
    return ipaddress.IPv6Network((int(_RANGE[0]) + (high << 72) + (low << 64), 64))


def _prefix_of(address: str) -> str:
    subnet = int(ipaddress.IPv6Address(address)) >> 64
    return f"127.{subnet >> 8 & 255}.{subnet & 255}"


def _present() -> list[str]:
    """The addresses of all labs that are on the interface now."""
    if not _TABLE.exists():
        return []
    rows = (line.split() for line in _TABLE.read_text().splitlines())
    found = (ipaddress.IPv6Address(bytes.fromhex(row[0])) for row in rows if row[-1] == _DEVICE)
    return [str(each) for each in found if each in _RANGE]


def _take_off(addresses: Iterable[str]) -> None:
    """Take addresses off the interface, as far as that goes.

    Another lab may be doing the same to what a killed one has left; what stays is in nobody's way.
    """
    with contextlib.suppress(LabError):
        _run("del", list(addresses))


def _run(do: str, addresses: list[str]) -> None:
    """Add addresses to the interface, or take them off, and go on where one is not there any more.

    Raises:
        LabError: It cannot be done.
    """
    if not addresses:
        return
    lines = "".join(f"address {do} {each}/128 dev {_DEVICE}\n" for each in addresses)
    why = "this system has no IPv6"
    if _TABLE.exists():
        try:
            ran = subprocess.run(
                ["ip", "-6", "-force", "-batch", "-"],
                input=lines,
                capture_output=True,
                text=True,
                timeout=_LONGEST_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            why = f"ip(8): {error}"
        else:
            if ran.returncode == 0:
                return
            why = f"ip(8): {ran.stderr.strip().splitlines()[0] if ran.stderr else 'it failed'}"
    raise LabError(
        "nodes with ip: dual or ipv6-dead need IPv6 addresses on the loopback interface, and"
        f" these cannot be had here: {why}; run it as root, or leave ip: away"
    )
