"""What `relaydrill lint` says: lines for people, and one document for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from relaydrill.inventory.located import Located
from relaydrill.lint import RULES, LintFinding, Severity, lint

_STYLE = {
    Severity.CRITICAL: "bold red",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFO: "cyan",
}


@dataclass(frozen=True)
class Linted:
    """A topology with what was found in it, in the order of its lines."""

    located: Located
    findings: tuple[LintFinding, ...]

    def fails(self, fail_on: Severity) -> bool:
        """Whether anything is as bad as this and not suppressed."""
        return any(
            each.severity.at_least(fail_on) and not each.suppressed for each in self.findings
        )

    def document(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "source": self.located.source,
            "topology": self.located.topology.name,
            "findings": [
                {
                    "file": self.located.at(each.where).file,
                    "line": self.located.at(each.where).line,
                    **each.document(),
                }
                for each in self.findings
            ],
        }


def linted(located: Located) -> Linted:
    """Look at one topology; what is found at one line is in the order of the rules' names."""
    found = sorted(
        lint(located.topology), key=lambda each: (located.at(each.where), each.rule, each.at)
    )
    return Linted(located, tuple(found))


def show_lint(
    all_of_them: list[Linted], problems: list[str], fail_on: Severity, on: Console
) -> None:
    """A line for each finding, and one below it for what to do; at the end how many there are.

    Args:
        problems: Of files that could not be read; they are told elsewhere, and counted here.
    """
    for each in all_of_them:
        for finding in each.findings:
            _show(finding, str(each.located.at(finding.where)), on)
    on.print(escape(conclusion(all_of_them, problems, fail_on)), soft_wrap=True)


def _show(finding: LintFinding, where: str, on: Console) -> None:
    severity = Text(
        str(finding.severity), "dim" if finding.suppressed else _STYLE[finding.severity]
    )
    suppressed = " (suppressed)" if finding.suppressed else ""
    line = Text.assemble(f"{where}: ", severity, f"{suppressed} {finding.rule}: {finding.summary}")
    on.print(line, soft_wrap=True)
    below = f"stands because: {finding.reason}" if finding.suppressed else finding.remedy
    on.print(Text(f"    {below}", "dim"), soft_wrap=True)


def conclusion(all_of_them: list[Linted], problems: list[str], fail_on: Severity) -> str:
    """The last line: how many findings of each severity, and whether they fail."""
    findings = [finding for each in all_of_them for finding in each.findings]
    counts = Counter(each.severity for each in findings if not each.suppressed)
    told = [f"{counts[severity]} {severity}" for severity in Severity if counts[severity]]
    if suppressed := sum(each.suppressed for each in findings):
        told.append(f"{suppressed} suppressed")
    if problems:
        told.append(f"{len(problems)} could not be read")
    failed = problems or any(each.fails(fail_on) for each in all_of_them)
    files = len(all_of_them)
    head = f"{'FAIL' if failed else 'PASS'}: {files} {'topology' if files == 1 else 'topologies'}"
    return f"{head}, {len(findings)} {'finding' if len(findings) == 1 else 'findings'}" + (
        f" ({', '.join(told)})" if told else ""
    )


def document(all_of_them: list[Linted], problems: list[str], fail_on: Severity) -> dict[str, Any]:
    """What ``--json`` prints.

    Args:
        problems: Of files that could not be read.
    """
    failed = any(each.fails(fail_on) for each in all_of_them)
    return {
        "status": "unreadable" if problems else "fail" if failed else "pass",
        "fail_on": str(fail_on),
        "topologies": [each.document() for each in all_of_them],
        "problems": problems,
    }


def show_rules(on: Console) -> None:
    """Every rule with the fact behind it."""
    for line in _rules():
        on.print(line, soft_wrap=True)


def _rules() -> Iterator[Text]:
    for each in RULES:
        yield Text.assemble((each.id, "bold"), "  ", (str(each.severity), _STYLE[each.severity]))
        yield Text(f"    {each.fact}")
        yield Text(f"    {each.remedy}", "dim")


def rules_document() -> list[dict[str, str]]:
    """Every rule as plain JSON values."""
    return [
        {
            "id": each.id,
            "severity": str(each.severity),
            "fact": each.fact,
            "remedy": each.remedy,
        }
        for each in RULES
    ]
