"""The report's HTML without a browser: escaping, structure, contrast, size, and the command."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from benchmarks import ledger_journals
from click.testing import CliRunner

from relaydrill.cli.commands import cli
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.judge import judge
from relaydrill.drills.model import Drill
from relaydrill.drills.record import load
from relaydrill.faults import FaultSpec
from relaydrill.report import html
from relaydrill.report.html import colours, repeat
from relaydrill.report.html.safe import visible
from tests.drills.test_command_line import run
from tests.histories import History
from tests.report.made_up import KILL, drill, outage, topology, write_run

_VOID = {"meta", "link", "rect", "line", "circle", "path", "br"}
_HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'><b>&amp;{{ 7*7 }}"


class Outline(HTMLParser):
    """The elements of a page, with their attributes and text, each with the ones around it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], tuple[str, ...]]] = []
        self.words: dict[int, str] = {}
        self._open: list[tuple[str, int]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element begins."""
        number = len(self.elements)
        self.elements.append((tag, dict(attrs), tuple(name for name, _ in self._open)))
        self.words[number] = ""
        if tag not in _VOID:
            self._open.append((tag, number))

    def handle_endtag(self, tag: str) -> None:
        """It ends, and with it whatever may be left open."""
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Text belongs to all the elements around it."""
        for _, number in self._open:
            self.words[number] += data

    def named(self, *tags: str) -> Iterator[tuple[int, dict[str, str | None]]]:
        """The elements of some names, in the order of the page."""
        for number, (tag, attributes, _) in enumerate(self.elements):
            if tag in tags:
                yield number, attributes


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    """The run directory of an outage."""
    return write_run(tmp_path / "run", topology(), drill(KILL), outage().events)


def test_nothing_of_a_run_becomes_markup(tmp_path: Path) -> None:
    """Names of nodes, replies, banners and summaries are words, whatever they contain."""
    history = outage(reason=_HOSTILE, server=_HOSTILE)
    history.write("lb1", "backend", at=2.5, backend=_HOSTILE, port=25, state=_HOSTILE, reason="")
    # No journal of a node names the server, so that its banner has to stand for it.
    history.events = [each for each in history.events if each.kind != "accepted"]
    run_directory = write_run(
        tmp_path / "run",
        topology('"' + _HOSTILE.replace('"', "") + '"'),
        drill(KILL),
        history.events,
    )
    text = html.report(run_directory)
    page = Outline(text)
    assert [attributes for _, attributes in page.named("script")] == [
        {"type": "application/json", "id": "relaydrill"}
    ]
    assert list(page.named("img", "b", "iframe", "object")) == []
    assert not any(
        name.startswith("on") for _, attributes, _ in page.elements for name in attributes
    )
    assert text.count("&lt;/script&gt;&lt;script&gt;alert(1)") > 4
    assert "{{ 7*7 }}" in text
    [(number, _)] = page.named("script")
    assert json.loads(page.words[number]) == judge(run_directory).document()


def test_the_page_holds_the_same_document_as_json(made_up: Path) -> None:
    """The embedded script is what ``judge --json`` prints."""
    page = Outline(html.report(made_up))
    [(number, _)] = page.named("script")
    printed = CliRunner().invoke(cli, ["judge", str(made_up), "--json"], standalone_mode=False)
    assert json.loads(page.words[number]) == json.loads(printed.output)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("plain", "plain"),
        ("größer ± 0.5 s …\n", "größer ± 0.5 s …\n"),
        ("250 \u202eko", "250 \\u202eko"),
        ("a\x1b[2Jb\x00", "a\\u001b[2Jb\\u0000"),
        ("\ud800", "\\ud800"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
    ],
)
def test_what_is_not_seen_is_shown(said: str, shown: str) -> None:
    """Control characters, and what turns the direction of reading, stand as their numbers."""
    assert visible(said) == shown
    visible(said).encode()


def test_a_surrogate_in_a_journal_does_not_break_the_file(tmp_path: Path) -> None:
    """Half a character, which JSON can hold and UTF-8 cannot, is written down as its number."""
    history = outage(reason="\ud83d half")
    run_directory = write_run(tmp_path / "run", topology(), drill(KILL), history.events)
    html.save(html.report(run_directory), tmp_path / "report.html")
    assert "\\ud83d half" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_the_matrix_has_its_legend(made_up: Path) -> None:
    """The page says what its cells mean, in the terminal's words."""
    text = html.report(made_up)
    matrix = text[text.index('id="matrix"') : text.index('id="account"')]
    assert "gap: the longest time in which nothing was accepted." in matrix


def test_headings_and_landmarks_are_in_order(made_up: Path) -> None:
    """One h1, no level skipped; header, nav, main and footer once each."""
    page = Outline(html.report(made_up))
    levels = [
        int(page.elements[number][0][1])
        for number, _ in page.named("h1", "h2", "h3", "h4", "h5", "h6")
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(len(list(page.named(name))) == 1 for name in ("header", "nav", "main", "footer"))


def test_every_reference_is_to_something_on_the_page(made_up: Path) -> None:
    """Anchors, labels and patterns name elements that exist; no two have one name."""
    text = html.report(made_up)
    page = Outline(text)
    names = [attributes["id"] for _, attributes, _ in page.elements if "id" in attributes]
    assert len(names) == len({*names})
    wanted = {str(a["href"])[1:] for _, a in page.named("a", "use")}
    for _, attributes, _ in page.elements:
        for name in ("aria-labelledby", "aria-describedby"):
            wanted |= {*str(attributes.get(name) or "").split()}
    wanted |= {*re.findall(r"url\(#(\w+)\)", text)}
    assert wanted <= {*names}


def test_tables_and_charts_speak(made_up: Path) -> None:
    """Each table has a caption and scopes, each chart a title, a description and its numbers."""
    page = Outline(html.report(made_up))
    tables, charts = list(page.named("table")), [n for n, a in page.named("svg") if "role" in a]
    assert len(list(page.named("caption"))) == len(tables) > 3
    assert all(attributes.get("scope") for _, attributes in page.named("th"))
    assert len(charts) == 1
    assert [page.elements[number + 1][0] for number in charts] == ["title"]
    assert [page.elements[number + 2][0] for number in charts] == ["desc"]
    assert all(
        attributes.get("aria-hidden") == "true"
        for number, attributes in page.named("svg")
        if number not in charts
    )
    assert any(attributes.get("class") == "numbers" for _, attributes in page.named("table"))


def test_a_page_needs_nothing_else(made_up: Path) -> None:
    """No address of anything outside, and a policy that would forbid to load it."""
    text = html.report(made_up)
    assert "://" not in text
    assert "@import" not in text
    assert "default-src 'none'" in text


def _luminance(colour: str) -> float:
    """Relative luminance of #rrggbb, WCAG 2.2."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, WCAG 2.2: from 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [colours.LIGHT, colours.DARK], ids=["light", "dark"])
def test_text_and_marks_stand_out(scheme: dict[str, str]) -> None:
    """Text at least 4.5 to 1 (WCAG 2.2, 1.4.3), what is drawn 3 to 1 (1.4.11)."""
    weak = [
        (text, ground, ratio)
        for pairs, least in ((colours.TEXTS, 4.5), ([(m, "card") for m in colours.MARKS], 3.0))
        for text, ground in pairs
        if (ratio := contrast(scheme[text], scheme[ground])) < least
    ]
    assert weak == []
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


def test_every_colour_of_the_style_is_from_the_table() -> None:
    """Each name exists for light and dark; but for paper, no colour is written down elsewhere."""
    style = (Path(html.__file__).parent / "templates" / "style.css").read_text()
    assert {*colours.LIGHT} == {*colours.DARK}
    assert {*re.findall(r"var\(--([\w-]+)\)", style)} - {"s", "t"} <= {*colours.LIGHT}
    screen, _, _ = style.partition("@media print")
    assert re.findall(r"#[0-9a-f]{3,6}\b(?=[;\s])", screen) == []


@pytest.mark.parametrize(
    "faults", [(), (KILL,), (FaultSpec("kill", "lb1", 10.0, float("inf")), KILL)], ids=len
)
def test_the_command_on_the_page_runs_the_same_drill(
    tmp_path: Path, faults: tuple[FaultSpec, ...]
) -> None:
    """Read as a shell reads it, it plans the same flows, faults, times and seed."""
    design = topology()
    whole = plan(design, faults=tuple(str(fault) for fault in faults), seed=7)
    file = tmp_path / "a folder" / "topology.yaml"
    name, *arguments = shlex.split(repeat.command(whole, "process", file))
    assert name == "relaydrill"
    with cli.make_context(name, list(arguments)) as context:
        command, found, rest = cli.resolve_command(context, arguments)
        assert found
        values = found.make_context(str(command), list(rest), parent=context).params
    assert (values["topology"], values["driver"]) == (str(file), "process")
    again = plan(design, faults=values["faults"], flows=values["flows"], seed=values["seed"])
    assert replace(again, name=whole.name) == whole


def test_what_is_run_on_a_lab_of_others_says_that_it_breaks_it() -> None:
    """Without the permission, the command would be refused."""
    assert repeat.command(drill(KILL), "attach", Path("t.yaml")).endswith("--allow-faults")
    assert "--allow-faults" not in repeat.command(drill(), "attach", Path("t.yaml"))


def test_what_was_lost_is_told_first(tmp_path: Path) -> None:
    """A message that was promised and is nowhere: the verdict, the number, and the account."""
    history = outage()
    history.attempt("<gone@app>", at=5.99, server="ht1", code=250)
    history.accepted("<gone@app>", "ht1", at=5.9905)
    history.queue("ht1", at=7.0)
    run_directory = write_run(tmp_path / "run", topology(), drill(KILL), history.events)
    page = Outline(html.report(run_directory))
    [(banner, _)] = [each for each in page.named("div") if each[1].get("class") == "banner fail"]
    assert "FAIL" in page.words[banner]
    assert "1 of 121 messages was lost." in page.words[banner]
    [bad] = [n for n, attributes in page.named("td") if attributes.get("class") == "n bad"]
    assert page.words[bad] == "1"


def test_what_nobody_could_see_is_not_called_safe(tmp_path: Path) -> None:
    """Where arrivals are not observed, the page does not say that none was lost."""
    history = outage()
    history.write("harness", "sight", at=0.0, arrivals=False, blind=[])
    history.events = [each for each in history.events if each.kind != "arrived"]
    text = html.report(write_run(tmp_path / "run", topology(), drill(KILL), history.events))
    assert "None of" not in text
    assert "Whether mail was lost is not known: 80 messages were not seen to arrive." in text


def test_a_run_without_any_mail_has_a_page(tmp_path: Path) -> None:
    """A harness that failed before it began: unknown, with why, and no chart."""
    text = html.report(write_run(tmp_path / "run", topology(), drill(KILL), ()))
    page = Outline(text)
    assert "No mail was sent." in text
    assert not [n for n, a in page.named("svg") if "role" in a]


def _long_run(directory: Path, messages: int) -> int:
    """The size of the report of a run of so many messages, all in twenty seconds."""
    history = History()
    for number in range(messages):
        begun, name = 20 * number / messages, f"ht{1 + number % 2}"
        history.attempt(f"<{number}@app>", at=begun, took=0.004, code=250, server=name)
        history.accepted(f"<{number}@app>", name, at=begun + 0.002)
        history.arrived(f"<{number}@app>", at=begun + 0.003)
    plan = Drill("long", ("relay",), (), length_s=200.0, settle_s=10.0, seed=1)
    return len(html.report(write_run(directory, topology(), plan, history.events)).encode())


def test_the_file_does_not_grow_with_the_messages(tmp_path: Path) -> None:
    """Ten times as many are the same number of buckets, with a digit more in each."""
    assert _long_run(tmp_path / "long", 10_000) < 1.2 * _long_run(tmp_path / "short", 1_000)


@pytest.mark.parametrize("named", [True, False], ids=["own names", "other names"])
def test_a_large_ledger_gives_the_same_page(tmp_path: Path, named: bool) -> None:
    """However the ledger is kept, and whether or not a banner bears the name of its node."""
    directory = tmp_path / "run"
    ledger_journals.write(directory, 1500)
    if not named:
        journal = directory / "journals" / "app.jsonl"
        journal.write_text(journal.read_text().replace('"server":"ht', '"server":"MX'))
    large = judge(directory, many_bytes=0)
    assert len(large.ledger.whole) < 15
    assert html.render(large) == html.report(directory)


def test_the_command_writes_where_it_says(tmp_path: Path) -> None:
    """By default into the run; --out elsewhere, over what is there; a file alone is no run."""
    write_run(tmp_path / "run", topology(), drill(KILL), outage().events)
    assert run(tmp_path, "report", "run").stdout == "Wrote run/report.html\n"
    first = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    run(tmp_path, "report", "run", "--out", "run/report.html")
    assert (tmp_path / "run" / "report.html").read_text(encoding="utf-8") == first
    (tmp_path / "empty").mkdir()
    assert "is no run directory" in run(tmp_path, "report", "empty", status=2).stderr
    wrong = run(tmp_path, "report", "run", "--out", "nowhere/report.html", status=2).stderr
    assert "nowhere/report.html cannot be written: No such file or directory" in wrong


def test_a_run_tells_when_it_was_and_what_ran_it(made_up: Path) -> None:
    """The versions and the moment of the run directory, also on the page."""
    found = load(made_up)
    text = html.report(made_up)
    assert found.at
    assert f"Relaydrill {found.relaydrill}, Python {found.python}" in text
    assert found.at[:16].replace("T", " ") + " UTC" in text
