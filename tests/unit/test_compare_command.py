"""``relaydrill compare`` on run directories: what it prints, and what it refuses."""

from __future__ import annotations

import html
import io
import json
import re
import shutil
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from tests.compared_runs import audit_of, judged, write_outage
from tests.documents import misfits

from relaydrill.cli.commands import run
from relaydrill.drills.comparison import Comparison, compare_results
from relaydrill.report.comparison import show_comparison
from relaydrill.report.comparison_markdown import markdown, plain
from relaydrill.report.html import render
from relaydrill.verdict import failed, passed

WIDTHS = (60, 80, 120, 200)
FAULTS = ("kill:ht1", "kill:ht2", "kill:ht3", "kill:lb1")


def gap(found_s: float, allowed_s: float = 15.0) -> Any:
    """What the check of the gap says."""
    made = passed if found_s < allowed_s else failed
    summary = f"nothing accepted for {found_s} s <b>|*x*| @team"
    return made("gap", summary, gap_s=found_s, resolution_s=0.6, begin_s=0.0, wall_s=0.0)


def compared() -> Comparison:
    """Four rows of two flows, some of them worse, one better."""
    base = [judged(each, {"relay": (gap(2.5),), "submission": (gap(31.5),)}) for each in FAULTS]
    change = [
        judged("kill:ht1", {"relay": (gap(32.5),), "submission": (gap(3.5),)}),
        judged("kill:ht2", {"relay": (gap(12.5),), "submission": (gap(31.5),)}),
        *base[2:],
    ]
    return compare_results(audit_of(*base), audit_of(*change))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("with_all", [False, True])
def test_the_table_keeps_verdicts_and_times(width: int, with_all: bool) -> None:
    """The summary comes first; each row's result, verdict and times stand whole at any width."""
    into = io.StringIO()
    show_comparison(compared(), Console(file=into, width=width), with_all=with_all)
    text = into.getvalue()
    assert text.splitlines()[0] == "2 rows worse, 1 better, 5 the same"
    assert "…" not in text
    lines = text.splitlines()
    for result, title, flow, verdict, times in (
        ("worse", "ht1 killed", "relay", "pass → fail", "2.5 ± 0.6 s → 32.5 ± 0.6 s"),
        ("better", "ht1 killed", "submission", "fail → pass", "31.5 ± 0.6 s → 3.5 ± 0.6 s"),
        ("worse", "ht2 killed", "relay", "pass", "2.5 ± 0.6 s → 12.5 ± 0.6 s"),
    ):
        (at,) = (
            number
            for number, line in enumerate(lines)
            if re.search(rf"^ *{result}  +{title}  +{flow}  +{re.escape(verdict)}( |$)", line)
        )
        assert any(times in line for line in lines[at : at + 3])
    assert ("--all" in text) != with_all
    assert any(re.search(r"^ *same  +lb1 killed", line) for line in lines) == with_all


def test_markdown_is_short_and_plain() -> None:
    """The rows that are not the same as a table, and nothing of a reply that means something."""
    text = markdown(compared())
    assert text.startswith("**Failover: 2 rows worse, 1 better, 5 the same**\n")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) == 4
    assert {line.count("|") for line in rows} == {7}
    assert "| worse | ht1 killed | relay | pass → **fail** | 2.5 ± 0.6 s → 32.5 ± 0.6 s |" in text
    assert "@" not in text
    assert "<b>" not in text


@given(st.text(max_size=900))
def test_no_text_means_anything_to_markdown(text: str) -> None:
    """One line, no cell's end, no HTML, no link, no mention, however long."""
    shown = plain(text)
    assert len(shown.splitlines()) <= 1
    without = re.sub(r"&#\d+;", "", shown)
    assert not set(without) & set("<>|*_`[]#@~$\\&")
    assert len(re.sub(r"&#\d+;", "x", shown)) <= 400
    assert {unicodedata.category(each) for each in shown} & {"Cc", "Cf", "Cs"} == set()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A run whose outage was short."""
    return write_outage(tmp_path / "base", 0.3)


@pytest.fixture
def worse(tmp_path: Path) -> Path:
    """One whose outage was long."""
    return write_outage(tmp_path / "worse", 1.5)


def test_what_is_worse_ends_with_1(
    base: Path, worse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And with 0 the other way round; JSON, Markdown and the table say the same."""
    assert run(["compare", str(base), str(worse)]) == 1
    assert capsys.readouterr().out.startswith("1 row worse\n")
    assert run(["compare", str(worse), str(base)]) == 0
    assert capsys.readouterr().out.startswith("1 row better\n")
    assert run(["compare", str(base), str(worse), "--markdown"]) == 1
    assert capsys.readouterr().out.startswith("**Failover: 1 row worse**\n")
    assert run(["compare", str(base), str(worse), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert misfits(document) == []
    assert (document["summary"], document["exit_status"]) == ("1 row worse", 1)


def test_the_page_says_what_the_table_says(
    base: Path, worse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every row, difference and place, the same document as JSON, and nothing from elsewhere."""
    file = tmp_path / "compare.html"
    assert run(["compare", str(base), str(worse), "--html", str(file), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    page = file.read_text()
    held = re.search(r'<script type="application/json" id="relaydrill">(.*?)</script>', page, re.S)
    assert held
    assert json.loads(held[1]) == document
    words = html.unescape(re.sub(r"<[^>]*>", " ", page.replace(held[0], "")))
    assert "WORSE" in words
    for row in document["rows"]:
        assert row["title"] in words
        for each in row["differences"]:
            assert each["told"] in words
    assert str(base) in words
    assert str(worse) in words
    assert not re.search(r"(src|href)=[\"'](?!#|data:)", page)


def test_nothing_of_a_run_becomes_markup_of_the_page() -> None:
    """What servers replied, and the names that people give."""
    page = render(compared())
    assert "<b>" not in page
    assert "&lt;b&gt;" in page


def test_a_page_that_cannot_be_written_is_told_first(
    base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is run or judged."""
    missing = tmp_path / "no" / "compare.html"
    assert run(["compare", str(base), str(base), "--html", str(missing)]) == 2
    assert "there is no such directory" in capsys.readouterr().err


def test_a_run_with_itself_has_changed_nothing(
    base: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And is told that it is one directory."""
    assert run(["compare", str(base), str(base)]) == 0
    told = capsys.readouterr().out
    assert told.startswith("1 row the same\n")
    assert "BASE and CHANGE are one directory" in told


def test_an_audit_and_a_drill_share_a_row(
    base: Path, worse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same fault of an audit stands beside a drill of its own."""
    audit = tmp_path / "audit"
    shutil.copytree(base, audit / "kill-ht1")
    (audit / "audit.json").write_text('{"rows": ["kill-ht1"]}')
    assert run(["compare", str(audit), str(worse)]) == 1
    assert capsys.readouterr().out.startswith("1 row worse\n")


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one line with which a command ends that its user got wrong."""
    assert run(["compare", *words]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    [line] = told.err.splitlines()
    assert line.startswith("relaydrill: ")
    return line


class TestRefused:
    """One sentence, no traceback, status 2."""

    @pytest.mark.parametrize("turned", [False, True])
    @pytest.mark.parametrize(
        ("name", "content", "said"),
        [
            ("notes.txt", "nothing of the sort", "is neither a run directory nor a topology file"),
            ("binary", "\x00\x01\x02", "is neither a run directory nor a topology file"),
            ("empty.yaml", "", "is neither a run directory nor a topology file"),
        ],
    )
    def test_a_file_that_is_neither(
        self,
        name: str,
        content: str,
        said: str,
        turned: bool,
        base: Path,
        tmp_path: Path,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        """On either side."""
        (tmp_path / name).write_text(content)
        sides = [str(base), str(tmp_path / name)]
        assert said in refused(capsys, *(sides[::-1] if turned else sides))

    def test_a_file_of_a_run(self, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """With the folder that was meant."""
        told = refused(capsys, str(base), str(base / "verdict.json"))
        assert told.endswith(f"give the folder that it lies in: {base}")

    def test_what_is_not_there(self, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A name, and a path."""
        for name in ("nowhere", "./nowhere.yaml", "no\0where"):
            refused(capsys, str(base), name)

    def test_a_folder_that_is_no_run(
        self, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """One that holds runs says so."""
        assert "is a folder of runs" in refused(capsys, str(base), str(tmp_path))

    def test_one_of_each(self, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """A run and a topology."""
        assert "give two of a kind" in refused(capsys, str(base), "sharepoint")

    def test_options_that_are_for_topologies(
        self, base: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """Runs that are over are not run otherwise."""
        told = refused(capsys, str(base), str(base), "--seed", "3", "--flow", "relay")
        assert "--flow and --seed are for topologies" in told

    def test_two_forms_at_once(self, base: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """JSON and Markdown."""
        assert run(["compare", str(base), str(base), "--json", "--markdown"]) == 2
        assert json.loads(capsys.readouterr().out)["format"] == "relaydrill.error"

    def test_half_a_run(self, base: Path, worse: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Half of its drill.json; a topology that is gone; and a newer version's."""
        (worse / "topology.yaml").rename(worse / "kept.yaml")
        refused(capsys, str(base), str(worse))
        (worse / "kept.yaml").rename(worse / "topology.yaml")
        whole = (worse / "drill.json").read_text()
        (worse / "drill.json").write_text(whole[:100])
        assert "cannot be read" in refused(capsys, str(base), str(worse))
        newer = json.loads(whole) | {"version": 99}
        (worse / "drill.json").write_text(json.dumps(newer))
        assert "use the newer one that wrote it" in refused(capsys, str(base), str(worse))

    def test_a_run_of_other_faults(
        self, base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """There is nothing to compare."""
        other = tmp_path / "other"
        shutil.copytree(base, other)
        file = other / "drill.json"
        file.write_text(file.read_text().replace("kill:ht1", "kill:ht2"))
        assert "no row in common" in refused(capsys, str(base), str(other))


def test_evidence_that_is_not_whole_is_no_change(
    base: Path, worse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A journal that is missing leaves a row that cannot be told; the command ends with 3."""
    (worse / "journals" / "ht2.jsonl").unlink()
    assert run(["compare", str(base), str(worse)]) == 3
    told = capsys.readouterr().out
    assert told.startswith("1 row cannot be told\n")
    assert "nothing was proven in CHANGE" in told


def test_designs_without_a_flow_in_common_are_not_even_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is known before anything is brought up, and leaves no folder behind."""
    monkeypatch.chdir(tmp_path)
    assert run(["compare", "sharepoint", "twosites", "--flow", "relay"]) == 2
    assert "relay" in capsys.readouterr().err
    assert run(["compare", "sharepoint", "microsoft"]) == 2
    assert "no row in common" in capsys.readouterr().err
    assert [*tmp_path.iterdir()] == []
