"""Exchange 2003 and the domain controllers of a later Windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.lint.rule import COLUMN, Found, Severity, rule
from relaydrill.sentences import listed
from relaydrill.topology import Topology
from relaydrill.topology.organisation import WINDOWS

_FIRST: Final = WINDOWS.index("2008")


@rule(
    "exchange-2003-sp2",
    Severity.ERROR,
    fact="Exchange 2003 works with domain controllers of Windows Server 2008 from Service Pack 2 on"
    f" ({COLUMN}).",
    remedy="Install Service Pack 2, or keep domain controllers of Windows Server 2003.",
)
def exchange_2003_sp2(topology: Topology) -> Iterator[Found]:
    """Exchange 2003 without SP2 beside controllers of 2008 or later."""
    controllers = topology.directory.controllers if topology.directory else {}
    late = [name for name, each in controllers.items() if WINDOWS.index(each.windows) >= _FIRST]
    for name, node in topology.nodes.items() if late else ():
        if getattr(node, "version", None) == "2003":
            text = f"{name} is an Exchange 2003 without Service Pack 2, and {listed(late)} runs"
            yield ("nodes", name, "version"), f"{text} Windows Server 2008 or later"


@rule(
    "rus-read-only",
    Severity.ERROR,
    fact="The Recipient Update Service writes to the directory, so it must not use a read-only"
    f" domain controller ({COLUMN}).",
    remedy="Point the Recipient Update Service at a writable domain controller.",
)
def rus_read_only(topology: Topology) -> Iterator[Found]:
    """A Recipient Update Service that cannot write."""
    directory = topology.directory
    if directory and directory.rus and directory.controllers[directory.rus].read_only:
        text = f"the Recipient Update Service uses {directory.rus}, which is read-only"
        yield ("directory", "rus"), text


RULES = (exchange_2003_sp2, rus_read_only)
