"""What `relaydrill sequences` says: every built-in sequence, and what it promises."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relaydrill.drills import sequences


def show_sequences(on: Console) -> None:
    """A row for each, and how they are used."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("sequence", no_wrap=True)
    table.add_column("what breaks")
    table.add_column("what a tier that copes does meanwhile")
    for each in sequences.builtins():
        table.add_row(Text(each.name), Text(each.summary), Text(each.promises))
    on.print(table)
    on.print(Text("drill TOPOLOGY --sequence NAME or FILE; sequences NAME prints the file of one"))
