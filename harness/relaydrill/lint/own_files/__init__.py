"""Rules about the configuration files of the user's own programs, each with the line. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from relaydrill.lint.own_files import exim, haproxy, keepalived, nginx, postfix, zones
from relaydrill.lint.own_files.rule import FileFinding, FileRule
from relaydrill.lint.own_files.suppressing import allowances, suppressed, unused
from relaydrill.marks import Mark
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.text import Note

FILE_RULES: Final[tuple[FileRule, ...]] = (
    *haproxy.RULES,
    *keepalived.RULES,
    *postfix.RULES,
    *exim.RULES,
    *nginx.RULES,
    *zones.RULES,
)
"""Every rule, by program."""

_KNOWN: Final = frozenset(each.id for each in FILE_RULES)


@dataclass(frozen=True, slots=True)
class FilesLinted:
    """What is said of some files.

    Attributes:
        findings: What breaks a rule, in the order of the lines.
        notes: What was not understood, and what no rule looked at, in the order of the lines.
    """

    findings: tuple[FileFinding, ...]
    notes: tuple[Note, ...]


def lint_files(files: OwnFiles) -> FilesLinted:
    """Everything in files that are given together that breaks a rule.

    What their author lets stand is among it, with the reason (`FileFinding.suppressed`).
    """
    found = [finding for rule in FILE_RULES for finding in rule.findings(files)]
    # One cause at one line is told once, however many ways lead there.
    found = list({(each.rule, each.mark, each.where): each for each in found}.values())
    allowed, wrong = allowances(files, _KNOWN)
    told = [*suppressed(found, allowed), *unused(found, allowed)]
    notes = {*wrong, *(note for _, each in files.all for note in each.notes)}
    notes |= {
        Note(Mark(each.texts[0].path, 1), each.why_idle) for _, each in files.all if each.why_idle
    }
    return FilesLinted(
        tuple(sorted(told, key=lambda each: (each.mark, each.rule, each.at))), tuple(sorted(notes))
    )


__all__ = ["FILE_RULES", "FileFinding", "FileRule", "FilesLinted", "lint_files"]
