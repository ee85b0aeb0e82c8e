"""What `relaydrill faults` says: every fault, and how it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relaydrill.faults import FAULTS, make
from relaydrill.faults.base import ACTING
from relaydrill.faults.reach import PARTS, parts_for, phases_of

_ALL: Final = "all"


def show_faults(on: Console) -> None:
    """A row for each fault, and under them what a fault's text is made of."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("fault", no_wrap=True)
    table.add_column("the node ...")
    table.add_column("done to")
    for kind in FAULTS:
        name = f"{kind}[.PHASE]" if phases_of(kind) else kind
        table.add_row(Text(name), Text(make(kind).summary), _done_to(kind))
    on.print(table)
    on.print(
        Text("drill --fault KIND[.PHASE]:NODE[@START][+DURATION], as tempfail.rcpt:ht1@10s+30s")
    )
    on.print(Text("audit --fault KIND[.PHASE]"))
    on.print()
    legend = Table.grid(padding=(0, 2))
    for word, told in _legend():
        legend.add_row(Text(word), Text(told))
    on.print(legend)


def _legend() -> Iterator[tuple[str, str]]:
    """What stands for what."""
    yield "done to", f"{_ALL}: {', '.join(str(part) for part in PARTS)}; senders are the load"
    yield ".PHASE", f"{', '.join(ACTING)}; without it, as above"
    yield "NODE", "a site, too: all that stands there and can be broken so"
    yield "@START", "after mail begins to flow; without it, when every node has had traffic"
    yield (
        "+DURATION",
        "until it is healed; without it, twice as long as attempts may fail (expect: degraded);"
        " forever: not before all mail is accounted for",
    )
    yield "drivers", "isolate takes --driver docker; --driver attach does what has a hook"


def _done_to(kind: str) -> str:
    parts = parts_for(kind)
    return _ALL if parts == PARTS else ", ".join(part.name for part in parts)


def faults_document() -> list[dict[str, Any]]:
    """The same as plain JSON values."""
    return [
        {
            "fault": kind,
            "summary": make(kind).summary,
            "roles": [str(role) for part in parts_for(kind) for role in part.roles],
            "phases": [str(phase) for phase in phases_of(kind)],
        }
        for kind in FAULTS
    ]
