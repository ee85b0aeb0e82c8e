"""Tables that keep verdicts and figures whole at any width.

Where the lines of a table do not fit, each row becomes a record instead: its keys on a line, and
below them every figure beside its heading. Nothing is cut, and nothing is broken within a cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

NOTHING: Final = "-"
"""What stands in a cell that has nothing to say; a record leaves such cells out."""

_BETWEEN: Final = 3
_LEAST_OF_A_SENTENCE: Final = 16
_INDENT: Final = "    "


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        heading: What stands over it, or beside it in a record; without one it belongs to the column
            before it.
        is_key: Whether it stands in the first line of a record, without its heading.
        justify: Figures stand to the right.
        wraps: Whether its cells may be broken between words: sentences, and nothing else.
    """

    heading: str
    is_key: bool = False
    justify: Literal["left", "right"] = "left"
    wraps: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        cells: One for each column.
        ends_section: Whether a line follows it in a table.
    """

    cells: tuple[Text, ...]
    ends_section: bool = False


def row(*cells: str | Text, ends_section: bool = False) -> Row:
    """A row of these cells; strings are plain text, whatever brackets are in them."""
    texts = tuple(cell if isinstance(cell, Text) else Text(cell) for cell in cells)
    return Row(texts, ends_section)


def show_table(columns: Sequence[Column], rows: Sequence[Row], on: Console) -> None:
    """Print a table, or a list of records where its lines do not fit.

    Args:
        columns: From left to right.
        rows: From top to bottom.
        on: Where to; its width decides.
    """
    if _least_width(columns, rows) <= on.width:
        on.print(_table(columns, rows))
        return
    on.print()
    for each in rows:
        for line in _record(columns, each, on.width):
            on.print(line, overflow="fold")
        if each.ends_section:
            on.print()


def _least_width(columns: Sequence[Column], rows: Sequence[Row]) -> int:
    """What a table needs: whole cells, or part of those that may be broken, and what is between."""
    found = -1
    for number, column in enumerate(columns):
        whole = max(cell_len(column.heading), *(each.cells[number].cell_len for each in rows), 0)
        found += (min(whole, _LEAST_OF_A_SENTENCE) if column.wraps else whole) + _BETWEEN
    return found


def _table(columns: Sequence[Column], rows: Sequence[Row]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column.heading, justify=column.justify, no_wrap=not column.wraps)
    for each in rows:
        table.add_row(*each.cells, end_section=each.ends_section)
    return table


def _record(columns: Sequence[Column], each: Row, width: int) -> Iterator[Text]:
    """The lines of one row."""
    pairs = [*zip(columns, each.cells, strict=True)]
    keys = [cell for column, cell in pairs if column.is_key and cell.plain]
    yield from _filled(keys, "  ", "", width)
    figures: list[Text] = []
    for column, cell in pairs:
        if column.is_key or cell.plain in ("", NOTHING):
            continue
        if column.heading or not figures:
            figures.append(Text.assemble((f"{column.heading} ".lstrip(), "dim"), cell))
        else:
            figures[-1] = Text.assemble(figures[-1], " ", cell)
    yield from _filled(figures, ", ", _INDENT, width)


def _filled(pieces: Sequence[Text], between: str, indent: str, width: int) -> Iterator[Text]:
    """Lines of as many whole pieces as fit."""
    line = Text(indent)
    is_begun = False
    for number, piece in enumerate(pieces):
        ending = between.rstrip() if number < len(pieces) - 1 else ""
        whole = Text.assemble(piece, ending)
        gap = " " * (len(between) - len(between.rstrip())) if is_begun else ""
        if is_begun and line.cell_len + len(gap) + whole.cell_len > width:
            yield line
            line, gap = Text(indent), ""
        line.append(gap).append_text(whole)
        is_begun = True
    if is_begun:
        yield line
