"""A played story as the run directory that a drill would have left."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Final

import relaydrill
from relaydrill.journal import Event

from .story import ARCHIVE, DOMAIN, RECIPIENT, Balancer, Flow, Story
from .tier import Line, Played

FORMAT: Final = 3
"""That the product writes today."""

NAMED: Final = 3
"""From this format on files say by name which they are."""

MARKED: Final = 2
"""From this format on each journal ends with a mark that counts its lines."""

_WALL: Final = 1_795_980_000.0
_MAIL: Final = frozenset(
    {
        *("attempt", "outcome", "accepted", "relayed", "deferred", "arrived", "bounced", "stored"),
        *("discarded", "handed-on", "held"),
    }
)


def write(played: Played, directory: Path, *, form: int = FORMAT) -> None:
    """Write the whole run directory.

    Args:
        played: The run as it was played.
        directory: Must not exist.
        form: The format to write.
    """
    journals = directory / "journals"
    journals.mkdir(parents=True)
    (directory / "topology.yaml").write_text(json.dumps(topology(played.story)))
    (directory / "drill.json").write_text(json.dumps(_drill(played, form)))
    for node, lines in journals_of(played, form).items():
        (journals / f"{node}.jsonl").write_bytes(b"".join(lines))


def nodes_of(story: Story) -> list[str]:
    """All nodes, those included that have nothing to say."""
    senders = dict.fromkeys(flow.sender for flow in story.flows)
    balancers = [each.name for each in story.balancers]
    return [*story.hubs, *story.edges, *balancers, "mbx", *story.name_servers, *senders]


def journals_of(played: Played, form: int) -> dict[str, list[bytes]]:
    """The lines of every journal, marks included."""
    found = {}
    for node in [*nodes_of(played.story), "harness", "machine"]:
        told = sorted(played.lines.get(node, []), key=lambda line: line.mono)
        lines = [_line(line) for line in told]
        if form >= MARKED:
            if node == "harness":
                lines = _course(played, told)
            lines.append(closing(node, lines, played.over + 0.03, is_named=form >= NAMED))
        found[node] = lines
    return found


def _course(played: Played, told: list[Line]) -> list[bytes]:
    """What the harness says from the first moment of a drill to its last."""
    stops = [
        Line(played.stopped, "harness", "stop", "", {"flow": flow.name})
        for flow in played.story.flows
    ]
    every = [
        Line(played.begun - 0.04, "harness", "begun", "", {"begin": played.begun}),
        *sorted([*told, *stops], key=lambda line: line.mono),
        Line(played.over + 0.02, "harness", "over", "", {"length_s": played.story.length}),
    ]
    return [_line(each) for each in every]


def closing(node: str, lines: list[bytes], mono: float, *, is_named: bool = True) -> bytes:
    """The mark that ends a journal, over all that stands before it.

    Args:
        node: The node's name.
        lines: The lines before it.
        mono: Its time, monotonic seconds.
        is_named: Whether it says which format the lines have.
    """
    told: dict[str, Any] = {"format": "relaydrill.journal", "version": 1} if is_named else {}
    digest = hashlib.sha256(b"".join(lines)).hexdigest()
    told |= {"lines": len(lines), "sha256": digest}
    return _line(Line(mono, node, "closed", "", told))


def _line(line: Line) -> bytes:
    recipient = RECIPIENT if line.kind in _MAIL else ARCHIVE if line.kind == "copied" else ""
    wall = _WALL + line.mono
    event = Event(line.mono, wall, line.node, line.kind, line.message, recipient, line.detail)
    return event.to_line().encode() + b"\n"


def _drill(played: Played, form: int) -> dict[str, Any]:
    story = played.story
    named = {"format": "relaydrill.run", "version": form}
    return {
        **(named if form >= NAMED else {"format": form}),
        "at": "2026-11-29T21:30:44.831+00:00",
        "relaydrill": relaydrill.__version__,
        "python": "3.11.7",
        "driver": "process",
        "drill": {
            "name": "+".join(fault.label for fault in story.faults) or "steady",
            "flows": [flow.name for flow in story.flows],
            "faults": [str(fault) for fault in story.faults],
            "length_s": story.length,
            "settle_s": story.settle,
            "seed": story.seed,
        },
        "begun": played.begun,
        "problems": [],
        "remarks": [],
    }


def topology(story: Story) -> dict[str, Any]:
    """The topology as a file says it."""
    nodes: dict[str, Any] = {hub: {"role": "hub"} for hub in story.hubs}
    nodes |= {edge: {"role": "edge"} for edge in story.edges}
    nodes |= {each.name: _balancer(story, each) for each in story.balancers}
    nodes |= {"mbx": {"role": "mailbox", "domains": [DOMAIN]}}
    nodes |= {server: {"role": "dns"} for server in story.name_servers}
    nodes |= {flow.sender: {"role": "sender"} for flow in story.flows}
    found: dict[str, Any] = {
        "name": "oracle",
        "clock": story.clock,
        "nodes": nodes,
        "flows": {flow.name: _flow(flow) for flow in story.flows},
        "accept": [
            {"node": each.node, "flows": list(each.flows), "reason": "known, and lived with"}
            for each in story.accept
        ],
    }
    if story.balancers:
        found["names"] = {f"{each.vip}.{DOMAIN}": each.vip for each in story.balancers}
        ports = _ports(story)
        found["connectors"] = {f"on-{port}": {"port": port, "relay": True} for port in ports}
    if story.exchangers:
        mx = [
            {"host": each.host, "preference": each.preference, "addresses": list(each.nodes)}
            for each in story.exchangers
        ]
        found["zones"] = {DOMAIN: {"ttl": "1h", "mx": mx}}
    return found


def _ports(story: Story) -> list[int]:
    return sorted({25, *(flow.port for flow in story.flows)})


def _balancer(story: Story, balancer: Balancer) -> dict[str, Any]:
    check = balancer.check
    return {
        "role": "balancer",
        "backends": list(balancer.backends),
        "vips": {balancer.vip: {"ports": _ports(story)}},
        "redispatch": balancer.redispatch,
        "check": {
            "kind": check.kind,
            "interval": f"{check.interval:g}s",
            "timeout": f"{check.timeout:g}s",
            "fall": check.fall,
            "rise": check.rise,
        },
    }


def _flow(flow: Flow) -> dict[str, Any]:
    promise = flow.promise
    expect: dict[str, Any] = {
        "gap": f"{promise.gap:g}s",
        "deferral": promise.deferral,
        "duplicated": promise.duplicated,
    }
    if promise.degraded is not None:
        expect["degraded"] = f"{promise.degraded:g}s"
    if promise.spread:
        expect["spread"] = list(promise.spread)
    found = {
        "from": flow.sender,
        "persona": flow.persona,
        "to": f"vip{flow.balancer[2:]}.{DOMAIN}" if flow.balancer else DOMAIN,
        "port": flow.port,
        "rate": f"{flow.rate:g}/s",
        "population": flow.population,
        "expect": expect,
    }
    return found | ({"pin": flow.pin} if flow.pin else {})
