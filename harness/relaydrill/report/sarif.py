"""Findings of `relaydrill lint` as SARIF 2.1.0 (OASIS), which code hosts show beside the lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import relaydrill
from relaydrill.lint import LintFinding, Severity
from relaydrill.marks import Mark
from relaydrill.report.lint import ALL_RULES, Linted

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVEL: Final = {
    Severity.CRITICAL: "error",
    Severity.ERROR: "error",
    Severity.WARNING: "warning",
    Severity.INFO: "note",
}
_INDEX: Final = {each.id: at for at, each in enumerate(ALL_RULES)}


def sarif(all_of_them: Sequence[Linted], problems: list[str]) -> dict[str, Any]:
    """One SARIF log with one run.

    Args:
        all_of_them: Each topology with its findings.
        problems: Of files that could not be read: they are notifications of its invocation, and
            so is what was not understood.
    """
    driver = {
        "name": "relaydrill",
        "version": relaydrill.__version__,
        "rules": [
            {
                "id": each.id,
                "shortDescription": {"text": each.fact},
                "help": {"text": each.remedy},
                "defaultConfiguration": {"level": _LEVEL[each.severity]},
                "properties": {"severity": str(each.severity)},
            }
            for each in ALL_RULES
        ],
    }
    notices = [{"level": "error", "message": {"text": each}} for each in problems]
    notices += [
        {"level": "note", "message": {"text": str(note)}}
        for each in all_of_them
        for note in each.notes
    ]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "invocations": [
                    {
                        "executionSuccessful": not problems,
                        "toolExecutionNotifications": notices,
                    }
                ],
                "results": [*_results(all_of_them)],
            }
        ],
    }


def _results(all_of_them: Sequence[Linted]) -> Iterator[dict[str, Any]]:
    for each in all_of_them:
        for finding in each.findings:
            yield _result(each, finding)


def _result(linted: Linted, finding: LintFinding) -> dict[str, Any]:
    place: dict[str, Any] = {
        "logicalLocations": [
            {"fullyQualifiedName": f"{linted.name}:{finding.at}", "kind": "member"}
        ]
    }
    mark = linted.in_file(finding)
    if mark is not None:
        place["physicalLocation"] = _physical(mark)
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "ruleIndex": _INDEX[finding.rule],
        "level": _LEVEL[finding.severity],
        "message": {"text": f"{finding.summary}. {finding.remedy}"},
        "locations": [place],
        "properties": {"severity": str(finding.severity)},
    }
    if finding.suppressed:
        # The author's word stands in the file itself.
        result["suppressions"] = [{"kind": "inSource", "justification": finding.reason}]
    return result


def _physical(mark: Mark) -> dict[str, Any]:
    path = Path(mark.file)
    # Relative ones stay so: a code host finds them from the top of the repository.
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    return {"artifactLocation": {"uri": uri}, "region": {"startLine": max(mark.line, 1)}}
