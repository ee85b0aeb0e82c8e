"""The page of faults: each that it names is one, and it names all of a server's."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from relaydrill.disturbance import LIES, OF_TLS
from relaydrill.faults import FAULTS, FaultText, ServiceFault, WayFault
from relaydrill.smtp import Phase

_PAGE: Final = (Path(__file__).parents[2] / "docs/design/faults.md").read_text(encoding="utf-8")
_ROWS: Final = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in _PAGE.splitlines()
    if line.startswith("| ")
]
_BESIDE_OTHERS: Final = _ROWS[_ROWS.index(["tool", "what it breaks", "here"]) + 1 :]
_WRITTEN: Final = re.compile(
    r"`([a-z][a-z-]+)(?:=[A-Z/~%]+)?`|`([a-z][a-z-]+(?:\.(?:[a-z]+|PHASE))?(?:%SHARE)?)`"
)


def _faults_in(cell: str) -> list[str]:
    """The faults that a cell names, with phase and share and without their amounts."""
    return [one or other for one, other in _WRITTEN.findall(cell)]


@pytest.mark.parametrize("row", _BESIDE_OTHERS, ids=lambda row: row[1])
def test_what_stands_beside_another_tool_s_fault_can_be_written(row: list[str]) -> None:
    """In the last column each text is a fault of Relaydrill, or the cell says: not yet."""
    written = _faults_in(row[2])
    for text in written:
        plain = text.replace("PHASE", Phase.RCPT).replace("SHARE", "30")
        assert FaultText.of_kind(plain).kind in FAULTS
    assert written or "not yet" in row[2] or row[2].startswith("`%SHARE`")


def test_every_fault_of_login_lies_tls_and_the_way_has_its_row() -> None:
    """Whoever adds one says here what it does."""
    told = {name for row in _ROWS for name in _faults_in(row[0])}
    wanted = {
        kind
        for kind, fault in FAULTS.items()
        if isinstance(fault, WayFault)
        or (isinstance(fault, ServiceFault) and fault.action in LIES | OF_TLS)
    }
    assert wanted | {"auth-down", "auth-refused", "directory-down", "phantom-reject"} <= told
