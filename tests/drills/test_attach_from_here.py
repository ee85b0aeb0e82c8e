"""Faults of the sender's own side on a lab of others: no hook, no permission."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from tests.standing_lab import StandingLab, standing

_DRILL: Final = ("--driver", "attach", "--json")
_CHOOSING: Final[dict[str, Any]] = {
    "names": {"hubs.contoso.com": ["ht1", "ht2", "ht3"]},
    "flows": {
        "direct": {
            "from": "app",
            "persona": "rotated_list",
            "to": "hubs.contoso.com",
            "rate": "20/s",
            "expect": {"gap": "15s"},
        },
        "alone": {
            "from": "app",
            "persona": "single_host",
            "to": "ht1",
            "rate": "10/s",
            "expect": {"gap": "10s"},
        },
    },
}
"""A sender that knows all hubs, and one of them alone, beside those that come to the balancer."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandingLab]:
    """The built-in ``sharepoint``, brought up by somebody else."""
    with standing(tmp_path_factory.mktemp("standing")) as lab:
        yield lab


def drilled(
    lab: StandingLab, fault: str, flow: str, *, status: int, **attach: Any
) -> dict[str, Any]:
    """The drill of one flow, without any hook in the inventory, nor leave to break anything."""
    without = {name: {"hooks": None} for name in ("ht1", "ht2", "ht3", "lb1")}
    design = str(lab.inventory(_CHOOSING, nodes=without, **attach))
    done = lab.run("drill", design, *_DRILL, "--fault", fault, "--flow", flow, status=status)
    assert not lab.undo_records
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def checks(document: dict[str, Any], flow: str) -> dict[str, tuple[str, str]]:
    """Status and summary of each check of a flow."""
    return {
        each["check"]: (each["status"], each["summary"])
        for each in document["flows"][flow]["checks"]
    }


def test_a_rotated_list_rides_out_a_hub_that_is_out_of_reach(lab: StandingLab) -> None:
    """In production, too; the verdict says what it does not show."""
    fault = "unreachable-refused:app>ht1@8s+12s"
    document = drilled(lab, fault, "direct", status=0, production=True)
    found = checks(document, "direct")
    assert found["bite"][0] == "pass", found
    assert "of app on the way to ht1 met it on the sender's own side" in found["bite"][1]
    (note,) = document["findings"]
    assert "ht1 itself was whole" in note["sentence"]


def test_a_sender_with_one_address_does_not(lab: StandingLab) -> None:
    """Nothing of its mail flows while its only hub is out of reach from here."""
    document = drilled(lab, "unreachable-refused:app>ht1@8s+14s", "alone", status=1)
    found = checks(document, "alone")
    assert found["bite"][0] == "pass", found
    assert found["gap"][0] == "fail", found
    assert "unreachable at connect: connection refused" in found["gap"][1] + found["degraded"][1]
