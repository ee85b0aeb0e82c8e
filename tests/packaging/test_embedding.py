"""The example project of the documents, with the wheel as a user has it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
EXAMPLE = REPOSITORY / "docs" / "python" / "embedding"


def call(python: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the virtual environment's Python in a folder, away from this checkout."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        [str(python), *arguments],
        cwd=folder,
        env={**inherited, "XDG_STATE_HOME": str(folder / "state")},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the example, as somebody's own project."""
    hidden = shutil.ignore_patterns("__pycache__", ".*")
    return Path(shutil.copytree(EXAMPLE, tmp_path / "project", ignore=hidden))


def test_the_wheel_is_what_the_environment_has(environment: Path, tmp_path: Path) -> None:
    """Both packages and the command come from the wheel, not from this checkout."""
    code = "import relaydrill, pytest_relaydrill as p; print(relaydrill.__file__, p.__file__)"
    found = call(environment, tmp_path, "-c", code).stdout.split()
    assert len(found) == 2
    assert all(path.startswith(str(environment.parents[1])) for path in found)
    done = call(environment, tmp_path, str(environment.with_name("relaydrill")), "topologies")
    assert "sharepoint" in done.stdout


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_the_example_passes(workers: tuple[str, ...], environment: Path, project: Path) -> None:
    """The application's own tests lose a relay under it, and pass, with and without xdist."""
    done = call(environment, project, *("-m", "pytest", "-v", "-p", "no:cacheprovider"), *workers)
    assert done.returncode == 0, done.stdout + done.stderr
    names = re.findall(
        r"^def (test_\w+)", (EXAMPLE / "tests" / "test_invoices.py").read_text(), re.M
    )
    assert len(names) > 4
    for name in names:
        assert re.search(rf"{name}(\[.+\])? .*PASSED|PASSED .*{name}", done.stdout), name
    assert "skipped" not in done.stdout


def test_the_example_fails_where_the_application_forgets_mail(
    environment: Path, project: Path
) -> None:
    """Its tests can fail: an application that drops what it cannot send at once is found out."""
    mailer = project / "invoicing" / "mailer.py"
    careless = mailer.read_text().replace(
        "                continue\n", "                path.unlink()\n"
    )
    assert careless != mailer.read_text()
    mailer.write_text(careless)
    done = call(
        environment, project, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "balancer"
    )
    assert done.returncode == 1
    assert "1 failed" in done.stdout


def test_the_example_names_what_it_needs() -> None:
    """Its pyproject asks for this distribution and the extra that brings the plugin."""
    described = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    ours = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert f"{ours['name']}[pytest]" in described["optional-dependencies"]["test"]
    assert "pytest" in ours["optional-dependencies"]
