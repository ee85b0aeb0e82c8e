"""What a topology needs and no file says: mailboxes, names, senders and their flows, connectors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from relaydrill.address_span import EVERYBODY
from relaydrill.farms.parts import RELAYING, SUBMISSION, Relay, is_address
from relaydrill.from_files.draft import ASSUMED, ConnectorPart, Draft, FlowPart, Vip
from relaydrill.marks import Mark
from relaydrill.own_configuration import OwnFiles
from relaydrill.own_configuration.networks import trusted
from relaydrill.scalars import DOMAIN

_USUAL_DOMAIN: Final = "example.com"
_GREETS: Final = re.compile(r"\b(?:EHLO|HELO)\s+([\w.-]+)", re.I)
_MAIL_NAMES: Final = ("mail", "smtp", "relay")
_RATE: Final = 20
_CLIENTS_RATE: Final = 10
_APP: Final = "app"


def put_domains(draft: Draft, files: OwnFiles, relays: Iterable[Relay]) -> str:
    """Add the domain that mail is for, if DNS names none; returns where it was found.

    Args:
        draft: It is added here.
        files: Where a name of the organisation may stand.
        relays: Likewise.
    """
    if draft.domains:
        return ""
    for host, by in (*_of_relays(relays), *_of_checks(files)):
        domain = host if host.count(".") == 1 else host.partition(".")[2]
        if DOMAIN.match(domain) and "." in domain and not is_address(host):
            draft.domains.append(domain)
            return f"its domain by {by}"
    draft.domains.append(_USUAL_DOMAIN)
    return "and its domain: no file names one"


def _of_relays(relays: Iterable[Relay]) -> Iterator[tuple[str, Mark]]:
    for relay in relays:
        hosts = [hop.host for hop in relay.hops] + [relay.hostname] * bool(relay.hostname)
        yield from ((host, relay.at) for host in hosts)


def _of_checks(files: OwnFiles) -> Iterator[tuple[str, Mark]]:
    """The names by which balancers greet."""
    for haproxy in files.haproxy:
        for proxy in haproxy.mail():
            for line in (*proxy.section.statements, *proxy.inherited):
                if found := _GREETS.search(" ".join(line.words)):
                    yield found[1].lower(), line.at


def put_flows(draft: Draft) -> None:
    """Add a name to every VIP that has none, and a flow to every port that no mail comes to.

    Args:
        draft: They are added here; what files say of senders is there already.
    """
    named = {target for targets, _ in draft.hosts.values() for target in targets}
    for vip in draft.vips:
        if vip.name not in named:
            wanted = [*(f"{each}.{draft.domains[0]}" for each in _MAIL_NAMES[:1]), _own(draft, vip)]
            there = {*draft.hosts, *draft.aliases, *draft.zones}
            name = next(each for each in wanted if each not in there)
            draft.hosts[name] = ((vip.name,), f"{ASSUMED}: no file names {vip.name}")
        for port in vip.ports:
            if not any(_comes_to(draft, flow, vip, port) for flow in draft.flows.values()):
                _put_flow(draft, vip, port)
    if not draft.flows:
        _put_flow_to_servers(draft)


def _own(draft: Draft, vip: Vip) -> str:
    """A name that no other has: the VIP's own in the domain, or with ``vip`` before it."""
    name = f"{vip.name}.{draft.domains[0]}"
    there = {*draft.hosts, *draft.aliases, *draft.zones, *draft.directory.addresses}
    while name in there or not DOMAIN.match(name):
        name = f"vip-{name}" if len(name) < 200 else f"{vip.name}.{_USUAL_DOMAIN}"
    return name


def _comes_to(draft: Draft, flow: FlowPart, vip: Vip, port: int) -> bool:
    """Whether a flow comes to a port of a VIP."""
    zone = draft.zones.get(flow.to)
    hosts = [each.host for each in zone.records] if zone else [flow.to]
    ends = [draft.directory.end_of(host) for host in hosts]
    targets = {target for end in ends for target in draft.hosts.get(end, ((end,), ""))[0]}
    return flow.port == port and vip.name in targets


def _put_flow(draft: Draft, vip: Vip, port: int) -> None:
    leading = [name for name, (targets, _) in draft.hosts.items() if vip.name in targets]
    # The name that leads there alone: by another, part of the mail goes elsewhere.
    leading.sort(key=lambda name: (len(draft.hosts[name][0]), not name.startswith(_MAIL_NAMES)))
    clients = port in SUBMISSION
    usual = {587: "submission", 465: "submissions"}.get(port, "relay")
    name = draft.flow_name(usual if usual not in draft.flows else f"{vip.name}-{port}")
    sender = _app(draft)
    draft.flows[name] = FlowPart(
        sender,
        "mail_client" if clients else "single_host",
        leading[0],
        port,
        _CLIENTS_RATE if clients else _RATE,
        f"{ASSUMED}: who sends, how, and the rate",
    )


def _app(draft: Draft) -> str:
    """The sender that stands for whoever uses the VIPs: the one that there is, or a new one."""
    for name, remark in draft.senders.items():
        if remark.startswith(ASSUMED):
            return name
    name = draft.names.take(_APP, _APP)
    draft.senders[name] = f"{ASSUMED}: an application, and mail clients"
    return name


def _put_flow_to_servers(draft: Draft) -> None:
    """A flow to all servers by one name, where nothing else leads to any."""
    hubs = tuple(draft.hub_remarks)
    if not hubs:
        return
    name = f"hubs.{draft.domains[0]}"
    draft.hosts[name] = (hubs, f"{ASSUMED}: no file says how mail comes to these servers")
    remark = f"{ASSUMED}: who sends, how, and the rate"
    draft.flows["relay"] = FlowPart(_app(draft), "rotated_list", name, RELAYING, _RATE, remark)


def put_name_servers(draft: Draft) -> None:
    """Add two name servers, where there are MX records and no file says who answers.

    Without any, a sender has a list of hosts alone, in which there are no MX records.

    Args:
        draft: They are added here, when all zones are there.
    """
    if draft.zones and not draft.name_servers:
        for wanted in ("ns1", "ns2"):
            name = draft.names.take(wanted, "ns")
            draft.name_servers[name] = f"{ASSUMED}: no file says who answers for the zones"


def put_connectors(draft: Draft, relaying: Mapping[str, Mark]) -> None:
    """Add a connector for each port, and one for those who may relay.

    Args:
        draft: They are added here, when all flows are there.
        relaying: The ranges that may, each with its line.
    """
    every = [port for vip in draft.vips for port in vip.ports]
    every += [flow.port for flow in draft.flows.values()]
    for port in sorted({*every}):
        end = "" if port in (RELAYING, *SUBMISSION) else f"-{port}"
        if port in SUBMISSION:
            name = "submission" if port == 587 else "submissions"
            remark = f"{ASSUMED}: TLS and a login are required"
            if port == 465:
                remark += "; a lab speaks STARTTLS there, and no TLS from the first byte"
            draft.connectors[name] = ConnectorPart(port, authenticated=True, remark=remark)
            continue
        remote, remark = _who_relays(draft, relaying)
        if remote:
            draft.connectors[f"relay{end}"] = ConnectorPart(port, remote, relay=True, remark=remark)
        rest = tuple(each for each in EVERYBODY if each not in remote)
        if rest:
            what = f"{ASSUMED}: everybody may send to the mailboxes' own domains, and nowhere else"
            whom = () if rest == EVERYBODY else rest
            draft.connectors[f"inbound{end}"] = ConnectorPart(port, whom, remark=what)


def _who_relays(draft: Draft, relaying: Mapping[str, Mark]) -> tuple[tuple[str, ...], str]:
    """The remotes of the connector that relays; none where no file lets anybody."""
    if not relaying:
        return (), ""
    remark = ", ".join(dict.fromkeys(str(at) for at in relaying.values()))
    hiding = [each for each in draft.balancers if each.balancing.source == "snat"]
    if not hiding:
        senders = [name for name in draft.senders if name != "world"]
        stands = " of these ranges" if senders else ""
        return (*senders, *relaying), f"{remark}{'; the senders are hosts' * bool(stands)}{stands}"
    within = [
        each.name for each in hiding if any(_holds(relaying, vip.address) for vip in each.vips)
    ]
    if within:
        remark += "; behind it all clients have the balancer's address, which is in these ranges"
    return (*within, *relaying), remark


def _holds(relaying: Mapping[str, Mark], address: str) -> bool:
    """Whether an address is in a range that may relay; of one that is not known, nobody knows."""
    found = trusted(address)
    entries = [trusted(each) for each in relaying]
    return found is not None and any(
        entry is not None and entry.holds(found.network.network_address) for entry in entries
    )
