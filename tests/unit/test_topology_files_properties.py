"""Topology files that nobody would write: whatever they hold, they load or are refused in words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck as Health
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from relaydrill import topology_files
from relaydrill.errors import TopologyError
from relaydrill.topology import Topology
from relaydrill.topology.rules import Draft, mistakes
from relaydrill.topology_files import reading, yaml_text

SHAREPOINT = topology_files.builtin_text("sharepoint")
SHAREPOINT_DATA = topology_files.load("sharepoint").model_dump(mode="json", by_alias=True)
# Without the phase that explains a failure: it takes longer than the time a test may take.
many = settings(
    max_examples=100,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    deadline=None,
    suppress_health_check=list(Health),
)


def assert_sound(error: TopologyError, text: str, file: str = "t.yaml") -> None:
    """Problems are in order, in plain words, and on lines that the text has."""
    last = max(len(text.split("\n")), 1)
    lines = []
    for problem in error.mistakes:
        where = re.fullmatch(re.escape(file) + r"(?::(\d+))?", problem.where)
        assert where, problem.where
        lines.append(int(where[1] or 0))
        assert problem.what
        said = problem.what + problem.allowed
        assert not re.search(r"pydantic|Input should|https?://|Traceback|NoneType", said)
    assert lines
    assert lines == sorted(lines)
    assert lines[-1] <= last


seconds = st.one_of(st.floats(0, 600_000), st.sampled_from(["2s", "500ms", "5min", 0.1, 1e-7]))
names = st.from_regex(r"\A[a-z][a-z0-9-]{0,5}\Z") | st.sampled_from(["no", "on", "true", "null"])
domains = st.from_regex(r"\A[a-zA-Z0-9]{1,9}(\.[a-z0-9]{1,5})?\Z")
printable = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20)


@st.composite
def topologies(draw: st.DrawFn) -> dict[str, Any]:
    """Right topologies with odd names, texts and numbers."""
    hub, box, app, balancer, vip = draw(st.lists(names, min_size=5, max_size=5, unique=True))
    check = {"interval": draw(seconds), "fall": draw(st.integers(1, 100))}
    nodes: dict[str, Any] = {
        hub: {"role": "hub", "ack_lag": draw(seconds)},
        box: {"role": "mailbox", "domains": draw(st.lists(domains, min_size=1, max_size=2))},
        app: {"role": "sender"},
        balancer: {
            "role": "balancer",
            "backends": [hub],
            "vips": {vip: {"ports": draw(st.lists(st.integers(1, 65535), min_size=1))}},
            "check": check,
        },
    }
    rate = draw(st.floats(1e-6, 1e5) | st.sampled_from(["16000000/day", "7/min"]))
    flow = {"from": app, "to": draw(st.sampled_from([hub, box, vip])), "rate": rate}
    expect = {"gap": draw(seconds), "duplicated": draw(st.none() | st.integers(0, 9))}
    reason = draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=10, max_size=30))
    return {
        "name": draw(names),
        "summary": draw(printable),
        "clock": draw(st.floats(0.1, 100)),
        "nodes": nodes,
        "flows": {draw(names): flow},
        "expect": expect,
        "accept": [{"node": hub, "reason": reason}],
    }


@many
@given(topologies())
def test_dump_loads_back_to_an_equal_topology(data: dict[str, Any]) -> None:
    """The topology as run is the topology, to the last digit and the oddest text."""
    topology = Topology.model_validate(data)
    assert topology_files.parse(topology_files.dump(topology)) == topology


def test_dump_keeps_odd_line_breaks() -> None:
    """Breaks that only YAML takes for such survive in a text."""
    data = {**SHAREPOINT_DATA, "summary": "a\x85b\u2028c\u2029d\r\ne\n\n f "}
    topology = Topology.model_validate(data)
    assert topology_files.parse(topology_files.dump(topology)) == topology


@many
@given(st.text())
@example("%YAML " + "9" * 5000 + ".1\n---\n")
@example("\ud800")
@example("a: !!float ._")
@example("? *a : &a b")
def test_any_text_loads_or_is_refused(text: str) -> None:
    """No text makes anything but an `TopologyError`."""
    with pytest.raises(TopologyError) as caught:
        topology_files.parse(text, "t.yaml")
    assert_sound(caught.value, text)


@many
@given(st.binary())
def test_any_bytes_load_or_are_refused(tmp_path: Path, data: bytes) -> None:
    """No file makes anything but an `TopologyError`."""
    file = tmp_path / "t.yaml"
    file.write_bytes(data)
    with pytest.raises(TopologyError) as caught:
        topology_files.load(file)
    assert_sound(caught.value, data.decode("latin-1"), str(file))


scalars = st.none() | st.booleans() | st.integers() | st.floats() | printable
words = st.sampled_from(re.findall(r"[a-z]+\w*", SHAREPOINT + " extends timeout recipient size"))
values = st.recursive(
    scalars | words, lambda v: st.lists(v) | st.dictionaries(words | printable, v), max_leaves=12
)


@many
@given(st.dictionaries(words, values), st.booleans())
def test_any_structure_loads_or_is_refused(data: dict[str, Any], whole: bool) -> None:
    """No shape of values, alone or in the place of right ones, makes a traceback."""
    text = json.dumps({**SHAREPOINT_DATA, **data} if whole else data, indent=1)
    try:
        topology_files.parse(text, "t.yaml")
    except TopologyError as error:
        if "extends" not in data:
            assert_sound(error, text)


def mutated(data: st.DataObject, text: str) -> str:
    """A text with a few lines dropped, doubled or altered."""
    lines = text.splitlines()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        how = data.draw(st.sampled_from(["drop", "double", "scalar"]))
        if how == "drop":
            del lines[at]
        elif how == "double":
            lines.insert(at, lines[at])
        else:
            found = list(re.finditer(r"[\w./-]+", lines[at])) or list(re.finditer("", lines[at]))
            start, end = data.draw(st.sampled_from(found)).span()
            new = data.draw(scalars.map(str) | words | st.sampled_from(["0587", "[", "*a", "~"]))
            lines[at] = lines[at][:start] + new + lines[at][end:]
    return "\n".join(lines)


@many
@given(st.data())
def test_any_mutation_loads_or_is_refused(data: st.DataObject) -> None:
    """A dropped, doubled or altered line of a right file loads, or is told at a line it has."""
    text = mutated(data, SHAREPOINT)
    try:
        topology_files.parse(text, "t.yaml")
    except TopologyError as error:
        assert_sound(error, text)


@many
@given(st.data(), st.sampled_from(["sharepoint", "microsoft", "twosites"]))
def test_read_one_by_one_or_as_a_whole(data: st.DataObject, name: str) -> None:
    """What the reader refuses by its single values is what pydantic refuses, or a rule does."""
    text = mutated(data, topology_files.builtin_text(name))
    try:
        root, told = yaml_text.read(text, "t.yaml")
    except yaml_text.NotYaml:
        return
    if told or root.find(("extends",)):
        return
    _, found = reading.check(root)
    try:
        topology = Topology.model_validate_json(
            json.dumps(root.plain()), strict=True, by_alias=True, by_name=False
        )
    except ValidationError:
        assert found
        return
    broken = [each.what for each in mistakes(Draft(topology))]
    assert sorted(each.what for each in found if "the same host" not in each.what) == sorted(broken)


_INVENTORY = """
name: theirs
attach:
  nodes: {ht1: {address: 10.1.0.1}, mbx: {address: 10.1.0.2, arrivals: {postfix_log: /x}}}
  allow: {hosts: [10.1.0.0/24], ports: [25], domains: [contoso.com]}
  recipients:
    one@contoso.com: anna@contoso.com
    all@contoso.com: [anna@contoso.com, ben@contoso.com]
    any@contoso.com: {any: [anna@contoso.com, ben@contoso.com]}
nodes: {ht1: {role: hub}, mbx: {role: mailbox, domains: [contoso.com]}, app: {role: sender}}
flows: {relay: {from: app, to: ht1, port: 25}}
"""


def test_dump_writes_mailboxes_as_they_are_declared() -> None:
    """One, all of several, any of several: no warning, and the same when it is read again."""
    topology = topology_files.parse(_INVENTORY)
    assert topology_files.parse(topology_files.dump(topology)) == topology
