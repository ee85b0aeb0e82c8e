"""What the documents say is so."""

from __future__ import annotations

import copy
import re
import shlex
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml
from click.testing import CliRunner

from pytest_relaydrill.suite.test_relay import FAULTS
from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.drill_plan import plan
from relaydrill.ledger import Account
from relaydrill.verdict import Status

_ROOT = Path(__file__).parents[2]
_CONTENTS = re.compile(r"^```\{toctree\}\n(?::[^\n]*\n)*\n(.*?)^```$", re.M | re.S)
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


PAGES = sorted(_ROOT.glob("*.md")) + sorted(_ROOT.glob("docs/**/*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(_ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links of a page name files that exist."""
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_page_of_the_documentation_is_built() -> None:
    """Each stands in the table of contents, or in that of its folder: else nobody finds it."""
    listed = {
        (index.parent / name).with_suffix(".md")
        for index in _ROOT.glob("docs/**/index.md")
        for table in _CONTENTS.findall(index.read_text(encoding="utf-8"))
        for name in table.split()
    }
    assert listed == {*_ROOT.glob("docs/**/*.md")} - {_ROOT / "docs" / "index.md"}


def test_the_glossary_has_the_words_of_the_reports() -> None:
    """Every account and status that a report shows is explained."""
    glossary = (_ROOT / "docs" / "reference" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \|", glossary, re.M)
    words = {word.strip("` ") for row in rows for word in row.split(",")}
    shown = {str(each) for kind in (Account, Status) for each in kind}
    assert shown - words == set()


def test_the_modules_that_are_spoken_of_exist() -> None:
    """Every file and folder that the pages on the inside name lies somewhere in the source."""
    roots = [_ROOT / name for name in ("harness", "fixtures", "tests", "docs", "compose")]
    there = {f"/{each.relative_to(_ROOT)}" for root in roots for each in (root, *root.rglob("*"))}
    for page in (_ROOT / "docs" / "inside").rglob("*.md"):
        for path in re.findall(r"`([a-z0-9_./-]+(?:\.py|/))`", page.read_text(encoding="utf-8")):
            name = f"/{path.rstrip('/')}"
            assert any(each.endswith(name) for each in there), f"{page.name} names {path}"


def test_the_links_to_other_servers_are_addresses() -> None:
    """Each has a host, by https; whether it answers today is no property of these pages."""
    for page in PAGES:
        for link in re.findall(r"\]\(([a-z]+:[^)]*)\)", page.read_text(encoding="utf-8")):
            assert urlsplit(link).scheme == "https", link
            assert "." in urlsplit(link).netloc, link


def test_the_readme_names_the_commands_that_the_makefile_has() -> None:
    """Every ``make`` target of the README is in the Makefile."""
    makefile = (_ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z]+)", (_ROOT / "README.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_built_in_topology_of_the_readme_is_the_real_one() -> None:
    """The rows of the README's output are the rows that the audit of ``sharepoint`` has."""
    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    for node in topology_files.load("sharepoint").tier:
        assert f"{node} killed" in readme


@pytest.mark.parametrize("topology", ["sharepoint", "microsoft"])
def test_the_compose_files_are_what_the_command_writes(topology: str) -> None:
    """``relaydrill compose`` writes just the file that lies in ``compose/``."""
    written = CliRunner().invoke(cli, ["compose", topology], standalone_mode=False)
    assert written.output == (_ROOT / "compose" / f"{topology}.yaml").read_text()


_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def _commands(page: Path) -> list[str]:
    """The lines of a page's code blocks that call this program, without their comments."""
    lines = [
        line.partition(" #")[0].strip()
        for language, block in _BLOCK.findall(page.read_text(encoding="utf-8"))
        for line in ([] if language else block.splitlines())
    ]
    return [line for line in lines if line.startswith("relaydrill ")]


@pytest.mark.parametrize(
    "command", sorted({line for page in PAGES for line in _commands(page)}), ids=str
)
def test_every_command_of_the_documents_is_understood(command: str) -> None:
    """Its options exist; and a drill or an audit of a built-in topology can be planned so."""
    arguments = shlex.split(command.partition(" > ")[0])[1:]
    with cli.make_context("relaydrill", list(arguments)) as whole:
        name, found, rest = cli.resolve_command(whole, arguments)
        assert found is not None, name
        values = found.make_context(str(name), list(rest), parent=whole).params
    if str(values.get("topology")) not in topology_files.builtins():
        return
    design = topology_files.load(values["topology"])
    if name == "drill":
        assert plan(design, faults=values["faults"], flows=values["flows"]).length_s > 0
    if name == "audit":
        assert plan_audit(design, units=values["units"], kind=values["fault"])


_REAL_LABS = _ROOT / "docs" / "labs" / "real-labs.md"
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.M | re.S)


def test_the_examples_of_real_labs_are_inventories() -> None:
    """Each is one as it stands, the hooks of a node, for faults that there are, or a part of it."""
    blocks = [yaml.safe_load(text) for text in _YAML.findall(_REAL_LABS.read_text("utf-8"))]
    [whole] = [block for block in blocks if "attach" in block]
    hooks = [block["hooks"] for block in blocks if "hooks" in block]
    parts = [block for block in blocks if not {"attach", "hooks"} & block.keys()]
    assert (len(hooks), len(parts)) == (3, 3)
    for part in parts:
        mine = copy.deepcopy(whole)
        nodes = mine["attach"]["nodes"] | part.get("nodes", {})
        mine["attach"] |= part | {"nodes": nodes}
        topology_files.parse(yaml.safe_dump(mine), "example.yaml")
    for each in hooks:
        whole["attach"]["nodes"]["ht1"]["hooks"] = each
        design = topology_files.parse(yaml.safe_dump(whole), "example.yaml")
        for kind in each:
            assert plan(design, faults=(f"{kind}:ht1",)).length_s > 0


def test_the_example_of_a_null_client_is_an_inventory() -> None:
    """As it stands, with a sender that is a mail server."""
    [text] = _YAML.findall((_ROOT / "docs" / "labs" / "null-client.md").read_text("utf-8"))
    design = topology_files.parse(text, "example.yaml")
    assert [sender.kind for sender in design.senders.values()] == ["postfix"]


def test_the_inventory_of_the_real_lab_is_whole() -> None:
    """Every fault of the bundled relay suite has a hook on every hub."""
    design = topology_files.load(_ROOT / "docs" / "labs" / "real-labs" / "haproxy-postfix.yaml")
    assert design.attach
    for hub in design.hubs:
        assert set(FAULTS) <= set(design.attach.nodes[hub].hooks)


def test_the_first_report_is_planned_as_its_page_says(tmp_path: Path) -> None:
    """Its inventory, with its hook on ht1, can be rehearsed: its mail, and what the hook does."""
    file = _ROOT / "docs" / "labs" / "first-report.md"
    page = file.read_text("utf-8")
    whole, hooks = (yaml.safe_load(text) for text in _YAML.findall(page))
    whole["attach"]["nodes"]["ht1"] |= hooks
    (tmp_path / "staging.yaml").write_text(yaml.safe_dump(whole))
    rehearsed = [command for command in _commands(file) if "--dry-run" in command]
    told = []
    for command in rehearsed:
        words = shlex.split(command.replace("staging.yaml", str(tmp_path / "staging.yaml")))[1:]
        told.append(CliRunner().invoke(cli, words, standalone_mode=False).output)
    steady, broken = told
    assert "34.9s of mail" in steady
    assert "34.9 s of mail" in page
    assert "ssh -o BatchMode=yes root@10.1.0.11 'postfix stop'" in broken
