"""Rules between the fields of a topology, in files that are right and in files that are not."""

from __future__ import annotations

import pytest

from relaydrill import topology_files
from relaydrill.errors import TopologyError
from relaydrill.model import Unread
from relaydrill.topology import Topology
from relaydrill.topology.rules import RULES, Draft, mistakes
from relaydrill.topology_files.reading import check
from relaydrill.topology_files.yaml_text import read

DESIGN = """\
name: small
nodes:
  ht1: {role: hub}
  ht2: {role: hub}
  lb1: {role: balancer, backends: [ht1, ht2], vips: {mail: {ports: [25]}}}
  mbx: {role: mailbox, domains: [contoso.com]}
  app: {role: sender}
zones:
  contoso.com: {mx: [{host: mx1.contoso.com, addresses: [mail]}]}
flows:
  relay: {from: app, to: mail}
"""

STANDS = """\
attach:
  nodes:
    ht1: {address: 10.0.0.1}
    ht2: {address: 10.0.0.2}
    lb1: {address: 10.0.0.3}
  vips:
    mail: {address: 10.0.0.4}
  allow: {hosts: [10.0.0.0/24], domains: [contoso.com]}
"""


def refused(old: str, new: str, design: str = DESIGN) -> list[str]:
    """What is said of a design with a change in it, without what would be right."""
    text = design.replace(old, new)
    assert text != design
    with pytest.raises(TopologyError) as caught:
        topology_files.parse(text, "t.yaml")
    return [f"{each.where.partition(':')[2]} {each.what}" for each in caught.value.mistakes]


def draft_of(text: str) -> Draft:
    """A text as far as it can be read."""
    root, _ = read(text, "t.yaml")
    return check(root)[0]


def test_the_design_breaks_no_rule() -> None:
    """Or the tests below would show nothing."""
    assert topology_files.parse(DESIGN).name == "small"
    assert topology_files.parse(DESIGN + STANDS).attach
    assert len(RULES) > 10


MBX = "mbx: {role: mailbox, domains: [contoso.com]}"
APP = "app: {role: sender}"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "ht1: {role: hub}\n  ht2: {role: hub}",
            "ht1: {role: hub, ack: shadow}\n  ht2: {role: hub, kind: postfix}",
            "3 nodes.ht1.ack: no other hub of kind fake can keep a copy",
        ),
        (
            "ht1: {role: hub}",
            "ht1: {role: hub, kind: postfix, rewrites: [disclaimer]}",
            "3 nodes.ht1.rewrites: a real postfix writes anew what its own configuration says",
        ),
        (APP, "app: {role: sender, dns: [ns9]}", "7 nodes.app.dns[0]: no name server is called"),
        (
            "{mail: {ports: [25]}}",
            "{mail: {ports: [25]}, mbx: {ports: [25]}}",
            "5 nodes.lb1.vips.mbx: 'mbx' is already the name of another VIP or node",
        ),
        (
            "zones:",
            "connectors: {a: {port: 25}, b: {port: 25}}\nzones:",
            "8 connectors.b.remote: a serves 0.0.0.0/0 on port 25 of ht1 as well",
        ),
        (
            "nodes:\n  ht1: {role: hub}",
            "connectors: {a: {port: 25}, b: {port: 25, remote: [10.0.0.0/8]}}\n"
            "nodes:\n  ht1: {role: hub, kind: postfix}",
            "2 connectors.b.port: ht1 is a real postfix, and has one connector for each port: a",
        ),
        (
            "zones:\n",
            "names: {mx1.contoso.com: mail}\nzones:\n",
            "10 zones.contoso.com.mx[0].host: 'mx1.contoso.com' is declared elsewhere as well",
        ),
        (
            ", addresses: [mail]}",
            "}",
            "9 zones.contoso.com.mx[0].addresses: missing",
        ),
        (
            "host: mx1.contoso.com, ",
            "host: ., ",
            "9 zones.contoso.com.mx[0].addresses: '.' is no name, and has no addresses",
        ),
        (
            "host: mx1.contoso.com, addresses: [mail]",
            "host: '[ht9]'",
            "9 zones.contoso.com.mx[0].host: no node or VIP is called 'ht9'",
        ),
        (
            "flows:",
            "aliases: {contoso.com: mx1.contoso.com}\nflows:",
            "10 aliases.contoso.com: 'contoso.com' has records of its own, and an alias has none",
        ),
        (
            "flows:",
            "ttls: {mx2.contoso.com: 5s}\nflows:",
            "10 ttls.mx2.contoso.com: no name is 'mx2.contoso.com'",
        ),
        (
            APP,
            f"{APP}\n  nowhere: {{role: hub}}",
            "8 nodes.nowhere: 'nowhere' stands for an address that nobody has",
        ),
        (
            "to: mail}",
            "to: contoso.com, persona: rfc5321, pin: mx1.contoso.com}",
            "11 flows.relay.pin: 'rfc5321' is not pinned",
        ),
        (
            "to: mail}",
            "to: mail, recipient: somebody}",
            "11 flows.relay.recipient: 'somebody' is no address",
        ),
        (f"  {MBX}\n", "", "10 flows.relay: no mailbox server receives this mail"),
    ],
)
def test_each_rule_tells(old: str, new: str, said: str) -> None:
    """A design that breaks one is refused, at the line that breaks it."""
    assert [one[: len(said)] for one in refused(old, new)] == [said]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("    ht2: {address: 10.0.0.2}\n", "", "13 attach.nodes: ht2 has no address"),
        (
            "    mail: {address: 10.0.0.4}\n",
            "    {}\n",
            "17 attach.vips: mail has no address",
        ),
        (
            APP,
            "app: {role: sender, kind: exim}",
            "7 nodes.app.kind: a real exim does not run beside a lab that stands already",
        ),
        (
            "lb1: {address: 10.0.0.3}",
            "lb1: {address: 10.0.0.3, hooks: {kill: {inject: {run: [x], ask: x}, heal: {}}}}",
            "16 attach.nodes.lb1.hooks.kill.heal: no ways to act",
        ),
        ("to: mail}", "to: mail, port: 26}", "11 flows.relay.port: port 26 is not allowed"),
        (
            "domains: [contoso.com]}\n  app",
            "domains: [fabrikam.com]}\n  app",
            "11 flows.relay.to: mail to fabrikam.com is not allowed",
        ),
        (
            "to: mail}",
            "to: mail, rate: 30/s}",
            "19 attach.allow.rate: the flows send 30/s together, and 20/s are allowed",
        ),
    ],
)
def test_each_rule_of_a_real_lab_tells(old: str, new: str, said: str) -> None:
    """What is not said of it, and what its fence does not allow."""
    assert said in [one[: len(said)] for one in refused(old, new, DESIGN + STANDS)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # One field is wrong, and a rule is broken elsewhere.
        (
            "ht1: {role: hub}",
            "ht1: {role: hub, copies: 9, kind: postfix, ack: shadow}",
            ["3 nodes.ht1.copies: 9 is too big", "3 nodes.ht1.ack: a real postfix answers when"],
        ),
        (
            "ht1: {role: hub}\n  ht2: {role: hub}",
            "ht1: {role: hub, ack: no}\n  ht2: {role: hub, kind: postfix, logs: true}",
            [
                "3 nodes.ht1.ack: 'no' is not one of the choices",
                "4 nodes.ht2.logs: a real postfix keeps no logs as Exchange does",
            ],
        ),
        (
            "[ht1, ht2]",
            "[ht1, 5, ht9]",
            [
                "5 nodes.lb1.backends[1]: 5 is not text",
                "5 nodes.lb1.backends[2]: no hub is called 'ht9'",
            ],
        ),
        (
            "{from: app, to: mail}",
            "{from: app, to: mail, rate: x, blocked_from: app}",
            [
                "11 flows.relay.blocked_from: 'app' sends the wanted part, too, and has one",
                "11 flows.relay.rate: 'x' is not a rate",
            ],
        ),
        # A key that is no name, and what it holds.
        (
            "ht2: {role: hub}",
            "HT: {role: hub, copies: 9}\n  ht2: {role: hub}",
            ["4 nodes.HT.copies: 9 is too big", "4 nodes.HT: 'HT' is not a name"],
        ),
    ],
)
def test_fields_and_rules_are_told_together(old: str, new: str, said: list[str]) -> None:
    """A wrong field hides no broken rule that can be judged without it."""
    got = refused(old, new)
    assert len(got) == len(said)
    for one, begin in zip(sorted(got), sorted(said), strict=True):
        assert one.startswith(begin)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        # A proxy or a cluster: nobody knows which.
        (
            "ht2], vips",
            "ht2], mode: wnbl, cluster: {missed: 3}, vips",
            "5 nodes.lb1.mode: 'wnbl' is not one of the choices; did you mean 'wnlb'?",
        ),
        # A persona that might look up a domain.
        (
            "to: mail}",
            "to: contoso.com, persona: posfix, pin: mx1.contoso.com}",
            "11 flows.relay.persona: 'posfix' is not one of the choices; did you mean 'postfix'?",
        ),
        # A balancer whose standby this may be.
        (
            "  app: {role: sender}",
            "  app: {role: sender}\n  lb2: {role: standbi, standby_of: lb1}",
            "8 nodes.lb2.role: 'standbi' is not one of the choices; did you mean 'standby'?",
        ),
        # A mailbox server for the mail, a VIP for the flow and for the MX host, a hub to balance.
        ("role: mailbox", "role: mailbx", "6 nodes.mbx.role: 'mailbx' is not one of the choices;"),
        ("{mail: {ports: [25]}}", "[mail]", "5 nodes.lb1.vips: a list is not a mapping"),
        ("role: balancer", "rol: balancer", "5 nodes.lb1.rol: unknown key; did you mean 'role'?"),
        ("ht2: {role: hub}", "ht2: {role: 5}", "4 nodes.ht2.role: 5 is not one of the choices"),
        # A site whose loss is accepted.
        (
            "nodes:\n  ht1: {role: hub}\n  ht2: {role: hub}",
            "accept: [{node: north, reason: one site is enough}]\n"
            "nodes:\n  ht1: {role: hub}\n  ht2: {role: hb, site: north}",
            "5 nodes.ht2.role: 'hb' is not one of the choices",
        ),
        # A zone that might have been the target's.
        ("to: mail}", "to: mx1.contoso.com, port: x}", "11 flows.relay.port: 'x' is not a whole"),
    ],
)
def test_what_follows_from_a_mistake_is_not_told(old: str, new: str, said: str) -> None:
    """Of a value that is wrong nothing is taken for granted, and least of all its default."""
    got = refused(old, new)
    assert [one[: len(said)] for one in got] == [said]


def test_what_could_not_be_read_is_not_there() -> None:
    """Whoever asks for it is told so; its neighbours, and defaults that nobody wrote, are there."""
    text = DESIGN.replace("role: mailbox, domains: [contoso.com]", "role: mailbox, domains: x")
    topology = draft_of(text.replace("ht1: {role: hub}", "ht1: {role: hub, ack: no}")).topology
    assert topology.hubs["ht1"].copies == 1
    with pytest.raises(Unread):
        _ = topology.hubs["ht1"].ack
    with pytest.raises(Unread):
        _ = topology.domains
    with pytest.raises(AttributeError):
        _ = topology.hubs["ht1"].no_such_field  # type: ignore[attr-defined]


def test_a_topology_that_was_never_a_file_is_judged_too() -> None:
    """By the path of keys; models alone check only their fields."""
    data = topology_files.load("sharepoint").model_dump(mode="json", by_alias=True)
    data["nodes"]["lb1"]["backends"] = ["ht1", "ht9"]
    found = mistakes(Draft(Topology.model_validate(data)))
    assert [each.what for each in found] == [
        "nodes.lb1.backends[1]: no hub is called 'ht9'",
    ]
