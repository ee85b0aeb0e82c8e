"""Rules of single servers and senders: choices that a program does not have, or that clash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.kinds import FAKE, KINDS
from relaydrill.marks import Mistake
from relaydrill.scalars import is_name
from relaydrill.topology.hosts import Edge, Hub, Mailbox, Node, Sender
from relaydrill.topology.routing import shadow_partners
from relaydrill.topology.rules.draft import Draft, Rule, of_each


def told_what_it_understands(draft: Draft, name: str, node: Node) -> Iterator[Mistake]:
    """What a real program cannot be told is left at its default; see `relaydrill.kinds`."""
    for refusal in KINDS[node.kind].refusals:
        is_usual = getattr(node, refusal.setting, refusal.usual) == refusal.usual
        if refusal.role == node.role and not is_usual:
            here = ("nodes", name, refusal.setting)
            yield draft.mistake(here, refusal.what, refusal.remedy)


def kept_by_another(draft: Draft, name: str, hub: Hub) -> Iterator[Mistake]:
    """A shadow copy is kept by a second hub."""
    if hub.ack == "shadow" and hub.kind == FAKE:
        draft.ask_for_all("nodes")
        if not shadow_partners(draft.topology, name):
            text = "no other hub of kind fake can keep a copy"
            yield draft.mistake(("nodes", name, "ack"), text, "stored, or a second hub")


def clustered(draft: Draft, name: str, box: Mailbox) -> Iterator[Mistake]:
    """A clustered mailbox server is one of a failover cluster."""
    if box.clustered and box.failover_cluster is None:
        here = ("nodes", name, "clustered")
        yield draft.mistake(here, "clustered in no cluster", "failover_cluster: its name, too")


def block_list(draft: Draft, name: str, edge: Edge) -> Iterator[Mistake]:
    """Whom an Edge server blocks is a node, or a range."""
    for at, remote in enumerate(edge.filters.blocked):
        if is_name(remote):
            here = ("nodes", name, "filters", "blocked", at)
            nodes = draft.topology.nodes
            yield from draft.undeclared(here, "node", remote, nodes, or_else=OR_A_RANGE)


def shared_load(draft: Draft, name: str, sender: Sender) -> Iterator[Mistake]:
    """Only personas share their load among workers."""
    if sender.load is not None and sender.kind != FAKE:
        text = "a real program sends by itself, and shares its load with no worker"
        yield draft.mistake(("nodes", name, "load"), text, "kind: fake")


def asked_name_servers(draft: Draft, name: str, sender: Sender) -> Iterator[Mistake]:
    """Whom a sender asks is a name server."""
    for at, asked in enumerate(sender.dns):
        here = ("nodes", name, "dns", at)
        yield from draft.undeclared(here, "name server", asked, draft.topology.name_servers)


def handed_to_one_smart_host(draft: Draft, name: str, sender: Sender) -> Iterator[Mistake]:
    """A real program has no persona but its own, and one smart host for all that it sends."""
    if sender.kind == FAKE:
        return
    flows = {key: flow for key, flow in draft.topology.flows.items() if flow.sender == name}
    first = next(iter(flows.values()), None)
    for key, flow in flows.items():
        if flow.persona != type(flow).model_fields["persona"].default:
            text = f"{name!r} is a real {sender.kind} and sends as that does"
            allowed = "no persona, or a sender of kind fake"
            yield draft.mistake(("flows", key, "persona"), text, allowed)
        if first and (flow.to, flow.port) != (first.to, first.port):
            text = f"{name!r} is a real {sender.kind} and has one smart host for all its flows"
            allowed = f"{first.to} with port {first.port}, or a sender of its own for this flow"
            yield draft.mistake(("flows", key, "to"), text, allowed)


OR_A_RANGE: Final = ", or an address range"

RULES: Final[tuple[Rule, ...]] = (
    of_each(lambda topology: topology.nodes, told_what_it_understands),
    of_each(lambda topology: topology.hubs, kept_by_another),
    of_each(lambda topology: {**topology.mailboxes, **topology.sinks}, clustered),
    of_each(lambda topology: topology.edges, block_list),
    of_each(
        lambda topology: topology.senders,
        shared_load,
        asked_name_servers,
        handed_to_one_smart_host,
    ),
)
