"""Rules of receive connectors: whom they serve, where they stand, and what tells them apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from relaydrill.kinds import FAKE, KINDS
from relaydrill.marks import Mistake
from relaydrill.scalars import is_name
from relaydrill.topology.rules.draft import Draft, Rule, of_each
from relaydrill.topology.rules.servers import OR_A_RANGE
from relaydrill.topology.traffic import Connector


def no_passwords_in_the_clear(draft: Draft, name: str, connector: Connector) -> Iterator[Mistake]:
    """Whoever has to log in has to be offered TLS."""
    if connector.auth == "required" and connector.tls == "none":
        text = "auth without tls would show passwords"
        yield draft.mistake(("connectors", name, "auth"), text, "tls: required")


def served(draft: Draft, name: str, connector: Connector) -> Iterator[Mistake]:
    """Whom it serves is a node, or a range."""
    for at, remote in enumerate(connector.remote):
        if is_name(remote):
            here = ("connectors", name, "remote", at)
            nodes = draft.topology.nodes
            yield from draft.undeclared(here, "node", remote, nodes, or_else=OR_A_RANGE)


def receivers(draft: Draft, name: str, connector: Connector) -> Iterator[Mistake]:
    """Whoever has it takes mail from others."""
    known = {**draft.topology.hubs, **draft.topology.edges}
    for at, node in enumerate(connector.nodes):
        here = ("connectors", name, "nodes", at)
        yield from draft.undeclared(here, "hub or Edge server", node, known)


def told_apart(draft: Draft) -> Iterator[Mistake]:
    """No two of one port serve the same range."""
    told: set[tuple[str, str]] = set()
    for node in (*draft.topology.hubs, *draft.topology.edges):
        seen: dict[tuple[int, str], str] = {}
        for name, connector in draft.topology.connectors_of(node).items():
            for remote in connector.remote:
                other = seen.setdefault((connector.port, remote), name)
                if other != name and (other, name) not in told:
                    told.add((other, name))
                    text = f"{other} serves {remote} on port {connector.port} of {node} as well"
                    allowed = "ranges that differ; the smallest one around a client serves it"
                    yield draft.mistake(("connectors", name, "remote"), text, allowed)


def one_for_a_port(draft: Draft) -> Iterator[Mistake]:
    """Of some programs only one service listens on a port; see `relaydrill.kinds`."""
    told: set[tuple[str, str]] = set()
    for node, hub in draft.topology.hubs.items():
        if not KINDS[hub.kind].one_connector_a_port:
            continue
        ports: dict[int, str] = {}
        for name, connector in draft.topology.connectors_of(node).items():
            first = ports.setdefault(connector.port, name)
            if first != name and (first, name) not in told:
                told.add((first, name))
                text = f"{node} is a real {hub.kind}, and has one connector for each port: {first}"
                allowed = "another port, or kind: fake"
                yield draft.mistake(("connectors", name, "port"), text, allowed)


def of_real_programs(draft: Draft) -> Iterator[Mistake]:
    """A real program puts off what it has a setting for, and counts in one time for all."""
    told: set[str] = set()
    for node, hub in draft.topology.hubs.items():
        if hub.kind == FAKE:
            continue
        times: dict[float, str] = {}
        for name, connector in draft.topology.connectors_of(node).items():
            if connector.greylist is not None and name not in told:
                told.add(name)
                text = f"{node} is a real {hub.kind}, which has no greylist of its own"
                yield draft.mistake(("connectors", name, "greylist"), text, "kind: fake")
            if connector.rate_limit is None:
                continue
            times.setdefault(connector.rate_limit.per, name)
            first = next(iter(times.values()))
            if len(times) > 1 and name not in told:
                told.add(name)
                text = f"{node} is a real {hub.kind}, and counts all in one time, that of {first}"
                here = ("connectors", name, "rate_limit", "per")
                yield draft.mistake(here, text, "the same for all")


def limits_something(draft: Draft, name: str, connector: Connector) -> Iterator[Mistake]:
    """A rate limit says of what."""
    limit = connector.rate_limit
    if limit is not None and limit.messages is None and limit.sessions is None:
        text = "it limits nothing"
        yield draft.mistake(("connectors", name, "rate_limit"), text, "messages, sessions, or both")


RULES: Final[tuple[Rule, ...]] = (
    of_each(
        lambda topology: topology.connectors,
        no_passwords_in_the_clear,
        served,
        receivers,
        limits_something,
    ),
    told_apart,
    one_for_a_port,
    of_real_programs,
)
