"""A draft → the text of a topology file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from relaydrill.farms.parts import Checking
from relaydrill.from_files.draft import (
    BalancerNode,
    ConnectorPart,
    Draft,
    FlowPart,
    ZonePart,
)
from relaydrill.from_files.yaml_lines import Line, Value, comment, flow, printable, written
from relaydrill.marks import Mark
from relaydrill.own_configuration.text import Note
from relaydrill.scalars import is_name, is_reachable_ipv4, show_duration
from relaydrill.sentences import listed

_CLOCK: Final = 10
_GAP: Final = "30s"
_MOST_TOLD: Final = 200
_LONGEST_LINE: Final = 120
_OF_CONFIG: Final = "with kind: haproxy here, and clock: 1, a container runs it as it is"
_NOT_A_FILES_NAME: Final = "own-files"

_WORLD_S: Final = {"lost": 0, "gap": "60s", "degraded": "75s", "deferral": True}
"""A sender waits 30 s for a connection to a dead host, before it tries the next address."""


def text_of(
    draft: Draft,
    sources: Sequence[str],
    name: str,
    domain_remark: str,
    told: Told,
    own: Mapping[str, Sequence[str]],
) -> str:
    """The file.

    Args:
        draft: What it says.
        sources: The files that it is from.
        name: What the file is called, without its suffix.
        domain_remark: Where the domain of the mailboxes is from.
        told: What is said at its end.
        own: The paths of each HAProxy's files, by how they were named.
    """
    head = [
        f"From {listed(sources)}, by relaydrill init. After each value: its line there.",
        "ASSUMED: no file says it; look at each of these.",
        "What has no place in a topology stands at the end. Every program is Relaydrill's own; with"
        " kind: haproxy, postfix, exim or bind at a node a container runs the real one.",
    ]
    lines = [
        Line("name", name if is_name(name) else _NOT_A_FILES_NAME),
        Line("summary", printable(f"from {listed(sources)}")[:200]),
        Line("clock", _CLOCK, remark="every timer runs 10 times faster than in the field"),
        Line("nodes", inside=tuple(_nodes(draft, domain_remark, own))),
        *_names(draft),
        Line("connectors", inside=tuple(_connectors(draft))),
        Line("flows", inside=tuple(_flows(draft))),
        Line(
            "expect",
            {"lost": 0, "gap": _GAP},
            remark="ASSUMED: how long mail may be gone when something dies",
        ),
    ]
    body: list[str] = []
    for line in lines:
        if line.inside or line.key == "expect":
            body.append("")
        body += written([line])
    top = [each for text in head for each in comment(text, hanging="")]
    return "\n".join([*top, *body, *told.lines(draft)]) + "\n"


def _nodes(draft: Draft, domain_remark: str, own: Mapping[str, Sequence[str]]) -> Iterator[Line]:
    addresses = _Addresses()
    hosts = {name: host for host, name in draft.hubs.items()}
    machines = [node.machine for node in draft.balancers]
    for name, remark in draft.hub_remarks.items():
        yield Line(name, {"role": "hub", **addresses.of(hosts[name])}, remark=remark)
    for node in draft.balancers:
        alone = machines.count(node.machine) == 1
        yield _balancer(node, addresses, own.get(node.machine, ()), alone=alone)
        if node.pair:
            settings = {"role": "standby", "standby_of": node.name}
            if node.pair.site:
                settings["site"] = node.pair.site
            yield Line(node.pair.standby, settings, remark=node.pair.remark)
    box = draft.names.take("mbx", "mbx")
    remark = "; ".join(each for each in ("ASSUMED: one mailbox server", domain_remark) if each)
    yield Line(box, {"role": "mailbox", "domains": draft.domains}, remark=remark)
    for name, remark in draft.name_servers.items():
        yield Line(name, {"role": "dns"}, remark=remark)
    for name, remark in draft.senders.items():
        yield Line(name, {"role": "sender"}, remark=remark)


class _Addresses:
    """The addresses that nodes and VIPs have; of two at the same one, the first has it."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def of(self, host: str) -> dict[str, str]:
        """``address`` of a host, where it can be one that a lab gives."""
        if not is_reachable_ipv4(host) or host in self._taken:
            return {}
        self._taken.add(host)
        return {"address": host}


def _in_the_file(node: BalancerNode, settings: Mapping[str, Value]) -> str:
    """What a balancer's file says of it, with the lines."""
    told = []
    for key, value in settings.items():
        lines = node.said.get(key, "")
        told.append(f"{key}: {flow(value)}" + (f" ({lines})" if lines else ""))
    return f"The file says {'; '.join(told)}"


def _balancer(
    node: BalancerNode, addresses: _Addresses, own: Sequence[str], *, alone: bool
) -> Line:
    balancing = node.balancing
    settings: dict[str, Value] = {
        "source": balancing.source,
        "method": balancing.method,
        "redispatch": balancing.redispatch,
        "on_marked_down": balancing.on_marked_down,
        "check": _check(balancing.check),
    }
    inside = [Line("role", "balancer")]
    if node.site:
        inside.append(Line("site", node.site))
    if own:
        # What the file alone says is not written twice, where the file may change without this.
        above = (_in_the_file(node, settings),) if alone else ()
        paths = own[0] if len(own) == 1 else own
        inside.append(Line("config", paths, remark=_OF_CONFIG, above=above))
        settings = {} if alone else settings
    inside += [
        Line("backends", node.backends),
        *(Line(key, value, remark=node.said.get(key, "")) for key, value in settings.items()),
        Line(
            "vips",
            inside=tuple(
                Line(
                    vip.name,
                    {"ports": sorted(vip.ports), **addresses.of(vip.address)},
                    remark=vip.remark,
                )
                for vip in node.vips
            ),
        ),
    ]
    if node.pair:
        vrrp: Value = {"advert": show_duration(node.pair.advert), "preempt": node.pair.preempt}
        inside.append(Line("vrrp", vrrp, remark=node.pair.by))
    return Line(node.name, inside=tuple(inside), remark=node.remark)


def _check(check: Checking) -> dict[str, object]:
    if check.kind == "none":
        return {"kind": "none"}
    timing = {"interval": show_duration(check.interval)}
    if check.timeout is not None:
        timing["timeout"] = show_duration(check.timeout)
    return {"kind": check.kind, **timing, "fall": check.fall, "rise": check.rise}


def _names(draft: Draft) -> Iterator[Line]:
    if draft.hosts:
        inside = tuple(
            Line(name, targets[0] if len(targets) == 1 else targets, remark=remark)
            for name, (targets, remark) in draft.hosts.items()
        )
        yield Line("names", inside=inside)
    if draft.aliases:
        aliases = draft.aliases.items()
        yield Line("aliases", inside=tuple(Line(a, to, remark=at) for a, (to, at) in aliases))
    if draft.zones:
        yield Line("zones", inside=tuple(_zone(*each) for each in draft.zones.items()))
    if draft.ttls:
        ttls = draft.ttls.items()
        yield Line("ttls", inside=tuple(Line(name, show_duration(ttl)) for name, ttl in ttls))


def _zone(domain: str, zone: ZonePart) -> Line:
    inside = []
    if zone.ttl is not None:
        inside.append(Line("ttl", show_duration(zone.ttl)))
    if zone.negative_ttl:
        inside.append(Line("negative_ttl", show_duration(zone.negative_ttl)))
    records = []
    for each in zone.records:
        said: dict[str, object] = {"host": each.host, "preference": each.preference}
        if each.empty:
            said["addresses"] = []
        records.append(Line("", said, remark=each.remark))
    return Line(domain, inside=(*inside, Line("mx", inside=tuple(records))), remark=zone.remark)


def _connectors(draft: Draft) -> Iterator[Line]:
    for name, each in draft.connectors.items():
        yield Line(name, _connector(each), remark=each.remark)


def _connector(part: ConnectorPart) -> dict[str, object]:
    said: dict[str, object] = {"port": part.port}
    if part.remote:
        said["remote"] = part.remote
    if part.relay:
        said["relay"] = True
    if part.authenticated:
        said |= {"tls": "required", "auth": "required"}
    return said


def _flows(draft: Draft) -> Iterator[Line]:
    for name, each in draft.flows.items():
        yield Line(name, inside=tuple(_flow(each)), remark=each.remark)


def _flow(flow: FlowPart) -> Iterator[Line]:
    yield Line("from", flow.sender)
    yield Line("persona", flow.persona)
    yield Line("to", flow.to)
    yield Line("port", flow.port)
    yield Line("rate", f"{flow.rate}/s")
    if flow.population > 1:
        yield Line("population", flow.population)
    if flow.promise == "world":
        what = "a sender waits 30 s for each address that is silent, and keeps what is deferred"
        yield Line("expect", _WORLD_S, remark=f"ASSUMED: {what}")
    elif flow.promise == "server":
        said = {"lost": 0, "gap": _GAP, "deferral": True}
        yield Line("expect", said, remark="ASSUMED: a mail server tries again after a 4xx")


class Told:
    """What stands at the end of the file: lines that have no place in it, and what lint finds."""

    def __init__(
        self, notes: Sequence[Note], findings: Sequence[Note], lines: Mapping[str, Sequence[str]]
    ) -> None:
        """Nothing is looked at yet.

        Args:
            notes: What no reader understood.
            findings: What breaks a rule.
            lines: The lines of each file.
        """
        self._notes: Final = notes
        self._findings: Final = findings
        self._lines: Final = lines

    def lines(self, draft: Draft) -> Iterator[str]:
        """Comments."""
        for title, notes in (
            ("No place in a topology:", sorted(draft.remarks.left_out)),
            ("Not understood:", self._notes),
            ("What relaydrill lint finds in these files:", self._findings),
        ):
            if notes:
                yield ""
                yield from comment(title)
                yield from self._section(notes)

    def _section(self, notes: Sequence[Note]) -> Iterator[str]:
        last: Mark | None = None
        for note in notes[:_MOST_TOLD]:
            if note.at != last:
                yield from comment(f"  {note.at}: {self._words(note.at)}".rstrip(": "))
            yield from comment(f"    {note.what}", hanging="")
            last = note.at
        if len(notes) > _MOST_TOLD:
            yield from comment(f"  and {len(notes) - _MOST_TOLD} more; see relaydrill lint")

    def _words(self, at: Mark) -> str:
        """The words of a line."""
        lines = self._lines.get(at.file, ())
        if not 1 <= at.line <= len(lines):
            return ""
        words = " ".join(lines[at.line - 1].split())
        return words if len(words) <= _LONGEST_LINE else f"{words[:_LONGEST_LINE]} …"
