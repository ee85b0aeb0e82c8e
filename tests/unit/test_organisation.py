"""What a topology says of versions, clusters, certificates, replication and the directory."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml
from tests.lint_designs import BASES

from relaydrill import topology_files
from relaydrill.drivers.configure import certificate_names
from relaydrill.errors import TopologyError
from relaydrill.topology import Topology
from relaydrill.topology.organisation import EXCHANGE, WINDOWS, exchange_since


def boxes(**change: Any) -> str:
    """The design of mailbox servers, with some of its keys replaced."""
    return yaml.safe_dump({**yaml.safe_load(BASES["boxes"]), **change})


@pytest.mark.parametrize(
    ("change", "said", "allowed"),
    [
        (
            {"replication": {"sg1": {"source": "mbx9", "targets": ["mbx2"]}}},
            "replication.sg1.source: no mailbox server is called 'mbx9'",
            "one of: mbx1, mbx2, mbx3",
        ),
        (
            {"replication": {"sg1": {"source": "mbx1", "targets": ["ht1"]}}},
            "replication.sg1.targets[0]: no mailbox server is called 'ht1'",
            "one of: mbx1, mbx2, mbx3",
        ),
        (
            {"replication": {"sg1": {"source": "mbx1", "targets": ["mbx2", "mbx1"]}}},
            "replication.sg1.targets[1]: 'mbx1' holds this storage group already",
            "every mailbox server once",
        ),
        (
            {"replication": {"sg1": {"source": "mbx1", "targets": "mbx2", "paths": {"mbx3": "D"}}}},
            "replication.sg1.paths.mbx3: 'mbx3' is neither its source nor a target",
            "one of: mbx1, mbx2",
        ),
        (
            {"directory": {"controllers": {"dc1": {"windows": 2008}}, "rus": "dc2"}},
            "directory.rus: no domain controller is called 'dc2'",
            "one of: dc1",
        ),
        (
            {"directory": {"controllers": {"dc1": {"windows": 2003, "read_only": True}}}},
            "directory.controllers.dc1.read_only: Windows 2003 has no read-only domain controllers",
            "windows: 2008 or later",
        ),
        (
            {"directory": {"controllers": {"dc1": {"windows": "2008R2"}}}},
            "directory.controllers.dc1.windows: '2008R2' is not one of the choices; "
            "did you mean '2008 R2'?",
            ", ".join(WINDOWS),
        ),
    ],
)
def test_what_does_not_fit_is_told(change: dict[str, Any], said: str, allowed: str) -> None:
    """Where it is, what is wrong, and what would be right."""
    with pytest.raises(TopologyError) as caught:
        topology_files.parse(boxes(**change))
    [problem] = caught.value.mistakes
    # The value that is wrong stands at the end of some of these.
    assert problem.what.startswith(said)
    assert problem.allowed == allowed


def test_a_wrong_controller_makes_no_second_mistake() -> None:
    """A reference to what is wrong itself is no mistake of its own."""
    directory = {"controllers": {"dc1": {"windows": 1999}}, "rus": "dc1"}
    with pytest.raises(TopologyError) as caught:
        topology_files.parse(boxes(directory=directory))
    assert [each.what.split(":")[0] for each in caught.value.mistakes] == [
        "directory.controllers.dc1.windows"
    ]


@pytest.mark.parametrize(
    ("node", "said"),
    [
        ({"clustered": True}, "nodes.mbx1.clustered: clustered in no cluster"),
        ({"version": "2007 SP9"}, "nodes.mbx1.version: '2007 SP9' is not one of the choices"),
        ({"version": 2008}, "nodes.mbx1.version: 2008 is not one of the choices"),
        ({"version": True}, "nodes.mbx1.version: true is not one of the choices"),
    ],
)
def test_what_a_mailbox_server_cannot_be_is_told(node: dict[str, Any], said: str) -> None:
    """A clustered mailbox server has a cluster; a version is one that there is."""
    nodes = yaml.safe_load(BASES["boxes"])["nodes"]
    nodes["mbx1"] = {"role": "mailbox", "domains": ["contoso.com"], **node}
    with pytest.raises(TopologyError) as caught:
        topology_files.parse(boxes(nodes=nodes))
    assert said in caught.value.mistakes[0].what
    assert len(caught.value.mistakes) == 1


def test_a_bare_year_is_a_version() -> None:
    """YAML takes it for a number; it is read, written and read again as the version."""
    nodes = yaml.safe_load(BASES["boxes"])["nodes"]
    nodes["mbx3"]["version"] = 2007
    topology = topology_files.parse(boxes(nodes=nodes))
    assert topology.mailboxes["mbx3"].version == "2007"
    assert topology_files.parse(topology_files.dump(topology)) == topology


@pytest.mark.parametrize("base", BASES)
def test_editors_know_these_keys(base: str) -> None:
    """The exported schema takes what the program takes, and refuses a rule that there is not."""
    data = yaml.safe_load(BASES[base])
    schema = jsonschema.Draft202012Validator(topology_files.schema())
    schema.validate(data)
    entry = {"rule": "lone-balancer", "reason": "a pair by itself"}
    schema.validate({**data, "lint": [entry]})
    assert not schema.is_valid({**data, "lint": [{**entry, "rule": "no-such-rule"}]})


def test_a_later_version_has_what_an_earlier_one_has() -> None:
    """Versions are in the order of their release; an unknown one promises nothing."""
    assert [each for each in EXCHANGE if exchange_since(each, "2007 SP1")] == [
        *("2007 SP1", "2010", "2013", "2016", "2019")
    ]
    assert not exchange_since(None, "2003")


def sharepoint(names: list[str] | None) -> Topology:
    """The built-in design, with the certificate of one hub declared."""
    data = yaml.safe_load(topology_files.builtin_text("sharepoint"))
    data["nodes"]["ht1"]["certificate"] = names
    return Topology.model_validate(data)


def test_a_hub_gets_the_certificate_that_it_declares() -> None:
    """By default its own name and all names that clients are given."""
    assert certificate_names(sharepoint(None), "ht1")[1:] == ("mail.contoso.com",)
    declared = sharepoint(["HT1.contoso.com", "*.contoso.com"])
    assert certificate_names(declared, "ht1") == ("ht1.contoso.com", "*.contoso.com")
