"""What the command line says when Relaydrill itself is wrong."""

from __future__ import annotations

import json

import pytest

from relaydrill import topology_files
from relaydrill.cli.commands import run


def _wrong() -> dict[str, str]:
    raise ZeroDivisionError("division by zero")


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_an_error_that_nobody_foresaw_is_no_failed_check(
    options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends with 4 and not with 1, says what it is, and keeps what is needed to mend it."""
    monkeypatch.setattr(topology_files, "builtins", _wrong)
    assert run(["topologies", *options]) == 4
    said = capsys.readouterr()
    assert "ZeroDivisionError: division by zero" in said.err
    assert "says nothing of the mail tier" in said.err
    if options:
        document = json.loads(said.out)
        assert (document["format"], document["exit_status"]) == ("relaydrill.error", 4)
    else:
        assert said.out == ""
