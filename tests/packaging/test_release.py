"""What ``make release`` looks at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.release import mistakes


@pytest.mark.parametrize(
    ("declared", "heading", "said"),
    [
        ("1.2.3", "## 1.2.3 (2030-01-31)", []),
        ("1.2.4", "## 1.2.3 (2030-01-31)", ["pyproject.toml says 1.2.4, and the package says"]),
        ("1.2.3", "## 1.2.3 (not released)", ["write the day of the release"]),
        ("1.2.3", "## 1.2.2 (2030-01-31)", ["CHANGELOG.md begins with 1.2.2"]),
        ("1.2.3", "nothing", ["CHANGELOG.md begins with 1.0.0"]),
    ],
)
def test_version_and_changelog_agree(
    declared: str, heading: str, said: list[str], tmp_path: Path
) -> None:
    """A release has one version everywhere, and a day."""
    (tmp_path / "pyproject.toml").write_text(f'[project]\nversion = "{declared}"\n')
    (tmp_path / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n\n## 1.0.0 (2029-01-01)\n")
    found = [*mistakes(tmp_path, "1.2.3")]
    assert len(found) == len(said)
    assert all(part in whole for part, whole in zip(said, found, strict=True))
