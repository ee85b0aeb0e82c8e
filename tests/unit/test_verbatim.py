"""A balancer's own haproxy.cfg beside a design: what fits, and the line of what does not."""

from __future__ import annotations

import os
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, get_args

import pytest
import yaml
from click.testing import CliRunner
from tests.own_balancers import STYLES, TOP, Style, document, topology_of
from tests.unit.test_own_file_mutations import DAMAGES

from relaydrill import topology_files
from relaydrill.cli.commands import cli
from relaydrill.drills.drill_plan import plan
from relaydrill.drills.findings import findings
from relaydrill.drills.own_lab import run_in_own_lab
from relaydrill.drivers.configure import configure
from relaydrill.drivers.docker.seating import paths, seated, seats
from relaydrill.drivers.simulate.lab import SimulatedLab
from relaydrill.endpoint import Credentials
from relaydrill.errors import TopologyError
from relaydrill.placement import Placement
from relaydrill.topology import Topology
from relaydrill.verbatim import Fitted, fitted, wanted_by
from relaydrill.verbatim.lines import About, lines_about

_MUTATIONS: Final = 400
_PLAIN: Final = STYLES["smtpchk"]
_ABOUT: Final[dict[str, About]] = {"tcp-check expects 220": "blind", "leastconn": "slow"}
"""What the change of a style is about, where it is not that a server has no check."""


def made(style: Style, text: str, folder: Path, **changes: Any) -> Topology:
    """A topology of a file, its balancer changed."""
    path = folder / "own.yaml"
    whole = document(style, text)
    whole["nodes"]["lb1"] |= changes
    path.write_text(yaml.safe_dump(whole))
    return topology_files.load(path)


def refused(style: Style, text: str, folder: Path) -> list[str]:
    """What is told of a file that cannot be run."""
    topology = topology_of(style, text, folder)
    with pytest.raises(TopologyError) as error:
        fitted(topology, (2500,))
    return [str(each) for each in error.value.mistakes]


def fits(style: Style, folder: Path, text: str = "") -> Fitted:
    """How a file fits."""
    return fitted(topology_of(style, text or style.text, folder))["lb1"]


@pytest.mark.parametrize("name", STYLES)
def test_every_style_fits_whole_and_spoilt(name: str, tmp_path: Path) -> None:
    """The same topology runs both: what the file says of checks and shares is taken from it."""
    style = STYLES[name]
    for text in (style.text, style.spoilt):
        topology = topology_of(style, text, tmp_path)
        found = fitted(topology)["lb1"]
        assert {node for nodes in found.servers.values() for node in nodes} == {*style.hubs}
        assert topology_files.parse(topology_files.dump(topology)) == topology


@pytest.mark.parametrize("name", STYLES)
def test_the_line_that_spoils_a_style_is_named(name: str, tmp_path: Path) -> None:
    """With a remedy in the words of the file; the whole one has no such line."""
    style, about = STYLES[name], _ABOUT.get(name, "unchecked")
    node = style.fault.partition(":")[2]
    told = lines_about(topology_of(style, style.spoilt, tmp_path), "lb1", about, [node], 8.0)
    assert told
    assert f"haproxy.cfg:{style.number}: " in told.text
    assert told.remedy
    if about == "unchecked":
        whole = lines_about(topology_of(style, style.text, tmp_path), "lb1", about, [node], 8.0)
        assert whole
        assert not whole.remedy


def test_addresses_are_those_of_the_file_by_the_names_of_servers(tmp_path: Path) -> None:
    """A VIP has the address of its bind, a node that of the server with its name."""
    found = fits(_PLAIN, tmp_path)
    assert {name: found.addresses[name] for name in ("smtp", "ht1", "ht3")} == {
        "smtp": "10.1.0.10",
        "ht1": "10.1.0.11",
        "ht3": "10.1.0.13",
    }


def test_ports_of_the_file_stand_for_those_of_the_design(tmp_path: Path) -> None:
    """A balancer may listen at 2525 and hand on to 10025: both are port 25 of the design."""
    text = _PLAIN.text.replace("10.1.0.10:25", "10.1.0.10:2525").replace(
        ":25 check", ":10025 check"
    )
    with pytest.raises(TopologyError, match="nothing here takes mail at port 25 of smtp"):
        fits(_PLAIN, tmp_path, text)
    text = _PLAIN.text.replace(":25 check", ":2525 check")
    assert fits(_PLAIN, tmp_path, text).ports["ht2"] == {25: 2525}


def test_a_second_port_beside_the_first_is_no_other_one(tmp_path: Path) -> None:
    """Many listen at 2525 besides, for clients whose networks let nobody out to 25."""
    text = _PLAIN.text.replace("10.1.0.10:25\n", "10.1.0.10:25\n    bind 10.1.0.10:2525\n")
    assert fits(_PLAIN, tmp_path, text).ports["smtp"] == {25: 25}
    text = _PLAIN.text.replace("10.1.0.10:25\n", "10.1.0.10:2525\n")
    assert fits(_PLAIN, tmp_path, text).ports["smtp"] == {25: 2525}


def test_another_section_that_is_disabled_says_nothing(tmp_path: Path) -> None:
    """It is left in many files, with servers that are gone, where the new one listens."""
    old = "listen old\n    bind 10.1.0.10:25\n    disabled\n    server x 10.9.0.1:25 check\n"
    found = fits(_PLAIN, tmp_path, _PLAIN.text + old)
    assert {*found.farms} == {"smtp"}


def test_ports_with_other_servers_are_told_of(tmp_path: Path) -> None:
    """A design has all servers of a balancer behind each of its ports."""
    style = STYLES["check port and track"]
    text = "".join(
        line
        for line in style.text.splitlines(keepends=True)
        if "server ht3 10.1.0.13:587" not in line
    )
    told = refused(style, text, tmp_path)
    assert any("haproxy.cfg:29: port 587 leads to no server that is ht3" in e for e in told), told


def test_what_a_topology_does_not_say_is_taken_from_the_file(tmp_path: Path) -> None:
    """Check, method, source and redispatch; and no share is expected where none is even."""
    lb1 = topology_of(_PLAIN, _PLAIN.text, tmp_path).balancers["lb1"]
    assert (lb1.check.kind, lb1.check.interval, lb1.check.fall) == ("smtp", 1.0, 2)
    assert (lb1.source, lb1.method, lb1.redispatch) == ("snat", "roundrobin", True)
    for method in ("balance source", "balance first", "stick on src"):
        text = _PLAIN.text.replace("    option smtpchk", f"    {method}\n    option smtpchk")
        assert topology_of(_PLAIN, text, tmp_path).balancers["lb1"].method == "leastconn", method


def test_what_it_says_otherwise_than_the_file_is_a_mistake(tmp_path: Path) -> None:
    """Verdicts rest on both; the line of the file is told, and what to write."""
    topology = made(_PLAIN, _PLAIN.text, tmp_path, check={"kind": "tcp"}, source="proxy")
    with pytest.raises(TopologyError) as error:
        fitted(topology)
    said = str(error.value)
    assert "haproxy.cfg:23: lb1 has check: {kind: tcp, interval: 2s, timeout: 2s, fall: 3" in said
    assert "check: {kind: smtp, interval: 1s, timeout: 1s, fall: 2, rise: 2} at lb1" in said
    assert "lb1 has source: proxy in the topology, and snat here" in said


_WRONG: Final = {
    "no such user": ("user haproxy", "user lbuser", "haproxy.cfg:5: a lab has no user 'lbuser'"),
    "no such group": ("group haproxy", "group lb", "haproxy.cfg:6: a lab has no group 'lb'"),
    "no such folder": ("chroot /var/lib/haproxy", "chroot /srv/x", "haproxy.cfg:3: a lab has no"),
    "a variable": ("10.1.0.12:25", '"${HT2}:25"', "haproxy.cfg:26: the environment variable HT2"),
    "a stranger": ("ht2 10.1.0.12", "b 10.9.0.12", "server b: no node of the topology is at 10.9"),
    "an unknown name": (
        "ht2 10.1.0.12",
        "b b.example",
        "server b: no node of the topology is at b.example (names: with b.example, which leads to",
    ),
    "ports twice": (
        "    option smtpchk",
        "    bind 10.1.0.10:25\n    option smtpchk",
        "haproxy.cfg:23: 10.1.0.10, port 25 is bound at haproxy.cfg:22 already",
    ),
    "the lab's own port": ("bind 10.1.0.10:25", "bind :25,:2500", "port 2500 is a lab's own"),
    "TLS first": ("10.1.0.10:25", "10.1.0.10:25 ssl crt /x.pem", "begin no session with TLS"),
    "PROXY first": ("10.1.0.10:25", "10.1.0.10:25 accept-proxy", "do not speak the PROXY"),
    "this machine alone": ("bind 10.1.0.10", "bind 127.0.0.1", "no sender of the lab comes there"),
    "IPv6": ("10.1.0.12:25", "[fd00::12]:25", "ht2 is at an IPv6 address, which no lab gives"),
    "disabled": (
        "    option smtpchk",
        "    disabled\n    option smtpchk",
        "haproxy.cfg:23: disabled: nobody is served at port 25 of smtp",
    ),
    "no port": (
        "10.1.0.12:25",
        "10.1.0.12:-30",
        "haproxy.cfg:26: server ht2 gets what comes to 25 at",
    ),
    "a condition": (
        "    option smtpchk",
        "    .if defined(PROD)\n    option smtpchk EHLO x\n    .endif\n    option smtpchk",
        "haproxy.cfg:23: the condition defined(PROD) is another machine's",
    ),
    "a file in a condition": (
        "    option smtpchk",
        "    tcp-request connection reject if { src -f /etc/bad.lst }\n    option smtpchk",
        "haproxy.cfg:23: the file '/etc/bad.lst' is not in a lab",
    ),
    "IPv6 alone": ("bind 10.1.0.10:25", "bind :::25 v6only", "haproxy.cfg:22: v6only: a lab's"),
    "this machine's own server": (
        "10.1.0.12:25",
        "127.0.0.1:25",
        "haproxy.cfg:26: server ht2 is at",
    ),
    "a server at a VIP": (
        "10.1.0.12:25",
        "10.1.0.10:25",
        "haproxy.cfg:26: 10.1.0.10 is the address",
    ),
    "a source at a hub": (
        "10.1.0.13:25 check",
        "10.1.0.13:25 check source 10.1.0.11",
        "haproxy.cfg:27: 10.1.0.11 is the address of ht1",
    ),
    "another bind at a hub": (
        "listen smtp",
        "listen stats\n    bind 10.1.0.12:8404\nlisten smtp",
        "haproxy.cfg:22: 10.1.0.12 is the address of ht2",
    ),
    "another interface": ("10.1.0.10:25", "10.1.0.10:25 interface eth7", "one interface, eth0"),
    "transparent": ("check\n", "check source 0.0.0.0 usesrc clientip\n", "which no lab arranges"),
    "a file": (
        "    balance",
        "    acl in src -f /etc/in.lst\n    balance",
        "'/etc/in.lst' is not in",
    ),
    "a script": ("maxconn 4000", "lua-load /etc/x.lua", "haproxy.cfg:8: the file '/etc/x.lua' is"),
    "a program": (
        "option smtpchk",
        "external-check command /bin/x\n    option smtpchk",
        "'/bin/x'",
    ),
    "no end": (
        "10.1.0.13:25 check\n",
        "10.1.0.13:25 check",
        "haproxy.cfg:27: the last line has no",
    ),
    "no backend": ("    server ht3 10.1.0.13:25 check\n", "", "haproxy.cfg: no server here is ht3"),
}
"""What is changed, into what, and words that are told of it."""


@pytest.mark.parametrize("name", _WRONG)
def test_what_no_lab_can_give_is_told_by_its_line(name: str, tmp_path: Path) -> None:
    """Before anything starts."""
    old, new, said = _WRONG[name]
    base = _PLAIN.text.replace("    option smtpchk", "    balance roundrobin\n    option smtpchk")
    if "balance" not in old:
        base = _PLAIN.text
    assert old in base
    told = refused(_PLAIN, base.replace(old, new, 1), tmp_path)
    assert any(said in each for each in told), told


def test_an_empty_file_is_told_of(tmp_path: Path) -> None:
    """And one of comments alone."""
    for text in ("", "# nothing yet\n"):
        assert any("haproxy.cfg" in each for each in refused(_PLAIN, text, tmp_path))


def test_a_resolver_that_nobody_is_is_told_of(tmp_path: Path) -> None:
    """A name server of a resolvers section is one of the design, at port 53."""
    style = STYLES["resolvers and server-template"]
    text = style.text.replace("10.1.0.53:53", "10.9.0.53:53")
    assert "no name server of the topology is at 10.9.0.53" in " ".join(
        refused(
            replace(style, topology=(("ns1", {"role": "dns", "address": "10.1.0.53"}),)),
            text,
            tmp_path,
        )
    )
    text = style.text.replace("    hold valid 2s", "    parse-resolv-conf")
    assert "/etc/resolv.conf names none" in " ".join(refused(style, text, tmp_path))


def test_certificates_and_folders_that_a_file_asks_for_are_found(tmp_path: Path) -> None:
    """With the folders that ``crt-base`` and a slash mean."""
    more = (
        "frontend web\n    bind :8443 ssl crt site.pem crt /etc/certs/\n    default_backend w\n"
        "backend w\n    server w 10.1.0.80:443 ssl verify required ca-file /etc/ca.pem\n"
    )
    text = _PLAIN.text.replace("    daemon\n", "    daemon\n    crt-base /etc/haproxy\n") + more
    found = fits(_PLAIN, tmp_path, text)
    wanted = wanted_by(found.haproxy, found.ports)
    assert wanted.certificates == ("/etc/haproxy/site.pem", "/etc/certs/")
    assert wanted.authorities == ("/etc/ca.pem",)
    assert wanted.folders == ("/run/haproxy",)


def test_the_machine_has_the_addresses_of_all_binds(tmp_path: Path) -> None:
    """Of a page of statistics, too, and where no VIP is: else HAProxy does not start."""
    more = "listen stats\n    bind 10.1.0.5:8404\n    mode http\n    bind 127.0.0.1:8405\n"
    text = _PLAIN.text.replace("    option smtpchk", "    bind 10.1.0.20:465\n    option smtpchk")
    assert {*fits(_PLAIN, tmp_path, text + more).own} == {"10.1.0.5", "10.1.0.20"}


def test_only_a_bound_of_the_whole_process_is_one(tmp_path: Path) -> None:
    """Without it HAProxy takes memory for every file that an engine lets it open."""
    for where, is_bounded in (("global", True), ("defaults", False), ("listen smtp", False)):
        text = _PLAIN.text.replace("    maxconn 4000\n", "")
        found = fits(
            _PLAIN, tmp_path, text.replace(f"{where}\n", f"{where}\n    maxconn 4000\n", 1)
        )
        assert wanted_by(found.haproxy, found.ports).is_bounded is is_bounded, where


def test_variables_that_haproxy_sets_itself_are_there(tmp_path: Path) -> None:
    """Many write their log's format after HAProxy's own."""
    log = '    log-format "${HAPROXY_TCP_LOG_FMT} %sslv"\n'
    assert fits(_PLAIN, tmp_path, _PLAIN.text.replace("    option tcplog\n", log)).farms


def test_a_spare_that_is_not_there_is_no_mistake(tmp_path: Path) -> None:
    """A backup beside others is for when they are gone; a design has no such server."""
    found = fits(_PLAIN, tmp_path, _PLAIN.text + "    server old 10.1.0.99:25 check backup\n")
    assert found.servers["smtp", "old"] == ()


class TestLoading:
    """``config:`` names files; a topology that is loaded has their text."""

    def load(self, folder: Path, **changes: Any) -> Topology:
        """A topology with its file beside it."""
        (folder / "haproxy.cfg").write_bytes(_PLAIN.text.encode())
        whole = document(_PLAIN, _PLAIN.text)
        whole["nodes"]["lb1"] |= {"config": "haproxy.cfg", **changes}
        (folder / "own.yaml").write_text(yaml.safe_dump(whole))
        return topology_files.load(folder / "own.yaml")

    def test_a_file_beside_the_topology(self, tmp_path: Path) -> None:
        """Its name is as it was written, its text is whole."""
        [file] = self.load(tmp_path).balancers["lb1"].config or ()
        assert (file.path, file.text) == ("haproxy.cfg", _PLAIN.text)

    def test_init_names_it_from_a_folder_that_is_a_link(self, tmp_path: Path) -> None:
        """The way up from there begins where the link leads."""
        (tmp_path / "haproxy.cfg").write_text(_PLAIN.text)
        (tmp_path / "far" / "away").mkdir(parents=True)
        (tmp_path / "link").symlink_to(tmp_path / "far" / "away")
        at, to = os.path.relpath(tmp_path / "haproxy.cfg"), str(tmp_path / "link" / "own.yaml")
        found = CliRunner().invoke(cli, ["init", "--from", at, "-o", to], standalone_mode=False)
        assert found.exception is None
        [file] = topology_files.load(Path(to)).balancers["lb1"].config or ()
        assert (file.path, file.text) == ("../../haproxy.cfg", _PLAIN.text)

    def test_windows_line_ends_are_kept(self, tmp_path: Path) -> None:
        """HAProxy takes them; what is run is what was written."""
        (tmp_path / "crlf.cfg").write_bytes(_PLAIN.text.replace("\n", "\r\n").encode())
        topology = self.load(tmp_path, config="crlf.cfg")
        assert "\r\n" in (topology.balancers["lb1"].config or ())[0].text
        assert topology_files.parse(topology_files.dump(topology)) == topology
        assert fitted(topology)["lb1"].addresses["ht2"] == "10.1.0.12"

    @pytest.mark.parametrize("several", [["conf.d"], ["conf.d/1.cfg", "conf.d/2.cfg"]])
    def test_several_files_are_one(self, several: list[str], tmp_path: Path) -> None:
        """A folder is its files by name; a mistake names the one that it is in."""
        (tmp_path / "conf.d").mkdir()
        (tmp_path / "conf.d" / "1.cfg").write_text(TOP)
        (tmp_path / "conf.d" / "2.cfg").write_text(_PLAIN.text.removeprefix(TOP))
        topology = self.load(tmp_path, config=several)
        assert topology.balancers["lb1"].check.kind == "smtp"
        spoilt = lines_about(topology, "lb1", "blind", ["ht1"])
        assert spoilt
        assert "conf.d/2.cfg:3: " in spoilt.text

    @pytest.mark.parametrize(
        ("config", "said"),
        [
            ("none.cfg", "there is no file"),
            ("odd", "without a file *.cfg"),
            ("latin.cfg", "latin.cfg:1: byte 0xfc is not UTF-8"),
            ("mark.cfg", "byte order mark"),
            (7, "7 names no file"),
            ("pipe", "pipe is no file that can be read again"),
            ("large.cfg", "more than 128 KiB"),
        ],
    )
    def test_files_that_cannot_be_run_as_they_are(
        self, config: Any, said: str, tmp_path: Path
    ) -> None:
        """They are told of by the line of the topology, and nothing is loaded."""
        (tmp_path / "odd").mkdir()
        os.mkfifo(tmp_path / "pipe")
        (tmp_path / "latin.cfg").write_bytes(b"# f\xfcr die Post\n" + _PLAIN.text.encode())
        (tmp_path / "mark.cfg").write_bytes(b"\xef\xbb\xbf" + _PLAIN.text.encode())
        (tmp_path / "large.cfg").write_text("# much\n" * 20_000)
        with pytest.raises(TopologyError) as error:
            self.load(tmp_path, config=config)
        assert said in str(error.value)
        assert "own.yaml:" in str(error.value)

    def test_two_machines_do_not_run_one_file(self, tmp_path: Path) -> None:
        """It says all that one process does."""
        whole = document(_PLAIN, _PLAIN.text)
        whole["nodes"]["lb2"] = {**whole["nodes"]["lb1"], "vips": {"other": {"ports": [25]}}}
        (tmp_path / "two.yaml").write_text(yaml.safe_dump(whole))
        with pytest.raises(TopologyError, match="lb1 runs this file already"):
            topology_files.load(tmp_path / "two.yaml")

    def test_a_file_keeps_its_own_time(self, tmp_path: Path) -> None:
        """The clock of a lab cannot turn what stands in a file."""
        whole = document(_PLAIN, _PLAIN.text) | {"clock": 10}
        (tmp_path / "fast.yaml").write_text(yaml.safe_dump(whole))
        with pytest.raises(TopologyError, match="clock 10 has everything else run faster"):
            topology_files.load(tmp_path / "fast.yaml")
        whole["nodes"]["lb1"]["kind"] = "fake"
        (tmp_path / "fast.yaml").write_text(yaml.safe_dump(whole))
        assert topology_files.load(tmp_path / "fast.yaml").balancers["lb1"].check.interval == 1.0


def damaged(seed: int) -> tuple[Style, str]:
    """A style, and its file damaged up to three times."""
    rng = random.Random(seed)
    style = rng.choice([*STYLES.values()])
    data = rng.choice((style.text, style.spoilt)).encode()
    for _ in range(rng.randrange(1, 4)):
        data = rng.choice(DAMAGES)(data, rng) if data else data
    return style, data.decode("utf-8", "replace").replace("\0", "")


@pytest.mark.parametrize("part", range(4))
def test_damaged_files_fit_or_are_told_of_by_line(part: int, tmp_path: Path) -> None:
    """Never a traceback; and each mistake is one of the file."""
    fit = 0
    for seed in range(part, _MUTATIONS, 4):
        style, text = damaged(seed)
        topology = topology_of(style, text, tmp_path)
        try:
            fit += len(fitted(topology, (2500,)))
        except TopologyError as error:
            assert all(each.at.file == "haproxy.cfg" for each in error.mistakes), seed
        for about in get_args(About):
            lines_about(topology, "lb1", about, ["ht1"], 8.0)
    assert fit > 5


@pytest.mark.parametrize(
    ("fault", "text", "line", "remedy"),
    [
        ("certificate-expired:ht2+30s", _PLAIN.text, 26, "ask ht2 for STARTTLS"),
        ("kill:ht2+30s", _PLAIN.spoilt, 25, "Write check after the server's address"),
    ],
)
def test_a_line_is_blamed_for_what_a_check_could_see(
    fault: str, text: str, line: int, remedy: str, tmp_path: Path
) -> None:
    """No check speaks TLS: nobody is told to check more for what is wrong with a certificate."""
    whole = document(_PLAIN, text)
    whole["nodes"]["lb1"]["kind"] = "fake"
    whole["connectors"]["at-25"] |= {"tls": "required", "auth": "required"}
    whole["flows"]["at-25"]["persona"] = "mail_client"
    whole["expect"] |= {"gap": "2s", "degraded": "2s"}
    topology = topology_files.parse(yaml.safe_dump(whole), "own.yaml")
    drill = plan(topology, faults=(fault,))
    found = run_in_own_lab(SimulatedLab, topology, drill, tmp_path / "run", lambda _step: None)
    [finding] = [each for each in findings(found) if each.status == "fail"]
    assert f"haproxy.cfg:{line}" in finding.sentence
    assert remedy in finding.remedy
    assert "MAIL" not in finding.remedy


def test_lint_tells_what_a_lab_would_refuse(tmp_path: Path) -> None:
    """By the line of the file that is to be run, and nothing is started."""
    topology_of(_PLAIN, _PLAIN.text.replace("user haproxy", "user lbuser"), tmp_path)
    found = CliRunner().invoke(cli, ["lint", str(tmp_path / "own.yaml")], standalone_mode=False)
    assert found.return_value == 2
    assert "haproxy.cfg:5: a lab has no user 'lbuser'" in found.stderr


def test_every_machine_knows_the_way_to_all_addresses(tmp_path: Path) -> None:
    """Answers must come back to the address that a balancer connects from, which no VIP has."""
    text = _PLAIN.text.replace("    option smtpchk", "    source 10.1.0.30\n    option smtpchk")
    topology = topology_of(_PLAIN, text, tmp_path)
    seating = seated(topology, seats(topology, lambda number: f"172.30.0.{number + 10}"))
    placement = Placement(
        seats=seating.seats,
        credentials=Credentials("app", "secret"),
        control_token="token",
        ca_file="",
        own_kernels=True,
        controls=seating.controls,
        given=seating.given,
    )
    made = configure(topology, placement, paths(lambda _node: "/tls", ca="/tls/ca.pem"))
    assert made["lb1"]["network"]["own"] == ["10.1.0.10", "10.1.0.30"]
    assert {"10.1.0.10", "10.1.0.30"} <= {*made["ht1"]["network"]["others"]}


class TestSeveralFiles:
    """Two balancers of a design, each with a file of its own, hand on to the same hubs."""

    def two(self, folder: Path, first: str, second: str, port: int = 587) -> Topology:
        """A topology whose second balancer serves a VIP ``other`` at a port."""
        whole = document(_PLAIN, first)
        files = [{"path": "second.cfg", "text": second}]
        changes = {"config": files, "vips": {"other": {"ports": [port]}}}
        whole["nodes"]["lb2"] = {**whole["nodes"]["lb1"], **changes}
        whole["connectors"]["another"] = {"port": 587}
        (folder / "two.yaml").write_text(yaml.safe_dump(whole))
        return topology_files.load(folder / "two.yaml")

    def test_a_hub_listens_at_the_ports_of_both(self, tmp_path: Path) -> None:
        """What the second file says of a hub's submission does not undo the first's of relaying."""
        first = _PLAIN.text.replace(":25 check", ":2525 check")
        second = _PLAIN.text.replace(":25", ":587").replace("10.1.0.10", "10.1.0.20")
        topology = self.two(tmp_path, first, second)
        engines = seats(topology, lambda number: f"172.30.0.{number + 10}")
        ports = seated(topology, engines).seats["ht1"].ports
        assert (ports[25], ports[587]) == (2525, 587)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            (":25 check", ":2525 check", "second.cfg:25: port 25 of ht1 is 2525 here, and 25 in"),
            ("10.1.0.12", "10.1.0.22", "second.cfg:26: ht2 is at 10.1.0.22 here, and at 10.1.0.12"),
            ("10.1.0.20", "10.1.0.10", "other is at 10.1.0.10 here, as smtp is in haproxy.cfg"),
        ],
    )
    def test_what_they_say_otherwise_is_a_mistake(
        self, old: str, new: str, said: str, tmp_path: Path
    ) -> None:
        """One of the two would find nobody where it looks; the line is told."""
        second = _PLAIN.text.replace("10.1.0.10", "10.1.0.20").replace(old, new)
        with pytest.raises(TopologyError) as error:
            fitted(self.two(tmp_path, _PLAIN.text, second, 25))
        assert said in str(error.value)
