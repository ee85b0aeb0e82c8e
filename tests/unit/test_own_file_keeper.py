"""A HAProxy that runs the user's own file: what is journalled of what it tells when it is asked."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

import pytest

from relaydrill.journal import Journal, read_events
from relaydrill.kinds.haproxy.own_file import OwnFileKeeper, beside, placed
from relaydrill.kinds.haproxy.servers import counted, in_table
from relaydrill.nodes import config
from relaydrill.nodes.own_network import commands

_STATES: Final = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port
3 smtp 1 ht1 10.1.0.11 {ht1} {admin} 1 25
3 smtp 2 ht2 10.1.0.12 2 0 1 25
4 both 1 ht1 10.1.0.11 2 0 1 0
5 web 1 w 10.1.0.80 0 0 1 443
"""
_COUNTS: Final = """\
# pxname,svname,stot,type,check_status,check_rise,check_fall,check_health
smtp,FRONTEND,9,0,,,,
smtp,ht1,{sessions},2,* L4CON,2,3,{health}
smtp,ht2,0,2,L7OK,2,3,4
smtp,BACKEND,{sessions},1,,,,
both,ht1,1,2,,,,
web,w,4,2,,,,
"""


def told(ht1: int = 2, sessions: int = 0, admin: int = 0, health: int = 4) -> str:
    """What HAProxy prints when it is asked for both tables."""
    states = _STATES.format(ht1=ht1, admin=admin)
    return f"{states}\n{_COUNTS.format(sessions=sessions, health=health)}"


class _Asked:
    """In the place of HAProxy: it prints what a test wants."""

    def __init__(self) -> None:
        self.prints = told()
        self.commands: list[str] = []

    async def ask(self, command: str) -> str:
        """What is printed next."""
        self.commands.append(command)
        if command.startswith("set "):
            return ""
        both = "show stat" in command
        return self.prints if both else self.prints.partition("# pxname")[0]


class _Looked:
    """A keeper, its HAProxy, and its journal."""

    def __init__(self, folder: Path) -> None:
        own = config.OwnHaproxy(
            files=(config.OwnFile(path="haproxy.cfg", text="listen smtp\n"),),
            farms={"smtp": (25,), "both": (465, 587)},
            nodes={"10.1.0.11": "ht1", "10.1.0.12": "ht2"},
        )
        settings = config.Balancer(
            name="lb1",
            fqdn="lb1.contoso.com",
            address="10.1.0.10",
            control=config.Control(address="127.0.0.1", port=1, token="x"),
            journal="-",
            fronts=(),
            backends=tuple(config.Backend(name=name, endpoints={}) for name in ("ht1", "ht2")),
            check={"kind": "none"},  # type: ignore[arg-type]
            workdir=str(folder),
            own=own,
        )
        self._path = folder / "lb1.jsonl"
        self.keeper = OwnFileKeeper(settings, own, Journal.open("lb1", self._path))
        self.asked = _Asked()
        self.keeper._process = self.asked  # type: ignore[assignment]

    def look(self, prints: str) -> list[dict[str, Any]]:
        """States by the keeper, once HAProxy prints something."""
        self.asked.prints = prints
        found: list[dict[str, Any]] = asyncio.run(self.keeper.handle("backends", {}))
        return found

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The details of all events of a kind."""
        return [dict(each.detail) for each in read_events(self._path) if each.kind == kind]


@pytest.fixture
def looked(tmp_path: Path) -> _Looked:
    """A keeper that has not looked yet."""
    return _Looked(tmp_path)


def test_what_is_believed_is_told_for_each_node_and_port(looked: _Looked) -> None:
    """Servers that are no node of the design are left alone."""
    assert looked.look(told()) == [
        {"backend": "ht1", "port": 25, "state": "up"},
        {"backend": "ht2", "port": 25, "state": "up"},
        {"backend": "ht1", "port": 465, "state": "up"},
        {"backend": "ht1", "port": 587, "state": "up"},
    ]
    assert looked.events("backend") == []


def test_one_that_was_not_checked_yet_is_not_up_yet(looked: _Looked) -> None:
    """After its start HAProxy gives up at the first bad check: no drill may begin then."""
    states = {
        (each["backend"], each["port"]): each["state"] for each in looked.look(told(health=2))
    }
    assert states["ht1", 25] == "starting"
    assert states["ht2", 25] == states["ht1", 587] == "up"
    assert looked.look(told())[0]["state"] == "up"
    assert looked.events("backend") == []


def test_one_whose_address_is_not_told_yet_is_not_up_yet(looked: _Looked) -> None:
    """A section with servers that no name server has told of cannot take mail: no drill may begin.

    Those of a template that are left over are nobody's.
    """
    known, unknown = ("10.1.0.11", "10.1.0.12"), ("-", "-")
    for first, second, starting in (
        (unknown, unknown, {("ht1", 25), ("ht2", 25)}),
        (known, unknown, {("ht2", 25)}),
        (known, known, set()),
    ):
        prints = told()
        for was, now in zip(known, (first[0], second[1]), strict=True):
            prints = prints.replace(f" {was} ", f" {now} ")
        prints = prints.replace("4 both", "3 smtp 3 ht3 - 0 32 1 25\n4 both", 1)
        assert {
            (each["backend"], each["port"])
            for each in looked.look(prints)
            if each["state"] == "starting" and each["port"] == 25
        } == starting


def test_a_section_of_no_address_is_not_up_though_another_leads_to_its_nodes(
    looked: _Looked,
) -> None:
    """Port 465 takes no mail while port 25 does."""
    prints = told().replace("4 both 1 ht1 10.1.0.11", "4 both 1 ht1 -")
    states = {(each["backend"], each["port"]): each["state"] for each in looked.look(prints)}
    assert states["ht1", 25] == states["ht2", 25] == "up"
    assert states["ht1", 465] == states["ht2", 465] == "starting"


def test_each_change_of_mind_is_one_event(looked: _Looked) -> None:
    """With what the last check came to; nothing is journalled twice."""
    for ht1 in (2, 0, 0, 2):
        looked.look(told(ht1=ht1))
    assert [(each["state"], each["port"]) for each in looked.events("backend")] == [
        ("down", 25),
        ("up", 25),
    ]
    assert looked.events("backend")[0]["reason"] == "smtp/ht1 L4CON"


def test_what_an_operator_did_is_no_death(looked: _Looked) -> None:
    """Maintenance and drain are told as such."""
    looked.look(told(ht1=0, admin=1))
    looked.look(told(admin=8))
    assert [each["state"] for each in looked.events("backend")] == ["maint", "drain"]


def test_each_client_that_a_server_was_given_is_one_event(looked: _Looked) -> None:
    """By its port where there is but one; else nobody tells by which it came."""
    looked.look(told(sessions=1))
    looked.look(told(sessions=4))
    at_25 = [each for each in looked.events("connected") if "port" in each]
    assert [each["backend"] for each in at_25] == ["ht1"] * 4
    assert {each["port"] for each in at_25} == {25}
    assert len(looked.events("connected")) == 5


def test_an_operators_word_goes_to_every_section(looked: _Looked) -> None:
    """A node is drained wherever it is a server."""
    asyncio.run(looked.keeper.handle("state", {"backend": "ht1", "state": "drain"}))
    assert [each for each in looked.asked.commands if each.startswith("set")] == [
        "set server smtp/ht1 state drain",
        "set server both/ht1 state drain",
    ]
    with pytest.raises(ValueError, match="no backend 'w'"):
        asyncio.run(looked.keeper.handle("state", {"backend": "w", "state": "drain"}))


def test_tables_are_read_by_their_heads() -> None:
    """Whatever columns a version of HAProxy adds."""
    first = next(in_table(_STATES.format(ht1=2, admin=0)))
    assert (first.name, first.address, first.state) == ("smtp/ht1", "10.1.0.11", "up")
    assert counted(_COUNTS.format(sessions=3, health=4))["smtp/ht1"].sessions == 3


def test_files_are_put_where_haproxy_calls_them_as_the_user_does() -> None:
    """Two of one name are told apart, and none leaves the folder."""
    files = [
        config.OwnFile(path=path, text=path)
        for path in ("haproxy.cfg", "/etc/haproxy/haproxy.cfg", "../haproxy.cfg", "conf.d/a.cfg")
    ]
    assert [*placed(tuple(files))] == [
        *("haproxy.cfg", "etc/haproxy/haproxy.cfg", "2/haproxy.cfg", "conf.d/a.cfg")
    ]


def test_what_stands_beside_has_a_socket_and_nothing_else() -> None:
    """Nothing of the user's own file is changed by it."""
    assert [line.split()[0] for line in beside().splitlines()] == ["global", "stats"]


def test_addresses_are_taken_and_others_are_neighbours() -> None:
    """Connections come from the first of its own."""
    network = config.OwnNetwork(lab="172.18.0.11", own=("10.1.0.10",), others=("10.1.0.11",))
    assert [*commands(network, "eth0")] == [
        "address replace 10.1.0.10/32 dev eth0",
        "route replace 10.1.0.11/32 dev eth0 src 10.1.0.10",
    ]
