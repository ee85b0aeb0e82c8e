"""Every rule of the linter finds what it is about, and nothing where that is mended."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from tests.lint_designs import BASES, DESIGNS

from relaydrill import topology_files
from relaydrill.lint import RULES, LintFinding, Rule, lint
from relaydrill.topology.suppression import RuleId


def standing(found: tuple[LintFinding, ...]) -> list[LintFinding]:
    """The findings that nothing suppresses."""
    return [each for each in found if not each.suppressed]


@pytest.mark.parametrize("base", BASES)
def test_nothing_is_found_in_a_sound_design(base: str) -> None:
    """What the broken designs build on breaks no rule."""
    assert lint(topology_files.parse(BASES[base])) == ()


@pytest.mark.parametrize("rule", RULES, ids=lambda each: each.id)
def test_a_rule_finds_its_defect_and_nothing_else(rule: Rule, tmp_path: Path) -> None:
    """The broken design breaks this rule alone, at its place, in words, and with the remedy."""
    design = DESIGNS[rule.id]
    found = standing(lint(design.topology(tmp_path)))
    assert {each.rule for each in found} == {rule.id}
    told = [each for each in found if design.says in each.summary]
    assert [each.at for each in told] == [design.at]
    assert told[0].severity is rule.severity
    assert told[0].remedy == rule.remedy


@pytest.mark.parametrize("rule", RULES, ids=lambda each: each.id)
def test_nothing_is_found_once_it_is_mended(rule: Rule, tmp_path: Path) -> None:
    """The twin in which only the defect is mended breaks no rule."""
    assert standing(lint(DESIGNS[rule.id].topology(tmp_path, mended=True))) == []


def test_what_can_be_suppressed_are_the_rules() -> None:
    """The ids that a topology may name are those of the rules, in their order."""
    ids = [each.id for each in RULES]
    assert ids == [*get_args(RuleId), "unused-suppression"]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("rule", RULES, ids=lambda each: each.id)
def test_a_rule_says_why_and_what_to_do(rule: Rule) -> None:
    """Its fact is a sentence with a source, its remedy another."""
    assert rule.fact.endswith(".")
    assert "(" in rule.fact, "no source"
    assert rule.remedy.endswith(".")
