"""Hooks tried as far as that does no harm, before any mail: asked, and never told.

Whether a runtime API answers, may change anything, and knows the servers; whether a container is
there; whether a name leads to an address within the fence.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator
from typing import Final

from relaydrill.drivers.attach import runtime_api
from relaydrill.drivers.attach.actions import fill, fill_api
from relaydrill.drivers.attach.needs import Lack, wanted_actions
from relaydrill.drivers.attach.reaching import Bounds
from relaydrill.errors import LabError, RelaydrillError
from relaydrill.kinds.haproxy.servers import Server
from relaydrill.sentences import listed
from relaydrill.topology.attach import Attach, ContainerAction, RuntimeApi
from relaydrill.topology.contacts import Keys, contacts

_ADMIN: Final = "admin"


def unreachable(attach: Attach) -> Iterator[Lack]:
    """Names that lead nowhere, or out of the fence."""
    bounds = Bounds.of(attach.allow)
    for each in contacts(attach):
        if not each.address and each.port is not None:
            try:
                bounds.endpoint(each.host, each.port)
            except LabError as error:
                remedy = "name a server that lies inside, or widen attach.allow"
                yield Lack(each.keys, str(error), remedy)


def would_be_refused(attach: Attach, faults: Iterable[tuple[str, str]]) -> Iterator[Lack]:
    """What would refuse to break a node, or to heal it.

    Args:
        attach: The inventory.
        faults: Those that are wanted: node and kind.
    """
    asking = _Asking(Bounds.of(attach.allow))
    for keys, action, words in wanted_actions(attach, faults):
        if action.haproxy:
            api = fill_api(action.haproxy, words)
            yield from _refused_by_haproxy((*keys, "haproxy"), api, asking)
        if action.docker:
            yield from _refused_by_docker((*keys, "docker"), action.docker, words)


class _Asking:
    """Asks each runtime API once, however many hooks name it."""

    def __init__(self, bounds: Bounds) -> None:
        self.level: Callable[[str], str] = functools.cache(
            lambda where: runtime_api.level_of(where, bounds)
        )
        self.servers: Callable[[str], dict[str, Server]] = functools.cache(
            lambda where: runtime_api.servers_of(where, runtime_api.ASKED_FOR_S, bounds)
        )


def _refused_by_haproxy(keys: Keys, api: RuntimeApi, asking: _Asking) -> Iterator[Lack]:
    try:
        level, servers = asking.level(api.socket), asking.servers(api.socket)
    except LabError as error:
        remedy = "start HAProxy with this stats socket, or name the one that it has"
        yield Lack((*keys, "socket"), str(error), remedy)
        return
    if level not in ("", _ADMIN):
        what = f"HAProxy's socket {api.socket} has the level {level}, and may change no server"
        yield Lack((*keys, "socket"), what, "name a stats socket of level admin")
    if unknown := [each for each in api.server if each not in servers]:
        what = f"HAProxy at {api.socket} knows no server {listed(unknown)}"
        yield Lack((*keys, "server"), what, f"it knows {listed(servers)}")


def _refused_by_docker(keys: Keys, deed: ContainerAction, words: dict[str, str]) -> Iterator[Lack]:
    name = fill(deed.container, words)
    try:
        from relaydrill.drivers.docker.installed import docker_installed

        with docker_installed():
            from relaydrill.drivers.docker.engine import connect, engine_errors

        engine = connect()
        try:
            with engine_errors(f"look at the container {name}"):
                engine.containers.get(name)
        finally:
            engine.close()
    except RelaydrillError as error:
        remedy = "start it, or name one that this machine's Docker engine has"
        yield Lack((*keys, "container"), str(error), remedy)
