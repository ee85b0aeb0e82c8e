"""What the documents say is so."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from pytest_relaydrill.suite.test_relay import FAULTS
from relaydrill import inventory
from relaydrill.cli.commands import cli
from relaydrill.drills.audit_plan import plan_audit
from relaydrill.drills.model import plan

_ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize(
    "page", sorted(_ROOT.glob("*.md")) + sorted(_ROOT.glob("docs/*.md")), ids=lambda page: page.name
)
def test_every_link_leads_somewhere(page: Path) -> None:
    """Relative links of a page name files that exist."""
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_readme_names_the_commands_that_the_makefile_has() -> None:
    """Every ``make`` target of the README is in the Makefile."""
    makefile = (_ROOT / "Makefile").read_text()
    for target in re.findall(r"make ([a-z]+)", (_ROOT / "README.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.M), target


def test_the_built_in_topology_of_the_readme_is_the_real_one() -> None:
    """The rows of the README's output are the rows that the audit of ``sharepoint`` has."""
    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    for node in inventory.load("sharepoint").tier:
        assert f"{node} killed" in readme


@pytest.mark.parametrize("topology", ["sharepoint", "microsoft"])
def test_the_compose_files_are_what_the_command_writes(topology: str) -> None:
    """``relaydrill compose`` writes just the file that lies in ``compose/``."""
    written = CliRunner().invoke(cli, ["compose", topology], standalone_mode=False)
    assert written.output == (_ROOT / "compose" / f"{topology}.yaml").read_text()


PAGES = sorted(_ROOT.glob("*.md")) + sorted(_ROOT.glob("docs/*.md"))
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
    if str(values.get("topology")) not in inventory.builtins():
        return
    design = inventory.load(values["topology"])
    if name == "drill":
        assert plan(design, faults=values["faults"], flows=values["flows"]).length_s > 0
    if name == "audit":
        assert plan_audit(design, units=values["units"], kind=values["fault"])


_REAL_LABS = _ROOT / "docs" / "real-labs.md"
_YAML = re.compile(r"^```yaml\n(.*?)^```", re.M | re.S)


def test_the_examples_of_real_labs_are_inventories() -> None:
    """Each is one as it stands, or the hooks of a node, for faults that there are."""
    blocks = [yaml.safe_load(text) for text in _YAML.findall(_REAL_LABS.read_text("utf-8"))]
    [whole] = [block for block in blocks if "attach" in block]
    hooks = [block["hooks"] for block in blocks if "hooks" in block]
    assert len(hooks) == len(blocks) - 1 == 3
    for each in (None, *hooks):
        if each is not None:
            whole["attach"]["nodes"]["ht1"]["hooks"] = each
        design = inventory.parse(yaml.safe_dump(whole), "example.yaml")
        for kind in each or ():
            assert plan(design, faults=(f"{kind}:ht1",)).length_s > 0


def test_the_inventory_of_the_real_lab_is_whole() -> None:
    """Every fault of the bundled relay suite has a hook on every hub."""
    design = inventory.load(_ROOT / "docs" / "real-labs" / "haproxy-postfix.yaml")
    assert design.attach
    for hub in design.hubs:
        assert set(FAULTS) <= set(design.attach.nodes[hub].hooks)


def test_the_first_report_is_planned_as_its_page_says(tmp_path: Path) -> None:
    """Its inventory, with its hook on ht1, can be rehearsed: its mail, and what the hook does."""
    file = _ROOT / "docs" / "first-report.md"
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
