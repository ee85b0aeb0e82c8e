"""All formats of documents, each with the type of what it holds."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from relaydrill.documents.account import ACCOUNT, AccountDocument
from relaydrill.documents.audit import AUDIT, AUDIT_INDEX, AuditDocument, AuditIndexDocument
from relaydrill.documents.comparison import COMPARISON, ComparisonDocument
from relaydrill.documents.design import (
    FAULTS,
    LINT,
    LINT_RULES,
    PLAN,
    TOPOLOGIES,
    FaultsDocument,
    LintDocument,
    LintRulesDocument,
    PlanDocument,
    TopologiesDocument,
)
from relaydrill.documents.error import ERROR, ErrorDocument
from relaydrill.documents.exploration import EXPLORATION, ExplorationDocument
from relaydrill.documents.formats import Format
from relaydrill.documents.history import HISTORY, HistoryDocument
from relaydrill.documents.journal import JOURNAL, JournalLine
from relaydrill.documents.policy import POLICY, PolicyDocument
from relaydrill.documents.run import RUN, RunDocument
from relaydrill.documents.state import LAB, UNDO, LabDocument, UndoDocument
from relaydrill.documents.verdict import VERDICT, VerdictDocument

FORMATS: Final[Mapping[Format, type]] = MappingProxyType(
    {
        VERDICT: VerdictDocument,
        AUDIT: AuditDocument,
        EXPLORATION: ExplorationDocument,
        POLICY: PolicyDocument,
        HISTORY: HistoryDocument,
        COMPARISON: ComparisonDocument,
        ACCOUNT: AccountDocument,
        LINT: LintDocument,
        LINT_RULES: LintRulesDocument,
        PLAN: PlanDocument,
        FAULTS: FaultsDocument,
        TOPOLOGIES: TopologiesDocument,
        ERROR: ErrorDocument,
        RUN: RunDocument,
        JOURNAL: JournalLine,
        AUDIT_INDEX: AuditIndexDocument,
        UNDO: UndoDocument,
        LAB: LabDocument,
    }
)
"""What commands print, then what files hold."""
