"""What must be true of a checkout before its version is handed out: ``make release``."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import relaydrill

REPOSITORY: Final = Path(__file__).parents[2]
_HEADING: Final = re.compile(r"^## (?P<version>\S+) \((?P<when>[^)]*)\)$", re.M)
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def mistakes(repository: Path, version: str) -> Iterator[str]:
    """What is wrong with the files of a checkout, a sentence each.

    Args:
        repository: Its folder.
        version: What the package says of itself.
    """
    project = tomllib.loads((repository / "pyproject.toml").read_text(encoding="utf-8"))
    if (declared := project["project"]["version"]) != version:
        yield f"pyproject.toml says {declared}, and the package says {version}"
    newest = _HEADING.search((repository / "CHANGELOG.md").read_text(encoding="utf-8"))
    if newest is None:
        yield "CHANGELOG.md has no heading like: ## 1.2.3 (2030-01-31)"
    elif newest["version"] != version:
        yield f"CHANGELOG.md begins with {newest['version']}, and the package is {version}"
    elif not _DAY.fullmatch(newest["when"]):
        yield f"CHANGELOG.md: write the day of the release in place of ({newest['when']})"


def unsaved(repository: Path) -> Iterator[str]:
    """What of a checkout is in no commit."""
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=repository, capture_output=True, text=True, check=True
    )
    if done.stdout:
        yield f"there are changes that are not committed:\n{done.stdout.rstrip()}"


def broken(wheel: Path) -> Iterator[str]:
    """What does not work of a wheel that is installed alone, with what it needs."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "bin" / "python"
        for command in (
            [sys.executable, "-m", "venv", folder],
            [str(python), "-m", "pip", "install", "--quiet", f"{wheel}[pytest,docker]"],
            [str(python.with_name("relaydrill")), "--version"],
            [
                str(python.with_name("relaydrill")),
                "drill",
                "--flow",
                "relay",
                "--fault",
                "kill:ht1",
            ],
        ):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                yield f"{' '.join(command)} ends with {done.returncode}:\n{done.stderr.rstrip()}"
                return


def main(dist: Path) -> int:
    """Say everything that is wrong, and how many things there are."""
    found = [*mistakes(REPOSITORY, relaydrill.__version__), *unsaved(REPOSITORY)]
    wheels = [*dist.glob(f"relaydrill-{relaydrill.__version__}-*.whl")]
    if len(wheels) == 1:
        found += broken(wheels[0])
    else:
        found.append(f"{dist} has no wheel of {relaydrill.__version__}, or more than one")
    for each in found:
        print(each, file=sys.stderr)
    if not found:
        print(f"relaydrill {relaydrill.__version__} may be released: twine upload {dist}/*")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
