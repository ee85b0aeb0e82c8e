"""What `relaydrill lint` says: lines for people, and one document for programs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.text import Text

from relaydrill.documents.design import (
    LintDocument,
    LintedDocument,
    LintedFileDocument,
    LintFindingDocument,
    LintRulesDocument,
    LintStatus,
)
from relaydrill.lint import RULES, LintFinding, Severity, lint
from relaydrill.lint.own_files import FILE_RULES, FileFinding, lint_files
from relaydrill.lint.rule import RuleText
from relaydrill.marks import Mark
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.text import Note
from relaydrill.sentences import listed, number_of
from relaydrill.topology_files.located import Located

ALL_RULES: Final[tuple[RuleText, ...]] = (*RULES, *FILE_RULES)
"""Those of topologies, then those of configuration files."""

_STYLE = {
    Severity.CRITICAL: "bold red",
    Severity.ERROR: "red",
    Severity.WARNING: "yellow",
    Severity.INFO: "cyan",
}


@dataclass(frozen=True)
class Linted(ABC):
    """Something that was looked at, with what was found in it, in the order of its lines.

    Attributes:
        source: As it was named on the command line.
        findings: What breaks a rule.
        notes: What was not understood.
    """

    source: str
    findings: tuple[LintFinding, ...]
    notes: tuple[Note, ...] = ()

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called where no file can be named."""

    @abstractmethod
    def at(self, finding: LintFinding) -> Mark:
        """The line of a finding."""

    def in_file(self, finding: LintFinding) -> Mark | None:
        """As `at`, but never in a built-in topology; None where everything is built in."""
        return self.at(finding)

    def fails(self, fail_on: Severity) -> bool:
        """Whether anything is as bad as this and not suppressed."""
        return any(
            each.severity.at_least(fail_on) and not each.suppressed for each in self.findings
        )

    def plain(self) -> list[LintFindingDocument]:
        """The findings as plain JSON values."""
        return [self._plain(each) for each in self.findings]

    def _plain(self, finding: LintFinding) -> LintFindingDocument:
        mark = self.at(finding)
        return {
            "file": mark.file,
            "line": mark.line,
            "rule": finding.rule,
            "severity": finding.severity,
            "at": finding.at,
            "where": [*finding.where],
            "summary": finding.summary,
            "remedy": finding.remedy,
            "suppressed": finding.suppressed,
            "reason": finding.reason,
        }


@dataclass(frozen=True)
class LintedTopology(Linted):
    """A topology.

    Attributes:
        located: What it holds, and where.
    """

    located: Located = field(kw_only=True)

    @property
    def name(self) -> str:
        """Its name."""
        return self.located.topology.name

    def at(self, finding: LintFinding) -> Mark:
        """The line of the key, or of the nearest one that is written."""
        return self.located.at(finding.where)

    def in_file(self, finding: LintFinding) -> Mark | None:
        """The same; in place of a built-in's line the one that extends it."""
        return self.located.in_file(finding.where)

    def document(self) -> LintedDocument:
        """Plain JSON values."""
        return {"source": self.source, "topology": self.name, "findings": self.plain()}


@dataclass(frozen=True)
class LintedFile(Linted):
    """A configuration file of the user's own.

    Attributes:
        kind: The program's.
        is_idle: Whether no rule found anything in it to look at.
    """

    kind: str = field(kw_only=True)
    is_idle: bool = field(kw_only=True)

    @property
    def name(self) -> str:
        """The program's kind."""
        return self.kind

    def at(self, finding: LintFinding) -> Mark:
        """The line itself."""
        return finding.mark if isinstance(finding, FileFinding) else Mark(self.source, 0)

    def document(self) -> LintedFileDocument:
        """Plain JSON values."""
        return {
            "source": self.source,
            "kind": self.kind,
            "findings": self.plain(),
            "notes": [
                {"file": each.at.file, "line": each.at.line, "what": each.what}
                for each in self.notes
            ],
        }


def linted(located: Located) -> LintedTopology:
    """Look at one topology; what is found at one line is in the order of the rules' names."""
    found = sorted(
        lint(located.topology), key=lambda each: (located.at(each.where), each.rule, each.at)
    )
    return LintedTopology(located.source, tuple(found), located=located)


def linted_files(files: OwnFiles) -> Iterator[LintedFile]:
    """Look at files that belong together, and tell each of its own lines."""
    found = lint_files(files)
    for kind, each in files.all:
        names = {text.path for text in each.texts}
        yield LintedFile(
            each.source,
            tuple(finding for finding in found.findings if finding.mark.file in names),
            tuple(note for note in found.notes if note.at.file in names),
            kind=kind,
            is_idle=bool(each.why_idle),
        )


def show_lint(
    all_of_them: Sequence[Linted], problems: list[str], fail_on: Severity, on: Console
) -> None:
    """A line for each finding, and one below it for what to do; at the end how many there are.

    What was not understood is told between them.

    Args:
        all_of_them: Each topology and file with its findings.
        problems: Of files that could not be read; they are reported elsewhere, and counted here.
        fail_on: The lowest severity that fails.
        on: Where to print.
    """
    for each in all_of_them:
        notes = deque(each.notes)
        for finding in each.findings:
            while notes and notes[0].at < each.at(finding):
                _show_note(notes.popleft(), on)
            _show(finding, str(each.at(finding)), on)
        for note in notes:
            _show_note(note, on)
    on.print(escape(conclusion(all_of_them, problems, fail_on)), soft_wrap=True)


def _show_note(note: Note, on: Console) -> None:
    line = Text.assemble(f"{note.at}: ", ("note", "dim"), f": {note.what}")
    on.print(line, soft_wrap=True)


def _show(finding: LintFinding, where: str, on: Console) -> None:
    severity = Text(
        str(finding.severity), "dim" if finding.suppressed else _STYLE[finding.severity]
    )
    suppressed = " (suppressed)" if finding.suppressed else ""
    line = Text.assemble(f"{where}: ", severity, f"{suppressed} {finding.rule}: {finding.summary}")
    on.print(line, soft_wrap=True)
    below = f"suppressed because: {finding.reason}" if finding.suppressed else finding.remedy
    on.print(Text(f"    {below}", "dim"), soft_wrap=True)


def conclusion(all_of_them: Sequence[Linted], problems: list[str], fail_on: Severity) -> str:
    """The last line: how many findings of each severity, and whether they fail."""
    findings = [finding for each in all_of_them for finding in each.findings]
    counts = Counter(each.severity for each in findings if not each.suppressed)
    parts = [f"{counts[severity]} {severity}" for severity in Severity if counts[severity]]
    if suppressed := sum(each.suppressed for each in findings):
        parts.append(f"{suppressed} suppressed")
    if problems:
        parts.append(f"{len(problems)} could not be read")
    told = f"{len(findings)} {number_of(len(findings), 'finding', 'findings')}"
    if notes := sum(len(each.notes) for each in all_of_them):
        told += f", {notes} {number_of(notes, 'note', 'notes')}"
    head = f"{_HEADS[status_of(all_of_them, problems, fail_on)]}: {_looked_at(all_of_them)}, {told}"
    return head + (f" ({', '.join(parts)})" if parts else "")


def status_of(all_of_them: Sequence[Linted], problems: list[str], fail_on: Severity) -> LintStatus:
    """What is said of all together; nothing passes in which no rule found anything to look at."""
    if problems:
        return "unreadable"
    if any(each.fails(fail_on) for each in all_of_them):
        return "fail"
    idle = all(isinstance(each, LintedFile) and each.is_idle for each in all_of_them)
    return "unknown" if idle else "pass"


_HEADS: Final[dict[LintStatus, str]] = {
    "pass": "PASS",
    "fail": "FAIL",
    "unknown": "UNKNOWN",
    "unreadable": "FAIL",
}


def _looked_at(all_of_them: Sequence[Linted]) -> str:
    """``1 topology``, ``3 files``, ``1 topology and 3 files``."""
    files = sum(isinstance(each, LintedFile) for each in all_of_them)
    topologies = len(all_of_them) - files
    parts = [f"{files} {number_of(files, 'file', 'files')}"] if files else []
    if topologies or not files:
        parts.insert(0, f"{topologies} {number_of(topologies, 'topology', 'topologies')}")
    return listed(parts)


def document(all_of_them: Sequence[Linted], problems: list[str], fail_on: Severity) -> LintDocument:
    """What ``--json`` prints.

    Args:
        all_of_them: Each topology and file with its findings.
        problems: Of files that could not be read.
        fail_on: The lowest severity that fails.
    """
    return {
        "format": "relaydrill.lint",
        "version": 1,
        "status": status_of(all_of_them, problems, fail_on),
        "fail_on": fail_on,
        "topologies": [each.document() for each in all_of_them if isinstance(each, LintedTopology)],
        "files": [each.document() for each in all_of_them if isinstance(each, LintedFile)],
        "problems": problems,
    }


def show_rules(on: Console) -> None:
    """Every rule with the fact behind it."""
    for line in _rules():
        on.print(line, soft_wrap=True)


def _rules() -> Iterator[Text]:
    for each in ALL_RULES:
        yield Text.assemble((each.id, "bold"), "  ", (str(each.severity), _STYLE[each.severity]))
        yield Text(f"    {each.fact}")
        yield Text(f"    {each.remedy}", "dim")


def rules_document() -> LintRulesDocument:
    """What ``--rules --json`` prints."""
    return {
        "format": "relaydrill.lint-rules",
        "version": 1,
        "rules": [
            {
                "id": each.id,
                "severity": each.severity,
                "fact": each.fact,
                "remedy": each.remedy,
            }
            for each in ALL_RULES
        ],
    }
