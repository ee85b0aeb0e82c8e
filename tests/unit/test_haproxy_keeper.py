"""A HAProxy of a generated file: when it is told to believe in its servers."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, Final

from relaydrill.journal import Journal, read_events
from relaydrill.kinds.haproxy.service import HaproxyKeeper
from relaydrill.nodes import config

_STATES: Final = """\
1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port
3 farm-25 1 ht1 10.1.0.11 {ht1} 0 1 25
3 farm-25 2 ht2 10.1.0.12 2 0 1 25
"""
_COUNTS: Final = """\
# pxname,svname,stot,type,check_status,check_rise,check_fall,check_health
mail-25,FRONTEND,9,0,,,,
farm-25,ht1,0,2,* L4CON,{rise},3,{health}
farm-25,ht2,0,2,L7OK,2,3,4
farm-25,BACKEND,0,1,,,,
"""


class _Asked:
    """In the place of HAProxy: it prints what a test wants."""

    def __init__(self, prints: str) -> None:
        self._prints = prints

    async def ask(self, command: str) -> str:
        """What is printed."""
        if command.startswith("set "):
            return ""
        both = "show stat" in command
        return self._prints if both else self._prints.partition("# pxname")[0]


def told(folder: Path, *, ht1: int = 2, health: str = "4", rise: str = "2") -> dict[str, str]:
    """The state of each server, where HAProxy prints this of ht1."""
    path = folder / f"lb1-{ht1}-{health}.jsonl"
    endpoint = {25: {"address": "127.0.0.1", "port": 25}}
    settings = config.Balancer(
        name="lb1",
        fqdn="lb1.contoso.com",
        address="10.1.0.10",
        control=config.Control(address="127.0.0.1", port=1, token="x"),
        journal="-",
        fronts=(config.Front(vip="mail", port=25, bind=endpoint[25]),),  # type: ignore[arg-type]
        backends=tuple(
            config.Backend(name=name, endpoints=endpoint)  # type: ignore[arg-type]
            for name in ("ht1", "ht2")
        ),
        check={"kind": "smtp"},  # type: ignore[arg-type]
        workdir=str(folder),
    )
    keeper = HaproxyKeeper(settings, Journal.open("lb1", path))
    prints = f"{_STATES.format(ht1=ht1)}\n{_COUNTS.format(rise=rise, health=health)}"
    keeper._process = _Asked(prints)  # type: ignore[assignment]
    found: list[dict[str, Any]] = asyncio.run(keeper.handle("backends", {}))
    assert [each for each in read_events(path) if each.kind == "backend"] == []
    if ht1 == 2:  # an operator's word is journalled as what it brought about
        asyncio.run(keeper.handle("state", {"backend": "ht1", "state": "ready"}))
        events = [each for each in read_events(path) if each.kind == "backend"]
        assert [each.detail["state"] for each in events] == ["up"]
    return {each["backend"]: each["state"] for each in found}


def test_one_that_was_not_checked_yet_is_not_up_yet(tmp_path: Path) -> None:
    """After its start HAProxy gives up at the first bad check: no drill may begin then."""
    assert told(tmp_path, health="2") == {"ht1": "starting", "ht2": "up"}


def test_one_that_was_found_well_is_up_and_one_that_was_not_is_down(tmp_path: Path) -> None:
    """As the fake tells it."""
    assert told(tmp_path) == {"ht1": "up", "ht2": "up"}
    assert told(tmp_path, ht1=0, health="0")["ht1"] == "down"


def test_one_that_nobody_checks_is_up_from_the_start(tmp_path: Path) -> None:
    """There is no check to wait for."""
    assert told(tmp_path, health="", rise="")["ht1"] == "up"
