"""The package of docs/python/writing-a-fault.md, installed where a test wants it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "python" / "writing-a-fault.md"

_FILE = re.compile(r"^`(mail_drills/\w+\.py)`:\n\n```python\n(.*?)^```$", re.M | re.S)
_PROJECT = re.compile(r"^```toml\n(.*?)^```$", re.M | re.S)


def files() -> dict[str, str]:
    """The text of each of its files, by path."""
    return dict(_FILE.findall(PAGE.read_text(encoding="utf-8")))


def entry_points() -> dict[str, dict[str, str]]:
    """What it adds to each group, by name."""
    [project] = _PROJECT.findall(PAGE.read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = tomllib.loads(project)["project"]["entry-points"]
    return found


def install(
    folder: Path,
    groups: Mapping[str, Mapping[str, str]],
    sources: Mapping[str, str],
    *,
    name: str = "mail-drills",
) -> Path:
    """Put a package where Python finds it, as pip would, and return that place."""
    place = folder / "site"
    for path, text in sources.items():
        file = place / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        (file.parent / "__init__.py").touch()
    info = place / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = []
    for group, entries in groups.items():
        lines += [f"[{group}]", *(f"{key} = {value}" for key, value in entries.items()), ""]
    (info / "entry_points.txt").write_text("\n".join(lines))
    return place


def installed(folder: Path) -> Path:
    """The whole package of the page."""
    return install(folder, entry_points(), files())


def relaydrill(
    place: Path, *words: str, folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command line where the packages of a place are installed."""
    return run_python(place, "-c", "from relaydrill.cli import main; main()", *words, folder=folder)


def run_python(
    place: Path, *words: str, folder: Path | None = None, **environment: Any
) -> subprocess.CompletedProcess[str]:
    """Run Python where the packages of a place are installed."""
    path = os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        cwd=folder or place,
        env={**os.environ, "PYTHONPATH": path, **environment},
        timeout=100,
        check=False,
    )
