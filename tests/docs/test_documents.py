"""What the documents say is so."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from relaydrill.cli import cli

_ROOT = Path(__file__).parents[2]
_LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("workers", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_the_embedding_example_passes(workers: list[str], tmp_path: Path) -> None:
    """The example project's own tests pass with the installed plugin, with and without xdist."""
    project = tmp_path / "project"
    shutil.copytree(_ROOT / "docs" / "embedding", project)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *workers],
        cwd=project,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


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
    from relaydrill import inventory

    readme = (_ROOT / "README.md").read_text(encoding="utf-8")
    for node in inventory.load("sharepoint").tier:
        assert f"{node} killed" in readme


@pytest.mark.parametrize("topology", ["sharepoint", "microsoft"])
def test_the_compose_files_are_what_the_command_writes(topology: str) -> None:
    """``relaydrill compose`` writes just the file that lies in ``compose/``."""
    written = CliRunner().invoke(cli, ["compose", topology], standalone_mode=False)
    assert written.output == (_ROOT / "compose" / f"{topology}.yaml").read_text()
