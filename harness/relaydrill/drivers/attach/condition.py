"""Whether a node is whole, asked of whoever can tell: HAProxy, Docker, or a hook's ``check``.

A fault whose injection failed may be in force, half of it, or not at all; and a heal that failed
may have been needed no more. Neither is guessed here.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Final

from relaydrill.drivers.attach import runtime_api
from relaydrill.drivers.attach.actions import Actions, CommandFailed, describe, fill, fill_api
from relaydrill.drivers.attach.reaching import Bounds
from relaydrill.errors import LabError, RelaydrillError, WaitTimeout
from relaydrill.sentences import listed
from relaydrill.topology.attach import Action, Check, ContainerAction, RuntimeApi
from relaydrill.wait import wait_for

_RUNNING: Final = "running"
_CHECKED_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Condition:
    """What a node is found to be.

    Attributes:
        is_whole: None where nobody can tell.
        text: By whom it is known, or why it is not.
    """

    is_whole: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Way:
    """How a node is broken and healed, and who can tell.

    Attributes:
        inject: What breaks it; None where only the heal is known.
        heal: What puts it right.
        check: A command that tells.
    """

    inject: Action | None
    heal: Action
    check: Check | None = None


def condition_of(way: Way, words: dict[str, str], bounds: Bounds) -> Condition:
    """What a node is, by the hook's check, or else by whoever the hook tells to break it.

    Args:
        way: The node's hook for one fault.
        words: What stands for ``{node}``, ``{address}`` and ``{fault}``.
        bounds: Where this machine may connect to.
    """
    if way.check:
        return _by_command(way.check, words)
    # The heal may name other servers than the inject does, by mistake: it proves nothing then.
    told_by = way.inject or way.heal
    wanted = way.heal.haproxy.state if way.heal.haproxy else "ready"
    try:
        match told_by:
            case Action(haproxy=RuntimeApi() as api):
                return _by_haproxy(fill_api(api, words), wanted, bounds)
            case Action(docker=ContainerAction() as deed):
                return _by_docker(fill(deed.container, words))
    except RelaydrillError as error:
        return Condition(None, str(error))
    return Condition(None, "nothing tells whether it works: give the hook a check")


def when_healed(way: Way, words: dict[str, str], bounds: Bounds) -> Condition:
    """What a node is after its heal has been done; one that starts has time until it is whole."""
    found = [condition_of(way, words, bounds)]

    def is_over() -> bool:
        found.append(condition_of(way, words, bounds))
        return found[-1].is_whole is not False

    if way.check and found[-1].is_whole is False:
        with contextlib.suppress(WaitTimeout):
            wait_for(is_over, what="the node to work again", deadline_s=way.check.timeout)
    return found[-1]


def _by_command(check: Check, words: dict[str, str]) -> Condition:
    """Whole is what makes the command end with 0; one that cannot be run says nothing."""
    action = Action(run=check.run, timeout=_CHECKED_S)
    try:
        Actions().do(action, node=words["node"], address=words["address"], fault=words["fault"])
    except CommandFailed as error:
        return Condition(False, f"its check says so: {error}")
    except LabError as error:
        return Condition(None, str(error))
    return Condition(True, f"its check says so: {describe(action, **words)}")


def _by_haproxy(api: RuntimeApi, wanted: str, bounds: Bounds) -> Condition:
    """By the servers that HAProxy knows; it has refused to break one that it does not."""
    servers = runtime_api.servers_of(api.socket, runtime_api.ASKED_FOR_S, bounds)
    known = [servers[name] for name in api.server if name in servers]
    if out := [each for each in known if not each.is_set_to(wanted)]:
        states = listed(f"{each.name} is in state {each.state}" for each in out)
        return Condition(False, f"HAProxy at {api.socket} says that {states}")
    if not known:
        told = f"HAProxy at {api.socket} knows no server {listed(api.server)}"
        return Condition(None, told)
    names = listed(each.name for each in known)
    return Condition(True, f"HAProxy at {api.socket} says that {names} is {wanted}")


def _by_docker(name: str) -> Condition:
    from relaydrill.drivers.docker.installed import docker_installed

    with docker_installed():
        from relaydrill.drivers.docker.engine import connect, engine_errors

    with engine_errors(f"look at the container {name}"):
        engine = connect()
        try:
            status = str(engine.containers.get(name).status)
        finally:
            engine.close()
    return Condition(status == _RUNNING, f"Docker says that the container {name} is {status}")
