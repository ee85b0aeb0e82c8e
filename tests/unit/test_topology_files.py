"""Topology files: what loads, what is refused, and how it is said."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path

import pytest

from relaydrill import topology_files
from relaydrill.errors import TopologyError, UsageError
from relaydrill.marks import Mark, Mistake

SHAREPOINT = topology_files.builtin_text("sharepoint")
SMALL = """\
name: small
nodes:
  ht1: {role: hub}
  mbx: {role: mailbox, domains: [example.com]}
  app: {role: sender}
flows:
  relay: {from: app, to: ht1}
"""


def problems(source: str | Path) -> tuple[Mistake, ...]:
    """Loads a path, or parses a text, that must be refused."""
    with pytest.raises(TopologyError) as caught:
        _ = (
            topology_files.load(source)
            if isinstance(source, Path)
            else topology_files.parse(source, "t.yaml")
        )
    return caught.value.mistakes


def refused(text: str) -> list[str]:
    """Every problem of a text as ``line what (allowed)``."""
    return [
        f"{p.where.removeprefix('t.yaml:')} {p.what}" + (f" ({p.allowed})" if p.allowed else "")
        for p in problems(text)
    ]


MANY = """\
name: Big
clok: 10
nodes:
  ht1: {role: hub, ack: storde}
  ht2: {role: hbu}
  HT3: {role: hub}
  lb1:
    role: balancer
    backends: [ht1, ht2, ht9, ht1, 5]
    vip:
      mail: {ports: [25, 70000]}
    check:
      fall: 0
      interval: 1:30
    redispatch: yes
  mbx: {role: mailbox, domains: []}
  app: {role: sender}
  app: {role: sender}
names:
  mail.contoso.com: mail
connectors:
  client: {port: 0587, auth: required}
  other: {port: 25, remote: [nowhere]}
flows:
  relay: {from: ap, to: mail.contoso.com, rate: fast}
  empty:
"""
MANY_SAID = """\
1 name: 'Big' is not a name (a lower-case letter, then up to 30 of a-z, 0-9 and '-')
2 clok: unknown key; did you mean 'clock'? (extends, name, summary, clock, nodes, names, \
aliases, zones, ttls, connectors, flows, expect, accept, failures, changes, replication, \
directory, lint, attach)
4 nodes.ht1.ack: 'storde' is not one of the choices; did you mean 'stored'? \
(stored, before_store, delayed, shadow)
5 nodes.ht2.role: 'hbu' is not one of the choices; did you mean 'hub'? \
(balancer, dns, edge, hub, mailbox, sender, standby)
6 nodes.HT3: 'HT3' is not a name (a lower-case letter, then up to 30 of a-z, 0-9 and '-')
9 nodes.lb1.backends[2]: no hub is called 'ht9' (one of: ht1)
9 nodes.lb1.backends[3]: 'ht1' is listed twice (once)
9 nodes.lb1.backends[4]: 5 is not text (quotes around it: '5')
10 nodes.lb1.vip: unknown key; did you mean 'vips'? (site, ip, address, failure, role, kind, \
source, method, redispatch, on_marked_down, mode, backends, vips, check, cluster, vrrp, config)
11 nodes.lb1.vip.mail.ports[1]: 70000 is too big (65535 or less)
13 nodes.lb1.check.fall: 0 is too small (1 or more)
14 nodes.lb1.check.interval: '1:30' is not a duration (a number and ms, s, min or h: 2s, 5min)
15 nodes.lb1.redispatch: 'yes' is not true or false
16 nodes.mbx.domains: the list is empty (1 or more entries)
18 nodes.app: written twice, first on line 17 (once)
22 connectors.client.auth: auth without tls would show passwords (tls: required)
22 connectors.client.port: 0587 begins with a zero, which YAML readers take differently (587)
23 connectors.other.remote[0]: no node is called 'nowhere' \
(one of: app, ht1, lb1, mbx, or an address range)
25 flows.relay.from: no sender is called 'ap' (one of: app)
25 flows.relay.rate: 'fast' is not a rate (a number, '/', and s, min, h or day: 50/s)
26 flows.empty: nothing is written here (a mapping)
"""


def test_every_mistake_is_reported_at_once() -> None:
    """One load tells all mistakes of a file, by line, and none that only follows from another."""
    assert refused(MANY) == MANY_SAID.splitlines()


def test_a_promise_of_spread_names_nodes() -> None:
    """Whether it is the topology's or a flow's own: nobody else could get a share."""
    flow = "flows: {relay: {from: app, to: ht1, expect: {spread: [ht1, ht7]}}}"
    nodes = "ht1: {role: hub}, app: {role: sender}, mbx: {role: mailbox, domains: [contoso.com]}"
    assert refused(f"name: x\nnodes: {{{nodes}}}\n{flow}\nexpect: {{spread: [ht9]}}\n") == [
        "3 flows.relay.expect.spread[1]: no node is called 'ht7' (one of: ht1, mbx)",
        "4 expect.spread[0]: no node is called 'ht9' (one of: ht1, mbx)",
    ]


def test_what_a_built_in_s_author_accepts_is_nobody_else_s_excuse() -> None:
    """Who extends a built-in design has its nodes and flows, and none of its acceptances."""
    theirs = topology_files.load("sharepoint")
    mine = topology_files.parse("extends: sharepoint\nname: mine\n", "mine.yaml")
    assert theirs.accept
    assert not mine.accept
    assert mine.flows == theirs.flows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "t.yaml the file is empty (a mapping)"),
        ("# nothing yet\n", "t.yaml the file is empty (a mapping)"),
        ("- a\n", "1 the top level is a list (a mapping)"),
        ("\nhello\n", "2 the top level is 'hello' (a mapping)"),
        ("a:\n\tb: 1\n", "2 not valid YAML: a tab where YAML allows only spaces"),
        ("n:\n  role:hub\n\n  x: 1\n", "2 not valid YAML: a blank is missing after 'role:'"),
        ("n:\n  at: a://b\n   x: 1\n", "3 not valid YAML: a ':' that does not fit here"),
        ("a: [1\n", "1 not valid YAML: a list that is not closed with ']'"),
        ("a: 1\n---\nb: 1\n", "2 not valid YAML: a second document (one document to a file)"),
        ("a: *x\n", "1 not valid YAML: found undefined alias 'x'"),
        ("a: 1\nb: \x07\n", "2 not valid YAML: character U+0007 is not allowed"),
        ('a: "\\U00110000"', "1 not valid YAML: an escape or directive that cannot be read"),
        ("a: &x 1\nb: &x 2\n", "2 not valid YAML: an anchor (&) that is declared already"),
        ("[" * 9000, "1 not valid YAML: nested too deep (up to 32 levels)"),
        ("- " * 9000, "1 not valid YAML: nested too deep (up to 32 levels)"),
        ("a: " + "x" * 300_000, "t.yaml the file is too big (up to 256 KiB)"),
        (
            "a: &a0 [1,1,1,1,1,1,1,1,1]\n"
            + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
            "1 too many values (up to 20000, with each use of an alias counted)",
        ),
    ],
    ids=lambda value: repr(value[:20]),
)
def test_a_text_that_cannot_be_read_is_one_problem(text: str, said: str) -> None:
    """What is no YAML mapping at all gives one problem, at the line where reading ended."""
    got = refused(text)
    assert len(got) == 1
    assert got[0].startswith(said)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("role: hub", "role: on", "3 nodes.ht1.role: 'on' is not one of the choices"),
        ("ht1: {role: hub}", "ht1: {rol: hub}", "3 nodes.ht1.rol: unknown key; did you mean 'rol"),
        (
            "ht1: {role: hub}",
            "ht1: {}",
            "3 nodes.ht1.role: missing (balancer, dns, edge, hub, mailbox, send",
        ),
        ("ht1: {role: hub}", "ht1:", "3 nodes.ht1: nothing is written here (a mapping)"),
        ("ht1: {role: hub}", "ht1: hub", "3 nodes.ht1: 'hub' is not a mapping"),
        ("role: hub", "role: hub, copies: true", "3 nodes.ht1.copies: true is not a whole number"),
        ("role: hub", "role: hub, copies: '1'", "3 nodes.ht1.copies: '1' is not a whole number"),
        ("role: hub", "role: hub, copies: 1:30", "3 nodes.ht1.copies: '1:30' is not a whole"),
        ("role: hub", "role: hub, copies: 010", "3 nodes.ht1.copies: 010 begins with a zero"),
        ("role: hub", "role: hub, copies: 9", "3 nodes.ht1.copies: 9 is too big (3 or less)"),
        (
            "role: hub",
            "role: hub, hub: 1",
            "3 nodes.ht1.hub: unknown key (site, ip, address, failure, role",
        ),
        ("role: hub", "role: hub, ack_lag: 900h", "3 nodes.ht1.ack_lag: duration out of range, fo"),
        ("role: hub", "role: !hub hub", "3 nodes.ht1.role: the tag !hub does not belong here"),
        ("role: hub", "role: !!int hub", "3 nodes.ht1.role: 'hub' does not fit the tag !!int"),
        ("name: small", "name: no\ntrue: 1", "2 true: the key is not text (quotes around it: 'tr"),
        ("name: small", "name: no\n-25: 1", "2 -25: the key is not text (quotes around it: '-25"),
        ("name: small", "? [a]\n: 1\nname: a", "1 a list as key (text)"),
        ("name: small", "name: 25", "1 name: 25 is not text (quotes around it: '25')"),
        ("name: small", "name: a\nflows: &a {a: *a}", "2 flows.a: an alias to what it stands in"),
        ("name: small", 'name: "\\ud800"', "1 name: half of a surrogate pair, which is no char"),
        ("name: small", "name: small\nclock: .nan", "2 clock: .nan is too big (100 or less)"),
        ("name: small", f"name: a\nclock: {'9' * 400}", "2 clock: a number of 400 digits is too"),
        ("name: small", "", "2 name: missing (text)"),
        ("from: app", "sender: app", "7 flows.relay.from: missing (text)"),
        ("to: ht1", "to: ht2", "7 flows.relay.to: nothing is called 'ht2' (one of: app, ht1, mbx)"),
        ("[example.com]", "[a_b]", "4 nodes.mbx.domains[0]: 'a_b' is not a domain name"),
        ("[example.com]", "x.com", "4 nodes.mbx.domains: 'x.com' is not a list"),
        ("flows:", "names: {a.b: ht1, A.b.: mbx}\nflows:", "6 names.A.b.: the same host as a.b at"),
        (
            "flows:",
            "names: {a.b: [ht1, ht9]}\nflows:",
            "6 names.a.b: no node or VIP is called",
        ),
        ("flows:", "names: {a.b: []}\nflows:", "6 names.a.b: the list is empty"),
        ("flows:", "names: {a.b: [ht1, 5]}\nflows:", "6 names.a.b[1]: 5 is not text"),
        ("flows:", "names: {a.b: HT1}\nflows:", "6 names.a.b: 'HT1' is not a name"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_line(old: str, new: str, said: str) -> None:
    """The first problem names the dotted field, shows what was found, and stands on its line."""
    got = refused(SMALL.replace(old, new, 1))
    assert got[0].startswith(said)
    assert not any("too short" in line for line in got)


def test_words_that_old_yaml_takes_for_something_else_are_text() -> None:
    """A node called ``no``, a date or a time in a summary: what is written is what is meant."""
    text = SMALL.replace("ht1", "no").replace("name: small", "name: on\nsummary: 12:30")
    topology = topology_files.parse(text)
    assert (topology.name, topology.summary, "no" in topology.nodes) == ("on", "12:30", True)


def test_anchors_aliases_and_merge_keys_are_understood() -> None:
    """An alias stands for what it names, and what is beside a merge key wins over it."""
    text = SMALL.replace("  ht1: {role: hub}", "  ht1: &h {role: hub, copies: 2}\n  ht2: *h\n"
                         "  ht3: {<<: *h, copies: 3}")  # fmt: skip
    assert [hub.copies for hub in topology_files.parse(text).hubs.values()] == [2, 2, 3]


def test_follow_up_mistakes_are_not_reported() -> None:
    """What refers to a part that is itself wrong is left in peace."""
    text = SHAREPOINT.replace("ht1: {role: hub}", "ht1: {role: hbu}")
    text = text.replace("mbx: {role: mailbox, domains", "mbx: {role: mailbx, domains")
    text = text.replace("mail: {ports: [25, 587]}", "mail: {ports: x}")
    assert [p.what.split(":")[0] for p in problems(text)] == [
        "nodes.ht1.role",
        "nodes.lb1.vips.mail.ports",
        "nodes.mbx.role",
    ]


def test_a_misspelt_section_hides_nothing_and_invents_nothing() -> None:
    """``node`` for ``nodes`` is one mistake, and what stands in it is looked at all the same."""
    text = SMALL.replace("nodes:", "node:").replace("to: ht1", "to: ht7")
    assert [said.split(";")[0].split("(")[0].strip() for said in refused(text)] == [
        "2 node: unknown key",
        "7 flows.relay.to: nothing is called 'ht7'",
    ]


def test_the_built_ins_load_and_have_summaries() -> None:
    """Every built-in loads by its name, and says in a line what it is."""
    found = topology_files.builtins()
    assert "sharepoint" in found
    for name, summary in found.items():
        assert topology_files.load(name).summary == summary != ""


def test_an_unknown_name_lists_the_built_ins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong name or path is the user's slip: the nearest name and all of them are told."""
    monkeypatch.chdir(tmp_path)
    for wrong in ("sharepiont", "sharepoint.yaml", "./sharepoint", "\0", "", "a/\0"):
        with pytest.raises(UsageError, match=r"one of: .*sharepoint"):
            topology_files.load(wrong)
    with pytest.raises(UsageError, match="did you mean 'sharepoint'"):
        topology_files.load("sharepiont")
    with pytest.raises(UsageError, match="sharepoint"):
        topology_files.builtin_text("../errors")
    (tmp_path / "mine").write_text(SMALL)
    with pytest.raises(UsageError, match=r"\./mine"):
        topology_files.load("mine")
    assert topology_files.load("./mine").name == "small"


def test_an_existing_path_wins_over_a_built_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Text with a slash or a suffix is the file, if there is one; a bare name never is."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sharepoint").write_text(SMALL)
    (tmp_path / "own.yaml").write_text(SMALL)
    assert topology_files.load("sharepoint").name == "sharepoint"
    assert topology_files.load("./sharepoint").name == "small"
    assert topology_files.load("own.yaml") == topology_files.load(tmp_path / "own.yaml")


def test_files_that_cannot_be_read_are_explained(tmp_path: Path) -> None:
    """A directory, another encoding, a locked or endless file: one problem each."""
    assert problems(tmp_path)[0] == Mistake(Mark(str(tmp_path), 0), "a directory", "a file")
    file = tmp_path / "t.yaml"
    file.write_bytes(b"name: x\nsummary: caf\xe9\n")
    said = Mistake(Mark(str(file), 2), "byte 0xe9 is not UTF-8", "a file saved as UTF-8")
    assert problems(file) == (said,)
    assert problems(Path("/dev/zero"))[0].what == "the file is too big"
    assert "File name too long" in problems(tmp_path / ("x" * 300))[0].what
    file.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert topology_files.load(file).name == "small"


def test_a_locked_file_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's own reason is passed on (imitated, for the superuser may read everything)."""

    def locked(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    file = tmp_path / "t.yaml"
    file.write_text(SMALL)
    monkeypatch.setattr(Path, "open", locked)
    assert problems(file) == (Mistake(Mark(str(file), 0), "cannot be read: Permission denied"),)


def test_extends_merges_mappings_and_replaces_the_rest(tmp_path: Path) -> None:
    """What a file states wins, its mappings merge, its lists replace, and null takes away."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "mid.yaml").write_text("extends: sharepoint\nexpect: {gap: 20s}\n")
    top = tmp_path / "sub" / "top.yaml"
    top.write_text(
        "extends: ../mid.yaml\nname: top\naccept: []\nflows: {submission: null}\n"
        "nodes:\n  ht3: null\n  lb1: {backends: [ht1, ht2], check: {fall: 5}}\n"
    )
    base, got = topology_files.load("sharepoint"), topology_files.load(top)
    check = got.balancers["lb1"].check
    assert (got.name, set(got.hubs), set(got.flows)) == ("top", {"ht1", "ht2"}, {"relay"})
    assert (check.fall, check.rise, got.expect.gap, got.accept) == (5, 2, 20.0, ())
    assert (got.names, got.connectors) == (base.names, base.connectors)


def test_a_mistake_is_at_the_line_of_the_file_that_made_it(tmp_path: Path) -> None:
    """With ``extends``, each problem names the file it came from, files in order."""
    (tmp_path / "base.yaml").write_text(SMALL.replace("to: ht1", "to: ht1, size: 1"))
    top = tmp_path / "top.yaml"
    top.write_text("extends: base.yaml\nnodes:\n  ht1: {copies: 0}\n  ht2: {copies: 1}\n")
    assert [(Path(p.where).name, p.what) for p in problems(top)] == [
        ("base.yaml:7", "flows.relay.size: 1 is too small"),
        ("top.yaml:3", "nodes.ht1.copies: 0 is too small"),
        ("top.yaml:4", "nodes.ht2.role: missing"),
    ]


def test_extends_that_leads_nowhere_is_explained(tmp_path: Path) -> None:
    """A circle, a missing base or a broken one is told beside the file's own mistakes only."""
    a, b = tmp_path / "a.yaml", tmp_path / "b.yaml"
    a.write_text("name: A\nextends: b.yaml\n")
    b.write_text("extends: ./a.yaml\n")
    assert [p.what.partition(": ")[2][:8] for p in problems(a)] == ["'A' is n", "a circle"]
    b.write_text("a: [")
    assert [Path(p.where).name for p in problems(a)] == ["a.yaml:1", "b.yaml:1"]
    b.unlink()
    assert [p.where for p in problems(a)] == [f"{a}:1", f"{a}:2"]
    a.write_text("extends: .\nextend: 1")
    assert "no topology" in problems(a)[0].what
    a.write_text("extends: ./\n")
    assert "a directory" in problems(a)[0].what
    a.write_text("extends: [sharepoint]\n")
    assert problems(a)[0].what == "extends: a list is not text"
    for n in range(20):
        (tmp_path / f"{n}.yaml").write_text(f"extends: {n + 1}.yaml\n")
    assert "too many files" in problems(tmp_path / "0.yaml")[0].what


def test_the_schema_is_whole() -> None:
    """Every reference in the schema resolves, and a flow's sender is called ``from`` in it."""
    schema = topology_files.schema()
    text = json.dumps(schema)
    for name in set(re.findall(r'"#/\$defs/(\w+)"', text)):
        assert name in schema["$defs"]
    assert {"extends", "nodes"} <= set(schema["else"]["properties"])
    assert "from" in schema["$defs"]["Flow"]["required"]
    assert '"required"' not in json.dumps(schema["$defs"]["PartialFlow"])


def test_the_schema_says_what_keys_mean() -> None:
    """By the name that a file has for them, and of what a part has from the one it is made of."""
    parts = topology_files.schema()["$defs"]
    assert parts["Flow"]["properties"]["from"]["description"].startswith("The node that sends")
    assert (
        parts["Hub"]["properties"]["site"]["description"]
        == (parts["Edge"]["properties"]["site"]["description"])
    )
    assert "Attributes:" not in json.dumps(parts)


def test_the_schema_explains_every_key() -> None:
    """None is without a description: an editor shows it, and so does the reference."""
    schema = topology_files.schema()
    whole = {name: part for name, part in schema["$defs"].items() if "Partial" not in name}
    unexplained = {
        f"{name}.{key}"
        for name, part in {**whole, "Topology": schema["else"]}.items()
        for key, value in part.get("properties", {}).items()
        if not value.get("description")
    }
    assert unexplained == set()


def test_a_wrong_address_of_an_mx_hides_no_host(tmp_path: Path) -> None:
    """A zone that is wrong in one place is told of there, and not wherever a flow speaks of it."""
    path = tmp_path / "zone.yaml"
    path.write_text(
        "extends: microsoft\nname: zone\nzones:\n  contoso.com:\n    mx:\n"
        "      - {host: maila.contoso.com, addresses: [edgeX]}\n"
    )
    with pytest.raises(TopologyError) as error:
        topology_files.load(path)
    assert [str(mistake) for mistake in error.value.mistakes] == [
        f"{path}:6: zones.contoso.com.mx[0].addresses[0]: 'edgeX' is not a name (a lower-case"
        " letter, then up to 30 of a-z, 0-9 and '-')"
    ]


def test_what_a_zone_needs_is_said(tmp_path: Path) -> None:
    """Personas, pins, mixes and name servers that do not go together are told at once, by line."""
    path = tmp_path / "zone.yaml"
    path.write_text(
        "extends: microsoft\nname: zone\nnodes:\n  cache: {role: dns, upstream: [ns9]}\n"
        "flows:\n"
        "  a: {from: world, to: contoso.com}\n"
        "  b: {from: world, persona: rfc5321, to: edge1}\n"
        "  c: {from: world, persona: pinned_mx, pin: mailz.contoso.com, to: contoso.com}\n"
        "  d: {from: world, persona: rfc5321, to: contoso.com, mix: {blocked: 0.5}}\n"
        "  e: {from: world, persona: rfc5321, to: contoso.com, mix: {spam: 0.5, unknown: 0.5}}\n"
    )
    with pytest.raises(TopologyError) as error:
        topology_files.load(path)
    problems = [str(problem).removeprefix(f"{path}:") for problem in error.value.mistakes]
    told = [problem.split(" (")[0] for problem in problems]
    assert told == [
        "4: nodes.cache.upstream[0]: no authoritative name server is called 'ns9'",
        "6: flows.a.to: 'contoso.com' is a domain with MX records, and 'single_host' connects to a"
        " name",
        "7: flows.b.to: 'rfc5321' looks up a domain or a name, and 'edge1' is neither",
        "8: flows.c.pin: no MX host is called 'mailz.contoso.com'",
        "9: flows.d.mix: nobody sends the blocked part",
        "10: flows.e.mix: nothing wanted is left",
    ]
