"""`relaydrill lint`: lines, exit statuses, and documents for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
from click.testing import CliRunner, Result

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.report.lint import ALL_RULES, linted
from relaydrill.report.sarif import sarif

BROKEN = """\
extends: sharepoint
name: broken
nodes:
  lb1: {source: snat}
  ht2:
    version: 2007
    certificate: [ht2.contoso.com]
connectors:
  relay:
    remote:
    - app
    - lb1
lint:
- {rule: balanced-2007-rtm, at: nodes.ht2, reason: Service Pack 1 comes in May}
- {rule: one-mx, reason: there is no MX at all}
"""

_TEXT: Final = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
_LEVEL: Final = {"enum": ["none", "note", "warning", "error"]}
SARIF: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": {"$ref": "#/$defs/run"}},
    },
    "$defs": {
        "run": {
            "type": "object",
            "required": ["tool"],
            "additionalProperties": False,
            "properties": {
                "tool": {
                    "type": "object",
                    "required": ["driver"],
                    "properties": {"driver": {"$ref": "#/$defs/component"}},
                },
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "invocations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["executionSuccessful"],
                        "properties": {
                            "executionSuccessful": {"type": "boolean"},
                            "toolExecutionNotifications": {
                                "type": "array",
                                "items": {
                                    "type": "object",
                                    "required": ["message"],
                                    "properties": {"level": _LEVEL, "message": _TEXT},
                                },
                            },
                        },
                    },
                },
                "results": {"type": "array", "items": {"$ref": "#/$defs/result"}},
            },
        },
        "component": {
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "version": {"type": "string"},
                "rules": {
                    "type": "array",
                    "uniqueItems": True,
                    "items": {
                        "type": "object",
                        "required": ["id"],
                        "additionalProperties": False,
                        "properties": {
                            "id": {"type": "string"},
                            "shortDescription": _TEXT,
                            "help": _TEXT,
                            "defaultConfiguration": {
                                "type": "object",
                                "properties": {"level": _LEVEL},
                            },
                            "properties": {"type": "object"},
                        },
                    },
                },
            },
        },
        "result": {
            "type": "object",
            "required": ["message"],
            "additionalProperties": False,
            "properties": {
                "ruleId": {"type": "string"},
                "ruleIndex": {"type": "integer", "minimum": -1},
                "level": _LEVEL,
                "message": _TEXT,
                "locations": {"type": "array", "items": {"$ref": "#/$defs/location"}},
                "suppressions": {
                    "type": "array",
                    "uniqueItems": True,
                    "items": {
                        "type": "object",
                        "required": ["kind"],
                        "additionalProperties": False,
                        "properties": {
                            "kind": {"enum": ["inSource", "external"]},
                            "justification": {"type": "string"},
                        },
                    },
                },
                "properties": {"type": "object"},
            },
        },
        "location": {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                "logicalLocations": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "properties": {
                            "fullyQualifiedName": {"type": "string"},
                            "kind": {"type": "string"},
                        },
                    },
                },
                "physicalLocation": {
                    "type": "object",
                    "anyOf": [{"required": ["artifactLocation"]}],
                    "additionalProperties": False,
                    "properties": {
                        "artifactLocation": {
                            "type": "object",
                            "required": ["uri"],
                            "properties": {"uri": {"type": "string", "format": "uri-reference"}},
                        },
                        "region": {
                            "type": "object",
                            "properties": {"startLine": {"type": "integer", "minimum": 1}},
                        },
                    },
                },
            },
        },
    },
}
"""What SARIF 2.1.0 (OASIS) asks of the parts that we write; nothing else may be there."""


def run(*arguments: str) -> Result:
    """Call the command."""
    return CliRunner().invoke(cli, ["lint", *arguments], standalone_mode=False)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a broken design in it."""
    (tmp_path / "broken.yaml").write_text(BROKEN)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_a_finding_is_a_line_that_leads_there_and_one_with_the_remedy() -> None:
    """File and line, severity, rule and words, in the order of the lines; then how many."""
    found = run("./broken.yaml")
    lines = found.stdout.splitlines()
    assert [line.split(": ")[:2] for line in lines[:-1:2]] == [
        ["broken.yaml:4", "warning lone-balancer"],
        ["broken.yaml:6", "error (suppressed) balanced-2007-rtm"],
        ["broken.yaml:7", "error certificate-lacks-name"],
        ["broken.yaml:12", "critical snat-open-relay"],
        ["broken.yaml:15", "info unused-suppression"],
        ["sharepoint (built in):17", "info blind-check"],
    ]
    assert "    suppressed because: Service Pack 1 comes in May" in lines
    assert (
        "    Have a certificate issued for every name that leads to the hub, its own among them."
        in lines
    )
    counts = "1 critical, 1 error, 1 warning, 2 info, 1 suppressed"
    assert lines[-1] == f"FAIL: 1 topology, 6 findings ({counts})"
    assert found.return_value == 1


def test_findings_are_in_the_order_of_file_line_and_rule(folder: Path) -> None:
    """Line 9 is before line 10 and 100; at one line the rules' names decide, not how bad it is."""
    lines = {
        1: "extends: ./below.yaml",
        2: "nodes:",
        9: "  ht1: {version: 2007}",
        10: "  lb1: {source: snat, check: {kind: tcp}}",
        100: "  ht2: {version: 2007}",
    }
    (folder / "order.yaml").write_text("\n".join(lines.get(at, "") for at in range(1, 101)) + "\n")
    (folder / "below.yaml").write_text(
        "extends: sharepoint\nname: below\naccept: []\n\nnodes: {ht3: {version: 2007}}\n"
    )
    wanted = [
        ("below.yaml", 5, "balanced-2007-rtm"),
        ("order.yaml", 9, "balanced-2007-rtm"),
        *(("order.yaml", 10, rule) for rule in ("blind-check", "lone-balancer")),
        ("order.yaml", 10, "snat-hides-clients"),
        ("order.yaml", 100, "balanced-2007-rtm"),
    ]
    text = [
        re.match(r"(\S+):(\d+): \w+ ([\w-]+):", line)
        for line in run("order.yaml").stdout.splitlines()
    ]
    shown = [(each[1], int(each[2]), each[3]) for each in text if each]
    [document] = json.loads(run("order.yaml", "--json").stdout)["topologies"]
    log = json.loads(run("order.yaml", "--sarif").stdout)["runs"][0]["results"]
    assert shown == wanted
    assert [(each["file"], each["line"], each["rule"]) for each in document["findings"]] == wanted
    assert [each["ruleId"] for each in log] == [rule for _, _, rule in wanted]


@pytest.mark.parametrize(
    ("source", "fail_on", "status"),
    [
        ("sharepoint", "error", 0),
        ("sharepoint", "warning", 0),  # the lone balancer is accepted
        ("sharepoint", "info", 1),
        ("microsoft", "info", 0),
        ("./broken.yaml", "critical", 1),
        ("./broken.yaml", "error", 1),
    ],
)
@pytest.mark.usefixtures("folder")
def test_what_fails_is_what_one_asks_for(source: str, fail_on: str, status: int) -> None:
    """0 where nothing is as bad as ``--fail-on`` that is not suppressed, else 1."""
    found = run(source, "--fail-on", fail_on)
    assert found.return_value == status
    assert found.stdout.splitlines()[-1].startswith("FAIL" if status else "PASS")


@pytest.mark.usefixtures("folder")
def test_a_file_that_cannot_be_read_hides_no_other() -> None:
    """The others are told of, and the command ends with 2."""
    found = run("./missing.yaml", "./broken.yaml", "sharepoint")
    assert found.return_value == 2
    assert "there is no file './missing.yaml'" in found.stderr
    assert "snat-open-relay" in found.stdout
    assert found.stdout.splitlines()[-1].startswith("FAIL: 2 topologies, 8 findings")
    assert "1 could not be read" in found.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no topology or file given"),
        (("--rules", "sharepoint"), "takes no topology"),
        (("--json", "--sarif", "sharepoint"), "choose one"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: tuple[str, ...], said: str) -> None:
    """In words, and with what to do instead."""
    assert said in str(run(*arguments).exception)


@pytest.mark.usefixtures("folder")
def test_json_is_one_document() -> None:
    """It has what the lines have, and each finding's place as a path, too."""
    found = run("./broken.yaml", "sharepoint", "./missing.yaml", "--json")
    document = json.loads(found.stdout)
    assert (document["status"], document["fail_on"]) == ("unreadable", "error")
    assert [each["topology"] for each in document["topologies"]] == ["broken", "sharepoint"]
    assert len(document["problems"]) == 1
    [relay] = [
        each for each in document["topologies"][0]["findings"] if each["severity"] == "critical"
    ]
    assert (relay["file"], relay["line"], relay["at"]) == (
        "broken.yaml",
        12,
        "connectors.relay.remote[1]",
    )
    assert relay["where"] == ["connectors", "relay", "remote", 1]
    assert relay["remedy"]


@pytest.mark.usefixtures("folder")
def test_sarif_is_what_code_hosts_read() -> None:
    """It fits SARIF 2.1.0, and says of each finding its rule, its line, and why it stands."""
    found = run("./broken.yaml", "./missing.yaml", "--sarif")
    log = json.loads(found.stdout)
    jsonschema.Draft202012Validator(SARIF).validate(log)
    [only] = log["runs"]
    rules = only["tool"]["driver"]["rules"]
    assert [each["id"] for each in rules] == [each.id for each in ALL_RULES]
    assert not only["invocations"][0]["executionSuccessful"]
    told = {each["ruleId"]: each for each in only["results"]}
    assert {rule: each["level"] for rule, each in told.items()} == {
        "lone-balancer": "warning",
        "balanced-2007-rtm": "error",
        "certificate-lacks-name": "error",
        "snat-open-relay": "error",
        "unused-suppression": "note",
        "blind-check": "note",
    }
    for rule, each in told.items():
        assert rules[each["ruleIndex"]]["id"] == rule
        [place] = each["locations"]
        assert place["physicalLocation"]["artifactLocation"]["uri"] == "broken.yaml"
    lines = {
        rule: each["locations"][0]["physicalLocation"]["region"]["startLine"]
        for rule, each in told.items()
    }
    assert lines["snat-open-relay"] == 12
    assert lines["blind-check"] == 1  # where it extends a built-in, which is no file of theirs
    assert told["balanced-2007-rtm"]["suppressions"] == [
        {"kind": "inSource", "justification": "Service Pack 1 comes in May"}
    ]
    assert "suppressions" not in told["snat-open-relay"]


def test_sarif_of_a_built_in_has_no_file() -> None:
    """Nobody has that file in a repository; the place is a name."""
    log = sarif([linted(topology_files.load_located("sharepoint"))], [])
    jsonschema.Draft202012Validator(SARIF).validate(log)
    [first, *_] = log["runs"][0]["results"]
    [place] = first["locations"]
    assert "physicalLocation" not in place
    assert place["logicalLocations"][0]["fullyQualifiedName"] == "sharepoint:nodes.lb1"


def test_sarif_of_a_file_elsewhere_is_an_address(folder: Path) -> None:
    """An absolute path becomes a URI, whatever characters it has."""
    path = folder / "an odd näme.yaml"
    path.write_text(BROKEN)
    log = sarif([linted(topology_files.load_located(path))], [])
    jsonschema.Draft202012Validator(SARIF).validate(log)
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"].startswith("file:///")
    assert place["artifactLocation"]["uri"].endswith("/an%20odd%20n%C3%A4me.yaml")


def test_the_rules_are_listed_with_their_facts() -> None:
    """For people and for programs."""
    shown = run("--rules").stdout
    document = json.loads(run("--rules", "--json").stdout)
    for rule, each in zip(ALL_RULES, document["rules"], strict=True):
        assert f"{rule.id}  {rule.severity}" in shown
        assert rule.fact in shown
        assert each == {
            "id": rule.id,
            "severity": str(rule.severity),
            "fact": rule.fact,
            "remedy": rule.remedy,
        }


def test_a_finding_in_a_default_leads_to_what_is_written(tmp_path: Path) -> None:
    """A key that no file has is told at the nearest one above it."""
    path = tmp_path / "own.yaml"
    path.write_text(
        "name: own\nnodes:\n  ht1: {role: hub}\n"
        "  lb1:\n    role: balancer\n    mode: wnlb\n    backends: [ht1]\n"
        "    vips: {mail: {ports: [25]}}\n"
    )
    located = topology_files.load_located(path)
    found = {each.rule: str(located.at(each.where)) for each in linted(located).findings}
    assert found["port-rule-all"] == f"{path}:4"
    assert found["blind-check"] == f"{path}:6"
