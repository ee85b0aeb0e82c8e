"""Tables that keep verdicts and figures whole at any width."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from relaydrill import topology_files
from relaydrill.drills.audit import Audit
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.family import PLANNED, FalseAlarm
from relaydrill.drills.result import FlowVerdict, Judgement
from relaydrill.ledger import Ledger
from relaydrill.planning import outlooks
from relaydrill.report import terminal, words
from relaydrill.report.plan import show_outlooks
from relaydrill.report.tables import Column, row, show_table
from relaydrill.verdict import Status, failed, passed

WIDTHS = (60, 80, 100, 120, 200)

_COLUMNS = (
    Column("drill, flow", is_key=True),
    Column("verdict", is_key=True),
    Column("gap"),
    Column("failed", justify="right"),
    Column("what it said", wraps=True),
)


def shown(columns: tuple[Column, ...], rows: Sequence[tuple[str, ...]], width: int) -> str:
    """A table, as a terminal of this width shows it."""
    into = io.StringIO()
    show_table(columns, [row(*cells) for cells in rows], Console(file=into, width=width))
    return into.getvalue()


WORDS = st.text(st.characters(codec="ascii", categories=("L", "N", "P")), min_size=1, max_size=24)
CELLS = st.tuples(WORDS, st.sampled_from([*map(str, Status)]), WORDS, WORDS, st.just("-"))


@given(st.lists(CELLS, min_size=1, max_size=6), st.sampled_from(WIDTHS))
def test_every_cell_stands_whole_on_one_line(rows: list[tuple[str, ...]], width: int) -> None:
    """Whatever is in them and however narrow the terminal is, no cell is cut or broken."""
    lines = shown(_COLUMNS, rows, width).splitlines()
    assert max(map(len, lines)) <= width
    for cells in rows:
        for cell in cells[:-1]:
            assert any(cell in line for line in lines), cell


@pytest.mark.parametrize("width", WIDTHS)
def test_a_record_keeps_its_keys_together(width: int) -> None:
    """The verdict stands on the line of what it is about, at any width."""
    rows = [("kill:ht1 relay", "fail", "12.3 ± 0.2 s", "31/240", "-")] * 2
    lines = shown(_COLUMNS, rows, width).splitlines()
    assert sum("kill:ht1 relay" in line and "fail" in line for line in lines) == 2


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["microsoft", "twosites"])
def test_a_plan_keeps_its_figures(name: str, width: int) -> None:
    """Every rate with its share, and whether it holds, stands whole at any width."""
    found = outlooks(topology_files.load(name))
    into = io.StringIO()
    show_outlooks(name, found, Console(file=into, width=width))
    text = into.getvalue()
    assert "…" not in text
    for outlook in found:
        for share in outlook.nodes.values():
            if share.rate > 0.1:
                assert f"{share.rate:.1f} {100 * share.share:.1f}".removesuffix(".0") in text
    assert text.count("yes") + text.count("NO") >= len(found)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["microsoft", "sharepoint"])
def test_an_audit_keeps_its_verdicts_and_gaps(name: str, width: int) -> None:
    """What was broken, each flow's verdict and its gap stand whole at any width."""
    design = topology_files.load(name)
    rows = tuple(
        Judgement(
            drill,
            design,
            "process",
            Path(drill.name),
            tuple(
                FlowVerdict(
                    flow,
                    (
                        (failed if number % 3 else passed)(
                            "gap", f"{number}.5 s without an accepted message", gap_s=number + 0.5
                        ),
                    ),
                )
                for flow in drill.flows
            ),
            Ledger(),
        )
        for number, drill in enumerate(plan_audit(design))
    )
    audit = Audit(design, "process", 1, Path("runs"), rows, FalseAlarm(1, PLANNED, ()))
    into = io.StringIO()
    terminal.show_audit(audit, Console(file=into, width=width))
    text = into.getvalue()
    assert "…" not in text
    for number, judged in enumerate(rows):
        (line,) = (
            line
            for line in text.partition("\nNote")[0].splitlines()
            if words.row_title(judged) in line and "broken alone" not in line
        )
        verdict = "fail" if number % 3 else "pass"
        below = text.partition(line)[2].splitlines()[:4]
        assert any(verdict in each for each in (line, *below))
        assert any(f"{number}.5 s" in each for each in (line, *below))
