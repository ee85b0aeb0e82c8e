"""A comparison as Markdown, short enough for the comment of a pull request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from relaydrill.drills.comparison.result import Comparison, Row
from relaydrill.report.comparison import degradeds, findings_that, gaps, result, verdicts
from relaydrill.report.html.safe import visible
from relaydrill.sentences import number_of

_MOST_ROWS: Final = 40
_MOST_FINDINGS: Final = 12
_LONGEST: Final = 400
"""Characters of a sentence: it may quote what servers said."""

_SPECIAL: Final = re.compile(r"[&<>|*_`\[\]#@~$\\!]|:(?=//)")
"""What Markdown, HTML or a forge would take for something else: a cell's end, a link, a mention."""


def markdown(found: Comparison) -> str:
    """The summary, the rows that are not the same, the findings that come and go, the remarks.

    Args:
        found: What to tell.
    """
    return "\n".join(_lines(found)) + "\n"


def plain(text: str) -> str:
    """Text that Markdown shows as it is, in a line of its own or in a cell.

    Args:
        text: Whatever it holds; what servers replied, too.
    """
    one_line = visible(" ".join(text.split()))
    shown = one_line if len(one_line) <= _LONGEST else f"{one_line[: _LONGEST - 1]}…"
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", shown)


def _lines(found: Comparison) -> Iterator[str]:
    yield f"**Failover: {plain(found.summary)}**"
    rows = [row for row in found.rows if row.what != "same"]
    if rows:
        yield ""
        yield "| result | broken | flow | verdict | nothing accepted for | attempts failed for |"
        yield "|---|---|---|---|---|---|"
        yield from map(_row, rows[:_MOST_ROWS])
        yield from _more(len(rows) - _MOST_ROWS, "row", "rows")
    for state, heading in (("new", "New findings"), ("gone", "Findings that are gone")):
        findings = findings_that(found, state)
        if findings:
            yield from ("", f"{heading}:", "")
            for each in findings[:_MOST_FINDINGS]:
                yield f"- {plain(each.status)}: {plain(each.sentence)}"
            yield from _more(len(findings) - _MOST_FINDINGS, "finding", "findings")
    if found.remarks:
        yield from ("", "To be borne in mind:", "")
        yield from (f"- {plain(remark)}" for remark in found.remarks[:_MOST_FINDINGS])
        yield from _more(len(found.remarks) - _MOST_FINDINGS, "remark", "remarks")


def _row(row: Row) -> str:
    before, after = map(plain, verdicts(row))
    verdict = before if before == after else f"{before} → **{after}**"
    cells = (plain(result(row)), plain(row.title), plain(row.flow), verdict)
    return f"| {' | '.join((*cells, plain(gaps(row)), plain(degradeds(row))))} |"


def _more(count: int, one: str, several: str) -> Iterator[str]:
    if count > 0:
        yield ""
        yield f"{count} more {number_of(count, one, several)}: see relaydrill compare."
