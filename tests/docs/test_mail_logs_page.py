"""The page on mail logs: its tables say what the readers say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from relaydrill.mail_logs import exim, postfix
from relaydrill.mail_logs.reading import UNDECLARED

PAGE = (Path(__file__).parents[2] / "docs" / "labs" / "mail-logs.md").read_text()
AGENTS = re.findall(r"^\| `(\w+)` \| `([^`]+)` \| `([^`]+)` \| ([\w ]+) \|$", PAGE, re.M)
FLAGS = re.findall(
    r"^\| `((?:[=*]|H=|removed|address|cancelled|Message|Format|Completed)[^`]*)`"
    r" \| (\w[\w ]*) \|$",
    PAGE,
    re.M,
)


def test_the_tables_are_found() -> None:
    """The page has both tables, in the form that is read here."""
    assert len(AGENTS) == 18
    assert len(FLAGS) == 22


@pytest.mark.parametrize(("agent", "relay", "said", "word"), AGENTS)
def test_postfix_is_read_as_the_page_says(agent: str, relay: str, said: str, word: str) -> None:
    """Each row is what the reader makes of such a line."""
    line = (
        f"4XyzQ0: to=<a@x>, relay={relay}, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent ({said})"
    )
    told = postfix.read(agent, line, UNDECLARED)
    assert told is not None
    assert told.does.value == word


@pytest.mark.parametrize(("line", "word"), FLAGS)
def test_exim_is_read_as_the_page_says(line: str, word: str) -> None:
    """Each row is what the reader makes of such a line."""
    text = line.replace("\\|", "|")
    told = exim.read(f"1xVojD-00001Y-04 {text}", UNDECLARED)
    assert told is not None
    assert told.does.value == word
