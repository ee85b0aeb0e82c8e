"""The table of `relaydrill plan`."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from relaydrill.planning import Outlook, Share


def show_outlooks(name: str, outlooks: tuple[Outlook, ...], on: Console) -> None:
    """A row for each thing that is gone: every node's load, and what does not hold."""
    nodes = [*outlooks[0].nodes]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("gone", no_wrap=True)
    for node in nodes:
        table.add_column(node, justify="right", no_wrap=True)
    table.add_column("no way in", justify="right")
    table.add_column("holds")
    for outlook in outlooks:
        table.add_row(
            outlook.gone,
            *[_cell(outlook.nodes[node]) for node in nodes],
            f"{outlook.lost:.1f}/s" if outlook.lost > 1e-9 else "-",
            Text("yes", "green") if outlook.holds else Text("NO", "bold red"),
        )
    on.print(f"Plan of {name}: where the mail goes with this and that gone.")
    on.print(table)
    on.print("Attempts a second at the peak, and the share of all; ! is more than the node bears.")
    unknown = [name for name in nodes if outlooks[0].nodes[name].capacity is None]
    if unknown:
        on.print(f"No capacity is declared of {', '.join(unknown)}: taken to bear everything.")
    failing = [outlook.gone for outlook in outlooks if not outlook.holds]
    if failing:
        on.print(Text(f"FAIL: it does not hold with {', '.join(failing)} gone", "bold red"))
    else:
        on.print(Text(f"PASS: it holds with any of them gone{_as_far(nodes, unknown)}", "green"))


def _as_far(nodes: list[str], unknown: list[str]) -> str:
    """The verdict's own bounds: a node that declares no capacity is never overloaded."""
    if not unknown:
        return ""
    told = ", as far as capacities are declared"
    return f"{told}: none is" if len(unknown) == len(nodes) else told


def _cell(share: Share) -> str:
    if share.rate < 1e-9:
        return "-"
    mark = "!" if share.overloaded else ""
    return f"{mark}{share.rate:.1f} {_percent(share.share)}"


def _percent(share: float) -> str:
    """Whole where it is whole, else with one decimal: rounded shares would not add up."""
    percent = f"{100 * share:.1f}"
    return f"{percent.removesuffix('.0')}%"


def as_json(outlooks: tuple[Outlook, ...]) -> list[dict[str, object]]:
    """The same as plain JSON values."""
    return [
        {
            "gone": outlook.gone,
            "holds": outlook.holds,
            "lost_per_s": round(outlook.lost, 6),
            "nodes": {
                name: {
                    "rate_per_s": round(node.rate, 6),
                    "share": round(node.share, 6),
                    "deviation": round(node.spread, 6),
                    "capacity_per_s": node.capacity,
                    "overloaded": node.overloaded,
                }
                for name, node in outlook.nodes.items()
            },
        }
        for outlook in outlooks
    ]
