"""The table of `relaydrill history`, and what changed last, in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC
from typing import Final

from rich.console import Console
from rich.text import Text

from relaydrill.drills.figures import Figures
from relaydrill.drills.history import BETTER, NOTE, WORSE, History, Run
from relaydrill.report.tables import Column, Row, row, show_table
from relaydrill.report.terminal import status_text

_STYLE = {WORSE: "bold red", NOTE: "yellow", BETTER: "green"}


_COLUMNS: Final = (
    Column("drill, flow", is_key=True),
    Column("begun, UTC", is_key=True),
    Column("verdict", is_key=True),
    Column("gap"),
    *(Column(each, justify="right") for each in ("failed", "late", "lost", "twice")),
    Column("furthest from its share"),
)


def show_history(history: History, last: int, on: Console) -> None:
    """The last runs of each series, then the changes with where their evidence is."""
    show_table(_COLUMNS, [*_rows(history, last)], on)
    for line in history.left_out:
        on.print(f"Left out: {line}", soft_wrap=True, markup=False)
    _show_changes(history, on)
    runs = sum(len(series.runs) for series in history.series)
    on.print(
        f"{runs} verdict{'s' if runs != 1 else ''} in {len(history.series)} series; in"
        f" {len(history.worse)} of them the newest is worse than the one before it."
        " Times are field seconds.",
        soft_wrap=True,
    )


def _rows(history: History, last: int) -> Iterator[Row]:
    for series in history.series:
        shown = series.runs[-last:]
        for run in shown:
            title = str(series.likeness) if run is shown[0] else ""
            yield row(title, *_cells(run), ends_section=run is shown[-1])


def _cells(run: Run) -> list[str | Text]:
    figures = run.figures
    failed = "-" if figures.failed is None else f"{figures.failed}/{figures.attempts}"
    return [
        f"{run.at.astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        status_text(run.shown),
        "-" if figures.gap_s is None else f"{figures.gap_s:.1f} ± {figures.resolution_s:.1f} s",
        failed,
        _count(figures.late),
        _count(figures.lost),
        _count(figures.duplicated),
        _share(figures),
    ]


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _share(figures: Figures) -> str:
    found = figures.spread
    return f"{found.server} {found.share:.0%} of {found.fair:.0%}" if found else "-"


def _show_changes(history: History, on: Console) -> None:
    for series in history.series:
        for change in series.changes:
            head = Text(change.what, style=_STYLE[change.what])
            on.print(
                Text.assemble(head, f"  {series.likeness}: {change.told}"),
                soft_wrap=True,
            )
            if change.what == WORSE:
                on.print(
                    f"       now {series.runs[-1].directory}, before {series.runs[-2].directory}",
                    soft_wrap=True,
                    markup=False,
                )
