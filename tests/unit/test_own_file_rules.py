"""Every rule about configuration files finds its defect at its line, and nothing once mended."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.own_files import SABOTAGES, STYLES, found_in

from relaydrill.lint import RULES
from relaydrill.lint.own_files import FILE_RULES, FileRule


@pytest.mark.parametrize("style", STYLES)
def test_nothing_is_found_in_sound_files(style: str, tmp_path: Path) -> None:
    """A configuration in a style that is in use breaks no rule, and all of it is understood."""
    said = found_in(STYLES[style], tmp_path, failover_s=300)
    assert [f"{each.mark}: {each.rule}: {each.summary}" for each in said.findings] == []
    assert [str(each) for each in said.notes] == []


@pytest.mark.parametrize("rule", FILE_RULES, ids=lambda each: each.id)
def test_a_rule_finds_its_defect_and_names_its_line(rule: FileRule, tmp_path: Path) -> None:
    """The sabotaged twin breaks this rule alone, at the line that was changed, and in words."""
    sabotage = SABOTAGES[rule.id]
    files = sabotage.files()
    found = found_in(files, tmp_path, sabotage.failover_s).findings
    assert {each.rule for each in found} - {*sabotage.forgives} == {rule.id}
    told = [each for each in found if sabotage.says in each.summary]
    lines = {
        files[Path(each.mark.file).name].splitlines()[each.mark.line - 1].strip() for each in told
    }
    assert told, [each.summary for each in found]
    assert all(sabotage.line in line for line in lines), lines
    assert {each.severity for each in told} == {rule.severity}


def test_every_rule_has_a_sabotage() -> None:
    """And no rule of files has the name of one of topologies."""
    ids = [each.id for each in (*RULES, *FILE_RULES)]
    assert len({*ids}) == len(ids)
    assert {*SABOTAGES} == {each.id for each in FILE_RULES}


@pytest.mark.parametrize("rule", FILE_RULES, ids=lambda each: each.id)
def test_a_rule_of_files_says_why_and_what_to_do(rule: FileRule) -> None:
    """Its fact is a sentence with a source, its remedy another."""
    assert rule.fact.endswith(".")
    assert "(" in rule.fact, "no source"
    assert rule.remedy.endswith(".")


@pytest.mark.parametrize(
    ("bind", "told"),
    [
        ("bind :25 ssl crt lb.pem", "listen smtp takes nothing but TLS on 25"),
        ("bind :25,:587 ssl crt lb.pem", "takes nothing but TLS on "),
        ("bind :465 ssl crt lb.pem", ""),
        ("bind :25", ""),
    ],
)
def test_a_listener_of_tls_is_for_clients_that_begin_with_it(
    bind: str, told: str, tmp_path: Path
) -> None:
    """Where a client waits for a greeting, nobody greets; on 465 TLS comes first."""
    text = f"listen smtp\n mode tcp\n {bind}\n server ht1 10.1.0.11:25 check\n"
    found = found_in({"haproxy.cfg": text}, tmp_path).findings
    said = [each.summary for each in found if each.rule == "haproxy-tls-at-once"]
    assert bool(said) is bool(told)
    assert all(told in each for each in said)
