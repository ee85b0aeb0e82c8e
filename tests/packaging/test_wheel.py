"""What is handed out: the wheel holds what is needed, and works where it is installed alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SOURCES = (REPOSITORY / "harness" / "relaydrill", REPOSITORY / "fixtures" / "pytest_relaydrill")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel's content, as an installation puts it."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python away from the checkout, with the installed package before any other."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "XDG_STATE_HOME": str(installed)}
    return subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", *arguments],
        cwd=installed,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_wheel_holds_both_packages_and_nothing_else(wheel: Path) -> None:
    """Every file of both source roots is in it; tests, docs and fixtures' roots are not."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    wanted = {
        str(path.relative_to(source.parent))
        for source in SOURCES
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == wanted
    assert {"relaydrill/py.typed", "pytest_relaydrill/py.typed"} <= names
    assert "relaydrill/topologies/sharepoint.yaml" in names
    assert "relaydrill/images/node/Dockerfile" in names
    assert "relaydrill/report/html/templates/page.html" in names


def test_the_source_distribution_holds_what_contributors_need(wheel: Path) -> None:
    """Every file of the repository, so that the tests can be run from it; links are no copies."""
    (packed,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    listed = subprocess.run(
        ["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("this is no git checkout; run it in one")
    kept = {name for name in listed.stdout.splitlines() if (REPOSITORY / name).is_file()}
    assert kept - names == set()
    assert "compose/images" not in names


def test_the_metadata_say_who_made_it_and_what_may_be_done_with_it(wheel: Path) -> None:
    """A licence, with its text, and an author."""
    archive = zipfile.ZipFile(wheel)
    (name,) = (each for each in archive.namelist() if each.endswith("/METADATA"))
    lines = archive.read(name).decode().splitlines()
    assert "License-Expression: MIT" in lines
    assert "Author: The Relaydrill authors" in lines
    assert any(each.endswith("/licenses/LICENSE") for each in archive.namelist())


def test_the_wheel_announces_the_command_and_the_plugin(wheel: Path) -> None:
    """Installing it is enough: for the shell, and for pytest."""
    archive = zipfile.ZipFile(wheel)
    (name,) = (each for each in archive.namelist() if each.endswith("entry_points.txt"))
    lines = archive.read(name).decode().splitlines()
    assert "relaydrill = relaydrill.cli:main" in lines
    assert "[pytest11]" in lines
    assert "relaydrill = pytest_relaydrill.plugin" in lines


def test_the_base_needs_neither_pytest_nor_docker(installed: Path) -> None:
    """The command works without the extras: it imports nothing of theirs."""
    code = (
        "import sys\n"
        "for name in ('pytest', 'docker', 'testcontainers', 'numpy'): sys.modules[name] = None\n"
        "import relaydrill.cli, relaydrill\n"
        "print(relaydrill.__file__)\n"
        "sys.argv = ['relaydrill', 'topologies']\n"
        "relaydrill.cli.main()\n"
    )
    done = run(installed, "-c", code)
    assert done.returncode == 0, done.stderr
    assert str(installed) in done.stdout
    assert "sharepoint" in done.stdout


def test_a_missing_extra_is_told_in_one_line(installed: Path) -> None:
    """The docker driver without its libraries names what to install."""
    code = (
        "import sys\n"
        "for name in ('docker', 'testcontainers'): sys.modules[name] = None\n"
        "import relaydrill.cli\n"
        "relaydrill.cli.main(['audit', 'sharepoint', '--driver', 'docker'])\n"
    )
    done = run(installed, "-c", code)
    assert done.returncode == 2
    assert done.stderr.strip().endswith("pip install 'relaydrill[docker]'")
    assert "Traceback" not in done.stderr


def test_the_installed_wheel_drills(installed: Path) -> None:
    """A drill runs from the installed package alone, its nodes included, and has its report."""
    code = "import sys, relaydrill.cli; relaydrill.cli.main(sys.argv[1:])"
    options = ("--flow", "relay", "--out", "run", "--html", "run.html")
    done = run(installed, "-c", code, "drill", "sharepoint", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS" in done.stdout
    assert "<title>PASS: " in (installed / "run.html").read_text(encoding="utf-8")
