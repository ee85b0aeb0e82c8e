"""What `relaydrill faults` says: every fault, and how it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relaydrill.documents.design import FaultsDocument
from relaydrill.faults import ACTING, fault_called, kinds
from relaydrill.faults.reach import (
    PARTS,
    form_of,
    is_from_here,
    is_of_a_way,
    parts_for,
    phases_of,
    takes_share,
)
from relaydrill.faults.spec import FORM, KIND_FORM, NETWORK_FORM

_ALL: Final = "all"


def show_faults(on: Console) -> None:
    """A row for each fault, and under them what a fault's text is made of."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("fault", no_wrap=True)
    table.add_column("the node ...")
    table.add_column("done to")
    for kind in kinds():
        name = f"{kind}[.PHASE]" if phases_of(kind) else kind
        name += f"[={form_of(kind)}]" if form_of(kind) else ""
        name += "[%SHARE]" if takes_share(kind) else ""
        table.add_row(Text(name), Text(fault_called(kind).summary), _done_to(kind))
    on.print(table)
    on.print(Text(f"drill --fault {FORM}, as tempfail.rcpt%30:ht1@10s+30s"))
    on.print(Text(f"audit --fault {KIND_FORM}"))
    on.print(Text(f"of the network: {NETWORK_FORM}, as 'latency=2s~500ms:lb1>ht1'"))
    on.print()
    legend = Table.grid(padding=(0, 2))
    for word, meaning in _legend():
        legend.add_row(Text(word), Text(meaning))
    on.print(legend)


def _legend() -> Iterator[tuple[str, str]]:
    """What stands for what."""
    yield "done to", f"{_ALL}: {', '.join(str(part) for part in PARTS)}; senders cannot be broken"
    yield ".PHASE", f"{', '.join(ACTING)}; default: as above"
    yield "%SHARE", "percent of the sessions that come as far as that; default: all of them"
    yield (
        "FROM>",
        f"what a node, or a site's, sends NODE: {_of_the_network()}; FROM<NODE: what NODE sends it;"
        " FROM<>NODE: both; default: '*>', what everybody sends it; quote < and > for the shell",
    )
    yield (
        "SENDER>",
        f"on which sender's own side: {_from_here()}; default: '*>', all that connect to NODE; done"
        " on this machine, so that a lab of your own needs no hook and no --allow-faults",
    )
    yield "NODE", "or a site: everything in it that can be broken so"
    yield "@START", "after mail begins to flow; default: when every node has had traffic"
    yield (
        "+DURATION",
        "until it is healed; default: twice as long as attempts may fail (expect: degraded);"
        " forever: until all mail is accounted for",
    )
    yield (
        "drivers",
        "isolate needs --driver docker, lost-disk process or simulate, and faults of the network"
        " simulate; --driver attach can do what has a hook, and what is done on a sender's side",
    )


def _of_the_network() -> str:
    return ", ".join(kind for kind in kinds() if is_of_a_way(kind) and not is_from_here(kind))


def _from_here() -> str:
    return ", ".join(kind for kind in kinds() if is_from_here(kind))


def _done_to(kind: str) -> str:
    parts = parts_for(kind)
    return _ALL if parts == PARTS else ", ".join(part.name for part in parts)


def faults_document() -> FaultsDocument:
    """What ``--json`` prints."""
    return {
        "format": "relaydrill.faults",
        "version": 1,
        "faults": [
            {
                "fault": kind,
                "summary": fault_called(kind).summary,
                "roles": [str(role) for part in parts_for(kind) for role in part.roles],
                "phases": [str(phase) for phase in phases_of(kind)],
                "takes_share": takes_share(kind),
            }
            for kind in kinds()
        ],
    }
