"""Putting right what a record of the undo log says is broken: during a drill, and long after it."""

from __future__ import annotations

from relaydrill.drivers.attach.actions import Actions, Ask, describe
from relaydrill.drivers.attach.condition import Condition, Way, condition_of, when_healed
from relaydrill.drivers.attach.reaching import Bounds
from relaydrill.drivers.docker.installed import docker_installed
from relaydrill.drivers.undo import Repair, Undo
from relaydrill.errors import LabError, RelaydrillError
from relaydrill.topology.attach import Action


def mend(undo: Undo, ask: Ask, *, also_broken_by: Action | None = None) -> str:
    """Do a heal, and see that the node is whole, as far as anybody can tell.

    Args:
        undo: What is to be done.
        ask: How a person is asked.
        also_broken_by: What else may tell whether the node is whole, where the record cannot.

    Returns:
        What was done, or by whom it is known that nothing is to be.

    Raises:
        LabError: It did not work, and nobody says that the node is whole all the same.
    """
    if isinstance(undo.heal, Repair):
        return _repair(undo.heal)
    try:
        Actions(ask, bounds_of(undo)).do(
            undo.heal, node=undo.node, address=undo.address, fault=undo.fault
        )
    except RelaydrillError as error:
        found = found_to_be(undo, also_broken_by)
        if found.is_whole:
            return f"works, although its heal failed: {found.text}"
        known = f"\n{found.text}" if found.is_whole is False else ""
        raise LabError(f"{error}{known}") from None
    found = when_healed(_way(undo, undo.heal), undo.words, bounds_of(undo))
    if found.is_whole is False:
        raise LabError(f"its heal was done, but {found.text}")
    return f"healed ({describe(undo.heal, **undo.words)})"


def found_to_be(undo: Undo, also_broken_by: Action | None = None) -> Condition:
    """Whether the node of a record is whole."""
    if isinstance(undo.heal, Repair):
        return _condition_of_container(undo.heal)
    found = condition_of(_way(undo, undo.heal), undo.words, bounds_of(undo))
    if found.is_whole is None and also_broken_by:
        way = Way(also_broken_by, undo.heal, undo.check)
        return condition_of(way, undo.words, bounds_of(undo))
    return found


def bounds_of(undo: Undo) -> Bounds:
    """Where the lab of a record may be connected to."""
    return Bounds(undo.hosts, undo.ports)


def describe_heal(undo: Undo) -> str:
    """What would be done to put the node of a record right, for a person."""
    if isinstance(undo.heal, Repair):
        return str(undo.heal)
    return describe(undo.heal, **undo.words)


def _way(undo: Undo, heal: Action) -> Way:
    return Way(undo.inject, heal, undo.check)


def _repair(wanted: Repair) -> str:
    with docker_installed():
        from relaydrill.drivers.docker.repair import repair

    return f"healed ({repair(wanted)})"


def _condition_of_container(wanted: Repair) -> Condition:
    with docker_installed():
        from relaydrill.drivers.docker.repair import what_is_wrong

    try:
        wrong = what_is_wrong(wanted)
    except LabError as error:
        return Condition(None, str(error))
    if wrong:
        return Condition(False, f"the Docker engine says of {wanted.name}: {wrong}")
    if wanted.anew:
        return Condition(None, f"{wanted.name} runs; whether it does as it should, nothing tells")
    return Condition(True, f"the Docker engine says that {wanted.name} runs, on its network")
