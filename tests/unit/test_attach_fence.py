"""The fence around a real lab: mailboxes, runtime sockets and ssh hosts lie inside, by address."""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.drivers.attach.reaching import Bounds
from relaydrill.endpoint import Endpoint
from relaydrill.errors import LabError, TopologyError
from relaydrill.topology.contacts import ssh_hosts

_INVENTORY = """\
extends: sharepoint
name: staging
attach:
  here: 127.9.0.99
  nodes:
    ht1:
      address: 127.9.0.11
      hooks: {{kill: {{inject: {inject}, heal: {{run: ["true"]}}}}}}
      queue: {{run: {queue}}}
    ht2: {{address: {ht2}}}
    ht3: {{address: 127.9.0.13}}
    lb1: {{address: 127.9.0.10}}
    mbx:
      address: 127.9.0.20
      arrivals: {{imap: {{server: {imap}, login: {{user: "env:PATH", password: "env:PATH"}}}}}}
  vips:
    mail: {{address: {vip}}}
  allow:
    hosts: [127.9.0.0/24]
    ports: [25, 587, 993]
    domains: [contoso.com]
    rate: 100/s
"""
_WHOLE = {
    "inject": '{run: ["true"]}',
    "queue": '["true"]',
    "ht2": "127.9.0.12",
    "imap": "127.9.0.20",
    "vip": "127.9.0.10",
}


def problems(**change: str) -> list[str]:
    """What is wrong with the inventory."""
    try:
        topology_files.parse(_INVENTORY.format(**(_WHOLE | change)), "staging.yaml")
    except TopologyError as error:
        return [str(problem) for problem in error.mistakes]
    return []


def to_haproxy(where: str) -> str:
    """A hook's action by the runtime API."""
    return f'{{haproxy: {{socket: "{where}", server: [smtp/ht1], state: drain}}}}'


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"imap": "mail.contoso.com"},
        {"imap": "{address: 127.9.0.20, name: mail.contoso.com}"},
        {"inject": to_haproxy("tcp:127.9.0.10:993")},
        {"inject": to_haproxy("unix:/run/haproxy.sock")},
        {"inject": '{run: [ssh, -o, BatchMode=yes, "root@{address}", postfix stop]}'},
        {"queue": "[ssh, -p, '22', mail.contoso.com, postqueue, -j, '10.9.9.9']"},
    ],
)
def test_what_lies_inside_is_let_through(change: dict[str, str]) -> None:
    """Names, too: where they lead is looked at when they are resolved."""
    assert problems(**change) == []


@pytest.mark.parametrize(
    "change",
    [
        {"ht2": "2001:db8::12"},
        {"ht2": "2001:DB8:0::0012", "vip": '"::ffff:127.9.0.10"'},
        {"imap": '"2001:db8::20"'},
        {"imap": "{address: 2001:db8::20, name: mail.contoso.com}"},
        {"inject": to_haproxy("tcp:[2001:db8::10]:993")},
        {"inject": '{run: [ssh, "root@2001:db8::11", reboot]}'},
        {"queue": '[ssh, "ssh://root@[2001:db8::11]:22", postqueue, -j]'},
    ],
)
def test_ipv6_lies_inside_where_its_range_does(change: dict[str, str]) -> None:
    """Every address that a file has may be of IPv6; without its range it is outside."""
    within = "hosts: [127.9.0.0/24]"
    text = _INVENTORY.format(**(_WHOLE | change))
    topology_files.parse(text.replace(within, "hosts: [127.9.0.0/24, 2001:db8::/64]"))
    [problem] = problems(**change)
    assert "is outside of attach.allow.hosts" in problem
    assert "2001:db8::" in problem


def test_an_address_of_ipv6_is_known_however_it_is_written() -> None:
    """Two servers that share one are found, in long form and in short."""
    [problem] = [
        each for each in problems(ht2='"2001:DB8:0:0::11"', vip='"2001:db8::11"') if "share" in each
    ]
    assert "ht2 and mail share the address 2001:db8::11" in problem


@pytest.mark.parametrize("address", ["fe80::1%eth0", "[2001:db8::1]", "2001:db8::1/64", "1:2:3"])
def test_what_is_no_address_is_told(address: str) -> None:
    """A zone means another link on each machine; brackets and masks are for ports and ranges."""
    [problem] = problems(ht2=f'"{address}"')
    assert "not an address" in problem or "an address with a zone" in problem


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"imap": "127.9.9.20"}, "imap.server: IMAP at 127.9.9.20:993 is outside"),
        ({"imap": "{address: 127.9.9.20, name: a.org}"}, "imap.server: IMAP at 127.9.9.20:993"),
        ({"inject": to_haproxy("tcp:127.9.9.1:993")}, "haproxy.socket: HAProxy's runtime API at"),
        ({"inject": to_haproxy("tcp:127.9.0.10:9999")}, "port 9999 of HAProxy's runtime API is"),
        ({"inject": to_haproxy("tcp:lb1.contoso.com:9")}, "port 9 of HAProxy's runtime API is"),
        ({"inject": '{run: [ssh, "root@10.9.9.9", reboot]}'}, "inject.run: ssh at 10.9.9.9 is out"),
        ({"queue": "[/usr/bin/ssh, -p, '22', -v, 10.9.9.9]"}, "queue.run: ssh at 10.9.9.9 is"),
        ({"queue": '[sh, -c, "ssh -J j@10.9.9.9 127.9.0.1 x"]'}, "queue.run: ssh at 10.9.9.9"),
        ({"ht2": "127.9.0.11"}, "ht2 and ht1 share the address 127.9.0.11"),
        ({"ht2": "127.9.0.10"}, "ht2 and mail share the address 127.9.0.10"),
    ],
)
def test_what_lies_outside_is_told_by_its_line(change: dict[str, str], told: str) -> None:
    """Once, with what is allowed; and so are two servers that an address would not tell apart."""
    [problem] = problems(**change)
    assert problem.startswith("staging.yaml:")
    assert told in problem
    assert problem.endswith(")")


_BLOCKED = """\
name: inbound
nodes:
  edge1: {role: edge, filters: {blocked: [bad]}}
  edge2: {role: edge, filters: {blocked: [bad]}}
  mbx: {role: mailbox, domains: [contoso.com]}
  world: {role: sender}
  bad: {role: sender}
names: {mx.contoso.com: [edge1, edge2]}
connectors: {internet: {port: 25, nodes: [edge1, edge2]}}
flows:
  inbound:
    {from: world, blocked_from: bad, persona: single_host, to: mx.contoso.com, mix: {blocked: 0.2}}
attach:
  nodes:
    edge1: {address: 127.9.0.11, known_as: [mx.contoso.com]}
    edge2: {address: 127.9.0.12KNOWN}
    mbx: {address: 127.9.0.20, known_as: [mx.contoso.com]}SENDER
  allow: {hosts: [127.9.0.0/24], domains: [contoso.com]}
"""


@pytest.mark.parametrize(
    ("known", "sender", "told"),
    [
        ("", "", "bad would send from the same address as world"),
        ("", "\n    bad: {address: 127.9.0.51}", ""),
        (
            ", known_as: [MX.contoso.com]",
            "\n    bad: {address: 127.9.0.51}",
            "edge1 is known as mx.contoso.com, too",
        ),
    ],
)
def test_what_nothing_tells_apart_is_refused(known: str, sender: str, told: str) -> None:
    """Wanted and blocked mail from one address, two servers with one banner; a mailbox may share.

    A mailbox server may be the same machine as a hub, and have its name.
    """
    text = _BLOCKED.replace("KNOWN", known).replace("SENDER", sender)
    found = []
    try:
        topology_files.parse(text, "inbound.yaml")
    except TopologyError as error:
        found = [str(problem) for problem in error.mistakes]
    assert [each for each in found if told not in each] == []
    assert len(found) == bool(told)


def test_one_socket_that_many_hooks_name_is_told_once() -> None:
    """The mistake is one, however often it is copied."""
    found = problems(inject=to_haproxy("tcp:127.9.9.1:993"), queue='["true"]')
    assert len(found) == 1


@pytest.mark.parametrize(("port", "count"), [(587, 0), (25, 1)])
def test_vips_may_share_an_address_whose_ports_differ(port: int, count: int) -> None:
    """One balancer's VIPs for 25 and for 587 are one machine, and mail goes by the port."""
    text = f"""\
name: vips
nodes:
  ht1: {{role: hub}}
  lb1: {{role: balancer, backends: [ht1], vips: {{a: {{ports: [25]}}, b: {{ports: [{port}]}}}}}}
  mbx: {{role: mailbox, domains: [contoso.com]}}
  app: {{role: sender}}
flows: {{relay: {{from: app, to: a}}}}
attach:
  nodes: {{ht1: {{address: 127.9.0.11}}, lb1: {{address: 127.9.0.10}}}}
  vips: {{a: {{address: 127.9.0.10}}, b: {{address: 127.9.0.10}}}}
  allow: {{hosts: [127.9.0.0/24], domains: [contoso.com]}}
"""
    found = []
    try:
        topology_files.parse(text, "vips.yaml")
    except TopologyError as error:
        found = [str(problem) for problem in error.mistakes]
    assert len(found) == count, found


def test_a_balancer_may_have_the_address_of_its_vip() -> None:
    """They are one machine, and no mail goes to the balancer by itself."""
    assert problems(vip="127.9.0.10") == []


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("12_", "12 is not a server"),
        ("1.2.3", "'1.2.3' is not a server"),
        ("a_b.org", "'a_b.org' is not a server"),
        ("{address: 1.2.3.4}", "a mapping is not a server"),
        ("{name: a.org, address: b.org}", "a mapping is not a server"),
        ("[a.org]", "a list is not a server"),
    ],
)
def test_a_server_that_is_none_is_told_in_one_sentence(server: str, said: str) -> None:
    """With what would be one, in place of what each way to write it would want."""
    [problem] = problems(imap=server)
    assert problem.startswith("staging.yaml:15: attach.nodes.mbx.arrivals.imap.server: " + said)
    assert "imap.contoso.com, 10.1.0.20, {address: 10.1.0.20, name: imap.contoso.com}" in problem


@pytest.mark.parametrize(
    ("command", "hosts"),
    [
        (("ssh", "a"), ["a"]),
        (("ssh", "-v", "-l", "root", "-p22", "a", "ssh"), ["a"]),
        (("ssh", "-J", "x@j1:22,j2", "ssh://root@a:22"), ["j1", "j2", "a"]),
        (("sh", "-c", "cd /x && ssh -oBatchMode=yes root@a; true"), ["a"]),
        (("ssh",), []),
        (("ssh", "root@{address}"), []),
        (("postqueue", "-j"), []),
        (("cat", "/root/.ssh/known_hosts", "x"), []),
    ],
)
def test_where_a_command_goes_by_ssh_is_read(command: tuple[str, ...], hosts: list[str]) -> None:
    """Its first argument that is no option, and those that it goes through (ssh(1))."""
    assert [*ssh_hosts(command)] == hosts


def resolving(*addresses: str) -> Callable[..., list[tuple[object, ...]]]:
    """What stands in for the resolver."""

    def getaddrinfo(*_: object) -> list[tuple[object, ...]]:
        if not addresses:
            raise socket.gaierror(-2, "Name or service not known")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in addresses]

    return getaddrinfo


def test_a_name_is_resolved_once_and_its_address_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several addresses one inside is taken; where none is, it is told where the name leads."""
    bounds = Bounds(("127.9.0.0/24",), (993,))
    monkeypatch.setattr(socket, "getaddrinfo", resolving("10.9.9.9", "127.9.0.20"))
    assert bounds.endpoint("mail.contoso.com", 993) == Endpoint("127.9.0.20", 993)
    monkeypatch.setattr(socket, "getaddrinfo", resolving("10.9.9.9"))
    with pytest.raises(LabError, match=r"mail.contoso.com leads to 10.9.9.9, which is outside of"):
        bounds.endpoint("mail.contoso.com", 993)
    monkeypatch.setattr(socket, "getaddrinfo", resolving())
    with pytest.raises(LabError, match="leads to no address: Name or service not known"):
        bounds.endpoint("mail.contoso.com", 993)
    with pytest.raises(LabError, match=r"port 143 of .* is not in attach.allow.ports \(993\)"):
        bounds.endpoint("mail.contoso.com", 143)


def test_a_name_that_leads_outside_is_told_before_a_drill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the line that has it, and nothing is connected to."""
    monkeypatch.chdir(tmp_path)
    Path("staging.yaml").write_text(_INVENTORY.format(**(_WHOLE | {"imap": "mail.contoso.com"})))
    monkeypatch.setattr(socket, "getaddrinfo", resolving("10.9.9.9"))
    words = ("drill", "staging.yaml", "--driver", "attach", "--out", "run")
    found = CliRunner().invoke(cli, words, standalone_mode=False)
    assert isinstance(found.exception, TopologyError), found.output
    [problem] = found.exception.mistakes
    assert "mail.contoso.com leads to 10.9.9.9, which is outside" in str(problem)


def test_a_dry_run_lists_all_that_is_touched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every host and port, socket, command and secret, each once; nothing is connected to."""
    monkeypatch.chdir(tmp_path)
    hook = to_haproxy("unix:/run/haproxy.sock")
    change = {"inject": hook, "imap": "mail.contoso.com", "queue": '[postqueue, "-j", "{node}"]'}
    Path("staging.yaml").write_text(_INVENTORY.format(**(_WHOLE | change)))
    words = ("drill", "staging.yaml", "--driver", "attach", "--dry-run")
    found = CliRunner().invoke(cli, words, standalone_mode=False)
    lines = [line.split() for line in found.output.splitlines()]
    assert ["127.9.0.10:25", "mail,", "for", "the", "flow", "relay"] in lines
    assert ["127.9.0.10:587", "mail,", "for", "the", "flow", "submission"] in lines
    assert ["mail.contoso.com:993", "IMAP", "(attach.nodes.mbx.arrivals.imap.server)"] in lines
    assert ["postqueue", "-j", "ht1", "attach.nodes.ht1.queue"] in lines
    assert [line for line in lines if line and line[0] == "unix:/run/haproxy.sock"]
    assert ["env:PATH", "attach.nodes.mbx.arrivals.imap.login"] in lines


_TWO_ADDRESSES = """\
name: two
nodes:
  ht1: {{role: hub, ip: {ht1}}}
  lb1: {{role: balancer, ip: {lb1}, backends: [ht1], vips: {{smtp: {{ports: [25]}}}}}}
  mbx: {{role: mailbox, domains: [contoso.com]}}
  app: {{role: sender, ip: dual}}
connectors: {{inward: {{port: 25}}}}
flows: {{mail: {{from: app, to: smtp, rate: 5/s}}}}
attach:
  here: 10.1.0.99
  nodes:
    ht1: {{{seat}}}
    lb1: {{address: 10.1.0.10, ipv6: "2001:db8::10"}}
  vips:
    smtp: {{address: 10.1.0.9{vip}}}
  allow: {{hosts: [10.1.0.0/24{range}], domains: [contoso.com]}}
"""
_BOTH = 'address: 10.1.0.11, ipv6: "2001:db8::11"'


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({}, ""),
        ({"seat": "address: 10.1.0.11"}, "attach.nodes.ht1: names lead to two addresses of ht1"),
        ({"ht1": "ipv4"}, "attach.nodes.ht1.ipv6: names lead to one address of ht1"),
        ({"ht1": "ipv6-dead"}, "nodes.ht1.ip: a path that is dead on purpose is for labs"),
        ({"seat": "address: 10.1.0.11, ipv6: 10.1.0.12"}, "not an IPv6 address"),
        (
            {"seat": 'address: 10.1.0.11, ipv6: "2001:db9::11"'},
            "attach.nodes.ht1.ipv6: 2001:db9::11 is outside of attach.allow.hosts",
        ),
        (
            {"seat": 'address: "2001:db8::12", ipv6: "2001:db8::11"'},
            "attach.nodes.ht1.address: ht1 has two IPv6 addresses",
        ),
        (
            {"seat": 'address: 10.1.0.11, ipv6: "2001:DB8:0::9"'},
            "ht1 and smtp share the address 2001:db8::9",
        ),
        ({"vip": ""}, "attach.vips.smtp: names lead to two addresses of smtp"),
        ({"range": ""}, "app runs here, and attach.allow.hosts has no IPv6 range"),
    ],
)
def test_who_has_two_addresses_has_both_in_the_inventory(
    changed: dict[str, str], says: str
) -> None:
    """What is told of ``ip:`` and of the addresses belongs together, and lies inside the fence."""
    values = {
        "ht1": "dual",
        "lb1": "dual",
        "seat": _BOTH,
        "vip": ', ipv6: "2001:db8::9"',
        "range": ', "2001:db8::/64"',
    }
    text = _TWO_ADDRESSES.format(**(values | changed))
    if not says:
        topology_files.parse(text, "two.yaml")
        return
    with pytest.raises(TopologyError, match=re.escape(says)):
        topology_files.parse(text, "two.yaml")
