"""A rule about the user's own configuration files, and what it finds: a line of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from relaydrill.lint.rule import LintFinding, RuleText, Severity
from relaydrill.marks import Mark, Path
from relaydrill.own_configuration import OwnFiles

FoundInFile = tuple[Mark, Path, str]
"""The line, what stands there (``("backend", "hubs", "server", "ht2")``), and what is wrong."""

FileCheck = Callable[[OwnFiles], Iterator[FoundInFile]]


NOWHERE: Final = Mark("", 0)
"""Of a finding without a file."""


@dataclass(frozen=True, slots=True)
class FileFinding(LintFinding):
    """A rule that a configuration file breaks.

    Attributes:
        mark: The line.
    """

    mark: Mark = NOWHERE


@dataclass(frozen=True, slots=True)
class FileRule(RuleText):
    """A rule that can be read off the configuration of a program.

    Attributes:
        check: Finds what breaks it in all files that are given together.
    """

    check: FileCheck

    def findings(self, files: OwnFiles) -> Iterator[FileFinding]:
        """What breaks it."""
        for mark, where, summary in self.check(files):
            yield FileFinding(self.id, self.severity, where, summary, self.remedy, "", mark)


def file_rule(
    name: str, severity: Severity, *, fact: str, remedy: str
) -> Callable[[FileCheck], FileRule]:
    """Make the function below it a `FileRule`; the arguments are its attributes."""

    def made(check: FileCheck) -> FileRule:
        return FileRule(name, severity, fact, remedy, check)

    return made


MANUAL: Final = "HAProxy configuration manual"
"""What most facts about haproxy.cfg are from."""

SMTP_TIMEOUTS: Final = "RFC 5321 §4.5.3.2"
"""How long either side of a session may take for each step."""

LONGEST_ANSWER_S: Final = 600
"""A client waits ten minutes for the reply to the end of a message (RFC 5321 §4.5.3.2.6)."""
