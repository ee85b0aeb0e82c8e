"""Routes inside the tier, and which nodes a flow's mail may pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relaydrill import topology_files
from relaydrill.topology import Topology
from relaydrill.topology.paths import flows_through, path_of
from relaydrill.topology.routing import Towards, peers_of, routes_of, shadow_partners

TWOSITES = topology_files.parse(topology_files.builtin_text("twosites"), "twosites")
SHAREPOINT = topology_files.parse(topology_files.builtin_text("sharepoint"), "sharepoint")
MICROSOFT = topology_files.parse(topology_files.builtin_text("microsoft"), "microsoft")


def routes(topology: Topology, node: str) -> set[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """The routes of a node in plain values."""
    return {(str(each.towards), each.hops, each.domains) for each in routes_of(topology, node)}


def test_a_hub_delivers_in_its_own_site_and_hands_the_rest_on() -> None:
    """Own mailbox servers, the other site's hubs, and the Edge servers for everybody else."""
    assert routes(TWOSITES, "ht1") == {
        ("mailbox", ("mbx-r",), ("contoso.com",)),
        ("hub", ("ht3", "ht4"), ("dublin.contoso.com",)),
        ("edge", ("edge1", "edge2"), ()),
    }
    assert routes(TWOSITES, "ht3") == {
        ("hub", ("ht1", "ht2"), ("contoso.com",)),
        ("mailbox", ("mbx-d",), ("dublin.contoso.com",)),
        ("edge", ("edge1", "edge2"), ()),
    }


def test_an_edge_server_gives_inbound_mail_to_the_hubs_of_its_site() -> None:
    """An Edge subscription joins one site; and what is for others goes to the Internet."""
    assert routes(TWOSITES, "edge1") == {
        ("hub", ("ht1", "ht2"), ("contoso.com", "dublin.contoso.com")),
        ("internet", ("fabrikam",), ("fabrikam.com",)),
    }


def test_without_sites_every_hub_delivers_to_every_mailbox_server() -> None:
    """Nothing is handed from hub to hub, and without a sink nothing leaves."""
    assert routes(SHAREPOINT, "ht1") == {("mailbox", ("mbx",), ("contoso.com",))}
    assert routes(MICROSOFT, "edge4") == {("hub", ("ht1", "ht2"), ("contoso.com",))}
    assert routes_of(SHAREPOINT, "lb1") == ()


def test_a_mailbox_server_where_no_hub_stands_is_delivered_to_from_afar() -> None:
    """Mail does not wait for a hub that the design does not have."""
    design = topology_files.parse(
        """
name: far
nodes:
  ht1: {role: hub, site: here}
  mbx: {role: mailbox, site: there, domains: [contoso.com]}
""",
        "far.yaml",
    )
    assert routes(design, "ht1") == {("mailbox", ("mbx",), ("contoso.com",))}


def test_without_edge_servers_a_hub_sends_to_the_internet_itself() -> None:
    """Each domain of others goes to the servers that have it."""
    design = topology_files.parse(
        """
name: no-edge
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [contoso.com]}
  a: {role: mailbox, internet: true, domains: [a.com, shared.com]}
  b: {role: mailbox, internet: true, domains: [b.com, shared.com]}
""",
        "no-edge.yaml",
    )
    assert routes(design, "ht1") == {
        ("mailbox", ("mbx",), ("contoso.com",)),
        ("internet", ("a",), ("a.com",)),
        ("internet", ("a", "b"), ("shared.com",)),
        ("internet", ("b",), ("b.com",)),
    }
    assert design.domains == ("contoso.com",)


def test_peers_are_the_servers_that_send_to_a_node() -> None:
    """The other site's hubs and the Edge servers send to a hub; clients are none of its peers."""
    assert peers_of(TWOSITES, "ht1") == ("ht3", "ht4", "edge1", "edge2")
    assert peers_of(TWOSITES, "edge1") == ("ht1", "ht2", "ht3", "ht4")
    assert peers_of(SHAREPOINT, "ht1") == ()


def test_hubs_that_keep_shadow_copies_are_peers_of_each_other() -> None:
    """The copies go one way, the questions after them the other; a remote site comes first."""
    nodes = "".join(f"  {hub}: {{ack: shadow}}\n" for hub in ("ht1", "ht2", "ht3", "ht4"))
    design = topology_files.parse(
        f"extends: twosites\nname: shadows\nnodes:\n{nodes}", "shadows.yaml"
    )
    assert shadow_partners(design, "ht1") == ("ht3", "ht4", "ht2")
    assert set(peers_of(design, "ht1")) == {"ht2", "ht3", "ht4", "edge1", "edge2"}


def test_a_flow_s_path_is_every_node_that_may_carry_it() -> None:
    """From the entry point to the mailbox server, with the balancer, the other site, the Edges."""
    assert path_of(TWOSITES, "intra-site") == {"ht1", "ht2", "mbx-r"}
    assert path_of(TWOSITES, "cross-site") == {"ht1", "ht2", "ht3", "ht4", "mbx-d"}
    assert path_of(TWOSITES, "outbound") == {"ht1", "ht2", "edge1", "edge2", "fabrikam"}
    assert path_of(TWOSITES, "own-hub") == {"ht2", "mbx-r"}
    assert path_of(SHAREPOINT, "relay") == {"lb1", "ht1", "ht2", "ht3", "mbx"}
    edges = {f"edge{number}" for number in range(1, 7)}
    rest = {"ht1", "ht2", "mbx", "ns1", "ns2"}
    assert path_of(MICROSOFT, "inbound") == edges | rest
    assert path_of(MICROSOFT, "pinned") == {"edge1", "edge4"} | rest


def test_a_drill_sends_the_flows_that_pass_what_it_breaks() -> None:
    """A node's loss is tried with the flows whose mail passes it, and with no others."""
    assert flows_through(TWOSITES, ("edge1",)) == ("outbound",)
    assert flows_through(TWOSITES, ("ht2",)) == ("intra-site", "cross-site", "outbound", "own-hub")
    assert flows_through(TWOSITES, ("server",)) == ()


SITES = st.sampled_from([None, "east", "west"])


@given(
    hubs=st.lists(SITES, min_size=1, max_size=4),
    boxes=st.lists(SITES, min_size=1, max_size=3),
    edges=st.lists(SITES, max_size=3),
    has_sink=st.booleans(),
)
def test_mail_never_goes_in_circles(
    hubs: list[str | None], boxes: list[str | None], edges: list[str | None], has_sink: bool
) -> None:
    """Whatever stands where, every domain is reached from every server in three hops at most."""

    def node(role: str, site: str | None, more: str = "") -> str:
        place = f", site: {site}" if site else ""
        return f"{{role: {role}{place}{more}}}"

    lines = [f"  ht{at}: {node('hub', site)}" for at, site in enumerate(hubs)]
    lines += [
        f"  mbx{at}: {node('mailbox', site, f', domains: [d{at}.com]')}"
        for at, site in enumerate(boxes)
    ]
    lines += [f"  edge{at}: {node('edge', site)}" for at, site in enumerate(edges)]
    lines += ["  sink: {role: mailbox, internet: true, domains: [sink.com]}"] if has_sink else []
    design = topology_files.parse("name: any\nnodes:\n" + "\n".join(lines), "any.yaml")
    for domain in (*design.domains, *(["sink.com"] if has_sink else [])):
        for start in (*design.hubs, *design.edges):
            _arrives(design, start, domain, hops=0)


def _arrives(design: Topology, node: str, domain: str, hops: int) -> None:
    """Follow every way that a message may take, and want each to end where its domain is."""
    if node not in {**design.hubs, **design.edges}:
        assert domain in {**design.mailboxes, **design.sinks}[node].domains
        return
    assert hops < 3, f"mail for {domain} goes in circles"
    onwards = _onwards(design, node, domain)
    assert onwards, f"mail for {domain} ends at {node}"
    for hop in onwards:
        _arrives(design, hop, domain, hops + 1)


def _onwards(design: Topology, node: str, domain: str) -> set[str]:
    found = routes_of(design, node)
    exact = [each for each in found if domain in each.domains]
    fitting = exact or [each for each in found if not each.domains]
    assert len(fitting) <= 1
    return set(fitting[0].hops) if fitting else set()


@pytest.mark.parametrize("towards", Towards)
def test_a_destination_is_named_by_where_it_leads(towards: Towards) -> None:
    """The name of a queue tells a person what waits in it."""
    from relaydrill.topology.routing import Route

    assert Route(towards, ("a", "b")).name == f"{towards}:a,b"


def test_a_copy_with_other_nodes_has_their_roles() -> None:
    """The nodes of a role are found once for each topology; a changed copy is one of its own."""
    assert set(SHAREPOINT.hubs) == {"ht1", "ht2", "ht3"}
    nodes = {name: node for name, node in SHAREPOINT.nodes.items() if name != "ht3"}
    copy = SHAREPOINT.model_copy(update={"nodes": nodes})
    assert set(copy.hubs) == {"ht1", "ht2"}
    assert set(SHAREPOINT.hubs) == {"ht1", "ht2", "ht3"}
