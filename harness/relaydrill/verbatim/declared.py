"""Whether a topology says of a balancer what its own file says: what is judged rests on that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from relaydrill.farms.haproxy import farms
from relaydrill.farms.parts import CHECKS, Balancing, Checking, Farm, Remarks
from relaydrill.marks import Mistake
from relaydrill.node_settings import HealthCheck
from relaydrill.own_configuration.haproxy import Haproxy, Proxy
from relaydrill.scalars import show_duration
from relaydrill.topology import Balancer

_TURNS: Final = ("roundrobin", "static-rr")
SETTINGS: Final = ("source", "method", "redispatch", "on_marked_down")
"""What both say of a balancer, besides its check."""


def said_in(haproxy: Haproxy, sections: frozenset[str]) -> Balancing | None:
    """What a file says of some of its sections together; None where it has none of them.

    Args:
        haproxy: The file.
        sections: Their names.
    """
    found = _farms_of(haproxy, sections)
    return _together(haproxy, sections, found) if found else None


def _together(haproxy: Haproxy, sections: frozenset[str], found: Sequence[Farm]) -> Balancing:
    """What they say, with a method that promises no more than the file does.

    Only turns give every server an equal share. Where servers differ in weight, stand by, or are
    picked by the client's address, no share is to be expected: as with the fewest connections.
    """
    said = _of_all(found)
    even = all(_is_even(each) for each in haproxy.proxies if each.servers and each.name in sections)
    return said if even else replace(said, method="leastconn")


def _is_even(proxy: Proxy) -> bool:
    by_turns = proxy.balance is None or proxy.balance.word(1) in _TURNS
    sticks = any(each.keyword == "stick" for each in proxy.in_force())
    weights = {each.value("weight") for each in proxy.active}
    spares = any("backup" in each.options for each in proxy.active)
    return by_turns and not sticks and len(weights) < 2 and not spares


def _farms_of(haproxy: Haproxy, sections: frozenset[str]) -> list[Farm]:
    return [each for each in farms(haproxy, Remarks()) if each.title.partition(" ")[2] in sections]


def as_declared(
    haproxy: Haproxy, balancer: Balancer, name: str, sections: frozenset[str]
) -> Iterator[Mistake]:
    """Where the two say different things.

    Args:
        haproxy: The file.
        balancer: The design of the balancer.
        name: What that is called.
        sections: The sections whose servers get the design's mail.
    """
    found = _farms_of(haproxy, sections)
    if not found:
        return
    file = _together(haproxy, sections, found)
    for setting in SETTINGS:
        said, wanted = getattr(balancer, setting), getattr(file, setting)
        if said != wanted:
            yield _mistake(found, name, setting, _yaml(said), _yaml(wanted))
    if balancer.check.kind != file.check.kind or (
        file.check.kind != "none" and _timing(balancer.check) != _timing(file.check)
    ):
        yield _mistake(found, name, "check", _shown(balancer.check), _shown(file.check))


def _of_all(found: Sequence[Farm]) -> Balancing:
    """What a topology says of several sections: the weakest of each."""
    each = [farm.balancing for farm in found]
    checks = [balancing.check for balancing in each]
    return Balancing(
        check=Checking(
            kind=CHECKS[min(CHECKS.index(check.kind) for check in checks)],
            interval=max(check.interval for check in checks),
            timeout=max((check.timeout for check in checks if check.timeout), default=None),
            fall=max(check.fall for check in checks),
            rise=max(check.rise for check in checks),
        ),
        source="snat" if any(one.source == "snat" for one in each) else "proxy",
        method="leastconn" if any(one.method == "leastconn" for one in each) else "roundrobin",
        redispatch=all(one.redispatch for one in each),
        on_marked_down="keep" if any(one.on_marked_down == "keep" for one in each) else "shutdown",
    )


def _mistake(found: Sequence[Farm], name: str, setting: str, said: str, file: str) -> Mistake:
    lines = [line for farm in found for line in farm.said.get(setting, ())]
    at = lines[0] if lines else found[0].at
    what = f"{name} has {setting}: {said} in the topology, and {file} here"
    return Mistake(at, what, f"{setting}: {file} at {name}")


def _timing(check: Checking | HealthCheck) -> tuple[float, float, int, int]:
    patience = check.interval if check.timeout is None else check.timeout
    return check.interval, patience, check.fall, check.rise


def _shown(check: Checking | HealthCheck) -> str:
    """A check as a topology writes it."""
    if check.kind == "none":
        return "{kind: none}"
    interval, patience, fall, rise = _timing(check)
    times = f"interval: {show_duration(interval)}, timeout: {show_duration(patience)}"
    return f"{{kind: {check.kind}, {times}, fall: {fall}, rise: {rise}}}"


def _yaml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
