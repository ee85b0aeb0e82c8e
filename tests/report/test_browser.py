"""The report of a real audit in a real browser: Chromium, without a window."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from relaydrill.ledger import Account
from relaydrill.report.html import colours
from tests.drills.test_command_line import run, start

_CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(not _CHROMIUM, reason="no Chromium: apt-get install chromium")

_PHONE: Final[ViewportSize] = {"width": 360, "height": 740}
_DESKTOP: Final[ViewportSize] = {"width": 1200, "height": 1280}


@dataclass(frozen=True)
class Reported:
    """An audit of a hub and the balancer: its report, and what ``audit --json`` printed."""

    file: Path
    document: dict[str, Any]


@pytest.fixture(scope="session")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Reported:
    """One audit for all tests, its report written by the audit itself."""
    folder = tmp_path_factory.mktemp("audit")
    nodes = ("--node", "ht1", "--node", "lb1", "--driver", "simulate")
    audit = start(
        folder, "audit", *nodes, "--jobs", "1", "--out", "run", "--html", "a.html", "--json"
    )
    told, complaint = audit.communicate(timeout=110)
    assert audit.returncode == 0, complaint
    return Reported(folder / "a.html", json.loads(told))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; as root it has no sandbox.

    Not for the whole session: while it is there an event loop runs in this thread, and no other
    test could run one.
    """
    with sync_playwright() as playwright:
        flags = ["--no-sandbox"] if os.geteuid() == 0 else []
        found = playwright.chromium.launch(executable_path=_CHROMIUM, args=flags)
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, reported: Reported) -> Iterator[Page]:
    """The report on a desktop, in the light."""
    with browser.new_context(viewport=_DESKTOP, color_scheme="light") as context:
        found = context.new_page()
        found.goto(reported.file.as_uri())
        yield found


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: RELAYDRILL_SCREENSHOTS, or a temporary folder."""
    wanted = os.environ.get("RELAYDRILL_SCREENSHOTS")
    folder = Path(wanted) if wanted else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def rows_of(page: Page, table: str) -> list[list[str]]:
    """The text of a table's cells as the browser shows it, row by row."""
    found = page.eval_on_selector_all(
        f"{table} tbody tr",
        "rows => rows.map(row => [...row.cells].map(cell => cell.innerText.trim()))",
    )
    assert isinstance(found, list)
    return found


def test_no_error_and_no_request_but_the_file_itself(browser: Browser, reported: Reported) -> None:
    """Nothing is asked for but the page, and nothing complains; its policy was not hurt."""
    requests: list[str] = []
    complaints: list[str] = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(reported.file.as_uri(), wait_until="networkidle")
        page.eval_on_selector_all("details", "all => all.forEach(each => each.open = true)")
    assert [url for url in requests if not url.startswith("data:")] == [reported.file.as_uri()]
    assert complaints == []


def test_the_embedded_document_is_the_one_of_json(page: Page, reported: Reported) -> None:
    """What the browser parses is what ``audit --json`` printed."""
    assert page.evaluate("JSON.parse(document.getElementById('relaydrill').textContent)") == (
        reported.document
    )


def test_the_matrix_is_that_of_the_document(page: Page, reported: Reported) -> None:
    """A row for each drill, a cell for each flow; status, gap and failures are the JSON's."""
    rows = rows_of(page, ".matrix")
    assert [row[0] for row in rows] == ["nothing broken", "ht1 killed", "lb1 killed"]
    for row, drill in zip(rows, reported.document["rows"], strict=True):
        for cell, flow in zip(row[1:], drill["flows"].values(), strict=True):
            figures = {check["check"]: check["figures"] for check in flow["checks"]}
            status = "accepted" if flow["accepted"] else flow["status"]
            assert status in cell
            assert f"gap {figures['gap']['gap_s']:.1f} s" in cell
            if (degraded := figures.get("degraded", {})).get("failed"):
                assert f", {degraded['failed']}/{degraded['attempts']} " in cell


def test_the_account_is_that_of_the_document(page: Page, reported: Reported) -> None:
    """Each number of each account, drill and flow; and the sums of the tiles."""
    headings = page.locator(".account thead th").all_inner_texts()
    accounts = headings[2:-1]
    assert {*accounts} <= {str(account) for account in Account}
    found = [[int(cell) for cell in row[-len(accounts) - 1 :]] for row in rows_of(page, ".account")]
    wanted = []
    for drill in reported.document["rows"]:
        for flow in drill["flows"].values():
            [figures] = [c["figures"] for c in flow["checks"] if c["check"] == "account"]
            assert {*figures} <= {*accounts}
            numbers = [figures.get(account, 0) for account in accounts]
            wanted.append([*numbers, sum(numbers)])
    assert found == wanted
    tiles = page.locator(".tiles > div").all_inner_texts()
    assert f"Messages\n{sum(row[-1] for row in wanted)}" in tiles[1]
    assert page.locator("#lost").inner_text() == "0"


def test_the_findings_are_those_of_the_document(page: Page, reported: Reported) -> None:
    """Each with its sentence, remedy and evidence and the author's reason, in the same order."""
    texts = page.locator(".finding").all_inner_texts()
    wanted = [finding for drill in reported.document["rows"] for finding in drill["findings"]]
    assert "accepted" in [finding["status"] for finding in wanted]
    assert len(texts) == len(wanted)
    for text, finding in zip(texts, wanted, strict=True):
        for said in ("status", "sentence", "remedy", "accepted", "title"):
            assert finding[said] in text
        for evidence in finding["evidence"]:
            assert evidence["flow"] in text
            assert evidence["text"] in text


def test_charts_tell_the_same_as_the_document(page: Page, reported: Reported) -> None:
    """Their tables add up to the attempts; gap and failures in the legend are the JSON's."""
    page.eval_on_selector_all("details", "all => all.forEach(each => each.open = true)")
    flows = [flow for drill in reported.document["rows"] for flow in drill["flows"].values()]
    charts = page.locator("section.flow").all()
    for chart, flow in zip(charts, flows, strict=True):
        figures = {check["check"]: check["figures"] for check in flow["checks"]}
        legend = chart.locator(".legend").inner_text()
        gap = figures["gap"]
        assert f"{gap['gap_s']:.1f} s ± {gap['resolution_s']:.1f} s" in legend
        cells = chart.locator(".numbers tbody td").all_inner_texts()
        assert sum(map(int, cells)) == figures.get("degraded", figures["steady"])["attempts"]
        columns = chart.locator(".numbers thead th").count() - 1
        failed = sum(int(cell) for cell in cells[columns - 1 :: columns])
        if "degraded" in figures:
            assert failed == figures["degraded"]["failed"]


def test_a_picture_shows_the_outage_where_it_was(page: Page, reported: Reported) -> None:
    """The hatched gap is as wide as the document's gap is long, and begins after the fault did."""
    figures = {
        check["check"]: check["figures"]
        for check in reported.document["rows"][2]["flows"]["relay"]["checks"]
    }
    flow = page.locator("article.drill").nth(2).locator("section.flow").first
    flow.locator("details").first.evaluate("details => details.open = true")
    moments = flow.locator(".numbers tbody th").all_inner_texts()
    axis_s = float(moments[1]) * len(moments)
    gap, fault, axis = (
        flow.locator(part).first.bounding_box()
        for part in ("g.gap rect", "g.fault rect", "svg.chart line.axis")
    )
    assert gap
    assert fault
    assert axis
    # A border is a pixel wide, and half of it lies outside.
    assert gap["width"] / axis["width"] == pytest.approx(
        figures["gap"]["gap_s"] / axis_s, abs=3 / axis["width"]
    )
    assert fault["x"] - 2 <= gap["x"] <= fault["x"] + fault["width"]


def _picture_of_a_flow(page: Page, file: Path) -> None:
    """The balancer's drill, as far as its first flow."""
    drill = page.locator("article.drill").nth(2)
    whole, flow = drill.bounding_box(), drill.locator("section.flow").first.bounding_box()
    assert whole
    assert flow
    height = flow["y"] + flow["height"] - whole["y"]
    page.screenshot(
        path=file,
        full_page=True,
        clip={"x": 0, "y": whole["y"], "width": 360, "height": height},
    )


@pytest.mark.parametrize("opened", [False, True], ids=["closed", "opened"])
def test_a_phone_never_scrolls_sideways(
    browser: Browser, reported: Reported, pictures: Path, opened: bool
) -> None:
    """At 360 pixels the page is as wide as the screen; wide tables scroll in their own boxes."""
    with browser.new_context(viewport=_PHONE, device_scale_factor=2) as context:
        page = context.new_page()
        page.goto(reported.file.as_uri())
        if opened:
            page.eval_on_selector_all("details", "all => all.forEach(each => each.open = true)")
        else:
            page.screenshot(path=pictures / "report-phone.png")
            _picture_of_a_flow(page, pictures / "drill-phone.png")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert page.evaluate("document.body.scrollWidth") <= 360
        wide = page.eval_on_selector(".account", "table => table.offsetWidth")
        box = page.eval_on_selector(".account", "table => table.parentElement.clientWidth")
        assert wide > box  # there was something to scroll, or this test would prove nothing


def test_dark_and_light_differ_as_the_table_of_colours_says(
    browser: Browser, reported: Reported, pictures: Path
) -> None:
    """The page's ground and its text follow what the system prefers."""
    for scheme, wanted in (("light", colours.LIGHT), ("dark", colours.DARK)):
        with browser.new_context(viewport=_DESKTOP) as context:
            page = context.new_page()
            page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            page.goto(reported.file.as_uri())
            shown = page.evaluate(
                "[getComputedStyle(document.body).backgroundColor,"
                " getComputedStyle(document.body).color]"
            )
            assert shown == [_rgb(wanted["page"]), _rgb(wanted["ink"])]
            page.screenshot(path=pictures / f"report-{scheme}.png")


def _rgb(colour: str) -> str:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return f"rgb({red}, {green}, {blue})"


def test_paper_is_light_and_holds_everything(page: Page) -> None:
    """Printed, even from a dark desktop: dark on white, without the navigation."""
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.body).color") == _rgb(colours.LIGHT["ink"])
    assert not page.locator("nav").is_visible()
    assert page.pdf()[:5] == b"%PDF-"


def test_the_keyboard_reaches_and_opens_everything(page: Page) -> None:
    """Tab goes to the skip link first, then to every link, box and details; Enter opens those."""
    wanted = page.locator("a[href], summary, [tabindex='0']").count()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    opened = 0
    for _ in range(wanted - 1):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            page.keyboard.press("Enter")
            assert page.evaluate("document.activeElement.parentElement.open")
            page.keyboard.press("Enter")
            opened += 1
    assert opened == page.locator("details").count() > 6


def test_what_is_heard_has_names(page: Page) -> None:
    """The browser's own tree for screen readers: landmarks, headings in order, named charts."""
    heard = page.locator("body").aria_snapshot()
    for wanted in ("- banner:", "- navigation", "- main:", "- contentinfo:", "table", "img"):
        assert wanted in heard
    charts = page.locator("svg[role=img]").count()
    assert heard.count('img "') == charts == 6
    levels = page.eval_on_selector_all(
        "h1, h2, h3, h4, h5, h6",
        "all => all.filter(e => e.checkVisibility()).map(e => +e.tagName[1])",
    )
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_without_scripts_nothing_is_missing(browser: Browser, reported: Reported) -> None:
    """Details still open, and the verdict stands there."""
    with browser.new_context(java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(reported.file.as_uri())
        assert reported.document["status"].upper() in page.locator(".banner").inner_text()
        page.locator("summary").last.click()
        assert "name: sharepoint" in page.locator("pre.yaml").inner_text()


def test_an_audit_is_reported_again_from_its_directory(reported: Reported) -> None:
    """``report RUN`` writes what ``audit --html`` wrote."""
    folder = reported.file.parent
    run(folder, "report", "run")
    assert (folder / "run" / "report.html").read_text("utf-8") == reported.file.read_text("utf-8")
