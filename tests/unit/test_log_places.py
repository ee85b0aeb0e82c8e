"""Where a log is to be had, as an inventory says it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from relaydrill import topology_files
from relaydrill.topology import Topology

_DESIGN = Path(__file__).parents[2] / "docs" / "labs" / "real-labs" / "haproxy-postfix.yaml"


@pytest.mark.parametrize(
    "place",
    [
        "/var/log/mail.log",
        {"file": "/var/log/mail.log", "mailboxes": ["store"], "filters": ["scan", "dspam"]},
        {"run": ["ssh", "mx1", "tail", "-n0", "-F", "/var/log/mail.log"]},
        {"journald": "postfix*"},
        {"docker": "mail"},
    ],
    ids=str,
)
def test_a_log_is_read_as_it_is_written_and_reads_back(place: Any, tmp_path: Path) -> None:
    """Each key of a log may stand in a file, on a hub too, and in the topology of a run again."""
    document = yaml.safe_load(_DESIGN.read_text())
    nodes = document["attach"]["nodes"]
    nodes["mbx"]["arrivals"] = {"log": place}
    nodes["ht1"]["log"] = place
    path = tmp_path / "lab.yaml"
    path.write_text(yaml.safe_dump(document))
    topology = topology_files.load(str(path))
    assert topology.attach
    assert topology.attach.nodes["ht1"].log
    written = topology.model_dump_json(by_alias=True)
    assert (
        Topology.model_validate_json(written, strict=True, by_alias=True, by_name=False) == topology
    )
