"""`relaydrill init --from` a user's own files: what becomes of them in a topology."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from tests.own_files import SABOTAGES, STYLES, read

from relaydrill import topology_files
from relaydrill.errors import UsageError
from relaydrill.from_files import topology_text
from relaydrill.lint import Severity
from relaydrill.lint.own_files import FILE_RULES
from relaydrill.lint.rule import LintFinding
from relaydrill.own_configuration.gathering import Gathered
from relaydrill.report import lint as words
from relaydrill.topology import Topology

SEVERITIES: Final = {each.id: each.severity for each in FILE_RULES}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, so that lines are named by the files' own names."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def text_from(files: dict[str, str]) -> str:
    """The topology file that some files are."""
    return topology_text(read(files, Path()), "mine")


def made(files: dict[str, str]) -> Topology:
    """The topology that some files are."""
    return topology_files.parse(text_from(files), "mine.yaml")


def findings(text: str) -> list[LintFinding]:
    """What lint says of a topology file."""
    Path("mine.yaml").write_text(text, encoding="utf-8")
    return [*words.linted(topology_files.load_located("./mine.yaml")).findings]


@pytest.mark.parametrize("style", STYLES)
def test_every_style_loads_and_lints_without_errors(style: str) -> None:
    """Nothing is found by rules of the design that the files themselves are not to blame for."""
    text = text_from(STYLES[style])
    wrong = [each for each in findings(text) if each.severity.at_least(Severity.ERROR)]
    assert wrong == []
    topology = topology_files.parse(text)
    assert topology.name == "mine"
    assert topology.flows
    assert topology.mailboxes
    # Without a name server a sender knows hosts, and no MX records.
    assert topology.name_servers or not topology.zones
    assert topology.expect.gap == 30.0


@pytest.mark.parametrize("rule", SABOTAGES)
def test_every_sabotage_loads_and_is_told_of(rule: str) -> None:
    """What breaks a rule stands at the end, with the words of its line."""
    sabotage = SABOTAGES[rule]
    text = text_from(sabotage.files())
    assert topology_files.parse(text).hubs
    if SEVERITIES[rule] is Severity.INFO or sabotage.failover_s is not None:
        return  # no defect, or one only beside a promise, which these files have none of
    told = " ".join(text.partition("# What relaydrill lint finds")[2].replace("#", " ").split())
    assert f"{rule}: " in told
    assert " ".join(sabotage.says.split()) in told
    assert " ".join(sabotage.line.split()) in told


def test_a_farm_behind_one_vip() -> None:
    """Servers, check, method, source and redispatch of a listen section; 2525 before 25 is 25."""
    topology = made(STYLES["mail check"])
    lb1 = topology.balancers["lb1"]
    assert [*topology.hubs] == ["ht1", "ht2"]
    assert lb1.backends == ("ht1", "ht2")
    assert {name: vip.ports for name, vip in lb1.vips.items()} == {"smtp": (25,)}
    check = lb1.check
    assert (check.kind, check.interval, check.timeout) == ("mail", 3.0, 5.0)
    assert (check.fall, check.rise) == (2, 2)
    assert (lb1.source, lb1.method, lb1.redispatch) == ("proxy", "roundrobin", True)
    assert topology.names["mail.contoso.com"] == ("smtp",)
    assert topology.flows["relay"].persona == "single_host"


def test_submission_ports_have_clients_and_a_backup_is_told_of() -> None:
    """Two servers stand in for each other: the third, a backup, is a comment with its line."""
    text = text_from(STYLES["submission, passed through"])
    topology = topology_files.parse(text)
    lb1 = topology.balancers["lb1"]
    assert lb1.backends == ("ht1", "ht2")
    assert lb1.vips["submissions"].ports == (465, 587)
    assert (lb1.source, lb1.method) == ("snat", "leastconn")
    assert {flow.port: flow.persona for flow in topology.flows.values()} == {
        465: "mail_client",
        587: "mail_client",
    }
    assert all(each.auth == "required" for each in topology.connectors.values())
    assert "haproxy.cfg:34: server ht3 10.1.0.13 check port 587 backup" in text
    assert "ht3 is left out" in text


def test_a_condition_leads_to_an_address_of_its_own() -> None:
    """Two farms of one machine are two balancers in one site; a tracked check is the other's."""
    text = text_from(STYLES["transparent"])
    topology = topology_files.parse(text)
    by_servers = {each.backends: each for each in topology.balancers.values()}
    relay, edge = by_servers["ht1", "ht2"], by_servers["edge1", "edge2"]
    assert edge.check == relay.check
    assert (edge.source, relay.source) == ("proxy", "proxy")
    assert (edge.on_marked_down, relay.on_marked_down) == ("keep", "shutdown")
    assert relay.site == edge.site is not None
    assert "haproxy.cfg:27: use_backend relay if inside" in text
    assert "haproxy.cfg:42: server ht1 10.1.0.11:25 weight 20" in text
    assert "haproxy.cfg:41: default-server check inter 2s slowstart 60s" in text


def test_a_template_is_as_many_servers() -> None:
    """Named as HAProxy names them; of a great many the first sixteen, which is told."""
    assert made(STYLES["resolvers"]).balancers["lb1"].backends == ("ht1", "ht2", "ht3")
    text = STYLES["resolvers"]["haproxy.cfg"].replace("ht 3 hubs", "ht 900 hubs")
    many = text_from({"haproxy.cfg": text})
    assert len(topology_files.parse(many).hubs) == 16
    assert "of 900 servers the first 16 stand in the topology" in many


def test_keepalived_alone_gives_a_pair_before_servers_that_are_assumed() -> None:
    """The machine with the higher priority has the address, the other takes it over."""
    text = text_from(STYLES["two balancers"])
    topology = topology_files.parse(text)
    assert topology.pairs == {"lb1": ("lb1", "lb1-standby")}
    assert topology.balancers["lb1"].vrrp.advert == 1.0
    assert [*topology.vips] == ["mail"]
    assert "keepalived-a.conf:13: 10.0.0.10:25" in text
    assert "hub1: {role: hub}   # ASSUMED: no file names the servers" in text


def test_a_null_client_sends_by_mx_as_postfix_does() -> None:
    """To the domain of its zone, whose MX hosts are the servers; TTLs are those of the zone."""
    topology = made(STYLES["null client"])
    relay = topology.flows["relay"]
    assert (relay.sender, relay.persona, relay.to, relay.port) == (
        "app",
        "postfix",
        "contoso.com",
        25,
    )
    zone = topology.zones["contoso.com"]
    assert [(mx.host, mx.preference) for mx in zone.mx] == [
        ("maila.contoso.com", 10),
        ("mailb.contoso.com", 10),
    ]
    assert (zone.ttl, zone.negative_ttl) == (300.0, 300.0)
    assert topology.ttls == {"mailb.contoso.com": 60.0}
    assert topology.names["mail.contoso.com"] == ("maila", "mailb")
    assert [*topology.name_servers] == ["ns1", "ns2"]
    assert topology.flows["inbound"].persona == "rfc5321"


def test_a_list_of_next_servers_is_a_name_with_mx_records() -> None:
    """A fallback is less preferred; hosts of which any may come first are equal."""
    of_postfix = made(STYLES["hub with a fallback"])
    [zone] = of_postfix.zones.values()
    assert [(mx.host, mx.preference) for mx in zone.mx] == [
        ("hub-a.contoso.com", 10),
        ("hub-b.contoso.com", 20),
    ]
    assert of_postfix.flows["relay"].persona == "postfix"
    of_exim = made(STYLES["smart hosts"])
    [zone] = of_exim.zones.values()
    assert [mx.preference for mx in zone.mx] == [10, 10]
    assert of_exim.flows["relay"].persona == "exim"
    ordered = made(SABOTAGES["exim-first-host"].files())
    assert [mx.preference for mx in next(iter(ordered.zones.values())).mx] == [10, 20]


def test_who_may_relay_by_the_servers_is_a_connector() -> None:
    """The loopback network is one address: in a lab every host has an address in it."""
    topology = made(STYLES["balanced Postfix"])
    relay = topology.connectors["relay"]
    assert relay.relay
    assert relay.remote == ("app", "127.0.0.1/32", "10.1.0.0/24")
    assert not topology.connectors["inbound"].relay
    assert topology.connectors["inbound"].remote == ("0.0.0.0/0", "::/0")


def test_an_exim_that_hands_nothing_on_is_a_server_whose_clients_relay() -> None:
    """Its list of hosts is a connector's, beside whatever leads to the servers."""
    exim = STYLES["smart hosts"]["exim4.conf"].replace("manualroute", "dnslookup")
    topology = made({**STYLES["zone"], "exim4.conf": exim})
    relay = topology.connectors["relay"]
    assert {"127.0.0.1/32", "::1/128", "10.2.0.0/16"} <= {*relay.remote}
    assert [*topology.senders] == ["world"]


def test_an_address_of_nobody_is_a_server_and_says_that_it_is_assumed() -> None:
    """Two addresses beside a balancer that has neither: nobody knows which of them are its own."""
    zone = ZONE.format(address="192.0.2.1") + "mail 60 IN A 192.0.2.2\n"
    text = text_from({**listening("10.0.0.10:25"), "db.example.com": zone})
    topology = topology_files.parse(text)
    assert topology.names["mail.example.com"] == ("mail", "mail-2")
    told = " ".join(text.replace("#", " ").split())
    assert told.count("for no balancer that is given has this address") == 2


def test_who_relays_by_a_balancers_address_is_found_by_lint() -> None:
    """A balancer that hides its clients, within the range of those who may relay."""
    text = text_from(SABOTAGES["postfix-trusts-balancer"].files())
    assert "snat-open-relay" in [each.rule for each in findings(text)]


def test_nginx_checks_nothing_and_tries_the_next_server() -> None:
    """The backup is left out, with its line; weights and passive checks have no place."""
    text = text_from(STYLES["nginx stream"])
    lb1 = topology_files.parse(text).balancers["lb1"]
    assert lb1.backends == ("hubs-127-0-0-1", "hubs-127-0-0-2")
    assert (lb1.check.kind, lb1.redispatch, lb1.method) == ("none", True, "leastconn")
    assert lb1.vips["hubs"].ports == (2525,)
    assert "nginx.conf:9: server 127.0.0.3:20025 backup;" in text
    assert "max_fails, fail_timeout" in text


def test_a_zone_alone_has_a_server_behind_each_address() -> None:
    """Its MX hosts are servers, and mail comes from anywhere."""
    topology = made(STYLES["zone"])
    assert [*topology.hubs] == ["maila", "mailb"]
    assert topology.flows["inbound"].to == "contoso.com"
    assert topology.domains == ("contoso.com",)


STRUCTURE = ("mode", "log", "tcp-check", "default_backend", "option tcplog", "nameserver", "hold")


@pytest.mark.parametrize(
    "style", [each for each, files in STYLES.items() if "haproxy.cfg" in files]
)
def test_no_line_that_matters_is_dropped(style: str) -> None:
    """Of the sections that pass mail on each line stands in the file: as a value, or left out.

    Steps of a check, and what says which section leads to which, are in what the others say.
    """
    text = " ".join(text_from(STYLES[style]).replace("#", " ").split())
    section = ""
    for number, line in enumerate(STYLES[style]["haproxy.cfg"].splitlines(), 1):
        words = line.strip()
        if line[:1].isalpha():
            section = words
        elif section.startswith(("frontend", "backend", "listen")) and words:
            told = f"haproxy.cfg:{number}:" in text or f"haproxy.cfg:{number} " in text
            told = told or f"haproxy.cfg:{number}," in text
            assert told or words.startswith((*STRUCTURE, "option tcp-check")), words


LISTEN = """\
listen smtp
    bind {bind}
    option smtpchk EHLO lb.example.com
    {server}
    server b 10.0.0.12:25 check
"""
ZONE = """\
$ORIGIN example.com.
@ 60 IN SOA ns1 hostmaster 1 7200 3600 1209600 60
@ 60 IN MX 10 mail
mail 60 IN A {address}
"""


def listening(bind: str, server: str = "server a 10.0.0.11:25 check") -> dict[str, str]:
    """A small haproxy.cfg."""
    return {"haproxy.cfg": LISTEN.format(bind=bind, server=server)}


@pytest.mark.parametrize(
    ("bind", "address"),
    [("10.0.0.10:25", "10.0.0.10"), (":25", "192.0.2.7"), ("10.0.0.10:25", "192.0.2.7")],
)
def test_an_mx_host_is_the_vip_that_has_its_address(bind: str, address: str) -> None:
    """Or the only one, before which a router may translate addresses; nobody else has it."""
    topology = made({**listening(bind), "db.example.com": ZONE.format(address=address)})
    assert topology.names["mail.example.com"] == ("smtp",)
    assert [*topology.hubs] == ["a", "b"]
    assert topology.flows["inbound"].to == "example.com"


def test_an_mx_host_at_a_server_is_that_server() -> None:
    """The same address is one node, in whichever file it stands."""
    topology = made(
        {**listening("10.0.0.10:25"), "db.example.com": ZONE.format(address="10.0.0.12")}
    )
    assert topology.names["mail.example.com"] == ("b",)
    assert [*topology.hubs] == ["a", "b"]


@pytest.mark.parametrize(
    ("relayhost", "to"),
    [("[10.0.0.10]:2525", "smtp"), ("[relay.example.com]:2525", "relay.example.com")],
)
def test_a_null_client_of_a_vip_sends_to_its_logical_port(relayhost: str, to: str) -> None:
    """One host is one name for an application; where no file says its address, it is the VIP's."""
    files = {**listening("10.0.0.10:2525"), "main.cf": f"relayhost = {relayhost}\n"}
    topology = made(files)
    flow = topology.flows["relay"]
    assert (flow.persona, flow.to, flow.port) == ("single_host", to, 25)
    assert topology.vips["smtp"][1].ports == (25,)


def test_the_weakest_check_stands_for_all() -> None:
    """What is not checked at one server is not checked in the topology, and that is told."""
    text = text_from(SABOTAGES["haproxy-no-check"].files())
    assert topology_files.parse(text).balancers["lb1"].check.kind == "none"
    assert "ht2 is checked otherwise than ht1" in text


def test_a_lone_backup_stands_in_and_shares() -> None:
    """With one server besides, what happens when that dies is what the drill asks."""
    text = text_from(listening(":25", "server a 10.0.0.11:25 check backup"))
    assert {*topology_files.parse(text).balancers["lb1"].backends} == {"a", "b"}
    assert "a backup takes over, which no topology can say" in text


def test_each_machine_of_two_instances_is_master_of_one_and_standby_of_the_other() -> None:
    """Two VIPs, two masters: each machine is a site with a balancer and a standby."""
    keepalived = """\
vrrp_instance one {{
    state BACKUP
    nopreempt
    priority {one}
    advert_int 0.5
    virtual_ipaddress {{
        10.0.0.10
    }}
}}
vrrp_instance two {{
    priority {two}
    virtual_ipaddress {{
        10.0.0.20
    }}
}}
"""
    topology = made(
        {
            **listening("10.0.0.10:25,10.0.0.20:25"),
            "keepalived-a.conf": keepalived.format(one=200, two=100),
            "keepalived-b.conf": keepalived.format(one=100, two=200),
        }
    )
    assert topology.pairs == {"lb1": ("lb1", "lb1-standby"), "lb2": ("lb2", "lb2-standby")}
    assert topology.sites == {
        "machine-1": ("lb1", "lb2-standby"),
        "machine-2": ("lb1-standby", "lb2"),
    }
    vrrp = topology.balancers["lb1"].vrrp
    assert (vrrp.advert, vrrp.preempt) == (0.5, False)
    assert topology.balancers["lb2"].vrrp.preempt


def test_two_files_for_one_address_are_a_pair() -> None:
    """What the second says otherwise is told by its line."""
    first, second = listening("10.0.0.10:25"), listening("10.0.0.10:25")
    text = text_from(
        {
            "haproxy-a.cfg": first["haproxy.cfg"],
            "haproxy-b.cfg": second["haproxy.cfg"] + "    balance leastconn\n",
        }
    )
    topology = topology_files.parse(text)
    assert topology.pairs == {"lb1": ("lb1", "lb1-standby")}
    assert topology.balancers["lb1"].method == "roundrobin"
    assert "haproxy-b.cfg:1: listen smtp" in text
    assert "which stands in the topology for both" in text


def test_names_that_no_node_can_have_are_made_fit() -> None:
    """Servers are called as the file does, as far as a topology has such names, and each by one."""
    files = listening(":25", "server 10.0.0.11 10.0.0.11:25 check\n    server HT_1 10.0.0.13 check")
    assert [*made(files).hubs] == ["hub-10-0-0-11", "ht-1", "b"]


def test_a_tier_that_no_lab_has_room_for_is_refused_by_its_line() -> None:
    """Before anything is written; a zone of a great many domains has the first of them."""
    servers = "".join(
        f"    server s{at} 10.1.{at // 200}.{at % 200}:25 check\n" for at in range(900)
    )
    with pytest.raises(UsageError, match=r"haproxy\.cfg:153: .* server 151, .* room for 150"):
        text_from({"haproxy.cfg": f"listen smtp\n    bind :25\n{servers}"})
    records = "".join(f"d{at} MX 10 mail\n" for at in range(3000))
    text = text_from({"db.example.com": f"$TTL 60\n{records}mail A 10.0.0.1\n"})
    topology = topology_files.parse(text)
    assert len(topology.zones) == 50
    assert [*topology.flows] == ["inbound"]
    assert "no flow of its own" in text
    assert "and 2750 more" in text


def test_files_with_names_that_are_no_text_are_named_as_well_as_can_be(folder: Path) -> None:
    """A file system has names that no encoding has."""
    (folder / "a\udcffb.cfg").write_text(STYLES["mail check"]["haproxy.cfg"])
    gathered = Gathered()
    gathered.add("a\udcffb.cfg")
    text = topology_text(gathered.files(), "mine")
    assert topology_files.parse(text).summary == "from a b.cfg"
    assert text.encode()


def test_lines_that_were_not_understood_stand_at_the_end_with_their_words() -> None:
    """As the reader notes them."""
    files = listening(":25")
    text = text_from({"haproxy.cfg": files["haproxy.cfg"] + "    send-mail-twice now\n"})
    assert "# Not understood:" in text
    assert "haproxy.cfg:6: send-mail-twice now" in text


def test_a_domain_that_takes_no_mail_gets_no_flow() -> None:
    """A null MX stands in the topology, and nobody sends there."""
    zone = "$ORIGIN example.com.\n@ 60 IN MX 0 .\n"
    topology = made({**listening(":25"), "db.example.com": zone})
    assert topology.zones["example.com"].mx[0].is_null
    assert all(flow.to != "example.com" for flow in topology.flows.values())
