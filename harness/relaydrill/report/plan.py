"""The table of `relaydrill plan`."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from relaydrill.documents.design import PlanDocument
from relaydrill.planning import Outlook, Share
from relaydrill.report.tables import NOTHING, Column, row, show_table
from relaydrill.yearly_cost.cost import YearlyCost


def show_outlooks(name: str, outlooks: tuple[Outlook, ...], on: Console) -> None:
    """A row for each thing that is gone: every node's load, and what does not hold."""
    nodes = [*outlooks[0].nodes]
    columns = (
        Column("gone", is_key=True),
        *(Column(node, justify="right") for node in nodes),
        Column("no way in", justify="right"),
        Column("holds"),
    )
    rows = [
        row(
            outlook.gone,
            *[_cell(outlook.nodes[node]) for node in nodes],
            f"{outlook.lost:.1f}/s" if outlook.lost > 1e-9 else NOTHING,
            Text("yes", "green") if outlook.holds else Text("NO", "bold red"),
        )
        for outlook in outlooks
    ]
    on.print(f"Plan of {name}: where the mail goes, for each loss.")
    show_table(columns, rows, on)
    on.print("Attempts a second at the peak, and the share of all; ! = over capacity.")
    unknown = [name for name in nodes if outlooks[0].nodes[name].capacity is None]
    if unknown:
        on.print(f"No capacity is declared for {', '.join(unknown)}: assumed unlimited.")
    failing = [outlook.gone for outlook in outlooks if not outlook.holds]
    if failing:
        on.print(Text(f"FAIL: does not survive the loss of {', '.join(failing)}", "bold red"))
    else:
        on.print(Text(f"PASS: survives the loss of any one{_as_far(nodes, unknown)}", "green"))


def _as_far(nodes: list[str], unknown: list[str]) -> str:
    """The verdict's own bounds: a node that declares no capacity is never overloaded."""
    if not unknown:
        return ""
    if len(unknown) == len(nodes):
        return "; capacity unchecked: none is declared"
    return ", as far as capacities are declared"


def _cell(share: Share) -> str:
    if share.rate < 1e-9:
        return NOTHING
    mark = "!" if share.overloaded else ""
    return f"{mark}{share.rate:.1f} {_percent(share.share)}"


def _percent(share: float) -> str:
    """Whole where it is whole, else with one decimal: rounded shares would not add up."""
    percent = f"{100 * share:.1f}"
    return f"{percent.removesuffix('.0')}%"


def plan_document(
    name: str, outlooks: tuple[Outlook, ...], cost: YearlyCost | None
) -> PlanDocument:
    """What ``--json`` prints.

    Args:
        name: The topology's.
        outlooks: With each thing gone; none where there is no inbound flow.
        cost: What a year costs; None where no failure is declared.
    """
    return {
        "format": "relaydrill.plan",
        "version": 1,
        "topology": name,
        "holds": all(outlook.holds for outlook in outlooks),
        "outlooks": [
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
        ],
        "yearly_cost": cost.document() if cost else None,
    }
