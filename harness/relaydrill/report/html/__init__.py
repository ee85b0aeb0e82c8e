"""The HTML report: one file that needs nothing else, for people who were not there.

Everything on it comes from what the terminal and ``--json`` show, too: the judgement of a drill or
an audit, or a comparison of two. It loads nothing,
and runs no script; its content security policy forbids both.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import jinja2
import jinja2.ext
from markupsafe import Markup

import relaydrill
from relaydrill.drills.audit import Audit, judge_either
from relaydrill.drills.comparison import Comparison
from relaydrill.drills.result import Judgement
from relaydrill.errors import UsageError
from relaydrill.report import words
from relaydrill.report.html import colours
from relaydrill.report.html.comparison import ComparisonPage, page_of_comparison
from relaydrill.report.html.latency import PERCENTILES
from relaydrill.report.html.page import Page, page_of_audit, page_of_drill
from relaydrill.report.html.safe import embedded, visible

FILE: Final = "report.html"
"""Where a run's report goes by default, in its directory."""


def report(run: Path) -> str:
    """The report of a run directory, of a drill or an audit, judged again from its journals.

    Raises:
        UsageError: It is no run directory.
    """
    return render(judge_either(run))


def render(found: Audit | Judgement | Comparison) -> str:
    """The report of what was found, as HTML."""
    if isinstance(found, Comparison):
        return _rendered("comparison.html", page_of_comparison(found), told=colours.STATUSES)
    page = page_of_audit(found) if isinstance(found, Audit) else page_of_drill(found)
    return _rendered(
        "page.html",
        page,
        series={node: number for number, node in enumerate(page.nodes)},
        colours=colours.SERIES,
        percentiles=PERCENTILES,
        words=words,
    )


def must_be_writable(file: Path | None) -> None:
    """Make sure that a report can be written, before the work that it tells of is begun.

    Raises:
        UsageError: It cannot.
    """
    if file is None:
        return
    if file.is_dir() or not file.absolute().parent.is_dir():
        what = "it is a directory" if file.is_dir() else "there is no such directory"
        raise UsageError(f"{file} cannot be written: {what}")


def save(html: str, file: Path) -> None:
    """Write a report to a file; one that is there is replaced.

    Raises:
        UsageError: It cannot be written.
    """
    try:
        file.write_text(html, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None


class _Unindented(jinja2.ext.Extension):
    """Templates without the indentation of their lines: for those who write, not for browsers."""

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:
        """The template's text, before a run's is put into it."""
        return re.sub(r"^ +", "", source, flags=re.MULTILINE)


def _rendered(template: str, page: Page | ComparisonPage, **told: object) -> str:
    environment = jinja2.Environment(
        extensions=[_Unindented],
        loader=jinja2.PackageLoader("relaydrill.report.html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seconds": seconds, "digits": digits, "short": short}
    return environment.get_template(template).render(
        page=page,
        version=relaydrill.__version__,
        document=embedded(page.document),
        light=Markup(colours.declarations(colours.LIGHT)),  # our own, in no way a run's
        dark=Markup(colours.declarations(colours.DARK)),
        **told,
    )


def digits(value: float) -> str:
    """Seconds for a person: three digits below a second, one after the point above it."""
    return f"{value:.3f}" if value < 1 else f"{value:.1f}"


def seconds(value: float) -> str:
    """The same with its unit."""
    return f"{digits(value)} s"


def short(value: float) -> str:
    """A place on a chart, in no more characters than it needs."""
    return f"{value:g}"
