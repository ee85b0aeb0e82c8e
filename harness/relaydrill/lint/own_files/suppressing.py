"""What the author of a configuration file lets stand: a comment on the line, or right above it.

``# relaydrill: allow haproxy-tcp-check: these servers are no mail servers``
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from relaydrill.lint.own_files.rule import FileFinding
from relaydrill.lint.rule import Severity
from relaydrill.lint.suppressing import UNUSED, UNUSED_REMEDY
from relaydrill.marks import Mark
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.text import Note, TextFile

_COMMENT = re.compile(
    r"^(?P<before>.*?)[#;!]+\s*relaydrill:\s*allow\s+(?P<rule>[\w-]+)\s*(?::\s*(?P<reason>.*))?$"
)
_LEAST_REASON: Final = 10


@dataclass(frozen=True, slots=True)
class Allowance:
    """A comment that lets the findings of a rule stand.

    Attributes:
        at: The comment's line.
        covers: The line that it is about.
        rule: The rule's id.
        reason: Why.
    """

    at: Mark
    covers: Mark
    rule: str
    reason: str


def allowances(files: OwnFiles, known: frozenset[str]) -> tuple[list[Allowance], list[Note]]:
    """The comments of all files that let something stand, and what is wrong with some.

    Args:
        files: The files.
        known: The ids of all rules.
    """
    found: dict[Mark, Allowance] = {}
    notes: dict[Mark, Note] = {}
    for _, configuration in files.all:
        for text in configuration.texts:
            for each in _of(text):
                if each.rule not in known:
                    what = f"there is no rule {each.rule}; relaydrill lint --rules lists them"
                    notes[each.at] = Note(each.at, f"{what}; nothing is suppressed")
                elif len(each.reason) < _LEAST_REASON:
                    what = f"write why, after allow {each.rule}: …; nothing is suppressed"
                    notes[each.at] = Note(each.at, what)
                else:
                    found[each.at] = each
    return [*found.values()], [*notes.values()]


def _of(text: TextFile) -> Iterator[Allowance]:
    waiting: list[tuple[Mark, str, str]] = []
    for number, line in enumerate(text.lines, 1):
        at = text.mark(number)
        comment = _COMMENT.match(line)
        if comment is not None:
            told = (at, comment["rule"], (comment["reason"] or "").strip())
            if comment["before"].strip():
                yield Allowance(at, at, told[1], told[2])
            else:
                waiting.append(told)
                continue
        if line.strip() and line.strip()[0] not in "#;!":
            yield from (Allowance(where, at, rule, why) for where, rule, why in waiting)
            waiting.clear()
    yield from (Allowance(where, where, rule, why) for where, rule, why in waiting)


def suppressed(
    findings: Sequence[FileFinding], allowed: Sequence[Allowance]
) -> Iterator[FileFinding]:
    """The findings, each with the reason why it stands if there is one."""
    reasons = {(each.rule, each.covers): each.reason for each in allowed}
    for each in findings:
        yield replace(each, reason=reasons.get((each.rule, each.mark), ""))


def unused(findings: Sequence[FileFinding], allowed: Sequence[Allowance]) -> Iterator[FileFinding]:
    """A finding for each comment that matches nothing."""
    matched = {(each.rule, each.mark) for each in findings}
    for each in allowed:
        if (each.rule, each.covers) not in matched:
            text = f"nothing of {each.rule} is found at line {each.covers.line}"
            yield FileFinding(UNUSED, Severity.INFO, ("comment",), text, UNUSED_REMEDY, "", each.at)
